//! Finding the repository and naming its commits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::commit::{Commit, from_gix, to_gix};
use super::error::{Attempt, Cause, GitError};
use super::stream::Packs;
use crate::file_tree::ObjectId;

/// An open repository and the project's place in it. Shared between threads.
pub struct Repository {
    shared: gix::ThreadSafeRepository,
    /// Thread-local handles that are not in use: making one costs more than most reads.
    idle: Mutex<Vec<gix::Repository>>,
    packs: OnceLock<Packs>,
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
        false => unopened(&start, error),
    })?;
    check_refs(&shared)?;
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
    Ok(Arc::new(Repository { shared, idle: Mutex::default(), packs: OnceLock::new(), work_tree: root, prefix }))
}

/// A repository of which only objects are read: a submodule's. `None` if there is none at this very place.
pub(super) fn open_objects(git_dir: &Path) -> Result<Option<Arc<Repository>>, GitError> {
    if !git_dir.exists() {
        return Ok(None);
    }
    let shared = gix::ThreadSafeRepository::open(git_dir).map_err(|error| unopened(git_dir, error))?;
    Ok(Some(Arc::new(Repository { shared, idle: Mutex::default(), packs: OnceLock::new(), work_tree: None, prefix: String::new() })))
}

/// Why a repository could not be opened.
fn unopened(start: &Path, error: gix::Error) -> GitError {
    let config = gix::discover::upwards(start).ok().and_then(|(path, _)| {
        let git_dir = path.into_repository_and_work_tree_directories().0;
        let common = std::fs::read_to_string(git_dir.join("commondir")).map_or(git_dir.clone(), |common| git_dir.join(common.trim()));
        gix::config::File::try_from(std::fs::read_to_string(common.join("config")).ok()?.as_str()).ok()
    });
    if config.and_then(|config| Some(config.string("extensions.objectFormat")?.to_string())).is_some_and(|format| format != "sha1") {
        let (format, conversion) =
            ("SHA-256 for object names", "a clone with `git init --object-format=sha1`, into which files are committed anew");
        return GitError::Format { repository: start.to_owned(), format, conversion };
    }
    GitError::Unusable { action: format!("open the Git repository of `{}`", start.display()), cause: Cause::new(error) }
}

/// Refs are read from files.
fn check_refs(shared: &gix::ThreadSafeRepository) -> Result<(), GitError> {
    let repo = shared.to_thread_local();
    match repo.config_snapshot().string("extensions.refStorage") {
        Some(format) if !format.eq_ignore_ascii_case(b"files") => {
            let (format, conversion) = ("refs that are not in files (reftable)", "`git refs migrate --ref-format=files`");
            Err(GitError::Format { repository: shared.git_dir().to_owned(), format, conversion })
        }
        _ => Ok(()),
    }
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

    /// Another repository in place of this one, with the project at the same place in it: its origin on this machine.
    pub(super) fn in_place_of(&self, other: &Repository) -> Repository {
        Repository {
            shared: self.shared.clone(),
            idle: Mutex::default(),
            packs: OnceLock::new(),
            work_tree: None,
            prefix: other.prefix.clone(),
        }
    }

    /// The directory that has the objects.
    pub(super) fn common_dir(&self) -> PathBuf {
        self.with(|repo| repo.common_dir().to_owned())
    }

    /// Runs with a handle of this thread; handles are kept for reuse.
    pub(super) fn with<T>(&self, run: impl FnOnce(&gix::Repository) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repo = idle.unwrap_or_else(|| self.shared.to_thread_local());
        let result = run(&repo);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(repo);
        result
    }

    /// The packs, for what is read without mapping them.
    pub(super) fn packs(&self) -> &Packs {
        self.packs.get_or_init(|| self.with(Packs::of))
    }

    /// The bytes of a blob, whichever commit it is from; `path` is for messages.
    pub(super) fn blob(&self, id: ObjectId, path: &str) -> Result<Vec<u8>, GitError> {
        self.with(|repo| blob(repo, id, path))
    }

    /// Those of some objects that a partial clone was made without; none for whole clones, where that would be damage.
    pub(super) fn promised(&self, ids: impl IntoIterator<Item = ObjectId>) -> Vec<ObjectId> {
        self.with(|repo| match promisor(repo) {
            Some(_) => ids.into_iter().filter(|id| !matches!(repo.try_find_header(to_gix(*id)), Ok(Some(_)))).collect(),
            None => Vec::new(),
        })
    }

    /// The length of a blob, from the object's header.
    pub(super) fn blob_size(&self, id: ObjectId, path: &str) -> Result<u64, GitError> {
        if let Some(packed) = self.packs().find(id) {
            return Ok(packed.size);
        }
        self.with(|repo| {
            let found = repo.try_find_header(to_gix(id)).attempt_with(|| format!("read the Git object {id}, the file `{path}`"))?;
            found.map(|header| header.size()).ok_or_else(|| missing(repo, id, &format!("the file `{path}`")))
        })
    }
}

/// The bytes of a blob; `path` is for messages.
pub(super) fn blob(repo: &gix::Repository, id: ObjectId, path: &str) -> Result<Vec<u8>, GitError> {
    let found = repo.try_find_object(to_gix(id)).attempt_with(|| format!("read the Git object {id}, the file `{path}`"))?;
    found.map(|object| object.detach().data).ok_or_else(|| missing(repo, id, &format!("the file `{path}`")))
}

/// The name of the remote from which a partial clone has its other objects; `None` for whole clones.
pub(super) fn promisor(repo: &gix::Repository) -> Option<String> {
    let config = repo.config_snapshot();
    let named = config.string("extensions.partialClone").map(|name| name.to_string());
    let is_promisor = |section: &gix::config::file::SectionRef<'_>| section.value("promisor").is_some();
    named.or_else(|| {
        let mut remotes = config.plumbing().sections_by_name("remote").into_iter().flatten().filter(is_promisor);
        remotes.find_map(|section| section.header().subsection_name().map(|name| name.to_string()))
    })
}

/// An object that the repository should have and lacks.
pub(super) fn missing(repo: &gix::Repository, id: ObjectId, what: &str) -> GitError {
    match promisor(repo).is_some() {
        true => GitError::NotFetched { id, what: what.to_owned(), reason: None },
        false => GitError::Unusable {
            action: format!("read the Git object {id}, {what}"),
            cause: Cause::new(std::io::Error::new(std::io::ErrorKind::NotFound, "the repository does not have it")),
        },
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("place", &self.place()).field("prefix", &self.prefix).finish()
    }
}
