//! `werf lint`: what is wrong or doubtful in the chart of the commit.

use super::super::sandbox::Sandbox;
use super::told;

fn project(files: &[(&str, &str)]) -> Sandbox {
    let config = ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\nfrom: scratch\n");
    Sandbox::commit(&[&[config], files].concat())
}

fn linted(files: &[(&str, &str)], flags: &[&str]) -> String {
    told(&project(files), &[&["lint"], flags].concat())
}

#[test]
fn a_chart_without_a_doubt() {
    let values = "image:\n  tag: v1\nresources:\n  limits: {memory: 1Gi}\nhost: a.b\nname: \"{{ .Values.host }}\"\n";
    let template = "\
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
  annotations: {name: {{ tpl .Values.name . }}, image: {{ werf_image \"web\" }}}
spec:
  image: {{ (index .Values \"image\").tag }}
  {{- with .Values.resources }}
  resources: {{ toYaml . | nindent 4 }}
  {{- end }}
";
    insta::assert_snapshot!(linted(&[(".helm/values.yaml", values), (".helm/templates/pod.yaml", template)], &[]), @r##"
    exit 0
    0 errors, 0 warnings
    "##);
}

#[test]
fn a_large_number_that_prints_with_an_exponent() {
    let template = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  size: {{ .Values.limits.size | quote }}
  whole: {{ .Values.limits.size | int64 }}
  text: 1e+06
  {{- include \"app.more\" . | nindent 2 }}
";
    let helpers = "{{ define \"app.more\" }}a: b\nmore: {{ .Values.more }}{{ end }}\n";
    insta::assert_snapshot!(linted(&[
        (".helm/values.yaml", "limits:\n  size: 1000000\nmore: 2\n"),
        (".helm/templates/map.yaml", template),
        (".helm/templates/_helpers.tpl", helpers),
    ], &["--set-json", "more=25000000"]), @r##"
    exit 0
    [WARNING] .helm/templates/map.yaml:5: prints the number `1e+06`, which comes from `.Values.limits.size` (.helm/values.yaml:2): numbers of values are floats, `| int64` prints them whole
    [WARNING] .helm/templates/_helpers.tpl:2: prints the number `2.5e+07`, which comes from `.Values.more` (--set-json more): numbers of values are floats, `| int64` prints them whole
    0 errors, 2 warnings
    "##);
}

#[test]
fn functions_that_answer_differently() {
    let template = "kind: Secret\nmetadata: {name: a}\ndata:\n  key: {{ randAlphaNum 8 | b64enc }}\n  {{- if false }}\n  at: {{ now | date \"2006\" }}\n  {{- end }}\n";
    insta::assert_snapshot!(linted(&[(".helm/templates/secret.yaml", template)], &[]), @r##"
    exit 0
    [WARNING] .helm/templates/secret.yaml:4:11: `randAlphaNum` gives something else in each run, so each deployment is a change
    [WARNING] .helm/templates/secret.yaml:6:10: `now` gives something else in each run, so each deployment is a change
    0 errors, 2 warnings
    "##);
}

#[test]
fn what_nobody_reads() {
    let template = "kind: A\nmetadata: {name: a}\n{{- if .Values.ingress }}\nhost: {{ .Values.ingress.host }}\n{{- end }}\nall: {{ toYaml .Values.env | nindent 2 }}\n";
    let helpers = "{{- define \"app.used\" }}{{ end }}\n{{- define \"app.unused\" }}{{ template \"app.used\" }}{{ end }}\n";
    insta::assert_snapshot!(linted(&[
        (".helm/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: cache, condition: caching, version: 1.0.0}]\n"),
        (".helm/charts/cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.0.0\n"),
        (".helm/charts/cache/values.yaml", "unread: {}\n"),
        (".helm/charts/cache/templates/a.yaml", "kind: A\nmetadata: {name: b}\nsize: {{ .Values.size }}\nglobal: {{ .Values.global.zone }}\n"),
        (".helm/values.yaml", "ingress:\n  host: a\n  paths:\n    - /\nenv:\n  ANY: thing\nreplica: 1\ncache:\n  size: 1\n  sizes: 2\nglobal: {zone: a}\ncaching: true\nbase: &base {x: 1}\n"),
        (".helm/templates/a.yaml", template),
        (".helm/templates/_helpers.tpl", helpers),
        ("prod.yaml", "env: {MORE: 1}\nnodes: {a: 1}\n"),
    ], &["--values", "prod.yaml", "--set", "flag=1"]), @r##"
    exit 0
    [WARNING] .helm/templates/_helpers.tpl:2: nothing includes the template `app.unused`
    [WARNING] .helm/values.yaml:3: no template reads `ingress.paths`
    [WARNING] .helm/values.yaml:7: no template reads `replica`
    [WARNING] .helm/values.yaml:10: no template reads `cache.sizes`
    [WARNING] prod.yaml:2: no template reads `nodes`
    [WARNING] --set flag: no template reads `flag`
    0 errors, 6 warnings
    "##);
}

#[test]
fn what_may_be_read_is_read() {
    let values = "a: {b: 1}\nc: 2\n";
    for template in ["{{ toYaml .Values }}", "{{ range $key, $value := .Values }}{{ $key }}{{ end }}", "{{ index .Values .Release.Name }}"]
    {
        let template = format!("kind: A\nmetadata: {{name: a}}\ntext: {{{{ quote (tpl `{template}` .) }}}}\nmore: {{{{ quote `x` }}}}\n");
        let told = linted(&[(".helm/values.yaml", values), (".helm/templates/a.yaml", &template)], &[]);
        assert_eq!(told, "exit 0\n0 errors, 0 warnings\n", "{template}");
    }
}

#[test]
fn what_helm_finds_wrong_and_a_chart_that_fails() {
    insta::assert_snapshot!(linted(&[
        (".helm/Chart.yaml", "apiVersion: v3\nname: app\nversion: 1.0.0\n"),
        (".helm/templates/a.yaml", "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: A_b}\n"),
    ], &[]), @r##"
    exit 1
    [ERROR] .helm/Chart.yaml: apiVersion 'v3' is not valid. The value must be either "v1" or "v2"
    [WARNING] .helm/templates/a.yaml: object name does not conform to Kubernetes naming requirements: "A_b": metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
    [WARNING] .helm/templates/a.yaml: extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress
    error: 1 error, 2 warnings
    help: the lines above say where; warnings count only with `--strict`
    "##);
    insta::assert_snapshot!(linted(&[(".helm/templates/a.yaml", "kind: {{ required \"set a kind\" .Values.kind }}\n")], &[]), @r##"
    exit 1
    error: cannot render app/templates/a.yaml: set a kind
      ╭─[.helm/templates/a.yaml:1:10]
    1 │ kind: {{ required "set a kind" .Values.kind }}
      ·          ─────────────────┬──────────────── refused here
    help: `.Values.kind` is not set
    "##);
}

#[test]
fn warnings_fail_where_asked() {
    let files = [(".helm/values.yaml", "a: 1\n"), (".helm/templates/a.yaml", "kind: A\nmetadata: {name: a}\n")];
    insta::assert_snapshot!(linted(&files, &["--strict"]), @r##"
    exit 1
    [WARNING] .helm/values.yaml:1: no template reads `a`
    error: 0 errors, 1 warning
    help: the lines above say where; warnings count only with `--strict`
    "##);
}

#[test]
fn values_that_templates_of_jinja_read() {
    let chart = (
        "apiVersion: v2\nname: app\nversion: 1.0.0\nannotations: {werf.io/jinja: \"true\"}\n",
        "port: 80\nhosts: [a]\nlabels: {tier: back}\nunread: 1\n",
    );
    let template = "\
apiVersion: v1
kind: Service
metadata: {name: {{ Release.Name }}, labels: {{ Values.labels | toJson }}}
spec: {ports: [{port: {{ Values.port }}}]}
{% for host in Values.hosts %}# {{ host }}{% endfor %}
";
    let files = |text: &'static str| [(".helm/Chart.yaml", chart.0), (".helm/values.yaml", chart.1), (".helm/templates/web.yaml.j2", text)];
    insta::assert_snapshot!(linted(&files(template), &[]), @r"
    exit 0
    [WARNING] .helm/values.yaml:4: no template reads `unread`
    0 errors, 1 warning
    ");
    insta::assert_snapshot!(linted(&files("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {all: {{ Values | toJson | toJson }}}\n"), &[]), @r"
    exit 0
    0 errors, 0 warnings
    ");
}

#[test]
fn images_whose_digest_cannot_hold_what_they_fetch() {
    let config =
        "project: app\nconfigVersion: 1\n---\nimage: web\ndockerfile: Dockerfile\n---\nimage: api\ndockerfile: Dockerfile\ntarget: api\n";
    let dockerfile = "FROM scratch AS api\nADD --checksum=sha256:00 https://example.org/a /\nFROM api\nADD https://example.org/b /\n\
        ADD https://example.org/c.git#main /\n";
    let sandbox = Sandbox::commit(&[("werf.yaml", config), ("Dockerfile", dockerfile)]);
    insta::assert_snapshot!(told(&sandbox, &["lint"]), @r##"
    exit 0
    [WARNING] werf.yaml: image `web`: `ADD https://example.org/b` (Dockerfile, line 4) fetches what no checksum or commit fixes: the image keeps its name when that changes: write `ADD --checksum=sha256:…` with that of the content
    [WARNING] werf.yaml: image `web`: `ADD https://example.org/c.git#main` (Dockerfile, line 5) fetches what no checksum or commit fixes: the image keeps its name when that changes: name a commit, with its 40 digits after `#`, or write `ADD --checksum=<commit>`
    0 errors, 2 warnings
    "##);
}
