//! Helm's own commands: charts of the disk and of repositories, without a project, without werf's values.

pub mod template;

pub use super::chart_files::HelmValues;
