//! From manifests to a healthy release.

pub mod cluster;
pub mod plan;
pub mod resource;
pub mod schema;
