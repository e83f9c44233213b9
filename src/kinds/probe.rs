//! What readiness probes tell: for how long one may fail before it counts (until it could have passed the first time), and for how long
//! pods must stay ready where none is asked, or where one was ready before it died.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::json::{count, items, number, text, time};

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

/// How long pods that have no readiness probe must stay ready: a process that cannot work mostly ends within this time.
const SETTLE: Duration = Duration::from_secs(3);

/// The longest time for which a pod must stay ready.
const LONGEST: Duration = Duration::from_secs(60);

/// For how long a pod that is ready must stay so. One whose container died since the deployment began must live longer than that
/// container did: the same may end it again.
pub fn settle(pod: &Value, since: Option<Timestamp>) -> Duration {
    let unasked = if is_ready_unasked(pod) { SETTLE } else { Duration::ZERO };
    let lives = items(pod, "/status/containerStatuses").iter().filter_map(|status| {
        let (from, to) = (time(status, "/lastState/terminated/startedAt")?, time(status, "/lastState/terminated/finishedAt")?);
        let died = count(status, "/restartCount") > 0 && since.is_none_or(|since| to >= since);
        died.then(|| to.duration_since(from).try_into().unwrap_or(Duration::ZERO) + SETTLE)
    });
    lives.fold(unasked, Duration::max).min(LONGEST)
}

/// Whether a pod counts as ready as soon as its processes are started: a container of it has no readiness probe.
fn is_ready_unasked(pod: &Value) -> bool {
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
    fn one_that_died_must_live_longer_than_it_did() {
        let pod = |count: i64, from: &str, to: &str| {
            json!({
                "spec": {"containers": [{"name": "a", "readinessProbe": {}}]},
                "status": {"containerStatuses": [{"name": "a", "restartCount": count, "lastState": {"terminated": {"startedAt": from, "finishedAt": to}}}]},
            })
        };
        let since = "2026-01-02T03:00:00Z".parse().ok();
        let seconds = |pod: Value| settle(&pod, since).as_secs();
        assert_eq!(seconds(pod(1, "2026-01-02T03:00:10Z", "2026-01-02T03:00:18Z")), 11);
        assert_eq!(seconds(pod(4, "2026-01-02T03:00:10Z", "2026-01-02T04:00:18Z")), 60);
        assert_eq!(seconds(pod(1, "2026-01-02T02:00:10Z", "2026-01-02T02:00:18Z")), 0, "it died before");
        assert_eq!(seconds(json!({"spec": {"containers": [{"name": "a"}]}})), 3);
    }

    #[test]
    fn a_container_without_a_probe_is_ready_unasked() {
        let pod = |containers: Value| is_ready_unasked(&json!({"spec": {"containers": containers}}));
        assert!(pod(json!([{"name": "a", "readinessProbe": {}}, {"name": "b"}])));
        assert!(!pod(json!([{"name": "a", "readinessProbe": {}}])));
        assert!(!is_ready_unasked(&json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a"}]}})));
    }
}
