//! The BuildKit client: endpoint, embedded daemon, session, solve, progress.

pub mod proto;
