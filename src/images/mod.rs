//! From configuration to published images.

pub mod buildkit;
pub mod dockerfile;
pub mod git_layers;
pub mod image;
pub mod llb;
