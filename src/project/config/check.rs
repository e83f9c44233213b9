//! From rendered text to a checked [`Config`]: documents by kind, then what holds between them.

use std::collections::HashMap;
use std::sync::Arc;

use super::context::{Allows, Context};
use super::image::{From, Image, Location, NAMELESS, Recipe};
use super::{Config, meta, read_image, read_meta};
use crate::project::document::{Advice, Problem, Sink, read_document};
use crate::words::near::nearest;
use crate::words::quoted::quoted;
use crate::yaml::Node;

/// What the checks need to know beside the text.
pub(super) struct Rules<'a> {
    /// The file's name for people; with ` (rendered)` where the text is not the file's own.
    pub name: &'a str,
    /// Whether a rule of giterminism holds.
    pub allows: &'a Allows<'a>,
    /// The project's name from outside, which overrides `project`.
    pub project_name: Option<&'a str>,
}

/// Checks a rendered werf.yaml; all problems together. What is old in it comes beside.
pub(super) fn check(text: &str, rules: &Rules<'_>) -> Result<(Config, Vec<Advice>), Vec<Problem>> {
    let rendered: Arc<str> = text.into();
    let sink = Sink::new(rules.name, rendered.clone());
    let documents: Vec<Node> = split(text).into_iter().filter_map(|(offset, part)| read_document(&sink, part, offset)).collect();
    let context = Context { sink: &sink, file: rules.name.into(), allows: rules.allows };

    let mut found_meta: Option<(meta::Meta, &Node)> = None;
    let mut saw_meta = false;
    let mut images = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        let has = |key: &str| document.get(key).is_some() || has_null(document, key);
        let is_image = has("image") || has("artifact") || has("dockerfile");
        if has("configVersion") || (has("project") && !is_image) {
            if saw_meta {
                let key = document.as_mapping().and_then(|entries| entries.first()).map_or(document, |(key, _)| key);
                sink.report(&key.span, "a second document has `configVersion`", "only one document describes the project", None);
            }
            saw_meta = true;
            found_meta = read_meta::read(&context, document, rules.project_name).map(|meta| (meta, document)).or(found_meta);
        } else if is_image {
            images.extend(read_image::read(&context, document));
        } else {
            unknown_document(&sink, document);
        }
    }
    if !saw_meta {
        let help = "begin the file with `configVersion: 1` and `project: NAME`, and a line `---` after them";
        sink.report(&(0..0), "no document has `configVersion`", "the project must be described first", Some(help.to_owned()));
    }
    let default = found_meta.as_ref().map(|(meta, _)| meta.build.clone()).unwrap_or_default();
    resolve_bases(&mut images);
    check_names(&sink, &images);
    check_links(&sink, &images);
    check_cycles(&sink, &images);
    check_platforms(&sink, &images, &default.platform);
    for image in &mut images {
        image.cache_version = image.cache_version.take().or_else(|| default.cache_version.clone());
    }
    drop(context);
    let meta = found_meta.map(|(meta, _)| meta);
    match meta {
        Some(meta) if sink.is_empty() => {
            Ok((Config { meta, images, rendered, warnings: Vec::new(), mentions: super::Mentions::default() }, sink.advice()))
        }
        _ => Err(sink.into_problems()),
    }
}

/// The documents of a text with their offsets: `---` alone on a line (blanks and a comment may follow) divides them.
fn split(text: &str) -> Vec<(usize, &str)> {
    let is_divider = |line: &str| {
        let rest = line.strip_prefix("---").map(|rest| (rest, rest.trim_start_matches([' ', '\t', '\r', '\n'])));
        rest.is_some_and(|(rest, trimmed)| trimmed.is_empty() || (trimmed.starts_with('#') && rest.starts_with([' ', '\t'])))
    };
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if is_divider(line) {
            documents.push((start, &text[start..at]));
            start = at + line.len();
        }
        at += line.len();
    }
    documents.push((start, &text[start..]));
    documents
}

fn has_null(document: &Node, key: &str) -> bool {
    document.as_mapping().unwrap_or_default().iter().any(|(name, _)| name.text() == Some(key))
}

fn unknown_document(sink: &Sink, document: &Node) {
    let Some(entries) = document.as_mapping() else {
        let message = format!("a document of werf.yaml must be a mapping, not {}", document.kind());
        sink.report(&document.span, message, "expected `key: value` lines", None);
        return;
    };
    let near = entries.iter().find_map(|(key, _)| {
        let near = nearest(key.text()?, ["configVersion", "image", "dockerfile"])?;
        Some((key, near))
    });
    let message = "a document has none of `configVersion`, `image` and `dockerfile`";
    match near {
        Some((key, near)) => sink.report(&key.span, message, "unknown key", Some(format!("did you mean `{near}`?"))),
        None => {
            let span = entries.first().map_or(&document.span, |(key, _)| &key.span);
            let help = "an image begins with `image: NAME`, the project with `configVersion: 1`";
            sink.report(span, message, "what is this?", Some(help.to_owned()));
        }
    }
}

/// A base that names an image of the file is that image, unless it is the image itself: then it is the public one of that name. What
/// `fromImage` names with a tag or a digest, and what is no image of the file, is one of a registry.
fn resolve_bases(images: &mut [Image]) {
    let names: Vec<String> = images.iter().map(|image| image.name.clone()).collect();
    for image in images {
        let Recipe::Stapel(stapel) = &mut image.recipe else { continue };
        if let From::Image(name) = &stapel.from
            && super::paths::has_tag_or_digest(name)
            && !names.contains(name)
        {
            stapel.from = From::Reference(name.clone());
        } else if let From::Reference(reference) = &stapel.from {
            if *reference == image.name {
                stapel.from = From::Reference(format!("{reference}:latest"));
            } else if names.contains(reference) {
                stapel.from = From::Image(reference.clone());
            }
        }
    }
}

fn check_names(sink: &Sink, images: &[Image]) {
    let mut seen: HashMap<&str, &Location> = HashMap::new();
    let finals = images.iter().filter(|image| image.is_final).count();
    for image in images {
        if image.name == NAMELESS && finals > 1 {
            let message = "an image without a name stands beside others";
            let help = "give it a name, or `final: false` to the others".to_owned();
            sink.report(&image.at.span, message, "which of them is it?", Some(help));
        } else if let Some(first) = seen.insert(&image.name, &image.at) {
            let message = format!("two images are named `{}`", image.name);
            sink.report(
                &image.at.span,
                message,
                format!("the first is in line {}", first.line),
                Some("give each image a name of its own".into()),
            );
        }
    }
}

/// One image's need of another.
struct Link<'i> {
    what: &'static str,
    to: &'i str,
    at: &'i Location,
}

fn links(image: &Image) -> Vec<Link<'_>> {
    let mut links: Vec<Link<'_>> =
        image.dependencies.iter().map(|dependency| Link { what: "depends on", to: &dependency.image, at: &dependency.at }).collect();
    if let Recipe::Stapel(stapel) = &image.recipe {
        if let From::Image(to) = &stapel.from {
            links.push(Link { what: "is based on", to, at: &stapel.from_at });
        }
        links.extend(stapel.imports.iter().filter_map(|import| match &import.from {
            From::Image(to) => Some(Link { what: "imports from", to, at: &import.at }),
            _ => None,
        }));
    }
    links
}

fn check_links(sink: &Sink, images: &[Image]) {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let help = |name: &str, others: &[&str]| match (nearest(name, others.iter().copied()), others.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`? Images here: {}", quoted(others)),
        (None, true) => "there is no other image in this file".to_owned(),
        (None, false) => format!("images here: {}", quoted(others)),
    };
    for image in images {
        let others: Vec<&str> = names.iter().copied().filter(|name| *name != image.name).collect();
        for link in links(image).into_iter().filter(|link| !names.contains(&link.to)) {
            let message = format!("image `{}` {} unknown image `{}`", image.name, link.what, link.to);
            sink.report(&link.at.span, message, "no such image in this file", Some(help(link.to, &others)));
        }
        // A base is a public image too, so only one that looks like a slip of the pen is refused.
        if let Recipe::Stapel(stapel) = &image.recipe
            && let From::Reference(reference) = &stapel.from
            && !reference.contains(['/', ':', '@', '.'])
            && let Some(near) = nearest(reference, others.iter().copied())
        {
            let message = format!("image `{}` is based on unknown image `{reference}`", image.name);
            let help = format!("did you mean `{near}`? If a public image is meant, write its tag: `{reference}:latest`");
            sink.report(&stapel.from_at.span, message, "no such image in this file", Some(help));
        }
    }
}

fn check_cycles(sink: &Sink, images: &[Image]) {
    let by_name: HashMap<&str, &Image> = images.iter().map(|image| (image.name.as_str(), image)).collect();
    let mut done: Vec<&str> = Vec::new();
    for image in images {
        visit(sink, &by_name, image, &mut Vec::new(), &mut done);
    }
}

/// Walks what an image needs; `path` is how we came here.
fn visit<'i>(sink: &Sink, images: &HashMap<&str, &'i Image>, image: &'i Image, path: &mut Vec<&'i str>, done: &mut Vec<&'i str>) {
    if done.contains(&image.name.as_str()) {
        return;
    }
    path.push(&image.name);
    for link in links(image) {
        if let Some(start) = path.iter().position(|name| *name == link.to) {
            let circle: Vec<&str> = path[start..].iter().copied().chain([link.to]).collect();
            let circle = circle.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ");
            let message = if path.len() - start == 1 {
                format!("image `{}` {} itself", image.name, link.what)
            } else {
                format!("images need one another in a circle: {circle}")
            };
            sink.report(&link.at.span, message, "this closes the circle", Some("remove one of these references".to_owned()));
        } else if let Some(next) = images.get(link.to) {
            visit(sink, images, next, path, done);
        }
    }
    path.pop();
    done.push(&image.name);
}

/// An image for a platform needs the others for the same platform.
fn check_platforms(sink: &Sink, images: &[Image], default: &[String]) {
    let platforms = |image: &Image| if image.platform.is_empty() { default.to_vec() } else { image.platform.clone() };
    for image in images {
        for link in links(image) {
            let Some(other) = images.iter().find(|other| other.name == link.to) else { continue };
            let (wanted, given) = (platforms(image), platforms(other));
            let missing: Vec<&String> = wanted.iter().filter(|platform| !given.contains(platform)).collect();
            if !given.is_empty() && !missing.is_empty() {
                let message = format!("image `{}` {} `{}`, which is not built for {}", image.name, link.what, link.to, quoted(&missing));
                let help = format!("`{}` is built for {}", link.to, quoted(&given));
                sink.report(&link.at.span, message, "platforms differ", Some(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_divided_by_lines_of_three_dashes() {
        let text = "a: 1\n---\nb: |\n  ---\n--- # c\nd: ---\n---x\n---";
        let parts: Vec<_> = split(text).into_iter().map(|(offset, part)| (offset, part.to_owned())).collect();
        let expect = [(0, "a: 1\n"), (9, "b: |\n  ---\n"), (28, "d: ---\n---x\n"), (43, "")];
        assert_eq!(parts, expect.map(|(offset, part)| (offset, part.to_owned())));
    }
}
