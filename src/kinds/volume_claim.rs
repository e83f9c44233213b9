//! PersistentVolumeClaim: bound, or waiting for a pod that wants it.

use serde_json::Value;

use super::json::{line, text};
use super::owned::events_of;
use super::pod::event_time;
use super::{Related, Status};

/// The status of one claim.
pub fn status(object: &Value, related: Related<'_>) -> Status {
    match text(object, "/status/phase") {
        "Bound" => Status::ready("bound"),
        "Lost" => Status::failed("its volume is lost"),
        _ => {
            let last = events_of(object, related.events).max_by_key(|event| event_time(event));
            let reason = last.map_or("", |event| text(event, "/reason"));
            // Binding begins with the pod that mounts it; to wait for it before that pod would be to wait for ever.
            if matches!(reason, "WaitForFirstConsumer" | "WaitForPodScheduled") {
                return Status::ready("will be bound with its first pod");
            }
            Status::progressing("not bound").because(last.map(|event| line(text(event, "/message"))).filter(|text| !text.is_empty()))
        }
    }
}
