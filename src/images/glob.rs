//! The path patterns of git mappings, as werf has them: a pattern is a path or a doublestar glob, and matches a file or a whole
//! directory. `*` and `?` stay within one part of a path, `**` spans parts, `[a-z]` and `[!a-z]` are classes, `{a,b}` alternatives.
//!
//! A path is matched part by part: what may still match below a directory is a set of [`Node`]s, the rests of patterns. So a pattern with
//! many stars costs no more than one with few, and two directories with equal sets have the same files visible by the same names.

use std::sync::Arc;

/// Most alternatives of one pattern; a brace beyond them stands for itself.
const ALTERNATIVES: usize = 1024;

/// A set of patterns; a path matches if any of them does.
#[derive(Clone, Debug, Default)]
pub struct Globs(Positions);

/// The rest of a pattern: what its next part of a path must be, and what comes after.
#[derive(Debug)]
struct Node {
    part: Part,
    rest: Option<Arc<Node>>,
    /// Names the rest by its text.
    key: Key,
}

/// Names a set of rests of patterns: equal keys match equal paths.
pub type Key = [u8; 16];

#[derive(Debug)]
enum Part {
    /// `**`
    Any,
    /// `*`
    One,
    Literal(String),
    /// `*` and a literal, such as `*.md`
    Suffix(String),
    Glob(Vec<char>),
}

/// What is left of a set of patterns somewhere below the directory that they are relative to.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// In the order of their keys, each once.
    nodes: Vec<Arc<Node>>,
    /// A pattern matches this very directory, so all below it.
    matched: bool,
}

impl Globs {
    /// Compiles patterns. A leading `/` or `./` and a trailing `/` mean nothing; an empty pattern or `.` matches everything.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Self {
        let mut start = Positions::default();
        for alternative in patterns.iter().flat_map(|pattern| alternatives(pattern.as_ref())) {
            let parts: Vec<&str> = alternative.split('/').filter(|text| !text.is_empty() && *text != ".").collect();
            let first = parts.into_iter().rev().fold(None, |rest, text| Some(Arc::new(Node::new(text, rest))));
            start.add(first.as_ref());
        }
        Globs(start.sorted())
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.0.nodes.is_empty() && !self.0.matched
    }

    /// Whether a pattern matches this path or a directory above it. The path is relative, with `/` between its parts.
    pub fn matches(&self, path: &str) -> bool {
        let mut here = self.0.clone();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if here.matched || here.nodes.is_empty() {
                break;
            }
            here = here.enter(name);
        }
        here.matched
    }

    /// Where matching begins.
    pub fn start(&self) -> &Positions {
        &self.0
    }
}

impl Positions {
    /// Whether all from here on matches.
    pub fn is_matched(&self) -> bool {
        self.matched
    }

    /// Whether nothing from here on matches.
    pub fn is_dead(&self) -> bool {
        !self.matched && self.nodes.is_empty()
    }

    /// One part of a path further.
    pub fn enter(&self, name: &str) -> Positions {
        let mut next = Positions { nodes: Vec::new(), matched: self.matched };
        for node in &self.nodes {
            let fits = match &node.part {
                Part::Any => {
                    next.add(Some(node));
                    continue;
                }
                Part::One => true,
                Part::Literal(text) => text == name,
                Part::Suffix(text) => name.ends_with(text.as_str()),
                Part::Glob(glob) => matches_part(glob, name),
            };
            if fits {
                next.add(node.rest.as_ref());
            }
        }
        next.sorted()
    }

    /// Adds what the keys of these positions are made of.
    pub fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&[u8::from(self.matched)]).update(&(self.nodes.len() as u64).to_le_bytes());
        for node in &self.nodes {
            hasher.update(&node.key);
        }
    }

    /// Adds the rest of a pattern and what it may skip to: `**` also stands for no part at all.
    fn add(&mut self, mut rest: Option<&Arc<Node>>) {
        while let Some(node) = rest {
            self.nodes.push(node.clone());
            if !matches!(node.part, Part::Any) {
                return;
            }
            rest = node.rest.as_ref();
        }
        self.matched = true;
    }

    fn sorted(mut self) -> Self {
        match self.matched {
            true => self.nodes.clear(),
            false => {
                self.nodes.sort_unstable_by_key(|node| node.key);
                self.nodes.dedup_by_key(|node| node.key);
            }
        }
        self
    }
}

impl Node {
    fn new(text: &str, rest: Option<Arc<Node>>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("werf rest of a glob v1");
        hasher.update(text.as_bytes()).update(b"/");
        if let Some(rest) = &rest {
            hasher.update(&rest.key);
        }
        let mut key = Key::default();
        hasher.finalize_xof().fill(&mut key);
        let part = match text {
            "**" => Part::Any,
            "*" => Part::One,
            text if text.starts_with('*') && !text[1..].contains(['*', '?', '[', '\\']) => Part::Suffix(text[1..].to_owned()),
            text if text.contains(['*', '?', '[', '\\']) => Part::Glob(text.chars().collect()),
            text => Part::Literal(text.to_owned()),
        };
        Node { part, rest, key }
    }
}

/// Expands `{a,b}`, also nested; an unclosed brace stands for itself, as do all where there are too many alternatives.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut pending = vec![(String::new(), pattern.to_owned())];
    while let Some((before, rest)) = pending.pop() {
        if done.len() + pending.len() > ALTERNATIVES {
            return vec![pattern.to_owned()];
        }
        match braces(&rest) {
            None => done.push(before + &rest),
            Some((start, choices, after)) => {
                pending.extend(choices.into_iter().rev().map(|choice| (before.clone() + start, format!("{choice}{after}"))));
            }
        }
    }
    done
}

/// The first closed brace of a pattern: what is before it, its choices, what is after it.
fn braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = pattern.find('{')?;
    let (mut depth, mut start, mut choices) = (0, open + 1, Vec::new());
    for (at, c) in pattern[open..].char_indices().map(|(at, c)| (at + open, c)) {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(&pattern[start..at]);
                start = at + 1;
            }
            '}' if depth == 1 => {
                choices.push(&pattern[start..at]);
                return Some((&pattern[..open], choices, &pattern[at + 1..]));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Matches one part of a path by the usual backtracking over the last `*`.
pub fn matches_part(glob: &[char], text: &str) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text[t..].chars().next() {
        let step = match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&glob[g..], c),
            Some('\\') if g + 1 < glob.len() => (glob[g + 1] == c).then_some(2),
            Some(literal) => (*literal == c).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(length), _) => {
                g += length;
                t += c.len_utf8();
            }
            (None, Some((at, from))) => {
                let next = from + text[from..].chars().next().map_or(1, char::len_utf8);
                star = Some((at, next));
                (g, t) = (at + 1, next);
            }
            (None, None) => return false,
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// The length of the class at the start of `glob` if it holds `c`. An unclosed class is a literal `[`.
fn class(glob: &[char], c: char) -> Option<usize> {
    let negated = matches!(glob.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let Some(end) = (start + 1..glob.len()).find(|at| glob[*at] == ']') else { return (c == '[').then_some(1) };
    let (mut at, mut found) = (start, false);
    while at < end {
        let (low, high, next) =
            if at + 2 < end && glob[at + 1] == '-' { (glob[at], glob[at + 2], at + 3) } else { (glob[at], glob[at], at + 1) };
        found |= low <= c && c <= high;
        at = next;
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (pattern, path, expect) in [
            ("src", "src/a.js", true),
            ("src/", "src/a/b.js", true),
            ("/src", "src/a.js", true),
            ("./src", "src/a.js", true),
            ("src", "srcs/a.js", false),
            ("src", "lib/src", false),
            ("", "anything/at/all", true),
            (".", "anything", true),
            ("**", "a/b/c", true),
            ("**/*", "a", true),
            ("*.js", "a.js", true),
            ("*.js", "src/a.js", false),
            ("*.js", "dir.js/inner.txt", true),
            ("**/*.js", "a.js", true),
            ("**/*.js", "x/y/a.js", true),
            ("**/*.js", "x/y/a.jsx", false),
            ("src/**/test", "src/test/a", true),
            ("src/**/test", "src/x/y/test/a", true),
            ("src/**/test", "src/x/y/tests/a", false),
            ("src/**", "src/a", true),
            ("src/*/c", "src/a/b/c", false),
            ("package*.json", "package-lock.json", true),
            ("package*.json", "package.json", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a[b-d]e", "ace", true),
            ("a[!b-d]e", "ace", false),
            ("a[^x]e", "ace", true),
            ("a[bc", "a[bc", true),
            ("{src,lib}/*.{js,ts}", "lib/a.ts", true),
            ("{src,lib}/*.{js,ts}", "lib/a.rs", false),
            ("{a,b{c,d}}", "bd", true),
            ("{a", "{a", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("ä*", "äö", true),
            ("yarn.lock/x", "yarn.lock", false),
        ] {
            assert_eq!(Globs::new(&[pattern]).matches(path), expect, "{pattern} ~ {path}");
        }
    }

    #[test]
    fn many_stars_and_many_alternatives_take_no_more_time() {
        let deep = vec!["a"; 200].join("/");
        assert!(!Globs::new(&["**/a/".repeat(40) + "b"]).matches(&deep));
        assert!(Globs::new(&["**/a/".repeat(40) + "a"]).matches(&deep));
        assert!(!Globs::new(&[format!("**/{}b", "*a".repeat(40))]).matches(&"a".repeat(400)));
        assert!(Globs::new(&["{a,b}".repeat(60)]).matches(&"{a,b}".repeat(60)), "too many alternatives stand for themselves");
    }

    #[test]
    fn equal_rests_have_equal_keys() {
        let key = |patterns: &[&str], below: &[&str]| {
            let start = Globs::new(patterns).start().clone();
            let mut hasher = blake3::Hasher::new();
            below.iter().fold(start, |here, name| here.enter(name)).hash_into(&mut hasher);
            hasher.finalize()
        };
        assert_eq!(key(&["d1", "**/f"], &["d2"]), key(&["**/f", "d9"], &["d3"]));
        assert_eq!(key(&["a/b/c"], &["a", "b"]), key(&["c"], &[]));
        assert_ne!(key(&["a/b/c"], &["a"]), key(&["c"], &[]));
        assert_eq!(key(&["a"], &["b"]), key(&[], &[]), "nothing is left of either");
        assert_ne!(key(&["a"], &["a"]), key(&["a"], &["b"]), "all and nothing");
    }

    #[test]
    fn any_of_several() {
        let globs = Globs::new(&["a", "b"]);
        assert!(globs.matches("a/x") && globs.matches("b") && !globs.matches("c"));
        assert!(!Globs::default().matches("a"));
    }
}
