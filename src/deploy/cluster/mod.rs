//! The Kubernetes client: discovery, live objects, apply, delete, watch, logs, release records, locks.
//!
//! The only part of `deploy` that does I/O. What to do is decided by `deploy::plan`, what a state means by `kinds`; here plans
//! are carried out and the world is asked. Everything goes over one connection ([`connect()`]), with at most thirty requests at a time.
//! Follows the Kubernetes API conventions, server-side apply, and Helm 3's storage of releases.

mod apply;
mod authorization;
mod client;
mod connect;
mod context;
mod deploy_error;
mod discovery;
mod error;
mod evidence;
mod exec_plugin;
mod execute;
mod fence;
mod holder;
mod images;
mod kind;
mod ledger;
mod live;
mod lock;
mod login;
mod logs;
mod lookup;
mod moment;
mod names;
mod oidc;
mod openapi;
mod options;
mod pod_logs;
mod record;
mod release;
mod standing;
mod surroundings;
mod track;
mod watch;

pub use apply::{apply, delete, delete_namespace, dry_run, ensure_namespace};
pub use client::Client;
pub use connect::{ConnectOptions, Identity, Pem, connect, context_namespace, contexts};
pub use deploy_error::{Aftermath, DeployError};
pub use discovery::{ServerVersion, api_versions, kind_named, kind_of, resolve, server_version};
pub use error::ClusterError;
pub use evidence::{Evidence, LogTail};
pub use images::{InUse, images_in_use};
pub use kind::Kind;
pub use ledger::{End, Ledger, Work};
pub use live::{get, observe};
pub use lock::{Acquired, Lock};
pub use lookup::lookup;
pub use names::{namespaces, releases};
pub use openapi::{openapi, served};
pub use options::{Additions, DeployOptions};
pub use record::{History, Origin, Record, RecordStatus, create_record, delete_record, load_history, load_record, update_record};
pub use release::{Desired, Outcome, Prepared, Revision, deploy, dismiss, prepare, prepare_removal, rollback};
pub use standing::{Standee, Standing, follow_logs, has_pods, last_logs, standing};
