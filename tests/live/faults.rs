//! What a deployment says when something is wrong, and what it leaves behind.

use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::Printed;
use crate::testbed::{App, Needs, assert_says, has_real_node, processes_with, testbed};

/// The test needs containers that run.
macro_rules! real_node {
    () => {
        if !has_real_node() {
            eprintln!("simulated containers never fail: this test runs as root only");
            return;
        }
    };
}

fn image() -> String {
    format!("{}/base/busybox:1", testbed(Needs::Cluster).registry)
}

/// A Deployment `web` whose container runs a script; `more` is added to the container.
fn deployment(script: &str, more: &str) -> String {
    workload("apps/v1", "Deployment", "web", &image(), script, more)
}

fn workload(api_version: &str, kind: &str, name: &str, image: &str, script: &str, more: &str) -> String {
    let (script, more) = (Value::from(script), if more.is_empty() { String::new() } else { format!("\n          {more}") });
    let selector = if kind == "Job" { "backoffLimit: 0".into() } else { format!("selector: {{matchLabels: {{app: {name}}}}}") };
    let restart = if kind == "Job" { "\n      restartPolicy: Never" } else { "" };
    format!(
        "\
apiVersion: {api_version}
kind: {kind}
metadata:
  name: {name}
spec:
  {selector}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      terminationGracePeriodSeconds: 0{restart}
      containers:
        - name: main
          image: {image}
          command: [sh, -c, {script}]{more}
"
    )
}

/// A Job that is a hook.
fn hook(name: &str, moments: &str, script: &str) -> String {
    let annotations = format!("annotations: {{helm.sh/hook: \"{moments}\", helm.sh/hook-delete-policy: before-hook-creation}}");
    workload("batch/v1", "Job", name, &image(), script, "").replacen("metadata:\n", &format!("metadata:\n  {annotations}\n"), 1)
}

const RUNS: &str = "trap 'exit 0' TERM; while true; do sleep 1 & wait $!; done";

const WERF_YAML: (&str, &str) = ("werf.yaml", "project: shop\nconfigVersion: 1\n");

fn app(template: &str) -> App {
    App::new(Needs::Cluster, &[WERF_YAML, (".helm/templates/app.yaml", template)])
}

fn failed(printed: &Printed, wanted: &[&str]) {
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, wanted);
}

fn status(app: &App) -> Vec<(String, String)> {
    let history = app.program("helm", &["history", "shop", "-n", &app.namespace, "-o", "json"]);
    let history: Value = serde_json::from_slice(&history.stdout).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    history.as_array().into_iter().flatten().map(|record| (text(&record["status"]), text(&record["description"]))).collect()
}

fn statuses(app: &App) -> Vec<String> {
    status(app).into_iter().map(|(status, _)| status).collect()
}

/// The annotations of the lock's ConfigMap: none where nobody holds it.
fn lock(app: &App) -> String {
    app.kubectl(&["get", "configmap", "werf-synchronization", "-o", "jsonpath={.metadata.annotations}"])
}

#[test]
fn a_container_that_crashes() {
    real_node!();
    let app = app(&deployment("echo 'boot: no such table: users' >&2; exit 7", ""));
    // the limit is far away: what ends the command is the crash
    let printed = app.werf(&["converge", "--timeout", "300"]);
    failed(
        &printed,
        &[
            "error: Deployment/web (shop/templates/app.yaml) failed: ",
            "exit code 7",
            "\nlast lines of container main of pod web-",
            "\n  boot: no such table: users\n",
        ],
    );
    assert_eq!(statuses(&app), ["failed"]);
}

#[test]
fn an_init_container_that_crashes_in_a_stateful_set() {
    real_node!();
    let broken = format!(
        "initContainers: [{{name: prepare, image: {}, command: [sh, -c, 'echo disk is full; exit 9']}}]\n      containers:",
        image()
    );
    let template = workload("apps/v1", "StatefulSet", "store", &image(), RUNS, "").replacen("containers:", &broken, 1);
    let printed = app(&template).werf(&["converge", "--timeout", "300"]);
    failed(
        &printed,
        &[
            "error: StatefulSet/store (shop/templates/app.yaml) failed: ",
            "prepare",
            "exit code 9",
            "of container prepare of pod store-0:\n  disk is full\n",
        ],
    );
}

#[test]
fn an_image_that_cannot_be_pulled() {
    real_node!();
    let missing = format!("{}/base/nothing:1", testbed(Needs::Cluster).registry);
    let template = workload("apps/v1", "DaemonSet", "agent", &missing, RUNS, "");
    let printed = app(&template).werf(&["converge", "--timeout", "300"]);
    failed(
        &printed,
        &["error: DaemonSet/agent (shop/templates/app.yaml) failed: ", &missing, "not found", "help: the node pulls the image by itself"],
    );
}

#[test]
fn a_config_map_that_is_not_there() {
    real_node!();
    let printed = app(&deployment(RUNS, "envFrom: [{configMapRef: {name: settings}}]")).werf(&["converge", "--timeout", "300"]);
    failed(
        &printed,
        &["failed: ", "configmap \"settings\" not found", "help: the pod refers to a ConfigMap, Secret or key that does not exist"],
    );
}

#[test]
fn a_container_that_takes_too_much_memory() {
    real_node!();
    let app = app(&deployment("echo eating; tail /dev/zero", "resources: {limits: {memory: 20Mi}}"));
    let printed = app.werf(&["converge", "--timeout", "300"]);
    failed(&printed, &["failed: ", "OOMKilled", "help: raise `resources.limits.memory` of the container"]);
}

#[test]
fn a_probe_that_never_passes() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: [sh, -c, 'echo the cache is cold; false']}, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    failed(
        &app.werf(&["converge", "--timeout", "300"]),
        &["error: Deployment/web (shop/templates/app.yaml) failed: ", "Readiness probe failed: the cache is cold", "`startupProbe`"],
    );
}

#[test]
fn a_timeout_names_what_is_pending_and_why() {
    real_node!();
    // tried each second, and patient enough that the time is up first
    let probe = "readinessProbe: {exec: {command: [sh, -c, 'echo the cache is cold; false']}, periodSeconds: 1, failureThreshold: 30}";
    let app = app(&deployment(RUNS, probe));
    let printed = app.werf(&["converge", "--timeout", "8"]);
    failed(
        &printed,
        &[
            "error: not done after 8 s; still waiting for:\n  Deployment/web: ",
            "Readiness probe failed: the cache is cold",
            "help: `--timeout` says how long to wait",
        ],
    );
    assert_eq!(statuses(&app), ["failed"]);
    assert_eq!(lock(&app), "");
}

#[test]
fn a_job_that_fails() {
    real_node!();
    let printed = app(&workload("batch/v1", "Job", "import", &image(), "echo row 7 has no price; exit 4", "")).werf(&["converge"]);
    failed(
        &printed,
        &[
            "error: Job/import (shop/templates/app.yaml) failed: ",
            "exit code 4",
            "of container main of pod import-",
            "\n  row 7 has no price\n",
        ],
    );
}

#[test]
fn a_hook_that_fails_stops_the_release_before_its_resources() {
    real_node!();
    let app = app(&deployment(RUNS, ""));
    app.commit(&[(".helm/templates/migrate.yaml", &hook("migrate", "pre-install,pre-upgrade", "echo cannot lock the table; exit 5"))]);
    failed(
        &app.werf(&["converge"]),
        &["error: Job/migrate (shop/templates/migrate.yaml) failed: ", "exit code 5", "\n  cannot lock the table\n"],
    );
    assert_eq!(app.kubectl(&["get", "deployments", "-o", "name"]), "");
    assert_eq!(statuses(&app), ["failed"]);

    app.commit(&[(".helm/templates/migrate.yaml", &hook("migrate", "pre-install,pre-upgrade", "echo done"))]);
    let fixed = app.werf(&["converge"]);
    assert_eq!(fixed.code, 0, "{}", fixed.stderr);
    assert_eq!(statuses(&app), ["failed", "deployed"]);
}

#[test]
fn a_manifest_that_the_server_rejects_names_template_and_field() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 700000}]\n";
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n";
    let app = App::new(Needs::Cluster, &[WERF_YAML, (".helm/templates/net/service.yaml", service), (".helm/templates/map.yaml", map)]);
    // into a namespace that is not there yet, and into one that is
    for _ in 0..2 {
        let printed = app.werf(&["converge"]);
        failed(&printed, &["Service/web", "shop/templates/net/service.yaml", "spec.ports[0].port", "700000", "between 1 and 65535"]);
        app.program("kubectl", &["create", "namespace", &app.namespace]);
    }
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "--ignore-not-found", "-o", "name"]), "", "nothing was applied");

    app.commit(&[(".helm/templates/net/service.yaml", &service.replace("700000", "many").replace("ports", "gates"))]);
    failed(&app.werf(&["converge"]), &["Service/web: `spec.gates` is no field here", ".helm/templates/net/service.yaml:5:3"]);
}

#[test]
fn all_rejected_manifests_are_told_at_once() {
    let app = app(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 0}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {ports: [{port: 70000}]}\n",
    );
    app.program("kubectl", &["create", "namespace", &app.namespace]);
    failed(&app.werf(&["converge"]), &["2 objects cannot be deployed; nothing was changed", "Service/a", "Service/b"]);
}

#[test]
fn no_rights_in_the_cluster() {
    let app = app(&deployment(RUNS, ""));
    let kubeconfig = app.testbed.run.join("dev.kubeconfig");
    let printed = app.werf(&["converge", "--kube-config", kubeconfig.to_str().expect("a path")]);
    failed(&printed, &["error: the Kubernetes API server https://127.0.0.1:", " forbids to ", "(403)", "User \"dev\"", "help: "]);
}

#[test]
fn a_context_that_does_not_exist() {
    let app = app(&deployment(RUNS, ""));
    let printed = app.werf(&["converge", "--kube-context", "production"]);
    failed(&printed, &["error: the kubeconfig ", " has no context `production`", "help: "]);
}

/// An image whose build takes minutes, and a mark to find its process by.
fn slow_image(app: &App, seconds: u32) -> String {
    let mark = format!("{}.", app.namespace);
    let yaml = format!(
        "project: shop\nconfigVersion: 1\n---\nimage: slow\nfrom: {}\nshell:\n  install:\n    - sleep {seconds}; echo {mark}\n",
        app.base()
    );
    app.commit(&[("werf.yaml", &yaml)]);
    mark
}

/// Waits until the builder has no process of this build.
fn gone(mark: &str) {
    let alive = |mark: &str| processes_with(mark).iter().any(|line| line.contains("sleep "));
    for _ in 0..200 {
        if !alive(mark) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the build still runs: {:?}", processes_with(mark));
}

#[test]
fn a_cluster_out_of_reach_ends_the_build() {
    let app = app(&deployment(RUNS, ""));
    let mark = slow_image(&app, 3600);
    let printed = app.werf(&["converge", "--kube-api-server", "https://127.0.0.1:9"]);
    failed(&printed, &["error: cannot reach the Kubernetes API server https://127.0.0.1:9", "help: "]);
    gone(&mark);
    assert_eq!(app.tags().len(), 0);
}

#[test]
fn a_broken_chart_ends_the_build() {
    let app = app("{{ .Values.nothing.at.all }}\n");
    let mark = slow_image(&app, 3600);
    failed(&app.werf(&["converge"]), &[".helm/templates/app.yaml:1:"]);
    gone(&mark);
}

#[test]
fn interrupted_in_the_build() {
    let app = app("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {image: {{ werf_image \"slow\" }}}\n");
    let mark = slow_image(&app, 5);
    let mut running = app.start(&["converge"], &[]);
    running.until("sleep 5");
    running.signal(Signal::INT);
    let printed = running.finish();
    assert_eq!(printed.code, 130, "{}", printed.stderr);
    assert_says(&printed.stderr, &["error: interrupted", "help: "]);
    gone(&mark);
    assert_eq!(app.tags().len(), 0, "nothing is published");
    assert_eq!(statuses(&app).len(), 0, "nothing is deployed");

    let again = app.werf(&["converge"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(app.tags().len(), 1);
}

#[test]
fn interrupted_in_the_deployment() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: ['false']}, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    let mut running = app.start(&["converge"], &[]);
    running.until("Waiting Deployment/web");
    running.signal(Signal::INT);
    let printed = running.finish();
    assert_eq!(printed.code, 130, "{}", printed.stderr);
    assert_says(&printed.stderr, &["error: interrupted", "help: "]);
    assert_eq!(statuses(&app), ["failed"]);
    assert_eq!(lock(&app), "", "the lock is given back");

    app.commit(&[(".helm/templates/app.yaml", &deployment(RUNS, ""))]);
    let again = app.werf(&["converge"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(statuses(&app), ["failed", "deployed"]);
}

#[test]
fn killed_in_the_deployment() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: [test, -e, /tmp/go]}, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    let mut running = app.start(&["converge"], &[]);
    running.until("Waiting Deployment/web");
    running.signal(Signal::KILL);
    running.finish();
    assert_eq!(statuses(&app), ["pending-install"]);
    let before = app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.metadata.uid}"]);

    app.kubectl(&["wait", "--for=jsonpath={.status.phase}=Running", "pod", "-l", "app=web", "--timeout=60s"]);
    app.kubectl(&["exec", "deployment/web", "--", "touch", "/tmp/go"]);
    let again = app.werf(&["converge"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(status(&app)[0], ("failed".to_owned(), "The deployment was cut off".to_owned()));
    assert_eq!(statuses(&app), ["failed", "deployed"]);
    assert_eq!(app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.metadata.uid}"]), before);
}

#[test]
fn two_at_once_deploy_one_after_the_other() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: ['true']}, initialDelaySeconds: 4, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    let mut first = app.start(&["converge"], &[]);
    first.until("Created Deployment/web");
    let mut second = app.start(&["converge"], &[]);
    second.until(&format!("is being deployed by {} (pid {}): waiting for it to end", host(), first.pid()));
    let (first, second) = (first.finish(), second.finish());
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_says(&first.stderr, &["Deployed shop in namespace ", ", revision 1: "]);
    assert_says(&second.stderr, &["Unchanged release shop, revision 1: nothing to do"]);
    assert_eq!(statuses(&app), ["deployed"]);
}

#[test]
fn the_one_who_waited_deploys_what_is_different() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: ['true']}, initialDelaySeconds: 4, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    app.commit(&[(
        ".helm/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {tone: {{ .Values.tone }}}\n",
    )]);
    let mut first = app.start(&["converge", "--set", "tone=low"], &[]);
    first.until("Created Deployment/web");
    let mut second = app.start(&["converge", "--set", "tone=high"], &[]);
    second.until("waiting for it to end");
    let (first, second) = (first.finish(), second.finish());
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_says(&second.stderr, &["Updated ConfigMap/settings", "Deployed shop in namespace ", ", revision 2: "]);
    assert!(!second.stderr.contains("Updated Deployment/web"), "{}", second.stderr);
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data.tone}"]), "high");
    assert_eq!(statuses(&app), ["superseded", "deployed"]);
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[test]
fn auto_rollback_runs_the_hooks_of_the_rollback() {
    real_node!();
    let app = app(&deployment(RUNS, ""));
    app.commit(&[
        (".helm/templates/before.yaml", &hook("before", "pre-upgrade", "echo upgrade begins")),
        (".helm/templates/back.yaml", &hook("back", "post-rollback", "echo restored the schema")),
        (".helm/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {tone: {{ .Values.tone }}}\n"),
    ]);
    let good = app.werf(&["converge", "--set", "tone=low"]);
    assert_eq!(good.code, 0, "{}", good.stderr);

    let extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n";
    app.commit(&[(".helm/templates/app.yaml", &deployment("echo no license; exit 3", "")), (".helm/templates/extra.yaml", extra)]);
    let broken = app.werf(&["converge", "--auto-rollback", "--set", "tone=high"]);
    failed(
        &broken,
        &[
            "upgrade begins",
            "restored the schema",
            "Rolled back release shop to the state of revision 1",
            "error: Deployment/web (shop/templates/app.yaml) failed: ",
            "exit code 3",
            "\n  no license\n",
            "help: release `shop` was rolled back to revision 1 (as revision 3)",
        ],
    );
    assert_eq!(statuses(&app), ["superseded", "failed", "deployed"]);
    assert_eq!(status(&app)[2].1, "Rollback to 1");
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data.tone}"]), "low");
    assert_eq!(app.kubectl(&["get", "configmap", "extra", "--ignore-not-found", "-o", "name"]), "");
    assert_eq!(app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}"]), "1");
}

#[test]
fn auto_rollback_of_a_failing_hook() {
    real_node!();
    let app = app("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {tone: {{ .Values.tone }}}\n");
    app.commit(&[(
        ".helm/templates/check.yaml",
        &hook("check", "post-install,post-upgrade", "echo the tone is {{ .Values.tone }}; test {{ .Values.tone }} = low"),
    )]);
    let good = app.werf(&["converge", "--set", "tone=low"]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    let broken = app.werf(&["converge", "--auto-rollback", "--set", "tone=high"]);
    failed(
        &broken,
        &[
            "error: Job/check (shop/templates/check.yaml) failed: ",
            "\n  the tone is high\n",
            "Rolled back release shop to the state of revision 1",
        ],
    );
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data.tone}"]), "low");
    assert_eq!(statuses(&app), ["superseded", "failed", "deployed"]);
}

#[test]
fn auto_rollback_of_a_first_release_has_nowhere_to_go() {
    real_node!();
    let app = app(&deployment("echo no license; exit 3", ""));
    let printed = app.werf(&["converge", "--auto-rollback"]);
    failed(&printed, &["exit code 3", "\n  no license\n"]);
    assert_eq!(statuses(&app), ["failed"]);
}

#[test]
fn auto_rollback_after_a_timeout() {
    real_node!();
    let app = app(&deployment(RUNS, ""));
    let good = app.werf(&["converge"]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    // tried each second, and patient enough that the time is up first
    let probe = "readinessProbe: {exec: {command: [sh, -c, 'echo the cache is cold; false']}, periodSeconds: 1, failureThreshold: 30}";
    app.commit(&[(".helm/templates/app.yaml", &deployment(RUNS, probe))]);
    let printed = app.werf(&["converge", "--auto-rollback", "--timeout", "7"]);
    failed(&printed, &["error: not done after 7 s", "the cache is cold", "help: release `shop` was rolled back to revision 1"]);
    assert_eq!(statuses(&app), ["superseded", "failed", "deployed"]);
    assert_eq!(app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}"]), "1");
}

#[test]
fn interrupted_while_another_one_has_the_lock() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: ['true']}, initialDelaySeconds: 5, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    let mut first = app.start(&["converge"], &[]);
    first.until("Created Deployment/web");
    let mut second = app.start(&["converge"], &[]);
    second.until("waiting for it to end");
    second.signal(Signal::TERM);
    let (second, first) = (second.finish(), first.finish());
    assert_eq!((second.code, first.code), (130, 0), "{}\n{}", second.stderr, first.stderr);
    assert_eq!(statuses(&app), ["deployed"], "who waits has nothing to undo");
}

#[test]
fn killed_while_it_has_the_lock_nobody_here_waits_for_it() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: ['true']}, initialDelaySeconds: 4, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    let mut first = app.start(&["converge"], &[]);
    first.until("Created Deployment/web");
    first.signal(Signal::KILL);
    // its parent has not collected it yet
    let second = app.werf(&["converge"]);
    assert_eq!((second.code, first.finish().code), (0, -1), "{}", second.stderr);
    assert_says(&second.stderr, &[" has ended without giving back release `shop` in namespace ", ": going on\n"]);
    assert!(!second.stderr.contains("waiting for it to end"), "{}", second.stderr);
    assert_eq!((statuses(&app), lock(&app)), (vec!["failed".to_owned(), "deployed".to_owned()], String::new()));
}

#[test]
fn a_container_that_prints_without_a_pause_does_not_hold_its_deployment_up() {
    real_node!();
    let app = app(&deployment("i=0; while true; do i=$((i + 1)); echo line $i; usleep 20000; done", ""));
    let printed = app.werf(&["converge", "--timeout", "60"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let lines: Vec<usize> = printed.stderr.lines().filter_map(|line| line.rsplit_once("line ")?.1.parse().ok()).collect();
    assert!(!lines.is_empty() && lines.iter().copied().eq(1..=lines.len()), "{lines:?}");
}

#[test]
fn stopped_while_another_one_deploys_it_leaves_the_release_alone() {
    real_node!();
    let probe = "readinessProbe: {exec: {command: ['true']}, initialDelaySeconds: 4, periodSeconds: 1}";
    let app = app(&deployment(RUNS, probe));
    let mut first = app.start(&["converge"], &[]);
    first.until("Created Deployment/web");
    first.signal(Signal::STOP);
    let second = app.werf(&["converge"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    first.signal(Signal::CONT);
    failed(&first.finish(), &["error: lost the lock of release `shop`", "to another werf, which has ended: nothing more is changed"]);
    assert_eq!(statuses(&app), ["failed", "deployed"]);
    assert_eq!(lock(&app), "");
}

#[test]
fn ended_at_any_moment_the_next_one_finishes_the_job() {
    real_node!();
    let app = App::shop();
    for (delay, signal) in [50, 150, 300, 500, 800, 1200, 2000, 3000].into_iter().zip([Signal::INT, Signal::KILL].into_iter().cycle()) {
        app.commit(&[("backend/site/index.html", &format!("<h1>edition of {delay}</h1>\n"))]);
        let running = app.start(&["converge"], &[]);
        std::thread::sleep(std::time::Duration::from_millis(delay));
        running.signal(signal);
        let printed = running.finish();
        let expected = if signal == Signal::INT { 130 } else { -1 };
        // a signal that comes before the program has begun ends it as it ends every program
        let ended = [expected, 0, -1].contains(&printed.code);
        assert!(ended, "after {delay} ms: {}\n{}", printed.code, printed.stderr);
    }
    let done = app.werf(&["converge"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(statuses(&app).last().map(String::as_str), Some("deployed"));
    assert!(statuses(&app).iter().all(|status| !status.starts_with("pending")), "{:?}", statuses(&app));
    assert_eq!(lock(&app), "");
    let again = app.werf(&["converge"]);
    assert_says(&again.stderr, &["nothing to do"]);
}

#[test]
fn what_a_container_prints_cannot_steer_the_terminal() {
    real_node!();
    let script = "printf '\\033[2J\\033[31mred\\rhidden\\n'; head -c 50000 /dev/zero | tr '\\0' x; echo; exit 3";
    let printed = app(&deployment(script, "")).werf(&["converge"]);
    failed(&printed, &["exit code 3", "[2J[31mredhidden"]);
    let error = printed.stderr.split_once("error: ").expect("an error").1;
    assert!(!printed.stderr.contains(['\u{1b}', '\r']), "{:?}", printed.stderr);
    assert!(error.len() < 10_000, "long lines are clipped: {} bytes", error.len());
}

#[test]
fn a_failed_hook_goes_where_its_policy_says_so() {
    real_node!();
    let app = app(&deployment(RUNS, ""));
    let hook = hook("check", "pre-install", "echo no quota left; exit 5").replace("before-hook-creation", "hook-failed");
    app.commit(&[(".helm/templates/check.yaml", &hook)]);
    failed(&app.werf(&["converge"]), &["error: Job/check", "\n  no quota left\n"]);
    assert_eq!(app.kubectl(&["get", "jobs", "-o", "name"]), "");
}

#[test]
fn a_rollback_that_fails_too_tells_both() {
    real_node!();
    let app = app(&deployment(RUNS, ""));
    app.commit(&[(".helm/templates/back.yaml", &hook("back", "post-rollback", "echo no way back; exit 6"))]);
    let good = app.werf(&["converge"]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    app.commit(&[(".helm/templates/app.yaml", &deployment("echo no license; exit 3", ""))]);
    let printed = app.werf(&["converge", "--auto-rollback"]);
    failed(
        &printed,
        &[
            "error: Deployment/web (shop/templates/app.yaml) failed: ",
            "\n  no license\n",
            "The rollback to revision 1 failed too: Job/back",
            "\n  no way back\n",
            "help: the release is in a mixed state",
        ],
    );
    assert_eq!(statuses(&app), ["deployed", "failed", "failed"]);
    assert_eq!(lock(&app), "");
}

#[test]
fn two_releases_of_one_namespace_at_once() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n";
    let app = app(map);
    let names = ["one", "two", "three"];
    let running: Vec<_> = names.map(|name| app.start(&["converge", "--release", name], &[])).into();
    for running in running {
        let printed = running.finish();
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        assert!(!printed.stderr.contains("waiting for it to end"), "{}", printed.stderr);
    }
    let maps = app.kubectl(&["get", "configmap", "one", "two", "three", "-o", "name"]);
    assert_eq!(maps.lines().count(), 3, "{maps}");
}

#[test]
fn a_pod_that_no_node_takes() {
    let greedy = deployment(RUNS, "resources: {requests: {cpu: 1000}}");
    let printed = app(&greedy).werf(&["converge", "--timeout", "6"]);
    failed(&printed, &["error: not done after 6 s", "Deployment/web: ", "is not scheduled: ", "Insufficient cpu"]);

    let quiet = greedy.replacen("  name: web\n", "  name: web\n  annotations: {werf.io/no-activity-timeout: 5s}\n", 1);
    let printed = app(&quiet).werf(&["converge", "--timeout", "300"]);
    failed(
        &printed,
        &[
            "error: Deployment/web (shop/templates/app.yaml) made no progress for 5 s: ",
            "Insufficient cpu",
            "help: no node takes the pod: `resources.requests` (cpu 1k), ",
            "the annotation `werf.io/no-activity-timeout`",
        ],
    );
}

#[test]
fn a_volume_that_nobody_provides() {
    let claim = "\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: nobody, resources: {requests: {storage: 1Gi}}}
";
    let printed = app(claim).werf(&["converge", "--timeout", "8"]);
    failed(&printed, &["error: not done after 8 s", "PersistentVolumeClaim/data: not bound: ", "\"nobody\" not found"]);
}

#[test]
fn a_namespace_that_is_being_deleted() {
    let app = app("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n");
    app.program("kubectl", &["create", "namespace", &app.namespace]);
    let held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.org/hold]}\n";
    let file = app.sandbox.root().join("held.yaml");
    std::fs::write(&file, held).expect("write");
    app.kubectl(&["apply", "-f", file.to_str().expect("a path")]);
    app.program("kubectl", &["delete", "namespace", &app.namespace, "--wait=false"]);
    let printed = app.werf(&["converge"]);
    app.kubectl(&["patch", "configmap", "held", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    failed(&printed, &["error: ", &app.namespace, "being terminated"]);
}

#[test]
fn a_service_account_that_is_not_there() {
    let template = deployment(RUNS, "").replace("      containers:", "      serviceAccountName: robot\n      containers:");
    let printed = app(&template).werf(&["converge", "--timeout", "20"]);
    failed(&printed, &["Deployment/web", "serviceaccount \"robot\" not found"]);
}
