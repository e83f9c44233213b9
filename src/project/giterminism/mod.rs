//! What may be read from outside the commit, and the error for each breach.
//!
//! Configuration, templates, charts and Dockerfiles come from one commit. A file that is read so and differs in the work tree is a breach:
//! the run would not show what its author sees. [`Giterminism`] hands out file trees that check each file as it is read and collects all
//! breaches of the run for one error. What may be otherwise is in `werf-giterminism.yaml`, which must itself be committed ([`policy`]).
//! How files differ is found by `project/git` through [`WorkTree`]; nothing here touches a disk.

mod error;
mod files;
mod policy;
mod work_tree;

pub use error::GiterminismError;
pub use files::{Below, Files, Giterminism, LOOSE_WARNING, Mode, Purpose, load};
pub use policy::{CONFIG_FILE, Names, Paths, Policy};
pub use work_tree::{Difference, Differing, WorkTree};

#[cfg(test)]
mod tests;
