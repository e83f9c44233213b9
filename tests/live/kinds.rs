//! Objects of the usual kinds on a real API server: made, recognized as unchanged, changed, and removed.

use std::path::Path;
use std::process::Command;

use crate::testbed::{App, Needs, assert_says};

struct Kinds {
    app: App,
    settings: String,
}

impl Kinds {
    fn new() -> Self {
        let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/charts/kinds");
        let copied = Command::new("cp").arg("-r").arg(chart).arg(app.sandbox.app().join(".helm")).status().expect("cp runs");
        assert!(copied.success());
        app.commit(&[]);
        let settings = format!("image={},unique={}", app.base(), app.namespace);
        Kinds { app, settings }
    }

    fn converge(&self, more: &[&str]) -> String {
        let printed = self.app.werf(&[&["converge", "--set", &self.settings], more].concat());
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        printed.stderr
    }

    /// Whether a cluster-wide object is there.
    fn has(&self, object: &str) -> bool {
        !self.app.kubectl(&["get", object, "--ignore-not-found", "-o", "name"]).is_empty()
    }
}

#[test]
fn every_usual_kind_is_deployed_found_unchanged_changed_and_removed() {
    let kinds = Kinds::new();
    let first = kinds.converge(&[]);
    assert_says(
        &first,
        &[
            "Ready Job/import",
            "Ready StatefulSet/store",
            "Ready PersistentVolumeClaim/data",
            "Deployed shop in namespace ",
            ", revision 1: ",
        ],
    );

    // what the server has added or written otherwise is no difference
    let plan = kinds.app.werf(&["plan", "--exit-code", "--set", &kinds.settings]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
    assert_says(&kinds.converge(&[]), &["Unchanged release shop, revision 1: nothing to do"]);

    // an autoscaler's replicas are not the chart's
    kinds.app.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    assert_says(&kinds.converge(&[]), &["nothing to do"]);

    let second = kinds.converge(&["--set", "replicas=2"]);
    assert_says(
        &second,
        &["Planned 1 to update", "Updated StatefulSet/store", "Ready StatefulSet/store", "Deployed shop in namespace ", ", revision 2: "],
    );
    assert_eq!(kinds.app.kubectl(&["get", "statefulset", "store", "-o", "jsonpath={.status.readyReplicas}"]), "2");

    let name = &kinds.app.namespace;
    let wide: Vec<String> = [
        &format!("crd/chairs.{name}.example.org"),
        &format!("clusterrole/{name}"),
        &format!("clusterrolebinding/{name}"),
        &format!("priorityclass/{name}"),
        &format!("pv/{name}"),
        &format!("namespace/{name}-more"),
    ]
    .map(|object| object.to_owned())
    .into();
    assert!(wide.iter().all(|object| kinds.has(object)));
    let dismissed = kinds.app.werf(&["dismiss"]);
    assert_eq!(dismissed.code, 0, "{}", dismissed.stderr);
    let left: Vec<&String> = wide.iter().filter(|object| kinds.has(object)).collect();
    assert!(left.is_empty(), "{left:?}");
    let left = kinds.app.kubectl(&["get", "deployments,statefulsets,daemonsets,jobs,cronjobs,pvc,services,pods,hpa,ingress", "-o", "name"]);
    assert_eq!(left, "");
    assert!(kinds.has("crd/lamps.kinds.example.org"), "definitions of the crds directory stay, as with helm");
}

#[test]
fn a_claim_that_waits_for_its_first_pod_holds_nothing_up() {
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
    let template = "\
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: '{{ .Release.Namespace }}'}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: '{{ .Release.Namespace }}', resources: {requests: {storage: 1Gi}}}
";
    app.commit(&[(".helm/templates/claim.yaml", template)]);
    let printed = app.werf(&["converge", "--timeout", "60"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_says(&printed.stderr, &["Ready PersistentVolumeClaim/data", "Deployed shop in namespace ", ", revision 1: "]);
    let dismissed = app.werf(&["dismiss"]);
    assert_eq!(dismissed.code, 0, "{}", dismissed.stderr);
}

/// A chart of one Job whose image or command changes with each commit, as migrations do.
#[test]
fn a_job_that_changed_runs_again_and_one_that_did_not_does_not() {
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
    let job = |text: &str| {
        format!(
            "\
apiVersion: batch/v1
kind: Job
metadata: {{name: import}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: main, image: {}, command: [echo, {text}]}}]
",
            app.base()
        )
    };
    let map = |text: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{a: {text}}}\n");
    let uid = || app.kubectl(&["get", "job", "import", "-o", "jsonpath={.metadata.uid}"]);
    app.commit(&[(".helm/templates/job.yaml", &job("first")), (".helm/templates/map.yaml", &map("first"))]);
    let first = app.werf(&["converge"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let made = uid();

    app.commit(&[(".helm/templates/map.yaml", &map("second"))]);
    let second = app.werf(&["converge"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_says(&second.stderr, &["Planned 1 to update, 1 unchanged"]);
    assert_eq!(uid(), made);

    app.commit(&[(".helm/templates/job.yaml", &job("third"))]);
    let plan = app.werf(&["plan"]);
    assert_says(&plan.stdout, &["Job/import", "1 to recreate"]);
    let third = app.werf(&["converge"]);
    assert_eq!(third.code, 0, "{}", third.stderr);
    assert_says(&third.stderr, &["Recreated Job/import", "Ready Job/import"]);
    assert_ne!(uid(), made);
}

#[test]
fn a_field_that_cannot_change_is_told_before_anything_is_changed() {
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
    let deployment = |label: &str| {
        format!(
            "\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {label}}}}}
  template:
    metadata: {{labels: {{app: {label}}}}}
    spec: {{containers: [{{name: main, image: nobody/pulls:1}}]}}
"
        )
    };
    app.commit(&[(".helm/templates/web.yaml", &deployment("web"))]);
    assert_eq!(app.werf(&["converge"]).code, 0);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    app.commit(&[(".helm/templates/web.yaml", &deployment("other")), (".helm/templates/map.yaml", map)]);
    let refused = app.werf(&["converge"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(&refused.stderr, &["Deployment/web", "shop/templates/web.yaml", "spec.selector", "immutable", "help: "]);
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "--ignore-not-found", "-o", "name"]), "");
}

#[test]
fn what_is_known_of_built_in_kinds_is_what_the_server_says() {
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
    let listed = app.kubectl(&["api-resources", "--no-headers"]);
    let mut found = 0;
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [plural, .., api_version, namespaced, kind] = words[..] else { panic!("{line}") };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let Some(row) = werf::kinds::served(group, version, kind) else { continue };
        let scope = if namespaced == "true" { werf::kinds::Scope::Namespaced } else { werf::kinds::Scope::Cluster };
        assert_eq!((row.plural, row.scope), (plural, scope), "{line}");
        found += 1;
    }
    assert!(found > 40, "only {found} of the kinds are known here:\n{listed}");
}
