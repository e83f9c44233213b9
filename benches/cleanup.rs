//! `werf cleanup --dry-run` of a long history and a full repository, beside git's own walk of that history.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use futures::{StreamExt, TryStreamExt};
use werf::registry::{Client, Digest, Options, Repository, Tag};

use crate::fixture::{Project, Testbed};
use crate::measure::by_turns;
use crate::table::Row;

const COMMITS: usize = 50_000;
const BRANCHES: usize = 1_000;
const TAGS: usize = 1_500;
const IMAGES: usize = 2_000;

/// Policies that look at every branch and every tag.
const CONFIG: &str = "project: long\nconfigVersion: 1\ncleanup:\n  keepPolicies:\n  - references: {tag: /.*/}\n  - references: {branch: /.*/}\n    \
                      imagesPerReference: {last: 10}\n---\nimage: app\ndockerfile: Dockerfile\n---\nimage: worker\ncontext: worker\ndockerfile: Dockerfile\n";

/// One row: every image is labelled with a commit somewhere in the history, and most are wanted no more.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let project = Project::new();
    let commits = history(&project);
    let repo = testbed.repo("long");
    publish(&repo, &commits);
    let walk = || {
        let mut git = Command::new("git");
        git.args(["rev-list", "--all", "--count"]).current_dir(&project.dir);
        git
    };
    let (ours, peer) = by_turns(3, |_| testbed.werf(&project, &["cleanup", "--dry-run", "--without-kube", "--repo", &repo]), |_| walk());
    vec![Row {
        what: format!("cleanup: {COMMITS} commits, {} refs, {IMAGES} images", BRANCHES + TAGS),
        bar: "≤ 5 s, ≤ 150 MB",
        ours,
        peer: Some(("git rev-list", peer)),
        remark: String::new(),
    }]
}

/// Makes the history and gives the ids of its commits.
fn history(project: &Project) -> Vec<String> {
    let mut import = String::new();
    let file = |text: &mut String, path: &str, content: &str| {
        let _ = write!(text, "M 100644 inline {path}\ndata {}\n{content}\n", content.len());
    };
    let commit = |text: &mut String, branch: &str, mark: usize, time: usize| {
        let _ = write!(
            text,
            "commit refs/heads/{branch}\nmark :{mark}\ncommitter b <b@example.org> {} +0000\ndata 1\nc\n",
            1_700_000_000 + time * 600
        );
    };
    for number in 0..COMMITS {
        commit(&mut import, "main", number + 1, number);
        if number == 0 {
            file(&mut import, "werf.yaml", CONFIG);
            for path in ["Dockerfile", "worker/Dockerfile"] {
                file(&mut import, path, "FROM scratch\nCOPY . /app\n");
            }
        }
        file(&mut import, &format!("src/{}/{}", number % 20, number / 20 % 20), &number.to_string());
    }
    for number in 0..BRANCHES {
        let base = number * (COMMITS / BRANCHES);
        commit(&mut import, &format!("branch-{number}"), COMMITS + 1 + number, base);
        let _ = writeln!(import, "from :{}", base + 1);
        file(&mut import, "branch", &number.to_string());
    }
    for number in 0..TAGS {
        let _ = write!(import, "reset refs/tags/v{number}\nfrom :{}\n\n", number * (COMMITS / TAGS) + 1);
    }
    let mut git = Command::new("git");
    git.args(["fast-import", "--quiet", "--force"]).current_dir(&project.dir).stdin(Stdio::piped());
    let mut child = git.spawn().expect("git runs");
    child.stdin.take().expect("it reads").write_all(import.as_bytes()).expect("it reads all");
    assert!(child.wait().expect("it ends").success());
    project.git(&["reset", "-q", "--hard", "main"]);
    project.git(&["gc", "-q"]);
    project.git(&["rev-list", "--all"]).lines().map(str::to_owned).collect()
}

/// Puts the images into the registry.
fn publish(repo: &str, commits: &[String]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (client, repository) = (Client::new(Options::default()), Repository::parse(repo).expect("a repository"));
    let put = |number: usize| {
        let (client, repository) = (client.clone(), repository.clone());
        let name = if number.is_multiple_of(2) { "app" } else { "worker" };
        let commit = &commits[number * (commits.len() / IMAGES)];
        let labels = format!(r#"{{"werf":"long","werf.io/image":"{name}","werf-project-repo-commit":"{commit}"}}"#);
        let config = format!(r#"{{"created":"2025-01-01T00:00:00Z","number":{number},"config":{{"Labels":{labels}}}}}"#);
        async move {
            let digest = client.put_blob(&repository, config.clone().into()).await?;
            let manifest = format!(
                r#"{{"schemaVersion":2,"mediaType":"{TYPE}","config":{{"mediaType":"{CONFIG_TYPE}","digest":"{digest}","size":{}}},"layers":[]}}"#,
                config.len()
            );
            let tag = Digest::of(config.as_bytes()).as_str().replace("sha256:", "");
            let tag = Tag::parse(&tag).expect("a tag");
            client.put_manifest(&repository.with_tag(tag), TYPE, manifest.as_bytes()).await
        }
    };
    let all = futures::stream::iter((0..IMAGES).map(put)).buffer_unordered(16).try_collect::<Vec<_>>();
    runtime.block_on(all).expect("the registry takes them");
}

const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
