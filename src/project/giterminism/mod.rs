//! What may be read from outside the commit, and the error for each breach.
mod work_tree;

pub use work_tree::{Difference, Differing, WorkTree};
