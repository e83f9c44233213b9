//! The log beside its usual lines: JSON, parts that fold, time stamps.

use serde_json::{Value, json};

use super::super::deploy::fake::Fake;
use super::super::sandbox::Sandbox;
use super::told_with;

async fn cluster() -> (Fake, Sandbox) {
    let cluster = Fake::start().await;
    cluster.put("/api/v1/namespaces/app", json!({"metadata": {"name": "app"}}));
    let chart = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n";
    let sandbox = Sandbox::commit(&[("werf.yaml", "project: app\nconfigVersion: 1\n"), (".helm/templates/app.yaml", chart)]);
    (cluster, sandbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_a_json_line_and_so_is_the_failure() {
    let (cluster, sandbox) = cluster().await;
    let server = format!("http://{}", cluster.address);
    let events = |args: &[&str]| {
        let printed =
            tokio::task::block_in_place(|| sandbox.werf(&[args, &["--log-format", "json", "--kube-api-server", &server]].concat()));
        let lines = printed.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
        (printed.code, lines.collect::<Vec<Value>>())
    };
    let (code, told) = events(&["converge", "--log-quiet"]);
    let names: Vec<&str> = told.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((code, names), (0, vec!["plan-made", "resource-applied", "resource-ready", "release-deployed", "next-steps"]));
    let end = &told[3];
    assert_eq!((&end["release"], &end["revision"], &end["created"]), (&json!("app"), &json!(1), &json!(1)));
    assert!(end["took"].is_f64() && end["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{end}");
    let (code, told) = events(&["rollback", "--revision", "7"]);
    assert_eq!((code, told.len()), (1, 1), "{told:?}");
    assert_eq!(
        (&told[0]["event"], &told[0]["message"], &told[0]["help"]),
        (&json!("failed"), &json!("release `app` has no revision 7"), &json!("it has: 1 (deployed)"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_fold_where_a_ci_system_can_and_times_have_the_layout_that_is_asked_for() {
    let (cluster, sandbox) = cluster().await;
    let server = format!("http://{}", cluster.address);
    let converge = |args: &[&str], env: &[(&str, &str)]| {
        let args = [&["converge", "--kube-api-server", &server], args].concat();
        tokio::task::block_in_place(|| told_with(&sandbox, &args, env))
    };
    insta::assert_snapshot!(converge(&[], &[("GITHUB_ACTIONS", "true")]), @r"
    exit 0
         Planned 1 to create
    ::group::Deployment
         Created ConfigMap/app
           Ready ConfigMap/app after TIME
    ::endgroup::
        Deployed app in namespace app, revision 1: 1 created, TIME
            Next `werf status`, `werf logs`
    ");
    let label = |value: &str| format!("team={value}");
    let text = converge(&["--add-label", &label("a")], &[("GITLAB_CI", "true")]);
    let masked = regex::Regex::new(r":\d{10}:").expect("a pattern").replace_all(&text, ":TIME:").replace(['\r', '\u{1b}'], "");
    insta::assert_snapshot!(masked, @r"
    exit 0
         Planned 1 to update
    [0Ksection_start:TIME:werf_deployment_1[collapsed=true][0KDeployment
         Updated ConfigMap/app
           Ready ConfigMap/app after TIME
    [0Ksection_end:TIME:werf_deployment_1[0K
        Deployed app in namespace app, revision 2: 1 updated, TIME
            Next `werf status`, `werf logs`, `werf rollback`
    ");
    for (args, env) in
        [(&["--log-folds=false"][..], ("GITHUB_ACTIONS", "true")), (&["--log-quiet"], ("GITHUB_ACTIONS", "true")), (&[], ("CI", "true"))]
    {
        let text = converge(&[&["--add-label", &label("b")], args].concat(), &[env]);
        assert!(text.starts_with("exit 0\n") && !text.contains("::"), "{text}");
    }
    let text = converge(&["--log-time", "--log-time-format", "[2006] 15h"], &[]);
    let line = text.lines().nth(1).unwrap_or_default();
    assert!(regex::Regex::new(r"^\[20\d\d\] \d\dh    Unchanged ").expect("a pattern").is_match(line), "{text}");
    insta::assert_snapshot!(converge(&["--log-time-format", "%H"], &[]), @r"
    exit 2
    error: invalid value '%H' for '--log-time-format <LAYOUT>': it has no part of a time; write it as Go does, such as `15:04:05` or `2006-01-02T15:04:05Z07:00`

    For more information, try '--help'.
    ");
}
