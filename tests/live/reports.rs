//! Reports of deployments, and what an earlier revision is given when it is brought back.

use serde_json::{Value, json};

use crate::sandbox::Printed;
use crate::testbed::{App, Needs, assert_says};

/// A release `shop` of two ConfigMaps, of which the second has a value.
fn app() -> App {
    let map = |name: &str, data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {data}\n");
    App::new(
        Needs::Cluster,
        &[
            ("werf.yaml", "project: shop\nconfigVersion: 1\n"),
            (".helm/templates/a.yaml", &map("a", "{x: '1'}")),
            (".helm/templates/b.yaml", &map("b", "{tone: {{ .Values.tone | quote }}}")),
        ],
    )
}

fn report(app: &App, file: &str) -> Value {
    let text = std::fs::read_to_string(app.sandbox.app().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let report: Value = serde_json::from_str(&text).expect("JSON");
    // the order of the keys is werf 2's
    let keys: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("\t\"")?.split('"').next()).collect();
    let all = ["version", "release", "namespace", "revision", "status", "completedOperations", "canceledOperations", "failedOperations"];
    assert_eq!(keys, all.iter().copied().filter(|key| report.get(*key).is_some()).collect::<Vec<_>>());
    report
}

fn done(printed: &Printed) {
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

#[test]
fn a_report_has_what_was_changed_and_dismiss_takes_the_release_from_it() {
    let app = app();
    let named = |word: &str, name: &str| format!("{word}: ConfigMap/{name} (namespace={})", app.namespace);
    let converge = |more: &[&str]| app.werf(&[&["converge", "--save-deploy-report"], more].concat());
    done(&converge(&["--set", "tone=low"]));
    let head = |revision: u32, status: &str| json!({"version": 3, "release": "shop", "namespace": app.namespace, "revision": revision, "status": status});
    let with = |head: Value, key: &str, lines: &[String]| {
        let mut report = head;
        report[key] = json!(lines);
        report
    };
    let first = with(head(1, "deployed"), "completedOperations", &[named("create", "a"), named("create", "b")]);
    assert_eq!(report(&app, ".werf-deploy-report.json"), first);

    done(&converge(&["--set", "tone=low", "--deploy-report-path", "again"]));
    assert_eq!(report(&app, "again.json"), head(1, "skipped"));

    // What the server does not take is found out before anything is applied, so there is nothing to report.
    app.commit(&[(".helm/templates/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {key with spaces: x}\n")]);
    let refused = converge(&["--set", "tone=low", "--deploy-report-path", "refused.json"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(!app.sandbox.app().join("refused.json").exists());

    // An object that waits for what there cannot be ends a deployment in the middle.
    let late = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: late, annotations: {werf.io/weight: '1', other.external-dependency.werf.io/resource: nonsense/x}}\n";
    app.commit(&[(".helm/templates/c.yaml", late)]);
    let failed = converge(&["--set", "tone=high", "--deploy-report-path", "failed.json"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let expect = with(head(2, "failed"), "completedOperations", &[named("update", "b")]);
    assert_eq!(report(&app, "failed.json"), with(expect, "canceledOperations", &[named("create", "late")]));

    // A report that cannot be written is an error, whatever became of the release.
    std::fs::create_dir(app.sandbox.app().join("dir.json")).expect("a directory");
    app.sandbox.git(&["rm", "-q", ".helm/templates/c.yaml"]);
    app.commit(&[]);
    let unwritten = converge(&["--set", "tone=high", "--deploy-report-path", "dir.json"]);
    assert_eq!(unwritten.code, 1, "{}", unwritten.stderr);
    assert_says(&unwritten.stderr, &["Deployed shop in namespace ", "error: cannot write the report `dir.json`"]);

    // No project is needed for what a report tells, or flags.
    let outside = app.sandbox.root().join("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::fs::copy(app.sandbox.app().join(".werf-deploy-report.json"), outside.join(".werf-deploy-report.json")).expect("a copy");
    let dir = ["--dir", outside.to_str().expect("a path")];
    let path = outside.join(".werf-deploy-report.json");
    let path = path.to_str().expect("a path");
    let dismiss =
        app.werf_with(&[&["dismiss", "--use-deploy-report", "--deploy-report-path", path], &dir[..]].concat(), &[("WERF_NAMESPACE", "")]);
    done(&dismiss);
    assert_says(&dismiss.stderr, &["Dismissed release shop"]);
    assert_eq!(app.kubectl(&["get", "configmap", "a", "b", "--ignore-not-found", "-o", "name"]), "");
    let again = app.werf(&[&["dismiss", "--release", "shop"], &dir[..]].concat());
    done(&again);
    assert_says(&again.stderr, &["nothing to dismiss"]);
}

#[test]
fn what_is_brought_back_gets_marks_and_a_report() {
    let app = app();
    let converge = |tone: &str| done(&app.werf(&["converge", "--set", tone, "--env", "prod"]));
    converge("tone=low");
    converge("tone=high");
    let rolled = app.werf(&[
        "rollback",
        "--env",
        "prod",
        "--save-rollback-report",
        "--add-annotation",
        "ci.werf.io/commit=abc",
        "--add-label",
        "team=shop",
        "--release-label",
        "by=hand",
    ]);
    done(&rolled);
    let updated = |name: &str| format!("update: ConfigMap/{name} (namespace={})", app.namespace);
    assert_eq!(
        report(&app, ".werf-rollback-report.json"),
        json!({"version": 3, "release": "shop-prod", "namespace": app.namespace, "revision": 3, "status": "deployed",
            "completedOperations": [updated("a"), updated("b")]})
    );
    let object: Value = serde_json::from_str(&app.kubectl(&["get", "configmap", "b", "-o", "json"])).expect("JSON");
    assert_eq!(object["data"]["tone"], "low");
    assert_eq!(object["metadata"]["labels"]["team"], "shop");
    let annotations = &object["metadata"]["annotations"];
    for (name, value) in [("ci.werf.io/commit", "abc"), ("project.werf.io/name", "shop"), ("project.werf.io/env", "prod")] {
        assert_eq!(annotations[name], value, "{name}: {annotations}");
    }
    assert_eq!(app.kubectl(&["get", "secret", "sh.helm.release.v1.shop-prod.v3", "-o", "jsonpath={.metadata.labels.by}"]), "hand");
    // What the record does not have does not stay for ever.
    converge("tone=low");
    let object: Value = serde_json::from_str(&app.kubectl(&["get", "configmap", "b", "-o", "json"])).expect("JSON");
    assert_eq!(object["metadata"]["labels"].get("team"), None);
}

#[test]
fn an_automatic_rollback_keeps_the_marks() {
    let app = app();
    done(&app.werf(&["converge", "--set", "tone=low", "--env", "prod"]));
    let hook = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: late, annotations: {werf.io/weight: '1', other.external-dependency.werf.io/resource: nonsense/x}}\n";
    app.commit(&[(".helm/templates/c.yaml", hook)]);
    let failed = app.werf(&["converge", "--set", "tone=high", "--env", "prod", "--auto-rollback", "--save-deploy-report"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert_says(&failed.stderr, &["Rolled back release shop-prod to the state of revision 1"]);
    let told = report(&app, ".werf-deploy-report.json");
    assert_eq!((&told["revision"], &told["status"]), (&json!(2), &json!("failed")));
    let object: Value = serde_json::from_str(&app.kubectl(&["get", "configmap", "b", "-o", "json"])).expect("JSON");
    assert_eq!((&object["data"]["tone"], &object["metadata"]["annotations"]["project.werf.io/env"]), (&json!("low"), &json!("prod")));
}

#[test]
fn a_namespace_that_must_be_there_and_marks_that_manifests_do_not_have() {
    let app = app();
    let converge = |more: &[&str]| app.werf(&[&["converge", "--set", "tone=low", "--no-create-namespace"], more].concat());
    let refused = converge(&[]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(
        &refused.stderr,
        &[&format!("error: there is no namespace `{}`", app.namespace), "help: make it, or leave `--no-create-namespace` out"],
    );
    app.program("kubectl", &["create", "namespace", &app.namespace]);
    done(&converge(&["--runtime-annotations", "run=1,job=2", "--runtime-labels", "team=shop"]));
    let object: Value = serde_json::from_str(&app.kubectl(&["get", "configmap", "b", "-o", "json"])).expect("JSON");
    let metadata = &object["metadata"];
    assert_eq!(
        (&metadata["annotations"]["run"], &metadata["annotations"]["job"], &metadata["labels"]["team"]),
        (&json!("1"), &json!("2"), &json!("shop"))
    );
    let manifest = app.program("helm", &["get", "manifest", "shop", "-n", &app.namespace]);
    assert!(!String::from_utf8_lossy(&manifest.stdout).contains("team"), "{manifest:?}");
}

#[test]
fn a_report_of_images() {
    let app = App::new(Needs::Images, &[("Dockerfile", "ARG BASE\nFROM $BASE\nCOPY Dockerfile /\n")]);
    let yaml = "project: shop\nconfigVersion: 1\n---\nimage: back/end\ndockerfile: Dockerfile\nargs: {BASE: $BASE}\n---\nimage: base\nfinal: false\nfrom: $BASE\n\
                ---\nimage: worker\nfrom: base\nshell: {install: [touch /worker]}\n---\nimage: tests\nfinal: false\nfrom: $BASE\n";
    app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base()))]);
    let build = |more: &[&str]| done(&app.werf(&[&["build", "--save-build-report", "--final-images-only"], more].concat()));
    let images = |file: &str| -> Value {
        let text = std::fs::read_to_string(app.sandbox.app().join(file)).expect("a report");
        serde_json::from_str::<Value>(&text).expect("JSON")["Images"].take()
    };
    build(&[]);
    let first = images(".werf-build-report.json");
    let names: Vec<&String> = first.as_object().expect("images").keys().collect();
    assert_eq!(names, ["back/end", "base", "worker"], "nothing of the chart needs `tests`");
    let commit = app.sandbox.git(&["rev-parse", "HEAD"]);
    for (name, kind, is_final) in [("back/end", "dockerfile", true), ("base", "stapel", false), ("worker", "stapel", true)] {
        let record = &first[name];
        let tag = record["DockerTag"].as_str().expect("a tag");
        assert!(app.tags().contains(&tag.to_owned()), "{record}");
        assert_eq!(record["DockerImageName"], format!("{}:{tag}", app.repo));
        let expect = json!([name, kind, app.repo, "linux/amd64", true, is_final, commit, []]);
        let keys = ["WerfImageName", "ConfigType", "DockerRepo", "TargetPlatform", "Rebuilt", "Final", "Commit", "Stages"];
        assert_eq!(json!(keys.map(|key| &record[key])), expect);
        assert!(
            record["Size"].as_u64() > Some(0) && record["BuildTime"].as_str().is_some_and(|time| time.parse::<f64>().is_ok()),
            "{record}"
        );
        let published = crate::published::curl(&format!(
            "http://{}/v2/{}/manifests/{tag}",
            app.testbed.registry,
            app.repo.split_once('/').expect("a path").1
        ));
        let manifest: Value = serde_json::from_slice(&published).expect("a manifest");
        assert_eq!(record["DockerImageID"], manifest["config"]["digest"]);
    }

    build(&["--build-report-path", "images.env"]);
    let text = std::fs::read_to_string(app.sandbox.app().join("images.env")).expect("a report");
    for key in ["Name", "ID", "Digest"] {
        let record = &first["back/end"];
        let line = format!(
            "WERF_BACK_END_DOCKER_IMAGE_{}={}\n",
            key.to_uppercase(),
            record[format!("DockerImage{key}")].as_str().expect("a text")
        );
        assert!(text.contains(&line), "{line} is missing in {text}");
    }
    assert!(text.contains("WERF_WORKER_FINAL=true\n") && !text.contains("WERF_BASE_"), "what is there is not asked for its base: {text}");

    build(&["--build-report-path", "again"]);
    let again = images("again.json");
    assert_eq!(json!([again["worker"]["Rebuilt"], again["worker"]["BuildTime"]]), json!([false, "0.00"]));
    assert_eq!(again["worker"]["DockerImageDigest"], first["worker"]["DockerImageDigest"]);
}
