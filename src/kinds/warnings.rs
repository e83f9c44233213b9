//! Events that say why an object does not work.

use jiff::Timestamp;
use serde_json::Value;

use super::failures::is_since;
use super::json::{is_true, line, number, text};
use super::owned::{events_of, new_replica_set};
use super::{Related, pod};

/// How many warnings are shown.
const SHOWN: usize = 5;

/// What says nothing that a status does not say better, or tells of the cluster and not of the object.
const EMPTY: [&str; 5] = ["BackOff", "BackoffLimitExceeded", "DeadlineExceeded", "MissingClusterDNS", "DNSConfigForming"];

/// Warnings of this deployment about an object, its ReplicaSet and its pods, the newest last, as `Pod/web-1: Unhealthy: …`; without those
/// that `reason` tells already.
pub fn warnings(object: &Value, pods: &[&Value], related: Related<'_>, since: Option<Timestamp>, reason: &str) -> Vec<String> {
    let replica_set = new_replica_set(object, related.replica_sets);
    let about = std::iter::once(object).chain(replica_set).chain(pods.iter().copied());
    let mut found: Vec<&Value> = about
        .flat_map(|object| events_of(object, related.events).filter(|event| !is_over(object, event)))
        .filter(|event| text(event, "/type") == "Warning" && is_since(event, since))
        .filter(|event| !EMPTY.contains(&text(event, "/reason")) && !reason.contains(&core(&pod::said(text(event, "/message")))))
        .collect();
    found.sort_by_key(|event| (pod::event_time(event), text(event, "/metadata/name")));
    let mut lines: Vec<String> = Vec::new();
    for event in found.into_iter().rev() {
        let line = told(event);
        // Pods of one template tell the same: one of them speaks for all.
        let same = |known: &String| core(known) == core(&line);
        if lines.len() < SHOWN && !lines.iter().any(same) {
            lines.push(line);
        }
    }
    lines.reverse();
    lines
}

/// Whether a pod has come further than to what an event tells.
fn is_over(pod: &Value, event: &Value) -> bool {
    match text(event, "/reason") {
        "FailedScheduling" => is_true(pod, "PodScheduled"),
        "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox" => {
            let waiting = |status: &Value| matches!(text(status, "/state/waiting/reason"), "ContainerCreating" | "PodInitializing");
            pod::containers(pod).any(|(_, status)| !waiting(status))
        }
        _ => false,
    }
}

/// What a message says, without what is wrapped around it: the kubelet and the controllers quote one another (`Failed to pull image "x": …`,
/// `Error: …`), and a controller names each pod that it could not make.
pub(super) fn core(message: &str) -> String {
    let message = message.strip_prefix("(combined from similar events): ").unwrap_or(message);
    let words = message.split_once(": ").map_or(message, |(_, words)| words);
    let words = words.split_once(" is forbidden: ").map_or(words, |(_, words)| words);
    words.split(" (").next().filter(|words| words.len() > 20).unwrap_or(words).to_owned()
}

fn told(event: &Value) -> String {
    let times = number(event, "/series/count").or(number(event, "/count")).unwrap_or(1);
    let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
    let about = |field: &str| text(event, &format!("/involvedObject/{field}"));
    format!("{}/{}: {}: {}{times}", about("kind"), about("name"), text(event, "/reason"), line(text(event, "/message")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_already_is_not_told_again() {
        let event = |name: &str, about: &str, reason: &str, message: &str, second: u32| {
            Arc::new(json!({
                "metadata": {"name": name}, "type": if reason == "Pulled" { "Normal" } else { "Warning" }, "reason": reason, "message": message, "count": second,
                "involvedObject": {"kind": "Pod", "name": about, "uid": about}, "lastTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
            }))
        };
        let events = [
            event("a", "web-1", "Failed", "Failed to pull image \"x:1\": not found", 1),
            event("b", "web-1", "Failed", "Error: ErrImagePull", 2),
            event("c", "web-1", "BackOff", "Back-off pulling image", 3),
            event("d", "web-1", "Unhealthy", "Liveness probe failed: HTTP 500", 4),
            event("e", "web-2", "Unhealthy", "Liveness probe failed: HTTP 500", 4),
            event("f", "web-1", "Pulled", "fine", 5),
            event("h", "web-1", "FailedScheduling", "0/1 nodes are available", 7),
            event("g", "other", "Unhealthy", "Liveness probe failed: HTTP 400", 6),
        ];
        let pods = ["web-1", "web-2"].map(
            |name| json!({"metadata": {"name": name, "uid": name}, "status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}}),
        );
        let pods: Vec<&Value> = pods.iter().collect();
        let related = Related { events: &events, ..Related::default() };
        let told =
            |reason: &str, since: Option<&str>| warnings(&json!({}), &pods, related, since.map(|since| since.parse().unwrap()), reason);
        assert_eq!(
            told("container web: ErrImagePull: not found", None),
            ["Pod/web-2: Unhealthy: Liveness probe failed: HTTP 500 (4 times)"]
        );
        assert_eq!(
            told("", None),
            [
                "Pod/web-1: Failed: Failed to pull image \"x:1\": not found",
                "Pod/web-1: Failed: Error: ErrImagePull (2 times)",
                "Pod/web-2: Unhealthy: Liveness probe failed: HTTP 500 (4 times)",
            ]
        );
        assert_eq!(told("", Some("2026-01-01T00:00:05Z")), Vec::<String>::new());
    }
}
