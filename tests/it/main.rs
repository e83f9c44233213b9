//! `werf` driven in a sandbox, and its rooms through their public faces, against wire-level fakes in process.

mod architecture;
mod buildkit;
mod chart;
mod cleanup;
mod cli;
mod config;
mod deploy;
mod dockerfile;
mod fake_registry;
mod git;
mod image;
mod llb;
mod registry;
mod sandbox;
mod template;
