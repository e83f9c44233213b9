//! Charts that cannot be rendered.

use super::super::sandbox::Sandbox;
use super::told;

fn chart(files: &[(&str, &str)]) -> Sandbox {
    let config = ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\nfrom: scratch\n");
    Sandbox::commit(&[&[config], files].concat())
}

fn rendered(files: &[(&str, &str)]) -> String {
    told(&chart(files), &["render"])
}

#[test]
fn no_chart() {
    insta::assert_snapshot!(rendered(&[]), @r"
    exit 1
    error: there is no chart in `.helm`
    help: create `.helm/templates` with the application's manifests, or name the chart's directory in `deploy.helmChartDir`
    ");
}

#[test]
fn a_failure_is_shown_in_its_file_with_the_way_that_led_there() {
    let helpers = "{{- define \"app.labels\" }}\ntier: {{ .Values.labels.tier }}\n{{- end }}\n{{- define \"app.meta\" }}{{ include \"app.labels\" . }}{{ end }}\n";
    insta::assert_snapshot!(rendered(&[
        (".helm/templates/_helpers.tpl", helpers),
        (".helm/templates/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ include \"app.meta\" . }}\n"),
    ]), @r#"
    exit 1
    error: cannot render app/templates/app.yaml: nil pointer evaluating interface {}.tier
      ╭─[.helm/templates/_helpers.tpl:2:10]
    2 │ tier: {{ .Values.labels.tier }}
      ·          ─────────┬───────── in `.Values.labels.tier`
    help: `.Values.labels` is not set; keys of `.Values` are global, werf
    included from .helm/templates/_helpers.tpl:4:28 by `include "app.labels" .`
    included from .helm/templates/app.yaml:3:14 by `include "app.meta" .`
    "#);
}

#[test]
fn what_does_not_parse() {
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "kind: A\n{{ if }}\n")]), @r"
    exit 1
    error: template: app/templates/app.yaml:2: missing value for if
      ╭─[.helm/templates/app.yaml:2:7]
    2 │ {{ if }}
      ·       ─┬ here
    ");
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "kind: {{ nosuch 1 }}\n")]), @r#"
    exit 1
    error: template: app/templates/app.yaml:1: function "nosuch" not defined
      ╭─[.helm/templates/app.yaml:1:10]
    1 │ kind: {{ nosuch 1 }}
      ·          ───┬── here
    "#);
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "kind: A\n b: c\n")]), @r"
    exit 1
    error: YAML parse error on app/templates/app.yaml: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context
      ╭─[.helm/templates/app.yaml:2:3]
    2 │  b: c
      ·   ─┬─ wrote this

    note: this is what it wrote
      ╭─[app/templates/app.yaml, as rendered:2:3]
    1 │ kind: A
    2 │  b: c
      ·   ┬ in the rendered text
    ");
}

#[test]
fn text_that_is_no_yaml_is_shown_in_the_template_and_as_rendered() {
    insta::assert_snapshot!(rendered(&[
        (".helm/templates/_helpers.tpl", "{{ define \"meta\" }}\nname: a\n labels: b\n{{ end }}\n"),
        (".helm/templates/one.yaml", "kind: A\nmetadata: {{ include \"meta\" . | nindent 2 }}\n"),
        (".helm/templates/two.yaml", "kind: B\nx: {{ .Values.list }}: y\n"),
        (".helm/values.yaml", "list: [1, 2]\n"),
    ]), @r"
    exit 1
    error: the chart has 2 problems

    error: YAML parse error on app/templates/one.yaml: error converting YAML to JSON: yaml: line 5: mapping values are not allowed in this context
      ╭─[.helm/templates/_helpers.tpl:3:8]
    3 │  labels: b
      ·        ─┬─ wrote this
    help: included from .helm/templates/one.yaml:2

    note: this is what it wrote
      ╭─[app/templates/one.yaml, as rendered:5:10]
    2 │ metadata:
    3 │ 
    4 │   name: a
    5 │    labels: b
      ·          ┬ in the rendered text

    error: YAML parse error on app/templates/two.yaml: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context
      ╭─[.helm/templates/two.yaml:2:22]
    2 │ x: {{ .Values.list }}: y
      ·                      ─┬─ wrote this

    note: this is what it wrote
      ╭─[app/templates/two.yaml, as rendered:2:9]
    1 │ kind: B
    2 │ x: [1 2]: y
      ·         ┬ in the rendered text
    ");
}

#[test]
fn failures_that_do_not_follow_from_one_another_come_together() {
    let sandbox = chart(&[
        (".helm/templates/one.yaml", "a: {{ if eq .Values.port 1000000 }}{{ end }}\n"),
        (".helm/templates/two.yaml", "a: {{ .Values.server.persistance.size }}\n"),
        (".helm/templates/three.yaml", "a: {{ upper .Values.imag }}\nb: {{ 1 }}\n"),
        (".helm/templates/four.yaml", "a: {{ upper .Values.token }}\n"),
        (".helm/values.yaml", "port: 1000000\nimage: a\nserver:\n  persistence: {size: 1}\ntoken: 1\n"),
        ("prod.yaml", "server: {more: 1}\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--values", "prod.yaml", "--set", "token=5"]), @r"
    exit 1
    error: the chart has 4 problems

    error: cannot render app/templates/two.yaml: nil pointer evaluating interface {}.size
      ╭─[.helm/templates/two.yaml:1:7]
    1 │ a: {{ .Values.server.persistance.size }}
      ·       ───────────────┬─────────────── in `.Values.server.persistance.size`
    help: `.Values.server.persistance` is not set; did you mean `persistence`? keys of `.Values.server` are more, persistence (from prod.yaml:1, .helm/values.yaml:3)

    error: cannot render app/templates/three.yaml: wrong type for value; expected string; got interface {}
      ╭─[.helm/templates/three.yaml:1:13]
    1 │ a: {{ upper .Values.imag }}
      ·             ──────┬───── in `.Values.imag`
    help: `.Values.imag` is not set; did you mean `image`?

    error: cannot render app/templates/one.yaml: error calling eq: incompatible types for comparison: float64 and int
      ╭─[.helm/templates/one.yaml:1:10]
    1 │ a: {{ if eq .Values.port 1000000 }}{{ end }}
      ·          ───────────┬─────────── in `eq .Values.port 1000000`
    help: `.Values.port` is `1e+06` of type float64 (.helm/values.yaml:1)

    error: cannot render app/templates/four.yaml: wrong type for value; expected string; got int64
      ╭─[.helm/templates/four.yaml:1:13]
    1 │ a: {{ upper .Values.token }}
      ·             ──────┬────── in `.Values.token`
    help: `.Values.token` is of type int64 (--set token)
    ");
    let broken = [(".helm/templates/one.yaml", "a: {{ if }}\n"), (".helm/templates/two.yaml", "b\na: {{ nosuch }}\n")];
    insta::assert_snapshot!(rendered(&broken), @r#"
    exit 1
    error: the chart has 2 problems

    error: template: app/templates/two.yaml:2: function "nosuch" not defined
      ╭─[.helm/templates/two.yaml:2:7]
    2 │ a: {{ nosuch }}
      ·       ───┬── here

    error: template: app/templates/one.yaml:1: missing value for if
      ╭─[.helm/templates/one.yaml:1:10]
    1 │ a: {{ if }}
      ·          ─┬ here
    "#);
}

/// What a template changes may be what the next one needs: only the first failure is sure.
#[test]
fn failures_that_may_follow_from_one_another_do_not() {
    let text = rendered(&[
        (".helm/templates/one.yaml", "a: {{ .Values.new.key }}\n"),
        (".helm/templates/two.yaml", "{{ fail \"no\" }}{{ set .Values \"new\" (dict \"key\" 1) }}\n"),
    ]);
    assert!(text.starts_with("exit 1\nerror: cannot render app/templates/two.yaml: no\n"), "{text}");
    assert!(!text.contains("one.yaml"), "{text}");
}

#[test]
fn debug_prints_what_was_rendered_up_to_the_failure() {
    let sandbox =
        chart(&[(".helm/templates/one.yaml", "a: 1\n"), (".helm/templates/two.yaml", "b: 2\nc: x{{ required \"give x\" .Values.x }}\n")]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--debug"]), @r#"
    exit 1
    ---
    # Source: app/templates/one.yaml
    a: 1

    ---
    # Source: app/templates/two.yaml
    b: 2
    c: x
    error: cannot render app/templates/two.yaml: give x
      ╭─[.helm/templates/two.yaml:2:8]
    2 │ c: x{{ required "give x" .Values.x }}
      ·        ─────────────┬───────────── refused here
    help: `.Values.x` is not set
    Helm 3 says: execution error at (app/templates/two.yaml:2:7): give x
    "#);
    sandbox.write(&[(".helm/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"), (".helm/templates/two.yaml", "b: 2\n c: d\n")]);
    let printed = sandbox.werf_with(&["helm", "template", "--debug", ".helm"], &[]);
    let both = "---\n# Source: app/templates/one.yaml\na: 1\n\n---\n# Source: app/templates/two.yaml\nb: 2\n c: d\n\n";
    assert_eq!((printed.code, printed.stdout.as_str()), (1, both), "{}", printed.stderr);
    assert_eq!(sandbox.werf_with(&["helm", "template", ".helm"], &[]).stdout, "");
}

#[test]
fn values_that_break_a_schema_are_told_with_who_set_them() {
    let schema = r#"{"properties": {"port": {"type": "integer"}, "names": {"items": {"type": "string"}}, "size": {"minimum": 1}}}"#;
    let sandbox = chart(&[
        (".helm/templates/app.yaml", "a: 1\n"),
        (".helm/values.yaml", "names:\n- a\n- 2\nport: 1\n"),
        (".helm/values.schema.json", schema),
        ("prod.yaml", "# production\nport: high\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--values", "prod.yaml", "--set", "size=0"]), @r"
    exit 1
    error: values don't meet the specifications of the schema(s) in the following chart(s):
    app:
    - at '/names/1': got number, want string
    - at '/port': got string, want integer
    - at '/size': minimum: got 0, want 1

    help: `names` is set by .helm/values.yaml:1
    `port` is set by prod.yaml:2
    `size` is set by --set size
    ");
}

/// A value that only some may know is told of by its type.
#[test]
fn values_that_are_secret_or_given_by_flags_are_not_shown() {
    let files = [
        (".helm/templates/app.yaml", "a: {{ atoi .Values.token | upper }}{{ .Values.token | index 1 }}\n"),
        (".helm/values.yaml", "token: ''\n"),
    ];
    let text = told(&chart(&files), &["render", "--set-string", "token=hunter2"]);
    assert!(text.starts_with("exit 1") && !text.contains("hunter2"), "{text}");
    let changed =
        [(".helm/templates/app.yaml", "{{ $_ := set .Values \"token\" \"hunter2\" }}a: {{ index .Values.token \"x\" }}\n"), files[1]];
    let text = rendered(&changed);
    assert!(text.contains("`.Values.token` is of type string (.helm/values.yaml:1)") && !text.contains("`hunter2`"), "{text}");
}

#[test]
fn an_image_that_werf_yaml_does_not_have() {
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "image: {{ werf_image \"wbe\" }}\n")]), @r#"
    exit 1
    error: cannot render app/templates/app.yaml: error calling werf_image: unknown image `wbe`; images of werf.yaml: `web`
      ╭─[.helm/templates/app.yaml:1:11]
    1 │ image: {{ werf_image "wbe" }}
      ·           ────────┬─────── in `werf_image "wbe"`
    "#);
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "image: {{ .Values.werf.image.wbe.x }}\n")]), @r"
    exit 1
    error: cannot render app/templates/app.yaml: nil pointer evaluating interface {}.x
      ╭─[.helm/templates/app.yaml:1:11]
    1 │ image: {{ .Values.werf.image.wbe.x }}
      ·           ────────────┬─────────── in `.Values.werf.image.wbe.x`
    help: `.Values.werf.image.wbe` is not set; did you mean `web`? keys of `.Values.werf.image` are web
    ");
}

#[test]
fn values_that_cannot_be_used() {
    let sandbox = chart(&[(".helm/templates/app.yaml", "a: 1\n"), (".helm/values.yaml", "a: 1\n"), ("list.yaml", "- a\n")]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--set", "replicas"]), @r#"
    exit 1
    error: cannot read `--set replicas`
      because: key "replicas" has no value
    help: a setting is a list of `path=value`, as in `--set image.tag=v1,replicas=2`; quote a comma as `\,`
    "#);
    insta::assert_snapshot!(told(&sandbox, &["render", "--values", "prod.yaml"]), @r"
    exit 1
    error: values file `prod.yaml` is not in commit COMMIT
    help: commit it, or run with `--dev`; files outside the project are named by an absolute path
    ");
    insta::assert_snapshot!(told(&sandbox, &["render", "--values", "list.yaml"]), @r"
    exit 1
    error: cannot read the values of `list.yaml`
      because: a table of values is expected, this is a list
    ");
    insta::assert_snapshot!(told(&sandbox, &["render", "--values", "/nowhere/prod.yaml"]), @r"
    exit 1
    error: cannot read values file `/nowhere/prod.yaml`
      because: No such file or directory (os error 2)
    help: check the path and its permissions
    ");
    insta::assert_snapshot!(told(&sandbox, &["render", "--show-only", "templates/web.yaml"]), @r"
    exit 1
    error: --show-only: no template of the chart fits `templates/web.yaml`
    help: patterns are paths in the chart, such as templates/web.yaml
    ");
    insta::assert_snapshot!(told(&sandbox, &["render", "--kube-version", "latest"]), @r"
    exit 1
    error: --kube-version: `latest` is no version
    help: write it as 1.33 or v1.33.2
    ");
    sandbox.write(&[(".helm/values.yaml", "a: [1\n")]);
    sandbox.commit_all("broken values");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: cannot load `.helm/values.yaml`
      because: did not find expected ',' or ']' while parsing a flow sequence (line 2, column 1)
      ╭─[.helm/values.yaml:2:1]
    2 │ 
      · ┬ here
    ");
}

#[test]
fn secrets_without_their_key() {
    let sandbox = chart(&[(".helm/templates/app.yaml", "a: {{ .Values.password }}\n"), (".helm/secret-values.yaml", "password: 1000ff\n")]);
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: `.helm/secret-values.yaml` is encrypted and there is no secret key
    help: set WERF_SECRET_KEY or put the key into .werf_secret_key; --ignore-secret-key renders without secret values
    ");
    insta::assert_snapshot!(told(&sandbox, &["render", "--secret-key", "xyz"]), @r"
    exit 1
    error: the secret key must have 32, 48 or 64 hexadecimal digits, this one has 3 characters
    help: WERF_SECRET_KEY is used as it is, a file's content without white space around it
    ");
    insta::assert_snapshot!(told(&sandbox, &["render", "--secret-key", "00112233445566778899aabbccddeeff"]), @r"
    exit 1
    error: cannot decrypt `.helm/secret-values.yaml`
      because: value `password`, line 1: this is no encrypted value: it is too short, 6 digits where 68 are the least
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
}

#[test]
fn what_is_too_large_together() {
    let files: Vec<String> = (0..5).map(|number| format!(".helm/templates/{number}.yaml")).collect();
    let files: Vec<_> = files.iter().map(|file| (file.as_str(), "# {{ repeat 60000000 \"x\" }}\n")).collect();
    insta::assert_snapshot!(rendered(&files), @r"
    exit 1
    error: chart `app` renders to more than 268435456 bytes
    help: a loop may be longer than meant; `--show-only` does not make it smaller, since all templates run
    ");
}
