//! `werf` takes an application from a Git commit to a healthy release in Kubernetes, with no Docker and no daemon to look after.
//!
//! # One idea
//!
//! A commit is the only input. It determines, without building anything, the name of every image (a BLAKE3 content digest) and the
//! text of every manifest. So `converge` knows at once what is missing in the registry and what differs in the cluster, checks the
//! whole deployment before the first build step runs, does only the missing work, and does nothing when nothing is missing.
//!
//! ```text
//! commit ──► werf.yaml ──► image tree ──► content digests ──► what is missing? ──► LLB ──► BuildKit ──► registry
//!    │                                         │                                                        │
//!    └─────► chart ──► manifests (image names are known already) ──► plan against the cluster ──► apply ◄┘──► track ──► release
//! ```

#![forbid(unsafe_op_in_unsafe_fn)]

pub mod build;
pub mod cleanup;
pub mod cli;
pub mod deploy;
pub mod error;
pub mod event;
pub mod file_tree;
pub mod ops;
pub mod project;
pub mod registry;
pub mod template;
pub mod ui;
pub mod yaml;
