//! The path patterns of werf: a pattern is a path or a doublestar glob, and matches a file or a whole directory. `*` and `?` stay within
//! one part of a path, `**` spans parts, `[a-z]` and `[!a-z]` are classes, `{a,b}` alternatives. Parts at the end that are nothing but
//! stars mean nothing: `src/*` and `src/**/*` are all that is in `src`.
//!
//! Two ways lead to an answer. [`Globs`] are many patterns for one path at a time, which is matched part by part: what may still match
//! below a directory is a set of [`Node`]s, the rests of patterns. So a pattern with many stars costs no more than one with few, and two
//! directories with equal sets have the same files visible by the same names. A [`PathIndex`] is many paths for one pattern at a time.

mod alternatives;
mod index;
mod part;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

pub use alternatives::check;
use alternatives::{alternatives, parts};
pub use index::PathIndex;
use part::Part;
pub use part::matches_part;

/// A set of patterns; a path matches if any of them does.
#[derive(Debug, Default)]
pub struct Globs {
    start: Positions,
    /// The way to the last path: paths mostly come in order.
    last: Mutex<Trail>,
}

/// The directories of a path, each with what is left of the patterns in it.
#[derive(Debug, Default)]
struct Trail(Vec<(Box<str>, Positions)>);

impl Clone for Globs {
    fn clone(&self) -> Self {
        Globs { start: self.start.clone(), last: Mutex::default() }
    }
}

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

/// What is left of a set of patterns somewhere below the directory that they are relative to.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// In the order of their keys, each once.
    nodes: Arc<Vec<Arc<Node>>>,
    /// All of them hold below too, whatever the name: each is `**`, or what follows one.
    steady: bool,
    /// A pattern matches this very directory, so all below it.
    matched: bool,
    /// Which names in this directory match; made when first asked for.
    names: Arc<OnceLock<Names>>,
    /// What is left below a name that fits none of them but `**`; made when first asked for.
    below_others: Arc<OnceLock<Positions>>,
}

/// The names that the last parts of patterns fit.
#[derive(Debug, Default)]
struct Names {
    literals: HashSet<String>,
    /// Others, by what names begin with where that says more than what they end with.
    starts: Shelves,
    ends: Shelves,
}

/// Parts of patterns by a piece that names must have; it may be empty.
#[derive(Debug, Default)]
struct Shelves {
    nodes: HashMap<String, Vec<Arc<Node>>>,
    lengths: BTreeSet<usize>,
}

impl Globs {
    /// Compiles patterns. A leading `/` or `./` and a trailing `/` mean nothing; an empty pattern or `.` matches everything.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Self {
        let mut start = Start::default();
        for alternative in patterns.iter().flat_map(|pattern| alternatives(pattern.as_ref())) {
            let first = parts(&alternative).into_iter().rev().fold(None, |rest, text| Some(Arc::new(Node::new(text, rest))));
            start.add(first.as_ref());
        }
        Globs { start: start.sorted(), last: Mutex::default() }
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.start.nodes.is_empty() && !self.start.matched
    }

    /// Whether a pattern matches this path or a directory above it. The path is relative, with `/` between its parts.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.trim_matches('/');
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        match self.last.try_lock() {
            Ok(mut last) => last.follow(&self.start, directory).holds(name),
            Err(_) => Trail::default().follow(&self.start, directory).holds(name),
        }
    }

    /// Where matching begins.
    pub fn start(&self) -> &Positions {
        &self.start
    }
}

impl Trail {
    /// What is left in a directory; what the last path shares with it is not asked again.
    fn follow<'t>(&'t mut self, start: &'t Positions, directory: &str) -> &'t Positions {
        let mut names = directory.split('/').filter(|name| !name.is_empty()).peekable();
        let mut known = 0;
        while names.next_if(|name| self.0.get(known).is_some_and(|(other, _)| **other == **name)).is_some() {
            known += 1;
        }
        self.0.truncate(known);
        for name in names {
            let below = self.0.last().map_or(start, |(_, here)| here).enter(name);
            self.0.push((name.into(), below));
        }
        self.0.last().map_or(start, |(_, here)| here)
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

    /// Whether a name in this directory matches.
    fn holds(&self, name: &str) -> bool {
        let is_name = !name.is_empty();
        self.matched || is_name && self.names.get_or_init(|| Names::of(&self.nodes)).hold(name)
    }

    /// One part of a path further.
    pub fn enter(&self, name: &str) -> Positions {
        let further = |node: &&Arc<Node>| !matches!(node.part, Part::Any) && node.part.fits(name);
        let mut next = Start { matched: self.matched, ..Start::default() };
        self.nodes.iter().filter(further).for_each(|node| next.add(node.rest.as_ref()));
        if next.nodes.is_empty() && next.matched == self.matched {
            return if self.steady { self.clone() } else { self.below_others.get_or_init(|| self.kept(next)).clone() };
        }
        self.kept(next)
    }

    /// What is left below a name of which so much is known, with what holds below any.
    fn kept(&self, mut next: Start) -> Positions {
        self.nodes.iter().filter(|node| matches!(node.part, Part::Any)).for_each(|node| next.add(Some(node)));
        next.sorted()
    }

    /// Adds what the keys of these positions are made of.
    pub fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&[u8::from(self.matched)]).update(&(self.nodes.len() as u64).to_le_bytes());
        for node in self.nodes.iter() {
            hasher.update(&node.key);
        }
    }
}

/// Positions in the making.
#[derive(Default)]
struct Start {
    nodes: Vec<Arc<Node>>,
    matched: bool,
}

impl Start {
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

    fn sorted(mut self) -> Positions {
        if self.matched {
            return Positions { matched: true, ..Positions::default() };
        }
        self.nodes.sort_unstable_by_key(|node| node.key);
        self.nodes.dedup_by_key(|node| node.key);
        let mut kept = Start::default();
        self.nodes.iter().filter(|node| matches!(node.part, Part::Any)).for_each(|node| kept.add(Some(node)));
        let kept: HashSet<Key> = kept.nodes.iter().map(|node| node.key).collect();
        Positions { steady: kept.len() == self.nodes.len(), nodes: Arc::new(self.nodes), ..Positions::default() }
    }
}

impl Names {
    fn of(nodes: &[Arc<Node>]) -> Self {
        let mut names = Names::default();
        for node in nodes.iter().filter(|node| node.rest.is_none()) {
            if let Part::Literal(text) = &node.part {
                names.literals.insert(text.clone());
                continue;
            }
            let (start, end) = (node.part.prefix(), node.part.suffix());
            match start.len() > end.len() {
                true => names.starts.put(start, node),
                false => names.ends.put(end, node),
            }
        }
        names
    }

    fn hold(&self, name: &str) -> bool {
        let start = |length: usize| name.get(..length);
        let end = |length: usize| name.get(name.len().checked_sub(length)?..);
        self.literals.contains(name) || self.starts.hold(name, start) || self.ends.hold(name, end)
    }
}

impl Shelves {
    fn put(&mut self, piece: String, node: &Arc<Node>) {
        self.lengths.insert(piece.len());
        self.nodes.entry(piece).or_default().push(node.clone());
    }

    fn hold<'n>(&self, name: &'n str, piece: impl Fn(usize) -> Option<&'n str>) -> bool {
        let shelves = self.lengths.iter().filter_map(|length| self.nodes.get(piece(*length)?));
        shelves.flatten().any(|node| node.part.fits(name))
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
        Node { part: Part::new(text), rest, key }
    }
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
            ("src/*", "src/a/b", true),
            ("src/*/*", "src/a", true),
            ("a[\\]x]b", "a]b", true),
            ("a\\{b,c}", "a{b,c}", true),
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
