//! `werf helm template` prints what the real `helm template` prints, byte for byte, for a set of charts that look like the public ones.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::chart_set::{Chart, all};
use crate::sandbox::Sandbox;
use crate::testbed::{Needs, testbed};

/// What a program printed, or what it said when it failed.
fn rendered(mut program: Command, chart: &Chart, dir: &Path) -> Result<String, String> {
    let flags = chart.flags.iter().map(|flag| flag.replace("CHART", &dir.to_string_lossy()));
    let output = program.args(["template", "rel"]).arg(dir).args(flags).env("KUBECONFIG", "/dev/null").output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The first line where two texts part, or who failed against expectation.
fn difference(is_refused: bool, ours: Result<String, String>, theirs: Result<String, String>) -> Option<String> {
    match (ours, theirs) {
        (Err(_), Err(_)) if is_refused => None,
        (_, Err(error)) if !is_refused => Some(format!("helm fails: {error}")),
        (Err(error), _) => Some(format!("it fails here only: {error}")),
        (Ok(_), Err(_)) => Some("it renders here, and helm fails".into()),
        (Ok(ours), Ok(theirs)) if ours == theirs && !is_refused => None,
        (Ok(ours), Ok(theirs)) => {
            let mut lines = ours.lines().zip(theirs.lines()).enumerate();
            let parts = lines.find(|(_, (a, b))| a != b).map(|(at, (a, b))| format!("line {}:\n  ours {a}\n  helm {b}", at + 1));
            Some(parts.unwrap_or_else(|| format!("{} lines here, {} of helm", ours.lines().count(), theirs.lines().count())))
        }
    }
}

/// Renders every chart with our binary and with a helm, two at a time, and gives what differs.
fn differences(helm: &str, compat: &str) -> Vec<String> {
    let (sandbox, program) = (Sandbox::empty(), testbed(Needs::Images).bin.join(helm));
    let charts = all();
    assert!(charts.len() >= 60, "{} charts", charts.len());
    let (next, found) = (Mutex::new(charts.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(chart) = next.lock().expect("a lock").next() else { break };
                    let files: Vec<_> = chart.files.iter().map(|(path, text)| (format!("{}/{path}", chart.name), text.as_str())).collect();
                    sandbox.write(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
                    let dir = sandbox.app().join(&chart.name);
                    let mut werf = sandbox.command(&["helm"]);
                    werf.env("WERF_HELM_COMPAT", compat);
                    let (ours, theirs) = (rendered(werf, chart, &dir), rendered(Command::new(&program), chart, &dir));
                    if let Some(difference) = difference(chart.refused_by.contains(&helm), ours, theirs) {
                        found.lock().expect("a lock").push(format!("{}: {difference}", chart.name));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().expect("a lock");
    found.sort();
    found
}

#[test]
fn charts_of_all_kinds_render_as_with_helm_3() {
    let found = differences("helm3", "3");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Where the two helms part, it is Helm 4 that is followed.
#[test]
fn charts_of_all_kinds_render_as_with_helm_4() {
    let found = differences("helm", "4");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
