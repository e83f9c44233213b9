//! What can go wrong between a directory and its commits.

use std::path::PathBuf;
use std::sync::Arc;

use miette::Diagnostic;

use super::provider::NotBrought;
use crate::file_tree::{ObjectId, shown};

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
    /// Objects or refs are kept in a way that is not read here.
    #[error("the Git repository `{}` uses {format}, which werf cannot read", repository.display())]
    #[diagnostic(help("convert it: {conversion}"))]
    Format {
        /// Where it is.
        repository: PathBuf,
        /// What it uses, such as `SHA-256 object names`.
        format: &'static str,
        /// What to do.
        conversion: &'static str,
    },
    /// The user or the system asked us to stop.
    #[error("the history was not read to its end: interrupted")]
    Interrupted,
    /// The clone was made without some objects.
    #[error("the clone has no object {id}, {}: it is a partial one", shown(.what))]
    #[diagnostic(help(
        "bring all objects with `git fetch --refetch --no-filter`, or clone anew without a filter{}",
        NotBrought::also(.reason.as_ref())
    ))]
    NotFetched {
        /// The missing object.
        id: ObjectId,
        /// What it is, such as ``the file `a/b` ``.
        what: String,
        /// Why it could not be fetched; `None` where nothing fetches.
        #[source]
        reason: Option<NotBrought>,
    },
    /// A directory names too many files.
    #[error("`{}` of the commit has {} files and directories, and at most {limit} can be read", shown(.dir), or_more(*.count))]
    #[diagnostic(help(
        "directories that name one another again and again make so many: look at them with `git ls-tree HEAD {}`, and commit others",
        shown(.dir)
    ))]
    TooManyFiles {
        /// Path from the repository's root, `.` for the root.
        dir: String,
        /// How many there are.
        count: u64,
        /// How many are read.
        limit: u64,
    },
    /// Directories are nested too deep, or a path is too long for any file system.
    #[error("the directories below `{}…` of the commit are nested too deep: a path is longer than {bytes} bytes", shown(.dir))]
    #[diagnostic(help("no checkout could hold such files: commit others"))]
    TooDeep {
        /// The beginning of the path, from the repository's root.
        dir: String,
        /// The most bytes.
        bytes: usize,
    },
    /// A directory has a name that Git refuses to check out.
    #[error("the directory `{dir}` of the commit has the name `{}`, which no checkout can have", shown(.name))]
    #[diagnostic(help("check the repository with `git fsck`, and commit a tree without the name"))]
    Name {
        /// Id of the tree.
        dir: ObjectId,
        /// The name.
        name: String,
    },
    /// The files of a submodule are wanted and not here.
    #[error("the files of the submodule `{}` at commit {commit} are not in this clone: {reason}", shown(.path))]
    #[diagnostic(help(
        "run `git submodule update --init --recursive -- {}`, or leave the submodule out{}",
        shown(.path),
        NotBrought::also(.cause.as_ref())
    ))]
    NoSubmodule {
        /// Path from the repository's root.
        path: String,
        /// Short id of the submodule's commit.
        commit: String,
        /// Why not.
        reason: String,
        /// Why it could not be fetched; `None` where nothing fetches.
        #[source]
        cause: Option<NotBrought>,
    },
    /// A submodule that `.gitmodules` does not name.
    #[error("the commit has the submodule `{}`, and no `.gitmodules` that names it", shown(.path))]
    #[diagnostic(help("commit a `.gitmodules` with its path and url, or remove it: `git rm --cached {}`", shown(.path)))]
    UnnamedSubmodule {
        /// Path from the repository's root.
        path: String,
    },
    /// A file's content would be made by a program.
    #[error("`{}` has the attribute `filter={filter}`: its content is what a program makes of it, and werf runs none", shown(.path))]
    #[diagnostic(help("leave the file out, or commit a `.gitattributes` without the filter for it"))]
    Filter {
        /// Path from the project's directory.
        path: String,
        /// The filter's name.
        filter: String,
    },
    /// A file cannot be written in the encoding of its attribute.
    #[error("`{}` has the attribute `working-tree-encoding={encoding}`, and cannot be written in it", shown(.path))]
    #[diagnostic(help("leave the file out, or commit a `.gitattributes` without the encoding for it"))]
    Encoding {
        /// Path from the project's directory.
        path: String,
        /// The encoding, upper case.
        encoding: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The content of files of Git LFS is not in the local store.
    #[error("the content of {} that Git LFS keeps is not in this clone:\n{}", count(.paths), lines(.paths))]
    #[diagnostic(help("bring it with `git lfs pull`{}", NotBrought::also(.reason.as_ref())))]
    NoLfsContent {
        /// Paths from the project's directory.
        paths: Vec<String>,
        /// Why it could not be fetched; `None` where nothing fetches.
        #[source]
        reason: Option<NotBrought>,
    },
    /// The pointer of Git LFS names programs that have to run over the content.
    #[error("the pointer of Git LFS in `{}` has extensions: its content is what a program makes of it, and werf runs none", shown(.path))]
    #[diagnostic(help("leave the file out, or commit it without the extension"))]
    LfsExtension {
        /// Path from the project's directory.
        path: String,
    },
    /// Something in the repository cannot be read or written.
    #[error("cannot {}", shown(.action))]
    #[diagnostic(help("check the repository with `git fsck`, and that it belongs to the user who runs werf"))]
    Unusable {
        /// What was attempted, such as `read the index`.
        action: String,
        /// Why.
        #[source]
        cause: Cause,
    },
}

impl GitError {
    /// The error of what is not here, with why it was not fetched.
    pub(super) fn because(self, why: Option<NotBrought>) -> Self {
        match self {
            GitError::NoLfsContent { paths, .. } => GitError::NoLfsContent { paths, reason: why },
            GitError::NotFetched { id, what, .. } => GitError::NotFetched { id, what, reason: why },
            error => error,
        }
    }
}

/// The longest list of files in one message.
const SHOWN: usize = 20;

fn or_more(count: u64) -> String {
    if count == u64::MAX { format!("{count} or more") } else { count.to_string() }
}

fn count(paths: &[String]) -> String {
    if paths.len() == 1 { "a file".to_owned() } else { format!("{} files", paths.len()) }
}

fn lines(paths: &[String]) -> String {
    let mut lines: Vec<String> = paths.iter().take(SHOWN).map(|path| format!("  {}", shown(path))).collect();
    if paths.len() > SHOWN {
        lines.push(format!("  and {} more", paths.len() - SHOWN));
    }
    lines.join("\n")
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

impl Cause {
    /// An error as a cause.
    pub(super) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Cause(Arc::new(error))
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

    /// The same, where the words cost more than what is attempted.
    fn attempt_with(self, action: impl FnOnce() -> String) -> Result<T, GitError>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Attempt<T> for Result<T, E> {
    fn attempt(self, action: impl Into<String>) -> Result<T, GitError> {
        self.attempt_with(|| action.into())
    }

    fn attempt_with(self, action: impl FnOnce() -> String) -> Result<T, GitError> {
        self.map_err(|error| GitError::Unusable { action: action(), cause: Cause::new(error) })
    }
}
