//! The project's own files before those that other repositories bring.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::file_tree::{Content, Entry, FileTree, Mode, ReadError};

/// Files of other repositories at their places in the project.
pub(super) struct Included {
    tree: Arc<dyn FileTree>,
    entries: BTreeMap<String, Entry>,
}

impl Included {
    /// All files of a tree.
    pub fn new(tree: Arc<dyn FileTree>) -> Result<Self, ReadError> {
        let entries = tree.list("")?.iter().map(|entry| (entry.path.clone(), entry.clone())).collect();
        Ok(Included { tree, entries })
    }

    fn below(&self, dir: &str) -> impl Iterator<Item = &Entry> {
        let start = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        self.entries.range(start.clone()..).map(|(_, entry)| entry).take_while(move |entry| entry.path.starts_with(&start))
    }

    fn has(&self, entry: &Entry) -> bool {
        self.entries.get(&entry.path) == Some(entry)
    }
}

/// The files of a tree, and where it has nothing of a name those that are included.
#[derive(Clone, Copy)]
pub(super) struct Over<'t> {
    pub own: &'t dyn FileTree,
    pub included: Option<&'t Included>,
}

impl<'t> Over<'t> {
    /// Included files below a directory that the own tree has nothing in place of.
    pub fn included_below(&self, dir: &str) -> Result<Vec<Entry>, ReadError> {
        let below: Vec<&Entry> = self.included.into_iter().flat_map(|included| included.below(dir.trim_matches('/'))).collect();
        if below.is_empty() {
            return Ok(Vec::new());
        }
        let own = self.own.list(dir)?;
        let (mut files, mut links) = (BTreeSet::new(), BTreeSet::new());
        for entry in own.iter() {
            if entry.mode == Mode::Symlink { &mut links } else { &mut files }.insert(entry.path.as_str());
        }
        let mut seen = Vec::new();
        for entry in below {
            let mut above = entry.path.match_indices('/').map(|(slash, _)| &entry.path[..slash]).chain([entry.path.as_str()]);
            let is_own = match above.find(|path| files.contains(path) || links.contains(path)) {
                // what a link leads to may have the file, or lack it
                Some(path) if path != entry.path && links.contains(path) => self.own.read(&entry.path)?.is_some(),
                found => found.is_some(),
            };
            if !is_own {
                seen.push(entry.clone());
            }
        }
        Ok(seen)
    }

    /// The tree that has an entry.
    fn of(&self, entry: &Entry) -> &'t dyn FileTree {
        match self.included {
            Some(included) if included.has(entry) => &*included.tree,
            _ => self.own,
        }
    }
}

impl FileTree for Over<'_> {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        match (self.own.read(path)?, self.included) {
            (None, Some(included)) if self.own.list(path)?.is_empty() => included.tree.read(path),
            (found, _) => Ok(found),
        }
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        let included = self.included_below(dir)?;
        let own = self.own.list(dir)?;
        if included.is_empty() {
            return Ok(own);
        }
        let mut all: Vec<Entry> = own.iter().cloned().chain(included).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all.into())
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        self.of(entry).blob(entry)
    }

    fn content(&self, entry: &Entry) -> Result<Content, ReadError> {
        self.of(entry).content(entry)
    }

    fn check(&self, entry: &Entry) -> Result<(), ReadError> {
        self.of(entry).check(entry)
    }

    fn fetch(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        let Some(included) = self.included else { return self.own.fetch(entries) };
        let (brought, own): (Vec<&Entry>, Vec<&Entry>) = entries.iter().copied().partition(|entry| included.has(entry));
        if !brought.is_empty() {
            included.tree.fetch(&brought)?;
        }
        if own.is_empty() { Ok(false) } else { self.own.fetch(&own) }
    }
}
