//! Which pods belong to a workload as it is now: those of its last change, not those that it is replacing.

use std::sync::Arc;

use serde_json::Value;

use super::Related;
use super::json::{group_kind, is_deleting, is_unobserved, name, text, uid};

/// The annotation by which a Deployment and its ReplicaSets count revisions.
const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

/// The pods that an object's present template made, those being deleted left out. A pod is its own.
pub fn pods_of<'a>(object: &Value, related: Related<'a>) -> Vec<&'a Value> {
    let pods = related.pods.iter().map(|pod| &**pod).filter(|pod| !is_deleting(pod));
    match group_kind(object) {
        ("", "Pod") => pods.filter(|pod| uid(pod) == uid(object) && name(pod) == name(object)).collect(),
        ("apps", "Deployment") => match new_replica_set(object, related.replica_sets) {
            Some(replica_set) => pods.filter(|pod| is_owned(pod, replica_set)).collect(),
            None => Vec::new(),
        },
        ("apps", "StatefulSet") => {
            let revision = text(object, "/status/updateRevision");
            let fresh = |pod: &&Value| revision.is_empty() || text(pod, "/metadata/labels/controller-revision-hash") == revision;
            pods.filter(|pod| is_owned(pod, object)).filter(fresh).collect()
        }
        ("apps", "DaemonSet") => {
            let generation = text(object, "/metadata/annotations/deprecated.daemonset.template.generation");
            let fresh = |pod: &&Value| generation.is_empty() || text(pod, "/metadata/labels/pod-template-generation") == generation;
            pods.filter(|pod| is_owned(pod, object)).filter(fresh).collect()
        }
        _ => pods.filter(|pod| is_owned(pod, object)).collect(),
    }
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
