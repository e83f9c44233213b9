//! Which files of the tree a mapping or a stage sees, computed once however many images ask.

use std::collections::HashMap;
use std::sync::Arc;

use super::view::View;
use crate::file_tree::{Entry, FileTree, ReadError};
use crate::images::git_layers::{FileSet, Filter, Listing};
use crate::images::glob::Globs;
use crate::project::config::image::GitMapping;

/// A tree with what was learnt of it.
pub(super) struct Files<'a> {
    pub tree: &'a dyn FileTree,
    /// What was asked for so far.
    pub views: Vec<View>,
    listings: HashMap<String, Arc<Listing>>,
    sets: HashMap<String, Option<Arc<FileSet>>>,
}

impl<'a> Files<'a> {
    pub fn new(tree: &'a dyn FileTree) -> Self {
        Files { tree, views: Vec::new(), listings: HashMap::new(), sets: HashMap::new() }
    }

    /// All files below a directory.
    fn listing(&mut self, directory: &str) -> Result<Arc<Listing>, ReadError> {
        if let Some(known) = self.listings.get(directory) {
            return Ok(known.clone());
        }
        let listing = Arc::new(Listing::new(self.tree.list(directory)?, strip(directory)));
        self.listings.insert(directory.to_owned(), listing.clone());
        Ok(listing)
    }

    /// The files of a mapping without those that are `carved` out of it; `None` if `add` is not in the tree.
    pub fn mapping(&mut self, mapping: &GitMapping, carved: Vec<String>) -> Result<Option<Arc<FileSet>>, ReadError> {
        let add = mapping.add.trim_matches('/');
        let key = format!("{:?}", (add, &mapping.include_paths, &mapping.exclude_paths, &carved));
        if let Some(known) = self.sets.get(&key) {
            return Ok(known.clone());
        }
        let set = self.choose(add, mapping, &carved)?.map(Arc::new);
        self.sets.insert(key, set.clone());
        Ok(set)
    }

    fn choose(&mut self, add: &str, mapping: &GitMapping, carved: &[String]) -> Result<Option<FileSet>, ReadError> {
        let listing = self.listing(add)?;
        if listing.entries().is_empty() && !add.is_empty() {
            // Not a directory: perhaps one file.
            let parent = add.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
            let siblings = self.listing(&parent)?;
            let siblings = siblings.entries();
            let found = siblings.binary_search_by(|entry| entry.path.as_str().cmp(add)).ok();
            self.views.push(View::new(add, |_| false));
            return Ok(found.map(|at| FileSet::of(Arc::new([siblings[at].clone()]), add.len())));
        }
        let mut filter = Filter::default().forbid(Globs::new(&mapping.exclude_paths)).forbid(Globs::new(carved));
        if !mapping.include_paths.is_empty() {
            filter = filter.require(Globs::new(&mapping.include_paths));
        }
        self.views.push(View::new(add, {
            let filter = filter.clone();
            move |path| filter.keeps(path)
        }));
        Ok(Some(FileSet::new(listing, filter)))
    }

    /// The files of a context that a Dockerfile sees. `rules` says all that `visible` and `keep` depend on.
    pub fn context(
        &mut self,
        directory: &str,
        rules: String,
        keep: impl Fn(&str) -> bool + Send + Sync + 'static,
        visible: impl FnOnce(&[Entry], usize) -> Result<Vec<Entry>, ReadError>,
    ) -> Result<Arc<FileSet>, ReadError> {
        let key = format!("context {directory:?} {rules}");
        if let Some(Some(known)) = self.sets.get(&key) {
            return Ok(known.clone());
        }
        let listing = self.listing(directory)?;
        let set = Arc::new(FileSet::of(visible(listing.entries(), strip(directory))?.into(), strip(directory)));
        self.views.push(View::new(directory, keep));
        self.sets.insert(key, Some(set.clone()));
        Ok(set)
    }
}

/// Bytes of paths in a directory that are the directory's.
fn strip(directory: &str) -> usize {
    if directory.is_empty() { 0 } else { directory.len() + 1 }
}
