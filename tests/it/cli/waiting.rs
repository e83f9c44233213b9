//! What a command waits for: it says so, only so much is asked at once, and a signal ends it at every instant.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use super::super::fake_registry::{FakeRegistry, Login, Trouble, partial_server};
use super::super::sandbox::Sandbox;
use super::app;

const INTERRUPTED: &str = "error: interrupted\nhelp: nothing half-done is taken for done: run the same command again to finish\n";

fn begun(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("werf runs")
}

/// Sends a signal once something is so, and gives how the command ended: the exit code, standard error, and how long it took.
fn signalled(child: Child, signal: Signal, when: impl Fn() -> bool) -> (Option<i32>, String, Duration) {
    tokio::task::block_in_place(|| {
        while !when() {
            std::thread::sleep(Duration::from_millis(10));
        }
        kill_process(Pid::from_raw(child.id().cast_signed()).expect("a process id"), signal).expect("it runs");
        let began = Instant::now();
        let output = child.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), began.elapsed())
    })
}

/// Whether a process has a connection: the display and the signals have sockets too, but the one to a server is an Internet socket.
fn connected(process: u32) -> impl Fn() -> bool {
    let sockets = format!("/proc/{process}/fd");
    move || {
        let files = fs::read_dir(&sockets).into_iter().flatten().flatten().filter_map(|file| fs::read_link(file.path()).ok());
        let inodes: Vec<String> =
            files.filter_map(|file| Some(file.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
        let all = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        all.lines().any(|line| inodes.iter().any(|inode| line.split_whitespace().nth(9) == Some(inode)))
    }
}

fn program(sandbox: &Sandbox, path: &str, script: &str) {
    let path = sandbox.root().join(path);
    fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("write");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_wait_for_a_silent_registry() {
    let (sandbox, registry) = (app(), partial_server(b"", true).await);
    for signal in [Signal::INT, Signal::TERM] {
        let child = begun(sandbox.command(&["build", "--repo", &format!("{registry}/a")]));
        let is_connected = connected(child.id());
        let (code, said, took) = signalled(child, signal, is_connected);
        assert_eq!((code, said.as_str()), (Some(130), INTERRUPTED), "{signal:?}");
        assert!(took < Duration::from_secs(3), "{signal:?}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_wait_for_a_silent_cluster() {
    let (sandbox, server) = (app(), partial_server(b"", true).await);
    for command in [&["dismiss"][..], &["rollback"], &["plan", "--repo", "registry.invalid/app", "--without-images"]] {
        let child = begun(sandbox.command(&[command, &["--kube-api-server", &format!("http://{server}")]].concat()));
        let is_connected = connected(child.id());
        let (code, said, took) = signalled(child, Signal::TERM, is_connected);
        assert_eq!((code, said.as_str()), (Some(130), INTERRUPTED), "{command:?}");
        assert!(took < Duration::from_secs(10), "{command:?}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_ends_what_waits_for_a_silent_registry() {
    let (sandbox, registry) = (app(), partial_server(b"", true).await);
    let repo = format!("{registry}/a");
    for command in [&["build", "--timeout", "1"][..], &["build", "--explain", "-t", "1"], &["cleanup", "--without-kube", "--timeout", "1"]]
    {
        let output = tokio::task::block_in_place(|| sandbox.command(&[command, &["--repo", &repo]].concat()).output().expect("it runs"));
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = "error: not done after 1 s\nhelp: `--timeout` says how long the command may take; what was finished stays, and the same command goes on from there\n";
        assert_eq!((output.status.code(), &*said), (Some(1), expected), "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_credential_helper_with_what_it_has_started() {
    let (sandbox, registry) = (app(), FakeRegistry::start(Login::Basic("me", "secret")).await);
    let note = sandbox.root().join("child");
    program(&sandbox, "bin/docker-credential-hang", &format!("sleep 60 & echo $! >{0}.new; mv {0}.new {0}; wait", note.display()));
    fs::create_dir(sandbox.root().join("docker")).expect("a directory");
    fs::write(sandbox.root().join("docker/config.json"), r#"{"credsStore": "hang"}"#).expect("write");
    let mut command = sandbox.command(&["build", "--repo", &registry.repository("a")]);
    command.env("PATH", format!("{}:/usr/bin:/bin", sandbox.root().join("bin").display()));
    command.env("DOCKER_CONFIG", sandbox.root().join("docker"));
    let (code, said, took) = signalled(begun(command), Signal::INT, || note.exists());
    assert_eq!((code, said.as_str()), (Some(130), INTERRUPTED));
    assert!(took < Duration::from_secs(3), "{took:?}");
    let pid = fs::read_to_string(&note).expect("a note");
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "the helper's child still runs: {state}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_wait_for_a_builder_that_another_command_starts() {
    let (sandbox, registry) = (app(), FakeRegistry::start(Login::Open).await);
    program(&sandbox, "bin/runc", "exit 0");
    let seen = sandbox.root().join("environment");
    program(&sandbox, "bin/buildkitd", &format!("env >{}; exit 1", seen.display()));
    fs::create_dir(sandbox.root().join("run")).expect("a directory");
    let command = || {
        let mut command = sandbox.command(&["build", "--repo", &registry.repository("a")]);
        command.env("PATH", format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", sandbox.root().join("bin").display()));
        command.env("XDG_RUNTIME_DIR", sandbox.root().join("run"));
        command.env("CI_JOB_TOKEN", "s3cret").env("WERF_SECRET_KEY", "0123456789abcdef0123456789abcdef").env("https_proxy", "http://p:1");
        command
    };
    // the first run makes the files that builders are shared by
    let first = tokio::task::block_in_place(|| command().output()).expect("werf runs");
    assert_eq!(first.status.code(), Some(1));
    let seen = fs::read_to_string(seen).expect("the builder was started");
    let names: BTreeSet<&str> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let expect = ["HOME", "OLDPWD", "PATH", "PWD", "SHLVL", "XDG_RUNTIME_DIR", "_", "https_proxy"];
    assert!(names.contains("https_proxy") && names.is_subset(&expect.into()), "the builder sees what is not for it: {seen}");
    let runs = fs::read_dir(sandbox.root().join("run/werf")).expect("a directory of builders");
    let locks: Vec<_> = runs.map(|run| fs::File::open(run.expect("an entry").path().join("start.lock")).expect("a lock")).collect();
    assert!(!locks.is_empty());
    for lock in &locks {
        flock(lock, FlockOperation::LockExclusive).expect("the first run gave it back");
    }
    let child = begun(command());
    let waits = format!("/proc/{}/fd", child.id());
    let has_opened = || {
        let files = fs::read_dir(&waits).into_iter().flatten().flatten().filter_map(|file| fs::read_link(file.path()).ok());
        files.into_iter().any(|file| file.ends_with("start.lock"))
    };
    let (code, said, took) = signalled(child, Signal::INT, has_opened);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.ends_with(INTERRUPTED), "{said}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_finished_first_is_named_and_a_second_signal_ends_it() {
    let registry = FakeRegistry::start(Login::Open).await;
    let labels = format!(r#"{{"werf":"app","werf.io/image":"web","werf-project-repo-commit":"{}"}}"#, "0".repeat(40));
    registry.image("app", &"a".repeat(64), &format!(r#"{{"created":"2026-01-02T03:04:05Z","config":{{"Labels":{labels}}}}}"#));
    registry.fault("DELETE", 9, Trouble::Hang);
    let (sandbox, repo) = (app(), registry.repository("app"));
    let said = sandbox.root().join("said");
    let args = ["cleanup", "--keep-stages-built-within-last-n-hours", "0", "--without-kube", "--repo", &repo];
    let mut command = sandbox.command(&args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&said).expect("a file"));
    let child = command.spawn().expect("werf runs");
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process id");
    let told = "    Stopping after the deletion of images that is under way; a second Ctrl-C or SIGTERM ends at once\n";
    let said = || fs::read_to_string(&said).expect("what it said");
    let is_asked = std::cell::Cell::new(false);
    let (code, _, took) = signalled(child, Signal::TERM, || {
        if !is_asked.get() && registry.take_log().iter().any(|line| line.starts_with("DELETE")) {
            kill_process(pid, Signal::INT).expect("it runs");
            is_asked.set(true);
        }
        said() == told
    });
    assert!(code == Some(130) && said() == format!("{told}{INTERRUPTED}"), "{code:?} {}", said());
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_images_are_looked_up_with_few_files() {
    let registry = FakeRegistry::start(Login::Open).await;
    let images: String = (0..200).map(|at| format!("---\nimage: i{at}\nfrom: scratch\nshell: {{install: ['echo {at}']}}\n")).collect();
    let sandbox = Sandbox::commit(&[("werf.yaml", &format!("project: app\nconfigVersion: 1\n{images}"))]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_werf"), "build", "--require-built-images"]);
    command.args(["--repo", &registry.repository("app")]).current_dir(sandbox.app()).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("HOME", sandbox.root().join("home"));
    let output = tokio::task::block_in_place(|| command.output()).expect("sh runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let start = "error: images are not published, and --require-built-images forbids to build: i0 (";
    assert!(said.lines().any(|line| line.starts_with(start) && line.contains("i199 (")), "{said}");
    assert!(registry.most_at_once() <= 16, "{}", registry.most_at_once());
}
