//! `werf render` prints what the real `helm template` prints, byte for byte, for charts that ask nothing of werf.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::testbed::{App, Needs};

/// A commit whose `.helm` is a copy of this chart.
fn app(chart: &Path) -> App {
    let app = App::new(
        Needs::Cluster,
        &[
            ("werf.yaml", "project: shop\nconfigVersion: 1\n"),
            ("probe.yaml", "project: shop\nconfigVersion: 1\ndeploy: {helmChartDir: .probe}\n"),
            (".probe/templates/values.yaml", "{{ dict \"werf\" .Values.werf \"global\" .Values.global | toYaml }}\n"),
        ],
    );
    let copied = Command::new("cp").arg("-r").arg(chart).arg(app.sandbox.app().join(".helm")).status().expect("cp runs");
    assert!(copied.success());
    app.commit(&[]);
    app
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/charts").join(name)
}

/// The service values of the commit, as a file that helm can read: from a chart that prints nothing else.
fn service_values(app: &App, flags: &[&str]) -> String {
    let probe = app.werf(&[flags, &["--config", "probe.yaml"]].concat());
    assert_eq!(probe.code, 0, "{}", probe.stderr);
    let file = app.sandbox.root().join("service-values.yaml");
    std::fs::write(&file, probe.stdout).expect("write");
    file.to_string_lossy().into_owned()
}

/// Compares Helm 3's text with ours, byte for byte, and Helm 4's, document for document.
///
/// Helm gets the service values of werf; flags have the same names but for `api-versions`.
fn same(chart: &Path, flags: &[&str]) {
    let (what, ours, [three, four]) = rendered(chart, flags);
    assert_same(&what, &ours, &three);
    // Helm 4 spaces documents otherwise, leaves empty ones out, and objects of one kind have no steady order
    let documents = |text: &str| {
        let documents = text.split("\n---\n").map(|text| text.trim_start_matches("---\n").trim_end());
        let mut documents: Vec<&str> = documents.filter(|text| text.lines().count() > 1).collect();
        documents.sort_unstable();
        documents.join("\n---\n")
    };
    assert_same(&what, &documents(&ours), &documents(&four));
}

/// What was rendered, our text, and those of Helm 3 and 4.
fn rendered(chart: &Path, flags: &[&str]) -> (String, String, [String; 2]) {
    let app = app(chart);
    let release = ["render", "--release", "rel", "--namespace", "somewhere"];
    let service = service_values(&app, &release);
    // the helms know different versions of Kubernetes by default
    let flags: &[&str] = if flags.contains(&"--kube-version") { flags } else { &[&["--kube-version", "1.33.2"], flags].concat() };
    let ours: Vec<&str> = flags.iter().map(|flag| if *flag == "--api-versions" { "--extra-apiversions" } else { flag }).collect();
    let ours = app.werf(&[&release, &ours[..]].concat());
    assert_eq!(ours.code, 0, "{}", ours.stderr);
    let path = app.sandbox.app().join(".helm");
    let path = path.to_str().expect("a path");
    let helm = |name: &str| {
        let output = app.program(name, &[&["template", "rel", path, "--namespace", "somewhere", "-f", &service], flags].concat());
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    (format!("{} {flags:?}", chart.display()), ours.stdout, [helm("helm3"), helm("helm")])
}

fn assert_same(what: &str, ours: &str, theirs: &str) {
    if let Some((line, (ours, theirs))) = ours.lines().zip(theirs.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("{what}: line {} is\n{ours}\nand helm says\n{theirs}", line + 1);
    }
    assert_eq!(ours, theirs, "{what}");
}

fn with_variants(name: &str, same: fn(&Path, &[&str]), flags: [&[&str]; 3]) {
    for (variant, flags) in flags.iter().enumerate() {
        let values = fixture(&format!("variants/{name}-{variant}.yaml"));
        let values: &[&str] = if variant == 0 { &[] } else { &["-f", values.to_str().expect("a path")] };
        same(&fixture(name), &[values, *flags].concat());
    }
}

/// Everything by which bytes that are no text go through a chart: names of files, contents, `--set-file`, keys, `tpl`, `include`.
#[test]
fn a_chart_of_bytes() {
    const TEMPLATE: &[u8] = br#"kind: A
files: {{ range $k, $v := .Files.Glob "files/*" }}{{ $k | b64enc }}={{ $v | toString | b64enc }},{{ end }}
secrets: {{ (.Files.Glob "files/*").AsSecrets | b64enc }}
config: {{ (.Files.Glob "files/b*").AsConfig | b64enc }}
lines: {{ .Files.Lines "files/b.txt" | join "|" | b64enc }} {{ .Files.Get "files/caf\xe9.txt" | b64enc }}
{{- $d := dict "\xff" 1 "\u00e9" 2 "\x80" 3 "a" 4 }}
keys: {{ range $k, $v := $d }}{{ $k | b64enc }}{{ $v }},{{ end }} {{ hasKey $d "\xff" }} {{ toYaml $d | b64enc }} {{ toToml $d | b64enc }}
pretty: {{ toYamlPretty (dict "a" .Values.f "\xff" 1) | b64enc }} {{ toJson $d | b64enc }} {{ printf "%v" $d | b64enc }}
include: {{ include "x" . | b64enc }} {{ tpl "{{ .Values.f }}\xe9" . | b64enc }} {{ range .Values.l }}{{ . | b64enc }}{{ end }}
letter: {{ .Values.letter | b64enc }} {{ .Values | toJson | b64enc }}
"#;
    let bin = &crate::testbed::testbed(Needs::Images).bin;
    let sandbox = crate::sandbox::Sandbox::empty();
    sandbox.write(&[("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("c/values.yaml", "letter: \"\u{10ff80}\"\n")]);
    let write = |path: &[u8], bytes: &[u8]| {
        let path = sandbox.app().join(std::ffi::OsStr::from_bytes(path));
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(path, bytes).expect("written");
    };
    write(b"c/templates/t.yaml", TEMPLATE);
    write(b"c/templates/_h.tpl", b"{{ define \"n\\xe9\" }}<{{ . }}\xe9>{{ end }}{{ define \"x\" }}{{ include \"n\\xe9\" \"a\" }}{{ end }}");
    write(b"c/files/caf\xe9.txt", b"na\xefve\n\xff");
    write(b"c/files/b.txt", b"k\xfcche=1\nb=2\n");
    write(b"store.jks", b"\xfe\xed\xfe\xed\x00\x02 caf\xe9 \xe2\x82a");
    let flags = ["template", "rel", "c", "--set-file", "f=store.jks", "--set-file", "l[0]=store.jks"];
    for (program, compat) in [("helm3", "3"), ("helm", "4")] {
        let theirs = Command::new(bin.join(program)).args(flags).current_dir(sandbox.app()).env("KUBECONFIG", "/dev/null").output();
        let theirs = theirs.expect("it runs");
        assert!(theirs.status.success(), "{program}: {}", String::from_utf8_lossy(&theirs.stderr));
        let ours = sandbox.werf(&[&["helm"], &flags[..], &["--helm-compat", compat]].concat());
        assert_same(program, &ours.stdout, &String::from_utf8(theirs.stdout).expect("text"));
    }
}

#[test]
fn the_chart_that_helm_creates() {
    let app = App::new(Needs::Cluster, &[]);
    for helm in ["helm3", "helm"] {
        let chart = app.sandbox.root().join(helm);
        let created = app.program(helm, &["create", chart.to_str().expect("a path")]);
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        same(&chart, &[]);
        same(&chart, &["--set", "ingress.enabled=true,autoscaling.enabled=true", "--set-string", "podAnnotations.a=1"]);
        same(&chart, &["--set-json", r#"httpRoute={"enabled":true}"#, "--show-only", "templates/deployment.yaml"]);
    }
}

#[test]
fn a_chart_with_a_library() {
    with_variants(
        "shop-api",
        same,
        [
            &["--include-crds"],
            &["--kube-version", "1.30.1", "--api-versions", "monitoring.coreos.com/v1"],
            &["--set", "replicaCount=5,database.port=6432", "--set-string", "service.ports.http=8080"],
        ],
    );
}

#[test]
fn an_umbrella_with_conditions() {
    let set = ["--set", "global.list={a,1,true}", "--set-json", r#"web={"enabled":true,"port":8}"#, "--set-literal", "mailer.queue=a,b=c"];
    // Helm 4 lets a null of the parent's values leave the subchart's default alone: no oracle for Helm 3's rule that it is taken away
    let same_as_helm_3 = |chart: &Path, flags: &[&str]| {
        let (what, ours, [three, _]) = rendered(chart, flags);
        assert_same(&what, &ours, &three);
    };
    with_variants("umbrella", same_as_helm_3, [&[], &["--include-crds"], &set]);
}

#[test]
fn an_operator_with_definitions_and_hooks() {
    with_variants("operator", same, [&["--include-crds"], &[], &["--include-crds"]]);
}

#[test]
fn an_ingress_controller() {
    with_variants("ingress-controller", same, [&[], &["--include-crds"], &[]]);
}

#[test]
fn a_database_with_claims_and_many_tpl() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/charts/database");
    same(&chart, &[]);
    same(&chart, &["--set", "replicas=1,backup.enabled=false", "--set-string", "image.tag=18"]);
    let sidecar =
        r#"sidecars=[{"name":"exporter","image":"{{ .Values.image.repository }}-exporter","args":["--port={{ add 9000 187 }}"]}]"#;
    same(&chart, &["--set-json", sidecar, "--set", "labels.owner=\\{\\{ .Release.Namespace \\}\\}", "--api-versions", "example.org/v1"]);
}

/// Random values that are determined are the same when they are planned again; others are a change each time.
#[test]
fn a_determined_release_is_planned_without_changes() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: drawn}\nstringData: {key: {{ randAlphaNum 16 | quote }}}\n";
    let files = [("werf.yaml", "project: drawn\nconfigVersion: 1\n"), (".helm/templates/secret.yaml", secret)];
    let app = App::new(Needs::Cluster, &files);
    let applied = app.werf(&["converge", "--deterministic"]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    let planned = app.werf(&["plan", "--deterministic", "--exit-code"]);
    assert_eq!(planned.code, 0, "{}{}", planned.stdout, planned.stderr);
    let drawn_anew = app.werf(&["plan", "--exit-code"]);
    assert_eq!(drawn_anew.code, 2, "{}{}", drawn_anew.stdout, drawn_anew.stderr);
}
