//! The BuildKit client: endpoint, embedded daemon, session, solve, progress.
//!
//! [`connect`] reaches a daemon and asks who it is; [`embedded::start`] starts one of our own. [`Client::open_session`] offers the
//! daemon what the builds need of this machine: credentials, secrets, directories, OCI layouts. [`Client::solve`] builds one
//! image, [`Client::solve_in_steps`] one whose graph depends on what its first steps made; any number of solves may share a client and
//! a session. What happens is told as [`crate::event::Event`]s.
//!
//! Graphs come from [`super::llb`]; what to build is decided elsewhere. The protocol is BuildKit's `moby.buildkit.v1`, of which
//! `proto/` describes the part in use.

mod bridge;
mod client;
pub mod embedded;
mod endpoint;
mod error;
mod go_mode;
mod progress;
pub mod proto;
pub mod session;
mod solve;
mod told;

pub use bridge::{Bridge, Made, Stat};
pub use client::{Client, ConnectOptions, Daemon, MINIMUM_VERSION, connect};
pub use embedded::{Embedded, EmbeddedError, EmbeddedOptions};
pub use endpoint::{Endpoint, TlsOptions};
pub use error::{ConnectError, SolveError};
pub use session::{Attachments, Session};
pub use solve::{Build, CacheEntry, ImageExport, SolveRequest, Solved};
