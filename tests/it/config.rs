//! `project::config` and `project::giterminism` on real repositories: what a user sees from a commit to a configuration.

mod answers;

use std::path::Path;
use std::sync::Arc;

use werf::file_tree::FileTree;
use werf::project::config::{self, CommitData, Config, ConfigInput};
use werf::project::git::{self, GitWorkTree};
use werf::project::giterminism::{self, Giterminism, Mode, Purpose, WorkTree};

use super::git::Sandbox;

const WERF_YAML: &str = "configVersion: 1\nproject: shop\n---\nimage: web\ndockerfile: Dockerfile\n";

fn rules(dir: &Path, mode: Mode) -> Result<Arc<Giterminism>, werf::error::Error> {
    let repository = git::discover(dir, None)?;
    let head = git::head(&repository)?;
    let commit = match mode {
        Mode::Dev => git::dev_snapshot(&repository, &head, git::DEV_BRANCH, &[])?,
        Mode::Strict | Mode::Loose => head,
    };
    let tree = Arc::new(git::commit_tree(&repository, &commit)?);
    let work_tree = git::work_tree(&tree).map(|work_tree: GitWorkTree| Arc::new(work_tree) as Arc<dyn WorkTree>);
    Ok(Arc::new(giterminism::load(&commit.short(), tree, work_tree, mode, None)?))
}

fn load(dir: &Path, mode: Mode) -> Result<Config, werf::error::Error> {
    let rules = rules(dir, mode)?;
    let input = ConfigInput {
        giterminism: &rules,
        commit: CommitData::default(),
        config: None,
        above: &|| None,
        templates_dir: None,
        env: "",
        project_name: None,
        variable: &|_| None,
        host: None,
    };
    let config = config::load(&input)?;
    rules.files(Purpose::Chart).list(&config.meta.deploy.helm_chart_dir)?;
    rules.finish()?;
    Ok(config)
}

fn failure(sandbox: &Sandbox) -> String {
    let error = load(sandbox.path(), Mode::Strict).map(|_| ()).unwrap_err();
    let help = error.diagnostic().help().map(|help| help.to_string()).unwrap_or_default();
    format!("{}\nhelp: {help}", error.diagnostic()).replace(&short(sandbox), "COMMIT").replace(sandbox.path().to_str().unwrap(), "DIR")
}

fn short(sandbox: &Sandbox) -> String {
    sandbox.git(&["log", "-1", "--format=%H"])[..7].to_owned()
}

#[test]
fn a_clean_commit_gives_its_configuration() {
    let sandbox = Sandbox::with(&[("werf.yaml", WERF_YAML), (".helm/templates/a.yaml", "a: 1\n"), ("unrelated", "1")]);
    sandbox.write(&[("unrelated", "2"), ("new", "3")]);
    let config = load(sandbox.path(), Mode::Strict).unwrap();
    assert_eq!((config.meta.project.as_str(), config.images[0].name.as_str()), ("shop", "web"));
    assert_eq!(&*config.rendered, WERF_YAML);
}

#[test]
fn every_file_of_a_dirty_work_tree_is_named_at_once() {
    let sandbox = Sandbox::with(&[("werf.yaml", WERF_YAML), (".helm/a.yaml", "1"), (".helm/b.yaml", "1"), (".werf/x.tmpl", "")]);
    sandbox.write(&[("werf.yaml", "changed"), (".helm/a.yaml", "2"), (".helm/new.yaml", "1"), (".werf/y.tmpl", ""), (".werf/note", "")]);
    sandbox.write(&[(".helm/added.yaml", "1")]);
    sandbox.git(&["add", ".helm/added.yaml"]);
    sandbox.remove(".helm/b.yaml");
    insta::assert_snapshot!(failure(&sandbox), @r#"
    the work tree differs from commit COMMIT in 6 files that this run reads:
      .helm/a.yaml: changed, but not committed
      .helm/added.yaml: added, but not committed
      .helm/b.yaml: deleted in the work tree, but still in the commit
      .helm/new.yaml: untracked, not in the commit
      .werf/y.tmpl: untracked, not in the commit
      werf.yaml: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    "#);
}

#[test]
fn an_uncommitted_werf_yaml_is_called_so() {
    let sandbox = Sandbox::with(&[("README", "1")]);
    sandbox.write(&[("werf.yaml", WERF_YAML)]);
    insta::assert_snapshot!(failure(&sandbox), @r#"
    the work tree differs from commit COMMIT in 1 file that this run reads:
      werf.yaml: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    "#);
    sandbox.remove("werf.yaml");
    insta::assert_snapshot!(failure(&sandbox), @r#"
    commit COMMIT has no `werf.yaml`, `werf.yml` or `werf.yaml.j2`
    help: create `werf.yaml` in the project's directory and commit it, or point `--dir` at the project; `--config` names another file
    "#);
}

#[test]
fn dev_and_loose_runs_see_the_work_tree() {
    let sandbox = Sandbox::with(&[("README", "1"), (".gitignore", "*.log\n")]);
    sandbox.write(&[("werf.yaml", WERF_YAML), (".helm/new.yaml", "1"), ("x.log", "1")]);
    for mode in [Mode::Dev, Mode::Loose] {
        assert_eq!(load(sandbox.path(), mode).unwrap().meta.project, "shop");
    }
    let dev = rules(sandbox.path(), Mode::Dev).unwrap();
    assert!(dev.files(Purpose::Chart).read(".helm/new.yaml").unwrap().is_some());
    assert!(dev.files(Purpose::Chart).read("x.log").unwrap().is_none(), "ignored files stay out of the snapshot");
}

#[test]
fn a_mapping_over_many_files_is_checked_without_reading_them() {
    let sandbox = Sandbox::with(&[("werf.yaml", WERF_YAML), ("src/a.rs", "1"), ("src/deep/b.rs", "1"), ("src/deep/c.txt", "1")]);
    sandbox.write(&[("src/deep/b.rs", "2"), ("src/deep/c.txt", "2"), ("src/new.rs", "1")]);
    let rules = rules(sandbox.path(), Mode::Strict).unwrap();
    rules.check_below("src", &|path| path.ends_with(".rs")).unwrap();
    insta::assert_snapshot!(rules.finish().unwrap_err().to_string().replace(&short(&sandbox), "COMMIT"), @r#"
    the work tree differs from commit COMMIT in 2 files that this run reads:
      src/deep/b.rs: changed, but not committed
      src/new.rs: untracked, not in the commit
    "#);
}
