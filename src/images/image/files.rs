//! Which files of the tree a mapping or a stage sees, computed once however many images ask.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::tree::{LookedUp, Options, RemoteCommit};
use super::view::View;
use crate::file_tree::{FileTree, ReadError};
use crate::glob::Globs;
use crate::images::dockerfile::{self, ContextUse, Ignore, Visible};
use crate::images::git_layers::{Chosen, FileSet, Filter, Listing, Source, Sums};
use crate::project::config::image::GitMapping;

/// Trees with what was learnt of them.
pub(super) struct Files<'a> {
    /// The project's.
    pub tree: Arc<dyn FileTree>,
    /// What was asked for of the project so far.
    pub views: Vec<View>,
    /// The views that were asked for since [`Files::begin`], by their places.
    used: BTreeSet<usize>,
    looked_up: &'a LookedUp,
    sums: &'a Arc<Sums>,
    sources: HashMap<(usize, String), Arc<Source>>,
    /// What mappings and contexts see, each with the places of its views.
    mapped: HashMap<String, (Option<Mapped>, Range<usize>)>,
    contexts: HashMap<String, (Arc<Chosen>, Range<usize>)>,
}

/// Files of a mapping, to be narrowed.
#[derive(Clone)]
pub(super) struct Mapped {
    source: Arc<Source>,
    filter: Filter,
}

impl Mapped {
    /// Those that match patterns.
    pub fn matching(&self, patterns: Globs) -> Self {
        Mapped { source: self.source.clone(), filter: self.filter.clone().require(patterns) }
    }

    /// Those that match none of some patterns.
    pub fn without(&self, patterns: Globs) -> Self {
        Mapped { source: self.source.clone(), filter: self.filter.clone().forbid(patterns) }
    }

    /// The files.
    pub fn chosen(&self) -> Arc<Chosen> {
        Arc::new(Chosen::new(self.source.clone(), self.filter.clone()))
    }
}

impl<'a> Files<'a> {
    pub fn new(tree: Arc<dyn FileTree>, options: &'a Options) -> Self {
        Files {
            tree,
            views: Vec::new(),
            used: BTreeSet::new(),
            looked_up: &options.looked_up,
            sums: &options.sums,
            sources: HashMap::new(),
            mapped: HashMap::new(),
            contexts: HashMap::new(),
        }
    }

    /// From here on views are those of another image.
    pub fn begin(&mut self) {
        self.used.clear();
    }

    /// The views that were asked for since.
    pub fn used(&self) -> &BTreeSet<usize> {
        &self.used
    }

    /// A directory of a tree.
    fn source(&mut self, origin: usize, directory: &str) -> Result<Arc<Source>, ReadError> {
        let key = (origin, directory.to_owned());
        if let Some(known) = self.sources.get(&key) {
            return Ok(known.clone());
        }
        let source = Arc::new(Source::directory(self.tree_of(origin), origin, directory, self.sums)?);
        self.sources.insert(key, source.clone());
        Ok(source)
    }

    fn tree_of(&self, origin: usize) -> &Arc<dyn FileTree> {
        match origin.checked_sub(1).and_then(|at| self.looked_up.remotes.values().nth(at)) {
            Some(remote) => &remote.tree,
            None => &self.tree,
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
    pub fn mapping(&mut self, mapping: &GitMapping, carved: Vec<String>) -> Result<Option<Mapped>, ReadError> {
        let add = mapping.add.trim_matches('/');
        let origin = self.origin(mapping);
        let key = format!("{:?}", (origin, add, &mapping.include_paths, &mapping.exclude_paths, &carved));
        if let Some((known, views)) = self.mapped.get(&key) {
            self.used.extend(views.clone());
            return Ok(known.clone());
        }
        let before = self.views.len();
        let mapped = self.map(origin, add, mapping, &carved)?;
        let views = self.viewed(before);
        self.mapped.insert(key, (mapped.clone(), views));
        Ok(mapped)
    }

    /// The views since there were so many.
    fn viewed(&mut self, before: usize) -> Range<usize> {
        let views = before..self.views.len();
        self.used.extend(views.clone());
        views
    }

    fn map(&mut self, origin: usize, add: &str, mapping: &GitMapping, carved: &[String]) -> Result<Option<Mapped>, ReadError> {
        let source = self.source(origin, add)?;
        if !add.is_empty() && !source.is_there()? {
            // Not a directory: perhaps one file.
            if origin == 0 {
                self.views.push(View::new(add, |_| false));
            }
            let tree = self.tree_of(origin);
            let source = tree.entry(add)?.map(|entry| Source::file(tree, origin, entry, self.sums));
            return Ok(source.map(|source| Mapped { source: Arc::new(source), filter: Filter::default() }));
        }
        let mut filter = Filter::default().forbid(Globs::new(&mapping.exclude_paths)).forbid(Globs::new(carved));
        if !mapping.include_paths.is_empty() {
            filter = filter.require(Globs::new(&mapping.include_paths));
        }
        if origin == 0 {
            let filter = filter.clone();
            self.views.push(View::new(add, move |path| filter.keeps(path)));
        }
        Ok(Some(Mapped { source, filter }))
    }

    /// The files of a context that instructions see after an ignore file.
    pub fn context(&mut self, directory: &str, uses: &ContextUse, ignore: &Ignore) -> Result<Arc<Chosen>, ReadError> {
        // The texts say all that these depend on.
        let rule = format!("{uses:?} {ignore:?}");
        let key = format!("{directory:?} {rule}");
        if let Some((known, views)) = self.contexts.get(&key) {
            self.used.extend(views.clone());
            return Ok(known.clone());
        }
        let before = self.views.len();
        let source = self.source(0, directory)?;
        let (seen, chosen) = match self.remembered(&source, &rule, uses, ignore) {
            Some(chosen) => (Visible::without_links(uses, ignore), chosen),
            None => {
                let mut seen = Visible::without_links(uses, ignore);
                let set = source.choose(|listing| {
                    let (set, now) = visible(&*self.tree, listing, uses, ignore)?;
                    seen = now;
                    Ok(set)
                })?;
                if !seen.has_links() {
                    source.remember(&rule, &set);
                }
                (seen, Chosen::from(set))
            }
        };
        self.views.push(View::new(directory, move |path| seen.sees(path)));
        let chosen = Arc::new(chosen);
        let views = self.viewed(before);
        self.contexts.insert(key, (chosen.clone(), views));
        Ok(chosen)
    }

    /// The files of a context of which it is known that no link leads to any.
    fn remembered(&self, source: &Arc<Source>, rule: &str, uses: &ContextUse, ignore: &Ignore) -> Option<Chosen> {
        let (tree, uses, ignore) = (self.tree.clone(), uses.clone(), ignore.clone());
        let choose = move |listing: &Listing| visible(&*tree, listing, &uses, &ignore).map(|(set, _)| set);
        Chosen::remembered(source, rule, Box::new(choose))
    }
}

/// What instructions see of a context.
fn visible(tree: &dyn FileTree, listing: &Listing, uses: &ContextUse, ignore: &Ignore) -> Result<(FileSet, Visible), ReadError> {
    let mut seen = dockerfile::visible(listing.entries(), listing.strip(), &|link| tree.blob(link), uses, ignore)?;
    let entries = std::mem::take(&mut seen.entries);
    Ok((FileSet::of(entries.into(), listing.strip()), seen))
}
