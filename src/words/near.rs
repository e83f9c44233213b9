//! The name that somebody meant who wrote another one.

/// The name that a mistyped one most likely means, if any is near: one slip of the finger, and one more for each four letters. Of several
/// that are as near the first one that begins alike, else the first; the case of letters counts for nothing.
pub fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lower = wanted.to_lowercase();
    let letters = lower.chars().count();
    let near = names.into_iter().filter_map(|name| {
        let other = name.to_lowercase();
        let distance = strsim::osa_distance(&lower, &other);
        let slips = 1 + letters.max(other.chars().count()) / 4;
        // what has no letter in its place is no slip
        let is_near = distance <= slips && distance < letters;
        is_near.then_some((distance, lower.chars().next() != other.chars().next(), name))
    });
    near.min_by_key(|(distance, begins_otherwise, _)| (*distance, *begins_otherwise)).map(|(.., name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        let names = ["base", "web", "dockerfile", "dependencies", "go"];
        for (wanted, expect) in [
            ("bsae", Some("base")),
            ("Dockerfile", Some("dockerfile")),
            ("dependecies", Some("dependencies")),
            ("gop", Some("go")),
            ("db", None),
            ("weeb", Some("web")),
            ("database", None),
            ("base", Some("base")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, names), expect, "{wanted}");
        }
        assert_eq!(nearest("wbe", []), None);
        assert_eq!(nearest("nident", ["indent", "nindent"]), Some("nindent"));
        assert_eq!(nearest("img", ["debug", "image"]), Some("image"));
    }
}
