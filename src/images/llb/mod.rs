//! Immutable build state, marshalled to LLB, BuildKit's graph of build operations.
//!
//! A [`State`] is a file system at some point of a build. Ops make new states of old ones; each file here is one op. A state is
//! marshalled when it is made, so that it has a digest from the start, equal states are one vertex however they came about,
//! and the same calls give the same bytes everywhere. [`State::marshal`] collects a state's graph into a [`Definition`].
//!
//! ```
//! use werf::images::llb::{Exec, ImageSource, Note, State};
//! use werf::platform::Platform;
//!
//! let platform = Platform::linux("amd64");
//! let base = State::image(&ImageSource::new("docker.io/library/busybox:1"), &platform, Note::default());
//! let built = base.exec(Exec::shell("echo hello > /greeting"), Note::named("[install] echo"));
//! assert_eq!(built.marshal().vertices().count(), 2);
//! ```
//!
//! The specification is BuildKit's `solver/pb`; capabilities that an op needs travel with it, so that a daemon that lacks one
//! says so. This module knows nothing of werf.yaml and does no I/O.

pub mod pb;

mod definition;
mod diff;
mod exec;
mod file;
mod merge;
mod mount;
mod note;
mod source;
mod state;
#[cfg(test)]
mod tests;

pub use definition::{Definition, Vertex};
pub use exec::{Exec, Network, Outputs, SecretVariable};
pub use file::{Account, Copy, FileAction, Mkdir, Mkfile, Owner, Rm, Symlink};
pub use mount::{Mount, MountKind, Sharing};
pub use note::{Group, Location, Note, SourceFile};
pub use source::{GitSource, HttpSource, ImageSource, LocalSource, OciLayoutSource, ResolveMode};
pub use state::State;
