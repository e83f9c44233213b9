//! `.dockerignore`: which files of a context are left out.
//!
//! One pattern a line; `#` begins a comment, `!` brings files back, the last pattern that matches a file or a directory above it
//! decides. `*` and `?` stay within a part of the path, `**` spans parts (Docker's own syntax; classes as in Go's `filepath.Match`).

use regex::Regex;

/// The patterns of an ignore file, in order.
#[derive(Clone, Debug, Default)]
pub struct Ignore(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    negated: bool,
    matcher: Matcher,
}

/// One path pattern of Docker.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// The whole context.
    All,
    /// A path without special characters, and what is below it.
    Below(String),
    /// Everything else.
    Regex(Regex),
}

impl Ignore {
    /// Parses an ignore file. A pattern that is no pattern (an unclosed class) matches nothing, as a file of that name cannot be meant.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = |line: &str| {
            let line = if line.starts_with('#') { "" } else { line.trim() };
            let (negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            let pattern = clean(line);
            // `.` and `/` name no file: Docker ignores nothing by them.
            (!pattern.is_empty()).then(|| Matcher::new(&pattern)).flatten().map(|matcher| Pattern { negated, matcher })
        };
        Ignore(text.lines().filter_map(line).collect())
    }

    /// Whether a file of the context is left out. The path is relative to the context.
    pub fn ignores(&self, path: &str) -> bool {
        let deciding = self.0.iter().rev().find(|pattern| pattern.matcher.matches(path));
        deciding.is_some_and(|pattern| !pattern.negated)
    }
}

impl Matcher {
    /// A matcher for a clean pattern; `None` if it is malformed.
    pub fn new(pattern: &str) -> Option<Self> {
        if pattern.is_empty() || pattern == "**" {
            return Some(Matcher::All);
        }
        if !pattern.contains(['*', '?', '[', '\\']) {
            return Some(Matcher::Below(pattern.to_owned()));
        }
        Regex::new(&regex(pattern)).ok().map(Matcher::Regex)
    }

    /// Whether the pattern matches the path or a directory above it.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Matcher::All => true,
            Matcher::Below(pattern) => path.strip_prefix(pattern.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Matcher::Regex(regex) => regex.is_match(path),
        }
    }
}

/// A path without leading and trailing `/`, empty parts, `.` and resolvable `..`.
pub(super) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn regex(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                    out.push_str("(?:.*/)?");
                } else {
                    out.push_str(".*");
                }
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => out.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            '[' | ']' | '-' | '^' => out.push(c),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push_str("(?:/.*)?$");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (patterns, path, expect) in [
            ("", "a", false),
            ("a", "a", true),
            ("a", "a/b", true),
            ("a", "b/a", false),
            ("/a", "a", true),
            ("a/", "a/b", true),
            ("./a/../b", "b", true),
            ("# a\na", "a", true),
            ("#a", "#a", false),
            ("*.md", "x.md", true),
            ("*.md", "d/x.md", false),
            ("**/*.md", "x.md", true),
            ("**/*.md", "d/e/x.md", true),
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "a/b/temp", false),
            ("*/*/temp*", "a/b/temp", true),
            ("temp?", "tempa", true),
            ("temp?", "temp/x", false),
            ("*", "any/thing", true),
            ("*\n!src", "src/a", false),
            ("*\n!src", "lib/a", true),
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true),
            ("!a", "a", false),
            ("a\n!a/b", "a/b", false),
            ("a\n!a/b", "a/c", true),
            (".git", ".github/x", false),
            ("**/node_modules", "x/node_modules/y/z.js", true),
            ("node_modules/**", "node_modules/a/b", true),
            ("a.b", "axb", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[a-c]x", "bx", true),
            ("[^a]x", "ax", false),
            ("[a", "[a", false),
            ("  spaced  ", "spaced", true),
            (".", "a", false),
            ("**", "a/b", true),
            ("a$b", "a$b", true),
        ] {
            assert_eq!(Ignore::parse(patterns).ignores(path), expect, "{patterns:?} ~ {path}");
        }
    }
}
