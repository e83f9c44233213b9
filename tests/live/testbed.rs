//! The running testbed, and an application on it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{Printed, Sandbox};

/// Addresses of the servers.
pub struct Testbed {
    /// Directory of `helm`, `helm3`, `kubectl`, `buildctl`.
    pub bin: PathBuf,
    /// State directory.
    pub run: PathBuf,
    /// `host:port` of the registry.
    pub registry: String,
    /// Address of the shared buildkitd.
    pub buildkit: String,
    /// Its address over TCP with mutual TLS.
    pub buildkit_tcp: String,
}

/// What a test needs.
#[derive(Clone, Copy)]
pub enum Needs {
    /// Registry and buildkitd.
    Images,
    /// These and Kubernetes with a node.
    Cluster,
}

/// Starts what is not running yet; the servers outlive the tests.
pub fn testbed(needs: Needs) -> &'static Testbed {
    static IMAGES: OnceLock<Testbed> = OnceLock::new();
    static CLUSTER: OnceLock<Testbed> = OnceLock::new();
    match needs {
        Needs::Images => IMAGES.get_or_init(|| up(&["registry", "buildkit"])),
        Needs::Cluster => CLUSTER.get_or_init(|| up(&["registry", "buildkit", "cluster", "node"])),
    }
}

fn up(parts: &[&str]) -> Testbed {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed");
    let started = Command::new(home.join("up.sh")).args(parts).output().expect("bash runs");
    assert!(started.status.success(), "the testbed does not start:\n{}", String::from_utf8_lossy(&started.stderr));
    let script = format!(". {}/lib.sh && cat \"$TB_RUN/env\"", home.display());
    let env = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    let text = String::from_utf8_lossy(&env.stdout).into_owned();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("{name} is not in the testbed's env file:\n{text}")).to_owned()
    };
    Testbed {
        bin: value("TB_BIN").into(),
        run: value("TB_RUN").into(),
        registry: value("TB_REGISTRY"),
        buildkit: value("TB_BUILDKIT"),
        buildkit_tcp: value("TB_BUILDKIT_TCP"),
    }
}

/// Whether pods run truly: only root has a real node.
pub fn has_real_node() -> bool {
    rustix::process::geteuid().is_root()
}

/// An application in a Git repository, with a repository prefix and a namespace of its own.
pub struct App {
    /// The repository.
    pub sandbox: Sandbox,
    /// The servers.
    pub testbed: &'static Testbed,
    /// `host:port/live-…/app`.
    pub repo: String,
    /// Namespace.
    pub namespace: String,
    needs: Needs,
}

impl App {
    /// An application with these files in its first commit.
    pub fn new(needs: Needs, files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let testbed = testbed(needs);
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let sandbox = Sandbox::empty();
        sandbox.git(&["init", "-q", "-b", "main"]);
        let app = App { sandbox, testbed, repo: format!("{}/live-{id}/app", testbed.registry), namespace: format!("live-{id}"), needs };
        app.sandbox.write(&[("werf-giterminism.yaml", GITERMINISM)]);
        app.commit(files);
        app
    }

    /// The example application.
    pub fn shop() -> Self {
        let app = App::new(Needs::Cluster, &[]);
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/.");
        let copied = Command::new("cp").arg("-r").arg(example).arg(app.sandbox.app()).status().expect("cp runs");
        assert!(copied.success());
        app.commit(&[]);
        app
    }

    /// Writes files and commits the work tree.
    pub fn commit(&self, files: &[(&str, &str)]) {
        self.sandbox.write(files);
        self.sandbox.commit_all("change");
    }

    /// Runs werf with the shared buildkitd.
    pub fn werf(&self, args: &[&str]) -> Printed {
        self.werf_with(args, &[])
    }

    /// Runs werf with more variables; an empty value takes one away.
    pub fn werf_with(&self, args: &[&str], env: &[(&str, &str)]) -> Printed {
        self.sandbox.werf_with(args, &self.env(env))
    }

    /// Starts werf and lets it run.
    pub fn start(&self, args: &[&str], env: &[(&str, &str)]) -> Running {
        let mut command = self.sandbox.command(args);
        command.envs(self.env(env));
        Running::start(command)
    }

    /// The variables of a run.
    pub fn env<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let kubeconfig: &'static str = Box::leak(self.testbed.run.join("admin.kubeconfig").to_string_lossy().into_owned().into_boxed_str());
        let base: &'static str = Box::leak(self.base().into_boxed_str());
        let mut env = vec![
            ("KUBECONFIG", kubeconfig),
            ("BUILDKIT_HOST", self.testbed.buildkit.as_str()),
            ("WERF_REPO", self.repo.as_str()),
            ("WERF_NAMESPACE", self.namespace.as_str()),
            ("BASE_IMAGE", base),
        ];
        env.extend(more);
        env
    }

    /// The busybox base image.
    pub fn base(&self) -> String {
        format!("{}/base/busybox:1", self.testbed.registry)
    }

    /// One of the testbed's programs against its cluster.
    pub fn program(&self, name: &str, args: &[&str]) -> Output {
        let kubeconfig = self.testbed.run.join("admin.kubeconfig");
        Command::new(self.testbed.bin.join(name)).args(args).env("KUBECONFIG", kubeconfig).output().expect("an oracle runs")
    }

    /// `kubectl` in the application's namespace; its standard output.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let args: Vec<&str> = ["-n", &self.namespace].into_iter().chain(args.iter().copied()).collect();
        let output = self.program("kubectl", &args);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The tags of the application's repository that are content digests.
    pub fn tags(&self) -> Vec<String> {
        let path = self.repo.split_once('/').expect("a repository has a path").1;
        let url = format!("http://{}/v2/{path}/tags/list", self.testbed.registry);
        let output = Command::new("curl").args(["-fsS", &url]).output().expect("curl runs");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let tags = json["tags"].as_array().cloned().unwrap_or_default();
        let mut tags: Vec<String> = tags.iter().filter_map(|tag| tag.as_str()).filter(|tag| tag.len() == 64).map(str::to_owned).collect();
        tags.sort();
        tags
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Needs::Cluster = self.needs {
            self.program("kubectl", &["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait=false"]);
        }
    }
}

/// A program that is still going.
pub struct Running {
    child: Child,
    errors: Receiver<String>,
    data: JoinHandle<String>,
    seen: String,
}

impl Running {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("werf runs");
        let (mut stdout, stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let (sender, errors) = channel();
        spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let data = spawn(move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
        });
        Running { child, errors, data, seen: String::new() }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard error with this text.
    pub fn until(&mut self, text: &str) {
        loop {
            let line = self.errors.recv().unwrap_or_else(|_| panic!("it ended and never said `{text}`:\n{}", self.seen));
            self.seen += &line;
            self.seen.push('\n');
            if line.contains(text) {
                return;
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process id");
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Printed {
        let rest: Vec<String> = self.errors.iter().collect();
        let code = self.child.wait().expect("it ends").code().unwrap_or(-1);
        let stderr = rest.iter().fold(self.seen, |text, line| text + line + "\n");
        Printed { code, stdout: self.data.join().expect("standard output"), stderr }
    }
}

/// Command lines of all processes that hold this text.
pub fn processes_with(text: &str) -> Vec<String> {
    let read =
        |entry: std::fs::DirEntry| Some(String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " "));
    let all = std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(read);
    all.filter(|line| line.contains(text)).collect()
}

/// Asserts that all of these are in a text.
pub fn assert_says(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

/// A template of a Deployment without a pod.
pub const WEB: (&str, &str) = (
    ".helm/templates/web.yaml",
    "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: nobody/pulls:1}]}
",
);

const GITERMINISM: &str = "\
giterminismConfigVersion: 1
config:
  goTemplateRendering:
    allowEnvVariables: [BASE_IMAGE]
";
