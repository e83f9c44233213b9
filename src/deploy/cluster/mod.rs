//! The Kubernetes client: discovery, live objects, apply, delete, watch, logs, release records, locks.

mod error;
mod transport;

pub use error::ClusterError;
