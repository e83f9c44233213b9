//! Directories of a commit and of its submodules: their names, and the attributes that hold in them. Each is read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::attributes::{ATTRIBUTES, Rules};
use super::commit::{to_gix, to_id};
use super::error::{Attempt, GitError};
use super::repository::missing;
use super::submodule::{self, Module};
use super::work_tree::is_below;
use crate::file_tree::{Conversion, Mode, ObjectId, bytes_of_text, text_of_bytes};

/// The longest path in bytes, as on Linux. It bounds the depth of directories too.
const LONGEST_PATH: usize = 4096;

/// One name in one directory of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// File or directory name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Blob, tree or (for a submodule) commit.
    pub id: ObjectId,
}

/// A file with its mode, or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything but a directory.
    File(Mode),
    /// A directory.
    Directory,
}

/// A directory and its place.
#[derive(Clone)]
pub(super) struct Directory {
    /// The repository and commit that it is of.
    pub module: Arc<Module>,
    /// Path from the module's root; empty for the root.
    pub inside: String,
    /// Its tree.
    pub tree: ObjectId,
    rules: Option<Arc<Rules>>,
}

impl Directory {
    /// The path of a name in it, from the module's root.
    pub fn inside(&self, name: &str) -> String {
        join(&self.inside, name)
    }

    /// The path of a name in it, from the root of the commit.
    pub fn path(&self, name: &str) -> String {
        join(&self.module.path, &self.inside(name))
    }

    /// What its files depend on: its tree, and the attributes from above with its place among them.
    pub fn identity(&self) -> [u8; 32] {
        self.identity_with(self.tree, &self.inside)
    }

    /// The same of a directory in it, which need not be read.
    pub fn identity_of(&self, node: &Node) -> [u8; 32] {
        self.identity_with(node.id, &self.inside(&node.name))
    }

    /// Attributes that the tree has itself follow from it.
    fn identity_with(&self, tree: ObjectId, inside: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("werf directory of a commit v1");
        hasher.update(&tree.0);
        if let Some(rules) = &self.rules {
            let mut part = |bytes: &[u8]| {
                hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
            };
            part(&bytes_of_text(inside));
            for (directory, file) in rules.files() {
                part(directory);
                part(&file.0);
            }
        }
        *hasher.finalize().as_bytes()
    }

    /// Whether a file system could hold the path of a name in it.
    pub fn check(&self, name: &str) -> Result<(), GitError> {
        let most = self.module.path.len() + self.inside.len() + name.len() + 2;
        if most <= LONGEST_PATH { Ok(()) } else { check_length(&self.path(name)) }
    }

    /// What a checkout does to a file in it.
    pub fn conversion(&self, node: &Node) -> Option<Arc<Conversion>> {
        match (node.kind, &self.rules) {
            (Kind::File(Mode::File | Mode::Executable), Some(rules)) if rules.converts() => {
                rules.conversion(&bytes_of_text(&self.inside(&node.name))).map(Arc::new)
            }
            _ => None,
        }
    }
}

fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", name) => name.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, name) => format!("{directory}/{name}"),
    }
}

/// What was read of a commit's directories.
#[derive(Default)]
pub(super) struct Trees {
    nodes: Mutex<HashMap<ObjectId, Arc<[Node]>>>,
    /// By the path of a directory that has attributes.
    rules: Mutex<HashMap<String, Option<Arc<Rules>>>>,
    /// By the path of a submodule.
    modules: Mutex<HashMap<String, Result<Arc<Module>, GitError>>>,
}

impl Trees {
    /// The root of a commit or of a submodule.
    pub fn root(&self, module: &Arc<Module>) -> Result<Directory, GitError> {
        self.directory(module.clone(), String::new(), module.tree, None)
    }

    /// A directory in another.
    pub fn enter(&self, above: &Directory, name: &str, tree: ObjectId) -> Result<Directory, GitError> {
        self.directory(above.module.clone(), above.inside(name), tree, above.rules.as_ref())
    }

    /// The root of a submodule's files, as far as they are here.
    ///
    /// # Errors
    /// [`GitError::NoSubmodule`] or [`GitError::UnnamedSubmodule`] if they are not here.
    pub fn enter_submodule(&self, above: &Directory, node: &Node) -> Result<Directory, GitError> {
        let path = above.path(&node.name);
        let known = self.modules.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
        let module = known.unwrap_or_else(|| {
            let found = submodule::find(self, above, node).map(Arc::new);
            self.modules.lock().unwrap_or_else(PoisonError::into_inner).insert(path, found.clone());
            found
        });
        self.root(&module?)
    }

    /// The same, where the files are wanted: what is not here is fetched, and asked for once.
    pub fn fetch_submodule(&self, above: &Directory, node: &Node) -> Result<Directory, GitError> {
        match self.enter_submodule(above, node) {
            Err(GitError::NoSubmodule { path, commit, reason, cause: None }) => {
                let fetched = submodule::fetch(self, above, node, &reason);
                let fetched = fetched.unwrap_or(Err(GitError::NoSubmodule { path, commit, reason, cause: None })).map(Arc::new);
                self.modules.lock().unwrap_or_else(PoisonError::into_inner).insert(above.path(&node.name), fetched.clone());
                self.root(&fetched?)
            }
            entered => entered,
        }
    }

    /// The submodules that were found in a directory so far, with the one that the directory itself is in; sorted by path.
    pub fn modules(&self, directory: &str, own: &Arc<Module>) -> Vec<Arc<Module>> {
        let known = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let below = known.values().flatten().filter(|module| is_below(&module.path, directory) && module.path != own.path).cloned();
        let mut modules: Vec<Arc<Module>> = below.chain((!own.path.is_empty()).then(|| own.clone())).collect();
        modules.sort_by(|a, b| a.path.cmp(&b.path));
        modules
    }

    fn directory(&self, module: Arc<Module>, inside: String, tree: ObjectId, above: Option<&Arc<Rules>>) -> Result<Directory, GitError> {
        let path = join(&module.path, &inside);
        check_length(&path)?;
        let nodes = self.nodes(&module, tree, &path)?;
        let file = nodes.iter().find(|node| node.name == ATTRIBUTES && matches!(node.kind, Kind::File(Mode::File | Mode::Executable)));
        let rules = match file {
            Some(file) => self.rules(&module, &inside, path, file, above)?,
            None => above.cloned(),
        };
        Ok(Directory { module, inside, tree, rules })
    }

    fn rules(
        &self,
        module: &Module,
        inside: &str,
        path: String,
        file: &Node,
        above: Option<&Arc<Rules>>,
    ) -> Result<Option<Arc<Rules>>, GitError> {
        if let Some(known) = self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(&path) {
            return Ok(known.clone());
        }
        let blob = module.blob(file.id, &join(&path, ATTRIBUTES))?;
        let rules = Rules::new(above, &bytes_of_text(inside), &blob);
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).insert(path, rules.clone());
        Ok(rules)
    }

    /// The names in a directory, in Git's order. `path` is for messages.
    pub fn nodes(&self, module: &Module, tree: ObjectId, path: &str) -> Result<Arc<[Node]>, GitError> {
        if let Some(nodes) = self.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(&tree) {
            return Ok(nodes.clone());
        }
        let what = || format!("the directory `{}`", if path.is_empty() { "." } else { path });
        let action = || format!("read the Git object {tree}, {}", what());
        let nodes: Arc<[Node]> = module.with_object(tree, || {
            module.repository.with(|repo| {
                let object = repo.try_find_object(to_gix(tree)).attempt(action())?.ok_or_else(|| missing(repo, tree, &what()))?;
                let object = object.try_into_tree().attempt(action())?;
                let entries = object.iter().map(|entry| {
                    let entry = entry.attempt(action())?;
                    let name = text_of_bytes(entry.filename()).into_owned();
                    if name.is_empty() || name == "." || name == ".." || name.contains('/') || name.eq_ignore_ascii_case(".git") {
                        return Err(GitError::Name { dir: tree, name });
                    }
                    let kind = match entry.kind() {
                        gix::objs::tree::EntryKind::Tree => Kind::Directory,
                        gix::objs::tree::EntryKind::Blob => Kind::File(Mode::File),
                        gix::objs::tree::EntryKind::BlobExecutable => Kind::File(Mode::Executable),
                        gix::objs::tree::EntryKind::Link => Kind::File(Mode::Symlink),
                        gix::objs::tree::EntryKind::Commit => Kind::File(Mode::Submodule),
                    };
                    Ok(Node { name, kind, id: to_id(entry.oid()) })
                });
                entries.collect::<Result<_, GitError>>()
            })
        })?;
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(tree, nodes.clone());
        Ok(nodes)
    }
}

/// A path from the root of the commit that no file system could hold is an error that shows its beginning.
fn check_length(path: &str) -> Result<(), GitError> {
    // An escaped byte is four of the text's.
    if path.len() <= LONGEST_PATH || bytes_of_text(path).len() <= LONGEST_PATH {
        return Ok(());
    }
    Err(GitError::TooDeep { dir: path.chars().take(60).collect(), bytes: LONGEST_PATH })
}
