//! `--follow`: a command that runs again for each new commit.

use rustix::process::Signal;

use crate::testbed::{App, Needs, assert_says};

const WAITS: &str = "Waiting for a new commit";

fn map(tone: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{tone: {tone}}}\n")
}

#[test]
fn each_new_commit_is_deployed_until_somebody_ends_it() {
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n"), (".helm/templates/a.yaml", &map("low"))]);
    let tone = || app.kubectl(&["get", "configmap", "a", "-o", "jsonpath={.data.tone}"]);
    let mut running = app.start(&["converge"], &[("WERF_FOLLOW", "true")]);
    running.until("Deployed shop in namespace ");
    running.until(WAITS);
    assert_eq!(tone(), "low");
    // what is not committed is no reason, and a failure is no end
    app.sandbox.write(&[(".helm/templates/a.yaml", "not: [yaml")]);
    app.commit(&[]);
    running.until("error: ");
    running.until(WAITS);
    app.commit(&[(".helm/templates/a.yaml", &map("high"))]);
    running.until("Deployed shop in namespace ");
    running.until(WAITS);
    assert_eq!(tone(), "high");
    running.signal(Signal::INT);
    let ended = running.finish();
    assert_eq!(ended.code, 130, "{}", ended.stderr);

    // the first time a failure is the end
    app.commit(&[(".helm/templates/a.yaml", "not: [yaml")]);
    let failed = app.werf(&["plan", "--follow"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(!failed.stderr.contains(WAITS), "{}", failed.stderr);
}

#[test]
fn with_dev_each_change_counts() {
    let app = App::new(Needs::Images, &[("werf.yaml", "project: shop\nconfigVersion: 1\n---\nimage: app\ndockerfile: Dockerfile\n")]);
    app.commit(&[("Dockerfile", "FROM scratch\nCOPY page /\n"), ("page", &app.namespace)]);
    let mut running = app.start(&["build", "--follow", "--dev"], &[]);
    running.until("Published image app");
    running.until("Waiting for a change of the work tree");
    app.sandbox.write(&[("page", "another")]);
    running.until("Published image app");
    running.until("Waiting for a change of the work tree");
    running.signal(Signal::TERM);
    let ended = running.finish();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_says(&ended.stderr, &["error: interrupted"]);
    assert_eq!(app.tags().len(), 2);
}
