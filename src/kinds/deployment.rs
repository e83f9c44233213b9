//! Deployment: all replicas are of the present template, available, and none is left of an earlier one.

use serde_json::Value;

use super::json::{count, is_unobserved, new_condition, number, plural, text, why};
use super::owned::{new_replica_set, pods_of};
use super::row::{Derived, Owner};
use super::{Related, Status, pod, replica_set};

/// The status of one Deployment.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    if is_unobserved(object) || object.pointer("/status/observedGeneration").is_none() {
        return Status::progressing("waits for its controller to see the change");
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let [replicas, updated, available] =
        ["replicas", "updatedReplicas", "availableReplicas"].map(|key| count(object, &format!("/status/{key}")));
    let reason = || {
        let failure =
            new_condition(object, "ReplicaFailure", related.before).filter(|failure| text(failure, "/status") == "True").and_then(why);
        let from_replica_set =
            || new_replica_set(object, related.replica_sets).and_then(|new| replica_set::cannot_create(new, related.events));
        failure.or_else(|| pod::worst(&pods_of(object, related), related.events)).or_else(from_replica_set)
    };
    // What an earlier rollout left behind stays until this one makes progress.
    let late = new_condition(object, "Progressing", related.before);
    let late = late.filter(|progress| text(progress, "/reason") == "ProgressDeadlineExceeded");
    if late.is_some() && (updated < wanted || available < wanted || replicas > updated) {
        let within = number(object, "/spec/progressDeadlineSeconds").unwrap_or(600);
        return Status::failed(format!("{available} of {} ready, no progress within {within} s", plural(wanted, "replica")))
            .because(reason());
    }
    if updated < wanted {
        let paused = object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true);
        let what = format!("{updated} of {} updated", plural(wanted, "replica"));
        return Status::progressing(if paused { format!("{what}, the rollout is paused") } else { what }).because(reason());
    }
    // Old replicas are counted in `replicas`; while they go, `available` may be theirs.
    if available < wanted {
        return Status::progressing(format!("{available} of {} ready", plural(wanted, "replica"))).because(reason());
    }
    if replicas > updated {
        let old = replicas - updated;
        return Status::progressing(format!("{} {} still there", plural(old, "old replica"), if old == 1 { "is" } else { "are" }))
            .because(reason());
    }
    if replicas != wanted {
        return Status::progressing(format!("scales from {replicas} to {}", plural(wanted, "replica")));
    }
    Status::ready(format!("{available} of {} ready", plural(wanted, "replica")))
}

/// A strategy without a rolling update refuses the numbers of one.
pub fn derived(wanted: &Value, live: &Value) -> Vec<Derived> {
    rolling_update(wanted, live, "strategy")
}

/// The numbers of a rolling update that a strategy without one leaves behind.
pub fn rolling_update(wanted: &Value, live: &Value, strategy: &str) -> Vec<Derived> {
    let [wanted, live] = [wanted, live].map(|object| &object["spec"][strategy]);
    let is_plain = matches!(text(wanted, "/type"), "Recreate" | "OnDelete");
    let stays = is_plain && wanted["rollingUpdate"].is_null() && !live["rollingUpdate"].is_null();
    if stays { vec![Derived::field(&["spec", strategy, "rollingUpdate"], Owner::Anyone)] } else { Vec::new() }
}
