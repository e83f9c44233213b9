//! What a chart is made of: its files, and what they say. Loaded from a tree or an archive, packed again, compared with a lock.

pub(in crate::chart) mod error;
pub(in crate::chart) mod glob;
mod ignore;
pub(in crate::chart) mod load;
pub(in crate::chart) mod lock;
pub(in crate::chart) mod metadata;
pub(in crate::chart) mod model;
pub(in crate::chart) mod numbers;
pub(in crate::chart) mod package;
pub(in crate::chart) mod table;
pub(in crate::chart) mod versions;
