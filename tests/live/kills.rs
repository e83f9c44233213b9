//! Killed at any point, a command leaves nothing that the next run does not heal: SIGKILL comes with a certain request to the registry or to
//! the API server, which reaches it or is lost with the sender.
//!
//! Points are shares of the requests that an undisturbed run makes. Five of them are drawn by the commit; `WERF_KILL_POINTS=all` tries all.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::Value;

use crate::front::{Trap, counting};
use crate::published::Published;
use crate::testbed::{App, Needs, Running, WEB};

/// How many points each command has.
const POINTS: usize = 14;

/// How many are tried without being asked for all.
const DRAWN: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Build,
    Converge,
    Cleanup,
}

const ALL: [Work; 3] = [Work::Build, Work::Converge, Work::Cleanup];

impl Work {
    fn args(self) -> &'static [&'static str] {
        match self {
            Work::Build => &["build"],
            Work::Converge => &["converge"],
            Work::Cleanup => &["cleanup", "--keep-stages-built-within-last-n-hours", "0"],
        }
    }
}

/// An application whose servers stand behind fronts.
struct Scene {
    app: App,
    repo: String,
    kubeconfig: String,
    trap: Arc<Trap>,
    proxy: Child,
}

impl Scene {
    fn new(work: Work, at: usize) -> Self {
        let app = App::new(Needs::Cluster, &[WEB, ("a.txt", "first\n"), ("Dockerfile", "ARG BASE\nFROM $BASE\nCOPY a.txt /\n")]);
        let yaml = "project: shop\nconfigVersion: 1\n---\nimage: one\nfrom: $BASE\ngit: [{add: /a.txt, to: /a.txt}]\nshell: {setup: ['date > /built']}\n\
                    ---\nimage: two\ndockerfile: Dockerfile\nargs: {BASE: $BASE}\n";
        let objects = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: images}
data: {one: '{{ werf_image \"one\" }}', two: '{{ werf_image \"two\" }}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: post-install, helm.sh/hook-delete-policy: before-hook-creation}}
";
        app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base())), (".helm/templates/objects.yaml", objects)]);
        let (proxy, api) = plain_api(&app);
        if work == Work::Cleanup {
            published(&app);
        }
        let trap = Trap::new(at);
        let registry = counting(&app.testbed.registry, &trap);
        let api = counting(&api, &trap);
        let path = app.sandbox.root().join("kubeconfig");
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'http://{api}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        );
        std::fs::write(&path, config).expect("write");
        let repo = format!("{registry}/{}", app.repo.split_once('/').expect("a path").1);
        Scene { repo, kubeconfig: path.display().to_string(), app, trap, proxy }
    }

    /// Runs the command behind the fronts; whether it ended by itself.
    fn run(&self, work: Work) -> bool {
        let running: Running = self.app.start(work.args(), &[("WERF_REPO", &self.repo), ("KUBECONFIG", &self.kubeconfig)]);
        self.trap.aim(running.pid());
        let printed = running.finish();
        assert!(printed.code == 0 || printed.code == -1, "{work:?}: {}\n{}", printed.code, printed.stderr);
        printed.code == 0
    }

    /// What stands in the end, without what differs from run to run.
    fn state(&self, work: Work) -> String {
        let tags = self.app.tags();
        for tag in &tags {
            // all its parts are there, or this panics
            Published::read(&format!("{}:{tag}", self.app.repo));
        }
        // a cleanup's images have names of their own in each run
        let mut state = if work == Work::Cleanup { format!("{} images\n", tags.len()) } else { format!("{tags:?}\n") };
        if work == Work::Converge {
            let history = self.app.program("helm", &["history", "shop", "-n", &self.app.namespace, "-o", "json"]);
            let history: Value = serde_json::from_slice(&history.stdout).expect("a history");
            let statuses: Vec<&str> = history.as_array().into_iter().flatten().filter_map(|one| one["status"].as_str()).collect();
            assert!(statuses.iter().all(|status| !status.starts_with("pending")), "{statuses:?}");
            state += &format!("{:?}\n", statuses.last());
            let lock = ["get", "configmap", "werf-synchronization", "-o", "jsonpath={.metadata.annotations}"];
            state += &format!("lock {:?}\n", self.app.kubectl(&lock));
            let names = ["get", "configmap,deployment", "-o", "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.data}{\"\\n\"}{end}"];
            let objects = self.app.kubectl(&names);
            state += &objects
                .lines()
                .filter(|line| !line.contains("kube-root-ca"))
                .map(|line| line.replace(&self.repo, "REPO") + "\n")
                .collect::<String>();
        }
        state
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// The API server without TLS, so that a front sees its requests; gives where it is.
fn plain_api(app: &App) -> (Child, String) {
    let kubeconfig = app.testbed.run.join("admin.kubeconfig");
    let mut command = Command::new(app.testbed.bin.join("kubectl"));
    command.args(["proxy", "--port=0"]).env("KUBECONFIG", kubeconfig).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut proxy = command.spawn().expect("kubectl runs");
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().expect("a pipe")).read_line(&mut line).expect("kubectl says where it listens");
    let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    (proxy, address)
}

/// Publishes images of commits that nobody wants any more, and of one that the branch has.
fn published(app: &App) {
    app.sandbox.git(&["checkout", "-q", "--detach"]);
    for text in ["lost", "gone"] {
        // an image of this name is in use wherever it is: other tests have others
        app.commit(&[("a.txt", &format!("{text} {}\n", app.namespace))]);
        assert_eq!(app.werf(&["build"]).code, 0);
    }
    app.sandbox.git(&["checkout", "-q", "main"]);
    assert_eq!(app.werf(&["build"]).code, 0);
}

/// The state that an undisturbed run leaves, and its requests.
fn undisturbed(work: Work) -> (String, usize) {
    let scene = Scene::new(work, 0);
    assert!(scene.run(work));
    (scene.state(work), scene.trap.seen())
}

/// The points that are tried: all, or some that the commit draws.
fn points() -> Vec<(Work, usize)> {
    let all: Vec<(Work, usize)> = ALL.into_iter().flat_map(|work| (1..=POINTS).map(move |point| (work, point))).collect();
    if std::env::var("WERF_KILL_POINTS").is_ok_and(|which| which == "all") {
        return all;
    }
    let home = env!("CARGO_MANIFEST_DIR");
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(home).output().expect("git runs");
    let seed = head.stdout.iter().fold(0_usize, |seed, byte| seed.wrapping_mul(31).wrapping_add((*byte).into()));
    // points far from one another, of all commands
    (0..DRAWN).map(|number| all[(seed + number * (all.len() / DRAWN)) % all.len()]).collect()
}

#[test]
fn after_a_kill_at_any_request_the_next_run_heals() {
    let points = points();
    assert!(ALL.len() * POINTS >= 40);
    for work in ALL {
        let of_work: Vec<usize> = points.iter().filter(|(one, _)| *one == work).map(|(_, point)| *point).collect();
        if of_work.is_empty() {
            continue;
        }
        let (expected, requests) = undisturbed(work);
        for point in of_work {
            let at = (requests * point).div_ceil(POINTS + 1);
            let scene = Scene::new(work, at);
            let ended = scene.run(work);
            scene.trap.disarm();
            assert!(scene.run(work), "{work:?} after a kill at request {at} of {requests}");
            assert_eq!(scene.state(work), expected, "{work:?} after a kill at request {at} of {requests}");
            let before = scene.state(work);
            assert!(scene.run(work) && scene.state(work) == before, "{work:?}: the run after that changes nothing");
            println!("{work:?}, request {at} of {requests}: {}", if ended { "it was done before" } else { "killed and healed" });
        }
    }
}
