//! One file per command: the use cases. They carry plain values between rooms that do not know one another.

pub mod build;
pub mod ci_env;
pub mod cleanup;
pub mod config;
pub mod converge;
pub mod cr;
pub mod dismiss;
pub mod follow;
pub mod helm;
pub mod includes;
pub mod init;
pub mod lint;
pub mod logs;
pub mod names;
pub mod plan;
pub mod render;
pub mod rollback;
pub mod secret;
pub mod status;

mod absent_source;
mod base_platform;
mod build_report;
mod builder;
mod chart_files;
mod chart_store;
mod custom_tags;
mod dependencies;
mod files;
mod folders;
mod gates;
mod graph;
mod ground;
mod held;
mod history;
mod image_build;
mod images;
mod included;
mod layers;
mod logins;
mod lookups;
mod options;
mod project;
mod records;
mod registry;
mod rejected;
mod release;
mod remotes;
mod report;
mod repositories;
mod schema_files;
mod standing;
mod triggers;
mod validate;
mod whole_file;

pub use graph::GraphOptions;
pub use held::{Held, Holding};
pub use options::*;
pub use validate::ValidateOptions;

use tokio_util::sync::CancellationToken;

use crate::event::Events;
pub use crate::file_tree::text_of_bytes;
pub use crate::private_file::own_directory;
pub use crate::registry::Secret;

/// What every operation gets beside its options: where its facts go, and when it must stop.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where facts go.
    pub events: Events,
    /// Cancelled by the first Ctrl-C, SIGTERM or SIGHUP.
    pub cancel: CancellationToken,
    /// What must be finished then.
    pub held: Held,
}
