//! What the cluster rejects, shown where the chart's templates wrote it.

use std::collections::BTreeSet;

use super::validate::Problem;
use crate::deploy::cluster::DeployError;
use crate::deploy::plan::PlanError;
use crate::error::{Error, Problems};

/// Whether the cluster rejects any of the objects.
pub fn is_any(problems: &[PlanError]) -> bool {
    problems.iter().any(|problem| object(problem).is_some())
}

/// Objects of which no plan can be made. Where schemas say what is wrong in one that the cluster rejects, the place in the template with
/// the nearest name stands for the server's words. `located` is what they say, by object.
pub fn explained(problems: Vec<PlanError>, located: Vec<(String, Problem)>) -> Error {
    let rejected: BTreeSet<String> = problems.iter().filter_map(object).collect();
    let located: Vec<(String, Problem)> = located.into_iter().filter(|(object, _)| rejected.contains(object)).collect();
    if located.is_empty() {
        return DeployError::NoPlan { problems }.into();
    }
    let known: BTreeSet<&str> = located.iter().map(|(object, _)| object.as_str()).collect();
    let headline = match problems.len() {
        1 => "1 object cannot be deployed; nothing was changed".to_owned(),
        count => format!("{count} objects cannot be deployed; nothing was changed"),
    };
    let others = problems.into_iter().filter(|problem| object(problem).is_none_or(|object| !known.contains(object.as_str())));
    let others: Vec<Problem> = others.map(|problem| Box::new(problem) as _).collect();
    Problems::new(headline, located.into_iter().map(|(_, problem)| problem).chain(others).collect()).into()
}

/// `Kind/name` of an object that the cluster rejects.
fn object(problem: &PlanError) -> Option<String> {
    match problem {
        PlanError::Rejected { resource, .. } => Some(format!("{}/{}", resource.gvk.kind, resource.name)),
        _ => None,
    }
}
