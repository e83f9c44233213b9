//! From a commit to a healthy release, and what follows it.

use serde_json::Value;

use crate::testbed::{App, Needs, assert_says, has_real_node};

fn image_of(app: &App, deployment: &str) -> String {
    app.kubectl(&["get", "deployment", deployment, "-o", "jsonpath={.spec.template.spec.containers[0].image}"])
}

fn generation_of(app: &App, deployment: &str) -> String {
    app.kubectl(&["get", "deployment", deployment, "-o", "jsonpath={.metadata.generation}"])
}

#[test]
fn a_commit_becomes_a_healthy_release_and_changes_only_what_changed() {
    let app = App::shop();
    let first = app.werf(&["converge"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stderr.contains("Published image backend"), "{}", first.stderr);
    let closing = format!("Deployed shop in namespace {}, revision 1: ", app.namespace);
    assert_says(&first.stderr, &[&closing, &format!("Reachable kubectl -n {} port-forward service/", app.namespace)]);
    assert!(first.stdout.contains("port-forward service/backend"), "the notes go to standard output: {}", first.stdout);
    assert_eq!(app.kubectl(&["get", "deployment", "backend", "-o", "jsonpath={.status.readyReplicas}"]), "1");
    let (backend, worker) = (image_of(&app, "backend"), image_of(&app, "worker"));
    assert_eq!(app.tags().len(), 2);

    // the same commit again: nothing is built, applied or recorded
    let second = app.werf_with(&["converge"], &[("BUILDKIT_HOST", "unix:///nobody/listens/here.sock")]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stderr.contains("Unchanged release shop, revision 1: nothing to do"), "{}", second.stderr);

    // a change of one image's files: only that image, only its workload
    let worker_generation = generation_of(&app, "worker");
    app.commit(&[("backend/site/index.html", "<h1>second</h1>\n")]);
    let third = app.werf(&["converge"]);
    assert_eq!(third.code, 0, "{}", third.stderr);
    assert!(third.stderr.contains("Found image worker"), "{}", third.stderr);
    assert!(third.stderr.contains("Published image backend"), "{}", third.stderr);
    assert_ne!(image_of(&app, "backend"), backend);
    assert_eq!((image_of(&app, "worker"), generation_of(&app, "worker")), (worker.clone(), worker_generation));

    // an older commit: found by name, built by nobody
    app.sandbox.git(&["checkout", "-q", "HEAD~1"]);
    let older = app.werf_with(&["converge"], &[("BUILDKIT_HOST", "unix:///nobody/listens/here.sock")]);
    assert_eq!(older.code, 0, "{}", older.stderr);
    assert_eq!((image_of(&app, "backend"), image_of(&app, "worker")), (backend, worker));

    let dismissed = app.werf(&["dismiss"]);
    assert_eq!(dismissed.code, 0, "{}", dismissed.stderr);
    assert!(dismissed.stderr.contains("Dismissed release shop"), "{}", dismissed.stderr);
    assert_eq!(app.kubectl(&["get", "deployments,services,jobs", "-o", "name"]), "");
    let list = app.program("helm", &["list", "-n", &app.namespace, "-o", "json"]);
    assert_eq!(String::from_utf8_lossy(&list.stdout).trim(), "[]");
}

#[test]
fn helm_reads_our_release_records() {
    let app = App::shop();
    let converged = app.werf(&["converge"]);
    assert_eq!(converged.code, 0, "{}", converged.stderr);
    for helm in ["helm", "helm3"] {
        let list: Value = serde_json::from_slice(&app.program(helm, &["list", "-n", &app.namespace, "-o", "json"]).stdout).expect("a list");
        assert_eq!(list[0]["name"], "shop", "{helm}: {list}");
        assert_eq!((&list[0]["status"], &list[0]["revision"]), (&"deployed".into(), &"1".into()), "{helm}: {list}");
        let history = app.program(helm, &["history", "shop", "-n", &app.namespace, "-o", "json"]);
        let history: Value = serde_json::from_slice(&history.stdout).expect("a history");
        assert_eq!(history[0]["status"], "deployed", "{helm}: {history}");
        let manifest = app.program(helm, &["get", "manifest", "shop", "-n", &app.namespace]);
        let manifest = String::from_utf8_lossy(&manifest.stdout).into_owned();
        assert!(manifest.contains("# Source: shop/templates/backend.yaml"), "{helm}: {manifest}");
    }
}

#[test]
fn a_broken_commit_says_why_and_the_last_good_release_comes_back() {
    if !has_real_node() {
        eprintln!("simulated containers never fail: this test runs as root only");
        return;
    }
    let app = App::shop();
    let good = app.werf(&["converge"]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    let image = image_of(&app, "backend");
    app.commit(&[("backend/run.sh", "#!/bin/sh\necho 'backend: cannot open the cash register' >&2\nexit 3\n")]);
    let broken = app.werf(&["converge", "--auto-rollback"]);
    assert_eq!(broken.code, 1, "{}", broken.stderr);
    assert!(broken.stderr.contains("cannot open the cash register"), "the pod's own words are shown: {}", broken.stderr);
    assert!(broken.stderr.contains("exit code 3"), "{}", broken.stderr);
    assert!(broken.stderr.contains("Rolled back release shop to the state of revision 1"), "{}", broken.stderr);
    assert_eq!(image_of(&app, "backend"), image);
    assert_eq!(app.kubectl(&["get", "deployment", "backend", "-o", "jsonpath={.status.readyReplicas}"]), "1");
}

#[test]
fn a_value_that_tpl_renders_sees_the_cluster() {
    let app = App::new(
        Needs::Cluster,
        &[
            ("werf.yaml", "project: shop\nconfigVersion: 1\n"),
            (
                ".helm/templates/version.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: version}\ndata: {text: {{ tpl .Values.text . | quote }}}\n",
            ),
        ],
    );
    let converged = app.werf(&["converge", "--set-literal", "text={{ .Capabilities.KubeVersion.Version }}"]);
    assert_eq!(converged.code, 0, "{}", converged.stderr);
    let server: Value = serde_json::from_slice(&app.program("kubectl", &["version", "-o", "json"]).stdout).expect("versions");
    assert_eq!(app.kubectl(&["get", "configmap", "version", "-o", "jsonpath={.data.text}"]), server["serverVersion"]["gitVersion"]);
}
