//! Finding the repository and naming its commits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::commit::{Commit, from_gix, to_gix};
use super::error::{Attempt, GitError};
use crate::file_tree::ObjectId;

/// An open repository and the project's place in it. Shared between threads.
pub struct Repository {
    shared: gix::ThreadSafeRepository,
    /// Thread-local handles that are not in use: making one costs more than most reads.
    idle: Mutex<Vec<gix::Repository>>,
    work_tree: Option<PathBuf>,
    prefix: String,
}

/// Finds the repository that holds `project_dir` (and the project's place in it); `work_tree` overrides where its files are.
///
/// Opens configuration and refs only: no index, no objects, no submodules.
pub fn discover(project_dir: &Path, work_tree: Option<&Path>) -> Result<Arc<Repository>, GitError> {
    let dir = project_dir.canonicalize().map_err(|_| GitError::NoDirectory { dir: project_dir.to_owned() })?;
    let start = match work_tree {
        Some(root) => root.canonicalize().map_err(|_| GitError::NoDirectory { dir: root.to_owned() })?,
        None => dir.clone(),
    };
    let shared = gix::ThreadSafeRepository::discover(&start).map_err(|error| match error.is_not_found() {
        true => GitError::NotARepository { dir: dir.clone() },
        false => {
            GitError::Unusable { action: format!("open the Git repository of `{}`", project_dir.display()), cause: Arc::new(error).into() }
        }
    })?;
    let root = match shared.work_dir() {
        Some(root) => Some(root.canonicalize().attempt(format!("find the work tree `{}`", root.display()))?),
        None => None,
    };
    let prefix = match &root {
        Some(root) => match dir.strip_prefix(root) {
            Ok(prefix) => prefix.to_str().map(str::to_owned),
            Err(_) => return Err(GitError::OutsideWorkTree { dir, work_tree: root.clone() }),
        },
        None => Some(String::new()),
    };
    let prefix = prefix.ok_or(GitError::NotARepository { dir })?;
    Ok(Arc::new(Repository { shared, idle: Mutex::default(), work_tree: root, prefix }))
}

/// The commit that HEAD names.
pub fn head(repository: &Repository) -> Result<Commit, GitError> {
    repository.with(|repo| {
        let mut head = repo.head().attempt("read HEAD")?;
        let id = head.try_peel_to_id().attempt("resolve HEAD")?;
        let id = id.ok_or_else(|| GitError::NoCommit { repository: repository.place().to_owned() })?.detach();
        read_commit(repo, id, "HEAD")
    })
}

/// The commit of a revision: a full or abbreviated id, a branch, a tag, `HEAD~2`.
pub fn commit(repository: &Repository, revision: &str) -> Result<Commit, GitError> {
    repository.with(|repo| {
        let unknown = |error| GitError::UnknownCommit { revision: revision.to_owned(), cause: Arc::<gix::Error>::new(error).into() };
        let object = repo.rev_parse_single(revision).and_then(|id| id.object()).map_err(unknown)?;
        let commit = object.peel_to_commit().map_err(unknown)?;
        read_commit(repo, commit.id, revision)
    })
}

fn read_commit(repo: &gix::Repository, id: gix::ObjectId, revision: &str) -> Result<Commit, GitError> {
    let unknown = |error| GitError::UnknownCommit { revision: revision.to_owned(), cause: Arc::<gix::Error>::new(error).into() };
    from_gix(&repo.find_commit(id).map_err(unknown)?).map_err(unknown)
}

impl Repository {
    /// The root of the work tree; `None` for a bare repository.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// The project's directory from the repository's root, `/`-separated; empty for the root itself.
    pub fn project_prefix(&self) -> &str {
        &self.prefix
    }

    /// Where the repository is, for messages.
    pub fn place(&self) -> &Path {
        self.work_tree.as_deref().unwrap_or_else(|| self.shared.git_dir())
    }

    /// Runs with a handle of this thread; handles are kept for reuse.
    pub(super) fn with<T>(&self, run: impl FnOnce(&gix::Repository) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repo = idle.unwrap_or_else(|| self.shared.to_thread_local());
        let result = run(&repo);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(repo);
        result
    }

    /// The bytes of a blob, whichever commit it is from.
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        self.with(|repo| Ok(repo.find_object(to_gix(id)).attempt(format!("read the Git object {id}"))?.detach().data))
    }

    /// The length of a blob, from the object's header.
    pub fn blob_size(&self, id: ObjectId) -> Result<u64, GitError> {
        self.with(|repo| Ok(repo.find_header(to_gix(id)).attempt(format!("read the Git object {id}"))?.size()))
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("place", &self.place()).field("prefix", &self.prefix).finish()
    }
}
