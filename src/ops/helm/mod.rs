//! Helm's own commands: charts of the disk and of repositories, without a project, without werf's values.

pub mod dependency;
pub mod dependency_list;
pub mod lint;
pub mod package;
pub mod plugin;
pub mod post_renderer;
pub mod pull;
pub mod push;
pub mod registry;
pub mod repo;
pub mod show;
pub mod source;
pub mod template;
pub mod verify;

mod dependency_fetch;
mod table;

pub use super::Secret;
pub use super::chart_files::HelmValues;
