//! A full disk: told as one, with the path, and nothing half-written stays. A small tmpfs is one, where the test runs as root.

use super::super::fake_charts::publish;
use super::super::fake_registry::{FakeRegistry, Login};
use super::super::full_disk::FullDisk;
use super::super::sandbox::{Printed, Sandbox};

const HELP: &str = "help: the disk is full there (`df -h` shows how much is left): free space, then run the same command again\n";

fn told_full(printed: &Printed, words: &str) {
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    let expect = format!("error: {words}\n  because: No space left on device (os error 28)\n{HELP}");
    assert!(printed.stderr.ends_with(&expect), "wanted:\n{expect}\ngot:\n{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_keeps_nothing_half_written() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let url = publish(&server, &[("web", "1.0.0")]);
    let sandbox = Sandbox::empty();
    let Some(disk) = FullDisk::at(sandbox.root().join("small")) else { return };
    let werf = |args: &[&str], env: &[(&str, &str)]| tokio::task::block_in_place(|| sandbox.werf_with(args, env));
    let small = disk.path().display().to_string();
    sandbox.write(&[("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), ("web/values.yaml", "a: 1\n")]);

    let pulled = werf(&["helm", "pull", "web", "--repo", &url, "--username", "me", "--password", "secret", "-d", &small], &[]);
    told_full(&pulled, "cannot write to [SANDBOX]/small/web-1.0.0.tgz");
    assert!(disk.is_as_before());
    let packed = werf(&["helm", "package", "web", "-d", &small], &[]);
    told_full(&packed, "cannot write to [SANDBOX]/small/web-1.0.0.tgz");
    assert!(disk.is_as_before());
    let added = werf(&["helm", "repo", "add", "shop", &url, "--username", "me", "--password", "secret"], &[("HELM_CACHE_HOME", &small)]);
    told_full(&added, "cannot write [SANDBOX]/small/repository/shop-charts.txt");
    assert!(disk.is_as_before());
    let config = format!("{small}/docker");
    let login = werf(&["cr", "login", &server.address.to_string(), "-u", "me", "-p", "secret"], &[("DOCKER_CONFIG", &config)]);
    told_full(&login, "cannot change the registry credentials in [SANDBOX]/small/docker/config.json");
    assert!(disk.is_as_before());
}
