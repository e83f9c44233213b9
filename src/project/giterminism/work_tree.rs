//! The work tree as giterminism sees it: its files, and how they differ from the commit.

use std::sync::Arc;

use crate::file_tree::{FileTree, ReadError};

/// How a file of the work tree differs from the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// It is there, but Git does not know it.
    Untracked,
    /// It was added to the index, but never committed.
    Added,
    /// Its content, mode or type was changed.
    Modified,
    /// The commit has it, the work tree does not.
    Deleted,
    /// A submodule is at another commit.
    SubmoduleCommit,
    /// A submodule has changes of its own.
    SubmoduleChanges,
}

impl Difference {
    /// Words that follow the file's name in a message.
    pub fn words(self) -> &'static str {
        match self {
            Difference::Untracked => "untracked, not in the commit",
            Difference::Added => "added, but not committed",
            Difference::Modified => "changed, but not committed",
            Difference::Deleted => "deleted in the work tree, but still in the commit",
            Difference::SubmoduleCommit => "submodule at another commit than the committed one",
            Difference::SubmoduleChanges => "submodule with uncommitted changes",
        }
    }
}

/// A file of the project and its difference. The path is from the project's directory.
pub type Differing = (String, Difference);

/// A directory on disk beside its commit: the project's, or the whole repository. `project/git` implements it; tests have one in memory.
pub trait WorkTree: Send + Sync {
    /// The files on disk.
    fn files(&self) -> &Arc<dyn FileTree>;

    /// How one path differs, the symlinks on the way and their target included. Empty: it does not, or neither side has it.
    fn compare(&self, path: &str) -> Result<Vec<Differing>, ReadError>;

    /// How the files below a directory (`""` is the one that paths begin at) differ, of those that `wanted` names by their path. Files that
    /// `.gitignore` excludes are left out. Sorted by path.
    fn compare_below(&self, dir: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Differing>, ReadError>;
}
