//! Which files of the tree a mapping or a stage sees, computed once however many images ask.

use std::collections::HashMap;
use std::sync::Arc;

use super::view::View;
use crate::file_tree::{Entry, FileTree, ReadError};
use crate::images::git_layers::FileSet;
use crate::images::glob::Globs;
use crate::project::config::image::GitMapping;

/// A set, what was done with it, and by what. Sets are told apart by their address: all of them live as long as [`Files`].
#[derive(PartialEq, Eq, Hash)]
enum Derivation {
    Narrow(usize, Vec<String>),
    Without(usize, usize),
    Union(usize, usize),
}

/// A tree with what was learnt of it.
pub(super) struct Files<'a> {
    pub tree: &'a dyn FileTree,
    /// What was asked for so far.
    pub views: Vec<View>,
    lists: HashMap<String, Arc<[Entry]>>,
    sets: HashMap<String, Option<Arc<FileSet>>>,
    derived: HashMap<Derivation, Arc<FileSet>>,
}

impl<'a> Files<'a> {
    pub fn new(tree: &'a dyn FileTree) -> Self {
        Files { tree, views: Vec::new(), lists: HashMap::new(), sets: HashMap::new(), derived: HashMap::new() }
    }

    /// All files below a directory.
    pub fn list(&mut self, directory: &str) -> Result<Arc<[Entry]>, ReadError> {
        if let Some(known) = self.lists.get(directory) {
            return Ok(known.clone());
        }
        let list = self.tree.list(directory)?;
        self.lists.insert(directory.to_owned(), list.clone());
        Ok(list)
    }

    /// The files of a mapping without those of mappings that go below it; `None` if `add` is not in the tree.
    pub fn mapping(&mut self, mapping: &GitMapping, all: &[GitMapping]) -> Result<Option<Arc<FileSet>>, ReadError> {
        let carved: Vec<String> = all.iter().filter_map(|other| below(&mapping.to, &other.to)).collect();
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
        let list = self.list(add)?;
        if list.is_empty() && !add.is_empty() {
            // Not a directory: perhaps one file.
            let parent = add.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
            let siblings = self.list(&parent)?;
            let found = siblings.binary_search_by(|entry| entry.path.as_str().cmp(add)).ok();
            self.views.push(View::new(add, |_| false));
            return Ok(found.map(|at| FileSet::choose(Arc::new([siblings[at].clone()]), add.len(), |_| true)));
        }
        let (include, exclude, carved) = (Globs::new(&mapping.include_paths), Globs::new(&mapping.exclude_paths), Globs::new(carved));
        let strip = if add.is_empty() { 0 } else { add.len() + 1 };
        let keep = move |path: &str| (include.is_empty() || include.matches(path)) && !exclude.matches(path) && !carved.matches(path);
        let view = View::new(add, keep);
        let set = FileSet::choose(list, strip, |path| view.keeps(path));
        self.views.push(view);
        Ok(Some(set))
    }

    /// The files of a set that match patterns.
    pub fn narrow(&mut self, set: &Arc<FileSet>, patterns: &[String]) -> Arc<FileSet> {
        self.derive(Derivation::Narrow(address(set), patterns.to_vec()), || {
            let globs = Globs::new(patterns);
            set.filter(|path| globs.matches(path))
        })
    }

    /// The files of one set that another lacks; both of one mapping.
    pub fn without(&mut self, set: &Arc<FileSet>, other: &Arc<FileSet>) -> Arc<FileSet> {
        self.derive(Derivation::Without(address(set), address(other)), || set.without(other))
    }

    /// The files of two sets of one mapping.
    pub fn union(&mut self, set: &Arc<FileSet>, other: &Arc<FileSet>) -> Arc<FileSet> {
        self.derive(Derivation::Union(address(set), address(other)), || set.union(other))
    }

    /// The files of a context that a Dockerfile sees. `rules` says all that `keep` depends on.
    pub fn context(
        &mut self,
        directory: &str,
        rules: String,
        keep: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Arc<FileSet>, ReadError> {
        let key = format!("context {directory:?} {rules}");
        if let Some(Some(known)) = self.sets.get(&key) {
            return Ok(known.clone());
        }
        let strip = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let view = View::new(directory, keep);
        let set = Arc::new(FileSet::choose(self.list(directory)?, strip, |path| view.keeps(path)));
        self.views.push(view);
        self.sets.insert(key, Some(set.clone()));
        Ok(set)
    }

    fn derive(&mut self, how: Derivation, make: impl FnOnce() -> FileSet) -> Arc<FileSet> {
        self.derived.entry(how).or_insert_with(|| Arc::new(make())).clone()
    }
}

fn address(set: &Arc<FileSet>) -> usize {
    Arc::as_ptr(set).addr()
}

/// `inner` relative to `outer` as a literal pattern, if it is strictly below.
fn below(outer: &str, inner: &str) -> Option<String> {
    let (outer, inner) = (outer.trim_matches('/'), inner.trim_matches('/'));
    let rest = if outer.is_empty() { inner } else { inner.strip_prefix(outer)?.strip_prefix('/')? };
    let literal = |c: char| if "*?[]{}\\".contains(c) { vec!['\\', c] } else { vec![c] };
    (!rest.is_empty()).then(|| rest.chars().flat_map(literal).collect())
}
