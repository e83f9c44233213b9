//! Whether the files that an image sees are the same in two commits, without a list of them: digests of trees, remembered by subtree.

use std::collections::HashMap;
use std::sync::Arc;

use gix::bstr::ByteSlice;
use gix::objs::tree::{EntryKind, EntryMode};

use super::attributes::ATTRIBUTES;
use super::commit::{to_gix, to_id};
use super::error::{Attempt, GitError};
use super::repository::{Repository, missing};
use crate::file_tree::{ObjectId, text_of_bytes};

/// How many names of trees are kept.
const MOST: usize = 1 << 18;

/// Which files count, by their path from the project's directory.
type Keep<'k> = Box<dyn Fn(&str) -> bool + 'k>;

/// What is known of a subtree: the digest of its files that count, nothing where none does, or that it cannot be told so.
type Known = Result<Option<[u8; 32]>, NotPlain>;

/// There are links, submodules or attributes: what they do to files is no matter of names and ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NotPlain;

/// Names of a tree.
type Names = Arc<[(String, EntryMode, ObjectId)]>;

/// Reads trees, and keeps some: commits that follow one another share most.
#[derive(Default)]
pub struct Trees {
    known: HashMap<ObjectId, Names>,
    /// How many names that are.
    count: usize,
}

impl Trees {
    fn names(&mut self, repository: &Repository, tree: ObjectId) -> Result<Names, GitError> {
        if let Some(known) = self.known.get(&tree) {
            return Ok(known.clone());
        }
        let action = || format!("read the Git object {tree}, a directory");
        let names: Names = repository.with(|repo| {
            let object = repo.try_find_object(to_gix(tree)).attempt_with(action)?.ok_or_else(|| missing(repo, tree, "a directory"))?;
            let object = object.try_into_tree().attempt_with(action)?;
            let entries = object.iter().map(|entry| {
                let entry = entry.attempt_with(action)?;
                Ok((text_of_bytes(entry.filename().as_bytes()).into_owned(), entry.mode(), to_id(entry.oid())))
            });
            entries.collect::<Result<_, GitError>>()
        })?;
        self.count += names.len();
        if self.count > MOST {
            self.known.clear();
            self.count = names.len();
        }
        self.known.insert(tree, names.clone());
        Ok(names)
    }

    /// The kind and id of what is at a path of the project, by which equal things are told; nothing is followed.
    pub fn at(&mut self, repository: &Repository, root: ObjectId, path: &str) -> Result<Option<(u16, ObjectId)>, GitError> {
        let mut found = (EntryKind::Tree.into(), root);
        for name in repository.project_prefix().split('/').chain(path.split('/')).filter(|name| !name.is_empty() && *name != ".") {
            let (mode, id): (EntryMode, ObjectId) = found;
            if !mode.is_tree() {
                return Ok(None);
            }
            match self.names(repository, id)?.iter().find(|(other, ..)| other == name) {
                Some((_, mode, id)) => found = (*mode, *id),
                None => return Ok(None),
            }
        }
        Ok(Some((found.0.value(), found.1)))
    }
}

/// Some files of each commit.
pub struct Selection<'k> {
    directory: String,
    keep: Keep<'k>,
    known: HashMap<(ObjectId, String), Known>,
}

impl<'k> Selection<'k> {
    /// The files below a directory of the project that `keep` names, by their path from the project's directory.
    pub fn new(directory: &str, keep: impl Fn(&str) -> bool + 'k) -> Self {
        Selection { directory: directory.to_owned(), keep: Box::new(keep), known: HashMap::new() }
    }

    /// The digest of the files that a root tree has: their paths, modes and contents. `None` where names and ids do not tell what
    /// files are.
    pub fn digest(&mut self, repository: &Repository, trees: &mut Trees, root: ObjectId) -> Result<Option<[u8; 32]>, GitError> {
        let mut found = (EntryMode::from(EntryKind::Tree), root);
        let mut is_project = repository.project_prefix().is_empty();
        let prefix = repository.project_prefix().split('/').filter(|name| !name.is_empty()).count();
        let directory = self.directory.clone();
        let way = repository.project_prefix().split('/').chain(directory.split('/')).filter(|name| !name.is_empty());
        for (at, name) in way.enumerate() {
            let names = trees.names(repository, found.1)?;
            // Those of the project's own directory are for the caller to compare.
            if at != prefix && names.iter().any(|(name, ..)| name == ATTRIBUTES) {
                return Ok(None);
            }
            match names.iter().find(|(other, ..)| other == name) {
                Some((_, mode, id)) if mode.is_tree() || mode.is_blob() => found = (*mode, *id),
                Some(_) => return Ok(None),
                None => return Ok(Some([0; 32])),
            }
            is_project |= at + 1 >= prefix;
        }
        if !found.0.is_tree() {
            return Ok(is_project.then(|| of_file(&directory, found.0, found.1)));
        }
        let is_root = found.1 == root;
        let known = self.visit(repository, trees, found.1, &directory, is_root)?;
        Ok(known.map(|digest| digest.unwrap_or([0; 32])).ok())
    }

    fn visit(&mut self, repository: &Repository, trees: &mut Trees, tree: ObjectId, path: &str, is_root: bool) -> Result<Known, GitError> {
        let key = (tree, path.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let names = trees.names(repository, tree)?;
        let mut hasher = blake3::Hasher::new();
        let mut any = false;
        let mut known = Ok(());
        for (name, mode, id) in names.iter() {
            let inside = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if mode.is_tree() {
                match self.visit(repository, trees, *id, &inside, false)? {
                    Ok(Some(digest)) => {
                        hasher.update(name.as_bytes()).update(b"\0d").update(&digest);
                        any = true;
                    }
                    Ok(None) => {}
                    Err(NotPlain) => known = Err(NotPlain),
                }
            } else if mode.is_commit() || mode.is_link() && (self.keep)(&inside) || name == ATTRIBUTES && !is_root {
                known = Err(NotPlain);
            } else if mode.is_blob() && (self.keep)(&inside) {
                hasher.update(&of_file(name, *mode, *id));
                any = true;
            }
            if known.is_err() {
                break;
            }
        }
        let known = known.map(|()| any.then(|| *hasher.finalize().as_bytes()));
        // The root of each commit is another one, and is asked for once.
        if !is_root {
            self.known.insert(key, known);
        }
        Ok(known)
    }
}

fn of_file(name: &str, mode: EntryMode, id: ObjectId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(b"\0f").update(&mode.value().to_le_bytes()).update(&id.0);
    *hasher.finalize().as_bytes()
}
