//! Live tests against real servers, which the run starts by itself (`tests/testbed/up.sh`; `make test` does the rest).
//!
//! Each test has a Git repository, a repository prefix in the registry and a namespace of its own, so all run at once.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "tests read the environment and print")]

mod chart_set;
#[path = "../it/names/commits.rs"]
mod commits;
#[path = "../it/names/dice.rs"]
mod dice;
#[path = "../it/fake_charts.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod fake_charts;
#[path = "../it/fake_registry.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod fake_registry;
#[path = "../it/full_disk.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod full_disk;
#[path = "../it/sandbox.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod sandbox;
mod testbed;

mod bridge;
mod build;
mod chart_repository;
mod charts;
mod cleanup;
mod contexts;
mod converge;
mod custom_tags;
mod embedded;
mod failures;
mod faults;
mod follow;
mod front;
mod helm_words;
mod holds;
mod image_spec;
mod images;
mod imports;
mod includes;
mod kills;
mod kinds;
mod language;
mod lint;
mod llb;
mod moments;
mod mounts;
mod placing;
mod post_renderer;
mod private_registry;
mod published;
mod records;
mod render;
mod reports;
mod repositories;
mod rights;
mod schema_references;
mod sound;
mod told;
mod triggers;
mod undeclared;
mod validate;
