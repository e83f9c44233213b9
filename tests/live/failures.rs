//! What each kind of failure looks like, as a whole: made on a real node, and rolled back where there was something good before.

use serde_json::Value;

use crate::testbed::{App, Needs, has_real_node};

const WERF_YAML: (&str, &str) = ("werf.yaml", "project: shop\nconfigVersion: 1\n");

const RUNS: &str = "trap 'exit 0' TERM; while true; do sleep 1 & wait $!; done";

/// A Deployment `web`: annotations, more fields of the pod, and the container without its name.
fn web(annotations: &str, pod: &str, container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, annotations: {{{annotations}}}}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      terminationGracePeriodSeconds: 0\n      {pod}\n      containers: [{{name: main, {container}}}]\n"
    )
}

fn runs(script: &str, more: &str) -> String {
    format!("image: IMAGE, command: [sh, -c, {}]{more}", Value::from(script))
}

/// What a deployment of this template says from its error on, after a good one; `None` where no container runs.
fn told(template: &str) -> Option<String> {
    if !has_real_node() {
        return None;
    }
    let app = App::new(Needs::Cluster, &[WERF_YAML]);
    let good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n";
    app.commit(&[(".helm/templates/app.yaml", good)]);
    let first = app.werf(&["converge"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    app.commit(&[(".helm/templates/app.yaml", &template.replace("IMAGE", &app.base()))]);
    let printed = app.werf(&["converge", "--auto-rollback", "--timeout", "120"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_eq!(app.kubectl(&["get", "configmap", "good", "-o", "name"]), "configmap/good\n", "{}", printed.stderr);
    assert_eq!(app.kubectl(&["get", "deployments,jobs,statefulsets", "-o", "name"]), "", "what failed is gone");
    let at = printed.stderr.rfind("\nerror: ").unwrap_or_else(|| panic!("{}", printed.stderr));
    Some(without_names(&printed.stderr[at + 1..], &app))
}

/// Without what differs from run to run: names of pods, namespaces and addresses, and how often the kubelet tried.
fn without_names(text: &str, app: &App) -> String {
    let text = text.replace(&app.base(), "IMAGE").replace(&app.namespace, "NAMESPACE");
    let registry = app.base().split('/').next().unwrap_or_default().to_owned();
    let mut text = text.replace(&registry, "REGISTRY");
    for (pattern, with) in [
        (r"\b(web|import|store)-[a-z0-9]{6,10}-[a-z0-9]{5}\b", "$1-POD"),
        (r"\b(web|import)-[a-z0-9]{5}\b", "$1-POD"),
        (r"\bweb-[a-z0-9]{6,10}\b", "web-SET"),
        (r"\b10\.\d+\.\d+\.\d+\b", "ADDRESS"),
        (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
        (r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID"),
        (r" \(\d+ times\)", ""),
        // A busy node's cache is late now and then.
        (r"\nwarnings:\n  Pod/\S+: FailedMount: [^\n]*failed to sync \w+ cache[^\n]*", ""),
        (r"CrashLoopBackOff, ", ""),
        (r"(Error|CreateContainerConfigError): configmap", "configmap"),
        (r", restarted (once|\d+ times)", ""),
        (r" \(\d+ failures?, \d+ tolerated\)", ""),
        (r"\d/\d nodes are available: .*", "nodes are available: …"),
        (r"ImagePullBackOff: Back-off pulling image \S+: ErrImagePull: ", "ErrImagePull: "),
    ] {
        text = regex::Regex::new(pattern).expect("a pattern").replace_all(&text, with).into_owned();
    }
    text
}

macro_rules! told {
    ($template:expr, @$snapshot:literal) => {
        if let Some(told) = told(&$template) {
            insta::assert_snapshot!(told, @$snapshot);
        }
    };
}

#[test]
fn it_crashes() {
    told!(web("", "", &runs("echo 'no such table: users'; exit 7", "")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: exit code 7 (Error)
    last lines of container main of pod web-POD:
      no such table: users
    help: release `shop` was rolled back to revision 1 (as revision 3)
    one that waits for what comes later may fail more often: the annotation `werf.io/failures-allowed-per-replica: "5"` tolerates more failures
    "#);
}

#[test]
fn its_program_is_not_there() {
    told!(web("", "", "image: IMAGE, command: [serve]"), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: RunContainerError: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the program that the container shall run is not in the image, or cannot be executed: check `command` and `args`
    "#);
}

#[test]
fn its_init_container_crashes() {
    let init = format!("initContainers: [{{name: prepare, {}}}]", runs("echo disk is full; exit 9", ""));
    told!(web("", &init, &runs(RUNS, "")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD init container prepare: exit code 9 (Error)
    last lines of container prepare of pod web-POD:
      disk is full
    help: release `shop` was rolled back to revision 1 (as revision 3)
    one that waits for what comes later may fail more often: the annotation `werf.io/failures-allowed-per-replica: "5"` tolerates more failures
    "#);
}

#[test]
fn its_image_is_not_there() {
    told!(web("", "", &runs(RUNS, "").replace("IMAGE", "IMAGE-not-there")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "IMAGE-not-there": failed to resolve image: IMAGE-not-there: not found
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the node pulls the image by itself: check the name, the tag, and the imagePullSecrets of the pod
    "#);
}

#[test]
fn its_image_has_no_name() {
    told!(web("", "", &runs(RUNS, "").replace("IMAGE", "'UPPER:case'")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: InvalidImageName: Failed to apply default image tag "UPPER:case": couldn't parse image name "UPPER:case": invalid reference format: repository name (library/UPPER) must be lowercase
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the node pulls the image by itself: check the name, the tag, and the imagePullSecrets of the pod
    "#);
}

#[test]
fn its_image_is_never_pulled() {
    told!(web("", "", &runs(RUNS, ", imagePullPolicy: Never").replace("IMAGE", "never:1")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: ErrImageNeverPull: Container image "never:1" is not present with pull policy of Never
    help: release `shop` was rolled back to revision 1 (as revision 3)
    `imagePullPolicy: Never` wants the image on the node, and it is not there
    "#);
}

#[test]
fn its_settings_are_not_there() {
    told!(web("", "", &runs(RUNS, ", envFrom: [{configMapRef: {name: settings}}]")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: configmap "settings" not found
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the pod refers to a ConfigMap, Secret or key that does not exist
    "#);
}

#[test]
fn its_volume_is_not_there() {
    let volume = "volumes: [{name: v, secret: {secretName: absent}}]";
    told!(web("werf.io/no-activity-timeout: 5s", volume, &runs(RUNS, ", volumeMounts: [{name: v, mountPath: /v}]")), @r#"
    error: Deployment/web (shop/templates/app.yaml) made no progress for 5 s: 0 of 1 replica ready: pod web-POD FailedMount: MountVolume.SetUp failed for volume "v" : secret "absent" not found
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the pod refers to a ConfigMap, Secret or key that does not exist
    the annotation `werf.io/no-activity-timeout` of the object says how long to wait
    "#);
}

#[test]
fn it_takes_too_much_memory() {
    told!(web("", "", &runs("echo eating; tail /dev/zero", ", resources: {limits: {memory: 20Mi}}")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: OOMKilled (over its memory limit), exit code 137
    last lines of container main of pod web-POD:
      eating
    help: release `shop` was rolled back to revision 1 (as revision 3)
    raise `resources.limits.memory` of the container, now 20Mi
    "#);
}

#[test]
fn nothing_listens() {
    let probe = ", readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1, initialDelaySeconds: 1}";
    told!(web("werf.io/ignore-readiness-probe-fails-for-main: 3s", "", &runs(RUNS, probe)), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: Readiness probe failed: Get "http://ADDRESS:8080/": dial tcp ADDRESS:8080: connect: connection refused
    help: release `shop` was rolled back to revision 1 (as revision 3)
    nothing answers the `readinessProbe` yet; a container that only starts slowly is given time by a `startupProbe`, by `initialDelaySeconds` of the probe (now 1), or by `werf.io/ignore-readiness-probe-fails-for-main: 60s` (now 3s); the annotation `werf.io/failures-allowed-per-replica: "5"` tolerates more failures
    "#);
}

#[test]
fn it_is_never_ready() {
    let probe = ", readinessProbe: {exec: {command: [sh, -c, 'echo the cache is cold; false']}, periodSeconds: 1}";
    told!(web("werf.io/ignore-readiness-probe-fails-for-main: 3s", "", &runs(RUNS, probe)), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: Readiness probe failed: the cache is cold
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the process runs and does not pass its `readinessProbe`: check what it answers there; a container that only starts slowly is given time by a `startupProbe`, by `initialDelaySeconds` of the probe (now 0), or by `werf.io/ignore-readiness-probe-fails-for-main: 60s` (now 3s); the annotation `werf.io/failures-allowed-per-replica: "5"` tolerates more failures
    "#);
}

#[test]
fn it_does_not_live() {
    let probe = ", livenessProbe: {exec: {command: [sh, -c, 'echo deadlock; false']}, periodSeconds: 1, failureThreshold: 1}";
    told!(web("", "", &runs(RUNS, probe)), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: exit code 0 (Completed); Liveness probe failed: deadlock
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the kubelet restarts the container because its `livenessProbe` fails: check what it answers there; one that starts slowly is given time by `initialDelaySeconds` of the probe (now 0) or by a `startupProbe`
    "#);
}

#[test]
fn it_does_not_start_in_time() {
    let probe = ", startupProbe: {exec: {command: ['false']}, periodSeconds: 1, failureThreshold: 2}";
    told!(web("", "", &runs(RUNS, probe)), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready: pod web-POD container main: Startup probe failed
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the `startupProbe` gives the container 2 s to start (2 tries every 1 s): raise its `failureThreshold`
    "#);
}

#[test]
fn no_node_has_room() {
    told!(web("werf.io/no-activity-timeout: 4s", "", &runs(RUNS, ", resources: {requests: {cpu: '512'}}")), @r#"
    error: Deployment/web (shop/templates/app.yaml) made no progress for 4 s: 0 of 1 replica ready: pod web-POD is not scheduled: nodes are available: …
    help: release `shop` was rolled back to revision 1 (as revision 3)
    no node takes the pod: `resources.requests` (cpu 512), node selectors, affinities, taints and volumes decide where it may run
    the annotation `werf.io/no-activity-timeout` of the object says how long to wait
    "#);
}

#[test]
fn its_account_is_not_there() {
    told!(web("", "serviceAccountName: absent", &runs(RUNS, "")), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica updated: FailedCreate: pods "web-SET-" is forbidden: error looking up service account NAMESPACE/absent: serviceaccount "absent" not found
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the pod's ServiceAccount does not exist: put it into the chart, or make it beforehand
    "#);
}

#[test]
fn its_quota_is_used_up() {
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: '0'}}\n---\n";
    told!(format!("{quota}{}", web("", "", &runs(RUNS, ""))), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica updated: FailedCreate: pods "web-POD" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the namespace's ResourceQuota has no room for the pods: `kubectl describe quota` shows what is used
    "#);
}

#[test]
fn it_makes_no_progress() {
    let template = web(
        "werf.io/ignore-readiness-probe-fails-for-main: 60s",
        "",
        &runs(RUNS, ", readinessProbe: {exec: {command: ['false']}, periodSeconds: 1}"),
    );
    told!(template.replace("spec:\n  selector", "spec:\n  progressDeadlineSeconds: 5\n  selector"), @r#"
    error: Deployment/web (shop/templates/app.yaml) failed: 0 of 1 replica ready, no progress within 5 s: pod web-POD container main: Readiness probe failed
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the process runs and does not pass its `readinessProbe`: check what it answers there; a container that only starts slowly is given time by a `startupProbe`, by `initialDelaySeconds` of the probe (now 0), or by `werf.io/ignore-readiness-probe-fails-for-main: 120s` (now 60s); the annotation `werf.io/failures-allowed-per-replica: "5"` tolerates more failures
    "#);
}

#[test]
fn its_rollout_is_paused() {
    let template = web("werf.io/no-activity-timeout: 3s", "", &runs(RUNS, ""));
    told!(template.replace("spec:\n  selector", "spec:\n  paused: true\n  selector"), @r#"
    error: Deployment/web (shop/templates/app.yaml) made no progress for 3 s: 0 of 1 replica updated, the rollout is paused
    help: release `shop` was rolled back to revision 1 (as revision 3)
    `kubectl rollout resume` goes on with it; `spec.paused` of the manifest says the same
    the annotation `werf.io/no-activity-timeout` of the object says how long to wait
    "#);
}

fn job(more: &str, script: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: import}}\nspec:\n  backoffLimit: 0\n  {more}\n  template:\n    spec:\n      restartPolicy: Never\n      terminationGracePeriodSeconds: 0\n      containers: [{{name: main, {}}}]\n",
        runs(script, "")
    )
}

#[test]
fn a_job_fails() {
    told!(job("", "echo row 7 has no price; exit 4"), @r#"
    error: Job/import (shop/templates/app.yaml) failed: BackoffLimitExceeded: Job has reached the specified backoff limit; pod import-POD container main: exit code 4 (Error)
    last lines of container main of pod import-POD:
      row 7 has no price
    help: release `shop` was rolled back to revision 1 (as revision 3)
    `backoffLimit` of the Job, now 0, says how often it is tried again
    "#);
}

#[test]
fn a_job_takes_too_long() {
    told!(job("activeDeadlineSeconds: 2", "echo counting; sleep 99"), @r#"
    error: Job/import (shop/templates/app.yaml) failed: DeadlineExceeded: Job was active longer than specified deadline
    help: release `shop` was rolled back to revision 1 (as revision 3)
    `activeDeadlineSeconds` of the Job, now 2, says how long it may run
    "#);
}

#[test]
fn nobody_balances_the_load() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {werf.io/no-activity-timeout: 2s}}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n";
    told!(service, @r#"
    error: Service/web (shop/templates/app.yaml) made no progress for 2 s: waits for the address of its load balancer
    help: release `shop` was rolled back to revision 1 (as revision 3)
    no controller of the cluster gives the Service an address: see its events, or let nobody wait for it with the annotation `werf.io/track-termination-mode: NonBlocking`
    the annotation `werf.io/no-activity-timeout` of the object says how long to wait
    "#);
}

#[test]
fn what_it_waits_for_does_not_come() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: last, annotations: {db.external-dependency.werf.io/resource: configmap/never, werf.io/no-activity-timeout: 1s}}\n";
    told!(map, @r#"
    error: ConfigMap/last (shop/templates/app.yaml) made no progress for 1 s: ConfigMap/never does not exist
    help: release `shop` was rolled back to revision 1 (as revision 3)
    the annotation `werf.io/no-activity-timeout` of the object says how long to wait
    "#);
}
