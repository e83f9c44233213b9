//! One file per kind: object to status and a message for people.
//!
//! A status is computed from what the API server shows at one moment: the object, and for workloads the pods, ReplicaSets and events
//! around it. Nothing is asked, waited for or remembered; the one thing that needs a memory, how often pods failed since tracking began,
//! is a fold over such moments ([`failures`]). Rules follow kubedog (what werf 2 users know) and the controllers' own documentation.

mod api_service;
mod custom;
mod daemon_set;
mod definition;
mod deployment;
pub mod failures;
mod generic;
mod job;
mod json;
mod namespace;
mod owned;
mod pod;
mod probe;
mod replica_set;
mod service;
mod stateful_set;
mod volume_claim;

#[cfg(test)]
mod tests;

use std::fmt;

use std::sync::Arc;

use serde_json::Value;

pub use owned::pods_of;
pub use probe::settle;

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
    let (group, kind) = json::group_kind(object);
    match (group, kind) {
        ("apps", "Deployment") => deployment::status(object, related),
        ("apps", "StatefulSet") => stateful_set::status(object, related),
        ("apps", "DaemonSet") => daemon_set::status(object, related),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => replica_set::status(object, related),
        ("batch", "Job") => job::status(object, related),
        ("", "Pod") => pod::status(object, related.events),
        ("", "PersistentVolumeClaim") => volume_claim::status(object, related.events),
        ("", "Service") => service::status(object),
        ("", "Namespace") => namespace::status(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::status(object),
        ("apiregistration.k8s.io", "APIService") => api_service::status(object),
        // Their conditions tell how they find their targets, which may come later than they do.
        ("autoscaling", "HorizontalPodAutoscaler") | ("policy", "PodDisruptionBudget") => Status::ready("created"),
        // Not every controller writes an address, so its absence says nothing.
        ("networking.k8s.io", "Ingress") => Status::ready("created"),
        _ => custom::status(object, group, kind).unwrap_or_else(|| generic::status(object)),
    }
}
