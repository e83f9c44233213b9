//! `werf helm lint` says what the real `helm lint` says, of good and broken charts.

use std::path::Path;
use std::process::Command;

use crate::fake_charts::packed_files;
use crate::fake_registry::{FakeRegistry, Login};
use crate::sandbox::Sandbox;
use crate::testbed::{Needs, testbed};

const METADATA: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";

/// Charts by their names, as files; a name ends in its flags.
const CHARTS: &[(&str, &[(&str, &str)])] = &[
    (
        "good",
        &[
            ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\nicon: https://example.org/i.png\n"),
            ("values.yaml", ""),
            ("templates/a.yaml", MAP),
        ],
    ),
    ("bare", &[("Chart.yaml", METADATA)]),
    ("no-metadata", &[("values.yaml", "a: 1\n")]),
    ("metadata-is-no-yaml", &[("Chart.yaml", "a: b: c\n"), ("templates/a.yaml", MAP)]),
    ("nameless", &[("Chart.yaml", "version: 1\n"), ("templates/a.yaml", MAP)]),
    ("path-for-a-name", &[("Chart.yaml", "name: a/b\n"), ("templates/a.yaml", MAP)]),
    (
        "version-1",
        &[(
            "Chart.yaml",
            "apiVersion: v1\nname: web\nversion: 1.5\nappVersion: 2\ntype: application\nsources: [x]\nicon: y\nmaintainers: [{email: x}]\n\
             dependencies: [{name: a}]\nzeta: 1\n",
        )],
    ),
    ("wrong-type", &[("Chart.yaml", "apiVersion: v3\nname: web\nversion: v1\ntype: foo\n")]),
    ("wrong-version", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: abc\nappVersion: true\n")]),
    ("wrong-email", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 01.2.3\nmaintainers: [{name: a, email: b}]\n")]),
    ("wrong-url", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\nmaintainers: [{name: a, email: b@c.de, url: ':::'}]\n")]),
    ("unknown-fields", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\nmaintainers: [{name: a, mail: b}]\n")]),
    ("twice", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\nname: a\n")]),
    ("same-aliases", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\ndependencies: [{name: a}, {name: a}]\n")]),
    ("values-are-no-yaml", &[("Chart.yaml", METADATA), ("values.yaml", "a: b: c\n"), ("templates/a.yaml", MAP)]),
    (
        "schema",
        &[
            ("Chart.yaml", METADATA),
            ("values.yaml", "size: 1\n"),
            ("values.schema.json", r#"{"properties": {"size": {"type": "string"}}, "required": ["more"]}"#),
            ("templates/a.yaml", MAP),
        ],
    ),
    ("files-for-directories", &[("Chart.yaml", METADATA), ("templates", ""), ("crds", "")]),
    (
        "dependencies",
        &[
            ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: absent, version: 1.0.0}]\n"),
            ("charts/present/Chart.yaml", "apiVersion: v2\nname: present\nversion: 1.0.0\n"),
            ("charts/present/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 1.0.0\n"),
            ("templates/a.yaml", MAP),
        ],
    ),
    (
        "names",
        &[
            ("Chart.yaml", METADATA),
            ("values.yaml", ""),
            (
                "templates/a.yaml",
                "kind: A\nmetadata: {name: Bad_Name}\n---\nkind: Service\nmetadata: {name: 1a}\n---\nkind: Namespace\nmetadata: {name: a.b}\n\
                 ---\nkind: Namespace\nmetadata: {name: A}\n---\nkind: Role\nmetadata: {name: 'a/b%'}\n---\nkind: Pod\nmetadata: {}\n\
                 ---\nkind: Role\nmetadata: {name: ..}\n---\nkind: A\nmetadata: {name: '{{ repeat 300 \"A\" }}'}\n---\n# nothing\n---\n\
                 kind: A\nmetadata: {name: 1}\n",
            ),
        ],
    ),
    (
        "deprecated",
        &[
            ("Chart.yaml", METADATA),
            (
                "templates/a.yaml",
                "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n---\napiVersion: policy/v1beta1\n\
                 kind: PodDisruptionBudget\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\n\
                 ---\napiVersion: v1\nkind: ComponentStatus\nmetadata: {name: a}\n---\napiVersion: networking.k8s.io/v1beta1\n\
                 kind: IngressClass\nmetadata: {name: a}\n",
            ),
        ],
    ),
    ("text", &[("Chart.yaml", METADATA), ("templates/a.yaml", "just text\n"), ("templates/b.yaml", "a: b: c\n")]),
    ("indent", &[("Chart.yaml", METADATA), ("templates/a.yaml", " a: 1\n\tb: 2\n")]),
    ("list-for-metadata", &[("Chart.yaml", METADATA), ("templates/a.yaml", "kind: A\nmetadata: [1]\n")]),
    (
        "kinds",
        &[
            ("Chart.yaml", METADATA),
            ("templates/d.yaml", "kind: Deployment\nmetadata: {name: a}\n"),
            ("templates/l.yaml", "kind: List\nmetadata: {name: l}\nitems: [{metadata: {annotations: {helm.sh/resource-policy: keep}}}]\n"),
            ("templates/x.conf", "text\n"),
            ("templates/old.tpl", "{{/* .Release.Time */}}\n\"helm.sh/hook\": crd-install\n"),
            ("templates/y.yml", "kind: A\nmetadata: {}\n"),
            ("templates/r.yaml", "x: {{ required \"a\" .Values.none | quote }}{{ fail \"b\" }}\nmetadata: {name: r}\n"),
        ],
    ),
    (
        "no-release",
        &[
            ("Chart.yaml", METADATA),
            (
                "templates/a.yaml",
                "kind: A\nmetadata: {name: '{{ .Release.IsInstall }}_{{ .Release.IsUpgrade }}_{{ .Release.Namespace }}'}\n",
            ),
        ],
    ),
    (
        "empty-maintainers",
        &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\nmaintainers: [{name: a, email: b@c.de}, null, {email: c}]\n")],
    ),
    ("empty-maintainer-after", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\nmaintainers: [{email: c}, null]\n")]),
    ("library", &[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ntype: library\n"), ("templates/a.yaml", "a: b: c\n")]),
    (
        "definitions",
        &[
            ("Chart.yaml", METADATA),
            ("crds/a.yaml", "apiVersion: v1\nkind: A\n---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"),
            ("crds/b.yaml", "a: b: c\n"),
        ],
    ),
];

const FLAGS: [&[&str]; 4] =
    [&[], &["--strict", "--with-subcharts"], &["--quiet", "--skip-schema-validation"], &["--kube-version", "1.30", "--set", "size=text"]];

/// Charts that are looked at as archives too.
const ARCHIVED: &[&str] = &["good", "names", "deprecated", "library", "values-are-no-yaml", "definitions"];

const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: a, context: {cluster: a, namespace: from-config, user: a}}]
users: [{name: a, user: {}}]
current-context: a
";

/// What a linter prints on standard output, and the code that it ends with.
fn linted(mut program: Command, dir: &Path, chart: &str, flags: &[&str]) -> (String, Option<i32>) {
    let output = program.args(["lint", chart]).args(flags).current_dir(dir).env("KUBECONFIG", "kubeconfig").output().expect("it runs");
    (String::from_utf8(output.stdout).expect("text"), output.status.code())
}

fn differences(helm: &str, compat: &str) -> Vec<String> {
    let (sandbox, program) = (Sandbox::empty(), testbed(Needs::Images).bin.join(helm));
    let mut found = Vec::new();
    for (name, files) in CHARTS {
        let files: Vec<_> = files.iter().map(|(path, text)| (format!("{name}/{path}"), *text)).collect();
        sandbox.write(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
    }
    sandbox.write(&[("kubeconfig", KUBECONFIG)]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(FakeRegistry::start(Login::Open));
    server.file("/values.yaml", "size: from afar\n");
    let afar = format!("http://{}/values.yaml", server.address);
    for (name, files) in CHARTS.iter().filter(|(name, _)| ARCHIVED.contains(name)) {
        let files: Vec<_> = files.iter().map(|(path, text)| (format!("web/{path}"), *text)).collect();
        let archive = packed_files(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
        std::fs::write(sandbox.app().join(format!("{name}.tgz")), archive).expect("a file");
    }
    let directories = CHARTS.iter().map(|(name, _)| format!("./{name}/"));
    let archives = ARCHIVED.iter().map(|name| format!("{name}.tgz"));
    let charts = directories.chain(archives).chain(["nowhere".into(), "nowhere.tgz".into()]);
    let given: Vec<(String, Vec<&str>)> = charts
        .flat_map(|chart| FLAGS.map(|flags| (chart.clone(), flags.to_vec())))
        .chain([("./schema/".into(), vec!["-f", &afar]), ("./no-release/".into(), vec!["-n", "other"])])
        .collect();
    for (chart, flags) in given {
        let mut werf = sandbox.command(&["helm"]);
        werf.env("WERF_HELM_COMPAT", compat);
        let ours = linted(werf, &sandbox.app(), &chart, &flags);
        let theirs = linted(Command::new(&program), &sandbox.app(), &chart, &flags);
        if ours != theirs {
            found.push(format!("{chart} {flags:?}\nours {:?}\n{}helm {:?}\n{}", ours.1, ours.0, theirs.1, theirs.0));
        }
    }
    found
}

#[test]
fn charts_are_linted_as_with_helm_3() {
    let found = differences("helm3", "3");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn charts_are_linted_as_with_helm_4() {
    let found = differences("helm", "4");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
