//! `werf` driven in a sandbox, and its rooms through their public faces, against wire-level fakes in process.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "tests read the environment and print")]

mod architecture;
mod buildkit;
mod chart;
mod cli;
mod cluster_login;
mod cluster_proxy;
mod config;
mod deploy;
mod digest_page;
mod fake_charts;
mod fake_registry;
mod full_disk;
mod git;
mod git_checkout;
mod git_lfs;
mod git_partial;
mod git_remote;
mod git_servers;
mod git_shapes;
mod git_tls;
mod language;
mod names;
mod registry;
mod sandbox;
mod screens;
