//! Image tree, stage graph, BLAKE3 digests, and why a digest changed.

pub mod digest;
pub mod inputs;
