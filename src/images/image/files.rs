//! Which files of the tree a mapping or a stage sees, computed once however many images ask.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::tree::{LookedUp, RemoteCommit};
use super::view::View;
use crate::file_tree::{Entry, FileTree, Mode, ReadError};
use crate::glob::Globs;
use crate::images::dockerfile::Visible;
use crate::images::git_layers::{FileSet, Filter, Listing};
use crate::project::config::image::GitMapping;

/// Trees with what was learnt of them.
pub(super) struct Files<'a> {
    /// The project's.
    pub tree: &'a dyn FileTree,
    /// What was asked for of the project so far.
    pub views: Vec<View>,
    /// The views that were asked for since [`Files::begin`], by their places.
    used: BTreeSet<usize>,
    looked_up: &'a LookedUp,
    listings: HashMap<(usize, String), Arc<Listing>>,
    /// Chosen files, each with the places of its views.
    sets: HashMap<String, (Option<Arc<FileSet>>, Range<usize>)>,
}

impl<'a> Files<'a> {
    pub fn new(tree: &'a dyn FileTree, looked_up: &'a LookedUp) -> Self {
        Files { tree, views: Vec::new(), used: BTreeSet::new(), looked_up, listings: HashMap::new(), sets: HashMap::new() }
    }

    /// From here on views are those of another image.
    pub fn begin(&mut self) {
        self.used.clear();
    }

    /// The views that were asked for since.
    pub fn used(&self) -> &BTreeSet<usize> {
        &self.used
    }

    /// All files below a directory of a tree.
    fn listing(&mut self, origin: usize, directory: &str) -> Result<Arc<Listing>, ReadError> {
        let key = (origin, directory.to_owned());
        if let Some(known) = self.listings.get(&key) {
            return Ok(known.clone());
        }
        let listing = Arc::new(Listing::new(self.tree_of(origin).list(directory)?, strip(directory)).of_tree(origin));
        self.listings.insert(key, listing.clone());
        Ok(listing)
    }

    /// Whether submodules that are chosen came just now, so that lists have their files instead.
    fn fetched(&mut self, origin: usize, chosen: &FileSet) -> Result<bool, ReadError> {
        if !chosen.is_doubtful() {
            return Ok(false);
        }
        let submodules: Vec<&Entry> = chosen.iter().map(|(_, entry)| entry).filter(|entry| entry.mode == Mode::Submodule).collect();
        let any = !submodules.is_empty() && self.tree_of(origin).fetch(&submodules)?;
        if any {
            self.listings.retain(|(tree, _), _| *tree != origin);
        }
        Ok(any)
    }

    fn tree_of(&self, origin: usize) -> &'a dyn FileTree {
        match origin.checked_sub(1).and_then(|at| self.looked_up.remotes.values().nth(at)) {
            Some(remote) => &*remote.tree,
            None => self.tree,
        }
    }

    /// The commit of another repository that a mapping is of.
    pub fn remote(&self, mapping: &GitMapping) -> Option<&'a RemoteCommit> {
        let remote = mapping.remote.as_ref()?;
        self.looked_up.remotes.get(&(remote.url.clone(), remote.revision.clone()))
    }

    /// Which tree a mapping's files are in.
    fn origin(&self, mapping: &GitMapping) -> usize {
        let Some(remote) = &mapping.remote else { return 0 };
        let wanted = (&remote.url, &remote.revision);
        self.looked_up.remotes.keys().position(|(url, revision)| (url, revision) == wanted).map_or(0, |at| at + 1)
    }

    /// The files of a mapping without those that are `carved` out of it; `None` if `add` is not in the tree.
    pub fn mapping(&mut self, mapping: &GitMapping, carved: Vec<String>) -> Result<Option<Arc<FileSet>>, ReadError> {
        let add = mapping.add.trim_matches('/');
        let origin = self.origin(mapping);
        let key = format!("{:?}", (origin, add, &mapping.include_paths, &mapping.exclude_paths, &carved));
        if let Some((known, views)) = self.sets.get(&key) {
            self.used.extend(views.clone());
            return Ok(known.clone());
        }
        let before = self.views.len();
        let mut set = self.choose(origin, add, mapping, &carved)?;
        while let Some(chosen) = &set
            && self.fetched(origin, chosen)?
        {
            self.views.truncate(before);
            set = self.choose(origin, add, mapping, &carved)?;
        }
        if let Some(set) = &set {
            check(self.tree_of(origin), set)?;
        }
        let set = set.map(Arc::new);
        self.remember(key, set.clone(), before);
        Ok(set)
    }

    fn remember(&mut self, key: String, set: Option<Arc<FileSet>>, before: usize) {
        let views = before..self.views.len();
        self.used.extend(views.clone());
        self.sets.insert(key, (set, views));
    }

    fn choose(&mut self, origin: usize, add: &str, mapping: &GitMapping, carved: &[String]) -> Result<Option<FileSet>, ReadError> {
        let listing = self.listing(origin, add)?;
        if listing.entries().is_empty() && !add.is_empty() {
            // Not a directory: perhaps one file.
            let parent = add.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
            let siblings = self.listing(origin, &parent)?;
            let siblings = siblings.entries();
            let found = siblings.binary_search_by(|entry| entry.path.as_str().cmp(add)).ok();
            if origin == 0 {
                self.views.push(View::new(add, |_| false));
            }
            let one = |at: usize| Listing::new(Arc::new([siblings[at].clone()]), add.len()).of_tree(origin);
            return Ok(found.map(|at| FileSet::new(Arc::new(one(at)), Filter::default())));
        }
        let mut filter = Filter::default().forbid(Globs::new(&mapping.exclude_paths)).forbid(Globs::new(carved));
        if !mapping.include_paths.is_empty() {
            filter = filter.require(Globs::new(&mapping.include_paths));
        }
        if origin == 0 {
            let filter = filter.clone();
            self.views.push(View::new(add, move |path| filter.keeps(path)));
        }
        Ok(Some(FileSet::new(listing, filter)))
    }

    /// The files of a context that a Dockerfile sees. `rules` says all that `visible` depends on.
    pub fn context(
        &mut self,
        directory: &str,
        rules: String,
        visible: impl Fn(&[Entry], usize) -> Result<Visible, ReadError>,
    ) -> Result<Arc<FileSet>, ReadError> {
        let key = format!("context {directory:?} {rules}");
        if let Some((Some(known), views)) = self.sets.get(&key) {
            self.used.extend(views.clone());
            return Ok(known.clone());
        }
        let before = self.views.len();
        let (seen, set) = loop {
            let listing = self.listing(0, directory)?;
            let mut seen = visible(listing.entries(), strip(directory))?;
            let set = FileSet::of(std::mem::take(&mut seen.entries).into(), strip(directory));
            if !self.fetched(0, &set)? {
                break (seen, Arc::new(set));
            }
        };
        check(self.tree, &set)?;
        self.views.push(View::new(directory, move |path| seen.sees(path)));
        self.remember(key, Some(set.clone()), before);
        Ok(set)
    }
}

/// An error for the first chosen file that cannot be had: a submodule that is not here, a file that only a program could make.
fn check(tree: &dyn FileTree, set: &FileSet) -> Result<(), ReadError> {
    match set.is_doubtful() {
        true => set.iter().filter(|(_, entry)| entry.is_doubtful()).try_for_each(|(_, entry)| tree.check(entry)),
        false => Ok(()),
    }
}

/// Bytes of paths in a directory that are the directory's.
fn strip(directory: &str) -> usize {
    if directory.is_empty() { 0 } else { directory.len() + 1 }
}
