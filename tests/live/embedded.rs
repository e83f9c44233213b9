//! The builder that werf starts by itself: as root and without rights, and that nothing of it is left behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::published::Published;
use crate::testbed::{App, Needs, Running, assert_says, has_real_node, processes_with};

/// A commit with one image of each kind. `install` is a command of the Stapel image.
fn app(install: &str) -> App {
    let app = App::new(Needs::Images, &[("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN id -u > /id\n"), ("a.txt", "a\n")]);
    let yaml = format!(
        "\
project: shop
configVersion: 1
---
image: docker
dockerfile: Dockerfile
args: {{BASE: {base}}}
---
image: stapel
from: {base}
git: [{{add: /a.txt, to: /app/a.txt}}]
shell:
  install:
    - \"{install} # {mark}\"
",
        base = app.base(),
        mark = mark(&app),
    );
    app.commit(&[("werf.yaml", &yaml)]);
    fs::create_dir(app.sandbox.root().join("run")).expect("a directory");
    app
}

/// werf with an embedded builder whose sockets and cache are in the sandbox, so that its processes name it.
fn command(app: &App, args: &[&str]) -> Command {
    let path = format!("{}:{}", app.testbed.bin.display(), std::env::var("PATH").expect("PATH"));
    let mut command = app.sandbox.command(args);
    command.env("PATH", path).env("XDG_RUNTIME_DIR", app.sandbox.root().join("run")).env("WERF_REPO", &app.repo);
    command
}

/// What the command lines of the build's own processes have.
fn mark(app: &App) -> String {
    format!("of {}.", app.namespace)
}

fn processes(app: &App) -> Vec<String> {
    [processes_with(&app.sandbox.root().to_string_lossy()), processes_with(&mark(app))].concat()
}

/// Killed processes take a moment to go.
fn all_gone(app: &App) {
    for _ in 0..400 {
        if processes(app).is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("left behind: {:#?}", processes(app));
}

/// The pid of the sandbox's process whose command line has this text.
fn pid_of(app: &App, text: &str) -> Pid {
    let sandbox = app.sandbox.root().to_string_lossy().into_owned();
    let found = fs::read_dir("/proc").expect("/proc").flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " ");
        (line.contains(&sandbox) && line.contains(text)).then_some(pid)
    });
    Pid::from_raw(found.unwrap_or_else(|| panic!("no {text} in {:#?}", processes(app)))).expect("a pid")
}

#[test]
fn it_builds_and_nothing_is_left_behind() {
    let app = app("echo built > /built");
    let built = Running::start(command(&app, &["build"])).finish();
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert_says(&built.stderr, &["Builder embedded buildkitd after "]);
    assert_eq!(processes(&app), Vec::<String>::new());
    assert_eq!(app.tags().len(), 2);

    // where nothing is missing, no builder is needed
    let again = Running::start({
        let mut command = command(&app, &["build"]);
        command.env("WERF_BUILDKITD", "/nowhere/buildkitd");
        command
    });
    let again = again.finish();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_says(&again.stderr, &["Found image docker", "Found image stapel"]);
}

#[test]
fn a_failed_build_leaves_nothing_behind() {
    let app = app("echo no way; exit 3");
    let failed = Running::start(command(&app, &["build"])).finish();
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert_says(&failed.stderr, &["a command of `install` failed with exit code 3", "no way"]);
    assert_eq!(processes(&app), Vec::<String>::new());
}

#[test]
fn an_interrupted_build_leaves_nothing_behind() {
    let app = app("sleep 3600");
    let mut running = Running::start(command(&app, &["build"]));
    running.until("sleep 3600");
    running.signal(Signal::INT);
    let printed = running.finish();
    assert_eq!(printed.code, 130, "{}", printed.stderr);
    assert_eq!(processes(&app), Vec::<String>::new());
}

#[test]
fn a_killed_werf_leaves_nothing_behind() {
    let app = app("sleep 3600");
    let mut running = Running::start(command(&app, &["build"]));
    running.until("sleep 3600");
    running.signal(Signal::KILL);
    running.finish();
    all_gone(&app);
}

#[test]
fn a_builder_that_dies_in_the_middle_is_named_and_the_next_run_works() {
    let app = app("sleep 6");
    let mut running = Running::start(command(&app, &["build", "stapel"]));
    running.until("sleep 6");
    kill_process(pid_of(&app, "buildkitd --config"), Signal::KILL).expect("it is there");
    let printed = running.finish();
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &["error: image `stapel`: the BuildKit daemon at ", " went away during the build", "help: run the command again"],
    );
    all_gone(&app);
    let again = Running::start(command(&app, &["build"])).finish();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(app.tags().len(), 2);
}

/// A builder that is killed between making a snapshot and writing it down leaves a directory whose number the next one gives out again.
#[test]
fn snapshots_that_nobody_wrote_down_do_not_stop_the_next_builder() {
    let app = app("true");
    let built = Running::start(command(&app, &["build", "stapel"])).finish();
    assert_eq!(built.code, 0, "{}", built.stderr);
    let root = app.sandbox.root().join("home/.cache/werf/buildkit");
    let snapshots = fs::read_dir(&root).expect("a cache").map(|worker| worker.expect("an entry").path().join("snapshots/snapshots"));
    let snapshots = snapshots.into_iter().find(|dir| dir.is_dir()).expect("snapshots");
    let numbers = || fs::read_dir(&snapshots).expect("a directory").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let (base, last): (u64, u64) = (numbers().min().expect("a snapshot"), numbers().max().expect("a snapshot"));
    for number in last + 1..last + 20 {
        fs::create_dir_all(snapshots.join(number.to_string()).join("fs")).expect("a directory");
    }
    let again = Running::start(command(&app, &["build"])).finish();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_says(&again.stderr, &["Found image stapel"]);
    assert_eq!(app.tags().len(), 2);
    // Not the last one: the daemon itself takes back what it made for a while only.
    assert!(snapshots.join(base.to_string()).exists(), "what is written down stays");
}

#[test]
fn a_killed_keeper_ends_the_daemon() {
    let app = app("sleep 3600");
    let mut running = Running::start(command(&app, &["build", "stapel"]));
    running.until("sleep 3600");
    kill_process(pid_of(&app, "__buildkitd keep"), Signal::KILL).expect("it is there");
    running.signal(Signal::INT);
    let printed = running.finish();
    assert_eq!(printed.code, 130, "{}", printed.stderr);
    all_gone(&app);
}

#[test]
fn two_at_once_share_one_daemon() {
    let app = app("sleep 3; echo built > /built");
    let mut first = Running::start(command(&app, &["build", "stapel"]));
    first.until("sleep 3");
    let mut second = Running::start(command(&app, &["build", "docker"]));
    second.until("Builder embedded buildkitd");
    let daemons = processes(&app).into_iter().filter(|line| line.contains("buildkitd --config")).count();
    assert_eq!(daemons, 1, "{:#?}", processes(&app));
    let (second, first) = (second.finish(), first.finish());
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_eq!(processes(&app), Vec::<String>::new());
}

#[test]
fn a_missing_daemon_is_named() {
    let app = app("true");
    let mut command = command(&app, &["build"]);
    command.env("WERF_BUILDKITD", "/nowhere/buildkitd");
    let printed = Running::start(command).finish();
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["error: ", "/nowhere/buildkitd", "help: "]);
}

/// As `make install` lays it out, where another user can run it, and everything theirs.
fn install(app: &App, user: &str) -> std::path::PathBuf {
    let prefix = app.sandbox.root().join("prefix");
    fs::create_dir_all(prefix.join("bin")).expect("bin");
    fs::create_dir_all(prefix.join("libexec/werf")).expect("libexec");
    fs::create_dir_all(app.sandbox.root().join("home")).expect("home");
    fs::copy(env!("CARGO_BIN_EXE_werf"), prefix.join("bin/werf")).expect("werf");
    fs::copy(app.testbed.bin.join("buildkitd"), prefix.join("libexec/werf/buildkitd")).expect("buildkitd");
    let runc = ["/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc"].into_iter().find(|path| Path::new(path).exists());
    fs::copy(runc.expect("runc is installed"), prefix.join("libexec/werf/runc")).expect("runc");
    let owned = Command::new("chown").args(["-R", user]).arg(app.sandbox.root()).status().expect("chown runs");
    assert!(owned.success());
    prefix.join("bin/werf")
}

/// Builds as another user, who finds the builder beside werf; what was printed.
fn build_as(app: &App, uid: u32, gid: u32) -> crate::sandbox::Printed {
    let werf = install(app, &format!("{uid}:{gid}"));
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups", "--"]);
    command.arg(werf).arg("build").current_dir(app.sandbox.app()).env_clear();
    let root = app.sandbox.root();
    command
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", root.join("home"))
        .env("XDG_RUNTIME_DIR", root.join("run"))
        .env("WERF_REPO", &app.repo);
    Running::start(command).finish()
}

fn works_without_rights(app: &App, printed: &crate::sandbox::Printed) {
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(processes(app), Vec::<String>::new());
    let published = printed.stderr.lines().filter(|line| line.contains("Published image "));
    let references = published.filter_map(|line| line.split_whitespace().find(|word| word.starts_with(&app.repo)));
    let images: Vec<Published> = references.map(Published::read).collect();
    assert!(images.iter().any(|image| image.files.get("id").is_some_and(|id| id == "644 0:0 \"0\\n\"")), "{images:?}");
    assert!(images.iter().any(|image| image.files.get("app/a.txt").is_some_and(|a| a == "644 0:0 \"a\\n\"")), "{images:?}");
}

#[test]
fn a_user_with_subordinate_ids_builds_without_rights() {
    if !has_real_node() {
        eprintln!("not root: the other tests of this file have run without rights already");
        return;
    }
    let (uid, gid) = user();
    let app = app("echo built > /built; chown 1234:1235 /built");
    let printed = build_as(&app, uid, gid);
    assert!(!printed.stderr.contains("single user id"), "{}", printed.stderr);
    works_without_rights(&app, &printed);
}

/// The testbed's user without rights, made where root has none yet.
fn user() -> (u32, u32) {
    const NAME: &str = "werf-testbed";
    let id = |flag: &str| {
        let output = Command::new("id").args([flag, NAME]).output().expect("id runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    if id("-u").is_none() {
        let made = Command::new("/usr/sbin/useradd").args(["--no-create-home", "--shell", "/usr/sbin/nologin", NAME]).output();
        let made = made.expect("useradd runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    (id("-u").expect("a user"), id("-g").expect("a group"))
}

#[test]
fn a_user_with_one_id_builds_without_rights() {
    if !has_real_node() {
        eprintln!("not root: the other tests of this file have run without rights already");
        return;
    }
    let app = app("echo built > /built");
    // nobody's: it has no name and no range in /etc/subuid
    let printed = build_as(&app, 64_123, 64_123);
    assert_says(&printed.stderr, &["Warning buildkitd runs with a single user id", "help: install newuidmap and newgidmap"]);
    works_without_rights(&app, &printed);
}
