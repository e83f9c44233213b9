//! DaemonSet: one available pod of the present template on every node that it wants.

use serde_json::Value;

use super::json::{count, is_unobserved, plural, text};
use super::owned::pods_of;
use super::replica_set::cannot_create;
use super::row::Derived;
use super::{Related, Status, deployment, pod};

/// The status of one DaemonSet.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    if is_unobserved(object) || count(object, "/status/observedGeneration") == 0 {
        return Status::progressing("waits for its controller to see the change");
    }
    let [wanted, updated, available] =
        ["desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"].map(|key| count(object, &format!("/status/{key}")));
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Status::ready("updates as its pods are deleted");
    }
    let reason = || pod::worst(&pods_of(object, related), related.events).or_else(|| cannot_create(object, related.events));
    if updated < wanted {
        return Status::progressing(format!("{updated} of {} updated", plural(wanted, "pod"))).because(reason());
    }
    if available < wanted {
        return Status::progressing(format!("{available} of {} ready", plural(wanted, "pod"))).because(reason());
    }
    match wanted {
        0 => Status::ready("no node wants a pod of it"),
        _ => Status::ready(format!("{available} of {} ready", plural(wanted, "pod"))),
    }
}

/// As a Deployment's; a StatefulSet has it under the same name.
pub fn derived(wanted: &Value, live: &Value) -> Vec<Derived> {
    deployment::rolling_update(wanted, live, "updateStrategy")
}
