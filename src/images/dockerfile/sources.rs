//! The part of a context that instructions name: sources of COPY, ADD and bind mounts, as rules on paths.
//!
//! What a rule reaches in a real tree, through symlinks too, is found by [`visible`](super::visible).

use std::collections::BTreeSet;

use super::ignore::Ignore;
use super::pattern::{class_has_slash, clean, name_matches};
use super::words::UNKNOWN;

/// The part of a build context that instructions can see. Equal rules are equal values, with equal hashes and `Debug` texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContextUse(pub(super) BTreeSet<Source>);

/// One source. Paths and patterns are clean: relative to the context, without `.`, `..` and doubled slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Source {
    /// The whole context.
    All,
    /// A file or directory; no character of it is special.
    Path(String),
    /// What Go's `filepath.Match` matches, part by part.
    Glob(String),
    /// `COPY --parents`: below a directory (which may be a glob), what a pattern of ignore files matches.
    Parents(String, String),
    /// `--exclude`: a path or glob, of whose directories patterns of ignore files take something out.
    Except(Box<Source>, Vec<String>),
}

impl ContextUse {
    /// Whether any instruction can see a file of this path (relative to the context), were it there: true for whatever could be seen,
    /// with the exception of what only a symlink leads to. The link itself is always seen.
    pub fn sees(&self, path: &str) -> bool {
        self.0.iter().any(|source| source.sees(path))
    }

    /// Whether nothing of the context is seen at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The whole context.
    pub(super) fn all() -> Self {
        ContextUse([Source::All].into())
    }

    /// A source of a bind mount: no character is special.
    pub(super) fn add_mount(&mut self, source: &str) {
        self.0.insert(path(source));
    }

    /// A source of COPY or ADD, with the patterns of `--exclude`.
    pub(super) fn add_copy(&mut self, source: &str, exclude: &[String]) {
        let source = glob(source);
        self.0.insert(if exclude.is_empty() { source } else { Source::Except(Box::new(source), exclude.to_vec()) });
    }

    /// A source of `COPY --parents`: what is before `/./` does not count for the destination, the rest is a pattern.
    pub(super) fn add_parents(&mut self, source: &str) {
        let (base, pattern) = source.split_once("/./").unwrap_or(("", source));
        let (base, pattern) = (clean(base), clean(pattern));
        let known = !(source.contains(UNKNOWN) || pattern.is_empty() || pattern.starts_with('!') || class_has_slash(&pattern));
        self.0.insert(if known { Source::Parents(base, pattern) } else { Source::All });
    }

    pub(super) fn extend(&mut self, other: &ContextUse) {
        self.0.extend(other.0.iter().cloned());
    }
}

impl Source {
    fn sees(&self, path: &str) -> bool {
        match self {
            Source::All => true,
            // What is taken out of one directory may come from another.
            Source::Except(source, _) => source.sees(path),
            Source::Path(source) => along(source, path, |a, b| a == b),
            Source::Glob(pattern) => along(pattern, path, name_matches),
            Source::Parents(base, pattern) => {
                let Some(rest) = below(base, path) else { return along(base, path, name_matches) };
                pattern.contains("**") || along(pattern, rest, name_matches) || included(pattern).is_none_or(|rule| rule.ignores(rest))
            }
        }
    }
}

/// The rule of `--parents`, which chooses files as an ignore file does; `None` if the pattern is malformed.
pub(super) fn included(pattern: &str) -> Option<Ignore> {
    Ignore::new(&[pattern.to_owned()]).ok()
}

/// The rest of a path below a directory that may be a glob.
fn below<'a>(base: &str, path: &'a str) -> Option<&'a str> {
    let mut rest = path;
    for part in base.split('/').filter(|part| !part.is_empty()) {
        let (head, tail) = rest.split_once('/')?;
        if !name_matches(part, head) {
            return None;
        }
        rest = tail;
    }
    Some(rest)
}

/// Whether a path is what a source names, below it, or above it: a symlink above leads to it.
fn along(source: &str, path: &str, matches: impl Fn(&str, &str) -> bool) -> bool {
    source.split('/').zip(path.split('/')).all(|(part, name)| matches(part, name))
}

pub(super) fn path(source: &str) -> Source {
    match clean(source) {
        _ if source.contains(UNKNOWN) => Source::All,
        path if path.is_empty() => Source::All,
        path => Source::Path(path),
    }
}

pub(super) fn glob(source: &str) -> Source {
    match path(source) {
        Source::Path(pattern) if is_glob(&pattern) => {
            if class_has_slash(&pattern) {
                Source::All
            } else {
                Source::Glob(pattern)
            }
        }
        other => other,
    }
}

/// Whether a path has a special character that no backslash escapes.
pub(super) fn is_glob(path: &str) -> bool {
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Where ADD takes a source from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remote {
    /// A file by HTTP.
    File,
    /// A Git repository; whether the address itself names a commit.
    Git {
        /// It does.
        pinned: bool,
    },
}

/// What ADD fetches a source as; `None` if it is of the context. An HTTP address means a repository if its path ends in `.git`.
pub(super) fn remote(source: &str) -> Option<Remote> {
    let (address, fragment) = source.split_once('#').unwrap_or((source, ""));
    let (address, query) = address.split_once('?').unwrap_or((address, ""));
    let is_commit = |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    let value = |key: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value);
    let named = fragment.split(':').next().filter(|name| !name.is_empty()).or_else(|| value("ref"));
    let git = Remote::Git { pinned: named.is_some_and(is_commit) || value("checksum").is_some() || value("commit").is_some() };
    match address.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            let is_git = rest.split_once('/').is_some_and(|(_, path)| path.ends_with(".git"));
            if is_git { Some(git) } else { matches!(scheme, "http" | "https").then_some(Remote::File) }
        }
        Some((scheme, _)) => ["git", "ssh"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(git),
        None => {
            let (user, rest) = address.split_once('@')?;
            let (host, _) = rest.split_once(':')?;
            let of = |text: &str, more: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
            (of(user, "-_") && of(host, "-.")).then_some(git)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_add_fetches() {
        let commit = "0123456789012345678901234567890123456789";
        for (source, expect) in [
            ("a", None),
            ("./git@host:x", None),
            ("github.com/a/b", None),
            ("https://host/x.tar.gz", Some(Remote::File)),
            ("http://host/x.git/y", Some(Remote::File)),
            ("https://host.git", Some(Remote::File)),
            ("HTTPS://host/x", None),
            ("ftp://host/x", None),
            ("https://host/x.git", Some(Remote::Git { pinned: false })),
            ("https://host/x.git#main:dir", Some(Remote::Git { pinned: false })),
            ("git@host:x.git#v1", Some(Remote::Git { pinned: false })),
            ("ssh://git@host/x", Some(Remote::Git { pinned: false })),
            (&format!("git@host:x.git#{commit}:dir"), Some(Remote::Git { pinned: true })),
            (&format!("https://host/x.git?ref=v1&checksum={commit}"), Some(Remote::Git { pinned: true })),
        ] {
            assert_eq!(remote(source), expect, "{source}");
        }
    }

    #[test]
    fn rules_by_source() {
        let rule = |add: fn(&mut ContextUse, &str), source: &str| {
            let mut uses = ContextUse::default();
            add(&mut uses, source);
            format!("{:?}", uses.0.first().unwrap())
        };
        let copy_whole = |uses: &mut ContextUse, source: &str| uses.add_copy(source, &[]);
        for (source, copy, mount) in [
            ("", "All", "All"),
            ("./", "All", "All"),
            ("..", "All", "All"),
            ("../a/./b/../c/", "Path(\"a/c\")", "Path(\"a/c\")"),
            ("a*/b", "Glob(\"a*/b\")", "Path(\"a*/b\")"),
            ("a\\*", "Path(\"a\\\\*\")", "Path(\"a\\\\*\")"),
            ("a[^b]c", "All", "Path(\"a[^b]c\")"),
            ("a[+-9]c", "All", "Path(\"a[+-9]c\")"),
            ("a[a-z]c", "Glob(\"a[a-z]c\")", "Path(\"a[a-z]c\")"),
            ("\u{fffc}/a", "All", "All"),
        ] {
            assert_eq!(rule(copy_whole, source), copy, "{source}");
            assert_eq!(rule(ContextUse::add_mount, source), mount, "{source}");
        }
        for (source, expect) in [
            ("a/b", "Parents(\"\", \"a/b\")"),
            ("./x/./y/*.c", "Parents(\"x\", \"y/*.c\")"),
            ("./x/y", "Parents(\"\", \"x/y\")"),
            (".", "All"),
        ] {
            assert_eq!(rule(ContextUse::add_parents, source), expect, "{source}");
        }
    }
}
