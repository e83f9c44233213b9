//! `werf build --explain`: why the images of this commit have other names than those that are published.

use super::super::fake_registry::{FakeRegistry, Login};
use super::super::sandbox::Sandbox;
use super::told_beside;

const WERF_YAML: &str = "\
project: app
configVersion: 1
---
image: base
final: false
from: scratch
git: [{add: /base, to: /base}]
---
image: web
dockerfile: Dockerfile
context: web
---
image: worker
from: base
git: [{add: /worker, to: /app, stageDependencies: {setup: [jobs]}}]
shell: {setup: [sort /app/jobs]}
";

/// Takes the images of the present commit for published.
fn publish(sandbox: &Sandbox, registry: &FakeRegistry) {
    let told = tokio::task::block_in_place(|| sandbox.werf(&["build", "-Z", "--repo", &registry.repository("app")])).stderr;
    for line in told.lines().filter(|line| line.trim_start().starts_with("Missing")) {
        let (_, tag) = line.rsplit_once(':').expect("a tag");
        registry.put("app", tag, "application/vnd.oci.image.manifest.v1+json", "{}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_changed_since_the_last_published_commit_are_named() {
    let registry = FakeRegistry::start(Login::Open).await;
    let repo = registry.repository("app");
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", WERF_YAML),
        ("base/a", "1"),
        ("web/Dockerfile", "FROM scratch\nCOPY site /site\n"),
        ("web/site/index.html", "1"),
        ("worker/main.py", "1"),
        ("worker/old.py", "1"),
        ("worker/jobs", "1"),
    ]);
    let explained = || told_beside(&sandbox, &["build", "--explain", "--log-quiet", "--repo", &repo]);
    insta::assert_snapshot!(explained(), @r"
    exit 0
    image base: not published, and no commit is before this one
    image web: not published, and no commit is before this one
    image worker: not published, and no commit is before this one
    ");
    publish(&sandbox, &registry);
    insta::assert_snapshot!(explained(), @r"
    exit 0
    all images of this commit are published
    ");

    sandbox.write(&[("README", "1")]);
    sandbox.commit_all("nothing that an image sees");
    insta::assert_snapshot!(explained(), @r"
    exit 0
    all images of this commit are published
    ");

    sandbox.write(&[("worker/main.py", "2"), ("worker/new.py", "1")]);
    std::fs::remove_file(sandbox.app().join("worker/old.py")).expect("it is there");
    sandbox.commit_all("files of the worker");
    insta::assert_snapshot!(explained(), @r"
    exit 0
    image worker: changed since commit COMMIT
      gitArchive: git worker → /app: files:
        file main.py changed
        file new.py added
        file old.py removed
    ");

    let pages: Vec<String> = (0..14).map(|at| format!("web/site/page{at:02}")).collect();
    pages.iter().for_each(|page| sandbox.write(&[(page, "1")]));
    sandbox.write(&[
        ("base/a", "2"),
        ("worker/jobs", "2"),
        ("web/Dockerfile", "FROM scratch\nCOPY site /srv\nENV LANG=C\n"),
        ("werf.yaml", &WERF_YAML.replace("sort /app/jobs", "sort -u /app/jobs")),
    ]);
    sandbox.commit_all("everything");
    insta::assert_snapshot!(explained(), @r"
    exit 0
    image base: changed since commit COMMIT
      gitArchive: git base → /base: files: file a changed
    image web: changed since commit COMMIT
      dockerfile: stage 0:
        removed `COPY site /site`
        added `COPY site /srv`
        added `ENV LANG=C`
      dockerfile: context:
        file site/page00 added
        file site/page01 added
        file site/page02 added
        file site/page03 added
        file site/page04 added
        file site/page05 added
        file site/page06 added
        file site/page07 added
        file site/page08 added
        file site/page09 added
        and 4 more
    image worker: changed since commit COMMIT
      from: base image: image base changed
      setup: git worker → /app: files: file jobs changed
      setup: commands: `sort /app/jobs` became `sort -u /app/jobs`
      gitArchive: git worker → /app: files:
        file main.py changed
        file new.py added
        file old.py removed
    ");
    insta::assert_snapshot!(told_beside(&sandbox, &["build", "--explain", "--log-quiet", "--repo", &repo, "base"]), @r"
    exit 0
    image base: changed since commit COMMIT
      gitArchive: git base → /base: files: file a changed
    ");
}
