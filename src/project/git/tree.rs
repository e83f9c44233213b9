//! One commit's files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::commit::{Commit, short, to_gix, to_id};
use super::error::{Attempt, GitError};
use super::repository::Repository;
use crate::file_tree::{Entry, FileTree, Mode, ObjectId, ReadError};

/// How many symbolic links may lead to one file, as on Linux.
const MAX_LINKS: usize = 40;

/// The files of one commit below the project's directory. Trees and listings are read when first asked for and kept.
pub struct CommitTree {
    repository: Arc<Repository>,
    commit: ObjectId,
    root: ObjectId,
    project: ObjectId,
    trees: Mutex<HashMap<ObjectId, Arc<[Node]>>>,
    lists: Mutex<HashMap<String, Arc<[Entry]>>>,
}

/// One name in one directory of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// File or directory name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Blob, tree or (for a submodule) commit. Equal tree ids mean equal directories.
    pub id: ObjectId,
}

/// A file with its mode, or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything but a directory.
    File(Mode),
    /// A directory.
    Directory,
}

/// The files of a commit.
pub fn commit_tree(repository: &Arc<Repository>, commit: &Commit) -> Result<CommitTree, GitError> {
    let mut tree = CommitTree {
        repository: repository.clone(),
        commit: commit.id,
        root: commit.tree,
        project: commit.tree,
        trees: Mutex::default(),
        lists: Mutex::default(),
    };
    for name in repository.project_prefix().split('/').filter(|name| !name.is_empty()) {
        let nodes = tree.nodes(tree.project)?;
        let found = nodes.iter().find(|node| node.name == name && node.kind == Kind::Directory);
        let missing = || GitError::NoProjectDirectory { commit: commit.short(), dir: repository.project_prefix().to_owned() };
        tree.project = found.ok_or_else(missing)?.id;
    }
    Ok(tree)
}

impl CommitTree {
    /// The commit's id.
    pub fn commit(&self) -> ObjectId {
        self.commit
    }

    /// The repository that the objects are in.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }

    /// The id of a directory (`""` is the project's own), symlinks followed; `None` where there is none.
    /// Equal ids mean equal files with equal modes all the way down.
    pub fn subtree(&self, dir: &str) -> Result<Option<ObjectId>, ReadError> {
        let found = self.resolve(dir).map_err(|error| self.read_error(dir, error))?;
        Ok(found.node.filter(|node| node.kind == Kind::Directory).map(|node| node.id))
    }

    /// The names directly in a directory of a known id, in Git's order.
    pub fn children(&self, tree: ObjectId) -> Result<Arc<[Node]>, ReadError> {
        self.nodes(tree).map_err(|error| self.read_error(&tree.to_string(), error))
    }

    /// The bytes of a blob of a known id.
    pub fn object(&self, id: ObjectId) -> Result<Arc<[u8]>, ReadError> {
        self.repository.blob(id).map(Arc::from).map_err(|error| self.read_error(&id.to_string(), error))
    }

    /// The entry that a path names itself, a symlink not followed; `None` where there is no file.
    pub(super) fn resolve(&self, path: &str) -> Result<Resolved, GitError> {
        let mut links = Vec::new();
        // Directories from the repository's root down to where we are: links may lead out of the project, not out of the repository.
        let mut place: Vec<(String, ObjectId)> = Vec::new();
        let mut pending: Vec<String> = parts(path);
        pending.extend(parts(self.repository.project_prefix()));
        while let Some(name) = pending.pop() {
            if name == ".." {
                if place.pop().is_none() {
                    return Err(outside(path));
                }
                continue;
            }
            let here = place.last().map_or(self.root, |(_, id)| *id);
            let nodes = self.nodes(here)?;
            let Some(node) = nodes.iter().find(|node| node.name == name) else {
                return Ok(Resolved { links, path: join(&place, &name, &pending), node: None });
            };
            match node.kind {
                Kind::Directory => place.push((name, node.id)),
                Kind::File(Mode::Symlink) => {
                    let target = self.repository.blob(node.id)?;
                    let target = String::from_utf8_lossy(&target).into_owned();
                    if target.starts_with('/') || links.len() == MAX_LINKS {
                        return Err(outside(path));
                    }
                    links.push((join(&place, &name, &[]), node.clone()));
                    pending.extend(parts(&target));
                }
                Kind::File(_) if pending.is_empty() => {
                    return Ok(Resolved { links, path: join(&place, &name, &[]), node: Some(node.clone()) });
                }
                Kind::File(_) => return Ok(Resolved { links, path: join(&place, &name, &pending), node: None }),
            }
        }
        let (name, id) = place.last().cloned().unwrap_or((String::new(), self.root));
        let path = place.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/");
        Ok(Resolved { links, path, node: Some(Node { name, kind: Kind::Directory, id }) })
    }

    fn nodes(&self, tree: ObjectId) -> Result<Arc<[Node]>, GitError> {
        if let Some(nodes) = self.trees.lock().unwrap_or_else(PoisonError::into_inner).get(&tree) {
            return Ok(nodes.clone());
        }
        let action = || format!("read the directory {tree} of commit {}", short(self.commit));
        let nodes: Arc<[Node]> = self.repository.with(|repo| {
            let object = repo.find_tree(to_gix(tree)).attempt(action())?;
            let entries = object.iter().map(|entry| {
                let entry = entry.attempt(action())?;
                let name = std::str::from_utf8(entry.filename()).attempt(format!("use the file name `{}`", entry.filename()))?;
                let kind = match entry.kind() {
                    gix::objs::tree::EntryKind::Tree => Kind::Directory,
                    gix::objs::tree::EntryKind::Blob => Kind::File(Mode::File),
                    gix::objs::tree::EntryKind::BlobExecutable => Kind::File(Mode::Executable),
                    gix::objs::tree::EntryKind::Link => Kind::File(Mode::Symlink),
                    gix::objs::tree::EntryKind::Commit => Kind::File(Mode::Submodule),
                };
                Ok(Node { name: name.to_owned(), kind, id: to_id(entry.oid()) })
            });
            entries.collect::<Result<_, GitError>>()
        })?;
        self.trees.lock().unwrap_or_else(PoisonError::into_inner).insert(tree, nodes.clone());
        Ok(nodes)
    }

    fn collect(&self, tree: ObjectId, path: &mut String, entries: &mut Vec<Entry>) -> Result<(), GitError> {
        for node in self.nodes(tree)?.iter() {
            let length = path.len();
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&node.name);
            match node.kind {
                Kind::Directory => self.collect(node.id, path, entries)?,
                Kind::File(mode) => entries.push(Entry::new(path.as_str(), mode, node.id)),
            }
            path.truncate(length);
        }
        Ok(())
    }

    pub(super) fn read_error(&self, path: &str, error: GitError) -> ReadError {
        ReadError { path: path.to_owned(), origin: format!("commit {}", short(self.commit)), cause: Arc::new(error), help: None }
    }
}

/// Where a path leads.
pub(super) struct Resolved {
    /// Symlinks on the way: their paths from the repository's root and their nodes.
    pub links: Vec<(String, Node)>,
    /// The path at the end, from the repository's root.
    pub path: String,
    /// What is there.
    pub node: Option<Node>,
}

impl FileTree for CommitTree {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        let found = self.resolve(path).map_err(|error| self.read_error(path, error))?;
        match found.node {
            Some(Node { kind: Kind::File(Mode::File | Mode::Executable), id, .. }) => Ok(Some(self.object(id)?)),
            _ => Ok(None),
        }
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        let dir = dir.trim_matches('/');
        if let Some(list) = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(dir) {
            return Ok(list.clone());
        }
        let mut entries = Vec::new();
        if let Some(tree) = self.subtree(dir)? {
            self.collect(tree, &mut dir.to_owned(), &mut entries).map_err(|error| self.read_error(dir, error))?;
        }
        let list: Arc<[Entry]> = entries.into();
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_owned(), list.clone());
        Ok(list)
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        self.repository.blob(entry.id).map(Arc::from).map_err(|error| self.read_error(&entry.path, error))
    }

    fn blob_size(&self, entry: &Entry) -> Result<u64, ReadError> {
        self.repository.blob_size(entry.id).map_err(|error| self.read_error(&entry.path, error))
    }
}

/// The parts of a path, last first, without empty ones and `.`.
fn parts(path: &str) -> Vec<String> {
    path.rsplit('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}

fn join(place: &[(String, ObjectId)], name: &str, pending: &[String]) -> String {
    let above = place.iter().map(|(name, _)| name.as_str());
    above.chain([name]).chain(pending.iter().rev().map(String::as_str)).collect::<Vec<_>>().join("/")
}

fn outside(path: &str) -> GitError {
    let message = format!("a symbolic link of `{path}` leads out of the repository or in a circle");
    GitError::Unusable { action: format!("follow `{path}`"), cause: Arc::new(std::io::Error::other(message)).into() }
}
