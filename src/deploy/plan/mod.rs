//! Desired state, live state and the last release become ordered changes.
//!
//! Three steps, of which only the caller touches the cluster:
//! [`undecided`] says which objects cannot be judged by their live state alone; the caller asks the server for a server-side-apply dry
//! run of each; [`make`] decides and orders. The [`Plan`] is a graph of [`Operation`]s that prints itself as text and JSON and holds
//! everything that its execution needs, so that every change is in a plan before it is made.
//!
//! An object is unchanged without a question where every field that we want has its live value and belongs to our field manager, and
//! no other field does (structured-merge-diff's rules for `managedFields`).

mod changes;
mod claims;
mod compare;
mod diff;
mod dot;
mod error;
mod graph;
mod managed;
mod mask;
mod previous;
mod print;
mod removal;
mod room;

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::resource::{Action, ExternalDependency, Identity, Owner, Resource, ResourceId, State};

pub use changes::undecided;
pub use claims::Leaving;
pub use compare::{clean, is_settled};
pub use diff::unified;
pub use dot::to_dot;
pub use error::PlanError;
pub use managed::FIELD_MANAGER;
pub use previous::{from_manifest, known, parse_text};
pub use print::{Shown, to_json, to_text};
pub use removal::removal;

#[cfg(test)]
mod tests;

/// Live objects by identity. What is absent does not exist.
pub type Live = HashMap<Identity, Value>;

/// What the server says about applying an object, without having done it.
#[derive(Clone, Debug, PartialEq)]
pub enum DryRun {
    /// The object as it would be.
    Would(Value),
    /// It would be changed where nothing can be changed. The server's words.
    Immutable(String),
    /// It would be rejected. The server's words.
    Rejected(String),
    /// The server cannot say: the namespace or the kind is not there yet, a webhook does not answer.
    Unknown(String),
}

/// Everything that a plan is made from.
#[derive(Debug)]
pub struct Input<'a> {
    /// What is done to the release.
    pub action: Action,
    /// Whose the objects are.
    pub owner: &'a Owner,
    /// Objects and hooks of the new revision, namespaces settled.
    pub desired: &'a [Resource],
    /// Objects of the revision that stands now; what `desired` lacks of them is deleted.
    pub previous: &'a [Resource],
    /// Live state of all of them.
    pub live: &'a Live,
    /// Answers for what [`undecided`] asked.
    pub dry_runs: &'a HashMap<Identity, DryRun>,
    /// Why a new revision is due even if no object changes, such as `the notes changed` or `the last deployment failed`.
    pub release_reason: Option<String>,
    /// Whether objects that stay as they are must be watched until they work, because nobody saw them work last time.
    pub retrack: bool,
    /// Whether objects of other owners are taken over.
    pub force_adoption: bool,
}

/// Ordered changes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is done to the release.
    pub action: Action,
    /// The release.
    pub owner: Owner,
    /// The objects that operations refer to.
    pub resources: Vec<Resource>,
    /// What to do. `after` holds indices into this list, each smaller than the operation's own.
    pub operations: Vec<Operation>,
    /// Objects that are as they should be.
    pub unchanged: Vec<ResourceId>,
    /// Why a new revision is due even if no object changes.
    pub release_reason: Option<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What is done.
    pub verb: Verb,
    /// Index into [`Plan::resources`]; `None` only for [`Verb::Join`].
    pub resource: Option<usize>,
    /// Operations that must have ended well before.
    pub after: Vec<usize>,
    /// Why, for people.
    pub reason: String,
    /// Cleaned live object and what it becomes, where known.
    pub change: Option<Change>,
}

/// A change of one object, cleaned of what only the server writes. Not masked: printing masks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Live object; `None` if there is none.
    pub before: Option<Value>,
    /// Object after the change; `None` if it is deleted.
    pub after: Option<Value>,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Applies an object that does not exist.
    Create,
    /// Applies an object that differs.
    Update,
    /// Deletes an object, waits until it is gone, and applies it.
    Recreate,
    /// Deletes an object.
    Delete,
    /// Waits for a state.
    Track(State),
    /// Waits for an object outside the release.
    Await(ExternalDependency),
    /// Does nothing: a point that others wait for, with its name.
    Join(&'static str),
}

impl Verb {
    /// Whether it changes the cluster.
    pub fn is_change(&self) -> bool {
        matches!(self, Verb::Create | Verb::Update | Verb::Recreate | Verb::Delete)
    }
}

impl Plan {
    /// Whether nothing has to be done: no object changes and no new revision is due.
    ///
    /// Hooks alone make no change: they run when there is another reason.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.release_reason.is_none()
    }

    /// The plan as it is carried out: with its last waits, or without them.
    pub fn as_carried_out(&self, final_tracking: bool) -> Cow<'_, Plan> {
        if final_tracking { Cow::Borrowed(self) } else { Cow::Owned(self.without_final_tracking()) }
    }

    /// The plan without waits for states that no change comes after (`--no-final-tracking`).
    fn without_final_tracking(&self) -> Plan {
        let mut is_wanted: Vec<bool> = self.operations.iter().map(|operation| operation.verb.is_change()).collect();
        for (index, operation) in self.operations.iter().enumerate().rev() {
            if is_wanted[index] {
                operation.after.iter().for_each(|before| is_wanted[*before] = true);
            }
        }
        let places: Vec<usize> =
            is_wanted.iter().scan(0, |next, wanted| Some(std::mem::replace(next, *next + usize::from(*wanted)))).collect();
        let wanted = self.operations.iter().zip(&is_wanted).filter(|(_, wanted)| **wanted);
        let operations = wanted
            .map(|(operation, _)| Operation { after: operation.after.iter().map(|before| places[*before]).collect(), ..operation.clone() });
        Plan { operations: operations.collect(), ..self.clone() }
    }

    /// How many operations there are by verb: created, updated, recreated, deleted.
    pub fn counts(&self) -> [usize; 4] {
        let count = |verb: Verb| self.operations.iter().filter(|operation| operation.verb == verb).count();
        [count(Verb::Create), count(Verb::Update), count(Verb::Recreate), count(Verb::Delete)]
    }
}

/// Decides what to do with every object, and in which order.
pub fn make(input: &Input<'_>) -> Result<Plan, Vec<PlanError>> {
    let decisions = changes::decide(input)?;
    graph::order(input, decisions).map_err(|error| vec![error])
}
