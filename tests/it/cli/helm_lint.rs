//! `werf helm lint`: what it says of a chart that fails, and of command lines.

use super::super::sandbox::Sandbox;
use super::told;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(&[
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("web/values.yaml", "size: 1\n"),
        ("web/templates/a.yaml", "kind: A\nsize: {{ .Values.size.of.it }}\n"),
        ("web/templates/b.yaml", "kind: B\nname: {{ .Values.size.or.that }}\n"),
    ]);
    sandbox
}

/// Templates that fail are told of with their places, all of them.
#[test]
fn a_chart_that_fails() {
    insta::assert_snapshot!(told(&sandbox(), &["helm", "lint", "web"]), @r#"
    exit 1
    ==> Linting web
    [INFO] Chart.yaml: icon is recommended
    [ERROR] templates/: web/templates/b.yaml:2:10: cannot render web/templates/b.yaml: can't evaluate field or in type interface {}
    [ERROR] templates/: web/templates/a.yaml:2:10: cannot render web/templates/a.yaml: can't evaluate field of in type interface {}

    error: 1 chart(s) linted, 1 chart(s) failed
    help: the lines above say what to change; `--strict` counts warnings as failures too
    "#);
}

#[test]
fn values_and_paths_that_are_wrong() {
    let sandbox = sandbox();
    insta::assert_snapshot!(told(&sandbox, &["helm", "lint", "--helm-compat", "4"]), @r#"
    exit 2
    error: no chart is named
    help: name the charts' directories or archives: `werf helm lint ./chart`; Helm 3 takes the working directory
    "#);
    insta::assert_snapshot!(told(&sandbox, &["helm", "lint", "web", "--set", "a"]), @r#"
    exit 1
    error: cannot read `--set a`
      because: key "a" has no value
    help: a setting is a list of `path=value`, as in `--set image.tag=v1,replicas=2`; quote a comma as `\,`
    "#);
    insta::assert_snapshot!(told(&sandbox, &["helm", "lint"]), @r#"
    exit 1
    ==> Linting .
    Error unable to check Chart.yaml file in chart: stat Chart.yaml: no such file or directory

    error: 1 chart(s) linted, 1 chart(s) failed
    help: the lines above say what to change; `--strict` counts warnings as failures too
    "#);
}
