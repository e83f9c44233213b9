//! When hooks and objects with policies are made and deleted, and what is left of a release.

use serde_json::Value;

use crate::testbed::{App, Needs, assert_says, has_real_node};

const WERF_YAML: (&str, &str) = ("werf.yaml", "project: shop\nconfigVersion: 1\n");

fn app(template: &str) -> App {
    App::new(Needs::Cluster, &[WERF_YAML, (".helm/templates/all.yaml", template)])
}

/// The object of a chart; `rest` are more lines.
fn object(kind: &str, name: &str, annotations: &str, rest: &str) -> String {
    let api = if kind == "Job" { "batch/v1" } else { "v1" };
    format!("---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\n{rest}\n")
}

fn job(app_image: &str, name: &str, annotations: &str, script: &str, more: &str) -> String {
    let script = Value::from(script);
    let rest = format!(
        "spec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never{more}\n      containers: [{{name: main, image: {app_image}, command: [sh, -c, {script}]}}]"
    );
    object("Job", name, annotations, &rest)
}

fn converge(app: &App, more: &[&str]) -> String {
    let printed = app.werf(&[&["converge", "--timeout", "60"], more].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    printed.stderr
}

fn there(app: &App, objects: &[&str]) -> String {
    app.kubectl(&[&["get", "--ignore-not-found", "-o", "name"], objects].concat())
}

#[test]
fn a_hook_of_two_moments_is_two_objects_one_after_the_other() {
    if !has_real_node() {
        return;
    }
    let app = app("");
    let hook = job(&app.base(), "check", "helm.sh/hook: 'pre-install,post-install'", "echo checked", "");
    app.commit(&[(".helm/templates/all.yaml", &(hook + &object("ConfigMap", "app", "", "")))]);
    let said = converge(&app, &[]);
    let order: Vec<&str> =
        said.lines().map(str::trim).filter(|line| line.starts_with("Created") || line.starts_with("Recreated")).collect();
    assert_eq!(order, ["Created Job/check", "Created ConfigMap/app", "Recreated Job/check"]);
    assert_eq!(said.matches("│ checked").count(), 2, "{said}");
}

#[test]
fn what_goes_once_it_succeeded_stays_for_those_that_need_it() {
    if !has_real_node() {
        return;
    }
    let app = app("");
    let early = "helm.sh/hook: 'pre-install', helm.sh/hook-weight: '-5', helm.sh/hook-delete-policy: 'before-hook-creation,hook-succeeded'";
    let late = early.replace("'-5'", "'0'");
    let kept = format!("{early}, werf.io/resource-policy: keep");
    let chart = [
        object("ServiceAccount", "setup", early, ""),
        object("ConfigMap", "kept", &kept, ""),
        job(&app.base(), "setup", &late, "echo ran", "\n      serviceAccountName: setup"),
        object("ConfigMap", "app", "", ""),
    ];
    app.commit(&[(".helm/templates/all.yaml", &chart.concat())]);
    assert_says(&converge(&app, &[]), &["│ ran"]);
    assert_eq!(there(&app, &["serviceaccount/setup", "job/setup", "configmap/kept"]), "configmap/kept\n");
}

#[test]
fn a_hook_that_does_not_end_in_time_goes_by_its_policy() {
    if !has_real_node() {
        return;
    }
    let app = app("");
    let policy = "helm.sh/hook: pre-install, helm.sh/hook-delete-policy: ";
    let (failed, stays) = (format!("{policy}hook-failed"), format!("{policy}before-hook-creation"));
    let (sleep, image) = ("sleep 99", app.base());
    let chart = job(&image, "goes", &failed, sleep, "") + &job(&image, "stays", &stays, sleep, "");
    app.commit(&[(".helm/templates/all.yaml", &chart)]);
    let printed = app.werf(&["converge", "--timeout", "6"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &[
            "error: not done after 6 s; still waiting for:\n  Job/goes: ",
            "help: `--timeout` says how long to wait\n",
            "were made and stay, and revision 1 of release `shop` is marked as failed: the next `werf converge` goes on from there",
        ],
    );
    assert_eq!(there(&app, &["job/goes", "job/stays"]), "job.batch/stays\n");
}

#[test]
fn an_object_with_the_policy_is_made_anew_with_each_deployment() {
    let app = app(&(object("ConfigMap", "anew", "werf.io/delete-policy: before-creation", "") + &object("ConfigMap", "app", "", "")));
    converge(&app, &[]);
    let uid = |name: &str| app.kubectl(&["get", "configmap", name, "-o", "jsonpath={.metadata.uid}"]);
    let (anew, stays) = (uid("anew"), uid("app"));
    assert_says(&converge(&app, &[]), &["Planned 1 to recreate, 1 unchanged", "Recreated ConfigMap/anew"]);
    assert_ne!(uid("anew"), anew);
    assert_eq!(uid("app"), stays);
}

#[test]
fn an_install_is_one_until_a_revision_was_deployed() {
    let chart = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: seen
  {{- if .Values.wait }}
  annotations: {x.external-dependency.werf.io/resource: configmap/never, werf.io/no-activity-timeout: 1s}
  {{- end }}
data: {is: \"{{ .Release.IsInstall }} {{ .Release.IsUpgrade }} {{ .Release.Revision }}\"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: install-{{ .Release.Revision }}, annotations: {helm.sh/hook: pre-install}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: upgrade-{{ .Release.Revision }}, annotations: {helm.sh/hook: pre-upgrade}}
";
    let app = app(chart);
    let printed = app.werf(&["converge", "--auto-rollback", "--set", "wait=true"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &[
            "nothing was rolled back: release `shop` has no revision that was deployed well. ",
            " and revision 1 of release `shop` is marked as failed: the next `werf converge` goes on from there",
        ],
    );
    let seen = || app.kubectl(&["get", "configmap", "seen", "-o", "jsonpath={.data.is}"]);
    converge(&app, &[]);
    assert_eq!(
        (seen().as_str(), there(&app, &["configmap/install-2", "configmap/upgrade-2"]).as_str()),
        ("true false 2", "configmap/install-2\n")
    );
    converge(&app, &["--set", "x=1"]);
    assert_eq!(
        (seen().as_str(), there(&app, &["configmap/install-3", "configmap/upgrade-3"]).as_str()),
        ("false true 3", "configmap/upgrade-3\n")
    );
}

#[test]
fn marks_on_live_objects_keep_them_and_ownership_deletes_hooks() {
    let app = app("");
    let hook = |more: &str| object("Secret", "hook", &format!("helm.sh/hook: pre-install{more}"), "");
    let all = [object("ConfigMap", "app", "", ""), object("ConfigMap", "kept", "", ""), object("ConfigMap", "gone", "", "")].concat();
    app.commit(&[(".helm/templates/all.yaml", &(all + &hook(", werf.io/ownership: release")))]);
    converge(&app, &[]);
    app.kubectl(&["annotate", "configmap", "kept", "werf.io/resource-policy=skip-update,skip-delete"]);
    app.commit(&[(".helm/templates/all.yaml", &object("ConfigMap", "app", "", ""))]);
    converge(&app, &[]);
    assert_eq!(there(&app, &["configmap/kept", "configmap/gone", "secret/hook"]), "configmap/kept\n");
}

#[test]
fn the_releases_own_namespace_in_the_chart() {
    let namespace =
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: '{{ .Release.Namespace }}', labels: {team: '{{ .Values.team }}'}}\n";
    let app = app(&(namespace.to_owned() + &object("ConfigMap", "app", "", "")));
    for team in ["blue", "red"] {
        converge(&app, &["--set", &format!("team={team}")]);
        assert_eq!(app.kubectl(&["get", "namespace", &app.namespace, "-o", "jsonpath={.metadata.labels.team}"]), team);
    }
    assert_eq!(app.werf(&["dismiss"]).code, 0);
    assert_eq!(app.kubectl(&["get", "namespace", &app.namespace, "-o", "jsonpath={.status.phase}"]), "Active");
}

#[test]
fn what_is_not_there_is_dismissed() {
    let app = app("");
    let printed = app.werf(&["dismiss"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let wanted = format!("Warning there is no release `shop` in namespace `{}`: nothing to dismiss", app.namespace);
    assert_says(&printed.stderr, &[&wanted]);
    app.kubectl(&["create", "namespace", &app.namespace]);
    assert_eq!(app.werf(&["dismiss", "--with-namespace"]).code, 0);
    let phase = app.kubectl(&["get", "namespace", &app.namespace, "--ignore-not-found", "-o", "jsonpath={.status.phase}"]);
    assert!(phase.is_empty() || phase == "Terminating", "{phase}");
}

#[test]
fn a_service_takes_over_the_port_of_one_that_leaves() {
    let app = app("");
    let port = 30_000 + std::process::id() % 2000;
    let service = |name: &str| {
        object("Service", name, "", &format!("spec: {{type: NodePort, selector: {{a: b}}, ports: [{{port: 80, nodePort: {port}}}]}}"))
    };
    for name in ["old", "new"] {
        app.commit(&[(".helm/templates/all.yaml", &service(name))]);
        converge(&app, &[]);
    }
    assert_eq!(app.kubectl(&["get", "service", "-o", "name"]), "service/new\n");
}

#[test]
fn fields_that_cannot_be_changed_are_known_in_every_wording() {
    let app = App::new(Needs::Cluster, &[WERF_YAML]);
    let unique = &app.namespace;
    // Each object with a field that its kind never lets change: before and after.
    let rows = [
        ("v1", "ConfigMap", "", "immutable: true, data: {a: vX}"),
        ("v1", "Secret", "", "immutable: true, data: {a: WFhX}"),
        ("v1", "Secret", "-type", "type: example.org/X"),
        ("v1", "Service", "", "spec: {clusterIP: 10.97.200.X, ports: [{port: 80}]}"),
        (
            "apps/v1",
            "Deployment",
            "",
            "spec: {replicas: 0, selector: {matchLabels: {a: vX}}, template: {metadata: {labels: {a: vX}}, spec: {containers: [{name: a, image: a}]}}}",
        ),
        (
            "apps/v1",
            "StatefulSet",
            "",
            "spec: {replicas: 0, serviceName: aX, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}",
        ),
        (
            "apps/v1",
            "DaemonSet",
            "",
            "spec: {selector: {matchLabels: {a: vX}}, template: {metadata: {labels: {a: vX}}, spec: {nodeSelector: {no: where}, containers: [{name: a, image: a}]}}}",
        ),
        (
            "apps/v1",
            "ReplicaSet",
            "",
            "spec: {replicas: 0, selector: {matchLabels: {a: vX}}, template: {metadata: {labels: {a: vX}}, spec: {containers: [{name: a, image: a}]}}}",
        ),
        (
            "batch/v1",
            "Job",
            "",
            "spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: a, command: [aX]}]}}}",
        ),
        ("v1", "Pod", "", "spec: {nodeSelector: {no: where}, containers: [{name: a, image: a, command: [aX]}]}"),
        (
            "v1",
            "PersistentVolumeClaim",
            "",
            "spec: {accessModes: [ReadWriteOnce], storageClassName: noneX, resources: {requests: {storage: 1Gi}}}",
        ),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", "", "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: aX}"),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "*",
            "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: aX}",
        ),
        ("scheduling.k8s.io/v1", "PriorityClass", "*", "value: 70X"),
        ("storage.k8s.io/v1", "StorageClass", "*", "provisioner: example.org/noneX"),
        ("storage.k8s.io/v1", "VolumeAttributesClass", "*", "driverName: example.org, parameters: {a: bX}"),
        ("networking.k8s.io/v1", "IngressClass", "*", "spec: {controller: example.org/noneX}"),
        ("node.k8s.io/v1", "RuntimeClass", "*", "handler: runX"),
        ("storage.k8s.io/v1", "CSIDriver", "*", "spec: {attachRequired: BOOL}"),
        ("discovery.k8s.io/v1", "EndpointSlice", "", "addressType: FAMILY, endpoints: []"),
        ("v1", "PersistentVolume", "*", "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /X}}"),
        ("apps/v1", "ControllerRevision", "", "revision: 1, data: {a: vX}"),
    ];
    let chart = |value: &str, bool: &str, family: &str| -> String {
        let objects = rows.iter().map(|(api, kind, name, fields)| {
            let name = if *name == "*" { unique.clone() } else { format!("fixed{name}") };
            let fields = fields.replace("BOOL", bool).replace("FAMILY", family);
            let fields: Vec<String> = vec![fields.replace('X', value)];
            format!(
                "---\n{{apiVersion: {api}, kind: {kind}, metadata: {{name: {name}, annotations: {{werf.io/track-termination-mode: NonBlocking, werf.io/delete-policy: ''}}}}, {}}}\n",
                fields.concat()
            )
        });
        objects.collect()
    };
    app.commit(&[(".helm/templates/all.yaml", &chart("1", "true", "IPv4"))]);
    converge(&app, &[]);
    app.commit(&[(".helm/templates/all.yaml", &chart("2", "false", "IPv6"))]);
    let printed = app.werf(&["converge"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert!(!printed.stderr.contains("rejects"), "{}", printed.stderr);
    assert_eq!(printed.stderr.matches("changes what cannot be changed").count(), rows.len(), "{}", printed.stderr);
    let replace = chart("2", "false", "IPv6").replace("delete-policy: ''", "delete-policy: before-creation-if-immutable");
    app.commit(&[(".helm/templates/all.yaml", &replace)]);
    // A claim and a volume may be held by protections that no controller here takes away at once: they are told as what is waited for.
    let said = converge(&app, &[]);
    assert_eq!(said.matches("Recreated ").count(), rows.len(), "{said}");
    assert_eq!(app.werf(&["dismiss"]).code, 0);
}

#[test]
fn more_objects_than_a_connection_has_streams() {
    let many: String = (0..260).map(|number| object("ConfigMap", &format!("map-{number}"), "", "")).collect();
    let last = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: last\n  annotations:\n    werf.io/weight: '5'\n    {{- if .Values.broken }}\n    x.external-dependency.werf.io/resource: configmap/never\n    werf.io/no-activity-timeout: 1s\n    {{- end }}\n";
    let app = app(&(many + last));
    assert_eq!(app.werf(&["converge", "--set", "broken=true"]).code, 1);
    // what is unchanged is looked at again, since nobody saw it work
    assert_says(&converge(&app, &[]), &["Planned 1 to create, 260 unchanged", "Deployed shop in namespace ", ", revision 2: "]);
    let printed = app.werf(&["dismiss", "--timeout", "60"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(app.kubectl(&["get", "configmap", "-l", "app.kubernetes.io/managed-by=Helm", "-o", "name"]), "");
}

#[test]
fn a_release_that_is_too_large_is_refused_before_anything_is_applied() {
    use base64::Engine;
    let mut noise = vec![0; 450_000];
    let mut dice = crate::dice::Dice::new(7);
    noise.iter_mut().for_each(|byte| *byte = dice.roll(256) as u8);
    let noise = base64::engine::general_purpose::STANDARD.encode(noise);
    let app = app(&object("ConfigMap", "big", "", &format!("data: {{noise: {noise}}}")));
    for command in ["plan", "converge"] {
        let printed = app.werf(&[command]);
        assert_eq!(printed.code, 1, "{}", printed.stderr);
        assert_says(
            &printed.stderr,
            &[
                "error: release `shop` is too large: its record needs 1.",
                " MiB and a Secret holds 1.0 MiB\n",
                "help: nothing was changed. The record keeps the rendered manifests (",
                "), packed; move large files out of the chart, for example into an image, or split the release",
            ],
        );
    }
    assert_eq!(app.program("kubectl", &["get", "namespace", &app.namespace, "--ignore-not-found", "-o", "name"]).stdout, b"");
}
