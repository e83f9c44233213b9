//! How often a change that changes nothing renames an image: the changes of the soundness test, each beside what BuildKit makes of it.

use std::time::Instant;

use crate::fixture::Testbed;
use crate::measure::Sample;
use crate::sound::report::{Tried, report};
use crate::sound::trial::{self, Trial};
use crate::sound::{names, oracle};
use crate::table::Row;

/// The share of the changes after which BuildKit's result is the same that change the name. The time is that for all names.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let cases = trial::cases(&oracle::bases(&testbed), 1);
    let is_tried = |trial: &Trial<'_>| trial.change.is_none() || trial.counts();
    let trials: Vec<Trial<'_>> = cases.iter().flat_map(|case| case.trials()).filter(is_tried).collect();
    let start = Instant::now();
    let names = names::digests(trials.iter().map(Trial::project));
    let took = start.elapsed();
    let outcomes = oracle::outcomes(&testbed, &trials.iter().map(Trial::project).collect::<Vec<_>>());
    let count = trials.len() - cases.len();
    let parts = trials.into_iter().zip(names.iter().zip(&outcomes));
    let tried: Vec<Tried<'_>> = parts.map(|(trial, (name, outcome))| Tried { trial, name, outcome }).collect();
    vec![Row {
        what: format!("needless renames: {} Dockerfiles, {count} changes", cases.len()),
        bar: "≤ 2 %",
        ours: Sample::of(vec![took]),
        peer: None,
        remark: report(&tried).words(),
    }]
}
