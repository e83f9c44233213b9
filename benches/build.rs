//! A Dockerfile built and pushed, beside `buildctl` on the same daemon.

use crate::fixture::{Project, Testbed};
use crate::measure::by_turns;
use crate::table::Row;

const DOCKERFILE: &str =
    "ARG BASE\nFROM ${BASE}\nCOPY src /src\nRUN cat /src/nonce > /nonce\nRUN echo two > /two\nCOPY other /other\nRUN echo three > /three\n";

/// Cold (every step runs) and all cached (each time to a repository that lacks the image).
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let project = Project::new();
    project.write("Dockerfile", DOCKERFILE);
    project.write(
        "werf-giterminism.yaml",
        "giterminismConfigVersion: 1\nconfig:\n  goTemplateRendering:\n    allowEnvVariables: [BASE_IMAGE]\n",
    );
    project.write(
        "werf.yaml",
        "project: one\nconfigVersion: 1\n---\nimage: app\ndockerfile: Dockerfile\nargs:\n  BASE: {{ env \"BASE_IMAGE\" }}\n",
    );
    for n in 0..40 {
        project.write(&format!("other/f{n}.txt"), format!("file {n}\n").repeat(100));
    }
    let nonce = |text: String| {
        project.write("src/nonce", text);
        project.commit();
    };
    let buildctl = |repo: String| testbed.buildctl(&project, &repo);
    let werf = |repo: String| testbed.werf(&project, &["build", "--repo", &repo]);
    let (ours, peer) = by_turns(
        7,
        |i| {
            nonce(format!("werf {i} {}", std::process::id()));
            werf(testbed.repo(&format!("cold{i}")))
        },
        |i| {
            nonce(format!("buildctl {i} {}", std::process::id()));
            buildctl(testbed.repo(&format!("peer-cold{i}")))
        },
    );
    let cold =
        Row { what: "Dockerfile, cold, pushed".into(), bar: "≤ 1.05×", ours, peer: Some(("buildctl", peer)), remark: String::new() };
    let (ours, peer) = by_turns(15, |i| werf(testbed.repo(&format!("cached{i}"))), |i| buildctl(testbed.repo(&format!("peer-cached{i}"))));
    let cached =
        Row {
            what: "Dockerfile, all cached, pushed".into(), bar: "≤ 1.0×", ours, peer: Some(("buildctl", peer)), remark: String::new()
        };
    vec![cold, cached]
}
