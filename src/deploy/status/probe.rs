//! What readiness probes tell: for how long one may fail before it counts (until it could have passed the first time), and which pods
//! have none to ask.

use std::time::Duration;

use serde_json::Value;

use super::json::{count, items, number, text};

/// From the container's start; `None` where every failure counts (`failureThreshold: 1`) or there is no readiness probe.
///
/// The time that kubelet needs at the longest for a container that becomes ready at once: its startup probe's or its initial delay, and
/// the thresholds less the tries that fall into that time, each after its period, with half a period for the worker's jitter.
pub fn grace(container: &Value) -> Option<Duration> {
    let readiness = container.get("readinessProbe")?;
    let field = |probe: &Value, name: &str, default: i64| number(probe, &format!("/{name}")).unwrap_or(default).max(0) as f64;
    let threshold = field(readiness, "failureThreshold", 3);
    if threshold <= 1.0 {
        return None;
    }
    let period = field(readiness, "periodSeconds", 10).max(1.0);
    let timeout = field(readiness, "timeoutSeconds", 1).max(1.0);
    let success = field(readiness, "successThreshold", 1).max(1.0);
    let first = match container.get("startupProbe") {
        Some(startup) => {
            let startup_period = field(startup, "periodSeconds", 10).max(1.0);
            count(startup, "/initialDelaySeconds") as f64 + startup_period * field(startup, "failureThreshold", 3)
        }
        None => {
            // The prober wakes by its period, so a delay is rounded up to it.
            let delay = count(readiness, "/initialDelaySeconds") as f64;
            (delay / period).ceil() * period
        }
    };
    let seconds = first + timeout + (threshold + success - 3.0).max(0.0) * period + period / 2.0 + timeout;
    Some(Duration::from_secs_f64(seconds))
}

/// Whether a pod counts as ready as soon as its processes are started: a container of it has no readiness probe.
pub fn is_ready_unasked(pod: &Value) -> bool {
    text(pod, "/spec/restartPolicy") != "Never" && items(pod, "/spec/containers").iter().any(|spec| spec.get("readinessProbe").is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn grace_covers_the_first_passes() {
        for (container, expect) in [
            (json!({}), None),
            (json!({"readinessProbe": {"failureThreshold": 1}}), None),
            (json!({"readinessProbe": {}}), Some(17.0)),
            (json!({"readinessProbe": {"initialDelaySeconds": 12}}), Some(37.0)),
            (json!({"readinessProbe": {"periodSeconds": 2, "failureThreshold": 2, "timeoutSeconds": 3}}), Some(7.0)),
            (json!({"readinessProbe": {"periodSeconds": 2}, "startupProbe": {"periodSeconds": 5, "failureThreshold": 4}}), Some(25.0)),
        ] {
            assert_eq!(grace(&container).map(|grace| grace.as_secs_f64()), expect, "{container}");
        }
    }

    #[test]
    fn a_container_without_a_probe_is_ready_unasked() {
        let pod = |containers: Value| is_ready_unasked(&json!({"spec": {"containers": containers}}));
        assert!(pod(json!([{"name": "a", "readinessProbe": {}}, {"name": "b"}])));
        assert!(!pod(json!([{"name": "a", "readinessProbe": {}}])));
        assert!(!is_ready_unasked(&json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a"}]}})));
    }
}
