//! Objects in, state and message out: first as a real cluster showed them, then the cases that it does not show easily.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::failures::{Failures, Tolerance, track};
use super::{Related, pods_of, references, status};

/// A namespace of a real cluster at one moment, as LISTs of its objects with what no rule reads left out.
struct Moment {
    lists: HashMap<String, Vec<Arc<Value>>>,
}

impl Moment {
    fn load(text: &str) -> Self {
        let lists: HashMap<String, Vec<Value>> = serde_json::from_str(text).unwrap();
        Moment { lists: lists.into_iter().map(|(kind, list)| (kind, shared(list))).collect() }
    }

    fn list(&self, kind: &str) -> &[Arc<Value>] {
        &self.lists[kind]
    }

    fn related(&self) -> Related<'_> {
        Related { pods: self.list("pods"), replica_sets: self.list("replicasets"), events: self.list("events"), before: None }
    }

    fn objects(&self) -> impl Iterator<Item = &Value> {
        ["deployments", "statefulsets", "daemonsets", "jobs", "persistentvolumeclaims", "services"]
            .into_iter()
            .flat_map(|kind| self.list(kind).iter().map(|object| &**object))
    }
}

fn shared(list: impl IntoIterator<Item = Value>) -> Vec<Arc<Value>> {
    list.into_iter().map(Arc::new).collect()
}

fn moments() -> [Moment; 2] {
    [
        Moment::load(include_str!("../../tests/fixtures/status/moment-1.json")),
        Moment::load(include_str!("../../tests/fixtures/status/moment-2.json")),
    ]
}

#[test]
fn a_real_namespace() {
    let [first, _] = moments();
    let mut table = String::new();
    for object in first.objects() {
        let status = status(object, first.related());
        writeln!(table, "{} {}: {}: {}", super::json::group_kind(object).1, super::json::name(object), status.state, status.message)
            .unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    Deployment crash: progressing: 0 of 2 replicas ready: pod crash-6d78d64555-267ng container app: exit code 7 (Error), restarted 3 times
    Deployment good: ready: 1 of 1 replica ready
    Deployment live: progressing: 0 of 1 replica ready: pod live-79b4b5b6c9-xnvgf container app: CrashLoopBackOff, exit code 0 (Completed), restarted 3 times; Liveness probe failed
    Deployment noimage: progressing: 0 of 1 replica ready: pod noimage-59f847b954-cdmw5 container app: ImagePullBackOff: Back-off pulling image "127.0.0.1:5000/registry/absent:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "127.0.0.1:5000/registry/absent:1": failed to resolve image: 127.0.0.1:5000/registry/absent:1: not found
    Deployment nomount: progressing: 0 of 1 replica ready: pod nomount-75ddb44688-mk9q4 FailedMount: MountVolume.SetUp failed for volume "c" : configmap "absent" not found
    Deployment nonode: progressing: 0 of 1 replica ready: pod nonode-85bb88dd9f-frkf2 is not scheduled: 0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.
    Deployment nosa: progressing: 0 of 1 replica updated: FailedCreate: pods "nosa-5658bd89cd-" is forbidden: error looking up service account registry/absent: serviceaccount "absent" not found
    Deployment oom: progressing: 0 of 1 replica ready: pod oom-84dd899899-2lz9j container app: OOMKilled (over its memory limit), exit code 137, restarted 3 times
    Deployment unready: progressing: 0 of 1 replica ready: pod unready-5587977999-lkzjn container app: Readiness probe failed
    StatefulSet init: progressing: 0 of 1 replica ready: pod init-0 init container prepare: exit code 3 (Error), restarted 3 times
    DaemonSet noconfig: progressing: 1 of 2 pods ready: pod noconfig-76s6n container app: CreateContainerConfigError: secret "absent" not found
    Job jobfail: failed: failed: BackoffLimitExceeded: Job has reached the specified backoff limit; pod jobfail-ccggg container work: exit code 4 (Error)
    Job jobok: ready: complete
    Job jobretry: progressing: 0 of 1 completion: pod jobretry-zfxnz container work: exit code 4 (Error), restarted 3 times
    PersistentVolumeClaim claim: ready: bound
    Service lb: progressing: waits for the address of its load balancer
    "#);
}

#[test]
fn a_real_namespace_tracked() {
    let mut table = String::new();
    let [first, second] = moments();
    for object in first.objects() {
        let mut failures = Failures::new();
        let name = super::json::name(object);
        track(object, first.related(), &mut failures, &Tolerance::default());
        let before = failures.count();
        let Some(later) = second.objects().find(|other| super::json::uid(other) == super::json::uid(object)) else { continue };
        let status = track(later, second.related(), &mut failures, &Tolerance::default());
        writeln!(table, "{name} ({before} then {}): {}: {}", failures.count(), status.state, status.message).unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    crash (2 then 2): progressing: 0 of 2 replicas ready: pod crash-6d78d64555-267ng container app: CrashLoopBackOff, exit code 7 (Error), restarted 3 times
    good (0 then 0): ready: 1 of 1 replica ready
    live (1 then 2): failed: 0 of 1 replica ready: pod live-79b4b5b6c9-xnvgf container app: CrashLoopBackOff, exit code 0 (Completed), restarted 4 times; Liveness probe failed (2 failures, 1 tolerated)
    noimage (1 then 1): progressing: 0 of 1 replica ready: pod noimage-59f847b954-cdmw5 container app: ImagePullBackOff: Back-off pulling image "127.0.0.1:5000/registry/absent:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "127.0.0.1:5000/registry/absent:1": failed to resolve image: 127.0.0.1:5000/registry/absent:1: not found
    nomount (0 then 0): progressing: 0 of 1 replica ready: pod nomount-75ddb44688-mk9q4 FailedMount: MountVolume.SetUp failed for volume "c" : configmap "absent" not found
    nonode (0 then 0): progressing: 0 of 1 replica ready: pod nonode-85bb88dd9f-frkf2 is not scheduled: 0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.
    nosa (1 then 1): progressing: 0 of 1 replica updated: FailedCreate: pods "nosa-5658bd89cd-" is forbidden: error looking up service account registry/absent: serviceaccount "absent" not found
    oom (1 then 2): failed: 0 of 1 replica ready: pod oom-84dd899899-2lz9j container app: OOMKilled (over its memory limit), exit code 137, restarted 4 times (2 failures, 1 tolerated)
    unready (0 then 0): progressing: 0 of 1 replica ready: pod unready-5587977999-lkzjn container app: Readiness probe failed
    init (1 then 1): progressing: 0 of 1 replica ready: pod init-0 init container prepare: CrashLoopBackOff, exit code 3 (Error), restarted 3 times
    noconfig (1 then 2): progressing: 1 of 2 pods ready: pod noconfig-76s6n container app: CreateContainerConfigError: secret "absent" not found
    jobfail (0 then 0): failed: failed: BackoffLimitExceeded: Job has reached the specified backoff limit; pod jobfail-ccggg container work: exit code 4 (Error)
    jobok (0 then 0): ready: complete
    jobretry (0 then 0): progressing: 0 of 1 completion
    claim (0 then 0): ready: bound
    lb (0 then 0): progressing: waits for the address of its load balancer
    "#);
}

/// An object of a kind with a name and a uid, and the given `spec` and `status`.
fn object(api_version: &str, kind: &str, spec: Value, status: Value) -> Value {
    let metadata = json!({"name": "x", "namespace": "n", "uid": "u", "generation": 2});
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status})
}

#[test]
fn kinds() {
    let conditions = |kind: &str, value: &str| json!({"conditions": [{"type": kind, "status": value, "reason": "Why", "message": "so"}]});
    let cases = [
        ("apps/v1", "Deployment", json!({}), json!({}), "progressing: waits for its controller to see the change"),
        ("apps/v1", "Deployment", json!({}), json!({"observedGeneration": 1}), "progressing: waits for its controller to see the change"),
        ("apps/v1", "Deployment", json!({"replicas": 0}), json!({"observedGeneration": 2}), "ready: 0 of 0 replicas ready"),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}),
            "progressing: 1 of 3 replicas updated",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 3, "paused": true}),
            json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}),
            "progressing: 1 of 3 replicas updated, the rollout is paused",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 3}),
            "progressing: 1 old replica is still there",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}),
            "progressing: 2 of 3 replicas ready",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 1}),
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            "progressing: scales from 3 to 1 replica",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 2, "progressDeadlineSeconds": 60}),
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1,
                "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}),
            "failed: 1 of 2 replicas ready, no progress within 60 s",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"replicas": 2}),
            json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
                "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]}),
            "progressing: 1 of 2 replicas updated: FailedCreate: exceeded quota",
        ),
        (
            "apps/v1",
            "ReplicaSet",
            json!({"replicas": 2}),
            json!({"observedGeneration": 2, "replicas": 2, "availableReplicas": 1}),
            "progressing: 1 of 2 replicas ready",
        ),
        (
            "apps/v1",
            "ReplicaSet",
            json!({"replicas": 1}),
            json!({"observedGeneration": 2, "replicas": 1, "availableReplicas": 1}),
            "ready: 1 of 1 replica ready",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
            "progressing: 1 of 3 replicas updated",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}),
            json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
            "ready: 3 of 3 replicas ready",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}),
            json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 0, "currentRevision": "a", "updateRevision": "b"}),
            "ready: 3 of 3 replicas ready",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 1}),
            json!({"observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
            "progressing: waits for its controller to close the update",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 1}),
            json!({"observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "currentRevision": "a", "updateRevision": "a"}),
            "ready: 1 of 1 replica ready",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 1, "minReadySeconds": 9}),
            json!({"observedGeneration": 2, "replicas": 1, "readyReplicas": 1}),
            "progressing: 0 of 1 replica ready for long enough",
        ),
        (
            "apps/v1",
            "DaemonSet",
            json!({}),
            json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}),
            "progressing: 1 of 2 pods ready",
        ),
        ("apps/v1", "DaemonSet", json!({}), json!({"observedGeneration": 2}), "ready: no node wants a pod of it"),
        (
            "apps/v1",
            "DaemonSet",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            json!({"observedGeneration": 2, "desiredNumberScheduled": 1}),
            "ready: updates as its pods are deleted",
        ),
        ("batch/v1", "Job", json!({"completions": 3}), json!({"succeeded": 1}), "progressing: 1 of 3 completions"),
        ("batch/v1", "Job", json!({"backoffLimit": 2}), json!({"failed": 1}), "progressing: 0 of 1 completion, 1 pod failed of 2 allowed"),
        ("batch/v1", "Job", json!({"suspend": true}), json!({}), "ready: suspended"),
        ("batch/v1", "Job", json!({}), conditions("Complete", "True"), "ready: complete"),
        (
            "batch/v1",
            "Job",
            json!({}),
            conditions("SuccessCriteriaMet", "True"),
            "progressing: its pods are done, waits for its controller to close it",
        ),
        ("batch/v1", "Job", json!({}), conditions("FailureTarget", "True"), "failed: failed: Why: so"),
        ("batch/v1", "CronJob", json!({}), json!({}), "ready: created"),
        ("v1", "Pod", json!({}), json!({"phase": "Succeeded"}), "ready: succeeded"),
        (
            "v1",
            "Pod",
            json!({}),
            json!({"phase": "Failed", "reason": "Evicted", "message": "low on\nmemory"}),
            "failed: failed: Evicted: low on memory",
        ),
        ("v1", "Pod", json!({}), json!({"phase": "Running"}), "progressing: not ready"),
        ("v1", "Pod", json!({}), json!({"phase": "Unknown"}), "progressing: in phase Unknown"),
        ("v1", "Pod", json!({}), json!({}), "progressing: pending"),
        ("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Pending"}), "progressing: not bound"),
        ("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Lost"}), "failed: its volume is lost"),
        ("v1", "PersistentVolume", json!({}), json!({"phase": "Available"}), "ready: available"),
        ("v1", "Service", json!({"type": "ClusterIP"}), json!({"loadBalancer": {}}), "ready: created"),
        (
            "v1",
            "Service",
            json!({"type": "LoadBalancer"}),
            json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "h"}]}}),
            "ready: reachable at 1.2.3.4, h",
        ),
        ("v1", "Service", json!({"type": "LoadBalancer", "externalIPs": ["1.2.3.4"]}), json!({}), "ready: reachable at 1.2.3.4"),
        ("v1", "Namespace", json!({}), json!({"phase": "Active"}), "ready: active"),
        ("v1", "Namespace", json!({}), json!({"phase": "Terminating"}), "terminating: being deleted"),
        ("v1", "ConfigMap", json!(null), json!(null), "ready: created"),
        ("policy/v1", "PodDisruptionBudget", json!({}), conditions("DisruptionAllowed", "False"), "ready: created"),
        ("autoscaling/v2", "HorizontalPodAutoscaler", json!({}), conditions("ScalingActive", "False"), "ready: created"),
        ("networking.k8s.io/v1", "Ingress", json!({}), json!({"loadBalancer": {}}), "ready: created"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), conditions("Established", "True"), "ready: established"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), json!({}), "progressing: not established yet"),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({}),
            conditions("NamesAccepted", "False"),
            "failed: its names are not accepted: Why: so",
        ),
        ("apiregistration.k8s.io/v1", "APIService", json!({}), conditions("Available", "False"), "progressing: not available: Why: so"),
        ("apiregistration.k8s.io/v1", "APIService", json!({}), conditions("Available", "True"), "ready: available"),
        (
            "a.io/v1",
            "Thing",
            json!({}),
            json!({"observedGeneration": 1, "phase": "Ready"}),
            "progressing: waits for its controller to see the change",
        ),
        ("a.io/v1", "Thing", json!({}), conditions("Ready", "True"), "ready: ready"),
        ("a.io/v1", "Thing", json!({}), conditions("Ready", "Unknown"), "progressing: not ready: Why: so"),
        ("a.io/v1", "Thing", json!({}), conditions("Stalled", "True"), "failed: stalled: Why: so"),
        ("a.io/v1", "Thing", json!({}), conditions("Reconciling", "True"), "progressing: reconciling: Why: so"),
        ("a.io/v1", "Thing", json!({}), conditions("Whatever", "False"), "ready: created"),
        ("a.io/v1", "Thing", json!({}), json!({"phase": "In-Progress"}), "progressing: in-progress"),
        ("a.io/v1", "Thing", json!({}), json!({"state": "ERROR"}), "failed: error"),
        ("a.io/v1", "Thing", json!({}), json!({"phase": "Blue"}), "ready: created"),
        ("a.io/v1", "Thing", json!({}), json!({}), "ready: created"),
        (
            "argoproj.io/v1alpha1",
            "Application",
            json!({}),
            json!({"health": {"status": "Degraded", "message": "m"}}),
            "failed: degraded: m",
        ),
        ("argoproj.io/v1alpha1", "Application", json!({}), json!({}), "progressing: waits for its controller"),
        ("acid.zalan.do/v1", "postgresql", json!({}), json!({"PostgresClusterStatus": "Running"}), "ready: running"),
        ("bitnami.com/v1alpha1", "SealedSecret", json!({}), conditions("Synced", "False"), "failed: not synced: Why: so"),
        ("cert-manager.io/v1", "Certificate", json!({}), conditions("Ready", "False"), "progressing: not ready: Why: so"),
    ];
    for (api_version, kind, spec, shown, expect) in cases {
        let object = object(api_version, kind, spec, shown);
        let status = status(&object, Related::default());
        assert_eq!(format!("{}: {}", status.state, status.message), expect, "{object}");
    }
}

#[test]
fn deletion_comes_before_all_rules() {
    let mut gone = object("apps/v1", "Deployment", json!({}), json!({}));
    gone["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    gone["metadata"]["finalizers"] = json!(["a.io/x", "foregroundDeletion"]);
    let status = status(&gone, Related::default());
    assert_eq!(format!("{}: {}", status.state, status.message), "terminating: being deleted: waits for a.io/x, foregroundDeletion");
}

#[test]
fn a_claim_may_wait_for_its_pod() {
    let claim = object("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Pending"}));
    for (reason, expect) in
        [("WaitForFirstConsumer", "ready: will be bound with its first pod"), ("ProvisioningFailed", "progressing: not bound: no storage")]
    {
        let events = shared([json!({"reason": reason, "message": "no storage", "involvedObject": {"uid": "u"}})]);
        let status = status(&claim, Related { events: &events, ..Related::default() });
        assert_eq!(format!("{}: {}", status.state, status.message), expect);
    }
}

/// A pod of Job or StatefulSet `x` with one container in the given state.
fn pod(uid: &str, restarts: i64, state: Value, last: Value) -> Value {
    json!({
        "metadata": {"name": format!("x-{uid}"), "uid": uid, "ownerReferences": [{"uid": "u"}]},
        "spec": {"containers": [{"name": "app", "readinessProbe": {"periodSeconds": 10}}]},
        "status": {"phase": "Running", "containerStatuses":
            [{"name": "app", "ready": false, "started": true, "restartCount": restarts, "state": state, "lastState": last}]},
    })
}

fn set() -> Value {
    object("apps/v1", "StatefulSet", json!({"replicas": 1}), json!({"observedGeneration": 2}))
}

/// Restarts, state and last state of a container at one moment, and how many failures are known then.
type Look = (i64, Value, Value, u32);

#[test]
fn failures_count_once_each() {
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let dead = |code: i64| json!({"terminated": {"exitCode": code, "reason": "Error"}});
    let waits = |reason: &str| json!({"waiting": {"reason": reason}});
    let none = || json!({});
    // Moments of one pod, and how many failures are known after each.
    let cases: [(&str, &[Look]); 7] = [
        (
            "a run that ends is one failure however often it is seen",
            &[
                (0, running.clone(), none(), 0),
                (0, dead(7), none(), 1),
                (0, dead(7), none(), 1),
                (0, waits("CrashLoopBackOff"), dead(7), 1),
                (1, running.clone(), dead(7), 1),
                (1, dead(7), dead(7), 2),
                (1, waits("CrashLoopBackOff"), dead(7), 2),
                (2, running.clone(), dead(7), 2),
            ],
        ),
        ("a moment that is missed is made up for", &[(0, running.clone(), none(), 0), (1, running.clone(), dead(7), 1)]),
        ("what was before the first look is past", &[(5, running.clone(), dead(7), 0), (5, dead(1), dead(7), 1)]),
        ("trouble at the first look is present", &[(5, waits("CrashLoopBackOff"), dead(7), 1)]),
        ("a server is not to end even well", &[(0, dead(0), none(), 1)]),
        (
            "an image counts by the reasons to wait",
            &[
                (0, waits("ContainerCreating"), none(), 0),
                (0, waits("ErrImagePull"), none(), 1),
                (0, waits("ErrImagePull"), none(), 1),
                (0, waits("ImagePullBackOff"), none(), 2),
                (0, waits("ErrImagePull"), none(), 3),
            ],
        ),
        ("a missing key of a Secret is told by events", &[(0, waits("CreateContainerConfigError"), none(), 0)]),
    ];
    for (what, moments) in cases {
        let mut failures = Failures::new();
        for (restarts, state, last, expect) in moments {
            let pods = shared([pod("a", *restarts, state.clone(), last.clone())]);
            failures.observe(&set(), Related { pods: &pods, ..Related::default() }, &Tolerance::default());
            assert_eq!(failures.count(), *expect, "{what}: {pods:?}");
        }
    }
}

#[test]
fn tolerance() {
    let crash = |restarts| pod("a", restarts, json!({"terminated": {"exitCode": 7, "reason": "Error"}}), json!({}));
    let tracked = |object: Value, tolerance: &Tolerance, crashes: i64| {
        let mut failures = Failures::new();
        (0..crashes)
            .map(|restarts| track(&object, Related { pods: &shared([crash(restarts)]), ..Related::default() }, &mut failures, tolerance))
            .last()
            .unwrap()
    };
    let allow = |failures| Tolerance { failures_per_replica: Some(failures), ..Tolerance::default() };
    let job = || object("batch/v1", "Job", json!({}), json!({}));
    let three = || object("apps/v1", "StatefulSet", json!({"replicas": 3}), json!({"observedGeneration": 2}));
    let one_crash = "pod x-a container app: exit code 7 (Error)";
    for (object, tolerance, crashes, expect) in [
        (set(), Tolerance::default(), 1, format!("progressing: 0 of 1 replica ready: {one_crash}")),
        (set(), Tolerance::default(), 2, format!("failed: 0 of 1 replica ready: {one_crash}, restarted once (2 failures, 1 tolerated)")),
        (set(), allow(0), 1, format!("failed: 0 of 1 replica ready: {one_crash} (1 failure, 0 tolerated)")),
        (set(), allow(2), 2, format!("progressing: 0 of 1 replica ready: {one_crash}, restarted once")),
        (three(), Tolerance::default(), 3, format!("progressing: 0 of 3 replicas ready: {one_crash}, restarted 2 times")),
        (
            three(),
            Tolerance::default(),
            4,
            format!("failed: 0 of 3 replicas ready: {one_crash}, restarted 3 times (4 failures, 3 tolerated)"),
        ),
        (job(), allow(0), 1, format!("failed: 0 of 1 completion: {one_crash} (1 failure, 0 tolerated)")),
        // Its controller knows how often it may try.
        (job(), Tolerance::default(), 5, format!("progressing: 0 of 1 completion: {one_crash}, restarted 4 times")),
    ] {
        let status = tracked(object, &tolerance, crashes);
        assert_eq!(format!("{}: {}", status.state, status.message), expect);
    }
}

#[test]
fn an_image_name_that_is_none_needs_no_second_try() {
    let waiting = json!({"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name \"A:\""}});
    let pods = shared([pod("a", 0, waiting, json!({}))]);
    let mut failures = Failures::new();
    let status = track(&set(), Related { pods: &pods, ..Related::default() }, &mut failures, &Tolerance::default());
    let expect = "failed: 0 of 1 replica ready: pod x-a container app: InvalidImageName: couldn't parse image name \"A:\"";
    assert_eq!(format!("{}: {}", status.state, status.message), expect);
}

#[test]
fn a_failure_that_events_tell_first_is_told() {
    let event = |uid: &str, message: &str| {
        json!({"metadata": {"uid": uid}, "reason": "Failed", "message": message, "count": 2,
            "involvedObject": {"uid": "a", "fieldPath": "spec.containers{app}"}})
    };
    let pods = shared([pod("a", 0, json!({"waiting": {"reason": "ContainerCreating"}}), json!({}))]);
    let events = shared([event("e", "Error: configmap \"a\" not found"), event("f", "Error: configmap \"settings\" not found")]);
    let mut failures = Failures::new();
    let status = track(&set(), Related { pods: &pods, events: &events, ..Related::default() }, &mut failures, &Tolerance::default());
    let expect = "failed: 0 of 1 replica ready: pod x-a container app: Error: configmap \"settings\" not found (2 failures, 1 tolerated)";
    assert_eq!(format!("{}: {}", status.state, status.message), expect);
}

#[test]
fn readiness_has_a_time_of_grace() {
    let event = |second: u32, count: u32| {
        json!({"metadata": {"uid": "e"}, "reason": "Unhealthy", "message": "Readiness probe failed: HTTP probe failed with statuscode: 503",
            "involvedObject": {"uid": "a", "fieldPath": "spec.containers{app}"}, "count": count,
            "lastTimestamp": format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60)})
    };
    let patient = Tolerance { ignore_readiness: [("app".to_owned(), std::time::Duration::from_secs(50))].into(), ..Tolerance::default() };
    let running = || json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let ready = || {
        let mut pod = pod("a", 0, running(), json!({}));
        pod["status"]["containerStatuses"][0]["ready"] = json!(true);
        pod
    };
    // Computed are 17 s: the timeout twice, one more period, half a period; what was never ready has a minute.
    let cases = [
        (Tolerance::default(), None, [0, 0, 0, 5]),
        (Tolerance::default(), Some(ready()), [0, 2, 2, 5]),
        (Tolerance::default(), Some(pod("a", 1, running(), json!({}))), [0, 2, 2, 5]),
        (patient, None, [0, 0, 2, 5]),
    ];
    for (tolerance, earlier, expect) in cases {
        let mut failures = Failures::new();
        let restarts = earlier.as_ref().map_or(0, |pod| pod["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap());
        if let Some(earlier) = earlier {
            failures.observe(&set(), Related { pods: &shared([earlier]), ..Related::default() }, &tolerance);
        }
        let pods = shared([pod("a", restarts, running(), json!({}))]);
        for ((second, count), expect) in [(10, 1), (20, 2), (55, 2), (65, 5)].into_iter().zip(expect) {
            let events = shared([event(second, count)]);
            let related = Related { pods: &pods, events: &events, ..Related::default() };
            failures.observe(&set(), related, &tolerance);
            assert_eq!(failures.count(), expect, "at {second} s");
        }
        let events = shared([event(55, 5)]);
        let status = status(&set(), Related { pods: &pods, events: &events, ..Related::default() });
        assert_eq!(
            status.message,
            "0 of 1 replica ready: pod x-a container app: Readiness probe failed: HTTP probe failed with statuscode: 503"
        );
    }
}

#[test]
fn a_probe_that_was_told_of_in_its_time_of_grace_counts_when_that_is_over() {
    let event = json!({"metadata": {"uid": "e"}, "reason": "Unhealthy", "message": "Readiness probe failed: no", "count": 7,
        "involvedObject": {"uid": "a", "fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-01-01T00:00:25Z"});
    let events = shared([event]);
    let running = || pod("a", 0, json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}), json!({}));
    let mut ready = running();
    ready["status"]["containerStatuses"][0]["ready"] = json!(true);
    let count = |pods: Vec<Value>, now: &str| {
        let (mut failures, tolerance) = (Failures::new(), Tolerance { now: now.parse().ok(), ..Tolerance::default() });
        for pod in pods {
            failures.observe(&set(), Related { pods: &shared([pod]), events: &events, ..Related::default() }, &tolerance);
        }
        failures.count()
    };
    assert_eq!(count(vec![running()], "2026-01-01T00:00:59Z"), 0);
    assert_eq!(count(vec![running(), running()], "2026-01-01T00:01:01Z"), 7);
    assert_eq!(count(vec![ready], "2026-01-01T00:01:01Z"), 0, "it has passed since");
}

#[test]
fn only_pods_of_the_present_template_are_looked_at() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"uid": "d", "generation": 3}, "status": {"observedGeneration": 3}});
    let replica_set = |uid: &str, revision: &str| json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": "d"}], "annotations": {"deployment.kubernetes.io/revision": revision}}});
    let replica_sets = shared([replica_set("new", "10"), replica_set("old", "9")]);
    let pod = |name: &str, owner: &str| json!({"metadata": {"name": name, "uid": name, "ownerReferences": [{"uid": owner}]}});
    let mut leaving = pod("leaving", "new");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let pods = shared([pod("a", "old"), pod("b", "new"), pod("c", "else"), leaving]);
    let related = Related { pods: &pods, replica_sets: &replica_sets, ..Related::default() };
    let names = |object: &Value| pods_of(object, related).into_iter().map(super::json::name).collect::<Vec<_>>();
    assert_eq!(names(&deployment), ["b"]);
    let mut unseen = deployment.clone();
    unseen["metadata"]["generation"] = json!(4);
    assert_eq!(names(&unseen), Vec::<&str>::new());
}

#[test]
fn what_was_before_the_deployment_fails_nothing() {
    let since = "2026-01-01T00:01:00Z".parse().ok();
    let tolerance = Tolerance { since, ..Tolerance::default() };
    let late = |at: &str, ready: i64| {
        object(
            "apps/v1",
            "Deployment",
            json!({"replicas": 1}),
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": ready, "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": at}]}),
        )
    };
    let before = late("2026-01-01T00:00:30Z", 0);
    let judged = |now: &Value, before: Option<&Value>| {
        let status = track(now, Related { before, ..Related::default() }, &mut Failures::new(), &tolerance);
        format!("{}: {}", status.state, status.message)
    };
    assert_eq!(judged(&before, Some(&before)), "progressing: 0 of 1 replica ready");
    assert_eq!(judged(&late("2026-01-01T00:01:30Z", 0), Some(&before)), "failed: 0 of 1 replica ready, no progress within 600 s");
    assert_eq!(judged(&before, None), "failed: 0 of 1 replica ready, no progress within 600 s");

    // The same holds for kinds that we do not know.
    let broken = |message: &str| {
        object("x.io/v1", "Thing", json!({}), json!({"conditions": [{"type": "Failed", "status": "True", "message": message}]}))
    };
    assert_eq!(judged(&broken("old"), Some(&broken("old"))), "progressing: failed: old");
    assert_eq!(judged(&broken("new"), Some(&broken("old"))), "failed: failed: new");
    // A Job that failed does not begin again.
    let job = object(
        "batch/v1",
        "Job",
        json!({}),
        json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}),
    );
    assert_eq!(judged(&job, Some(&job)), "failed: failed: BackoffLimitExceeded");

    // Events and runs of containers too.
    let created = |first: &str, last: &str| {
        shared([json!({"metadata": {"uid": "e"}, "reason": "FailedCreate", "message": "no account", "count": 9,
            "involvedObject": {"uid": "u"}, "firstTimestamp": first, "lastTimestamp": last})])
    };
    for (first, last, expect) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:59Z", 0),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:01:01Z", 0),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:01:02Z", 1),
        ("2026-01-01T00:02:00Z", "2026-01-01T00:02:03Z", 1),
    ] {
        let mut failures = Failures::new();
        failures.observe(&set(), Related { events: &created(first, last), ..Related::default() }, &tolerance);
        assert_eq!(failures.count(), expect, "{first} {last}");
    }
    for (ended, expect) in [("2026-01-01T00:00:59Z", 0), ("2026-01-01T00:01:09Z", 1)] {
        let mut failures = Failures::new();
        let dead = json!({"terminated": {"exitCode": 1, "finishedAt": ended}});
        let pods = shared([pod("a", 3, json!({"waiting": {"reason": "CrashLoopBackOff"}}), dead)]);
        failures.observe(&set(), Related { pods: &pods, ..Related::default() }, &tolerance);
        assert_eq!(failures.count(), expect, "{ended}");
    }
}

#[test]
fn pods_name_what_they_need() {
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": {
        "serviceAccountName": "web", "imagePullSecrets": [{"name": "pull"}],
        "volumes": [{"name": "a", "configMap": {"name": "files"}}, {"name": "b", "persistentVolumeClaim": {"claimName": "data"}}],
        "containers": [{"name": "web", "envFrom": [{"secretRef": {"name": "env"}}], "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "x"}}}]}],
    }}}});
    let names: Vec<String> = references(&object).into_iter().map(|reference| format!("{}/{}", reference.kind, reference.name)).collect();
    assert_eq!(
        names,
        ["ConfigMap/files", "ConfigMap/one", "PersistentVolumeClaim/data", "Secret/env", "Secret/pull", "ServiceAccount/web"]
    );
}

#[test]
fn the_table_says_one_thing_of_a_kind() {
    let mut seen = std::collections::BTreeSet::new();
    for row in super::table::TABLE {
        assert!(seen.insert((row.group, row.kind)), "{row:?} stands twice");
        assert_eq!(row.versions.is_empty(), row.plural.is_empty(), "{row:?}: what is served has a name in URLs");
        assert!(std::ptr::eq(super::kind(row.group, row.kind), row), "{row:?} is not found");
    }
    assert_eq!(super::kind("extensions", "Deployment").group, "apps");
    assert!(super::served("extensions", "v1beta1", "Deployment").is_none());
    assert!(super::kind("example.org", "Service").versions.is_empty(), "a custom resource is not what its name is elsewhere");
}

#[test]
fn tiers_follow_the_order_of_helm() {
    let built_in = |kind: &str| super::table::TABLE.iter().find(|row| row.kind == kind && !row.versions.is_empty());
    let tiers: Vec<u8> = super::HELM_4.iter().filter_map(|kind| built_in(kind)).map(|row| row.tier.applied()).collect();
    assert!(tiers.is_sorted() && tiers.len() > 30, "{tiers:?}");
    assert_eq!(super::HELM_3.last(), Some(&"APIService"));
}

#[test]
fn a_job_that_is_deleted_once_it_is_complete_is_done() {
    let job = |condition: &str| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "once", "uid": "j", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"]},
            "status": {"conditions": [{"type": condition, "status": "True"}]},
        })
    };
    let judge = |job: &Value| track(job, Related::default(), &mut Failures::new(), &Tolerance::default());
    let judge = |job: &Value| {
        let status = judge(job);
        format!("{}: {}", status.state, status.message)
    };
    assert_eq!(judge(&job("Complete")), "ready: complete");
    assert_eq!(judge(&job("Suspended")), "terminating: being deleted: waits for foregroundDeletion");
}
