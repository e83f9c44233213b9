//! Release records and ownership, shared with the real helm in both directions.

use serde_json::Value;

use crate::testbed::{App, Needs, WEB, assert_says};

const CHART: &[(&str, &str)] = &[
    ("werf.yaml", "project: shop\nconfigVersion: 1\n"),
    (".helm/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
    (".helm/values.yaml", "tone: low\n"),
    (".helm/templates/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  tone: {{ .Values.tone }}\n"),
    (".helm/templates/extra.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n"),
    WEB,
    (".helm/templates/NOTES.txt", "The tone is {{ .Values.tone }}.\n"),
];

fn app() -> App {
    App::new(Needs::Cluster, CHART)
}

/// helm against the application's namespace; it must go well.
fn helm(app: &App, name: &str, args: &[&str]) -> String {
    let output = app.program(name, &[args, &["-n", &app.namespace]].concat());
    assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn converge(app: &App, args: &[&str]) -> String {
    let printed = app.werf(&[&["converge"], args].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    printed.stderr
}

fn statuses(app: &App, name: &str) -> Vec<String> {
    let history: Value = serde_json::from_str(&helm(app, name, &["history", "shop", "-o", "json"])).expect("a history");
    history.as_array().into_iter().flatten().map(|record| record["status"].as_str().unwrap_or_default().to_owned()).collect()
}

fn tone(app: &App) -> String {
    app.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data.tone}"])
}

fn chart(app: &App) -> String {
    app.sandbox.app().join(".helm").to_string_lossy().into_owned()
}

#[test]
fn helm_shows_all_of_our_record() {
    let app = app();
    converge(&app, &["--set", "tone=high"]);
    for name in ["helm3", "helm"] {
        assert_eq!(helm(&app, name, &["get", "notes", "shop"]).trim_start_matches("NOTES:\n").trim(), "The tone is high.");
        assert_says(&helm(&app, name, &["get", "values", "shop"]), &["tone: high"]);
        let manifest = helm(&app, name, &["get", "manifest", "shop"]);
        assert_says(&manifest, &["# Source: shop/templates/settings.yaml", "# Source: shop/templates/web.yaml", "tone: high"]);
        assert_says(&helm(&app, name, &["get", "metadata", "shop"]), &["CHART: shop", "VERSION: 0.1.0", "STATUS: deployed"]);
        assert_says(&helm(&app, name, &["status", "shop"]), &["STATUS: deployed", "REVISION: 1"]);
    }
}

#[test]
fn helm_rolls_our_release_back_and_we_go_on() {
    for name in ["helm3", "helm"] {
        let app = app();
        converge(&app, &["--set", "tone=low"]);
        converge(&app, &["--set", "tone=high"]);
        helm(&app, name, &["rollback", "shop", "1"]);
        assert_eq!(tone(&app), "low", "{name}");
        assert_eq!(statuses(&app, name), ["superseded", "superseded", "deployed"], "{name}");

        let told = converge(&app, &["--set", "tone=high"]);
        assert_says(&told, &["Updated ConfigMap/settings", "Deployed shop in namespace ", ", revision 4: "]);
        assert_eq!(tone(&app), "high", "{name}");
        let told = converge(&app, &["--set", "tone=high"]);
        assert_says(&told, &["Unchanged release shop, revision 4: nothing to do"]);
    }
}

#[test]
fn a_release_that_helm_made_is_taken_over() {
    for name in ["helm3", "helm"] {
        let app = app();
        helm(&app, name, &["install", "shop", &chart(&app), "--create-namespace"]);
        let made = app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.metadata.uid}"]);

        app.sandbox.git(&["rm", "-q", ".helm/templates/extra.yaml"]);
        app.commit(&[]);
        let told = converge(&app, &["--set", "tone=high"]);
        assert_says(&told, &["Updated ConfigMap/settings", "Deleted ConfigMap/extra", "Deployed shop in namespace ", ", revision 2: "]);
        assert_eq!(tone(&app), "high", "{name}");
        assert_eq!(app.kubectl(&["get", "configmap", "extra", "--ignore-not-found", "-o", "name"]), "", "{name}");
        assert_eq!(app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.metadata.uid}"]), made, "{name}: it is the same object");
        assert_eq!(statuses(&app, name), ["superseded", "deployed"], "{name}");
        assert_says(&converge(&app, &["--set", "tone=high"]), &["nothing to do"]);

        // a field that helm wrote and the chart drops goes too
        app.commit(&[(
            ".helm/templates/settings.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  other: a\n",
        )]);
        converge(&app, &[]);
        assert_eq!(app.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data}"]), r#"{"other":"a"}"#, "{name}");
    }
}

#[test]
fn helm_upgrades_and_removes_our_release() {
    for name in ["helm3", "helm"] {
        let app = app();
        converge(&app, &[]);
        helm(&app, name, &["upgrade", "shop", &chart(&app), "--set", "tone=high"]);
        assert_eq!(tone(&app), "high", "{name}");
        helm(&app, name, &["uninstall", "shop"]);
        assert_eq!(app.kubectl(&["get", "deployments", "-o", "name"]), "", "{name}");
        let told = converge(&app, &[]);
        assert_says(&told, &["Deployed shop in namespace ", ", revision 1: "]);
        assert_eq!(tone(&app), "low", "{name}");
    }
}

#[test]
fn old_revisions_go_and_the_newest_stay() {
    let app = app();
    for tone in ["a", "b", "c", "d"] {
        converge(&app, &["--releases-history-max", "2", "--set", &format!("tone={tone}")]);
    }
    let history: Value = serde_json::from_str(&helm(&app, "helm3", &["history", "shop", "-o", "json"])).expect("a history");
    let revisions: Vec<i64> = history.as_array().into_iter().flatten().filter_map(|record| record["revision"].as_i64()).collect();
    assert_eq!(revisions, [3, 4]);
}

#[test]
fn an_object_of_nobody_is_not_overwritten_unless_asked() {
    let app = app();
    app.program("kubectl", &["create", "namespace", &app.namespace]);
    app.kubectl(&["create", "configmap", "settings", "--from-literal=tone=mine", "--from-literal=more=1"]);
    let refused = app.werf(&["converge"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(&refused.stderr, &["ConfigMap/settings", "shop/templates/settings.yaml", "nothing was changed", "--force-adoption"]);
    assert_eq!(tone(&app), "mine");
    assert_eq!(app.kubectl(&["get", "deployments", "-o", "name"]), "");
    converge(&app, &["--force-adoption"]);
    assert_eq!(tone(&app), "low");
    assert_says(&converge(&app, &[]), &["nothing to do"]);
}

#[test]
fn an_object_of_another_release_is_not_overwritten() {
    let app = app();
    converge(&app, &["--release", "first"]);
    let refused = app.werf(&["converge", "--release", "second"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(&refused.stderr, &["ConfigMap/settings", "release `first`", "3 objects cannot be deployed", "help: "]);
}

#[test]
fn what_is_to_be_kept_outlives_the_release() {
    let app = app();
    let kept = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, annotations: {helm.sh/resource-policy: keep}}\n";
    app.commit(&[(".helm/templates/extra.yaml", kept)]);
    converge(&app, &[]);
    let dismissed = app.werf(&["dismiss"]);
    assert_eq!(dismissed.code, 0, "{}", dismissed.stderr);
    assert_eq!(app.kubectl(&["get", "configmap", "extra", "--ignore-not-found", "-o", "name"]), "configmap/extra\n");
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "--ignore-not-found", "-o", "name"]), "");
    let again = app.werf(&["dismiss"]);
    assert_says(&again.stderr, &["there is no release `shop`"]);
}

/// A release whose removal was interrupted while an object was held; the object is held no more.
fn interrupted_removal() -> App {
    let app = app();
    let held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, finalizers: [example.org/hold]}\n";
    app.commit(&[(".helm/templates/extra.yaml", held)]);
    converge(&app, &[]);
    let mut running = app.start(&["dismiss"], &[]);
    running.until("Waiting ConfigMap/extra: being deleted: waits for example.org/hold");
    running.signal(rustix::process::Signal::INT);
    let printed = running.finish();
    assert_eq!(printed.code, 130, "{}", printed.stderr);
    app.kubectl(&["patch", "configmap", "extra", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    app
}

#[test]
fn an_interrupted_removal_is_finished_by_the_next() {
    let app = interrupted_removal();
    let again = app.werf(&["dismiss"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(helm(&app, "helm3", &["list", "-a", "-q"]), "");
    assert_eq!(app.kubectl(&["get", "configmap", "extra", "--ignore-not-found", "-o", "name"]), "");
}

#[test]
fn a_release_whose_removal_was_interrupted_can_be_deployed_again() {
    let app = interrupted_removal();
    app.commit(&[(".helm/templates/extra.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n")]);
    converge(&app, &[]);
    assert_eq!(tone(&app), "low");
    assert_eq!(statuses(&app, "helm3").last().map(String::as_str), Some("deployed"));
    assert_says(&converge(&app, &[]), &["nothing to do"]);
}

#[test]
fn drift_is_put_right() {
    let app = app();
    converge(&app, &[]);
    app.kubectl(&["scale", "deployment", "web", "--replicas=1"]);
    app.kubectl(&["delete", "configmap", "extra"]);
    let plan = app.werf(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 2, "{}{}", plan.stdout, plan.stderr);
    assert_says(&plan.stdout, &["Deployment/web", "replicas", "ConfigMap/extra"]);
    converge(&app, &[]);
    assert_eq!(app.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"]), "0");
    assert_eq!(app.kubectl(&["get", "configmap", "extra", "-o", "name"]), "configmap/extra\n");
    let plan = app.werf(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
}

#[test]
fn an_earlier_revision_is_brought_back() {
    let app = app();
    let rollback = |args: &[&str]| app.werf(&[&["rollback"], args].concat());
    let printed = rollback(&[]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["error: there is no release `shop` in namespace"]);
    converge(&app, &["--set", "tone=low"]);
    let printed = rollback(&[]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &[
            "error: release `shop` has no earlier revision that was deployed well, so there is nothing to go back to",
            "help: it has: 1 (deployed); deploy a commit that works with `werf converge`",
        ],
    );
    converge(&app, &["--set", "tone=high"]);
    let printed = rollback(&["--revision", "7"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["error: release `shop` has no revision 7", "help: it has: 1 (superseded), 2 (deployed)"]);
    assert_eq!(statuses(&app, "helm"), ["superseded", "deployed"], "what cannot be done makes no revision");

    let printed = rollback(&[]);
    assert_eq!((printed.code, printed.stdout.as_str()), (0, "The tone is low.\n"), "{}", printed.stderr);
    assert_says(&printed.stderr, &["Rolling back release shop to revision 1", "Rolled back release shop to the state of revision 1"]);
    assert_eq!(
        (tone(&app).as_str(), statuses(&app, "helm")),
        ("low", ["superseded", "superseded", "deployed"].map(str::to_owned).to_vec())
    );
    let printed = rollback(&["--revision=3"]);
    assert_says(&printed.stderr, &["Unchanged release shop, revision 3: nothing to do"]);
    let printed = rollback(&["--revision=2", "--no-notes"]);
    assert_eq!((printed.code, printed.stdout.as_str()), (0, ""), "{}", printed.stderr);
    assert_eq!(tone(&app), "high");
    assert_says(&converge(&app, &["--set", "tone=high"]), &["Unchanged release shop, revision 4: nothing to do"]);
}
