//! The pipeline as a whole: what a `.helm` folder of a project becomes, and how it fails.

use std::collections::BTreeMap;

use super::*;
use crate::file_tree::{MemoryTree, text_of_bytes};
use crate::secret::{self, SecretKey};
use crate::template::host::NoHost;

fn project() -> Defaults {
    Defaults { name: Some("shop".into()), app_version: Some("7".into()), ..Defaults::default() }
}

fn service() -> ServiceValues {
    let image = |name: &str| ImageReference { repo: "registry.example.org/shop".into(), tag: format!("{name}-tag"), digest: None };
    ServiceValues {
        project: "shop".into(),
        repo: "registry.example.org/shop".into(),
        env: "prod".into(),
        images: BTreeMap::from([("backend".to_owned(), image("backend")), ("frontend".to_owned(), image("frontend"))]),
        ..ServiceValues::default()
    }
}

fn rendered(files: &[(&str, &str)], layers: &ValueLayers, options: RenderOptions) -> Result<Rendered, RenderError> {
    let files: Vec<(String, &str)> = files.iter().map(|(path, text)| (format!(".helm/{path}"), *text)).collect();
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (path.as_str(), *text)));
    let chart = load(&tree, ".helm", &project()).unwrap();
    let release = Release { name: "shop-prod".into(), namespace: "shop".into(), revision: 3, operation: Operation::Upgrade };
    let service = service();
    let input =
        RenderInput { release, values: layers, service: Some(&service), capabilities: &Capabilities::default(), options, host: &NoHost };
    render(&chart, &input)
}

fn text(template: &str) -> Result<String, String> {
    let files = [("templates/a.txt", format!("v: {template}"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    match rendered(&files, &ValueLayers::default(), RenderOptions::default()) {
        Ok(rendered) => Ok(rendered.manifests[0].text.strip_prefix("v: ").unwrap_or_default().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn templates_see_the_project() {
    let cases: &[(&str, Result<&str, &str>)] = &[
        (r#"{{ werf_image "backend" }}"#, Ok("registry.example.org/shop:backend-tag")),
        (r#"{{ tuple "frontend" . | werf_image }}"#, Ok("registry.example.org/shop:frontend-tag")),
        ("{{ .Values.werf.image.backend }}", Ok("registry.example.org/shop:backend-tag")),
        ("{{ .Values.global.werf.images.backend.name_tag }}", Ok("shop:backend-tag")),
        ("{{ .Values.global.env }} {{ .Values.werf.name }}", Ok("prod shop")),
        ("{{ .Chart.Name }} {{ .Chart.Version }} {{ .Chart.AppVersion }} {{ .Chart.APIVersion }}", Ok("shop 1.0.0 7 v2")),
        ("{{ .Release.Name }} {{ .Release.Revision }} {{ .Release.IsUpgrade }} {{ .Release.IsInstall }}", Ok("shop-prod 3 true false")),
        ("{{ .Template.Name }} {{ .Template.BasePath }}", Ok("shop/templates/a.txt shop/templates")),
        (r#"{{ .Capabilities.KubeVersion }} {{ .Capabilities.APIVersions.Has "apps/v1" }}"#, Ok("v1.20.0 true")),
        (
            "{{ typeOf .Values }} {{ typeOf .Files }} {{ typeOf .Capabilities }}",
            Ok("chartutil.Values engine.files *chartutil.Capabilities"),
        ),
        ("{{ .Values.missing }}x", Ok("x")),
        (r#"{{ (lookup "v1" "Secret" "" "x").data }}x"#, Ok("x")),
        (
            r#"{{ werf_image "bakend" }}"#,
            Err(
                "cannot render shop/templates/a.txt: error calling werf_image: unknown image `bakend`, did you mean `backend`? Images of werf.yaml: `backend`, `frontend`",
            ),
        ),
        (
            r#"{{ werf_image "x" }}"#,
            Err(
                "cannot render shop/templates/a.txt: error calling werf_image: unknown image `x`; images of werf.yaml: `backend`, `frontend`",
            ),
        ),
        (
            r#"{{ werf_secret_file "x" }}"#,
            Err("cannot render shop/templates/a.txt: error calling werf_secret_file: there is no secret file `secret/x` in the chart"),
        ),
        (r#"{{ fail "no" }}"#, Err("cannot render shop/templates/a.txt: no")),
    ];
    for (template, expected) in cases {
        assert_eq!(text(template), expected.map(str::to_owned).map_err(str::to_owned), "{template}");
    }
}

#[test]
fn secret_values_and_files_are_decrypted() {
    let key = SecretKey::from_random([3; 16]);
    let blob = |text: &str| secret::encrypt(&key, [9; 16], text.as_bytes());
    let secret_values = format!("password: {}\n", blob("from secret values"));
    let override_values = format!("token: {}\n", blob("from a secret file of values"));
    let files = [
        ("values.yaml", "password: plain\ntoken: plain\n"),
        ("secret-values.yaml", secret_values.as_str()),
        ("secret/key.pem", &blob("PEM")),
        ("templates/a.yaml", "v: {{ .Values.password }}, {{ .Values.token }}, {{ werf_secret_file \"key.pem\" }}"),
    ];
    let mut layers = ValueLayers {
        secret_files: vec![ValuesFile { name: "prod.yaml".into(), text: override_values.into() }],
        secret_key: SecretAccess::Key(key.clone()),
        ..ValueLayers::default()
    };
    let result = rendered(&files, &layers, RenderOptions::default()).unwrap();
    assert_eq!(result.manifests[0].text, "v: from secret values, from a secret file of values, PEM");
    layers.secret_key = SecretAccess::Ignore;
    let result = rendered(&files, &layers, RenderOptions::default()).unwrap();
    assert_eq!(result.manifests[0].text, "v: plain, plain,");
    layers.secret_key = SecretAccess::NoKey;
    let error = rendered(&files, &layers, RenderOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "`.helm/secret-values.yaml` is encrypted and there is no secret key");
}

#[test]
fn debug_functions_write_only_when_asked() {
    let template = "{{ define \"d\" }}inner{{ end }}v: {{ printf_debug \"%d\" 3 }}{{ dump_debug (dict \"a\" 1) }}{{ include_debug \"d\" . }}{{ tpl_debug \"{{ 1 }}\" . }}";
    let files = [("templates/a.yaml", template)];
    let quiet = rendered(&files, &ValueLayers::default(), RenderOptions::default()).unwrap();
    assert_eq!((quiet.manifests[0].text.as_str(), quiet.debug.len()), ("v: inner1", 0));
    let options = RenderOptions { debug_templates: true, ..RenderOptions::default() };
    let loud = rendered(&files, &ValueLayers::default(), options).unwrap();
    assert_eq!(loud.manifests[0].text, "v: inner1");
    assert_eq!(loud.debug, ["3", "a: 1\n", "include d:\ninner", "tpl:\n1"]);
}

#[test]
fn parents_export_values_into_their_subcharts() {
    let files = [
        (
            "Chart.yaml",
            "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n- name: sub\n  version: 1.x\n  export-values:\n  - {parent: shared, child: given}\n  - {parent: flat, child: .}\n",
        ),
        ("values.yaml", "shared: {a: 1}\nflat: {x: parent}\n"),
        ("charts/sub/Chart.yaml", "name: sub\nversion: 1.2.3\n"),
        ("charts/sub/values.yaml", "x: child\ngiven: {a: 0, b: 2}\n"),
        ("charts/sub/templates/a.yaml", "v: {{ printf \"%s %s\" (toJson .Values.given) .Values.x | quote }}"),
    ];
    let result = rendered(&files, &ValueLayers::default(), RenderOptions::default()).unwrap();
    assert_eq!(result.manifests[0].text, r#"v: "{\"a\":1,\"b\":2} parent""#);
}

#[test]
fn a_release_record_has_the_chart_as_helm_stores_it() {
    let files = [
        ("values.yaml", "num: 3\nf: 0.5\n"),
        ("templates/a.yaml", "kind: A"),
        ("templates/NOTES.txt", "note {{ .Values.num }}"),
        ("crds/c.yaml", "kind: CustomResourceDefinition\n"),
        ("README.md", "read"),
    ];
    let layers = ValueLayers { set: vec!["num=4".into()], ..ValueLayers::default() };
    let result = rendered(&files, &layers, RenderOptions::default()).unwrap();
    assert_eq!(result.notes.as_deref(), Some("note 4"));
    assert_eq!(serde_json::Value::Object(result.user_values.clone()).to_string(), r#"{"num":4}"#);
    assert_eq!(result.crds(true).unwrap()[0].path, "shop/crds/c.yaml");
    let record = &result.chart_record();
    assert_eq!(record["metadata"].to_string(), r#"{"apiVersion":"v2","appVersion":"7","name":"shop","version":"1.0.0"}"#);
    assert_eq!(record["values"].to_string(), r#"{"f":0.5,"num":3}"#);
    assert_eq!(record["files"][0]["name"], "README.md");
    assert_eq!(record["files"][1]["data"], "a2luZDogQ3VzdG9tUmVzb3VyY2VEZWZpbml0aW9uCg==");
    assert_eq!(record["templates"][1]["name"], "templates/a.yaml");
    assert_eq!((&record["lock"], &record["schema"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}

#[test]
fn failures_name_chart_file_and_reason() {
    let chart = |more: &str| format!("apiVersion: v2\nname: top\nversion: 1.0.0\n{more}");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("Chart.yaml", &chart("type: library\n"))], "chart `top` is a library: library charts are not installable"),
        (
            &[("Chart.yaml", &chart("kubeVersion: '>=1.30'\n"))],
            "chart requires kubeVersion: >=1.30 which is incompatible with Kubernetes v1.20.0",
        ),
        (
            &[("Chart.yaml", &chart("dependencies: [{name: redis, version: 1.x}]\n"))],
            "found in Chart.yaml, but missing in charts/ directory: redis",
        ),
        (
            &[("templates/a.yaml", "a: 1\nb: {{ .Values.werf.nothing.here }}\n")],
            "cannot render shop/templates/a.yaml: nil pointer evaluating interface {}.here",
        ),
        (&[("templates/a.yaml", "{{ nofunction }}")], "template: shop/templates/a.yaml:1: function \"nofunction\" not defined"),
        (
            &[("templates/a.yaml", "a:\n{{ indent 1 \"b: c: d\" }}")],
            "YAML parse error on shop/templates/a.yaml: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context",
        ),
        (
            &[("values.schema.json", r#"{"required": ["x"]}"#)],
            "values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n- at '': missing property 'x'\n",
        ),
    ];
    for (files, message) in cases {
        let error = rendered(files, &ValueLayers::default(), RenderOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), *message);
    }
}

#[test]
fn a_yaml_error_shows_the_rendered_lines_and_the_line_of_the_template() {
    let template = "{{- /* two\nlines */ -}}\nkind: A\n{{ range list 1 2 }}\nx{{ . }}: a: b\n{{ end }}";
    let error = rendered(&[("templates/a.yaml", template)], &ValueLayers::default(), RenderOptions::default()).unwrap_err();
    let RenderError::Manifest(error) = error else { panic!("{error}") };
    assert_eq!(error.rendered.text.inner(), "kind: A\n\nx1: a: b\n\nx2: a: b");
    assert_eq!(error.rendered.text.name(), "shop/templates/a.yaml, as rendered");
    let written = error.template.as_ref().unwrap();
    assert_eq!(&written.text.inner()[written.at.offset()..][..written.at.len()], ": b");
    assert!(error.rendered.text.inner()[error.rendered.at.offset()..].starts_with(": b"), "{:?}", error.rendered.at);
}

#[test]
fn files_of_flags_keep_their_bytes() {
    let bytes = b"\xfe\xed\x00\xe9 \xf4\x8f\xbe\x80";
    let layers = ValueLayers {
        set_file: vec!["store=ks.jks".into()],
        set_file_contents: BTreeMap::from([("ks.jks".to_owned(), text_of_bytes(bytes).into())]),
        // a letter that would stand for a byte is itself
        set: vec!["letter=\u{10ff80}".into()],
        ..ValueLayers::default()
    };
    let files = [
        ("templates/a.txt", "v: {{ .Values.store | b64enc }} {{ .Values.letter | b64enc }} {{ .Values.own | b64enc }}"),
        ("values.yaml", "own: \u{10ffff}\n"),
    ];
    let result = rendered(&files, &layers, RenderOptions::default()).unwrap();
    assert_eq!(result.manifests[0].text, "v: /u0A6SD0j76A 9I++gA== 9I+/vw==");
    let config = with_plain_numbers(&serde_json::Value::Object(result.user_values.clone()));
    assert_eq!(config["store"], "\u{fffd}\u{fffd}\0\u{fffd} \u{10ff80}");
    assert_eq!(config["letter"], "\u{10ff80}");
}

/// Charts in charts, in archives and in directories.
#[test]
fn charts_in_charts_end() {
    const CHART: &[u8] = b"apiVersion: v2\nname: c\nversion: 1.0.0\n";
    let packed = |inner: Option<&[u8]>| {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, data) in [("c/Chart.yaml", Some(CHART)), ("c/charts/c.tgz", inner)] {
            if let Some(data) = data {
                let mut header = tar::Header::new_gnu();
                header.set_size(data.len() as u64);
                tar.append_data(&mut header, name, data).unwrap();
            }
        }
        tar.into_inner().unwrap().finish().unwrap()
    };
    let nested = |levels: usize| (1..levels).fold(packed(None), |inner, _| packed(Some(&inner)));
    assert!(load_archive(&nested(33), "c.tgz", &Defaults::default()).is_ok());
    let error = load_archive(&nested(34), "c.tgz", &Defaults::default()).unwrap_err();
    let expected = format!("chart `c.tgz{}` lies in more than 32 others", "/charts/c.tgz".repeat(33));
    assert_eq!(error.to_string(), expected);
    let paths: Vec<String> = (0..40).map(|level| format!(".helm/{}Chart.yaml", "charts/c/".repeat(level))).collect();
    let text = std::str::from_utf8(CHART).unwrap();
    let error = load(&MemoryTree::new(paths.iter().map(|path| (path.as_str(), text))), ".helm", &project()).unwrap_err();
    assert!(matches!(error, ChartError::TooDeep { .. }), "{error}");
}

#[test]
fn charts_that_cannot_be_loaded() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("other", "")], "there is no chart in `.helm`"),
        (&[(".helm/values.yaml", "a: [")], "cannot load `.helm/values.yaml`"),
        (&[(".helm/values.yaml", "- a")], "cannot load `.helm/values.yaml`"),
        (&[(".helm/Chart.yaml", "version: x")], "`.helm/Chart.yaml`: chart.metadata.version \"x\" is invalid"),
        (&[(".helm/charts/sub/values.yaml", "")], "`.helm/charts/sub/Chart.yaml` is missing"),
        (&[(".helm/charts/sub.tgz", "no archive")], "`.helm/charts/sub.tgz` is no chart archive: invalid gzip header"),
        (&[(".helm/.helmignore", "a/**")], "`.helm/.helmignore` has a line that is no rule"),
    ];
    for (files, message) in cases {
        let error = load(&MemoryTree::new(files.iter().copied()), ".helm", &project()).unwrap_err();
        assert_eq!(error.to_string(), *message);
    }
}

#[test]
fn files_of_the_second_language_see_the_project_and_change_what_go_templates_see() {
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\nannotations: {werf.io/jinja: \"true\"}\n"),
        ("values.yaml", "replicas: 2\n"),
        (
            "templates/b.txt.j2",
            "v: {{ werf_image(\"backend\") }} {{ Release.Revision }} {{ Template.Name }}{% set _ = set(Values, \"replicas\", 5) %}",
        ),
        ("templates/a.txt", "v: {{ .Values.replicas }}"),
        ("templates/NOTES.txt.j2", "{{ Values.replicas }} replicas"),
        ("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
        ("charts/db/templates/c.txt.j2", "v: {{ .Chart.Name }} does not opt in"),
    ];
    let result = rendered(&files, &ValueLayers::default(), RenderOptions::default()).unwrap();
    assert_eq!(result.notes.as_deref(), Some("5 replicas"));
    let texts: BTreeMap<&str, &str> = result.manifests.iter().map(|one| (one.path.as_str(), one.text.as_str())).collect();
    let expected = [
        ("shop/charts/db/templates/c.txt.j2", "v: db does not opt in"),
        ("shop/templates/a.txt", "v: 5"),
        ("shop/templates/b.txt.j2", "v: registry.example.org/shop:backend-tag 3 shop/templates/b.txt.j2"),
    ];
    assert_eq!(texts, BTreeMap::from(expected));
}
