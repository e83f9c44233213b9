//! Job: complete, or failed for good.

use serde_json::Value;

use super::json::{condition, count, is_true, number, plural, text, why};
use super::owned::pods_of;
use super::replica_set::cannot_create;
use super::{Related, Status, pod};

/// The status of one Job.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    let wanted = number(object, "/spec/completions").unwrap_or(1);
    let succeeded = count(object, "/status/succeeded");
    let what = format!("{succeeded} of {}", plural(wanted, "completion"));
    let reason = || {
        let pods = pods_of(object, related);
        pod::worst(&pods, related.events).or_else(|| cannot_create(object, related.events))
    };
    if is_true(object, "Complete") {
        return Status::ready("complete");
    }
    let failed = ["Failed", "FailureTarget"].into_iter().find(|kind| is_true(object, kind)).and_then(|kind| condition(object, kind));
    if let Some(failed) = failed {
        let because = match (why(failed), reason()) {
            (Some(told), Some(pod)) => Some(format!("{told}; {pod}")),
            (told, pod) => told.or(pod),
        };
        return Status::failed("failed").because(because);
    }
    if object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return Status::ready("suspended");
    }
    if is_true(object, "SuccessCriteriaMet") {
        return Status::progressing("its pods are done, waits for its controller to close it");
    }
    let failures = count(object, "/status/failed");
    let what = if failures == 0 { what } else { format!("{what}, {} failed of {} allowed", plural(failures, "pod"), allowed(object)) };
    Status::progressing(what).because(reason())
}

fn allowed(object: &Value) -> String {
    match (number(object, "/spec/backoffLimit"), text(object, "/spec/template/spec/restartPolicy")) {
        (Some(limit), _) => limit.to_string(),
        (None, _) => "6".to_owned(),
    }
}
