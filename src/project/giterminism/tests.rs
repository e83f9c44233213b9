use std::sync::Arc;

use super::*;
use crate::file_tree::{FileTree, MemoryTree, ReadError};
use crate::project::document::testing::print;

/// A work tree in memory beside a committed tree in memory.
struct Memory {
    committed: MemoryTree,
    disk: Arc<dyn FileTree>,
}

impl WorkTree for Memory {
    fn files(&self) -> &Arc<dyn FileTree> {
        &self.disk
    }

    fn compare(&self, path: &str) -> Result<Vec<Differing>, ReadError> {
        let difference = match (self.committed.read(path)?, self.disk.read(path)?) {
            (None, None) => None,
            (None, Some(_)) => Some(Difference::Untracked),
            (Some(_), None) => Some(Difference::Deleted),
            (Some(a), Some(b)) => (a != b).then_some(Difference::Modified),
        };
        Ok(difference.map(|difference| (path.to_owned(), difference)).into_iter().collect())
    }

    fn compare_below(&self, dir: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Differing>, ReadError> {
        let mut paths: Vec<String> = Vec::new();
        for tree in [&self.committed as &dyn FileTree, &*self.disk] {
            paths.extend(tree.list(dir)?.iter().map(|entry| entry.path.clone()).filter(|path| wanted(path)));
        }
        paths.sort();
        paths.dedup();
        let differing: Result<Vec<_>, _> = paths.iter().map(|path| self.compare(path)).collect();
        Ok(differing?.concat())
    }
}

fn rules(committed: &[(&str, &str)], disk: &[(&str, &str)], mode: Mode) -> Result<Giterminism, GiterminismError> {
    let committed = MemoryTree::new(committed.iter().copied());
    let work_tree = Memory { committed: committed.clone(), disk: Arc::new(MemoryTree::new(disk.iter().copied())) };
    load("1a2b3c4", Arc::new(committed), Some(Arc::new(work_tree)), mode, None)
}

fn read(rules: &Giterminism, purpose: Purpose, path: &str) -> Option<String> {
    rules.files(purpose).read(path).unwrap().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn every_differing_file_that_was_read_is_named_in_one_error() {
    let committed = [("werf.yaml", "a"), (".helm/a", "1"), (".helm/b", "1"), ("unread", "1")];
    let disk = [("werf.yaml", "b"), (".helm/a", "2"), (".helm/c", "1"), ("unread", "2")];
    let rules = rules(&committed, &disk, Mode::Strict).unwrap();
    assert_eq!(read(&rules, Purpose::Config, "werf.yaml").as_deref(), Some("a"), "the commit's");
    assert_eq!(rules.files(Purpose::Chart).list(".helm").unwrap().len(), 2);
    insta::assert_snapshot!(print(&rules.finish().unwrap_err()), @r#"
    error: the work tree differs from commit 1a2b3c4 in 4 files that this run reads:
      .helm/a: changed, but not committed
      .helm/b: deleted in the work tree, but still in the commit
      .helm/c: untracked, not in the commit
      werf.yaml: changed, but not committed
      help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    "#);
}

#[test]
fn clean_dev_and_loose_runs_have_no_breach() {
    let committed = [("werf.yaml", "a")];
    let disk = [("werf.yaml", "b"), ("new", "n")];
    for (mode, text, new) in [(Mode::Dev, "a", None), (Mode::Loose, "b", Some("n"))] {
        let rules = rules(&committed, &disk, mode).unwrap();
        assert_eq!(read(&rules, Purpose::Config, "werf.yaml").as_deref(), Some(text));
        assert_eq!(read(&rules, Purpose::Config, "new").as_deref(), new);
        rules.check_below("", &|_| true).unwrap();
        assert!(rules.finish().is_ok());
        assert_eq!(rules.allows(|policy| policy.from_latest), mode == Mode::Loose);
    }
    let rules = rules(&committed, &committed, Mode::Strict).unwrap();
    read(&rules, Purpose::Config, "werf.yaml");
    rules.check_below("", &|_| true).unwrap();
    assert!(rules.finish().is_ok());
}

#[test]
fn what_the_project_allows_is_read_from_disk() {
    const RULES: &str = "\
giterminismConfigVersion: 1
cli: {allowCustomTags: true}
config:
  allowUncommitted: true
  allowUncommittedTemplates: ['/.werf/**/*.tmpl']
  goTemplateRendering: {allowEnvVariables: [CI, /^APP_.*/], allowUncommittedFiles: [data]}
  secrets: {allowEnvVariables: [TOKEN], allowFiles: [~/.npmrc], allowValueIds: [id]}
  stapel: {allowFromLatest: true, git: {allowBranch: true}, mount: {allowBuildDir: true, allowFromPaths: [/var/cache]}}
  dockerfile: {allowUncommitted: [Dockerfile], allowUncommittedDockerignoreFiles: [.dockerignore], allowContextAddFiles: [dist]}
helm: {allowUncommittedFiles: [.helm/charts/*.tgz]}
includes: {allowIncludesUpdate: true}
";
    let committed = [(CONFIG_FILE, RULES), ("werf.yaml", "a"), (".helm/values.yaml", "1")];
    let disk = [(CONFIG_FILE, RULES), ("werf.yaml", "b"), (".helm/values.yaml", "1"), (".helm/charts/x.tgz", "1"), ("data/deep/x", "1")];
    let rules = rules(&committed, &disk, Mode::Strict).unwrap();
    assert_eq!(read(&rules, Purpose::Config, "werf.yaml").as_deref(), Some("b"));
    assert_eq!(read(&rules, Purpose::TemplateFile, "data/deep/x").as_deref(), Some("1"));
    let chart = rules.files(Purpose::Chart);
    let entries = chart.list(".helm").unwrap();
    assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), [".helm/charts/x.tgz", ".helm/values.yaml"]);
    assert_eq!(&*chart.blob(&entries[0]).unwrap(), b"1");
    assert!(rules.finish().is_ok());

    let names = |check: fn(&Policy) -> bool| assert!(rules.allows(check));
    names(|policy| policy.custom_tags && policy.from_latest && policy.git_branch && policy.mount_build_dir && policy.includes_update);
    names(|policy| policy.template_env.allow("CI") && policy.template_env.allow("APP_X") && !policy.template_env.allow("HOME"));
    names(|policy| policy.secret_env.allow("TOKEN") && policy.secret_values.allow("id") && policy.secret_files.allow("~/.npmrc"));
    names(|policy| {
        policy.mount_paths.allow("/var/cache/x") && policy.context_add_files.allow("dist/a") && !policy.context_add_files.allow("a")
    });
    names(|policy| policy.uncommitted_templates.allow(".werf/a/b.tmpl") && policy.uncommitted_templates.allow(".werf/b.tmpl"));
    names(|policy| policy.uncommitted_dockerfiles.allow("Dockerfile") && policy.uncommitted_dockerignores.allow(".dockerignore"));
}

#[test]
fn the_rules_must_be_committed() {
    let rules = rules(&[], &[(CONFIG_FILE, "giterminismConfigVersion: 1\nconfig: {allowUncommitted: true}\n")], Mode::Strict).unwrap();
    assert!(!rules.allows(|policy| policy.uncommitted_config));
    insta::assert_snapshot!(print(&rules.finish().unwrap_err()), @r#"
    error: the work tree differs from commit 1a2b3c4 in 1 file that this run reads:
      werf-giterminism.yaml: untracked, not in the commit
      help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    "#);
    let missing = load("1a2b3c4", Arc::new(MemoryTree::default()), None, Mode::Strict, Some("other.yaml")).map(|_| ()).unwrap_err();
    insta::assert_snapshot!(print(&missing), @r#"
    error: commit 1a2b3c4 has no file `other.yaml`
      help: commit it, or pass the path of a committed file with `--giterminism-config`
    "#);
}

#[test]
fn every_problem_of_the_rules_is_reported_with_its_place() {
    const RULES: &str = "\
config:
  allowUncommited: true
  dockerfile: [a]
  goTemplateRendering:
    allowEnvVariables: [\"/(/\", {}]
  stapel:
    allowFromLatest: maybe
";
    let error = rules(&[(CONFIG_FILE, RULES)], &[(CONFIG_FILE, RULES)], Mode::Strict).map(|_| ()).unwrap_err();
    insta::assert_snapshot!(print(&error), @r#"
    error: werf-giterminism.yaml has 5 problems
    error: `werf-giterminism.yaml` has no `giterminismConfigVersion`
      at werf-giterminism.yaml:1:1
        | config:
        | ^^^^^^ `giterminismConfigVersion` is missing here
      help: add `giterminismConfigVersion: 1`
    error: `dockerfile` of `config` of `werf-giterminism.yaml` must be a mapping, not a list
      at werf-giterminism.yaml:3:15
        |   dockerfile: [a]
        |               ^^^ expected `key: value` lines
    error: `/(/` is not a regular expression: unclosed group
      at werf-giterminism.yaml:5:25
        |     allowEnvVariables: ["/(/", {}]
        |                         ^^^^^ cannot be read
    error: `allowEnvVariables` of `goTemplateRendering` of `config` of `werf-giterminism.yaml` must be a string or a list of strings, not a mapping
      at werf-giterminism.yaml:5:32
        |     allowEnvVariables: ["/(/", {}]
        |                                ^^ expected a string or a list of strings
    error: `allowFromLatest` of `stapel` of `config` of `werf-giterminism.yaml` must be true or false, not a string
      at werf-giterminism.yaml:7:22
        |     allowFromLatest: maybe
        |                      ^^^^^ expected true or false
    "#);
}

#[test]
fn unknown_keys_count_for_nothing_and_are_told() {
    const RULES: &str = "\
giterminismConfigVersion: '1'
strict: true
config:
  allowUncommited: true
  secrets: {allowAll: true}
helm: {allowUncommittedFiles: [a]}
";
    let known = rules(&[(CONFIG_FILE, RULES)], &[(CONFIG_FILE, RULES)], Mode::Strict).unwrap();
    assert!(known.allows(|policy| policy.chart_files.allow("a") && !policy.uncommitted_config));
    let told: Vec<String> = known.warnings().iter().map(|warning| format!("{}\n{}", warning.message, warning.help)).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    werf-giterminism.yaml has keys that werf does not know and that allow nothing: `strict`, `allowUncommited`, `allowAll`
    line 2: remove `strict` of `werf-giterminism.yaml`
    line 4: did you mean `allowUncommitted` instead of `allowUncommited` of `config` of `werf-giterminism.yaml`?
    line 5: remove `allowAll` of `secrets` of `config` of `werf-giterminism.yaml`
    ");
}

#[test]
fn names_fit_whole_and_secrets_have_no_patterns() {
    const RULES: &str = "\
giterminismConfigVersion: 1
config:
  goTemplateRendering: {allowEnvVariables: [/A|B/, /CI_.+/, EXACT]}
  secrets: {allowEnvVariables: [/T.*/, TOKEN], allowValueIds: [/id/]}
";
    let rules = rules(&[(CONFIG_FILE, RULES)], &[(CONFIG_FILE, RULES)], Mode::Strict).unwrap();
    let names = ["A", "B", "AB", "CI_X", "CI_", "XCI_X", "EXACT", "EXACTLY", "/A|B/"];
    let open = |name: &&str| rules.allows(|policy| policy.template_env.allow(name));
    assert_eq!(names.into_iter().filter(open).collect::<Vec<_>>(), ["A", "B", "CI_X", "EXACT"]);
    let secrets = ["TOKEN", "TIME", "/T.*/"];
    let open = |name: &&str| rules.allows(|policy| policy.secret_env.allow(name));
    assert_eq!(secrets.into_iter().filter(open).collect::<Vec<_>>(), ["TOKEN", "/T.*/"]);
    assert!(!rules.allows(|policy| policy.secret_values.allow("id")));
}

#[test]
fn paths_have_alternatives_and_a_directory_stands_for_all_below_it() {
    const RULES: &str = "giterminismConfigVersion: 1\nhelm: {allowUncommittedFiles: ['.helm/{charts,crds}/*', '**/*.tgz', 'data']}\n";
    let rules = rules(&[(CONFIG_FILE, RULES)], &[(CONFIG_FILE, RULES)], Mode::Strict).unwrap();
    let paths = [".helm/charts/a/b", ".helm/crds/c", ".helm/values.yaml", "x/y.tgz", "z.tgz", "data/deep/er", "database", ".helm/charts"];
    let open = |path: &&str| rules.allows(|policy| policy.chart_files.allow(path));
    let expect = [".helm/charts/a/b", ".helm/crds/c", "x/y.tgz", "z.tgz", "data/deep/er", ".helm/charts"];
    assert_eq!(paths.into_iter().filter(open).collect::<Vec<_>>(), expect);
}
