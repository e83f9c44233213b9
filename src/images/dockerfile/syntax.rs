//! Parser directives, and which frontend a Dockerfile is written for.
//!
//! Directives are comments `# key=value` at the very top. `syntax` alone may also stand below a `#!` line, behind `//`, or in a JSON
//! document, since another frontend may read another language.

/// A directive `key=value` after a comment's mark: the key in lower case.
pub(super) fn directive<'a>(line: &'a str, mark: &str) -> Option<(String, &'a str)> {
    const BLANKS: [char; 5] = ['\t', '\n', '\u{c}', '\r', ' '];
    let (key, value) = line.strip_prefix(mark)?.trim_start().split_once('=')?;
    let (key, value) = (key.trim_end_matches(BLANKS), value.trim_matches(BLANKS));
    let key = key.to_ascii_lowercase();
    (matches!(key.as_str(), "syntax" | "escape" | "check") && !value.is_empty()).then_some((key, value))
}

/// The whole value of `syntax` in whichever form: the frontend's image, and perhaps words for it.
pub(super) fn syntax(text: &str) -> Option<String> {
    let below = match text.split_once('\n') {
        _ if !text.starts_with("#!") => text,
        Some((_, below)) => below,
        None => "",
    };
    let commented = |mark: &str| {
        let directives = below.lines().map_while(|line| directive(line, mark));
        let mut seen = Vec::new();
        // The first of two counts, as nothing is read after the second.
        directives
            .take_while(|(key, _)| {
                !seen.contains(key) && {
                    seen.push(key.clone());
                    true
                }
            })
            .find(|(key, _)| key == "syntax")
            .map(|(_, value)| value.to_owned())
    };
    commented("#").or_else(|| commented("//")).or_else(|| {
        let document: serde_json::Map<String, serde_json::Value> = serde_json::from_str(below).ok()?;
        document.get("syntax")?.as_str().map(str::to_owned)
    })
}

/// Whether a frontend reads Dockerfiles: Docker's own, and copies of it, are images whose last part is `dockerfile` or
/// `dockerfile-upstream`. What another one makes of a text only it knows.
pub(super) fn reads_dockerfiles(syntax: &str) -> bool {
    let image = syntax.split(' ').next().unwrap_or_default();
    let last = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    matches!(last.split(':').next(), Some("dockerfile" | "dockerfile-upstream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_syntax() {
        for (text, expect) in [
            ("# syntax=docker/dockerfile:1\nFROM x\n", Some("docker/dockerfile:1")),
            ("#Syntax = a/b  more words \r\n", Some("a/b  more words")),
            ("# escape=`\n# syntax=a\n", Some("a")),
            ("# escape=`\n# escape=`\n# syntax=a\n", None),
            ("\n# syntax=a\n", None),
            ("# comment\n# syntax=a\n", None),
            ("# other=1\n# syntax=a\n", None),
            ("FROM x\n# syntax=a\n", None),
            ("#!/usr/bin/env builder\n# syntax=a\n", Some("a")),
            ("// syntax=a\n{}\n", Some("a")),
            ("{\"syntax\": \"a\", \"more\": [1]}", Some("a")),
            ("{\"syntax\": 1}", None),
        ] {
            assert_eq!(syntax(text).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn frontends_that_read_dockerfiles() {
        for (image, expect) in [
            ("docker/dockerfile", true),
            ("docker/dockerfile:1.7-labs", true),
            ("docker.io/docker/dockerfile-upstream:master", true),
            ("registry.company:5000/mirror/dockerfile@sha256:0", true),
            ("docker/dockerfile:1 word", true),
            ("ghcr.io/other/buildpacks", false),
            ("docker/dockerfile-not", false),
        ] {
            assert_eq!(reads_dockerfiles(image), expect, "{image}");
        }
    }
}
