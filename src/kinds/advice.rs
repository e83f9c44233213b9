//! What usually helps an object that failed or waits for ever, with its own numbers.

use serde_json::Value;

use super::failures::Tolerance;
use super::json::{count, items, number, text};
use super::{pod_spec, row};

/// An object in trouble.
struct Case<'a> {
    object: &'a Value,
    /// What is told of it.
    reason: &'a str,
    /// The container that it is about; `Null` where none is.
    container: &'a Value,
    tolerance: &'a Tolerance,
}

type Advice = fn(&Case<'_>) -> String;

/// Words of the kubelet, the controllers and our own statuses, and what helps where one of them is told: the first that fits.
const ADVICE: &[(&[&str], Advice)] = &[
    (&["OOMKilled"], |case| match text(case.container, "/resources/limits/memory") {
        "" => "raise `resources.limits.memory` of the container".into(),
        limit => format!("raise `resources.limits.memory` of the container, now {limit}"),
    }),
    (&["ErrImagePull", "ImagePullBackOff", "InvalidImageName"], |_| {
        "the node pulls the image by itself: check the name, the tag, and the imagePullSecrets of the pod".into()
    }),
    (&["ErrImageNeverPull"], |_| "`imagePullPolicy: Never` wants the image on the node, and it is not there".into()),
    (&["CreateContainerConfigError", "configmap \"", "secret \""], |_| {
        "the pod refers to a ConfigMap, Secret or key that does not exist".into()
    }),
    (&["serviceaccount \"", "service account "], |_| {
        "the pod's ServiceAccount does not exist: put it into the chart, or make it beforehand".into()
    }),
    (&["exceeded quota"], |_| "the namespace's ResourceQuota has no room for the pods: `kubectl describe quota` shows what is used".into()),
    (&["Readiness probe failed"], |case| {
        let refused = ["connection refused", "context deadline exceeded"].iter().any(|words| case.reason.contains(words));
        // Where nobody listens, path and port may well be right.
        let what = if refused {
            "nothing answers the `readinessProbe` yet"
        } else {
            "the process runs and does not pass its `readinessProbe`: check what it answers there"
        };
        format!("{what}; {}", time_to_start(case))
    }),
    (&["Startup probe failed"], |case| {
        let (period, threshold) =
            (or(case.container, "/startupProbe/periodSeconds", 10), or(case.container, "/startupProbe/failureThreshold", 3));
        let delay = count(case.container, "/startupProbe/initialDelaySeconds");
        format!(
            "the `startupProbe` gives the container {} s to start ({threshold} tries every {period} s): raise its `failureThreshold`",
            delay + period * threshold
        )
    }),
    (&["Liveness probe failed"], |case| {
        format!(
            "the kubelet restarts the container because its `livenessProbe` fails: check what it answers there; one that starts slowly is given time by `initialDelaySeconds` of the probe (now {}) or by a `startupProbe`",
            count(case.container, "/livenessProbe/initialDelaySeconds")
        )
    }),
    (&["exit code 127", "exit code 128", "exit code 126", "no such file or directory", "executable file not found"], |_| {
        "the program that the container shall run is not in the image, or cannot be executed: check `command` and `args`".into()
    }),
    (&["exit code 137"], |_| {
        "the process was killed: because the node had no memory left, or because it did not end within `terminationGracePeriodSeconds`"
            .into()
    }),
    (&["DeadlineExceeded"], |case| match number(case.object, "/spec/activeDeadlineSeconds") {
        Some(limit) => format!("`activeDeadlineSeconds` of the Job, now {limit}, says how long it may run"),
        None => "`activeDeadlineSeconds` says how long it may run".into(),
    }),
    (&["exit code "], |case| {
        if row(case.object).ends {
            let limit = or(case.object, "/spec/backoffLimit", 6);
            return format!("`backoffLimit` of the Job, now {limit}, says how often it is tried again");
        }
        format!("one that waits for what comes later may fail more often: {TOLERATE}")
    }),
    (&["no progress within"], |case| {
        format!(
            "`progressDeadlineSeconds` of the Deployment, now {}, says how long it may make no progress",
            or(case.object, "/spec/progressDeadlineSeconds", 600)
        )
    }),
    (&["waits for the address of its load balancer"], |_| {
        "no controller of the cluster gives the Service an address: see its events, or let nobody wait for it with the annotation `werf.io/track-termination-mode: NonBlocking`".into()
    }),
    (&["the rollout is paused"], |_| "`kubectl rollout resume` goes on with it; `spec.paused` of the manifest says the same".into()),
    (&["it is not gone"], |_| "somebody must take its finalizers away: `kubectl get … -o yaml` shows whose they are".into()),
    (&["is not scheduled"], |case| {
        let wants = ["cpu", "memory"].map(|name| (name, text(case.container, &format!("/resources/requests/{name}"))));
        let wants: Vec<String> =
            wants.into_iter().filter(|(_, amount)| !amount.is_empty()).map(|(name, amount)| format!("{name} {amount}")).collect();
        let wants = if wants.is_empty() { String::new() } else { format!(" ({})", wants.join(", ")) };
        format!(
            "no node takes the pod: `resources.requests`{wants}, node selectors, affinities, taints and volumes decide where it may run"
        )
    }),
    (&["FailedMount", "FailedAttachVolume"], |_| {
        "a volume of the pod cannot be mounted: check that what it names exists in the namespace".into()
    }),
];

/// What helps, by what is told of an object; `None` where nothing usual does.
pub fn advice(object: &Value, reason: &str, tolerance: &Tolerance) -> Option<String> {
    let case = Case { object, reason, container: container(object, reason), tolerance };
    ADVICE.iter().find(|(words, _)| words.iter().any(|words| reason.contains(words))).map(|(_, advice)| advice(&case))
}

/// The container that a reason names, as the manifest has it: the first one where it names none.
fn container<'a>(object: &'a Value, reason: &str) -> &'a Value {
    let Some(spec) = pod_spec(object) else { return &Value::Null };
    let all = || ["/initContainers", "/containers"].into_iter().flat_map(|list| items(spec, list));
    let named = |container: &&Value| reason.contains(&format!("container {}:", text(container, "/name")));
    all().find(named).or_else(|| items(spec, "/containers").first()).unwrap_or(&Value::Null)
}

fn time_to_start(case: &Case<'_>) -> String {
    let name = text(case.container, "/name");
    let had = case.tolerance.ignore_readiness.get(name).map(|time| time.as_secs());
    let longer = had.map_or(120, |had| (2 * had).max(60));
    format!(
        "a container that only starts slowly is given time by a `startupProbe`, by `initialDelaySeconds` of the probe (now {}), or by `werf.io/ignore-readiness-probe-fails-for-{name}: {longer}s`{}; {}",
        count(case.container, "/readinessProbe/initialDelaySeconds"),
        had.map_or_else(String::new, |had| format!(" (now {had}s)")),
        TOLERATE
    )
}

const TOLERATE: &str = "the annotation `werf.io/failures-allowed-per-replica: \"5\"` tolerates more failures";

fn or(value: &Value, pointer: &str, default: i64) -> i64 {
    number(value, pointer).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(container: Value) -> Value {
        let mut named = json!({"name": "web"});
        named.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "side"}, named]}}}})
    }

    fn told(object: &Value, reason: &str) -> String {
        advice(object, reason, &Tolerance::default()).unwrap_or_default()
    }

    #[test]
    fn it_has_the_numbers_of_the_object() {
        let slow =
            deployment(json!({"readinessProbe": {"initialDelaySeconds": 5}, "startupProbe": {"periodSeconds": 2, "failureThreshold": 9}}));
        insta::assert_snapshot!(told(&slow, "0 of 2 ready: pod web-1 container web: Readiness probe failed: Get \"http://10.0.0.1/\": dial tcp: connection refused"), @"nothing answers the `readinessProbe` yet; a container that only starts slowly is given time by a `startupProbe`, by `initialDelaySeconds` of the probe (now 5), or by `werf.io/ignore-readiness-probe-fails-for-web: 120s`; the annotation `werf.io/failures-allowed-per-replica: \"5\"` tolerates more failures");
        insta::assert_snapshot!(told(&slow, "pod web-1 container web: Startup probe failed: 500"), @"the `startupProbe` gives the container 18 s to start (9 tries every 2 s): raise its `failureThreshold`");
        let big = deployment(json!({"resources": {"limits": {"memory": "20Mi"}, "requests": {"cpu": "64"}}}));
        insta::assert_snapshot!(told(&big, "pod web-1 container web: OOMKilled (over its memory limit), exit code 137"), @"raise `resources.limits.memory` of the container, now 20Mi");
        insta::assert_snapshot!(told(&big, "pod web-1 is not scheduled: 0/1 nodes are available: 1 Insufficient cpu."), @"no node takes the pod: `resources.requests`, node selectors, affinities, taints and volumes decide where it may run");
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": 0, "template": {"spec": {"containers": [{"name": "a"}]}}}});
        insta::assert_snapshot!(told(&job, "failed: BackoffLimitExceeded; pod a-1 container a: exit code 4 (Error)"), @"`backoffLimit` of the Job, now 0, says how often it is tried again");
        insta::assert_snapshot!(told(&slow, "pod web-1 container web: exit code 7 (Error)"), @"one that waits for what comes later may fail more often: the annotation `werf.io/failures-allowed-per-replica: \"5\"` tolerates more failures");
        assert_eq!(told(&slow, "something new"), "");
    }

    #[test]
    fn what_an_annotation_gave_is_told() {
        let slow = deployment(json!({"readinessProbe": {}}));
        let tolerance = Tolerance {
            ignore_readiness: [("web".to_owned(), std::time::Duration::from_secs(90))].into(),
            failures_per_replica: Some(3),
            ..Tolerance::default()
        };
        let told = advice(&slow, "pod web-1 container web: Readiness probe failed: not yet", &tolerance).unwrap();
        assert!(told.contains("`werf.io/ignore-readiness-probe-fails-for-web: 180s` (now 90s); "), "{told}");
    }
}
