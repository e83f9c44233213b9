//! The names of 50 images over a tree of 20,000 files, beside git's own work on that tree.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use werf::images::git_layers::Sums;
use werf::images::image::{ImageTree, Options};
use werf::project::config::{self, CommitData, ConfigInput};
use werf::project::git;
use werf::project::giterminism::{self, Mode};

use crate::fixture::{Project, Testbed};
use crate::measure::{Sample, alone, by_turns};
use crate::table::Row;

const IMAGES: usize = 50;

/// In process from opening the repository to the last name, without what is remembered and with it, beside `git ls-tree -r`; and the whole `werf lint` of a chart that names
/// every image, which compares the work tree too, beside `git status`.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let repo = testbed.repo("digests");
    let row = |what: &str, mapping: &dyn Fn(usize) -> String| {
        let project = project(mapping);
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.args(args).current_dir(&project.dir);
            command
        };
        let file = project.dir.join(".git/werf-sums");
        let names = Sample::of((0..9).map(|_| timed(&project, Arc::default())).collect());
        timed(&project, Arc::new(Sums::load(&file)));
        let again = Sample::of((0..9).map(|_| timed(&project, Arc::new(Sums::load(&file)))).collect());
        let listing = alone(9, |_| git(&["ls-tree", "-r", "HEAD"]));
        let (command, status) = by_turns(9, |_| testbed.werf(&project, &["lint", "--repo", &repo]), |_| git(&["status", "--short"]));
        [
            Row {
                what: what.into(),
                bar: "≤ 2×",
                ours: names,
                peer: Some(("git ls-tree", listing.clone())),
                remark: "in process, nothing remembered".into(),
            },
            Row {
                what: format!("{what}: again"),
                bar: "≤ 1×",
                ours: again,
                peer: Some(("git ls-tree", listing)),
                remark: "in process, sums remembered in a file".into(),
            },
            Row { what: format!("{what}: lint"), bar: "", ours: command, peer: Some(("git status", status)), remark: String::new() },
        ]
    };
    [
        row("digests: 50 images, 20,000 files, a directory each", &|n| format!("- {{add: /src/d{n:03}, to: /app}}\n")),
        row("digests: 50 images, 20,000 files, all of it each", &|n| {
            format!("- add: /src\n  to: /app\n  excludePaths: [d{n:03}, \"**/f001.txt\"]\n")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One computation of all names, with nothing kept from an earlier one but sums.
fn timed(project: &Project, sums: Arc<Sums>) -> std::time::Duration {
    let start = Instant::now();
    let repository = git::discover(&project.dir, None).expect("a repository");
    let commit = git::head(&repository).expect("a commit");
    let tree = Arc::new(git::commit_tree(&repository, &commit).expect("a tree"));
    let giterminism = Arc::new(giterminism::load(&commit.short(), tree, None, Mode::Strict, None).expect("rules"));
    let config = config::load(&ConfigInput {
        giterminism: &giterminism,
        commit: CommitData::default(),
        config: None,
        above: &|| None,
        templates_dir: None,
        env: "",
        project_name: None,
        variable: &|_| None,
        host: None,
    });
    let config = Arc::new(config.expect("a configuration"));
    let options = Options { sums, ..Options::default() };
    let images = ImageTree::new(config, giterminism.content().clone(), &options).expect("names");
    options.sums.save();
    assert_eq!(images.iter().count(), IMAGES);
    start.elapsed()
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
