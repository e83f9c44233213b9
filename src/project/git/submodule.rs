//! Submodules: the repository that has the objects of a submodule's commit.
//!
//! A submodule's name is in the `.gitmodules` of the commit that has it (gitmodules(5)); its repository is where `git submodule` puts it,
//! in `modules/NAME` of the outer one's, else in the work tree itself, as older versions of Git and `git clone` by hand leave it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gix::bstr::ByteSlice;

use super::commit::{short, to_gix, to_id};
use super::directory::{Directory, Kind, Node, Trees};
use super::error::{Attempt, GitError};
use super::repository::{Repository, open_objects};
use super::work_tree::on_disk;
use crate::file_tree::{Mode, ObjectId, bytes_of_text, text_of_bytes};

/// The name of the file that names submodules.
const MODULES: &str = ".gitmodules";

/// A repository at one commit: the project's own, or that of a submodule.
pub(super) struct Module {
    /// Where its objects are.
    pub repository: Arc<Repository>,
    /// The root of the commit.
    pub tree: ObjectId,
    /// The commit.
    pub commit: ObjectId,
    /// Path from the root of the outermost repository; empty for that one.
    pub path: String,
    /// Where its files are on disk, if there is a work tree.
    pub work_tree: Option<PathBuf>,
    names: OnceLock<Result<HashMap<String, String>, GitError>>,
}

impl Module {
    /// The project's own repository.
    pub fn outermost(repository: Arc<Repository>, commit: ObjectId, tree: ObjectId) -> Self {
        let work_tree = repository.work_tree().map(PathBuf::from);
        Module { repository, tree, commit, path: String::new(), work_tree, names: OnceLock::new() }
    }
}

/// Finds the repository of a submodule in a directory.
pub(super) fn find(trees: &Trees, above: &Directory, node: &Node) -> Result<Module, GitError> {
    let outer = &above.module;
    let (inside, path) = (above.inside(&node.name), above.path(&node.name));
    let names = outer.names.get_or_init(|| names(trees, outer)).as_ref().map_err(GitError::clone)?;
    let Some(name) = names.get(&inside) else { return Err(GitError::UnnamedSubmodule { path }) };
    let work_tree = outer.work_tree.as_ref().map(|root| root.join(on_disk(&inside)));
    let mut reason = "it was not fetched".to_owned();
    for place in places(&outer.repository, name, work_tree.as_ref()) {
        match open_objects(&place) {
            Ok(None) => {}
            Err(error) => reason = error.to_string(),
            Ok(Some(repository)) => match root(&repository, node.id) {
                Ok(Some(tree)) => {
                    return Ok(Module { repository, tree, commit: node.id, path, work_tree, names: OnceLock::new() });
                }
                Ok(None) => reason = format!("`{}` does not have the commit", place.display()),
                Err(error) => reason = error.to_string(),
            },
        }
    }
    Err(GitError::NoSubmodule { path, commit: short(node.id), reason })
}

/// Where the repository of a submodule may be. A linked work tree has its own, and may borrow those of the main one.
fn places(outer: &Repository, name: &str, work_tree: Option<&PathBuf>) -> Vec<PathBuf> {
    let name = bytes_of_text(name);
    let mut places = Vec::new();
    if gix::validate::submodule::name(name.as_bstr()).is_ok() {
        let module = Path::new("modules").join(on_disk(&text_of_bytes(&name)));
        places = outer.with(|repo| [repo.git_dir(), repo.common_dir()].map(|dir| dir.join(&module)).to_vec());
        places.dedup();
    }
    places.extend(work_tree.map(|root| root.join(".git")));
    places
}

/// The root of a commit; `None` if the repository lacks either.
fn root(repository: &Repository, commit: ObjectId) -> Result<Option<ObjectId>, GitError> {
    let action = || format!("read commit {commit}");
    repository.with(|repo| {
        let Some(object) = repo.try_find_object(to_gix(commit)).attempt(action())? else { return Ok(None) };
        let tree = object.try_into_commit().attempt(action())?.tree_id().attempt(action())?;
        Ok(repo.try_find_header(tree).attempt(action())?.map(|_| to_id(&tree)))
    })
}

/// The names of a commit's submodules by their paths. The last line counts; `.gitmodules` that is a link counts for nothing, as in Git.
fn names(trees: &Trees, module: &Module) -> Result<HashMap<String, String>, GitError> {
    let nodes = trees.nodes(module, module.tree, &module.path)?;
    let is_file = |node: &&Node| node.name == MODULES && matches!(node.kind, Kind::File(Mode::File | Mode::Executable));
    let Some(file) = nodes.iter().find(is_file) else { return Ok(HashMap::new()) };
    let path = if module.path.is_empty() { MODULES.to_owned() } else { format!("{}/{MODULES}", module.path) };
    let blob = module.repository.blob(file.id, &path)?;
    let config = gix::config::File::try_from(blob.as_bstr()).attempt(format!("read `{path}` of the commit"))?;
    let mut names = HashMap::new();
    for section in config.sections_by_name("submodule").into_iter().flatten() {
        let name = section.header().subsection_name();
        if let (Some(name), Some(path)) = (name, section.value("path")) {
            let path = text_of_bytes(&path).trim_end_matches('/').to_owned();
            names.insert(path, text_of_bytes(name).into_owned());
        }
    }
    Ok(names)
}
