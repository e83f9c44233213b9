//! `werf-includes.yaml`: files of other repositories that belong to the project's configuration.
//!
//! What is included stands below the project's own files: werf.yaml with its templates and `.Files`, the chart, Dockerfiles and their ignore
//! files are looked for there where the commit has none of the name. What images are made of (build contexts, `git`) is never
//! included, and neither are the rules of giterminism. Of two includes with one file the later one counts.
//!
//! `werf-includes.lock` says at which commit each revision is, so that the project's commit alone says what is included. Servers are asked
//! elsewhere: here are the two files ([`Include`], [`Lock`]) and the tree that comes of them ([`Included`]).
//! Reference: <https://werf.io/docs/v2/usage/project_configuration/includes.html>.

mod config;
mod lock;
mod tree;

pub use config::{CONFIG_FILE, Include, parse};
pub use lock::{LOCK_FILE, Lock, Locked};
pub use tree::{Included, Source};

#[cfg(test)]
mod tests;
