//! Releases of many objects, beside `helm` with the same chart: the first deployment, one that changes much, little and nothing, and the end.
//!
//! Objects are ConfigMaps, so that what is measured is the way to the cluster and back, not how long pods take.

use std::process::Command;

use crate::fixture::{Project, Testbed};
use crate::measure::{Sample, alone, by_turns, must};
use crate::table::Row;

/// How often each pair is run.
const PAIRS: usize = 5;

/// 500 objects beside helm, 1,000 to dismiss, and 4,000 that are as they should be.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let bench = Bench::new(&testbed);
    let mut rows = vec![
        bench.first("first deploy of 500 objects", "≤ 0.5 of helm --wait", 500),
        bench.again("no-op of 500 objects", "≤ 0.04 of helm", 500, |_| 0),
        bench.again("250 of 500 objects changed", "≤ 0.25 of helm", 500, |turn| 250 * (turn + 1)),
        bench.again("1 of 500 objects changed", "≤ 0.1 of helm", 500, |turn| turn + 1),
        bench.dismiss("dismiss of 1,000 objects", "≤ 1.0 of helm --wait", 1000),
    ];
    rows.push(bench.large("no-op of 4,000 objects", "≤ 1.5 s, ≤ 150 MiB", 4000));
    rows
}

struct Bench<'a> {
    testbed: &'a Testbed,
    project: Project,
}

impl<'a> Bench<'a> {
    fn new(testbed: &'a Testbed) -> Self {
        let project = Project::new();
        project.write("werf.yaml", "project: many\nconfigVersion: 1\n");
        project.write(".helm/Chart.yaml", "apiVersion: v2\nname: many\nversion: 1.0.0\n");
        // `edits` counts changes: of the object i there were as many as of the numbers up to `edits` fall on it
        project.write(
            ".helm/templates/all.yaml",
            "{{- range $i := until (int .Values.n) }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: map-{{ $i }}}\ndata:\n  number: \"{{ $i }}\"\n  edit: \"{{ div (add (int $.Values.edits) (sub (int $.Values.n) (add1 $i))) (int $.Values.n) }}\"\n{{- end }}\n",
        );
        project.write(".helm/values.yaml", "n: 1\nedits: 0\n");
        project.commit();
        Bench { testbed, project }
    }

    fn namespace(&self, what: &str, who: &str, turn: usize) -> String {
        let words: Vec<&str> = what.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        format!("bench-{}-{}-{who}-{turn}", std::process::id(), words.join("-"))
    }

    fn werf(&self, command: &str, namespace: &str, n: usize, edits: usize) -> Command {
        let (n, edits) = (format!("n={n}"), format!("edits={edits}"));
        let values: &[&str] = if command == "converge" { &["--set", &n, "--set", &edits] } else { &[] };
        self.testbed.werf(&self.project, &[&[command, "--namespace", namespace, "--release", "many"], values].concat())
    }

    fn helm(&self, namespace: &str, n: usize, edits: usize) -> Command {
        let mut command = self.testbed.program("helm");
        command.args(["upgrade", "--install", "many", "--wait", "--create-namespace", "--namespace", namespace]);
        command.args(["--set", &format!("n={n}"), "--set", &format!("edits={edits}")]).arg(self.project.dir.join(".helm"));
        command
    }

    fn first(&self, what: &str, bar: &'static str, n: usize) -> Row {
        let (ours, peer) = by_turns(
            PAIRS,
            |turn| self.werf("converge", &self.namespace(what, "werf", turn), n, 0),
            |turn| self.helm(&self.namespace(what, "helm", turn), n, 0),
        );
        let requests = self.requests(&self.namespace(what, "count", 0), n);
        self.forget((0..PAIRS).flat_map(|turn| ["werf", "helm"].map(|who| self.namespace(what, who, turn))));
        self.forget([self.namespace(what, "count", 0)]);
        self.row(what, bar, ours, Some(peer), format!("{requests} requests"))
    }

    fn again(&self, what: &str, bar: &'static str, n: usize, edits: impl Fn(usize) -> usize) -> Row {
        let [ours, theirs] = ["werf", "helm"].map(|who| self.namespace(what, who, 0));
        must(self.werf("converge", &ours, n, 0));
        must(self.helm(&theirs, n, 0));
        let requests = if edits(0) == 0 { format!("{} requests", self.requests(&ours, n)) } else { String::new() };
        let (sample, peer) =
            by_turns(PAIRS, |turn| self.werf("converge", &ours, n, edits(turn)), |turn| self.helm(&theirs, n, edits(turn)));
        self.forget([ours, theirs]);
        self.row(what, bar, sample, Some(peer), requests)
    }

    fn dismiss(&self, what: &str, bar: &'static str, n: usize) -> Row {
        let name = |who: &str, turn: usize| self.namespace(what, who, turn);
        // each turn has a release of its own
        for turn in 0..PAIRS {
            must(self.werf("converge", &name("werf", turn), n, 0));
            must(self.helm(&name("helm", turn), n, 0));
        }
        let (ours, peer) = by_turns(
            PAIRS,
            |turn| self.werf("dismiss", &name("werf", turn), n, 0),
            |turn| {
                let mut command = self.testbed.program("helm");
                command.args(["uninstall", "many", "--wait", "--namespace", &name("helm", turn)]);
                command
            },
        );
        self.forget((0..PAIRS).flat_map(|turn| ["werf", "helm"].map(|who| name(who, turn))));
        self.row(what, bar, ours, Some(peer), String::new())
    }

    fn large(&self, what: &str, bar: &'static str, n: usize) -> Row {
        let namespace = self.namespace(what, "werf", 0);
        must(self.werf("converge", &namespace, n, 0));
        let ours = alone(PAIRS, |_| self.werf("converge", &namespace, n, 0));
        let requests = self.requests(&namespace, n);
        self.forget([namespace]);
        self.row(what, bar, ours, None, format!("{requests} requests"))
    }

    /// How many requests a deployment sends to the cluster.
    fn requests(&self, namespace: &str, n: usize) -> usize {
        let mut command = self.werf("converge", namespace, n, 0);
        command.arg("--log-debug");
        let output = command.output().expect("werf runs");
        String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("net::asked: request ")).count()
    }

    fn forget(&self, namespaces: impl IntoIterator<Item = String>) {
        let mut kubectl = self.testbed.program("kubectl");
        kubectl.args(["delete", "namespace", "--wait=false", "--ignore-not-found"]).args(namespaces);
        must(kubectl);
    }

    fn row(&self, what: &str, bar: &'static str, ours: Sample, peer: Option<Sample>, remark: String) -> Row {
        Row { what: what.into(), bar, ours, peer: peer.map(|peer| ("helm", peer)), remark }
    }
}
