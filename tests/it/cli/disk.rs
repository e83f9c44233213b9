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

#[test]
fn what_a_full_disk_did_not_take_is_not_there_in_part() {
    let sandbox = Sandbox::empty();
    let Some(disk) = FullDisk::at(sandbox.root().join("small")) else { return };
    let small = disk.path().display().to_string();
    std::fs::write(disk.path().join("Dockerfile"), "").expect("a name needs no room");
    sandbox.write(&[("values.yaml", "password: secret\n")]);
    told_full(&sandbox.werf(&["init", "--dir", &small]), "cannot write [SANDBOX]/small/werf.yaml");
    assert_eq!(disk.names(), ["Dockerfile"]);
    let secret = format!("{small}/secret.yaml");
    let key = [("WERF_SECRET_KEY", "30313233343536373839616263646566")];
    let encrypted = sandbox.werf_with(&["helm", "secret", "values", "encrypt", "values.yaml", "-o", &secret], &key);
    told_full(&encrypted, "cannot write to [SANDBOX]/small/secret.yaml");
    std::fs::write(disk.path().join("secret.yaml"), "").expect("a name needs no room");
    let edit = ["helm", "secret", "values", "edit", &secret];
    let editor = ("EDITOR", "cp values.yaml");
    let roomy = sandbox.root().display().to_string();
    let kept = sandbox.werf_with(&edit, &[key[0], editor, ("TMPDIR", &roomy)]);
    assert!(kept.stderr.contains("cannot write to [SANDBOX]/small/secret.yaml"), "{}", kept.stderr);
    assert!(kept.stderr.contains("error: the edited text is kept in "), "{}", kept.stderr);
    assert_eq!((kept.code, disk.names()), (1, vec!["Dockerfile".to_owned(), "secret.yaml".to_owned()]));
    let temporary = ("TMPDIR", small.as_str());
    let unfit = sandbox.werf_with(&edit, &[key[0], editor, temporary]);
    assert!(unfit.stderr.ends_with("error: the editor cp failed: exit status: 1\nhelp: nothing was changed\n"), "{}", unfit.stderr);
    assert_eq!(disk.names(), ["Dockerfile", "secret.yaml"]);
}
