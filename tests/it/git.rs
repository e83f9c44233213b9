//! `project::git` on real repositories, made by the `git` program.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use miette::Diagnostic;
use tempfile::TempDir;
use werf::file_tree::{FileTree, Mode};
use werf::project::git::{
    self, CommitTree, DEV_BRANCH, GitError, ReferenceKind, commit_tree, dev_snapshot, discover, head, is_ancestor, references, walk,
    work_tree,
};
use werf::project::giterminism::{Difference, WorkTree};

/// A repository in a directory of its own.
pub struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    /// An empty repository on branch `main`.
    pub fn new() -> Self {
        let sandbox = Sandbox { dir: TempDir::new().unwrap() };
        sandbox.git(&["init", "-q", "-b", "main"]);
        sandbox
    }

    /// A repository whose first commit has these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(files);
        sandbox.commit("first");
        sandbox
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.path().join(path)).unwrap();
    }

    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        // Each commit is a second younger than the one before, so that order by date is decided.
        static SECONDS: AtomicU32 = AtomicU32::new(0);
        let date = format!("@{} +0000", 1_772_000_000 + SECONDS.fetch_add(1, Ordering::Relaxed));
        let output = Command::new("git")
            .args(["-c", "protocol.file.allow=always", "-c", "user.name=A", "-c", "user.email=a@b.c"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_COMMITTER_DATE", date)
            .env("GIT_AUTHOR_DATE", "2026-03-01T12:30:00+0300")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn tree(&self) -> Arc<CommitTree> {
        let repository = discover(self.path(), None).unwrap();
        Arc::new(commit_tree(&repository, &head(&repository).unwrap()).unwrap())
    }
}

fn paths(tree: &dyn FileTree, dir: &str) -> Vec<String> {
    tree.list(dir).unwrap().iter().map(|entry| entry.path.clone()).collect()
}

fn text(tree: &dyn FileTree, path: &str) -> Option<String> {
    tree.read(path).unwrap().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn differing(sandbox: &Sandbox, dir: &str) -> Vec<(String, Difference)> {
    work_tree(&sandbox.tree()).unwrap().compare_below(dir, &|_| true).unwrap()
}

#[test]
fn a_commit_is_read_not_the_work_tree() {
    let sandbox = Sandbox::with(&[("a.txt", "one"), ("b/c.txt", "two"), ("b-c", "three")]);
    std::os::unix::fs::symlink("../a.txt", sandbox.path().join("b/link")).unwrap();
    std::os::unix::fs::symlink("b", sandbox.path().join("d")).unwrap();
    let id = sandbox.commit("links");
    sandbox.write(&[("a.txt", "changed"), ("new", "x")]);

    let tree = sandbox.tree();
    assert_eq!(tree.commit().to_string(), id);
    assert_eq!(paths(&*tree, ""), ["a.txt", "b-c", "b/c.txt", "b/link", "d"]);
    assert_eq!(paths(&*tree, "d"), ["d/c.txt", "d/link"], "a symlinked directory is listed under the name asked for");
    assert_eq!(paths(&*tree, "none"), [""; 0]);
    assert_eq!(text(&*tree, "a.txt").as_deref(), Some("one"));
    assert_eq!(text(&*tree, "d/link").as_deref(), Some("one"));
    assert_eq!(text(&*tree, "b"), None);
    assert_eq!(text(&*tree, "b/c.txt/d"), None);
    assert_eq!(text(&*tree, "new"), None);
    assert_eq!(tree.subtree("b").unwrap().unwrap().to_string(), sandbox.git(&["rev-parse", "HEAD:b"]));
    let modes: Vec<_> = tree.list("b").unwrap().iter().map(|entry| entry.mode).collect();
    assert_eq!(modes, [Mode::File, Mode::Symlink]);
}

#[test]
fn links_that_leave_the_repository_or_turn_in_a_circle_are_errors() {
    let sandbox = Sandbox::new();
    for (target, link) in [("/etc/passwd", "absolute"), ("../../x", "up"), ("circle", "circle")] {
        std::os::unix::fs::symlink(target, sandbox.path().join(link)).unwrap();
    }
    sandbox.commit("links");
    let tree = sandbox.tree();
    for link in ["absolute", "up", "circle"] {
        let error = tree.read(link).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read `{link}` from commit {}", &tree.commit().to_string()[..7]));
    }
}

#[test]
fn a_project_may_be_a_directory_of_the_repository() {
    let sandbox = Sandbox::with(&[("shared/x", "1"), ("apps/shop/werf.yaml", "2")]);
    std::os::unix::fs::symlink("../../shared", sandbox.path().join("apps/shop/common")).unwrap();
    sandbox.commit("link");
    let repository = discover(&sandbox.path().join("apps/shop"), None).unwrap();
    assert_eq!(repository.project_prefix(), "apps/shop");
    let tree = Arc::new(commit_tree(&repository, &head(&repository).unwrap()).unwrap());
    assert_eq!(paths(&*tree, ""), ["common", "werf.yaml"]);
    assert_eq!(text(&*tree, "common/x").as_deref(), Some("1"));
    sandbox.write(&[("shared/x", "changed"), ("apps/shop/werf.yaml", "changed")]);
    let work_tree = work_tree(&tree).unwrap();
    assert_eq!(work_tree.compare("common/x").unwrap(), [("../../shared/x".to_owned(), Difference::Modified)]);
    assert_eq!(work_tree.compare("werf.yaml").unwrap(), [("werf.yaml".to_owned(), Difference::Modified)]);
    assert_eq!(work_tree.compare_below("", &|_| true).unwrap(), [("werf.yaml".to_owned(), Difference::Modified)]);
    assert_eq!(work_tree.compare_below("common", &|_| true).unwrap(), [("common/x".to_owned(), Difference::Modified)]);
}

#[test]
fn each_kind_of_difference_is_found_by_file_and_by_directory() {
    use Difference::*;
    let files = ["same", "modified", "deleted", "staged", "staged-then-reverted", "touched", "unstaged-but-kept"];
    let sandbox = Sandbox::with(&files.map(|name| (name, "before")));
    sandbox.write(&[("modified", "after"), ("staged", "after"), ("staged-then-reverted", "after"), ("added", "x"), ("gone", "x")]);
    sandbox.git(&["add", "staged", "staged-then-reverted", "added", "gone"]);
    sandbox.git(&["rm", "-q", "--cached", "unstaged-but-kept"]);
    sandbox.write(&[
        ("staged-then-reverted", "before"),
        ("touched", "before"),
        ("untracked", "x"),
        (".gitignore", "ignored*\n"),
        ("ignored.log", "x"),
    ]);
    sandbox.remove("deleted");
    sandbox.remove("gone");
    let expect = [
        (".gitignore", Untracked),
        ("added", Added),
        ("deleted", Deleted),
        ("modified", Modified),
        ("staged", Modified),
        ("untracked", Untracked),
    ]
    .map(|(path, difference)| (path.to_owned(), difference));
    assert_eq!(differing(&sandbox, ""), expect);

    let work_tree = work_tree(&sandbox.tree()).unwrap();
    for (path, difference) in &expect {
        assert_eq!(work_tree.compare(path).unwrap(), [(path.clone(), *difference)]);
    }
    for path in ["same", "staged-then-reverted", "touched", "unstaged-but-kept", "gone", "ignored.log", "nowhere/at/all"] {
        assert_eq!(work_tree.compare(path).unwrap(), [], "{path}");
    }
    let only = work_tree.compare_below("", &|path| path.starts_with('d')).unwrap();
    assert_eq!(only, [("deleted".to_owned(), Deleted)]);
}

#[test]
fn modes_types_and_line_endings_are_compared_as_git_does() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::with(&[("script", "x"), ("file", "x"), ("crlf.txt", "a\nb\n"), (".gitattributes", "*.txt text eol=crlf\n")]);
    sandbox.write(&[("crlf.txt", "a\r\nb\r\n")]);
    assert_eq!(differing(&sandbox, ""), [], "the same after Git's filters");
    assert_eq!(work_tree(&sandbox.tree()).unwrap().compare("crlf.txt").unwrap(), []);

    std::fs::set_permissions(sandbox.path().join("script"), PermissionsExt::from_mode(0o755)).unwrap();
    sandbox.remove("file");
    std::os::unix::fs::symlink("x", sandbox.path().join("file")).unwrap();
    let expect = ["file", "script"].map(|path| (path.to_owned(), Difference::Modified));
    assert_eq!(differing(&sandbox, ""), expect);
    let work_tree = work_tree(&sandbox.tree()).unwrap();
    assert_eq!([work_tree.compare("file").unwrap(), work_tree.compare("script").unwrap()].concat(), expect);
}

#[test]
fn filters_are_not_run_for_files_that_the_index_knows() {
    let sandbox = Sandbox::with(&[(".gitattributes", "*.bin filter=count\n")]);
    let log = sandbox.path().join(".git/runs");
    sandbox.git(&["config", "filter.count.clean", &format!("echo run >> {}; tr a b", log.display())]);
    sandbox.write(&[("x.bin", "a")]);
    let file = std::fs::File::options().write(true).open(sandbox.path().join("x.bin")).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
    sandbox.commit("filtered");
    assert_eq!(sandbox.git(&["cat-file", "-p", "HEAD:x.bin"]), "b");
    let runs = || std::fs::read_to_string(&log).unwrap().lines().count();
    let before = runs();
    assert_eq!(differing(&sandbox, ""), []);
    assert_eq!(runs(), before, "its times and size are as Git left them");
    sandbox.write(&[("x.bin", "a")]);
    assert_eq!(differing(&sandbox, ""), [], "written anew, and the same after the filter");
    assert!(runs() > before);
    sandbox.write(&[("x.bin", "c")]);
    assert_eq!(differing(&sandbox, ""), [("x.bin".to_owned(), Difference::Modified)]);
}

#[test]
fn submodules_are_entries_whose_changes_are_seen() {
    let inner = Sandbox::with(&[("x", "1")]);
    let outer = Sandbox::with(&[("y", "1")]);
    outer.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "sub"]);
    outer.commit("submodule");
    assert_eq!(paths(&*outer.tree(), "sub"), ["sub/x"]);
    assert_eq!(text(&*outer.tree(), "sub/x").as_deref(), Some("1"));
    let compare = |path: &str| work_tree(&outer.tree()).unwrap().compare(path).unwrap();
    assert_eq!(differing(&outer, ""), []);
    outer.write(&[("sub/x", "2")]);
    let changed = [("sub".to_owned(), Difference::SubmoduleChanges)];
    assert_eq!([differing(&outer, ""), differing(&outer, "sub"), compare("sub/x")], [&changed[..]; 3]);
    let unseen = work_tree(&outer.tree()).unwrap().compare_below("", &|path| path != "sub/x").unwrap();
    assert_eq!(unseen, [], "nobody wants what changed");
    outer.git(&["-C", "sub", "commit", "-qam", "moved"]);
    let moved = [("sub".to_owned(), Difference::SubmoduleCommit)];
    assert_eq!([differing(&outer, ""), differing(&outer, "sub"), compare("sub/x")], [&moved[..]; 3]);
    assert_eq!(text(&*outer.tree(), "sub/x").as_deref(), Some("1"), "as the commit binds it");
    outer.git(&["-C", "sub", "checkout", "-q", "HEAD~1"]);
    outer.write(&[("sub/new", "2"), ("sub/.gitignore", "*.log\n"), ("sub/a.log", "x")]);
    assert_eq!(differing(&outer, ""), changed);
    std::fs::remove_dir_all(outer.path().join("sub")).unwrap();
    assert_eq!(differing(&outer, ""), [("sub".to_owned(), Difference::Deleted)]);
    std::fs::create_dir(outer.path().join("sub")).unwrap();
    assert_eq!(differing(&outer, ""), [], "not checked out, but its objects are here");
    assert_eq!(paths(&*outer.tree(), ""), [".gitmodules", "sub/x", "y"]);
}

#[test]
fn a_development_snapshot_has_the_changes_of_submodules() {
    let innermost = Sandbox::with(&[("z", "1")]);
    let inner = Sandbox::with(&[("x", "1"), ("kept", "1")]);
    inner.git(&["submodule", "--quiet", "add", innermost.path().to_str().unwrap(), "most"]);
    inner.commit("submodule");
    let outer = Sandbox::with(&[("y", "1")]);
    outer.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "sub"]);
    outer.git(&["submodule", "--quiet", "update", "--init", "--recursive"]);
    outer.commit("submodule");
    outer.write(&[("sub/x", "2"), ("sub/kept", "2"), ("sub/most/new", "3")]);
    let before = outer.git(&["submodule", "foreach", "--recursive", "git status --porcelain"]);
    let repository = discover(outer.path(), None).unwrap();
    let snapshot = dev_snapshot(&repository, &head(&repository).unwrap(), DEV_BRANCH, &["sub/kept".to_owned()]).unwrap();
    assert_eq!(outer.git(&["submodule", "foreach", "--recursive", "git status --porcelain"]), before);
    let tree = commit_tree(&repository, &snapshot).unwrap();
    assert_eq!(paths(&tree, ""), [".gitmodules", "sub/.gitmodules", "sub/kept", "sub/most/new", "sub/most/z", "sub/x", "y"]);
    let texts = ["sub/x", "sub/kept", "sub/most/new"].map(|path| text(&tree, path).unwrap());
    assert_eq!(texts, ["2", "1", "3"]);
    assert_eq!(dev_snapshot(&repository, &head(&repository).unwrap(), DEV_BRANCH, &["sub/kept".to_owned()]).unwrap(), snapshot);
}

#[test]
fn a_development_snapshot_has_the_work_tree_and_touches_nothing() {
    let sandbox = Sandbox::with(&[("a", "1"), ("dir/b", "1"), ("kept", "1"), ("deleted", "1"), (".gitignore", "*.log\n")]);
    let repository = discover(sandbox.path(), None).unwrap();
    let base = head(&repository).unwrap();
    assert_eq!(dev_snapshot(&repository, &base, DEV_BRANCH, &[]).unwrap(), base, "nothing changed: HEAD itself");

    sandbox.write(&[("a", "2"), ("new/file", "x"), ("noise.log", "x"), ("kept", "2"), ("staged", "s")]);
    sandbox.git(&["add", "staged"]);
    sandbox.remove("deleted");
    std::fs::remove_dir_all(sandbox.path().join("dir")).unwrap();
    sandbox.write(&[("dir", "now a file")]);
    let before = sandbox.git(&["status", "--porcelain"]);
    let snapshot = dev_snapshot(&repository, &base, DEV_BRANCH, &["kept".to_owned()]).unwrap();
    assert_eq!(sandbox.git(&["status", "--porcelain"]), before);
    assert_eq!(
        dev_snapshot(&repository, &base, DEV_BRANCH, &["kept".to_owned()]).unwrap(),
        snapshot,
        "the same files give the same commit"
    );
    assert_eq!(sandbox.git(&["rev-parse", DEV_BRANCH]), snapshot.id.to_string());

    let tree = commit_tree(&repository, &snapshot).unwrap();
    assert_eq!(paths(&tree, ""), [".gitignore", "a", "dir", "kept", "new/file", "staged"]);
    assert_eq!(text(&tree, "a").as_deref(), Some("2"));
    assert_eq!(text(&tree, "kept").as_deref(), Some("1"), "--dev-ignore leaves HEAD's");
    assert_eq!(snapshot.parents, [base.id]);
    sandbox.git(&["fsck", "--strict"]);
}

#[test]
fn refs_and_history_are_what_git_says() {
    let sandbox = Sandbox::with(&[("a", "1")]);
    let first = sandbox.git(&["rev-parse", "HEAD"]);
    sandbox.git(&["tag", "light"]);
    sandbox.git(&["tag", "-a", "v1", "-m", "annotated"]);
    sandbox.git(&["checkout", "-q", "-b", "feature"]);
    let second = sandbox.commit("second");
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.commit("other");
    sandbox.git(&["merge", "-q", "--no-ff", "-m", "merge", "feature"]);
    sandbox.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    sandbox.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    sandbox.git(&["tag", "tree", "HEAD^{tree}"]);

    let repository = discover(sandbox.path(), None).unwrap();
    let found: Vec<_> = references(&repository).unwrap().into_iter().map(|reference| (reference.kind, reference.name)).collect();
    use ReferenceKind::*;
    let expect = [(OriginBranch, "main"), (LocalBranch, "feature"), (LocalBranch, "main"), (Tag, "light"), (Tag, "v1")];
    assert_eq!(found, expect.map(|(kind, name)| (kind, name.to_owned())));

    let id = |revision: &str| git::commit(&repository, revision).unwrap().id;
    assert_eq!(id("v1").to_string(), first);
    assert_eq!(head(&repository).unwrap().authored.human(), "2026-03-01 12:30:00 +0300 +0300");
    assert!(is_ancestor(&repository, id("feature"), id("HEAD")).unwrap());
    assert!(!is_ancestor(&repository, id("HEAD"), id("feature")).unwrap());
    let walked = walk(&repository, id("HEAD"), &HashSet::new(), usize::MAX).unwrap();
    let mut ids: Vec<_> = walked.iter().map(|commit| commit.commit.to_string()).collect();
    let mut expect: Vec<String> = sandbox.git(&["rev-list", "HEAD"]).lines().map(str::to_owned).collect();
    assert_eq!((ids.first(), ids.last()), (expect.first(), expect.last()));
    ids.sort();
    expect.sort();
    assert_eq!(ids, expect);
    let until = walk(&repository, id("feature"), &HashSet::from([id("feature")]), 10).unwrap();
    assert_eq!(until.iter().map(|commit| commit.commit.to_string()).collect::<Vec<_>>(), [second]);
}

#[test]
fn faults_say_what_to_do() {
    let message = |error: GitError, dir: &Path| {
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        format!("{error}\nhelp: {help}").replace(dir.to_str().unwrap(), "DIR")
    };
    let plain = TempDir::new().unwrap();
    insta::assert_snapshot!(message(discover(plain.path(), None).unwrap_err(), plain.path()), @r#"
    `DIR` is not in a Git repository
    help: werf builds from commits: run `git init`, add the files and commit them, or point `--dir` at a repository
    "#);
    insta::assert_snapshot!(message(discover(&plain.path().join("none"), None).unwrap_err(), plain.path()), @r#"
    there is no directory `DIR/none`
    help: pass an existing directory with `--dir`
    "#);

    let sandbox = Sandbox::new();
    let repository = discover(sandbox.path(), None).unwrap();
    insta::assert_snapshot!(message(head(&repository).unwrap_err(), sandbox.path()), @r#"
    the Git repository `DIR` has no commit yet
    help: werf builds from commits: run `git add -A && git commit`
    "#);

    let sandbox = Sandbox::with(&[("a", "1")]);
    std::fs::create_dir(sandbox.path().join("sub")).unwrap();
    let repository = discover(&sandbox.path().join("sub"), None).unwrap();
    let base = head(&repository).unwrap();
    let error = commit_tree(&repository, &base).map(|_| ()).unwrap_err();
    insta::assert_snapshot!(message(error, sandbox.path()).replace(&base.short(), "COMMIT"), @r#"
    commit COMMIT has no directory `sub`
    help: commit the directory, or point `--dir` at another
    "#);
    insta::assert_snapshot!(message(git::commit(&repository, "nosuch").unwrap_err(), sandbox.path()), @r#"
    `nosuch` is not a commit of this repository
    help: if the repository is a shallow clone, fetch more of its history: `git fetch --unshallow`
    "#);
}

#[test]
fn a_shallow_clone_ends_at_its_boundary() {
    let origin = Sandbox::with(&[("a", "1")]);
    origin.commit("second");
    let target = TempDir::new().unwrap();
    let url = format!("file://{}", origin.path().display());
    origin.git(&["clone", "-q", "--depth", "1", &url, target.path().to_str().unwrap()]);
    let repository = discover(target.path(), None).unwrap();
    assert!(git::is_shallow(&repository).unwrap());
    let base = head(&repository).unwrap();
    assert_eq!(walk(&repository, base.id, &HashSet::new(), 10).unwrap().len(), 1);
}

#[test]
fn a_linked_work_tree_and_a_bare_repository_open() {
    let sandbox = Sandbox::with(&[("a", "1")]);
    let linked = TempDir::new().unwrap();
    let at: PathBuf = linked.path().join("tree");
    sandbox.git(&["worktree", "add", "-q", "-b", "other", at.to_str().unwrap()]);
    let repository = discover(&at, None).unwrap();
    let tree = Arc::new(commit_tree(&repository, &head(&repository).unwrap()).unwrap());
    std::fs::write(at.join("a"), "2").unwrap();
    assert_eq!(work_tree(&tree).unwrap().compare_below("", &|_| true).unwrap(), [("a".to_owned(), Difference::Modified)]);

    let bare = linked.path().join("bare.git");
    sandbox.git(&["clone", "-q", "--bare", sandbox.path().to_str().unwrap(), bare.to_str().unwrap()]);
    let repository = discover(&bare, None).unwrap();
    let tree = Arc::new(commit_tree(&repository, &head(&repository).unwrap()).unwrap());
    assert_eq!(paths(&*tree, ""), ["a"]);
    assert!(work_tree(&tree).is_none());
}
