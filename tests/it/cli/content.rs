//! Files that images see come from the commit, and a work tree that differs in them is an error.

use super::super::deploy::fake::Fake;
use super::super::fake_registry::full_repository;
use super::super::fake_registry::{FakeRegistry, Login};
use super::super::sandbox::Sandbox;
use super::told;

const WERF_YAML: &str = "\
project: app
configVersion: 1
---
image: web
context: web
dockerfile: Dockerfile
---
image: worker
from: docker.io/library/busybox:1.37
git:
- add: /worker
  to: /app
  includePaths: ['**/*.py', conf]
  excludePaths: [conf/local]
- add: /entry.sh
  to: /entry.sh
";
const CHART: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n";

fn app() -> Sandbox {
    Sandbox::commit(&[
        ("werf.yaml", WERF_YAML),
        (".gitignore", "*.log\n"),
        (".helm/templates/app.yaml", CHART),
        ("entry.sh", "exec python /app/main.py\n"),
        ("web/Dockerfile", "FROM scratch\nCOPY src /src\nCOPY conf/*.ini /conf/\n"),
        ("web/.dockerignore", "src/test\n"),
        ("web/src/index.html", "1"),
        ("web/src/old.html", "1"),
        ("web/src/test/a", "1"),
        ("web/conf/a.ini", "1"),
        ("web/conf/a.md", "1"),
        ("worker/main.py", "1"),
        ("worker/conf/local/a", "1"),
        ("worker/README.md", "1"),
    ])
}

fn spoil(sandbox: &Sandbox) {
    sandbox.write(&[
        (".helm/templates/app.yaml", "changed"),
        ("entry.sh", "changed"),
        ("web/src/index.html", "2"),
        ("web/src/deep/new.html", "1"),
        ("web/conf/b.ini", "1"),
        ("worker/main.py", "2"),
        ("worker/conf/new", "1"),
        ("worker/lib/added.py", "1"),
    ]);
    sandbox.git(&["add", "worker/lib/added.py"]);
    std::fs::remove_file(sandbox.app().join("web/src/old.html")).expect("it is there");
}

#[test]
fn every_file_that_an_image_sees_and_that_differs_is_named_with_those_of_the_chart() {
    let sandbox = app();
    spoil(&sandbox);
    insta::assert_snapshot!(told(&sandbox, &["render", "--log-quiet", "--repo", &full_repository()]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 9 files that this run reads:
      .helm/templates/app.yaml: changed, but not committed
      entry.sh: changed, but not committed
      web/conf/b.ini: untracked, not in the commit
      web/src/deep/new.html: untracked, not in the commit
      web/src/index.html: changed, but not committed
      web/src/old.html: deleted in the work tree, but still in the commit
      worker/conf/new: untracked, not in the commit
      worker/lib/added.py: added, but not committed
      worker/main.py: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_that_uses_images_checks_them() {
    let registry = FakeRegistry::start(Login::Open).await;
    let (repo, cluster) = (registry.repository("app"), Fake::start().await);
    let server = format!("http://{}", cluster.address);
    let sandbox = app();
    sandbox.write(&[("worker/main.py", "2")]);
    let commands: [&[&str]; 6] = [
        &["plan", "--repo", &repo, "--kube-config", "/nowhere"],
        &["render", "--repo", &repo, "--buildkit-host", "unix:///nowhere"],
        &["build", "--repo", &repo, "--require-built-images=false", "--buildkit-host", "unix:///nowhere"],
        &["build", "--explain", "--repo", &repo],
        &["plan", "--repo", &repo, "--kube-api-server", &server],
        &["converge", "--repo", &repo, "--kube-api-server", &server, "--buildkit-host", "unix:///nowhere"],
    ];
    for command in commands {
        let told = tokio::task::block_in_place(|| told(&sandbox, command));
        assert!(told.starts_with("exit 1\n"), "{command:?}: {told}");
        assert!(told.contains("\n  worker/main.py: changed, but not committed\nhelp: "), "{command:?}: {told}");
    }
    assert!(
        cluster.requests().iter().all(|line| line.starts_with("GET") || line.starts_with("DRYRUN")),
        "nothing is applied: {:?}",
        cluster.requests()
    );
}

#[test]
fn what_no_image_sees_may_differ() {
    let sandbox = app();
    sandbox.write(&[
        ("web/src/test/a", "2"),
        ("web/src/test/b", "1"),
        ("web/src/debug.log", "ignored by Git"),
        ("web/conf/a.md", "2"),
        ("web/notes", "1"),
        ("worker/README.md", "2"),
        ("worker/conf/local/a", "2"),
        ("README.md", "2"),
    ]);
    let printed = sandbox.werf(&["render", "--log-quiet", "--repo", &full_repository()]);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
}

#[test]
fn a_dockerfile_that_may_be_uncommitted_is_no_difference_of_its_context() {
    const RULES: &str = "giterminismConfigVersion: 1\nconfig: {dockerfile: {allowUncommitted: [Dockerfile]}}\n";
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\ndockerfile: Dockerfile\n"),
        ("werf-giterminism.yaml", RULES),
        ("Dockerfile", "FROM scratch\nCOPY . /\n"),
        (".helm/templates/app.yaml", CHART),
    ]);
    sandbox.write(&[("Dockerfile", "FROM scratch\nCOPY . /app\n")]);
    assert_eq!(sandbox.werf(&["render", "--log-quiet", "--repo", &full_repository()]).code, 0);
    sandbox.write(&[("index.html", "1")]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--log-quiet", "--repo", &full_repository()]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      index.html: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}

#[test]
fn dev_and_loose_runs_take_the_files_as_they_are() {
    let sandbox = app();
    let digest = |args: &[&str]| {
        let printed = sandbox.werf(&[args, &["--repo", &full_repository(), "--set", "x=1"]].concat());
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        printed.stdout
    };
    sandbox.write(&[(".helm/templates/app.yaml", "apiVersion: v1\nkind: A\nmetadata: {name: '{{ werf_image \"worker\" }}'}\n")]);
    sandbox.commit_all("second");
    let committed = digest(&["render"]);
    sandbox.write(&[("worker/main.py", "2")]);
    let (dev, loose) = (digest(&["render", "--dev"]), digest(&["render", "--loose-giterminism"]));
    assert_ne!(committed, dev);
    assert_eq!(dev, loose);
    sandbox.commit_all("third");
    assert_eq!(digest(&["render"]), dev, "the same files have the same name once they are committed");
}

#[test]
fn a_tree_of_many_files_is_compared_by_the_index() {
    let many: Vec<(String, String)> = (0..300).map(|at| (format!("src/d{}/f{at}", at % 7), at.to_string())).collect();
    let mut files: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\nfrom: scratch\ngit: [{add: /src, to: /app}]\n"));
    files.push((".helm/templates/app.yaml", CHART));
    let sandbox = Sandbox::commit(&files);
    assert_eq!(sandbox.werf(&["render"]).stderr, "");
    // of the same size and, as far as seconds tell, of the same age
    sandbox.write(&[("src/d0/f7", "8"), ("src/d1/new", "1"), ("src/d2/added", "1"), ("src/new/deep/file", "1"), ("notes", "1")]);
    sandbox.git(&["add", "src/d2/added"]);
    std::fs::remove_file(sandbox.app().join("src/d3/f3")).expect("it is there");
    insta::assert_snapshot!(told(&sandbox, &["render", "--log-quiet", "--repo", &full_repository()]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 5 files that this run reads:
      src/d0/f7: changed, but not committed
      src/d1/new: untracked, not in the commit
      src/d2/added: added, but not committed
      src/d3/f3: deleted in the work tree, but still in the commit
      src/new/deep/file: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}
