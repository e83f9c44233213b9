//! What `cleanup` keeps and deletes in a real registry, by a real cluster and by Git.

use std::process::Command;

use jiff::Timestamp;

use crate::published::Published;
use crate::testbed::{App, Needs, assert_says};

const HOURS: &str = "--keep-stages-built-within-last-n-hours";

/// Five published images of one name, each from a commit of its own.
struct Five {
    app: App,
    /// In a Deployment, by tag.
    running: String,
    /// In a CronJob, by manifest digest.
    pinned: String,
    /// Of the Git tag `v1`.
    tagged: String,
    /// Of nothing any more.
    lost: String,
    /// Of the branch `main`.
    current: String,
}

fn five() -> Five {
    let app = App::new(Needs::Cluster, &[("a.txt", "first\n")]);
    let yaml = "project: shop\nconfigVersion: 1\n---\nimage: app\nfrom: $BASE\ngit: [{add: /a.txt, to: /a.txt}]\n";
    app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base()))]);
    app.sandbox.git(&["checkout", "-q", "--detach"]);
    let publish = |text: &str| {
        let before = app.tags();
        // an image of this name is in use wherever it is: other tests have others
        app.commit(&[("a.txt", &format!("{text}{}", app.namespace))]);
        let built = app.werf(&["build"]);
        assert_eq!(built.code, 0, "{}", built.stderr);
        app.tags().into_iter().find(|tag| !before.contains(tag)).expect("a new tag")
    };
    let (running, pinned, tagged) = (publish("running\n"), publish("pinned\n"), publish("tagged\n"));
    app.sandbox.git(&["tag", "v1"]);
    let lost = publish("lost\n");
    app.sandbox.git(&["checkout", "-q", "main"]);
    let current = publish("current\n");

    app.program("kubectl", &["create", "namespace", &app.namespace]);
    app.kubectl(&["create", "deployment", "web", "--replicas=0", &format!("--image={}:{running}", app.repo)]);
    let digest = digest_of(&app, &pinned).expect("it is published");
    app.kubectl(&["create", "cronjob", "nightly", "--schedule=0 0 31 2 *", &format!("--image={}@{digest}", app.repo)]);
    Five { app, running, pinned, tagged, lost, current }
}

/// What a cleanup must not take for old: a build that does nothing but publish what the builder's cache has.
#[test]
fn an_image_tells_when_it_was_published_not_how_old_its_layers_are() {
    let app = App::new(Needs::Images, &[("Dockerfile", "ARG BASE\nFROM $BASE\nCOPY a.txt /\n"), ("a.txt", "cached\n")]);
    let yaml = "project: shop\nconfigVersion: 1\n---\nimage: stapel\nfrom: $BASE\ngit: [{add: /a.txt, to: /a.txt}]\n\
                ---\nimage: file\ndockerfile: Dockerfile\nargs: {BASE: $BASE}\n";
    app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base()))]);
    let publish = |repo: &str| {
        let built = app.werf(&["build", "--repo", repo]);
        assert_eq!(built.code, 0, "{}", built.stderr);
    };
    publish(&format!("{}-first", app.repo));
    let between = Timestamp::now();
    publish(&app.repo);

    let tags = app.tags();
    assert_eq!(tags.len(), 2);
    for tag in tags {
        let image = Published::read(&format!("{}:{tag}", app.repo));
        assert!(image.built < Some(between), "{image:?}: not from the cache");
        assert!(image.published > Some(between), "{image:?}: published after {between}");
    }
}

/// The manifest digest that the registry has for a tag or digest.
fn digest_of(app: &App, tag: &str) -> Option<String> {
    let path = app.repo.split_once('/').expect("a path").1;
    let url = format!("http://{}/v2/{path}/manifests/{tag}", app.testbed.registry);
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
    let output = Command::new("curl").args(["-fsSI", "-H", accept, &url]).output().expect("curl runs");
    let headers = String::from_utf8_lossy(&output.stdout).to_ascii_lowercase();
    headers.lines().find_map(|line| line.strip_prefix("docker-content-digest:")).map(|digest| digest.trim().to_owned())
}

/// The line of a dry run about a tag.
fn fate<'a>(text: &'a str, tag: &str) -> &'a str {
    text.lines().find(|line| line.contains(&tag[..12])).unwrap_or_else(|| panic!("nothing about {tag} in:\n{text}"))
}

#[test]
fn what_is_used_wanted_or_young_stays_and_the_rest_goes() {
    let Five { app, running, pinned, tagged, lost, current } = five();
    let all = app.tags();
    assert_eq!(all.len(), 5);

    // all are younger than two hours
    let young = app.werf(&["cleanup"]);
    assert_eq!(young.code, 0, "{}", young.stderr);
    assert_eq!(app.tags(), all);
    let told = app.werf(&["cleanup", "--dry-run"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert_says(fate(&told.stdout, &lost), &["built ", " ago"]);

    let told = app.werf(&["cleanup", "--dry-run", HOURS, "0"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert_eq!(app.tags(), all, "a dry run deletes nothing");
    assert_says(fate(&told.stdout, &running), &[&format!("Deployment/web in namespace {}", app.namespace)]);
    assert_says(fate(&told.stdout, &pinned), &[&format!("CronJob/nightly in namespace {}", app.namespace)]);
    assert_says(fate(&told.stdout, &tagged), &["tag v1"]);
    assert_says(fate(&told.stdout, &current), &["branch main"]);
    assert_says(fate(&told.stdout, &lost), &["no workload uses it, no branch or tag wants it"]);

    let digest = digest_of(&app, &lost).expect("it is there");
    let done = app.werf(&["cleanup", HOURS, "0"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_says(&done.stderr, &["Deleted", &lost, "1 deleted, 4 kept"]);
    let mut left = all.clone();
    left.retain(|tag| *tag != lost);
    assert_eq!(app.tags(), left);
    assert_eq!(digest_of(&app, &digest), None, "its manifest is gone too");

    // what they own is gone too
    app.kubectl(&["delete", "deployment/web", "cronjob/nightly", "--cascade=foreground"]);
    let done = app.werf(&["cleanup", HOURS, "0"]);
    assert_says(&done.stderr, &["2 deleted, 2 kept"]);
    assert_eq!(app.tags().len(), 2);

    // what was deleted is built and published again when it is wanted
    app.sandbox.git(&["checkout", "-q", "v1"]);
    app.commit(&[("a.txt", &format!("lost\n{}", app.namespace))]);
    let again = app.werf(&["build"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(app.tags().contains(&lost), "the same files have the same name");
    assert_eq!(digest_of(&app, &lost).map(|digest| digest.len()), Some(71));
}

#[test]
fn a_cluster_that_does_not_tell_stops_it() {
    let Five { app, .. } = five();
    let all = app.tags();
    let away = app.werf(&["cleanup", HOURS, "0", "--kube-api-server", "https://127.0.0.1:9"]);
    assert_eq!(away.code, 1, "{}", away.stderr);
    assert_says(&away.stderr, &["https://127.0.0.1:9", "nothing was deleted", "--without-kube"]);
    let dev = app.testbed.run.join("dev.kubeconfig");
    let forbidden = app.werf(&["cleanup", HOURS, "0", "--kube-config", dev.to_str().expect("a path")]);
    assert_eq!(forbidden.code, 1, "{}", forbidden.stderr);
    assert_says(&forbidden.stderr, &["nothing was deleted", "403", "help: give an account that may list workloads in all namespaces"]);
    assert_eq!(app.tags(), all);

    let alone = app.werf(&["cleanup", HOURS, "0", "--without-kube"]);
    assert_eq!(alone.code, 0, "{}", alone.stderr);
    assert_eq!(app.tags().len(), 2, "what Git wants");
}

#[test]
fn tags_of_others_are_never_touched() {
    let Five { app, current, .. } = five();
    let foreign = format!("{}:latest", app.repo);
    let file = app.sandbox.root().join("foreign");
    std::fs::create_dir(&file).expect("a directory");
    std::fs::write(file.join("Dockerfile"), format!("FROM {}\nLABEL a=b\n", app.base())).expect("write");
    let local = |name: &str| format!("--local={name}={}", file.display());
    let output = format!("--output=type=image,name={foreign},push=true");
    let args = ["--addr", &app.testbed.buildkit, "build", "--frontend=dockerfile.v0", &local("context"), &local("dockerfile"), &output];
    let pushed = app.program("buildctl", &args);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let other = app.werf_with(&["cleanup", HOURS, "0", "--without-kube"], &[]);
    assert_eq!(other.code, 0, "{}", other.stderr);
    assert!(digest_of(&app, "latest").is_some());
    assert!(digest_of(&app, &current).is_some());
}
