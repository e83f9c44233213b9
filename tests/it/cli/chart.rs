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
      ╭─[app/templates/_helpers.tpl:2:10]
    2 │ tier: {{ .Values.labels.tier }}
      ·          ─────────┬───────── in `.Values.labels.tier`
    help: `.Values.labels` is not set; keys of `.Values` are global, werf
    included from app/templates/_helpers.tpl:4:27 by `include "app.labels" .`
    included from app/templates/app.yaml:3:13 by `include "app.meta" .`
    "#);
}

#[test]
fn what_does_not_parse() {
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "kind: A\n{{ if }}\n")]), @r"
    exit 1
    error: template: app/templates/app.yaml:2: missing value for if
      ╭─[app/templates/app.yaml:2:7]
    2 │ {{ if }}
      ·       ─┬ here
    ");
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "kind: {{ nosuch 1 }}\n")]), @r#"
    exit 1
    error: template: app/templates/app.yaml:1: function "nosuch" not defined
      ╭─[app/templates/app.yaml:1:10]
    1 │ kind: {{ nosuch 1 }}
      ·          ───┬── here
    "#);
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "kind: A\n b: c\n")]), @r"
    exit 1
    error: YAML parse error on app/templates/app.yaml: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context
      ╭─[app/templates/app.yaml, as rendered:2:3]
    2 │  b: c
      ·   ┬ in the rendered text
    help: the text comes from line 2 of app/templates/app.yaml
    ");
}

#[test]
fn an_image_that_werf_yaml_does_not_have() {
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "image: {{ werf_image \"wbe\" }}\n")]), @r#"
    exit 1
    error: cannot render app/templates/app.yaml: error calling werf_image: unknown image `wbe`; images of werf.yaml: `web`
      ╭─[app/templates/app.yaml:1:11]
    1 │ image: {{ werf_image "wbe" }}
      ·           ────────┬─────── in `werf_image "wbe"`
    "#);
    insta::assert_snapshot!(rendered(&[(".helm/templates/app.yaml", "image: {{ .Values.werf.image.wbe.x }}\n")]), @r"
    exit 1
    error: cannot render app/templates/app.yaml: nil pointer evaluating interface {}.x
      ╭─[app/templates/app.yaml:1:11]
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
      because: value `password`, line 1: this is no encrypted value: it is too short
    help: encrypt it with `helm secret` of werf 2; only encrypted values may be stored here
    ");
}
