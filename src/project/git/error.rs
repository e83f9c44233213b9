//! What can go wrong between a directory and its commits.

use std::path::PathBuf;
use std::sync::Arc;

use miette::Diagnostic;

/// A Git repository cannot be used as asked.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum GitError {
    /// Neither the directory nor a parent is a repository.
    #[error("`{}` is not in a Git repository", dir.display())]
    #[diagnostic(help("werf builds from commits: run `git init`, add the files and commit them, or point `--dir` at a repository"))]
    NotARepository {
        /// Where the search began.
        dir: PathBuf,
    },
    /// The directory given by `--dir` does not exist.
    #[error("there is no directory `{}`", dir.display())]
    #[diagnostic(help("pass an existing directory with `--dir`"))]
    NoDirectory {
        /// The directory.
        dir: PathBuf,
    },
    /// The project's directory is outside the work tree.
    #[error("`{}` is not inside the Git work tree `{}`", dir.display(), work_tree.display())]
    #[diagnostic(help("`--dir` must name a directory below `--git-work-tree`"))]
    OutsideWorkTree {
        /// The project's directory.
        dir: PathBuf,
        /// The work tree.
        work_tree: PathBuf,
    },
    /// HEAD names a branch without commits.
    #[error("the Git repository `{}` has no commit yet", repository.display())]
    #[diagnostic(help("werf builds from commits: run `git add -A && git commit`"))]
    NoCommit {
        /// Root of the work tree, or the bare repository.
        repository: PathBuf,
    },
    /// A revision is not a commit of this repository.
    #[error("`{revision}` is not a commit of this repository")]
    #[diagnostic(help("if the repository is a shallow clone, fetch more of its history: `git fetch --unshallow`"))]
    UnknownCommit {
        /// What was asked for.
        revision: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The project's directory is not in the commit.
    #[error("commit {commit} has no directory `{dir}`")]
    #[diagnostic(help("commit the directory, or point `--dir` at another"))]
    NoProjectDirectory {
        /// Short commit id.
        commit: String,
        /// Path from the repository's root.
        dir: String,
    },
    /// Something in the repository cannot be read or written.
    #[error("cannot {action}")]
    #[diagnostic(help("check the repository with `git fsck`, and that it belongs to the user who runs werf"))]
    Unusable {
        /// What was attempted, such as `read the index`.
        action: String,
        /// Why.
        #[source]
        cause: Cause,
    },
}

/// The cause below a [`GitError`]: gix's or the system's error.
#[derive(Debug, Clone)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync + 'static>);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<Arc<E>> for Cause {
    fn from(error: Arc<E>) -> Self {
        Cause(error)
    }
}

/// Attaches what was attempted to a low-level error.
pub(super) trait Attempt<T> {
    /// `Err` becomes [`GitError::Unusable`].
    fn attempt(self, action: impl Into<String>) -> Result<T, GitError>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Attempt<T> for Result<T, E> {
    fn attempt(self, action: impl Into<String>) -> Result<T, GitError> {
        self.map_err(|error| GitError::Unusable { action: action.into(), cause: Arc::new(error).into() })
    }
}
