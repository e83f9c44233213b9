//! What templates wrote becomes manifests, hooks and notes.

pub(in crate::chart) mod manifest;
pub(in crate::chart) mod marks;
pub(in crate::chart) mod post_render;
mod provisional;
pub(in crate::chart) mod rendered;
