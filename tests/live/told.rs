//! What a deployment shows of the containers and events that it waits for.

use serde_json::Value;

use crate::testbed::{App, Needs, assert_says, has_real_node};

/// The output of deploying a Job that runs a script; `None` where no container runs.
fn job(script: &str, annotations: &str, backoff: u32) -> Option<String> {
    if !has_real_node() {
        return None;
    }
    let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
    let policy = if backoff == 0 { "Never" } else { "OnFailure" };
    let job = format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: talk, annotations: {{{annotations}}}}}\nspec:\n  backoffLimit: {backoff}\n  template:\n    spec:\n      restartPolicy: {policy}\n      volumes: [{{name: v, emptyDir: {{}}}}]\n      containers: [{{name: main, image: {}, volumeMounts: [{{name: v, mountPath: /v}}], command: [sh, -c, {}]}}]\n",
        app.base(),
        Value::from(script)
    );
    app.commit(&[(".helm/templates/job.yaml", &job)]);
    let printed = app.werf(&["converge", "--timeout", "90"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    Some(printed.stderr)
}

/// The lines that were shown of the container.
fn lines(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.split_once("/main │ ")).map(|(_, text)| text).collect()
}

#[test]
fn every_line_of_both_streams_is_shown_once_and_in_its_order() {
    let Some(said) = job("i=0; while [ $i -lt 5000 ]; do echo out-$i; echo err-$i >&2; i=$((i+1)); done", "", 0) else { return };
    let lines = lines(&said);
    for stream in ["out", "err"] {
        let shown: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with(stream)).collect();
        let wanted: Vec<String> = (0..5000).map(|number| format!("{stream}-{number}")).collect();
        assert_eq!(shown, wanted);
    }
}

#[test]
fn a_long_log_of_a_job_that_has_ended_is_shown_to_its_end() {
    let Some(said) = job("i=0; while [ $i -lt 20 ]; do seq 1 10000; i=$((i+1)); done; echo the end", "", 0) else { return };
    let lines = lines(&said);
    assert_eq!((lines.len(), lines.last()), (200_001, Some(&"the end")));
}

#[test]
fn bytes_that_are_no_text_and_lines_without_end_hide_nothing() {
    let script = "echo first; printf 'na\\357ve\\n'; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last";
    let Some(said) = job(script, "", 0) else { return };
    let lines = lines(&said);
    assert_eq!((lines.first(), lines.get(1), lines.last()), (Some(&"first"), Some(&"na\u{fffd}ve"), Some(&"last")));
    let long = lines.iter().find(|line| line.starts_with("xxx")).expect("the long line");
    assert!(long.len() < 70_000 && long.ends_with("more bytes)"), "{} … {}", long.len(), &long[long.len() - 40..]);
}

#[test]
fn each_try_of_a_job_is_waited_for_and_shown() {
    let Some(said) = job("echo x >> /v/n; n=$(wc -l < /v/n); echo try $n; [ $n -ge 2 ]", "", 3) else { return };
    assert_eq!(lines(&said), ["try 1", "try 2"]);
}

#[test]
fn events_are_shown_where_the_annotation_asks_for_them() {
    let Some(said) = job("sleep 1", "werf.io/show-service-messages: 'true'", 0) else { return };
    assert_says(&said, &["Event Job/talk: SuccessfulCreate: Created pod: talk-", "Event Pod/talk-", ": Scheduled: ", ": Started: "]);
    let Some(silent) = job("sleep 1", "", 0) else { return };
    assert!(!silent.contains("Event "), "{silent}");
}
