//! Start-up: what every command costs before it does anything.

use std::process::Command;

use crate::fixture::Testbed;
use crate::measure::by_turns;
use crate::table::Row;

/// `version` and `--help` beside helm's.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let row = |what: &str, ours: &str, theirs: &str| {
        let werf = |_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_werf"));
            command.arg(ours);
            command
        };
        let helm = |_| {
            let mut command = testbed.program("helm");
            command.arg(theirs);
            command
        };
        let (ours, peer) = by_turns(15, werf, helm);
        Row { what: what.into(), bar: "≤ 10 ms", ours, peer: Some(("helm", peer)), remark: String::new() }
    };
    vec![row("start-up: version", "version", "version"), row("start-up: --help", "--help", "--help")]
}
