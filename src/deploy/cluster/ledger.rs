//! What became of the changes that a command was to make, for who asks when it has ended, well or not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::context::held;
use crate::deploy::plan::{Plan, Verb};
use crate::deploy::resource::ResourceId;

/// Shared by the command and who asks.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    revision: Option<u32>,
    /// Changes of the plans that were made, and all of them.
    changes: (usize, usize),
    works: Vec<Work>,
    /// The plan that brings an earlier revision back.
    rollback: Option<Plan>,
}

/// A change of an object.
#[derive(Clone, Debug)]
pub struct Work {
    /// `create`, `update`, `recreate` or `delete`.
    pub verb: &'static str,
    /// The object.
    pub resource: ResourceId,
    /// What became of it.
    pub end: End,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was made.
    Done,
    /// It was not made, since something else failed or the user stopped it.
    Canceled,
    /// The cluster refused it.
    Failed,
}

impl Ledger {
    /// The revision that the command made, well or not; `None` where it changed nothing. That of a rollback after it does not count.
    pub fn revision(&self) -> Option<u32> {
        held(&self.0).revision
    }

    /// The changes in the order of the plans.
    pub fn works(&self) -> Vec<Work> {
        held(&self.0).works.clone()
    }

    /// How many changes of the plans were made, and how many were to be made.
    pub(super) fn changes(&self) -> (usize, usize) {
        held(&self.0).changes
    }

    /// The plan by which an earlier revision was brought back; `None` where none was.
    pub fn rollback(&self) -> Option<Plan> {
        held(&self.0).rollback.clone()
    }

    pub(super) fn begin_rollback(&self, plan: Plan) {
        held(&self.0).rollback = Some(plan);
    }

    pub(super) fn begin(&self, revision: u32) {
        held(&self.0).revision.get_or_insert(revision);
    }

    /// Takes in how far the operations of a plan came, by their numbers.
    pub(super) fn take(&self, plan: &Plan, done: &BTreeSet<usize>, failed: Option<usize>) {
        let works = plan.operations.iter().enumerate().filter_map(|(index, operation)| {
            let end = match () {
                () if done.contains(&index) => End::Done,
                () if failed == Some(index) => End::Failed,
                () => End::Canceled,
            };
            Some(Work { verb: word(&operation.verb)?, resource: plan.resources[operation.resource?].id.clone(), end })
        });
        let works: Vec<Work> = works.collect();
        let mut book = held(&self.0);
        book.changes.0 += works.iter().filter(|work| work.end == End::Done).count();
        book.changes.1 += works.len();
        book.works.extend(works);
    }

    /// Takes in that an object was deleted as its policy has it for failures.
    pub(super) fn deleted(&self, resource: &ResourceId) {
        held(&self.0).works.push(Work { verb: "delete", resource: resource.clone(), end: End::Done });
    }
}

/// What a change is called; `None` for what changes nothing.
fn word(verb: &Verb) -> Option<&'static str> {
    match verb {
        Verb::Create => Some("create"),
        Verb::Update => Some("update"),
        Verb::Recreate => Some("recreate"),
        Verb::Delete => Some("delete"),
        Verb::Track(_) | Verb::Await(_) | Verb::Join(_) => None,
    }
}
