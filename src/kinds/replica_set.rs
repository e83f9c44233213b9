//! ReplicaSet and ReplicationController: all replicas are available.

use std::sync::Arc;

use serde_json::Value;

use super::json::{count, is_unobserved, line, new_condition, number, plural, text, why};
use super::owned::{events_of, pods_of};
use super::{Related, Status, pod};

/// The status of one ReplicaSet.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    if is_unobserved(object) || object.pointer("/status/observedGeneration").is_none() {
        return Status::progressing("waits for its controller to see the change");
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let available = count(object, "/status/availableReplicas");
    let what = format!("{available} of {} ready", plural(wanted, "replica"));
    if available >= wanted && count(object, "/status/replicas") == wanted {
        return Status::ready(what);
    }
    let failure =
        new_condition(object, "ReplicaFailure", related.before).filter(|failure| text(failure, "/status") == "True").and_then(why);
    let reason = failure.or_else(|| pod::worst(&pods_of(object, related), related.events));
    Status::progressing(what).because(reason.or_else(|| cannot_create(object, related.events)))
}

/// Why a controller's pods are not even created: a quota, an admission webhook, a missing ServiceAccount.
pub fn cannot_create(object: &Value, events: &[Arc<Value>]) -> Option<String> {
    let failures = events_of(object, events).filter(|event| text(event, "/reason") == "FailedCreate");
    failures.max_by_key(|event| pod::event_time(event)).map(|event| line(text(event, "/message")))
}
