//! What a build step is called on a terminal: its image, its stage and what it does, as a person knows them.

use super::line::visible;

/// The image whose step it is, and the step's name with it. `image` is built, `known` are all images of the run: what an image is made
/// of may be another image's step.
///
/// `[app install] make` is `app/install  make`, `[2/4] RUN npm ci` is `app  [2/4] RUN npm ci`.
pub fn title<'a>(image: &'a str, known: impl Iterator<Item = &'a str>, name: &str) -> (&'a str, String) {
    let name = visible(name);
    let Some((tag, does)) = name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return (image, format!("{image}  {}", untagged(&name)));
    };
    let (words, last) = tag.rsplit_once(' ').unwrap_or(("", tag));
    if is_count(last) {
        let own = if words == image { last } else { tag };
        return (image, format!("{image}  [{own}] {does}"));
    }
    if is_inner(tag) {
        return (image, format!("{image}  {does}"));
    }
    let of = |owner: &str| tag.strip_prefix(owner).filter(|stage| stage.is_empty() || stage.starts_with(' '));
    match known.chain([image]).filter_map(|owner| Some((owner, of(owner)?))).max_by_key(|(owner, _)| owner.len()) {
        Some((owner, "")) => (owner, format!("{owner}  {does}")),
        Some((owner, stage)) => (owner, format!("{owner}/{}  {does}", stage.trim_start())),
        None => (image, format!("{image}  [{tag}] {does}")),
    }
}

/// Whether a step is part of the machinery, which nobody wants to see once it is done.
pub fn is_machinery(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        // what is put together for an image: its Dockerfile, its context, its files from Git
        Some((tag, does)) => is_inner(tag) || !(tag.contains(' ') || is_count(tag) || does.contains(' ')),
        None => untagged(name) != name || name.starts_with("resolve "),
    }
}

fn is_inner(tag: &str) -> bool {
    tag == "internal" || tag == "auth"
}

/// `2/4`: the place of an instruction in its stage.
fn is_count(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ');
    word.split_once('/').is_some_and(|(at, of)| is_number(at) && is_number(of))
}

/// What BuildKit calls steps that nobody wrote.
fn untagged(name: &str) -> &str {
    match name {
        _ if name.starts_with("exporting") => "publish",
        _ if name.starts_with("merging") => "join layers",
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_called_by_image_stage_and_what_they_do() {
        for (name, owner, expect) in [
            ("[2/4] RUN npm ci", "web", "web  [2/4] RUN npm ci"),
            ("[build 2/4] RUN npm ci", "web", "web  [build 2/4] RUN npm ci"),
            ("[web 2/4] RUN npm ci", "web", "web  [2/4] RUN npm ci"),
            ("[stage-1 10/12] COPY . .", "web", "web  [stage-1 10/12] COPY . ."),
            ("[base 2/4] RUN a", "web", "web  [base 2/4] RUN a"),
            ("[web install] make", "web", "web/install  make"),
            ("[web] from alpine:3", "web", "web  from alpine:3"),
            ("[base install] make", "base", "base/install  make"),
            ("[base/tools] git / → /app", "base/tools", "base/tools  git / → /app"),
            ("[internal] load build definition from Dockerfile", "web", "web  load build definition from Dockerfile"),
            ("exporting to image", "web", "web  publish"),
            ("merging", "web", "web  join layers"),
            ("[other] a\u{1b}[2J", "web", "web  [other] a\\u{1b}[2J"),
        ] {
            assert_eq!(title("web", ["base", "base/tools", "web"].into_iter(), name), (owner, expect.to_owned()), "{name}");
        }
        let machinery = ["[internal] load metadata", "exporting to image", "[auth] library/alpine:pull", "resolve image config for x"];
        let put_together = ["[web] context", "[web] git", "[web/a] web/a/Dockerfile"];
        assert!(machinery.into_iter().chain(put_together).all(is_machinery));
        let written = ["[2/4] RUN x", "[2/4] WORKDIR", "[web install] make", "[web] from alpine", "[web] git / → /app"];
        assert!(!written.into_iter().any(is_machinery));
    }
}
