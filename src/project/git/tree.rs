//! One commit's files as a checkout of it would have them: which bytes, mode and name a path has.
//!
//! Submodules are directories like any other. What attributes do to bytes is done when they are read; names never need content.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use miette::Diagnostic;

use super::commit::{Commit, short};
use super::content;
use super::directory::{Directory, Kind, Node, Trees};
use super::error::GitError;
use super::lfs::Pointer;
use super::listing;
use super::provider::Provider;
use super::repository::Repository;
use super::submodule::Module;
use crate::file_tree::{Content, Conversion, Entry, FileTree, Mode, ObjectId, ReadError, text_of_bytes};

/// How many symbolic links may lead to one file, as on Linux.
const MAX_LINKS: usize = 40;

/// The tree without names.
const EMPTY: ObjectId = ObjectId(*b"\x4b\x82\x5d\xc6\x42\xcb\x6e\xb9\xa0\x60\xe5\x4b\xf8\xd6\x92\x88\xfb\xee\x49\x04");

/// The files of one commit below one directory. Trees and listings are read when first asked for and kept.
pub struct CommitTree {
    commit: ObjectId,
    root: Directory,
    /// The directory that paths begin at, from the repository's root.
    prefix: String,
    trees: Arc<Trees>,
    lists: Mutex<HashMap<String, Arc<[Entry]>>>,
    /// The submodules of listed blobs that are in one.
    origins: Mutex<HashMap<ObjectId, Arc<Module>>>,
}

/// The files of a commit below the project's directory, as far as they are here.
pub fn commit_tree(repository: &Arc<Repository>, commit: &Commit) -> Result<CommitTree, GitError> {
    tree_of(repository, commit, None)
}

/// The files of a commit below the project's directory. What is not here is fetched where it is wanted.
pub fn commit_tree_with(repository: &Arc<Repository>, commit: &Commit, provider: Arc<dyn Provider>) -> Result<CommitTree, GitError> {
    tree_of(repository, commit, Some(provider))
}

fn tree_of(repository: &Arc<Repository>, commit: &Commit, provider: Option<Arc<dyn Provider>>) -> Result<CommitTree, GitError> {
    let trees = Arc::new(Trees::default());
    let root = trees.root(&Arc::new(Module::outermost(repository.clone(), commit.id, commit.tree, provider)))?;
    let prefix = repository.project_prefix().to_owned();
    let tree = CommitTree { commit: commit.id, root, prefix, trees, lists: Mutex::default(), origins: Mutex::default() };
    let mut project = tree.root.clone();
    for name in repository.project_prefix().split('/').filter(|name| !name.is_empty()) {
        let nodes = tree.trees.nodes(&project.module, project.tree, &project.path(""))?;
        let found = nodes.iter().find(|node| node.name == name && node.kind == Kind::Directory);
        let missing = || GitError::NoProjectDirectory { commit: commit.short(), dir: repository.project_prefix().to_owned() };
        project = tree.trees.enter(&project, name, found.ok_or_else(missing)?.id)?;
    }
    Ok(tree)
}

impl CommitTree {
    /// All files of the same commit: paths are from the repository's root.
    pub fn whole(&self) -> CommitTree {
        let (root, trees) = (self.root.clone(), self.trees.clone());
        CommitTree { commit: self.commit, root, prefix: String::new(), trees, lists: Mutex::default(), origins: Mutex::default() }
    }

    /// The way up to the nearest directory above that has one of these files, such as `../..`.
    pub fn above_with(&self, names: &[&str]) -> Option<String> {
        let whole = self.whole();
        let ups = std::iter::successors(Some(self.prefix.as_str()), |dir| dir.rsplit_once('/').map(|(above, _)| above));
        let above = ups.skip(1).chain((!self.prefix.is_empty()).then_some(""));
        let has = |dir: &str, name: &str| matches!(whole.read(format!("{dir}/{name}").trim_start_matches('/')), Ok(Some(_)));
        let steps = above.into_iter().position(|dir| names.iter().any(|name| has(dir, name)))? + 1;
        Some(vec![".."; steps].join("/"))
    }

    /// The directory that paths begin at, from the repository's root; empty for the root itself.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The commit's id.
    pub fn commit(&self) -> ObjectId {
        self.commit
    }

    /// The project's own repository.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.root.module.repository
    }

    /// The id of a directory's tree (`""` is the one that paths begin at), symlinks followed; `None` where there is none.
    pub fn subtree(&self, dir: &str) -> Result<Option<ObjectId>, ReadError> {
        let found = self.resolve(dir).map_err(|error| self.read_error(dir, error))?;
        Ok(found.node.filter(|node| node.kind == Kind::Directory).map(|node| node.id))
    }

    /// What the list of a directory depends on: more than [`CommitTree::subtree`], for attributes come from above. The directory itself is
    /// not read where no link leads to it.
    fn read_identity(&self, dir: &str) -> Result<Option<[u8; 32]>, GitError> {
        if let Some((above, node)) = self.at(dir)?
            && node.kind == Kind::Directory
        {
            return Ok((node.id != EMPTY).then(|| above.identity_of(&node)));
        }
        let found = self.resolve(dir)?;
        Ok(found.node.filter(|node| node.kind == Kind::Directory && node.id != EMPTY).map(|_| found.directory.identity()))
    }

    /// What has a path, with the directory that it is in; links on the way are followed, and nothing at its end.
    fn at(&self, path: &str) -> Result<Option<(Directory, Node)>, GitError> {
        let path = path.trim_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Resolved { node, directory, .. } = self.resolve(parent)?;
        if name.is_empty() || node.is_none_or(|node| node.kind != Kind::Directory) {
            return Ok(None);
        }
        let nodes = self.trees.nodes(&directory.module, directory.tree, &directory.path(""))?;
        Ok(nodes.iter().find(|node| node.name == name).cloned().map(|node| (directory, node)))
    }

    fn read_one(&self, path: &str) -> Result<Option<Entry>, GitError> {
        let Some((directory, node)) = self.at(path)? else { return Ok(None) };
        let Kind::File(mode) = node.kind else { return Ok(None) };
        if mode == Mode::Submodule && self.trees.enter_submodule(&directory, &node).is_ok() {
            return Ok(None);
        }
        directory.check(&node.name)?;
        if mode != Mode::Submodule && !directory.module.path.is_empty() {
            self.origins.lock().unwrap_or_else(PoisonError::into_inner).insert(node.id, directory.module.clone());
        }
        let conversion = directory.conversion(&node);
        Ok(Some(Entry { conversion, ..Entry::new(path, mode, node.id) }))
    }

    /// Where a path leads, symlinks on the way and at its end followed.
    pub(super) fn resolve(&self, path: &str) -> Result<Resolved, GitError> {
        let mut links = Vec::new();
        // Directories from the repository's root down to where we are: links may lead out of the project, not out of the repository.
        let mut place: Vec<Directory> = Vec::new();
        let mut pending: Vec<String> = parts(path);
        pending.extend(parts(&self.prefix));
        while let Some(name) = pending.pop() {
            if name == ".." {
                if place.pop().is_none() {
                    return Err(outside(path));
                }
                continue;
            }
            let here = place.last().unwrap_or(&self.root);
            let nodes = self.trees.nodes(&here.module, here.tree, &here.path(""))?;
            let found = nodes.iter().find(|node| node.name == name);
            let end = |node: Option<&Node>| {
                let rest = [name.as_str()].into_iter().chain(pending.iter().rev().map(String::as_str)).collect::<Vec<_>>().join("/");
                Resolved { links: links.clone(), path: here.path(&rest), node: node.cloned(), directory: here.clone() }
            };
            let Some(node) = found else { return Ok(end(None)) };
            let below = match node.kind {
                Kind::Directory => self.trees.enter(here, &name, node.id)?,
                Kind::File(Mode::Symlink) => {
                    let target = here.module.blob(node.id, path)?;
                    if target.starts_with(b"/") || links.len() == MAX_LINKS {
                        return Err(outside(path));
                    }
                    links.push(Link { path: here.path(&name), directory: here.clone(), node: node.clone() });
                    pending.extend(parts(&text_of_bytes(&target)));
                    continue;
                }
                Kind::File(Mode::Submodule) if pending.is_empty() => match self.trees.enter_submodule(here, node) {
                    Ok(root) => root,
                    // Whoever asks for the submodule itself may do without its files.
                    Err(GitError::NoSubmodule { .. } | GitError::UnnamedSubmodule { .. }) => return Ok(end(Some(node))),
                    Err(error) => return Err(error),
                },
                Kind::File(Mode::Submodule) => self.trees.fetch_submodule(here, node)?,
                Kind::File(_) if pending.is_empty() => return Ok(end(Some(node))),
                Kind::File(_) => return Ok(end(None)),
            };
            place.push(below);
        }
        let directory = place.pop().unwrap_or_else(|| self.root.clone());
        let node = Node { name: String::new(), kind: Kind::Directory, id: directory.tree };
        Ok(Resolved { links, path: directory.path(""), node: Some(node), directory })
    }

    /// What was read so far.
    pub(super) fn trees(&self) -> &Trees {
        &self.trees
    }

    fn read_list(&self, dir: &str) -> Result<Arc<[Entry]>, GitError> {
        let found = self.resolve(dir)?;
        let directory = match &found.node {
            Some(Node { kind: Kind::Directory, .. }) => found.directory,
            Some(node @ Node { kind: Kind::File(Mode::Submodule), .. }) => self.trees.fetch_submodule(&found.directory, node)?,
            _ => return Ok(Arc::new([])),
        };
        let listing = listing::list(&self.trees, directory, dir)?;
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).extend(listing.origins);
        Ok(listing.entries.into())
    }

    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let Resolved { node, directory, .. } = self.resolve(path)?;
        let Some(node) = node.filter(|node| matches!(node.kind, Kind::File(Mode::File | Mode::Executable))) else { return Ok(None) };
        let conversion = directory.conversion(&node);
        self.converted(&directory.module, node.id, conversion.as_deref(), path).map(Some)
    }

    fn read_entry(&self, entry: &Entry) -> Result<Vec<u8>, GitError> {
        self.check_entry(entry)?;
        if !entry.mode.has_blob() {
            return Ok(Vec::new());
        }
        self.converted(&self.origin(entry.id), entry.id, entry.conversion.as_deref(), &entry.path)
    }

    fn converted(&self, module: &Module, id: ObjectId, how: Option<&Conversion>, path: &str) -> Result<Vec<u8>, GitError> {
        match module.with_object(id, || content::read(&module.repository, id, how, path)) {
            Err(GitError::NoLfsContent { paths, reason: None }) => {
                let Some(provider) = &module.provider else {
                    return Err(GitError::NoLfsContent { paths: self.absent_beside(paths), reason: None });
                };
                let wanted: Vec<Pointer> = content::absent(&module.repository, id, path)?.into_iter().collect();
                let reason = provider.content(&module.repository, module.server(&self.trees), &wanted).err();
                content::read(&module.repository, id, how, path).map_err(|error| error.because(reason))
            }
            read => read,
        }
    }

    /// The bytes of an entry, which are only held where there is no other way.
    fn open_entry(&self, entry: &Entry) -> Result<Content, GitError> {
        self.check_entry(entry)?;
        if matches!(entry.mode, Mode::File | Mode::Executable)
            // whatever is in the way, what has to be fetched first too, is for those who read it as a whole
            && let Ok(Some(opened)) = content::open(&self.origin(entry.id).repository, entry.id, entry.conversion.as_deref(), &entry.path)
        {
            return Ok(opened);
        }
        self.read_entry(entry).map(|bytes| Content::Whole(bytes.into()))
    }

    fn read_size(&self, entry: &Entry) -> Result<u64, GitError> {
        self.check_entry(entry)?;
        if !entry.mode.has_blob() {
            return Ok(0);
        }
        let module = self.origin(entry.id);
        module.with_object(entry.id, || content::size(&module.repository, entry.id, entry.conversion.as_deref(), &entry.path))
    }

    fn check_entry(&self, entry: &Entry) -> Result<(), GitError> {
        if entry.mode == Mode::Submodule {
            let found = self.resolve(&entry.path)?;
            if let Some(node @ Node { kind: Kind::File(Mode::Submodule), .. }) = &found.node {
                self.trees.enter_submodule(&found.directory, node)?;
            }
        }
        entry.conversion.as_deref().map_or(Ok(()), |conversion| content::check(conversion, &entry.path))
    }

    /// The repository, with its commit, that has a listed blob.
    fn origin(&self, id: ObjectId) -> Arc<Module> {
        let known = self.origins.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        known.unwrap_or_else(|| self.root.module.clone())
    }

    /// The entries whose content Git LFS has not brought, each content once, with what their pointers name.
    fn absent_content<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> Result<Vec<(&'e Entry, Pointer)>, GitError> {
        let mut seen = HashSet::new();
        let is_pointer = |entry: &&Entry| entry.conversion.as_deref() == Some(&Conversion::Lfs);
        let pointers = entries.into_iter().filter(is_pointer).filter(|entry| seen.insert(entry.id));
        let absent = pointers.map(|entry| {
            let module = self.origin(entry.id);
            let pointer = module.with_object(entry.id, || content::absent(&module.repository, entry.id, &entry.path))?;
            Ok(pointer.map(|pointer| (entry, pointer)))
        });
        absent.filter_map(Result::transpose).collect()
    }

    /// The files that were listed so far whose content Git LFS has not brought, with those given.
    fn absent_beside(&self, mut paths: Vec<String>) -> Vec<String> {
        let lists: Vec<Arc<[Entry]>> = self.lists.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let others = self.absent_content(lists.iter().flat_map(|list| list.iter())).unwrap_or_default();
        paths.extend(others.into_iter().map(|(entry, _)| entry.path.clone()));
        paths.sort();
        paths.dedup();
        paths
    }

    /// Brings the submodules among some entries; whether there were any.
    fn fetch_submodules(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        let mut any = false;
        for entry in entries.iter().filter(|entry| entry.mode == Mode::Submodule) {
            let fetched = self.resolve(&entry.path).and_then(|found| match &found.node {
                Some(node) if node.kind == Kind::File(Mode::Submodule) => self.trees.fetch_submodule(&found.directory, node).map(drop),
                _ => Ok(()),
            });
            fetched.map_err(|error| self.read_error(&entry.path, error))?;
            any = true;
        }
        if any {
            self.lists.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(any)
    }

    /// Brings the blobs of some entries that partial clones were made without, of each repository at once.
    fn fetch_blobs(&self, entries: &[&Entry]) -> Result<(), GitError> {
        let mut wanted: BTreeMap<String, (Arc<Module>, Vec<&Entry>)> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.mode.has_blob()) {
            let module = self.origin(entry.id);
            wanted.entry(module.path.clone()).or_insert_with(|| (module, Vec::new())).1.push(entry);
        }
        for (module, entries) in wanted.into_values() {
            let Some(provider) = &module.provider else { continue };
            let absent = module.repository.promised(entries.iter().map(|entry| entry.id).collect::<BTreeSet<_>>());
            let Some(first) = entries.iter().find(|entry| absent.contains(&entry.id)) else { continue };
            if let Err(reason) = provider.objects(&module.repository, &absent) {
                let what = format!("the file `{}`", first.path);
                return Err(GitError::NotFetched { id: first.id, what, reason: Some(reason) });
            }
        }
        Ok(())
    }

    /// Brings the content that Git LFS has not brought of some entries, of each repository at once.
    fn fetch_content(&self, entries: &[&Entry]) -> Result<(), GitError> {
        let mut wanted: BTreeMap<String, Lacking<'_>> = BTreeMap::new();
        for (entry, pointer) in self.absent_content(entries.iter().copied())? {
            let module = self.origin(entry.id);
            let lacking = Lacking { module, entries: Vec::new(), pointers: Vec::new() };
            let lacking = wanted.entry(lacking.module.path.clone()).or_insert(lacking);
            lacking.entries.push(entry);
            lacking.pointers.push(pointer);
        }
        for Lacking { module, entries, pointers } in wanted.into_values() {
            let Some(provider) = &module.provider else { continue };
            if let Err(reason) = provider.content(&module.repository, module.server(&self.trees), &pointers) {
                let paths = self.absent_content(entries)?.into_iter().map(|(entry, _)| entry.path.clone()).collect();
                return Err(GitError::NoLfsContent { paths, reason: Some(reason) });
            }
        }
        Ok(())
    }

    pub(super) fn read_error(&self, path: &str, error: GitError) -> ReadError {
        let help = error.help().map(|help| help.to_string());
        let path = if path.is_empty() { "." } else { path };
        ReadError { path: path.to_owned(), origin: format!("commit {}", short(self.commit)), cause: Arc::new(error), help }
    }
}

/// Content of Git LFS that one repository lacks.
struct Lacking<'e> {
    module: Arc<Module>,
    entries: Vec<&'e Entry>,
    pointers: Vec<Pointer>,
}

/// Where a path leads.
pub(super) struct Resolved {
    /// Symlinks on the way.
    pub links: Vec<Link>,
    /// The path at the end, from the repository's root.
    pub path: String,
    /// What is there.
    pub node: Option<Node>,
    /// The directory that has the node, or lacks it; the directory itself if that is what is there.
    pub directory: Directory,
}

/// A symlink on the way.
#[derive(Clone)]
pub(super) struct Link {
    /// Its path from the repository's root.
    pub path: String,
    /// The directory that has it.
    pub directory: Directory,
    /// The link itself.
    pub node: Node,
}

impl FileTree for CommitTree {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.read_file(path).map(|bytes| bytes.map(Arc::from)).map_err(|error| self.read_error(path, error))
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        let dir = dir.trim_matches('/');
        if let Some(list) = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(dir) {
            return Ok(list.clone());
        }
        let list = self.read_list(dir).map_err(|error| self.read_error(dir, error))?;
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_owned(), list.clone());
        Ok(list)
    }

    fn identity(&self, dir: &str) -> Result<Option<[u8; 32]>, ReadError> {
        self.read_identity(dir).map_err(|error| self.read_error(dir, error))
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, ReadError> {
        self.read_one(path).map_err(|error| self.read_error(path, error))
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        self.read_entry(entry).map(Arc::from).map_err(|error| self.read_error(&entry.path, error))
    }

    fn content(&self, entry: &Entry) -> Result<Content, ReadError> {
        self.open_entry(entry).map_err(|error| self.read_error(&entry.path, error))
    }

    fn blob_sizes(&self, entries: &[&Entry]) -> Result<Vec<u64>, ReadError> {
        self.fetch_blobs(entries).map_err(|error| self.read_error("", error))?;
        entries.iter().map(|entry| self.blob_size(entry)).collect()
    }

    fn blob_size(&self, entry: &Entry) -> Result<u64, ReadError> {
        self.read_size(entry).map_err(|error| self.read_error(&entry.path, error))
    }

    fn check(&self, entry: &Entry) -> Result<(), ReadError> {
        self.check_entry(entry).map_err(|error| self.read_error(&entry.path, error))
    }

    fn fetch(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        if self.root.module.provider.is_none() {
            return Ok(false);
        }
        let any = self.fetch_submodules(entries)?;
        self.fetch_blobs(entries).and_then(|()| self.fetch_content(entries)).map_err(|error| {
            let path = match &error {
                GitError::NoLfsContent { paths, .. } => paths.first().cloned().unwrap_or_default(),
                _ => String::new(),
            };
            self.read_error(&path, error)
        })?;
        Ok(any)
    }
}

/// The parts of a path, last first, without empty ones and `.`.
fn parts(path: &str) -> Vec<String> {
    path.rsplit('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}

fn outside(path: &str) -> GitError {
    let message = format!("a symbolic link of `{path}` leads out of the repository or in a circle");
    GitError::Unusable { action: format!("follow `{path}`"), cause: Arc::new(std::io::Error::other(message)).into() }
}
