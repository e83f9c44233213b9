//! The names of 50 images over a tree of 20,000 files, beside git's own listing of that tree.

use std::fmt::Write as _;
use std::process::Command;

use crate::fixture::{Project, Testbed};
use crate::measure::by_turns;
use crate::table::Row;

const IMAGES: usize = 50;

/// Whole processes: `werf render` of a chart that names every image, and `git ls-tree -r`.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let repo = testbed.repo("digests");
    let row = |what: &str, mapping: &dyn Fn(usize) -> String| {
        let project = project(mapping);
        let werf = |_| testbed.werf(&project, &["render", "--repo", &repo]);
        let git = |_| {
            let mut command = Command::new("git");
            command.args(["ls-tree", "-r", "HEAD"]).current_dir(&project.dir);
            command
        };
        let (ours, peer) = by_turns(9, werf, git);
        Row { what: what.into(), bar: "", ours, peer: Some(("git ls-tree", peer)), remark: String::new() }
    };
    vec![
        row("digests: 50 images, 20,000 files, a directory each", &|n| format!("- {{add: /src/d{n:03}, to: /app}}\n")),
        row("digests: 50 images, 20,000 files, the whole tree each, excludes", &|n| {
            format!("- add: /src\n  to: /app\n  excludePaths: [d{n:03}, \"**/f001.txt\"]\n")
        }),
    ]
}

fn project(mapping: &dyn Fn(usize) -> String) -> Project {
    let project = Project::new();
    project.fill("src", IMAGES, 400, 64);
    let mut config = String::from("project: many\nconfigVersion: 1\n");
    let mut template = String::from("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: images}\ndata:\n");
    for n in 0..IMAGES {
        let _ = write!(config, "---\nimage: app{n}\nfrom: alpine:3.22\ngit:\n{}", mapping(n));
        let _ = writeln!(template, "  app{n}: {{{{ .Values.werf.image.app{n} }}}}");
    }
    project.write("werf.yaml", config);
    project.write(".helm/templates/images.yaml", template);
    project.commit();
    project
}
