//! StatefulSet: all replicas ready, and those above the partition of the present revision.

use serde_json::Value;

use super::json::{count, is_unobserved, number, plural, text};
use super::owned::{is_owned, pods_of};
use super::replica_set::cannot_create;
use super::{Related, Status, pod};

/// The status of one StatefulSet.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    if is_unobserved(object) || object.pointer("/status/observedGeneration").is_none() {
        return Status::progressing("waits for its controller to see the change");
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let [replicas, ready, updated, available] =
        ["replicas", "readyReplicas", "updatedReplicas", "availableReplicas"].map(|key| count(object, &format!("/status/{key}")));
    let reason = || {
        let fresh = pods_of(object, related);
        let all: Vec<&Value> = related.pods.iter().map(|pod| &**pod).filter(|pod| is_owned(pod, object)).collect();
        // A pod of the old revision that is not ready stops an ordered update too.
        let told = pod::worst(&fresh, related.events).or_else(|| pod::worst(&all, related.events));
        told.or_else(|| cannot_create(object, related.events))
    };
    if ready < wanted {
        return Status::progressing(format!("{ready} of {} ready", plural(wanted, "replica"))).because(reason());
    }
    if count(object, "/spec/minReadySeconds") > 0 && available < wanted {
        return Status::progressing(format!("{available} of {} ready for long enough", plural(wanted, "replica")));
    }
    let on_delete = text(object, "/spec/updateStrategy/type") == "OnDelete";
    let partition = count(object, "/spec/updateStrategy/rollingUpdate/partition");
    let same = text(object, "/status/currentRevision") == text(object, "/status/updateRevision");
    // A controller forgets `updatedReplicas` when the revisions are one again.
    let must_update = if on_delete || same { 0 } else { (wanted - partition).max(0) };
    if updated < must_update {
        return Status::progressing(format!("{updated} of {} updated", plural(must_update, "replica"))).because(reason());
    }
    if !on_delete && partition == 0 && !same {
        return Status::progressing("waits for its controller to close the update");
    }
    if replicas > wanted {
        return Status::progressing(format!("scales from {replicas} to {}", plural(wanted, "replica")));
    }
    Status::ready(format!("{ready} of {} ready", plural(wanted, "replica")))
}
