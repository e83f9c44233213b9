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

/// An image that charts name by its tag and its digest, and one that they do not see.
fn with_images() -> App {
    let chart = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: images}\ndata:\n  front: {{ .Values.werf.image.front }}\n  ref: {{ .Values.global.werf.images.front.ref }}\n  repo: {{ .Values.werf.repo }}\n  all: {{ keys .Values.werf.image | join \",\" }}\n";
    let yaml = "project: shop\nconfigVersion: 1\n---\nimage: front\ndockerfile: Dockerfile\n---\nimage: base\nfinal: false\ndockerfile: Dockerfile\nargs: {X: base}\n";
    App::new(
        Needs::Cluster,
        &[("werf.yaml", yaml), ("Dockerfile", "FROM scratch\nARG X\nCOPY Dockerfile /\n"), (".helm/templates/images.yaml", chart)],
    )
}

#[test]
fn a_report_of_images_says_what_is_deployed() {
    let app = with_images();
    done(&app.werf(&["build", "--save-build-report"]));
    done(&app.werf(&["build", "--save-build-report", "--build-report-path", "images.env"]));
    let text = std::fs::read_to_string(app.sandbox.app().join(".werf-build-report.json")).expect("a report");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    let front = &written["Images"]["front"];
    let (name, digest) = (front["DockerImageName"].as_str().expect("a name"), front["DockerImageDigest"].as_str().expect("a digest"));
    let expect = format!("front: {name}\n  ref: {name}@{digest}\n  repo: {}\n  all: front\n", app.repo);

    // neither a repository nor a builder is asked
    let nothing = [("WERF_REPO", ""), ("BUILDKIT_HOST", "tcp://127.0.0.1:1")];
    for path in [".werf-build-report.json", "images.env"] {
        let rendered = app.werf_with(&["render", "--use-build-report", "--build-report-path", path], &nothing);
        assert!(rendered.code == 0 && rendered.stdout.contains(&expect), "{path}: {rendered:?}");
    }
    // what is deployed is what the report has, whatever the commit has by now
    app.commit(&[("Dockerfile", "FROM scratch\nARG X\nCOPY Dockerfile /other\n")]);
    let planned = app.werf_with(&["plan", "--use-build-report"], &nothing);
    assert!(planned.code == 0 && planned.stdout.contains(&format!("ref: {name}@{digest}\n")), "{planned:?}");
    let deployed = app.werf_with(&["converge", "--use-build-report", "--log-debug"], &nothing);
    done(&deployed);
    assert!(!deployed.stderr.contains("/v2/"), "no registry is asked: {}", deployed.stderr);
    assert_eq!(app.kubectl(&["get", "configmap", "images", "-o", "jsonpath={.data.ref}"]), format!("{name}@{digest}"));
    done(&app.werf_with(&["lint", "--use-build-report"], &nothing));
    // stand-ins have the last word
    let stubs = app.werf_with(&["plan", "--stub-tags", "--use-build-report"], &nothing);
    assert!(stubs.code == 0 && stubs.stdout.contains("+  front: REPO:TAG\n"), "{stubs:?}");

    let write = |name: &str, text: &str| std::fs::write(app.sandbox.app().join(name), text).expect("a file");
    write("none.json", "{\"Images\": {\"base\": {\"DockerRepo\": \"r\", \"DockerTag\": \"t\", \"Final\": false}}}");
    write("half.json", "{\"Images\": {\"front\": {\"DockerRepo\": \"r\"}}}");
    write("bad.json", "[");
    write("bad.env", "WERF_FRONT_DOCKER_REPO=r\nnonsense\n");
    for (path, error, help) in [
        (
            "none.json",
            "the report `none.json` has no image that a chart may name",
            "`werf build --save-build-report` writes one that has; where there are no images, leave `--use-build-report` out",
        ),
        (
            "half.json",
            "the report `half.json` does not tell `DockerTag` of image `front`",
            "`werf build --save-build-report` writes one that does",
        ),
        ("bad.json", "`bad.json` is no report of images", "`werf build --save-build-report` writes one"),
        ("bad.env", "`bad.env` is no report of images: line 2 has no `=`", "`werf build --save-build-report` writes one"),
        (
            "gone.json",
            "cannot read the report of images `gone.json`",
            "`werf build --save-build-report` writes it; `--build-report-path` says where it is",
        ),
    ] {
        let refused = app.werf_with(&["converge", "--use-build-report", "--build-report-path", path], &nothing);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert_says(&refused.stderr, &[&format!("error: {error}\n"), &format!("help: {help}\n")]);
    }
}

#[test]
fn graphs_of_what_is_done_and_no_wait_for_the_end() {
    let app = app();
    let read = |file: &str| std::fs::read_to_string(app.sandbox.app().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let converge = |tone: &str, more: &[&str]| app.werf(&[&["converge", "--set", tone], more].concat());
    done(&converge("tone=low", &["--deploy-graph-path", "first"]));
    let first = read("first.dot");
    assert!(first.starts_with("strict digraph {\n\trankdir=\"LR\";\n") && first.contains("[label=\"create ConfigMap/a\"];"), "{first}");
    assert!(first.contains("track readiness of ConfigMap/a"), "{first}");
    done(&app.werf(&["plan", "--set", "tone=high", "--deploy-graph-path", "planned.dot", "--no-final-tracking"]));
    assert_eq!(read("planned.dot"), "strict digraph {\n\trankdir=\"LR\";\n\t0 [label=\"update ConfigMap/b\"];\n}\n");

    // a pod that there cannot be is not waited for
    let never = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: never}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      nodeSelector: {no: where}\n      containers: [{name: c, image: registry.example.org/none:1}]\n";
    app.commit(&[(".helm/templates/c.yaml", never)]);
    done(&converge("tone=high", &["--no-final-tracking", "--delete-propagation", "Orphan"]));
    assert_eq!(app.kubectl(&["get", "deployment", "never", "-o", "jsonpath={.metadata.name}"]), "never");
    let owned = || app.kubectl(&["get", "replicaset", "-l", "a=b", "-o", "name"]);
    app.kubectl(&["wait", "--for=jsonpath={.status.observedGeneration}=1", "deployment/never", "--timeout=300s"]);
    assert!(!owned().is_empty());
    app.sandbox.git(&["rm", "-q", ".helm/templates/c.yaml"]);
    app.commit(&[]);
    done(&converge("tone=high", &["--delete-propagation", "Orphan"]));
    assert!(!owned().is_empty(), "what it owned stays");

    done(&app.werf(&["rollback", "--revision", "1", "--rollback-graph-path", "back.dot"]));
    assert!(read("back.dot").contains("[label=\"update ConfigMap/b\"];"), "{}", read("back.dot"));
    std::fs::create_dir(app.sandbox.app().join("dir.dot")).expect("a directory");
    let unwritten = converge("tone=mid", &["--deploy-graph-path", "dir.dot"]);
    assert_eq!(unwritten.code, 1, "{}", unwritten.stderr);
    assert_says(
        &unwritten.stderr,
        &["error: cannot write the graph `dir.dot`\n", "help: check the path, its permissions and the space on its disk\n"],
    );
    assert_eq!(app.kubectl(&["get", "configmap", "b", "-o", "jsonpath={.data.tone}"]), "low", "nothing was changed");
    for (flag, value, error) in [
        ("--deploy-graph-path", "x.png", "the extension must be .dot, or none"),
        ("--delete-propagation", "foreground", "`foreground` is none of Foreground, Background, Orphan"),
        ("--kube-request-timeout", "5", "a time is wanted, such as 30s or 1m30s"),
    ] {
        let refused = converge("tone=mid", &[flag, value]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert_says(&refused.stderr, &[&format!("error: invalid value '{value}' for '{flag} "), error]);
    }
}
