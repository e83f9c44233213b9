//! `make bench`: one table, each figure beside its peer's in the same run. Nothing here passes or fails by time.
//!
//! Each module measures one thing on the testbed's servers; `measure` runs whole processes and keeps wall time and peak memory.
//! Names given after `cargo bench --` choose modules.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "tests read the environment and print")]

mod build;
mod charts;
mod cleanup;
mod converge;
mod deploy;
mod digests;
mod fixture;
mod git_tree;
mod measure;
mod needless;
mod render;
mod startup;
mod table;

#[path = "../tests/it/names/commits.rs"]
mod commits;
#[path = "../tests/it/names/dice.rs"]
mod dice;

/// The projects and changes of the soundness test, with what BuildKit makes of them.
#[path = "../tests/live/sound"]
#[allow(dead_code, reason = "the test uses more of it")]
mod sound {
    mod changes;
    mod generated;
    mod hand_made;
    pub mod names;
    pub mod oracle;
    mod outcome;
    mod project;
    pub mod report;
    pub mod trial;
}

/// What these ask of the tests around them.
mod testbed {
    pub use crate::fixture::Testbed;
}

mod published {
    /// A document of the registry.
    pub fn curl(url: &str) -> Vec<u8> {
        let accept = ["image.manifest.v1", "image.index.v1"].map(|kind| format!("Accept: application/vnd.oci.{kind}+json"));
        let output = std::process::Command::new("curl").args(["-fsSL", "-H", &accept[0], "-H", &accept[1], url]).output();
        output.expect("curl runs").stdout
    }
}

use table::Row;

/// A benchmark: its name and what makes its rows.
type Bench = (&'static str, fn() -> Vec<Row>);

const BENCHES: &[Bench] = &[
    ("startup", startup::rows),
    ("converge", converge::rows),
    ("deploy", deploy::rows),
    ("render", render::rows),
    ("build", build::rows),
    ("git-tree", git_tree::rows),
    ("digests", digests::rows),
    ("needless", needless::rows),
    ("cleanup", cleanup::rows),
];

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|choice| choice == name);
    let mut rows = Vec::new();
    for (name, bench) in BENCHES.iter().filter(|(name, _)| wanted(name)) {
        table::note(&format!("measuring {name}"));
        rows.extend(bench());
    }
    table::print(&rows);
}
