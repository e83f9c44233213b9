//! The part of a context that a build can see, as files.
//!
//! Two filters: the ignore file takes files and directories out, and of the rest only what sources reach is kept. A source is followed
//! through symlinks as BuildKit does inside the context's root: `..` is resolved in the text of a path, an absolute target begins at
//! the root, nothing leads out of it, and after 255 links the way ends. Links on the way are kept with what they lead to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ignore::{Ignore, Matched, Memory};
use super::pattern::{clean, name_matches};
use super::sources::{ContextUse, Source, glob, included, is_glob};
use crate::file_tree::{Entry, Mode, ObjectId, ReadError, text_of_bytes};

/// What a build sees of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    /// The files, and as [`Mode::Directory`] with an id of zeros the directories in which nothing is left. Sorted by path; paths as in
    /// the entries that were given.
    pub entries: Vec<Entry>,
    uses: ContextUse,
    ignore: Ignore,
    /// What sources reach through links, with what is below it.
    reached: BTreeSet<String>,
}

impl Visible {
    /// What is seen where no link leads to anything, without its files.
    pub fn without_links(uses: &ContextUse, ignore: &Ignore) -> Self {
        Visible { entries: Vec::new(), uses: uses.clone(), ignore: ignore.clone(), reached: BTreeSet::new() }
    }

    /// Whether a link leads to any of it.
    pub fn has_links(&self) -> bool {
        !self.reached.is_empty()
    }

    /// Whether a file of this path (relative to the context) would be seen, were it there. Of a change that the context would show,
    /// at least one path is: behind a link that is itself new, the link.
    pub fn sees(&self, path: &str) -> bool {
        let is_reached = || self.reached.contains("") || ancestors(path).any(|part| self.reached.contains(part));
        let leads_there = || {
            let below = format!("{path}/");
            self.reached.range(below.clone()..).next().is_some_and(|reached| reached.starts_with(&below))
        };
        !self.ignore.ignores(path) && (self.uses.sees(path) || is_reached() || leads_there())
    }
}

/// Gives the target of a symlink, as the tree keeps it.
pub type ReadLink<'a> = dyn Fn(&Entry) -> Result<Arc<[u8]>, ReadError> + 'a;

/// Finds what a build sees of a context: `entries` are all its files, sorted by path, of which the first `strip` bytes lead to the
/// context; `read_link` gives the target of a symlink.
///
/// # Errors
/// Those of `read_link`.
pub fn visible(
    entries: &[Entry],
    strip: usize,
    read_link: &ReadLink<'_>,
    uses: &ContextUse,
    ignore: &Ignore,
) -> Result<Visible, ReadError> {
    let mut seen = Visible::without_links(uses, ignore);
    if uses.is_empty() {
        return Ok(seen);
    }
    let all = entries.iter().map(|entry| Node { path: &entry.path[strip..], entry: Some(entry) });
    let nodes = if ignore.is_empty() { all.collect() } else { left(all, 0, ignore) };
    if uses.0.contains(&Source::All) {
        seen.entries = nodes.into_iter().map(|node| node.entry(entries, strip)).collect();
        return Ok(seen);
    }
    let mut reach =
        Reach { nodes: &nodes, read_link, chosen: vec![false; nodes.len()], through: BTreeSet::new(), directories: BTreeSet::new() };
    for source in &uses.0 {
        reach.source(source, None)?;
    }
    let Reach { chosen, through, directories, .. } = reach;
    let chosen = nodes.iter().zip(chosen).filter(|(_, chosen)| *chosen);
    seen.entries = chosen.map(|(node, _)| node.entry(entries, strip)).collect();
    // Directories that are there though nothing in them is seen.
    let prefix = entries.first().map_or("", |entry| &entry.path[..strip]);
    for directory in directories.into_iter().rev() {
        let below = format!("{prefix}{directory}/");
        let at = seen.entries.partition_point(|entry| entry.path < below);
        let there = seen.entries.get(at).is_some_and(|entry| entry.path.starts_with(&below));
        let path = format!("{prefix}{directory}");
        if let (false, Err(at)) = (there, seen.entries.binary_search_by(|entry| entry.path.as_str().cmp(&path))) {
            seen.entries.insert(at, empty(path));
        }
    }
    seen.reached = through;
    Ok(seen)
}

/// A file or an empty directory that is not ignored.
#[derive(Clone, Copy)]
struct Node<'a> {
    /// Relative to the context.
    path: &'a str,
    /// `None` for a directory in which nothing is left.
    entry: Option<&'a Entry>,
}

impl Node<'_> {
    fn entry(&self, entries: &[Entry], strip: usize) -> Entry {
        let prefix = entries.first().map_or("", |entry| &entry.path[..strip]);
        self.entry.cloned().unwrap_or_else(|| empty(format!("{prefix}{}", self.path)))
    }
}

fn empty(path: String) -> Entry {
    Entry::new(path, Mode::Directory, ObjectId([0; 20]))
}

/// A directory on the way to the entry at hand.
struct Open<'a> {
    path: &'a str,
    matched: Matched,
    left_out: bool,
    /// Nothing below it is looked at.
    skipped: bool,
    /// Something below it is kept.
    full: bool,
}

/// What patterns leave of a directory, sorted by path: they see paths without their first `strip` bytes.
fn left<'a>(all: impl Iterator<Item = Node<'a>>, strip: usize, ignore: &Ignore) -> Vec<Node<'a>> {
    let (mut nodes, mut open, mut memory) = (Vec::new(), Vec::<Open<'a>>::new(), Memory::default());
    for node in all {
        let path = node.path;
        while let Some(last) = open.pop_if(|last| !is_below(last.path, path)) {
            close(&last, &mut open, &mut nodes);
        }
        let known = open.last().map_or(strip, |last| last.path.len() + 1);
        for (at, _) in path[known..].match_indices('/') {
            let directory = &path[..known + at];
            let parent = open.last();
            if parent.is_some_and(|parent| parent.skipped) {
                break;
            }
            let (left_out, matched) = ignore.judge(&directory[strip..], parent.map_or(&[], |parent| &parent.matched), &mut memory);
            let skipped = left_out && !ignore.enters(&directory[strip..]);
            open.push(Open { path: directory, matched, left_out, skipped, full: false });
        }
        let parent = open.last_mut();
        if parent.as_ref().is_some_and(|parent| parent.skipped) {
            continue;
        }
        let matched = parent.as_ref().map_or(&[][..], |parent| &parent.matched);
        if !ignore.leaves_out(&path[strip..], matched, &mut memory) {
            nodes.push(node);
            if let Some(parent) = parent {
                parent.full = true;
            }
        }
    }
    while let Some(last) = open.pop() {
        close(&last, &mut open, &mut nodes);
    }
    // A directory comes behind the files that sort between it and what is in it.
    nodes.sort_by(|a, b| a.path.cmp(b.path));
    nodes
}

/// Leaves a directory: one that is not left out stays, if need be as an empty one.
fn close<'a>(directory: &Open<'a>, open: &mut [Open<'a>], nodes: &mut Vec<Node<'a>>) {
    if !directory.full && !directory.left_out {
        nodes.push(Node { path: directory.path, entry: None });
    }
    if let Some(parent) = open.last_mut() {
        parent.full |= directory.full || !directory.left_out;
    }
}

fn is_below(directory: &str, path: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// A path and the directories above it.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).chain([path])
}

struct Reach<'a> {
    nodes: &'a [Node<'a>],
    read_link: &'a ReadLink<'a>,
    chosen: Vec<bool>,
    /// What links lead to.
    through: BTreeSet<String>,
    /// Directories that are there even if nothing in them is chosen.
    directories: BTreeSet<String>,
}

impl<'a> Reach<'a> {
    fn source(&mut self, source: &Source, except: Option<&Ignore>) -> Result<(), ReadError> {
        match source {
            Source::All => self.choose("", except),
            Source::Path(path) => {
                if let Some(path) = self.resolve(path)? {
                    self.choose(&path, except);
                }
            }
            Source::Glob(pattern) => {
                for path in self.expand(pattern)? {
                    self.choose(&path, except);
                }
            }
            // A build with a malformed pattern fails.
            Source::Except(source, patterns) => self.source(source, Ignore::new(patterns).ok().as_ref())?,
            Source::Parents(base, pattern) => {
                let Some(rule) = included(pattern) else {
                    self.choose("", None);
                    return Ok(());
                };
                for base in self.expand(base)? {
                    let strip = if base.is_empty() { 0 } else { base.len() + 1 };
                    for at in self.range(&base) {
                        let node = &self.nodes[at];
                        let inside = node.path.get(strip..).is_some_and(|path| !path.is_empty() && rule.ignores(path));
                        self.chosen[at] |= inside;
                    }
                    self.directories.extend((!base.is_empty() && self.is_directory(&base)).then(|| base.clone()));
                }
                // The builder does not go through links here, but it looks whether the path is there.
                self.source(&glob(&format!("{base}/{pattern}")), None)?;
            }
        }
        Ok(())
    }

    /// The nodes at a path and below it.
    fn range(&self, path: &str) -> std::ops::Range<usize> {
        if path.is_empty() {
            return 0..self.nodes.len();
        }
        let below = format!("{path}/");
        let from = self.nodes.partition_point(|node| node.path < below.as_str());
        let length = self.nodes[from..].partition_point(|node| node.path.starts_with(&below));
        if length > 0 {
            return from..from + length;
        }
        self.nodes.binary_search_by(|node| node.path.cmp(path)).map_or(0..0, |at| at..at + 1)
    }

    /// Chooses what is at a path and below it. What is taken out of a directory leaves it there.
    fn choose(&mut self, path: &str, except: Option<&Ignore>) {
        let range = self.range(path);
        if range.is_empty() {
            // What is meant may be in a submodule that is not here.
            if let Some(at) = ancestors(path).find_map(|part| self.submodule(part)) {
                self.chosen[at] = true;
            }
            return;
        }
        let Some(except) = except.filter(|_| path.is_empty() || self.is_directory(path)) else {
            self.chosen[range].fill(true);
            return;
        };
        self.directories.extend((!path.is_empty()).then(|| path.to_owned()));
        let strip = if path.is_empty() { 0 } else { path.len() + 1 };
        let nodes = self.nodes;
        let inside = nodes[range].iter().filter(|node| node.path.len() > strip).copied();
        for node in left(inside, strip, except) {
            match nodes.binary_search_by(|known| known.path.cmp(node.path)) {
                Ok(at) => self.chosen[at] = true,
                Err(_) => drop(self.directories.insert(node.path.to_owned())),
            }
        }
    }

    fn is_directory(&self, path: &str) -> bool {
        let range = self.range(path);
        range.len() > 1
            || self.nodes.get(range.start).filter(|_| !range.is_empty()).is_some_and(|node| {
                node.path.len() > path.len() || node.entry.is_none_or(|entry| matches!(entry.mode, Mode::Directory | Mode::Submodule))
            })
    }

    /// A submodule that is not here.
    fn submodule(&self, path: &str) -> Option<usize> {
        let at = self.nodes.binary_search_by(|node| node.path.cmp(path)).ok()?;
        self.nodes[at].entry.is_some_and(|entry| entry.mode == Mode::Submodule).then_some(at)
    }

    fn link(&self, path: &str) -> Option<(usize, &'a Entry)> {
        let at = self.nodes.binary_search_by(|node| node.path.cmp(path)).ok()?;
        let entry = self.nodes[at].entry?;
        (entry.mode == Mode::Symlink).then_some((at, entry))
    }

    /// Where a clean path leads: `None` if there are too many links on the way.
    fn resolve(&mut self, path: &str) -> Result<Option<String>, ReadError> {
        let mut path = path.to_owned();
        for _ in 0..=255 {
            let first = ancestors(&path).find_map(|part| self.link(part).map(|(at, entry)| (part, at, entry)));
            let Some((link, at, entry)) = first else { return Ok(Some(path)) };
            let target = (self.read_link)(entry)?;
            let target = text_of_bytes(&target);
            let from = if target.starts_with('/') { "" } else { link.rsplit_once('/').map_or("", |(parent, _)| parent) };
            let target = clean(&format!("{from}/{target}"));
            path = clean(&format!("{target}{}", &path[link.len()..]));
            self.chosen[at] = true;
            self.through.insert(path.clone());
        }
        Ok(None)
    }

    /// The paths that a glob means, its links followed. What is not there is left out.
    fn expand(&mut self, pattern: &str) -> Result<BTreeSet<String>, ReadError> {
        let mut found = BTreeSet::from([String::new()]);
        let mut rest = pattern;
        let mut is_base = true;
        while !rest.is_empty() {
            let (part, tail) = rest.split_once('/').unwrap_or((rest, ""));
            rest = tail;
            let mut next = BTreeSet::new();
            // Up to the first special character, a backslash is a character like others.
            let special = !is_base || is_glob(part);
            if special && is_base {
                self.directories
                    .extend(found.iter().filter(|base| !base.is_empty() && self.is_directory(base)).cloned().collect::<Vec<_>>());
                is_base = false;
            }
            for directory in &found {
                if self.submodule(directory).is_some() {
                    next.insert(directory.clone());
                    continue;
                }
                let names = if special { self.names(directory, part) } else { vec![part.to_owned()] };
                for name in names {
                    let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                    next.extend(self.resolve(&path)?);
                }
            }
            found = next;
        }
        Ok(found)
    }

    /// The names in a directory that a pattern matches.
    fn names(&self, directory: &str, pattern: &str) -> Vec<String> {
        let strip = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let range = self.range(directory);
        let (mut at, mut names) = (range.start, Vec::new());
        while at < range.end {
            let Some(path) = self.nodes[at].path.get(strip..).filter(|path| !path.is_empty()) else { break };
            let name = path.split('/').next().unwrap_or(path);
            if name_matches(pattern, name) {
                names.push(name.to_owned());
            }
            // Past everything below that name; names such as `a.b` sort between `a` and `a/x`.
            let below = format!("{}/", &self.nodes[at].path[..strip + name.len()]);
            at += match self.nodes[at].path.starts_with(&below) {
                true => self.nodes[at..range.end].partition_point(|node| node.path.starts_with(&below)),
                false => 1,
            };
        }
        names
    }
}
