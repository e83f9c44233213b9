//! A Stapel image over a tree of 10,000 files and 100 MB, beside buildctl's COPY of the same tree.

use std::process::Command;

use crate::fixture::{Project, Testbed};
use crate::measure::{alone, by_turns, must};
use crate::table::Row;

const CONFIG: &str = "project: tree\nconfigVersion: 1\n---\nimage: tree\nfrom: {{ env \"BASE_IMAGE\" }}\ngit:\n- {add: /tree, to: /app}\n";
const SETUP: &str = "shell:\n  setup:\n  - ls -R /app | wc -l > /count\n";

/// Unchanged (to a repository that lacks the image), one file changed, and one file changed where a RUN follows.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let project = Project::new();
    project.fill("tree", 100, 100, 10 * 1024);
    project.write(
        "werf-giterminism.yaml",
        "giterminismConfigVersion: 1\nconfig:\n  goTemplateRendering:\n    allowEnvVariables: [BASE_IMAGE]\n",
    );
    project.write("Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY tree /app\n");
    project.write("werf.yaml", CONFIG);
    project.commit();
    let repo = testbed.repo("tree");
    let werf = |repo: &str| testbed.werf(&project, &["build", "--repo", repo]);
    let buildctl = |repo: &str| testbed.buildctl(&project, repo);
    let peer_repo = testbed.repo("peer-tree");
    must(werf(&repo));
    must(buildctl(&peer_repo));

    let noop = alone(9, |_| werf(&repo));
    let (ours, peer) = by_turns(9, |_| forget(&testbed, &repo, werf(&repo)), |_| buildctl(&peer_repo));
    let unchanged = Row {
        what: "10,000 files, unchanged, built again".into(),
        bar: "≤ 100 ms",
        ours,
        peer: Some(("buildctl", peer)),
        remark: String::new(),
    };
    let change = |i: usize| {
        project.write("tree/d042/f042.txt", format!("changed {i} {}\n", std::process::id()).repeat(300));
        project.commit();
    };
    let mut pushed = Vec::new();
    let ours = alone(5, |i| {
        change(i);
        pushed.push(testbed.stored());
        werf(&repo)
    });
    pushed.push(testbed.stored());
    let peer = alone(3, |i| {
        change(100 + i);
        buildctl(&peer_repo)
    });
    let remark = format!("{:.1} MB pushed a change", median_growth(&pushed) as f64 / 1e6);
    let one = Row { what: "10,000 files, one changed".into(), bar: "≤ 300 ms, ≤ 3.5 MB", ours, peer: Some(("buildctl", peer)), remark };

    project.write("werf.yaml", format!("{CONFIG}{SETUP}"));
    project.write("Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY tree /app\nRUN ls -R /app | wc -l > /count\n");
    project.commit();
    must(werf(&repo));
    must(buildctl(&peer_repo));
    let ours = alone(5, |i| {
        change(200 + i);
        werf(&repo)
    });
    let peer = alone(3, |i| {
        change(300 + i);
        buildctl(&peer_repo)
    });
    let run = Row {
        what: "10,000 files, one changed, a RUN follows".into(),
        bar: "≤ 900 ms",
        ours,
        peer: Some(("buildctl", peer)),
        remark: String::new(),
    };
    let found = Row { what: "10,000 files, published already".into(), bar: "", ours: noop, peer: None, remark: String::new() };
    vec![found, unchanged, one, run]
}

/// Deletes our tags from the registry, so that the next build has to make the image again.
fn forget(testbed: &Testbed, repo: &str, next: Command) -> Command {
    let path = repo.split_once('/').map_or(repo, |(_, path)| path);
    let tags = testbed.run.join("registry/docker/registry/v2/repositories").join(path).join("_manifests/tags");
    let _ = std::fs::remove_dir_all(tags);
    next
}

fn median_growth(sizes: &[u64]) -> u64 {
    let mut growth: Vec<u64> = sizes.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    growth.sort_unstable();
    growth.get(growth.len() / 2).copied().unwrap_or(0)
}
