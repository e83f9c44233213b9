//! What is known of each kind of Kubernetes: one row a kind, in [`TABLE`](table).
//!
//! A row says how its objects are named and in which order they are applied, how their status is read, which pods are theirs and how
//! often these may fail, what they refer to, what only one of them can have, and which values of the server follow from others. Everything
//! here is a function of objects as the API server shows them: charts, plans, tracking and the listing for cleanup read it.
//!
//! A status is computed from one moment: the object, and for workloads the pods, ReplicaSets and events around it. Nothing is asked,
//! waited for or remembered; the one thing that needs a memory, how often pods failed since tracking began, is a fold over such moments
//! ([`failures`]).

mod advice;
mod api_service;
mod custom;
mod daemon_set;
mod definition;
mod deployment;
pub mod failures;
mod generic;
mod install_order;
mod job;
mod json;
mod namespace;
mod network_policy;
mod owned;
mod places;
mod pod;
mod pod_template;
mod probe;
mod references;
mod replica_set;
mod row;
mod service;
mod stateful_set;
mod table;
mod volume_claim;
mod warnings;

#[cfg(test)]
mod tests;

use std::fmt;

use std::sync::Arc;

use serde_json::Value;

pub use advice::advice;
pub use install_order::{HELM_3, HELM_4};
pub use owned::pods_of;
pub use places::{is_given_address, is_place, places};
pub use probe::settle;
pub use references::{Reference, deletion_grace, pod_spec, pod_spec_path, references};
pub use row::{Derived, Events, Judge, Name, Owner, Pods, Row, Scope, Tier};
pub use table::OTHER;
pub use warnings::warnings;

/// What is known of a kind.
pub fn kind(group: &str, kind: &str) -> &'static Row {
    let group = present_group(group, kind);
    table::TABLE.iter().find(|row| row.kind == kind && row.group == group).unwrap_or(&OTHER)
}

/// What is known of an object's kind.
pub fn row(object: &Value) -> &'static Row {
    let (group, name) = json::group_kind(object);
    kind(group, name)
}

/// The row of a kind in a version that Kubernetes itself serves; `None` where discovery must answer.
pub fn served(group: &str, version: &str, kind: &str) -> Option<&'static Row> {
    table::TABLE.iter().find(|row| row.kind == kind && row.group == group && row.versions.contains(&version))
}

/// Kinds of Kubernetes itself that make or are pods.
pub fn workloads() -> impl Iterator<Item = &'static Row> {
    table::TABLE.iter().filter(|row| row.pods.is_some() && !row.versions.is_empty())
}

/// The group that a kind is in today: two groups served the same objects for years, and Helm takes a move between them for one of version.
pub fn present_group<'a>(group: &'a str, kind: &str) -> &'a str {
    match (group, kind) {
        ("extensions", "Ingress" | "NetworkPolicy") => "networking.k8s.io",
        ("extensions", "Deployment" | "DaemonSet" | "ReplicaSet") => "apps",
        (group, _) => group,
    }
}

/// Values of the server in a live object that no longer fit what is wanted.
pub fn derived(wanted: &Value, live: &Value) -> Vec<Derived> {
    let mut found = (row(wanted).derived)(wanted, live);
    found.extend(pod_template::derived(wanted, live));
    found
}

/// How far an object is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// On its way, and it may arrive.
    Progressing,
    /// It does what it was made for.
    Ready,
    /// It will not arrive by itself.
    Failed,
    /// It is being deleted.
    Terminating,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Progressing => "progressing",
            State::Ready => "ready",
            State::Failed => "failed",
            State::Terminating => "terminating",
        })
    }
}

/// A state with a message for people, such as `1 of 3 replicas ready: pod web-abc container app: ImagePullBackOff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far.
    pub state: State,
    /// One line, no full stop.
    pub message: String,
}

impl Status {
    fn new(state: State, message: impl Into<String>) -> Self {
        Status { state, message: message.into() }
    }

    fn ready(message: impl Into<String>) -> Self {
        Status::new(State::Ready, message)
    }

    fn progressing(message: impl Into<String>) -> Self {
        Status::new(State::Progressing, message)
    }

    fn failed(message: impl Into<String>) -> Self {
        Status::new(State::Failed, message)
    }

    /// Adds why, unless there is nothing to add.
    fn because(mut self, reason: Option<String>) -> Self {
        if let Some(reason) = reason {
            self.message = format!("{}: {reason}", self.message);
        }
        self
    }
}

/// What lives around an object. Each list may hold more than what belongs to the object (a namespace's all): owners are followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Related<'a> {
    /// Pods.
    pub pods: &'a [Arc<Value>],
    /// ReplicaSets, through which a Deployment's pods are found.
    pub replica_sets: &'a [Arc<Value>],
    /// Events of the core group, about the object, its ReplicaSets and its pods.
    pub events: &'a [Arc<Value>],
    /// The object as it was when this deployment began to look at it: what it said then is no judgement of this deployment.
    pub before: Option<&'a Value>,
}

/// Computes an object's status. Kinds without a rule are judged by what `status.conditions` and `status.phase` usually mean;
/// an object that has none of these is ready as soon as it is there.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    if json::is_deleting(object) {
        let finalizers = json::texts(object, "/metadata/finalizers").join(", ");
        let reason = if finalizers.is_empty() { None } else { Some(format!("waits for {finalizers}")) };
        return Status::new(State::Terminating, "being deleted").because(reason);
    }
    judged(object, related)
}

/// The status, whether the object is being deleted or not.
fn judged(object: &Value, related: Related<'_>) -> Status {
    match &row(object).judge {
        Judge::Rule(rule) => rule(object, related),
        Judge::Words(words) => custom::status(object, words),
        Judge::Created => Status::ready("created"),
        Judge::Convention => generic::status(object),
    }
}
