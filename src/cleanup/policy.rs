//! What the policies for branches and tags say: which references they choose, and how far a limit goes.
//!
//! A policy chooses references by kind, name and limit; a later policy replaces an earlier one for the same reference.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Ref;
use crate::project::config::meta::{KeepPolicy, Limit, Operator};

/// A policy's name pattern is not a regular expression.
#[derive(Clone, Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{pattern}` in `cleanup.keepPolicies` is not a regular expression")]
#[diagnostic(help("text between slashes is a regular expression for the whole name; without slashes it is the name itself"))]
pub struct PolicyError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: regex::Error,
}

/// The references that policies choose, each with its policy: the last that chooses it.
pub(super) fn chosen<'a>(
    references: &'a [Ref],
    policies: &'a [KeepPolicy],
    now: Timestamp,
) -> Result<Vec<(&'a Ref, &'a KeepPolicy)>, PolicyError> {
    let mut by_reference: BTreeMap<usize, &KeepPolicy> = BTreeMap::new();
    for policy in policies {
        let pattern = Pattern::parse(&policy.references.pattern)?;
        let matching = references
            .iter()
            .enumerate()
            .filter(|(_, reference)| reference.kind == policy.references.kind && pattern.matches(&reference.name));
        let mut matching: Vec<_> = matching.collect();
        matching.sort_by(|(_, a), (_, b)| (b.time, &a.name).cmp(&(a.time, &b.name)));
        let within =
            matching.into_iter().enumerate().filter(|(rank, (_, reference))| admits(policy.references.limit, *rank, reference.time, now));
        by_reference.extend(within.map(|(_, (index, _))| (index, policy)));
    }
    Ok(by_reference.into_iter().map(|(index, policy)| (&references[index], policy)).collect())
}

/// Whether a limit admits what is `rank` places behind the newest and of some time.
pub(super) fn admits(limit: Limit, rank: usize, time: Timestamp, now: Timestamp) -> bool {
    let few = limit.last.map(|last| rank < last as usize);
    let young = limit.within.map(|within| is_within(time, now, within));
    match (few, young, limit.operator) {
        (None, None, _) => true,
        // Without a number all are few.
        (None, Some(_), Operator::Or) => true,
        (Some(one), None, _) | (None, Some(one), Operator::And) => one,
        (Some(few), Some(young), Operator::And) => few && young,
        (Some(few), Some(young), Operator::Or) => few || young,
    }
}

/// Whether a time is at most so long ago. What is to come is.
pub(super) fn is_within(time: Timestamp, now: Timestamp, within: std::time::Duration) -> bool {
    now.duration_since(time) <= long(within)
}

/// The time that is as long ago, at the earliest the beginning of all.
pub(super) fn ago(within: std::time::Duration, now: Timestamp) -> Timestamp {
    now.checked_sub(long(within)).unwrap_or(Timestamp::MIN)
}

fn long(within: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX)
}

/// A policy's name pattern.
enum Pattern<'a> {
    Exact(&'a str),
    Expression(regex::Regex),
}

impl<'a> Pattern<'a> {
    fn parse(text: &'a str) -> Result<Self, PolicyError> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(expression) => {
                let regex = regex::Regex::new(&format!("^(?:{expression})$"));
                Ok(Pattern::Expression(regex.map_err(|source| PolicyError { pattern: text.to_owned(), source })?))
            }
            None => Ok(Pattern::Exact(text)),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Exact(wanted) => *wanted == name,
            Pattern::Expression(regex) => regex.is_match(name),
        }
    }
}
