//! From manifests to a healthy release.

pub mod chart;
pub mod cluster;
pub mod plan;
pub mod resource;
pub mod schema;
pub mod secret;
