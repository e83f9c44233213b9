//! Submodules: the repository that has the objects of a submodule's commit.
//!
//! A submodule's name is in the `.gitmodules` of the commit that has it (gitmodules(5)); its repository is where `git submodule` puts it,
//! in `modules/NAME` of the outer one's, else in the work tree itself, as older versions of Git and `git clone` by hand leave it. Where it is
//! in neither and its files are wanted, it is fetched.

use std::collections::HashMap;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gix::bstr::ByteSlice;

use super::commit::{short, to_gix, to_id};
use super::directory::{Directory, Kind, Node, Trees};
use super::error::{Attempt, Cause, GitError};
use super::lfs;
use super::provider::{Binding, NotBrought, Provider};
use super::repository::{Repository, open_objects};
use super::work_tree::on_disk;
use crate::file_tree::{Mode, ObjectId, bytes_of_text, text_of_bytes};

/// The name of the file that names submodules.
const MODULES: &str = ".gitmodules";

/// The name of the file that configures Git LFS.
const LFS: &str = ".lfsconfig";

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
    /// Who brings what its repository lacks; `None` where nothing is fetched.
    pub provider: Option<Arc<dyn Provider>>,
    names: OnceLock<Result<HashMap<String, Named>, GitError>>,
    server: OnceLock<Option<String>>,
}

/// What `.gitmodules` says of a path.
#[derive(Clone)]
struct Named {
    name: String,
    url: Option<String>,
}

impl Module {
    /// The project's own repository.
    pub fn outermost(repository: Arc<Repository>, commit: ObjectId, tree: ObjectId, provider: Option<Arc<dyn Provider>>) -> Self {
        let work_tree = repository.work_tree().map(PathBuf::from);
        let (names, server) = (OnceLock::new(), OnceLock::new());
        Module { repository, tree, commit, path: String::new(), work_tree, provider, names, server }
    }

    /// The bytes of a blob, fetched if a partial clone lacks it; `path` is for messages.
    pub fn blob(&self, id: ObjectId, path: &str) -> Result<Vec<u8>, GitError> {
        self.with_object(id, || self.repository.blob(id, path))
    }

    /// Reads something for which one object is needed; if a partial clone lacks that, it is fetched.
    pub fn with_object<T>(&self, id: ObjectId, read: impl Fn() -> Result<T, GitError>) -> Result<T, GitError> {
        match (read(), &self.provider) {
            (Err(GitError::NotFetched { .. }), Some(provider)) => {
                let reason = provider.objects(&self.repository, &[id]).err();
                read().map_err(|error| error.because(reason))
            }
            (done, _) => done,
        }
    }

    /// The server of Git LFS that the commit's own `.lfsconfig` names.
    pub fn server(&self, trees: &Trees) -> Option<&str> {
        let read = || lfs::named_server(&self.file(trees, LFS).ok()??.1);
        self.server.get_or_init(read).as_deref()
    }

    /// A file of the commit's root that configures Git, with its path. One that is a link counts for nothing, as in Git.
    fn file(&self, trees: &Trees, name: &str) -> Result<Option<(String, Vec<u8>)>, GitError> {
        let nodes = trees.nodes(self, self.tree, &self.path)?;
        let is_file = |node: &&Node| node.name == name && matches!(node.kind, Kind::File(Mode::File | Mode::Executable));
        let Some(file) = nodes.iter().find(is_file) else { return Ok(None) };
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        let blob = self.blob(file.id, &path)?;
        Ok(Some((path, blob)))
    }
}

/// Finds the repository of a submodule in a directory.
pub(super) fn find(trees: &Trees, above: &Directory, node: &Node) -> Result<Module, GitError> {
    let outer = &above.module;
    let (Named { name, .. }, work_tree) = (named(trees, above, node)?, work_tree(above, node));
    let mut reason = "it was not fetched".to_owned();
    for place in places(&outer.repository, &name, work_tree.as_ref()) {
        match open_objects(&place) {
            Ok(None) => {}
            Err(error) => reason = error.to_string(),
            Ok(Some(repository)) => match root(&repository, node.id) {
                Ok(Some(tree)) => {
                    let provider = outer.provider.as_ref().map(|provider| provider.inner());
                    return Ok(module(above, node, repository, tree, provider));
                }
                Ok(None) => reason = format!("`{}` does not have the commit", place.display()),
                Err(error) => reason = error.to_string(),
            },
        }
    }
    Err(GitError::NoSubmodule { path: above.path(&node.name), commit: short(node.id), reason, cause: None })
}

/// Fetches the repository of a submodule that is not here for a reason; `None` where nothing is fetched.
pub(super) fn fetch(trees: &Trees, above: &Directory, node: &Node, reason: &str) -> Option<Result<Module, GitError>> {
    let outer = &above.module;
    let provider = outer.provider.as_ref()?;
    let absent = |cause: NotBrought| {
        let (path, commit, reason) = (above.path(&node.name), short(node.id), reason.to_owned());
        GitError::NoSubmodule { path, commit, reason, cause: Some(cause) }
    };
    let fetched = || {
        let Named { name, url } = named(trees, above, node)?;
        let binding = Binding { name, url, commit: node.id };
        let (repository, provider) = provider.submodule(&outer.repository, &binding).map_err(absent)?;
        let action = || format!("read commit {} of the submodule `{}`", node.id, above.path(&node.name));
        let tree = root(&repository, node.id)?;
        let tree = tree.ok_or_else(|| GitError::Unusable { action: action(), cause: Cause::new(std::io::Error::from(NotFound)) })?;
        Ok(module(above, node, repository, tree, Some(provider)))
    };
    Some(fetched())
}

fn module(above: &Directory, node: &Node, repository: Arc<Repository>, tree: ObjectId, provider: Option<Arc<dyn Provider>>) -> Module {
    let (path, work_tree) = (above.path(&node.name), work_tree(above, node));
    Module { repository, tree, commit: node.id, path, work_tree, provider, names: OnceLock::new(), server: OnceLock::new() }
}

/// Where the files of a submodule are on disk: nowhere, if the submodule that it is in is not checked out.
fn work_tree(above: &Directory, node: &Node) -> Option<PathBuf> {
    let outer = &above.module;
    let root = outer.work_tree.as_ref().filter(|root| outer.path.is_empty() || root.join(".git").exists());
    root.map(|root| root.join(on_disk(&above.inside(&node.name))))
}

/// What the commit above says of a submodule.
fn named(trees: &Trees, above: &Directory, node: &Node) -> Result<Named, GitError> {
    let outer = &above.module;
    let names = outer.names.get_or_init(|| names(trees, outer)).as_ref().map_err(GitError::clone)?;
    let named = names.get(&above.inside(&node.name)).cloned();
    named.ok_or_else(|| GitError::UnnamedSubmodule { path: above.path(&node.name) })
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

/// What a commit says of its submodules by their paths. The last line counts.
fn names(trees: &Trees, module: &Module) -> Result<HashMap<String, Named>, GitError> {
    let Some((path, blob)) = module.file(trees, MODULES)? else { return Ok(HashMap::new()) };
    let config = gix::config::File::try_from(blob.as_bstr()).attempt(format!("read `{path}` of the commit"))?;
    let mut names = HashMap::new();
    // A name may have several sections.
    let mut urls = HashMap::new();
    for section in config.sections_by_name("submodule").into_iter().flatten() {
        let Some(name) = section.header().subsection_name().map(|name| text_of_bytes(name).into_owned()) else { continue };
        if let Some(url) = section.value("url") {
            urls.insert(name.clone(), url.to_string());
        }
        if let Some(path) = section.value("path") {
            names.insert(text_of_bytes(&path).trim_end_matches('/').to_owned(), name);
        }
    }
    let named = |name: String| Named { url: urls.get(&name).cloned(), name };
    Ok(names.into_iter().map(|(path, name)| (path, named(name))).collect())
}
