//! Which pods belong to a workload as it is now: those of its last change, not those that it is replacing.

use std::sync::Arc;

use serde_json::Value;

use super::json::{is_deleting, is_unobserved, name, text, uid};
use super::{Related, row};

/// The annotation by which a Deployment and its ReplicaSets count revisions.
const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

/// The pods that an object's present template made, those being deleted left out. A pod is its own.
pub fn pods_of<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    let mut pods = row(object).pods.map_or_else(Vec::new, |pods| (pods.of)(object, related));
    pods.retain(|pod| !is_deleting(pod));
    pods
}

/// All that the object owns.
pub fn all<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    related.pods.iter().map(|pod| &**pod).filter(|pod| is_owned(pod, object)).collect()
}

/// A pod is its own.
pub fn itself<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    related.pods.iter().map(|pod| &**pod).filter(|pod| uid(pod) == uid(object) && name(pod) == name(object)).collect()
}

/// Those of a Deployment's present ReplicaSet.
pub fn of_replica_set<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    new_replica_set(object, related.replica_sets).map_or_else(Vec::new, |replica_set| all(replica_set, related))
}

/// Those of a StatefulSet's present revision.
pub fn of_revision<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    labelled(object, related, "/metadata/labels/controller-revision-hash", text(object, "/status/updateRevision"))
}

/// Those of a DaemonSet's present generation.
pub fn of_generation<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    let generation = text(object, "/metadata/annotations/deprecated.daemonset.template.generation");
    labelled(object, related, "/metadata/labels/pod-template-generation", generation)
}

fn labelled<'a>(object: &Value, related: Related<'a>, label: &str, wanted: &str) -> Vec<&'a Value> {
    let mut pods = all(object, related);
    pods.retain(|pod| wanted.is_empty() || text(pod, label) == wanted);
    pods
}

/// The ReplicaSet of a Deployment's present revision.
pub fn new_replica_set<'a>(deployment: &Value, replica_sets: &'a [Arc<Value>]) -> Option<&'a Value> {
    let owned = || replica_sets.iter().map(|replica_set| &**replica_set).filter(|replica_set| is_owned(replica_set, deployment));
    let revision = |object: &Value| text(object, REVISION).parse::<i64>().ok();
    // Before the controller has seen the change, the newest ReplicaSet is that of the change before.
    if is_unobserved(deployment) { None } else { owned().max_by_key(|replica_set| revision(replica_set)) }
}

/// Whether an object's owner is another one.
pub fn is_owned(object: &Value, owner: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let wanted = uid(owner);
    !wanted.is_empty() && owners.into_iter().flatten().any(|reference| text(reference, "/uid") == wanted)
}

/// The events about an object, by its uid.
pub fn events_of<'a>(object: &'a Value, events: &'a [Arc<Value>]) -> impl Iterator<Item = &'a Value> {
    let wanted = uid(object);
    events.iter().map(|event| &**event).filter(move |event| !wanted.is_empty() && text(event, "/involvedObject/uid") == wanted)
}
