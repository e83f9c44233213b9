//! `--keep-list`: images that stay whatever the rules say.

use super::Published;

/// The shortest beginning of a content digest that names an image.
const SHORTEST: usize = 8;

/// A file with tags, digests or references to keep, one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepList(Vec<Line>);

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    text: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl KeepList {
    /// Reads lines such as `TAG`, `sha256:…`, `repo:TAG`, `repo@sha256:…` and `repo:TAG@sha256:…`. Lines may end as on Windows; a mark of
    /// byte order, empty lines, quotes around a line and what follows a `#` say nothing. Which repository a line names does not count: what has
    /// the same tag or digest is kept.
    pub fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').split(['\n', '\r']);
        let line = |(at, line): (usize, &str)| {
            let said = line.split('#').next().unwrap_or_default();
            let said = said.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\u{feff}' | ',' | '\0'));
            let said = said.strip_prefix("- ").unwrap_or(said).trim();
            (!said.is_empty()).then(|| Line::new(at + 1, said))
        };
        // `\r\n` ends one line, not two.
        let unified = lines.collect::<Vec<_>>();
        let crlf = text.contains("\r\n");
        let numbered = unified.into_iter().enumerate().map(|(at, line)| (if crlf { at / 2 } else { at }, line));
        KeepList(numbered.filter_map(line).collect())
    }

    /// Whether a line names an image.
    pub fn names(&self, image: &Published) -> bool {
        self.0.iter().any(|line| line.names(image))
    }

    /// The lines that name none of the images: their numbers and texts.
    pub fn idle<'a>(&'a self, images: &'a [Published]) -> impl Iterator<Item = (usize, &'a str)> {
        let is_idle = |line: &&Line| !images.iter().any(|image| line.names(image));
        self.0.iter().filter(is_idle).map(|line| (line.number, line.text.as_str()))
    }
}

impl Line {
    fn new(number: usize, text: &str) -> Self {
        let (name, digest) = match text.rsplit_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None if text.starts_with("sha256:") => ("", Some(text)),
            None => (text, None),
        };
        // A port is followed by a path, a tag is not.
        let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
        let tag = (!tag.is_empty() && !tag.contains('/') && (digest.is_none() || name.contains(':'))).then(|| tag.to_owned());
        Line { number, text: text.to_owned(), tag, digest: digest.map(str::to_ascii_lowercase) }
    }

    fn names(&self, image: &Published) -> bool {
        let tag = image.tag.as_str();
        let begins = |told: &str| told == tag || told.len() >= SHORTEST && image.tag.is_content_digest() && tag.starts_with(told);
        self.tag.as_deref().is_some_and(begins) || self.digest.as_deref() == Some(image.digest.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::registry::reference::{Digest, Tag};

    #[test]
    fn lines_name_images_as_people_and_programs_write_them() {
        let tag = "ab".repeat(32);
        let digest = Digest::of(b"image");
        let image = Published::new("shop", Tag::parse(&tag).unwrap(), digest.clone(), &BTreeMap::new(), None);
        for (text, names) in [
            (tag.clone(), true),
            (format!("{tag}\r\n"), true),
            (format!("\u{feff}{tag}\r\n"), true),
            (format!("  \"r.io/shop:{tag}\"  # the last good one"), true),
            (format!("- r.io:5000/team/shop:{tag}"), true),
            (digest.to_string(), true),
            (digest.to_string().to_uppercase().replace("SHA256", "sha256"), true),
            (format!("r.io/shop@{digest}"), true),
            (format!("r.io/shop:{tag}@{}", Digest::of(b"other")), true),
            (format!("r.io/shop:else@{digest}"), true),
            (tag[..12].to_owned(), true),
            (tag[..7].to_owned(), false),
            (format!("# {tag}"), false),
            ("r.io/shop".to_owned(), false),
            ("r.io:5000/shop".to_owned(), false),
            (format!("r.io/shop@{}", Digest::of(b"other")), false),
        ] {
            assert_eq!(KeepList::parse(&text).names(&image), names, "{text}");
        }
        let list = KeepList::parse(&format!("{tag}\r\n\r\n# why\r\nr.io/shop:gone\r\n"));
        assert_eq!(list.idle(std::slice::from_ref(&image)).collect::<Vec<_>>(), [(4, "r.io/shop:gone")]);
        let list = KeepList::parse("gone\n\nlost");
        assert_eq!(list.idle(&[image]).collect::<Vec<_>>(), [(1, "gone"), (3, "lost")]);
    }
}
