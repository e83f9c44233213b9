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
    error: cannot render app/templates/app.yaml: error calling werf_image: unknown image `wbe`, did you mean `web`? Images of werf.yaml: `web`
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

/// A chart with files of any bytes beside the texts.
fn rendered_with_bytes(texts: &[(&str, &str)], bytes: &[(&str, &[u8])]) -> String {
    let sandbox = chart(texts);
    for (path, content) in bytes {
        std::fs::create_dir_all(sandbox.app().join(path).parent().unwrap()).unwrap();
        std::fs::write(sandbox.app().join(path), content).unwrap();
    }
    sandbox.commit_all("bytes");
    told(&sandbox, &["render"])
}

#[test]
fn a_manifest_that_is_no_text_is_shown_with_its_template() {
    let template = "kind: ConfigMap\ndata:\n  app.properties: |\n    {{- .Files.Get \"latin.txt\" | nindent 4 }}\n";
    insta::assert_snapshot!(rendered_with_bytes(&[(".helm/templates/a.yaml", template)], &[(".helm/latin.txt", b"greeting=caf\xe9\n")]), @r#"
    exit 1
    error: YAML parse error on app/templates/a.yaml: error converting YAML to JSON: yaml: incomplete UTF-8 octet sequence
      ╭─[.helm/templates/a.yaml:4:5]
    4 │     {{- .Files.Get "latin.txt" | nindent 4 }}
      ·     ────────────────────┬──────────────────── wrote this
    help: YAML is text in UTF-8: convert it, as with `iconv -f latin1 -t utf-8`, or write what is no text in base 64

    note: this is what it wrote
      ╭─[app/templates/a.yaml, as rendered:4:17]
    1 │ kind: ConfigMap
    2 │ data:
    3 │   app.properties: |
    4 │     greeting=caf\xe9
      ·                 ──┬─ in the rendered text
    "#);
    insta::assert_snapshot!(rendered_with_bytes(&[], &[(".helm/templates/a.yaml", b"kind: A\n# \xfcber\nb: {{ 1 }}\n")]), @r"
    exit 1
    error: YAML parse error on app/templates/a.yaml: error converting YAML to JSON: yaml: invalid leading UTF-8 octet
      ╭─[.helm/templates/a.yaml:2:3]
    2 │ # \xfcber
      ·   ───┬─── wrote this
    help: YAML is text in UTF-8: convert it, as with `iconv -f latin1 -t utf-8`, or write what is no text in base 64

    note: this is what it wrote
      ╭─[app/templates/a.yaml, as rendered:2:3]
    1 │ kind: A
    2 │ # \xfcber
      ·   ──┬─ in the rendered text
    ");
}

#[test]
fn files_of_a_chart_that_have_to_be_text() {
    let template = (".helm/templates/a.yaml", "kind: A\n");
    insta::assert_snapshot!(rendered_with_bytes(&[template], &[(".helm/values.yaml", b"a: 1\nname: M\xfcller\n")]), @r"
    exit 1
    error: cannot load `.helm/values.yaml`
      because: the byte 0xfc is no UTF-8 (line 2, column 8)
      ╭─[.helm/values.yaml:2:8]
    2 │ name: M\xfcller
      ·        ──┬─ here
    help: YAML is text in UTF-8: convert it, as with `iconv -f latin1 -t utf-8`, or write what is no text in base 64
    ");
    insta::assert_snapshot!(rendered_with_bytes(&[template], &[(".helm/Chart.yaml", b"name: app\nversion: 1.0.0\ndescription: \xff\n")]), @r"
    exit 1
    error: cannot load `.helm/Chart.yaml`
      because: the byte 0xff is no UTF-8 (line 3, column 14)
      ╭─[.helm/Chart.yaml:3:14]
    3 │ description: \xff
      ·              ──┬─ here
    help: YAML is text in UTF-8: convert it, as with `iconv -f latin1 -t utf-8`, or write what is no text in base 64
    ");
    let jinja = (".helm/Chart.yaml", "name: app\nversion: 1.0.0\nannotations: {werf.io/jinja: \"true\"}\n");
    insta::assert_snapshot!(rendered_with_bytes(&[jinja], &[(".helm/templates/a.yaml.j2", b"kind: A\n# \xe9\n")]), @r"
    exit 1
    error: `.helm/templates/a.yaml.j2` is not UTF-8: line 2 has the byte 0xe9
    help: convert the file to UTF-8, as with `iconv -f latin1 -t utf-8`; what is no text belongs into a file that templates read with `.Files.Get`
    ");
    insta::assert_snapshot!(rendered_with_bytes(
        &[jinja, (".helm/templates/a.yaml.j2", "kind: A\nb: {{ Files.Get(\"key\") }}\n")],
        &[(".helm/key", b"\xfe\xed")],
    ), @r#"
    exit 1
    error: cannot render app/templates/a.yaml.j2: bytes that are no UTF-8 cannot be printed: write them in base 64 with `| b64enc`
      ╭─[.helm/templates/a.yaml.j2:2:7]
    2 │ b: {{ Files.Get("key") }}
      ·       ────────┬─────── in `Files.Get("key")`
    "#);
    let jinja_template = (".helm/templates/a.yaml.j2", "kind: A\nb: {{ Files.Get(\"key\") | b64enc }}\n");
    insta::assert_snapshot!(rendered_with_bytes(&[jinja, jinja_template], &[(".helm/key", b"\xfe\xed")]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml.j2
    kind: A
    b: /u0=
    ");
}

#[test]
fn values_where_dot_is_something_else() {
    let values = (".helm/values.yaml", "hosts: [a]\nport: 80\nservices: {web: {port: 1}}\n");
    insta::assert_snapshot!(rendered(&[values, (".helm/templates/a.yaml", "kind: A\n{{- range .Values.hosts }}\n{{ . }}: {{ .Values.port }}\n{{- end }}\n")]), @r"
    exit 1
    error: cannot render app/templates/a.yaml: can't evaluate field Values in type interface {}
      ╭─[.helm/templates/a.yaml:3:13]
    3 │ {{ . }}: {{ .Values.port }}
      ·             ──────┬───── in `.Values.port`
    help: `.` is a string here and not the chart's data: `range` and `with` change it; write `$.Values.port`
    ");
    insta::assert_snapshot!(rendered(&[values, (".helm/templates/a.yaml", "kind: A\n{{- range $name, $_ := .Values.services }}\n{{ $name }}: {{ .Values.port }}\n{{- end }}\n")]), @r"
    exit 1
    error: cannot render app/templates/a.yaml: nil pointer evaluating interface {}.port
      ╭─[.helm/templates/a.yaml:3:17]
    3 │ {{ $name }}: {{ .Values.port }}
      ·                 ──────┬───── in `.Values.port`
    help: `.` is another map here and not the chart's data: `range` and `with` change it; write `$.Values.port`
    ");
    insta::assert_snapshot!(rendered(&[values, (".helm/templates/a.yaml", "kind: A\n{{- with .Values.services }}\nb: {{ .Release.Name }}{{ .Chart.Name }}\n{{- end }}\n")]), @r"
    exit 1
    error: cannot render app/templates/a.yaml: nil pointer evaluating interface {}.Name
      ╭─[.helm/templates/a.yaml:3:7]
    3 │ b: {{ .Release.Name }}{{ .Chart.Name }}
      ·       ──────┬────── in `.Release.Name`
    help: `.` is another map here and not the chart's data: `range` and `with` change it; write `$.Release.Name`
    ");
    let helper =
        (".helm/templates/_h.tpl", "{{ define \"port\" }}{{ .Values.port }}{{ end }}{{ define \"root\" }}{{ $.Values.port }}{{ end }}");
    insta::assert_snapshot!(rendered(&[values, helper, (".helm/templates/a.yaml", "kind: A\nb: {{ include \"port\" \"x\" }}\n")]), @r#"
    exit 1
    error: cannot render app/templates/a.yaml: can't evaluate field Values in type string
      ╭─[.helm/templates/_h.tpl:1:23]
    1 │ {{ define "port" }}{{ .Values.port }}{{ end }}{{ define "root" }}{{ $.Values.port }}{{ end }}
      ·                       ──────┬───── in `.Values.port`
    help: `.` is a string here and not the chart's data: it is what `port` was given; give it `$`, as in `include "port" $`, and write `$.Values.port`
    included from .helm/templates/a.yaml:2:7 by `include "port" "x"`
    "#);
    insta::assert_snapshot!(rendered(&[values, helper, (".helm/templates/a.yaml", "kind: A\nb: {{ include \"root\" (dict \"a\" 1) }}\n")]), @r#"
    exit 1
    error: cannot render app/templates/a.yaml: nil pointer evaluating interface {}.port
      ╭─[.helm/templates/_h.tpl:1:69]
    1 │ {{ define "port" }}{{ .Values.port }}{{ end }}{{ define "root" }}{{ $.Values.port }}{{ end }}
      ·                                                                     ──────┬────── in `$.Values.port`
    help: `$` is another map here and not the chart's data: it is what `root` was given; put the data into it, as in `dict "root" $`, and write `$.root.Values.port`
    included from .helm/templates/a.yaml:2:7 by `include "root" (dict "a" 1)`
    "#);
}

#[test]
fn names_that_nothing_has() {
    let helper = (".helm/templates/_h.tpl", "{{ define \"app.labels\" }}a: b{{ end }}");
    insta::assert_snapshot!(rendered(&[helper, (".helm/templates/a.yaml", "kind: A\n{{ include \"app.lables\" . }}\n")]), @r#"
    exit 1
    error: cannot render app/templates/a.yaml: error calling include: template: no template "app.lables" associated with template "gotpl"
      ╭─[.helm/templates/a.yaml:2:4]
    2 │ {{ include "app.lables" . }}
      ·    ───────────┬────────── in `include "app.lables" .`
    help: nothing defines `app.lables`; did you mean `app.labels`?
    "#);
    insta::assert_snapshot!(rendered(&[helper, (".helm/templates/a.yaml", "kind: A\n{{ template \"app.label\" . }}\n")]), @r#"
    exit 1
    error: cannot render app/templates/a.yaml: template "app.label" not defined
      ╭─[.helm/templates/a.yaml:2:13]
    2 │ {{ template "app.label" . }}
      ·             ────────┬─────── in `{{template "app.label" .}}`
    help: nothing defines `app.label`; did you mean `app.labels`?
    "#);
    insta::assert_snapshot!(rendered(&[(".helm/templates/a.yaml", "kind: A\nb: {{ \"x\" | nident 4 }}\n")]), @r#"
    exit 1
    error: template: app/templates/a.yaml:2: function "nident" not defined
      ╭─[.helm/templates/a.yaml:2:13]
    2 │ b: {{ "x" | nident 4 }}
      ·             ───┬── here
    help: did you mean `nindent`?
    "#);
}

#[test]
fn blocks_that_are_not_closed() {
    insta::assert_snapshot!(rendered(&[(".helm/templates/a.yaml", "kind: A\n{{- if .Values.a }}\n{{- range .Values.b }}\nb: c\n{{- end }}\n")]), @r"
    exit 1
    error: template: app/templates/a.yaml:6: unexpected EOF
      ╭─[.helm/templates/a.yaml:2:1]
    2 │ {{- if .Values.a }}
      · ─────────┬───────── opened here and never closed
    help: `{{- if .Values.a }}` on line 2 has no `{{ end }}`
    ");
    insta::assert_snapshot!(rendered(&[(".helm/templates/a.yaml", "{{ if 1 }}\na: b\n{{ else if 2 }}\nc: d\n")]), @r"
    exit 1
    error: template: app/templates/a.yaml:5: unexpected EOF
      ╭─[.helm/templates/a.yaml:1:1]
    1 │ {{ if 1 }}
      · ─────┬──── opened here and never closed
    help: `{{ if 1 }}` on line 1 has no `{{ end }}`
    ");
    insta::assert_snapshot!(rendered(&[(".helm/templates/_a.tpl", "{{ define \"a\" }}\n{{ with 1 }}\n{{ define \"b\" }}{{ end }}\n{{ end }}\n")]), @r#"
    exit 1
    error: template: app/templates/_a.tpl:3: unexpected <define> in command
      ╭─[.helm/templates/_a.tpl:3:4]
    3 │ {{ define "b" }}{{ end }}
      ·    ───┬── here
    help: `{{ with 1 }}` on line 2 has no `{{ end }}`
    "#);
}

#[test]
fn links_that_lead_in_circles() {
    let sandbox = chart(&[(".helm/templates/a.yaml", "kind: A\n")]);
    std::os::unix::fs::symlink(".", sandbox.app().join(".helm/templates/again")).unwrap();
    sandbox.commit_all("link");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: link `.helm/templates/again` leads to `.helm/templates`, which it lies in
    help: a chart's files cannot hold themselves: remove the link, or make it lead elsewhere
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", ".helm"]), @r"
    exit 1
    error: cannot read `.helm/templates/again` from the disk
      because: a link leads to a directory that it lies in
    help: remove the link, or make it lead elsewhere
    ");
}

#[test]
fn links_that_multiply_files() {
    let sandbox = chart(&[(".helm/templates/a.yaml", "kind: A\n"), ("files/12/file", "x")]);
    for level in 0..12 {
        std::fs::create_dir_all(sandbox.app().join(format!("files/{level}"))).unwrap();
        for link in ["a", "b", "c"] {
            std::os::unix::fs::symlink(format!("../{}", level + 1), sandbox.app().join(format!("files/{level}/{link}"))).unwrap();
        }
    }
    std::os::unix::fs::symlink("../files/0", sandbox.app().join(".helm/more")).unwrap();
    sandbox.commit_all("links");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: a chart has at most 50000 files and 2000 links to directories; `files/11/c` is one more
    help: links to directories with links multiply their files: replace them by one directory, or leave files out with `.helmignore`
    ");
}

#[test]
fn names_of_files_do_not_steer_the_terminal() {
    insta::assert_snapshot!(rendered(&[(".helm/templates/a\u{1b}]0;taken\u{7}\nb.yaml", "a: {{ .Values.x.y }}\n")]), @r"
    exit 1
    error: cannot render app/templates/a\u{1b}]0;taken\u{7}\nb.yaml: nil pointer evaluating interface {}.y
      ╭─[.helm/templates/a\u{1b}]0;taken\u{7}\nb.yaml:1:7]
    1 │ a: {{ .Values.x.y }}
      ·       ─────┬───── in `.Values.x.y`
    help: `.Values.x` is not set; keys of `.Values` are global, werf
    ");
}

/// A secret value that breaks the YAML of a manifest.
#[test]
fn secret_values_are_shown_in_no_error() {
    let blob = encrypted("tops3cret: {[never shown");
    let files = [
        (".helm/secret-values.yaml", format!("password: {blob}\n")),
        (".helm/templates/a.yaml", "kind: Secret\nstringData:\n  password: {{ .Values.password }}\n".to_owned()),
    ];
    let sandbox = chart(&files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
    insta::assert_snapshot!(told(&sandbox, &["render", "--secret-key", KEY]), @r"
    exit 1
    error: YAML parse error on app/templates/a.yaml: error converting YAML to JSON: yaml: line 3: mapping values are not allowed in this context
      ╭─[.helm/templates/a.yaml:3:13]
    3 │   password: {{ .Values.password }}
      ·             ───────────┬────────── wrote this

    note: this is what it wrote
      ╭─[app/templates/a.yaml, as rendered:3:22]
    1 │ kind: Secret
    2 │ stringData:
    3 │   password: ***
      ·                      ┬ in the rendered text
    ");
}

const KEY: &str = "00112233445566778899aabbccddeeff";

fn encrypted(text: &str) -> String {
    let key = werf::secret::SecretKey::parse(KEY).unwrap();
    werf::secret::encrypt(&key, [7; 16], text.as_bytes())
}

#[test]
fn the_docker_configuration_is_a_value_where_it_is_asked_for() {
    let sandbox = chart(&[(
        ".helm/templates/a.yaml",
        "a: {{ .Values.dockerconfigjson | default \"none\" }} {{ .Values.global.werf.dockerconfigjson }}\n",
    )]);
    let render = ["render", "--set-docker-config-json-value"];
    insta::assert_snapshot!(told(&sandbox, &render), @r"
    exit 1
    error: --set-docker-config-json-value: cannot read `[SANDBOX]/home/.docker/config.json`
      because: No such file or directory (os error 2)
    help: `werf cr login` writes it; `--docker-config` names another directory
    ");
    let place = sandbox.root().join("home/.docker");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("config.json"), "{}").unwrap();
    assert!(told(&sandbox, &render).contains("\na: e30= e30=\n"), "{}", told(&sandbox, &render));
    assert!(told(&sandbox, &["render"]).contains("\na: none"), "{}", told(&sandbox, &["render"]));
}

#[test]
fn a_chart_without_images_and_the_configuration_as_it_is_rendered() {
    let sandbox = chart(&[(".helm/templates/a.yaml", "a: {{ len .Values.werf.image }}\n")]);
    assert!(told(&sandbox, &["render"]).contains("\na: 1\n"));
    let path = sandbox.root().join("rendered.yaml");
    let render = ["render", "--without-images", "--repo", "127.0.0.1:1/app", "--config-render-path", path.to_str().unwrap()];
    assert!(told(&sandbox, &render).contains("\na: 0\n"), "{}", told(&sandbox, &render));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "project: app\nconfigVersion: 1\n---\nimage: web\nfrom: scratch\n");
    insta::assert_snapshot!(told(&sandbox, &["config", "render", "--config-render-path", "."]), @r"
    exit 1
    error: --config-render-path: cannot write `.`
      because: Is a directory (os error 21)
    help: check the path, its permissions and the space on its disk
    ");
}
