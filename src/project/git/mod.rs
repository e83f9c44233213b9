//! Commits, trees, refs and development snapshots, by gix; implements [`crate::file_tree::FileTree`].
//!
//! Everything is read from Git objects: no `git` process runs and nothing is checked out. The index and the work tree are opened only
//! when something asks how they differ from a commit ([`work_tree()`]) or asks for a development snapshot ([`dev`]).
//! Other repositories are fetched by [`remote`], which asks servers and runs the user's `ssh` and credential helpers; so is what the clone
//! lacks, by a [`Provider`] and only where somebody wants it.
//! What a difference means is decided by [`super::giterminism`].

mod attributes;
mod commit;
mod content;
mod convert;
mod dev;
mod directory;
mod error;
mod history;
mod lfs;
mod listing;
mod origin;
mod provider;
pub mod remote;
mod repository;
mod selection;
mod stream;
mod submodule;
mod submodule_work_tree;
mod tree;
mod work_tree;

pub use commit::{Commit, Moment};
pub use dev::{DEV_BRANCH, dev_snapshot};
pub use error::GitError;
pub use history::{Parents, Reference, ReferenceKind, ancestry, has_commit, is_ancestor, is_shallow, references, root_of, walk};
pub use lfs::Pointer;
pub use origin::{Origin, origin};
pub use provider::{Binding, NotBrought, Provider};
pub use repository::{Repository, commit, discover, head};
pub use selection::{Selection, Trees as TreeReader};
pub use tree::{CommitTree, commit_tree, commit_tree_with};
pub use work_tree::{DiskTree, GitWorkTree, work_tree};
