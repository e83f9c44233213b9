//! `--validate`: what the real API server refuses for its form is refused here too, with all places at once, from cluster, cache or disk.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::sandbox::{Printed, Sandbox};
use crate::testbed::{App, Needs, WEB, assert_says, testbed};

/// Manifests without their names, and the field that is wrong with them; empty where nothing is.
const MANIFESTS: &[(&str, &str)] = &[
    ("apiVersion: v1\nkind: ConfigMap\ndata: {a: b, c: null}\nimmutable: null\n", ""),
    ("apiVersion: v1\nkind: ConfigMap\ndata: {a: 1}\n", "data.a"),
    ("apiVersion: v1\nkind: ConfigMap\ndatas: {}\n", "datas"),
    ("apiVersion: v1\nkind: ConfigMap\nimmutable: 'true'\n", "immutable"),
    ("apiVersion: v1\nkind: ConfigMap\nbinaryData: {a: '%%'}\n", "binaryData.a"),
    ("apiVersion: v1\nkind: ConfigMap\nbinaryData:\n  a: |\n    aGVs\n    bG8=\n", ""),
    ("apiVersion: v1\nkind: Secret\ntype: Opaque\nstringData: {pin: 1234}\n", "stringData.pin"),
    (
        "apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80, targetPort: http}, {name: b, port: 81, targetPort: 8080}]}\n",
        "spec.ports[0].name",
    ),
    ("apiVersion: v1\nkind: Service\nspec: {ports: [{name: a, port: 80, targetPort: http}, {name: b, port: 81, targetPort: 8080}]}\n", ""),
    ("apiVersion: v1\nkind: Service\nspec: {ports: [{port: '80'}]}\n", "spec.ports[0].port"),
    ("apiVersion: v1\nkind: Service\nspec: {ports: [{targetPort: 80}]}\n", "spec.ports[0].port"),
    ("apiVersion: v1\nkind: Service\nspec: {type: LoadBalanced, ports: [{port: 80}]}\n", "spec.type"),
    ("apiVersion: v1\nkind: Service\nspec: {type: '', ports: [{port: 80, protocol: ''}]}\n", ""),
    ("apiVersion: v1\nkind: PersistentVolumeClaim\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n", ""),
    (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nspec: {accessModes: ReadWriteOnce, resources: {requests: {storage: 1Gi}}}\n",
        "spec.accessModes",
    ),
    (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: true}}}\n",
        "spec.resources.requests.storage",
    ),
    ("apiVersion: v1\nkind: ServiceAccount\nmetadata: {annotations: {a: true}}\n", "metadata.annotations.a"),
    ("apiVersion: v1\nkind: ServiceAccount\nmetadata: {creationTimestamp: null, label: {}}\n", "metadata.label"),
    (
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 1\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - {name: a, image: b, imagePullPolcy: Always}\n",
        "spec.template.spec.containers[0].imagePullPolcy",
    ),
    (
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 3.0\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - {name: a, image: b, resources: {limits: {cpu: 1, memory: 1Gi}}, livenessProbe: {httpGet: {port: 80}}}\n",
        "",
    ),
    (
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 1.5\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: a, image: b}]}\n",
        "spec.replicas",
    ),
    (
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: a, image: b}]}\n",
        "spec.selector",
    ),
    (
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 3000000000\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: a, image: b}]}\n",
        "spec.replicas",
    ),
    ("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: b}]}\n", "spec.containers[0].name"),
    (
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: b, env: [{name: A, value: 1}]}]}\n",
        "spec.containers[0].env[0].value",
    ),
    ("apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: b, command: sleep}]}\n", "spec.containers[0].command"),
    (
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: b, ports: [{containerPort: http}]}]}\n",
        "spec.containers[0].ports[0].containerPort",
    ),
    ("apiVersion: v1\nkind: Pod\nspec: {restartPolicy: Maybe, containers: [{name: a, image: b}]}\n", "spec.restartPolicy"),
    (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {serviceName: a, servicePort: 80}}]}}]}\n",
        "spec.rules[0].http.paths[0].backend.serviceName",
    ),
    (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec: {rules: [{http: {paths: [{path: /, backend: {service: {name: a, port: {number: 80}}}}]}}]}\n",
        "spec.rules[0].http.paths[0].pathType",
    ),
    ("apiVersion: extensions/v1beta1\nkind: Ingress\nspec: {}\n", "apiVersion"),
    ("apiVersion: policy/v1\nkind: PodDisruptionBudget\nspec: {minAvailable: 50%, selector: {matchLabels: {a: b}}}\n", ""),
    ("apiVersion: policy/v1\nkind: PodDisruptionBudget\nspec: {minAvailable: 0.5, selector: {matchLabels: {a: b}}}\n", "spec.minAvailable"),
    (
        "apiVersion: batch/v1\nkind: CronJob\nspec:\n  schedule: '* * * * *'\n  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}\n",
        "",
    ),
    (
        "apiVersion: batch/v1\nkind: CronJob\nspec:\n  shedule: '* * * * *'\n  schedule: '* * * * *'\n  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}\n",
        "spec.shedule",
    ),
    (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}\n",
        "",
    ),
    (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec: {maxReplicas: 3, scaleTargetRef: {name: a}}\n",
        "spec.scaleTargetRef.kind",
    ),
    ("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n", ""),
    ("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules: [{apiGroups: [''], resources: [pods], verb: [get]}]\n", "rules[0].verb"),
    (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {group: a.org, scope: Namespaced, names: {kind: B, plural: bs}, version: [v1]}\n",
        "spec.version",
    ),
];

/// Manifests that have a name of their own.
fn named(at: usize, text: &str) -> String {
    let name = format!("m{at}");
    match text.split_once("metadata: {") {
        Some((before, after)) if before.matches('\n').count() == 2 => format!("{before}metadata: {{name: {name}, {after}"),
        _ => text.replacen("\nkind:", &format!("\nmetadata: {{name: {name}}}\nkind:"), 1),
    }
}

fn chart() -> Sandbox {
    let sandbox = Sandbox::empty();
    let manifests = MANIFESTS.iter().enumerate().map(|(at, (text, _))| (format!("web/templates/m{at}.yaml"), named(at, text)));
    let mut files: Vec<(String, String)> = manifests.collect();
    files.push(("web/Chart.yaml".into(), "apiVersion: v2\nname: web\nversion: 1.0.0\n".into()));
    sandbox.write(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    sandbox
}

fn kubeconfig() -> String {
    testbed(Needs::Cluster).run.join("admin.kubeconfig").to_string_lossy().into_owned()
}

fn kubectl(args: &[&str], input: &str) -> (bool, String) {
    let program = testbed(Needs::Cluster).bin.join("kubectl");
    let child = Command::new(program)
        .args(args)
        .env("KUBECONFIG", kubeconfig())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("kubectl runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The fields that are told to be wrong, by template.
fn told(printed: &Printed) -> Vec<(String, String)> {
    let pattern = regex::Regex::new(r"(?m)^error: \S+/m(\d+): (?:`([^`]*)`|\S+ \S+ is not served)").expect("a pattern");
    let found = pattern.captures_iter(&printed.stderr);
    let field = |found: &regex::Captures<'_>| found.get(2).map_or("apiVersion", |field| field.as_str()).to_owned();
    found.map(|found| (found[1].to_owned(), field(&found))).collect()
}

#[test]
fn what_the_server_refuses_is_refused_with_its_place() {
    let sandbox = chart();
    let printed = sandbox.werf_with(&["helm", "template", "web", "--validate"], &[("KUBECONFIG", &kubeconfig())]);
    assert_eq!((printed.code, printed.stdout.as_str()), (1, ""), "{}", printed.stderr);
    let told = told(&printed);
    let mut differences = Vec::new();
    for (at, (text, field)) in MANIFESTS.iter().enumerate() {
        let ours: Vec<&str> = told.iter().filter(|(number, _)| *number == at.to_string()).map(|(_, field)| field.as_str()).collect();
        let is_found = if field.is_empty() { ours.is_empty() } else { ours.contains(field) };
        let (is_taken, theirs) = kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", "-"], &named(at, text));
        // what only the server's own rules refuse is none of a schema's business
        let is_beyond_schemas = *field == "spec.ports[0].name";
        if is_beyond_schemas != (ours.is_empty() && !is_taken) || (!is_beyond_schemas && (!is_found || is_taken != field.is_empty())) {
            differences.push(format!("{text}wanted `{field}`, told {ours:?}, the server says {theirs}"));
        }
    }
    assert!(differences.is_empty(), "{}\n{}", differences.join("\n"), printed.stderr);
    assert_says(
        &printed.stderr,
        &[
            "things in the chart's manifests are not what Kubernetes takes",
            "error: Ingress/m30: extensions/v1beta1 Ingress is not served\n",
            "help: networking.k8s.io/v1 is\n",
            "[web/templates/m18.yaml:11:29]\n11 │       - {name: a, image: b, imagePullPolcy: Always}\n",
            "help: did you mean `imagePullPolicy`?\n",
        ],
    );
    assert!(!printed.stderr.contains("1234"), "what a Secret holds is shown");
}

/// What server-side apply refuses, which is how releases are deployed, where others would take the last of two.
#[test]
fn items_that_are_there_twice() {
    let pod = |rest: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{{rest}}}\n");
    let container = |rest: &str| pod(&format!("containers: [{{name: a, image: b, {rest}}}]"));
    let cases = [
        (container("env: [{name: A, value: a}, {name: B}, {name: A, value: b}]"), "spec.containers[0].env[2]"),
        (container("env: [{name: A}, null]"), "spec.containers[0].env[1]"),
        (container("ports: [{containerPort: 80}, {containerPort: 80, protocol: TCP}]"), "spec.containers[0].ports[1]"),
        (container("ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}], args: [a, a]"), ""),
        (pod("hostAliases: [{ip: 1.1.1.1}, {ip: 1.1.1.1}], containers: [{name: a, image: b}]"), "spec.hostAliases[1]"),
        (pod("tolerations: [{key: a}, {key: a}], containers: [{name: a, image: b}]"), ""),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, finalizers: [a/b, a/b]}\n".to_owned(), "metadata.finalizers[1]"),
    ];
    for (text, field) in cases {
        let (is_taken, theirs) = kubectl(&["apply", "--server-side", "--dry-run=server", "-f", "-"], &text);
        assert_eq!(is_taken, field.is_empty(), "{text}{theirs}");
        let sandbox = Sandbox::empty();
        sandbox.write(&[("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), ("web/templates/a.yaml", &text)]);
        let printed = sandbox.werf_with(&["helm", "template", "web", "--validate"], &[("KUBECONFIG", &kubeconfig())]);
        assert_eq!(printed.code, i32::from(!is_taken), "{text}{}", printed.stderr);
        assert!(field.is_empty() || printed.stderr.contains(&format!("/web: `{field}` ")), "{text}{}", printed.stderr);
    }
}

#[test]
fn schemas_are_fetched_once_and_work_from_the_disk() {
    let sandbox = chart();
    let kubeconfig = kubeconfig();
    let run = || sandbox.werf_with(&["helm", "template", "web", "--validate", "--log-debug"], &[("KUBECONFIG", kubeconfig.as_str())]);
    let requests =
        |printed: &Printed, part: &str| printed.stderr.lines().filter(|line| line.contains(": GET ") && line.contains(part)).count();
    let first = run();
    assert_eq!(requests(&first, "/openapi/v3?"), 0, "{}", first.stderr);
    assert_eq!(requests(&first, "?hash="), 8, "{}", first.stderr);
    let second = run();
    assert_eq!((requests(&second, "/openapi/v3"), requests(&second, "?hash=")), (1, 0), "{}", second.stderr);
    assert_eq!(told(&first), told(&second));
    // a file that was cut short is fetched again
    let cache = sandbox.root().join("home/.cache/werf/openapi");
    let kept: Vec<PathBuf> = std::fs::read_dir(&cache).expect("a cache").flatten().map(|entry| entry.path()).collect();
    assert_eq!(kept.len(), 8, "{kept:?}");
    std::fs::write(&kept[0], "{}").expect("written");
    assert_eq!(requests(&run(), "?hash="), 1);

    let disk = sandbox.app().join("schemas");
    std::fs::create_dir(&disk).expect("a directory");
    for group in ["api/v1", "apis/apps/v1", "apis/networking.k8s.io/v1", "apis/policy/v1", "apis/batch/v1", "apis/autoscaling/v2"] {
        let (_, document) = kubectl(&["get", "--raw", &format!("/openapi/v3/{group}")], "");
        std::fs::write(disk.join(format!("{}.json", group.replace('/', "-"))), document).expect("written");
    }
    for group in ["rbac.authorization.k8s.io", "apiextensions.k8s.io"] {
        let (_, document) = kubectl(&["get", "--raw", &format!("/openapi/v3/apis/{group}/v1")], "");
        std::fs::write(disk.join(format!("{group}.json")), document).expect("written");
    }
    let offline = sandbox.werf_with(&["helm", "template", "web", "--validate-schemas", "schemas"], &[("KUBECONFIG", "/dev/null")]);
    assert_eq!((offline.code, told(&offline)), (1, told(&first)), "{}", offline.stderr);
}

#[test]
fn what_fits_is_printed_as_by_helm() {
    let sandbox = Sandbox::empty();
    let map = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  version: {{ .Capabilities.KubeVersion }}
  asked: {{ .Capabilities.APIVersions.Has \"foo/v1\" | quote }}
  known: {{ .Capabilities.APIVersions.Has \"apps/v1/Deployment\" | quote }}
  found: {{ lookup \"v1\" \"Namespace\" \"\" \"default\" | len | quote }}
";
    let hook =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: b, annotations: {helm.sh/hook: test}}\nspec: {containers: [{name: a, image: b}]}\n";
    sandbox.write(&[
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("web/templates/a.yaml", map),
        ("web/templates/b.yaml", hook),
    ]);
    for (helm, compat) in [("helm3", "3"), ("helm", "4")] {
        for flags in
            [&["--validate"][..], &["--validate", "--kube-version", "1.20", "-a", "foo/v1"], &["--dry-run=server"], &["--dry-run=client"]]
        {
            // without a version the helms assume different ones
            let assumed: &[&str] = if flags.contains(&"1.20") { &[] } else { &["--kube-version", "1.33.2"] };
            let flags = [&["template", "web"], flags, assumed].concat();
            let theirs = Command::new(testbed(Needs::Cluster).bin.join(helm))
                .args(&flags)
                .current_dir(sandbox.app())
                .env("KUBECONFIG", kubeconfig())
                .output()
                .expect("helm runs");
            let ours = sandbox.werf_with(&[&["helm"], &flags[..]].concat(), &[("KUBECONFIG", &kubeconfig()), ("WERF_HELM_COMPAT", compat)]);
            assert_eq!(
                (ours.code, ours.stdout.as_str()),
                (0, String::from_utf8_lossy(&theirs.stdout).as_ref()),
                "{helm} {flags:?} {}",
                ours.stderr
            );
        }
    }
}

#[test]
fn a_project_is_held_against_schemas_before_anything_is_made() {
    let definition = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lamps.live.example.org}
spec:
  group: live.example.org
  scope: Namespaced
  names: {kind: Lamp, plural: lamps, singular: lamp, listKind: LampList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, required: [color], properties: {color: {type: string}}}}}}
";
    let lamp = "apiVersion: live.example.org/v1\nkind: Lamp\nmetadata: {name: a}\nspec: {colour: {{ .Values.color }}}\n";
    let hook = "apiVersion: v1\nkind: Pod\nmetadata: {name: b, annotations: {helm.sh/hook: pre-install}}\nspec: {containrs: []}\n";
    let app = App::new(
        Needs::Cluster,
        &[
            ("werf.yaml", "project: shop\nconfigVersion: 1\n"),
            (".helm/crds/lamp.yaml", definition),
            (".helm/templates/lamp.yaml", lamp),
            (".helm/templates/hook.yaml", hook),
            WEB,
        ],
    );
    for command in [&["render", "--validate"][..], &["plan", "--validate"], &["converge", "--validate"]] {
        let printed = app.werf(&[command, &["--set", "color=1"]].concat());
        assert_eq!((printed.code, printed.stdout.as_str()), (1, ""), "{command:?} {}", printed.stderr);
        assert_says(
            &printed.stderr,
            &[
                "error: 4 things in the chart's manifests are not what Kubernetes takes\n",
                "error: Lamp/a: `spec.color` is missing\n",
                "error: Lamp/a: `spec.colour` is no field here\n",
                "help: did you mean `color`?\n",
                "error: Pod/b: `spec.containers` is missing\n",
                "error: Pod/b: `spec.containrs` is no field here\n",
            ],
        );
    }
    app.commit(&[(".helm/templates/lamp.yaml", &lamp.replace("colour", "color")), (".helm/templates/hook.yaml", "")]);
    let rendered = app.werf(&["render", "--validate", "--set-string", "color=1"]);
    assert_eq!(rendered.code, 1, "a template makes no string of it: {}", rendered.stderr);
    assert_says(&rendered.stderr, &["error: one thing in", "`spec.color` must be a string, it is the number 1", "{{ value | quote }}"]);
    let planned = app.werf(&["plan", "--validate", "--set", "color=red", "--log-debug"]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert_says(&planned.stdout, &["Lamp/a", "Deployment/web"]);
}

#[test]
fn what_the_cluster_rejects_is_shown_in_its_template_with_the_nearest_name() {
    let template = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicaz: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: Bad_Name}
spec: {ports: [{port: 80}]}
";
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n"), (".helm/templates/app.yaml", template)]);
    // the first time the namespace is not there, and the cluster says nothing of the plan
    for command in ["converge", "plan", "converge"] {
        let printed = app.werf(&[command]);
        assert_eq!(printed.code, 1, "{command} {}", printed.stderr);
        assert_says(
            &printed.stderr,
            &[
                "error: 2 objects cannot be deployed; nothing was changed\n",
                "error: Deployment/web: `spec.replicaz` is no field here\n  ╭─[.helm/templates/app.yaml:5:3]\n5 │   replicaz: 3\n",
                "help: did you mean `replicas`?\n",
                // no schema knows what names are
                "error: the cluster rejects Service/Bad_Name (shop/templates/app.yaml): ",
            ],
        );
    }
}
