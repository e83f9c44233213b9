//! Image tree, stage graph, BLAKE3 digests, why a digest changed, and stages → LLB.
//!
//! [`ImageTree::new`] reads a checked configuration and a file tree, and gives every image its content digest without building
//! anything; [`mod@explain`] names the inputs that differ between two commits; [`mod@compile`] makes what BuildKit solves. Nothing here does
//! I/O of its own, knows of gRPC, or reads an environment: files come through [`crate::file_tree::FileTree`], bases and published
//! images come resolved from the caller.
//!
//! # What is in a digest
//!
//! All that a stage declares ([`mod@stage`]), as [`mod@declare`] tells it: `docs/digest.md` has each field. The order of `secrets`, `imports` and
//! commands counts, the order of maps does not. Not in it: the image's name, the repository, the clock, the host, values of secrets.
//!
//! # Stages of a Stapel image
//!
//! In order: `from`, `beforeInstall`, imports and facts before install, `install`, imports and facts after install, `beforeSetup`,
//! imports and facts before setup, `setup`, imports and facts after setup, `imageSpec`. What has nothing to do is left out. Each has a
//! digest that covers all before it.
//!
//! Files of git mappings come in where they are needed first:
//! - `beforeInstall` sees none.
//! - `install`, `beforeSetup` and `setup`, if they have commands, see of each mapping the files that its `stageDependencies` name for
//!   them, and what earlier stages saw. Where a mapping declares nothing for a stage, that stage sees the whole mapping (werf 3's
//!   rule; an empty list declares that nothing is needed).
//! - Files that no stage saw come right after the last user stage that has commands (`gitArchive`), so that imports after it lie
//!   upon them; with no commands at all, right after the base.
//!
//! Files placed at different stages are disjoint: what a command edited is not written over by a later stage. A mapping gives way to
//! another one whose `to` is below its own. How files are laid onto the image, and who owns the directories: the notes of `compile::place`.
//!
//! Commands run as root in `/`, in the environment of the base and of the facts; see [`script`]. `mount`s and secrets are there while
//! commands run and in no image.
//!
//! # One graph
//!
//! An image that is built upon, or imports from, a Stapel image that is not published yet has that image's stages in its own graph.
//! Dockerfile images, and images whose registry digests are wanted as facts, must be published first:
//! [`ImageTree::prerequisites`].

pub mod digest;
pub mod ground;
pub mod inputs;
pub mod script;
pub mod stage;

mod compile;
mod declare;
mod dockerfile_stages;
mod doubts;
mod error;
mod explain;
mod files;
mod spec;
mod stapel_stages;
#[cfg(test)]
mod tests;
mod tree;
mod undeclared;
mod view;

pub use compile::{Base, BlobSource, Compiled, Next, Published, STORE, Solve, StageCommands, Surroundings, bring, change_config, compile};
pub use declare::inputs as declared;
pub use digest::Digest;
pub use doubts::{Doubt, doubts};
pub use error::{CommandFailure, CompileError, ImageError};
pub use explain::{Change, Difference, explain, print as print_changes};
pub use spec::SpecError;
pub use tree::{DEFAULT_PLATFORM, ImageTree, LookedUp, Need, NeedForm, Node, Options, RemoteCommit, Rights};
pub use view::View;
