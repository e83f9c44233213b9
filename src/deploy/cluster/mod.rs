//! The Kubernetes client: discovery, live objects, apply, delete, watch, logs, release records, locks.

mod client;
mod connect;
mod discovery;
mod error;
mod live;
mod transport;

pub use client::Client;
pub use connect::{ConnectOptions, connect};
pub use discovery::{Kind, ServerVersion, api_versions, kind_named, kind_of, resolve, server_version};
pub use error::ClusterError;
pub use live::{get, observe};
