//! Builders that are not there, too old, or go away.

use super::super::buildkit::fake::{Daemon, Fake, Solving};
use super::super::fake_registry::full_repository;
use super::super::fake_registry::{FakeRegistry, Login};
use super::super::sandbox::Sandbox;
use super::{app, told, told_beside, told_with};

async fn built(fake: Fake) -> String {
    let registry = FakeRegistry::start(Login::Open).await;
    let daemon: Daemon = fake.listen().expect("a daemon");
    let endpoint = daemon.endpoint.to_string();
    told_beside(&app(), &["build", "--repo", &registry.repository("app"), "--buildkit-host", &endpoint]).replace(&endpoint, "ENDPOINT")
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_at_which_nobody_answers() {
    let registry = FakeRegistry::start(Login::Open).await;
    let (repo, sandbox) = (registry.repository("app"), app());
    let build = |host: &str| told_beside(&sandbox, &["build", "--repo", &repo, "--buildkit-host", host]);
    insta::assert_snapshot!(build("unix:///nowhere/buildkitd.sock"), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: no BuildKit daemon answers at unix:///nowhere/buildkitd.sock
      because: No such file or directory (os error 2)
    help: start buildkitd, check that the socket's owner is you, or leave the address out to use the embedded daemon
    ");
    insta::assert_snapshot!(build("tcp://127.0.0.1:9"), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: no BuildKit daemon answers at tcp://127.0.0.1:9
      because: Connection refused (os error 111)
    help: check the address and that buildkitd runs there; a daemon that listens with TLS needs the CA, a certificate and a key
    ");
    insta::assert_snapshot!(build("docker://"), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: `docker://` is no address of a BuildKit daemon: it begins with neither `unix://` nor `tcp://`
    help: give `unix:///path/to/socket` or `tcp://host:port`, or leave it out to use the embedded daemon
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_too_old() {
    insta::assert_snapshot!(built(Fake { version: Some("v0.11.6"), ..Fake::default() }).await, @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: the BuildKit daemon at ENDPOINT is too old: it is v0.11.6, and werf needs v0.13.0 or later
    help: upgrade buildkitd, or leave the address out to use the embedded daemon
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_without_workers() {
    insta::assert_snapshot!(built(Fake { workers: 0, ..Fake::default() }).await, @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: the BuildKit daemon at ENDPOINT has no worker
    help: see the daemon's log for why its worker did not start
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_in_the_middle() {
    insta::assert_snapshot!(built(Fake { solving: Solving::Dies, ..Fake::default() }).await, @r"
    exit 1
         Missing image web  HOST/app:DIGEST
         Builder ENDPOINT after TIME
        Building web  [install] npm ci
    error: image `web`: the BuildKit daemon at ENDPOINT went away during the build
      because: stream closed because of a broken pipe
    help: run the command again: finished steps are in the daemon's cache, and nothing half-published is used
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails() {
    insta::assert_snapshot!(built(Fake { solving: Solving::FailsByExitCode(7), ..Fake::default() }).await, @r"
    exit 1
         Missing image web  HOST/app:DIGEST
         Builder ENDPOINT after TIME
        Building web  [install] npm ci
             web │ one
             web │ two
    error: image `web`: step `[install] npm ci` failed with exit code 7
      │ one
      │ two
      ╭─[werf.yaml:2:3]
    2 │   - npm ci
      ·   ────┬─── this step
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_program_to_start() {
    let registry = FakeRegistry::start(Login::Open).await;
    let (repo, sandbox) = (registry.repository("app"), app());
    let build = |args: &[&str], env: &[(&str, &str)]| {
        let args = [&["build", "--repo", &repo], args].concat();
        tokio::task::block_in_place(|| told_with(&sandbox, &args, env))
    };
    insta::assert_snapshot!(build(&[], &[("PATH", "/nowhere")]), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: `buildkitd` was not found: it is neither beside werf nor in PATH
    help: install BuildKit, put buildkitd into PATH or name it with WERF_BUILDKITD, or use a running daemon with --buildkit-host
    ");
    insta::assert_snapshot!(build(&["--buildkitd", "/nowhere/buildkitd"], &[]), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: `/nowhere/buildkitd` cannot be run as buildkitd
    help: WERF_BUILDKITD names an executable file; leave it out to search beside werf and in PATH
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_start() {
    use std::os::unix::fs::PermissionsExt;
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = app();
    let bin = sandbox.root().join("bin");
    std::fs::create_dir_all(&bin).expect("a directory");
    for (name, script) in [("runc", "exit 0"), ("buildkitd", "echo 'level=fatal msg=\"no space left on device\"' >&2; exit 1")] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).expect("a program");
    }
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let repo = registry.repository("app");
    let run = sandbox.root().join("run").to_string_lossy().into_owned();
    std::fs::create_dir(&run).expect("a directory");
    let env = [("PATH", path.as_str()), ("XDG_RUNTIME_DIR", run.as_str())];
    let told = tokio::task::block_in_place(|| told_with(&sandbox, &["build", "--repo", &repo], &env));
    insta::assert_snapshot!(told, @r#"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: the embedded buildkitd did not start
      │ level=fatal msg="no space left on device"
    help: the disk is full there (`df -h` shows how much is left): free space, then run the same command again
    "#);
}

#[test]
fn images_and_platforms_that_do_not_exist() {
    let (sandbox, repo) = (app(), ["--repo", "127.0.0.1:9/app"]);
    let build = |args: &[&str]| told(&sandbox, &[&["build"], &repo[..], args].concat());
    insta::assert_snapshot!(build(&["wbe"]), @r"
    exit 1
    error: no image of this commit is called `wbe`
    help: images of this commit: `web`
    ");
    insta::assert_snapshot!(build(&["--platform", "amd64"]), @r"
    exit 1
    error: --platform: `amd64` is not a platform
    help: write it as `linux/amd64` or `linux/arm64/v8`
    ");
    let several = Sandbox::commit(&[(
        "werf.yaml",
        "project: app\nconfigVersion: 1\nbuild: {platform: [linux/amd64, linux/arm64]}\n---\nimage: web\nfrom: scratch\n",
    )]);
    insta::assert_snapshot!(told(&several, &[&["build"], &repo[..]].concat()), @r"
    exit 1
    error: image `web` is for several platforms (linux/amd64, linux/arm64), and werf publishes images for one platform each
    help: leave one platform in werf.yaml, or choose one for this run with `--platform`
    ");
    several.write(&[("werf.yaml", "project: app\nconfigVersion: 1\nbuild: {platform: amd64}\n")]);
    several.commit_all("no architecture");
    insta::assert_snapshot!(told(&several, &["config", "list"]), @r"
    exit 1
    error: `amd64` is not a platform
      ╭─[werf.yaml:3:19]
    3 │ build: {platform: amd64}
      ·                   ──┬── expected OS/ARCHITECTURE
    help: for example `platform: linux/amd64`
    ");
}

#[test]
fn images_that_do_not_fit_one_another() {
    let config = "project: app\nconfigVersion: 1\n---\nimage: base\nfrom: scratch\n---\nimage: web\nfrom: base\nplatform: linux/arm64\n";
    let sandbox = Sandbox::commit(&[("werf.yaml", config), (".helm/templates/a.yaml", "a: 1\n")]);
    insta::assert_snapshot!(told(&sandbox, &["build", "--repo", "127.0.0.1:9/app"]), @r"
    exit 1
    error: image `web` is for linux/arm64, and takes files from `base`, which is for linux/amd64
      ╭─[werf.yaml:8:7]
    8 │ from: base
      ·       ──┬─ for linux/amd64
    help: give both the same `platform`
    ");
    assert_eq!(sandbox.werf(&["render", "--platform", "linux/arm64"]).code, 0, "a flag makes them fit");
}

#[test]
fn files_that_cannot_be_added_yet() {
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\ndockerfile: Dockerfile\ncontextAddFiles: [dist]\n"),
        ("werf-giterminism.yaml", "giterminismConfigVersion: 1\nconfig: {dockerfile: {allowContextAddFiles: [dist]}}\n"),
        ("Dockerfile", "FROM scratch\nCOPY . /\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["build", "--repo", "127.0.0.1:9/app"]), @r"
    exit 1
    error: image `web` adds uncommitted files to its context, which werf cannot do yet
    help: make the files of `contextAddFiles` in a stage of the Dockerfile, or commit them
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_have_to_be_there() {
    let registry = FakeRegistry::start(Login::Open).await;
    insta::assert_snapshot!(told_beside(&app(), &["build", "-Z", "--repo", &registry.repository("app")]), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
    error: an image is not published, and --require-built-images forbids to build: web (HOST/app:DIGEST)
    help: run `werf build` for this commit first, with the same --repo and --env
    ");
}

#[test]
fn the_name_of_an_image_has_a_platform_on_every_machine() {
    let sandbox = app();
    let text = |args: &[&str]| sandbox.werf(&[&["render", "--repo", &full_repository()], args].concat()).stdout;
    assert_eq!(text(&[]), text(&["--platform", "linux/amd64"]));
    assert_ne!(text(&[]), text(&["--platform", "linux/arm64"]));
}
