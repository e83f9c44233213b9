//! Repositories beside `--repo`: where charts take images from, and where images are copied from instead of being built.

use serde_json::Value;

use crate::fake_registry::{FakeRegistry, Login, Trouble};
use crate::sandbox::Printed;
use crate::testbed::{App, Needs, assert_says};

/// Nobody listens there: who wants to build fails.
const NO_BUILDER: [&str; 2] = ["--buildkit-host", "tcp://127.0.0.1:1"];

/// Three images, `base` not for the chart, and a chart that tells what it knows of one.
fn app(needs: Needs) -> App {
    let image = |name: &str, more: &str| format!("---\nimage: {name}\ndockerfile: Dockerfile\nargs: {{X: {name}}}\n{more}");
    let yaml = format!("project: shop\nconfigVersion: 1\n{}{}{}", image("front", ""), image("back", ""), image("base", "final: false\n"));
    let app = App::new(
        needs,
        &[
            ("werf.yaml", &yaml),
            ("Dockerfile", "FROM scratch\nARG X\nENV X=$X\nCOPY page /\n"),
            (
                ".helm/templates/images.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: images}\ndata:\n  front: {{ .Values.werf.image.front }}\n  repo: {{ .Values.werf.repo }}\n  ref: {{ .Values.global.werf.images.back.ref }}\n",
            ),
        ],
    );
    // what other tests have built is in the builder's cache, and in use in the cluster
    app.commit(&[("page", &app.namespace)]);
    app
}

fn done(printed: Printed) -> String {
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    printed.stderr
}

/// The manifest under a tag or digest of a repository; empty where there is none.
fn manifest(repo: &str, name: &str) -> Vec<u8> {
    let (host, path) = repo.split_once('/').expect("a host");
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
    let url = format!("http://{host}/v2/{path}/manifests/{name}");
    std::process::Command::new("curl").args(["-fsS", "-H", accept, &url]).output().expect("curl runs").stdout
}

/// `repo:tag` in lines such as `Copied image front  repo:tag from …`, as tags by image.
fn tag_of<'a>(stderr: &'a str, verb: &str, image: &str, repo: &str) -> &'a str {
    let beginning = format!("{verb} image {image}  {repo}:");
    let line = stderr.lines().find_map(|line| line.trim_start().strip_prefix(&beginning));
    line.unwrap_or_else(|| panic!("no `{beginning}…` in:\n{stderr}")).split(' ').next().unwrap_or_default()
}

/// The requests of a run with `--log-debug` as `METHOD path status`, of one method.
fn requests(stderr: &str, method: &str) -> Vec<String> {
    let one = |line: &str| {
        let (_, rest) = line.split_once(&format!(": {method} http"))?;
        let (url, status) = rest.split_once(": ")?;
        Some(format!("{} {}", url.split("/v2/").nth(1)?, status.split([' ', ',']).next()?))
    };
    stderr.lines().filter_map(one).collect()
}

#[test]
fn charts_take_images_from_the_final_repository() {
    let app = app(Needs::Cluster);
    let last = format!("{}-final", app.repo);
    let with_final = |args: &[&str]| app.werf(&[args, &["--final-repo", &last]].concat());
    let missing = with_final(&["build", "--require-built-images", "front"]);
    assert_eq!(missing.code, 1, "{}", missing.stderr);

    let report = ["--save-build-report", "--add-custom-tag", "live-%image%", "--log-debug"];
    let first = done(with_final(&[&["converge"], &report[..]].concat()));
    let front = tag_of(&first, "Copied", "front", &last).to_owned();
    assert_says(&first, &[&format!("Copied image front  {last}:{front} from {}\n", app.repo)]);
    assert!(!first.contains("Copied image base"), "{first}");
    for name in [&front, tag_of(&first, "Published", "back", &app.repo)] {
        assert!(!manifest(&app.repo, name).is_empty());
        assert_eq!(manifest(&last, name), manifest(&app.repo, name), "{name}");
    }
    let path = last.split_once('/').expect("a path").1;
    let mounts: Vec<String> = requests(&first, "POST").into_iter().filter(|line| line.starts_with(path)).collect();
    assert!(!mounts.is_empty() && mounts.iter().all(|line| line.ends_with(" 201")), "no blob is sent a second time: {mounts:?}");

    let data = |key: &str| app.kubectl(&["get", "configmap", "images", "-o", &format!("jsonpath={{.data.{key}}}")]);
    assert_eq!(data("front"), format!("{last}:{front}"));
    assert_eq!(data("repo"), last);
    let back = data("ref");
    assert!(back.starts_with(&format!("{last}:")), "{back}");
    let (_, digest) = back.split_once('@').expect("a digest");
    assert_eq!(manifest(&last, digest), manifest(&app.repo, digest));

    // a further tag belongs to what is deployed
    assert_eq!(manifest(&last, "live-front"), manifest(&last, &front));
    assert!(manifest(&app.repo, "live-front").is_empty());
    let text = std::fs::read_to_string(app.sandbox.app().join(".werf-build-report.json")).expect("a report");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(written["Images"]["front"]["DockerImageName"], format!("{last}:{front}"));

    // with nothing to do it costs one question an image and repository
    let again = done(with_final(&["converge", "--log-debug"]));
    assert_says(&again, &["Unchanged"]);
    assert!(!again.contains("Copied"), "{again}");
    let heads = requests(&again, "HEAD");
    assert!(heads.len() == 5 && heads.iter().all(|line| line.contains("/manifests/") && line.ends_with(" 200")), "{heads:?}");
    let planned = done(with_final(&["plan", "--exit-code"]));
    assert!(!planned.contains("Warning"), "{planned}");

    // an image that is not there yet may be forbidden to come
    let other = format!("{}-other", app.repo);
    let missing = app.werf(&["build", "--require-built-images", "front", "--final-repo", &other]);
    assert_eq!(missing.code, 1, "{}", missing.stderr);
    assert_says(
        &missing.stderr,
        &[&format!("error: image `front` is not in --final-repo ({other}:{front}), and --require-built-images forbids to copy it there\n")],
    );
    let bad = app.werf(&["build", "--final-repo", "https://r.io/app"]);
    assert_says(
        &bad.stderr,
        &[
            "error: --final-repo: `https://r.io/app` is not the name of a repository: it has a scheme\n",
            "help: leave the scheme out; `--insecure-registry` asks for plain HTTP",
        ],
    );
}

#[test]
fn what_a_secondary_repository_has_is_not_built() {
    let app = app(Needs::Images);
    let [secondary, primary, other] = ["second", "first", "other"].map(|name| format!("{}-{name}", app.repo));
    let nowhere = format!("{}-nowhere", app.repo);
    let built = done(app.werf(&["build", "--repo", &secondary]));
    let front = tag_of(&built, "Published", "front", &secondary).to_owned();

    let repos = ["--secondary-repo", &nowhere, "--secondary-repo", &secondary];
    let planned = app.werf(&[&["build", "--explain", "--repo", &other], &repos[..]].concat());
    assert_eq!(planned.stdout, "all images of this commit are published\n", "{}", planned.stderr);
    assert!(manifest(&other, &front).is_empty(), "who only looks copies nothing");

    let copy = |more: &[&str]| app.werf(&[&["build", "--repo", &primary, "--log-debug"], &repos[..], &NO_BUILDER, more].concat());
    let copied = done(copy(&["--require-built-images"]));
    for image in ["front", "back", "base"] {
        let tag = tag_of(&copied, "Copied", image, &primary);
        assert_eq!(manifest(&primary, tag), manifest(&secondary, tag), "{image}");
    }
    assert_says(&copied, &[&format!("Copied image front  {primary}:{front} from {secondary}\n")]);
    assert_eq!(copied.matches("image front  ").count(), 1, "one line: {copied}");
    let again = done(copy(&[]));
    let path = primary.split_once('/').expect("a path").1;
    let heads = requests(&again, "HEAD");
    assert!(heads.len() == 3 && heads.iter().all(|line| line.starts_with(path)), "nobody else is asked: {heads:?}");

    // what it does not have is built
    app.commit(&[("Dockerfile", "FROM scratch\nARG X\nENV X=$X\nCOPY page /page\n")]);
    let missing = copy(&["--require-built-images"]);
    assert_eq!(missing.code, 1, "{}", missing.stderr);
    assert_says(&missing.stderr, &["error: images are not published, and --require-built-images forbids to build: "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_give_and_take_images_and_fail_nothing() {
    let app = app(Needs::Images);
    let [primary, other, third] = ["first", "other", "third"].map(|name| format!("{}-{name}", app.repo));
    let fake = FakeRegistry::start(Login::Open).await;
    let cache = fake.repository("cache");
    let nobody = "127.0.0.1:1/cache";
    let build = |repo: &str, more: &[&str]| {
        done(app.werf(&[&["build", "--repo", repo, "--cache-repo", nobody, "--cache-repo", &cache], more].concat()))
    };
    let first = build(&primary, &[]);
    let front = tag_of(&first, "Published", "front", &primary).to_owned();
    assert_says(
        &first,
        &[
            &format!("Copied image front  {cache}:{front} from {primary}\n"),
            "Warning what is in --cache-repo 127.0.0.1:1/cache is not known: cannot check image `127.0.0.1:1/cache:",
            "Warning not all new images are in --cache-repo 127.0.0.1:1/cache: ",
        ],
    );
    assert_eq!(first.matches("Warning not all new images").count(), 1, "{first}");

    let copied = build(&other, &NO_BUILDER);
    assert_says(&copied, &[&format!("Copied image front  {other}:{front} from {cache}\n")]);
    assert_eq!(manifest(&other, &front), manifest(&primary, &front));
    fake.take_log();
    let again = build(&other, &NO_BUILDER);
    assert!(!again.contains("Copied") && fake.take_log().is_empty(), "{again}");

    // what a cache does not give is built
    fake.fault("GET /v2/cache/blobs/", 99, Trouble::Close);
    let built = build(&third, &[]);
    assert_says(
        &built,
        &[&format!("Warning --cache-repo {cache} is left out: cannot copy blob `{cache}@sha256:"), "Published image front"],
    );
    assert!(!manifest(&third, &front).is_empty());
}

#[test]
fn copies_go_with_their_originals_unless_they_are_used() {
    let app = app(Needs::Cluster);
    let [last, cache] = ["final", "cache"].map(|name| format!("{}-{name}", app.repo));
    let repos = ["--final-repo", &last, "--cache-repo", &cache];
    let publish = |page: &str| {
        app.commit(&[("page", &format!("{page}{}", app.namespace))]);
        let built = done(app.werf(&[&["build", "front"], &repos[..]].concat()));
        tag_of(&built, "Published", "front", &app.repo).to_owned()
    };
    app.sandbox.git(&["checkout", "-q", "--detach"]);
    let (lost, used) = (publish("lost"), publish("used"));
    app.sandbox.git(&["checkout", "-q", "main"]);
    let current = publish("current");
    app.program("kubectl", &["create", "namespace", &app.namespace]);
    app.kubectl(&["create", "deployment", "web", "--replicas=0", &format!("--image={last}:{used}")]);

    let cleanup = |more: &[&str]| {
        let printed = app.werf(&[&["cleanup", "--keep-stages-built-within-last-n-hours", "0"], &repos[..], more].concat());
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        printed
    };
    let there = |repo: &str, tag: &str| !manifest(repo, tag).is_empty();
    let told = cleanup(&["--dry-run"]).stdout;
    let (originals, copies) = told.split_once(&format!("copies in {last}:\n")).expect("both repositories");
    for (text, tag, reason) in [
        (originals, &lost, "no workload uses it"),
        (originals, &used, "used by Deployment/web in namespace "),
        (copies, &lost, "its original goes or is gone, no workload uses it"),
        (copies, &used, "used by Deployment/web in namespace "),
        (copies, &current, "its original stays"),
    ] {
        let line = text.lines().find(|line| line.contains(&tag[..12]));
        assert!(line.is_some_and(|line| line.contains(reason)), "{reason}: {line:?} in {told}");
    }
    assert!(there(&last, &lost) && there(&cache, &lost));

    let cleaned = cleanup(&[]).stderr;
    assert_says(&cleaned, &[&format!("Deleted {last}:{lost}: its original goes or is gone"), "2 deleted, 4 kept"]);
    for repo in [&app.repo, &last, &cache] {
        assert!(!there(repo, &lost) && there(repo, &used) && there(repo, &current), "{repo}");
    }
    app.kubectl(&["delete", "deployment/web", "--cascade=foreground"]);
    cleanup(&[]);
    for repo in [&app.repo, &last, &cache] {
        assert!(!there(repo, &used) && there(repo, &current), "{repo}");
    }
}

#[test]
fn base_images_come_from_a_mirror_of_docker_hub() {
    let app = App::new(Needs::Images, &[("werf.yaml", "project: shop\nconfigVersion: 1\n---\nimage: base\ndockerfile: Dockerfile\n")]);
    // nobody has an image of this name but the mirror
    let name = format!("werf-{}", app.namespace);
    app.commit(&[("Dockerfile", "FROM scratch\nCOPY page /\n"), ("page", &name)]);
    let mirror = app.testbed.registry.as_str();
    let published = format!("{mirror}/library/{name}");
    done(app.werf(&["build", "--repo", &published, "--add-custom-tag", "v1"]));

    let yaml = format!(
        "project: shop\nconfigVersion: 1\n---\nimage: file\ndockerfile: Dockerfile\n---\nimage: stapel\nfrom: {name}:v1\ngit: [{{add: /page, to: /other}}]\n"
    );
    app.commit(&[("werf.yaml", &yaml), ("Dockerfile", &format!("FROM docker.io/library/{name}:v1\nCOPY page /other\n"))]);
    let bad = app.werf(&["build", "--container-registry-mirror", "http://m.io"]);
    assert_eq!(bad.code, 1, "{}", bad.stderr);
    assert_says(
        &bad.stderr,
        &[
            "error: --container-registry-mirror: `http://m.io` is not the name of a registry: it has a scheme\n",
            "help: the form is `HOST[:PORT][/PATH]`, such as `mirror.gcr.io`; `--insecure-registry` asks for plain HTTP\n",
        ],
    );
    let built = done(app.werf_with(&["build"], &[("WERF_CONTAINER_REGISTRY_MIRROR_1", mirror)]));
    for image in ["file", "stapel"] {
        let tag = tag_of(&built, "Published", image, &app.repo);
        let files = crate::published::Published::read(&format!("{}:{tag}", app.repo)).files;
        assert!(files.contains_key("page") && files.contains_key("other"), "{image}: {files:?}");
    }
    // names are the same with and without
    let again = done(app.werf(&["build", "--require-built-images"]));
    assert!(!again.contains("Published"), "{again}");
}
