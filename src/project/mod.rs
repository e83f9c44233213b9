//! From a commit to a checked configuration.

pub mod config;
pub mod document;
pub mod git;
pub mod giterminism;
pub mod includes;
pub mod slug;
