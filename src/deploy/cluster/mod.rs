//! The Kubernetes client: discovery, live objects, apply, delete, watch, logs, release records, locks.

mod apply;
mod client;
mod connect;
mod discovery;
mod error;
mod live;
mod lock;
mod record;
mod transport;

pub use apply::{apply, delete, dry_run, ensure_namespace};
pub use client::Client;
pub use connect::{ConnectOptions, connect};
pub use discovery::{Kind, ServerVersion, api_versions, kind_named, kind_of, resolve, server_version};
pub use error::ClusterError;
pub use live::{get, observe};
pub use lock::{Acquired, Lock};
pub use record::{History, Record, RecordStatus, create_record, delete_record, load_history, load_record, update_record};
