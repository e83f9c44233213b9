//! Repositories of every shape: what is not there is said, with the command that brings it.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use miette::Diagnostic;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use werf::file_tree::{FileTree, Mode, ReadError};
use werf::project::git::{DEV_BRANCH, commit_tree, dev_snapshot, discover, head, work_tree};
use werf::project::giterminism::{self, Difference, Giterminism, Purpose, WorkTree};

use crate::git::Sandbox;
use crate::git_checkout::{add_submodule, assert_same, checkout, in_commit, on_disk, tree, write};

fn paths(tree: &dyn FileTree, dir: &str) -> Vec<String> {
    tree.list(dir).unwrap().iter().map(|entry| entry.path.clone()).collect()
}

fn text(tree: &dyn FileTree, path: &str) -> String {
    String::from_utf8(tree.read(path).unwrap().unwrap().to_vec()).unwrap()
}

/// An error with its causes and its help, without what differs between runs.
fn say(error: &ReadError, hidden: &[&str]) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!("\n  {error}");
        cause = error.source();
    }
    text += &format!("\nhelp: {}", error.help.clone().unwrap_or_default());
    hidden.iter().fold(text, |text, hidden| text.replace(hidden, "…"))
}

/// What checking the only doubtful entry of a tree says.
fn refusal(tree: &dyn FileTree) -> ReadError {
    let entries = tree.list("").unwrap();
    let doubtful: Vec<_> = entries.iter().filter(|entry| entry.is_doubtful()).collect();
    assert_eq!(doubtful.len(), 1);
    let error = tree.check(doubtful[0]).unwrap_err();
    let others = [tree.blob(doubtful[0]).unwrap_err(), tree.blob_size(doubtful[0]).unwrap_err()];
    assert_eq!(others.map(|other| say(&other, &[])), [say(&error, &[]), say(&error, &[])]);
    error
}

#[test]
fn a_submodule_that_is_not_here_is_missed_only_by_those_who_want_it() {
    let inner = Sandbox::with(&[("inc/x.h", "1"), ("Dockerfile", "FROM a")]);
    let outer = Sandbox::with(&[("y", "1")]);
    add_submodule(&outer, &inner, "third/lib");
    symlink("third/lib/inc", outer.path().join("inc")).unwrap();
    let commit = outer.commit("link");
    let clone = TempDir::new().unwrap();
    outer.git(&["clone", "-q", outer.path().to_str().unwrap(), clone.path().to_str().unwrap()]);
    let absent = tree(clone.path());
    assert_eq!(paths(&*absent, ""), [".gitmodules", "inc", "third/lib", "y"]);
    assert_eq!(text(&*absent, "y"), "1");
    assert!(absent.read("third/lib").unwrap().is_none());
    assert_eq!(work_tree(&absent).unwrap().compare_below("", &|_| true).unwrap(), []);
    let bound = outer.git(&["rev-parse", "HEAD:third/lib"]);
    let hidden = [&commit[..7], &bound[..7]];
    insta::assert_snapshot!(say(&refusal(&*absent), &hidden), @r#"
    cannot read `third/lib` from commit …
      the files of the submodule `third/lib` at commit … are not in this clone: it was not fetched
    help: run `git submodule update --init --recursive -- third/lib`, or leave the submodule out
    "#);
    let error = say(&refusal(&*absent), &hidden);
    for path in ["third/lib/Dockerfile", "inc/x.h"] {
        assert_eq!(say(&absent.read(path).unwrap_err(), &hidden), error.replacen("third/lib", path, 1));
    }
    for dir in ["third/lib", "third/lib/inc", "inc"] {
        assert_eq!(say(&absent.list(dir).unwrap_err(), &hidden), error.replacen("third/lib", dir, 1));
    }

    outer.git(&["-C", clone.path().to_str().unwrap(), "submodule", "--quiet", "update", "--init", "--recursive", "--", "third/lib"]);
    let here = tree(clone.path());
    assert_eq!(text(&*here, "inc/x.h"), "1", "a link leads into it");
    assert_eq!(paths(&*here, "inc"), ["inc/x.h"]);
    assert_same(clone.path(), "with the submodule");

    // A commit that was not fetched.
    inner.write(&[("inc/x.h", "2")]);
    inner.commit("second");
    outer.git(&["-C", "third/lib", "pull", "-q"]);
    outer.commit("newer");
    outer.git(&["-C", clone.path().to_str().unwrap(), "pull", "-q", "--no-recurse-submodules"]);
    let behind = tree(clone.path());
    let commit = behind.commit().to_string();
    let bound = outer.git(&["rev-parse", "HEAD:third/lib"]);
    let place = clone.path().canonicalize().unwrap();
    insta::assert_snapshot!(say(&refusal(&*behind), &[&commit[..7], &bound[..7], place.to_str().unwrap()]), @r#"
    cannot read `third/lib` from commit …
      the files of the submodule `third/lib` at commit … are not in this clone: `…/third/lib/.git` does not have the commit
    help: run `git submodule update --init --recursive -- third/lib`, or leave the submodule out
    "#);
}

#[test]
fn a_submodule_without_a_name_is_an_error() {
    let sandbox = Sandbox::with(&[("y", "1")]);
    let id = sandbox.git(&["rev-parse", "HEAD"]);
    sandbox.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
    sandbox.git(&["commit", "-qm", "gitlink"]);
    let tree = sandbox.tree();
    insta::assert_snapshot!(say(&refusal(&*tree), &[&tree.commit().to_string()[..7]]), @r#"
    cannot read `sub` from commit …
      the commit has the submodule `sub`, and no `.gitmodules` that names it
    help: commit a `.gitmodules` with its path and url, or remove it: `git rm --cached sub`
    "#);
}

#[test]
fn the_repository_of_a_submodule_is_found_in_every_layout() {
    let innermost = Sandbox::with(&[("z", "1")]);
    let inner = Sandbox::with(&[("x", "1")]);
    add_submodule(&inner, &innermost, "most");
    let outer = Sandbox::with(&[("y", "1")]);
    add_submodule(&outer, &inner, "lib");
    let clone = checkout(&outer);
    let all = [".gitmodules", "lib/.gitmodules", "lib/most/z", "lib/x", "y"];
    let git = |arguments: &[&str]| outer.git(&[&["-C", clone.path().to_str().unwrap()], arguments].concat());

    // A linked work tree has repositories of its own, and before it has them borrows those of the main one.
    let other = TempDir::new().unwrap();
    let linked = other.path().join("linked");
    git(&["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
    assert_eq!(paths(&*tree(&linked), ""), all);
    outer.git(&["-C", linked.to_str().unwrap(), "submodule", "--quiet", "update", "--init", "--recursive"]);
    std::fs::rename(clone.path().join(".git/modules"), clone.path().join(".git/hidden")).unwrap();
    assert_same(&linked, "a linked work tree");
    assert_eq!(tree(clone.path()).list("").unwrap().len(), 3, "nothing is here");
    std::fs::rename(clone.path().join(".git/hidden"), clone.path().join(".git/modules")).unwrap();

    // Deinitialised: the work tree has none, the repository is kept.
    git(&["submodule", "--quiet", "deinit", "--all"]);
    assert_eq!(paths(&*tree(clone.path()), ""), all);

    // A clone by hand in the work tree.
    let by_hand = TempDir::new().unwrap();
    outer.git(&["clone", "-q", outer.path().to_str().unwrap(), by_hand.path().to_str().unwrap()]);
    let lib = by_hand.path().join("lib");
    outer.git(&["clone", "-q", "--recurse-submodules", inner.path().to_str().unwrap(), lib.to_str().unwrap()]);
    assert_same(by_hand.path(), "a clone by hand");

    // A bare repository has what is in its own modules.
    let bare = other.path().join("bare.git");
    outer.git(&["clone", "-q", "--bare", outer.path().to_str().unwrap(), bare.to_str().unwrap()]);
    assert_eq!(paths(&*tree(&bare), ""), [".gitmodules", "lib", "y"]);
    std::fs::create_dir(bare.join("modules")).unwrap();
    outer.git(&["clone", "-q", "--bare", inner.path().to_str().unwrap(), bare.join("modules/name of lib").to_str().unwrap()]);
    assert_eq!(paths(&*tree(&bare), ""), [".gitmodules", "lib/.gitmodules", "lib/most", "lib/x", "y"]);
}

#[test]
fn the_name_of_a_submodule_leads_nowhere_else() {
    let inner = Sandbox::with(&[("x", "1")]);
    let outer = Sandbox::with(&[("y", "1")]);
    add_submodule(&outer, &inner, "lib");
    let elsewhere = outer.path().join(".git/elsewhere");
    std::fs::rename(outer.path().join(".git/modules/name of lib"), &elsewhere).unwrap();
    std::fs::remove_dir_all(outer.path().join("lib")).unwrap();
    outer.write(&[(".gitmodules", "[submodule \"../elsewhere\"]\n\tpath = lib\n\turl = x\n")]);
    outer.git(&["commit", "-qm", "name", ".gitmodules"]);
    assert_eq!(outer.tree().list("").unwrap().iter().find(|entry| entry.path == "lib").unwrap().mode, Mode::Submodule);
}

/// A pointer of Git LFS, and its object in a store.
fn lfs(store: Option<&Path>, content: &[u8]) -> String {
    let oid: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(store) = store {
        write(store, format!("objects/{}/{}/{oid}", &oid[..2], &oid[2..4]).as_bytes(), content);
    }
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n", content.len())
}

#[test]
fn files_of_git_lfs_have_their_content() {
    let sandbox = Sandbox::new();
    let store = sandbox.path().join(".git/lfs");
    let runs = sandbox.path().join(".git/runs");
    let program = format!("echo run >>'{}'; cat", runs.display());
    for name in ["filter.lfs.clean", "filter.lfs.smudge"] {
        sandbox.git(&["config", name, &program]);
    }
    sandbox.write(&[
        ("a.bin", &lfs(Some(&store), b"content of a")),
        ("d/b.bin", &lfs(Some(&store), b"")),
        ("plain.bin", "no pointer"),
        ("pointer.txt", &lfs(None, b"x")),
        ("absent.bin", &lfs(None, b"of nowhere")),
        ("d/absent.bin", &lfs(None, b"of nowhere too")),
    ]);
    sandbox.commit("files");
    sandbox.write(&[(".gitattributes", "[attr]big filter=lfs diff=lfs merge=lfs -text\n*.bin big\n")]);
    sandbox.git(&["add", ".gitattributes"]);
    sandbox.git(&["commit", "-qm", "attributes"]);
    let tree = sandbox.tree();
    let entries = tree.list("").unwrap();
    assert!(entries.iter().all(|entry| tree.check(entry).is_ok()), "names need no content");
    let entry = |path: &str| entries.iter().find(|entry| entry.path == path).unwrap();
    for (path, content) in [("a.bin", "content of a"), ("d/b.bin", ""), ("plain.bin", "no pointer"), ("pointer.txt", &lfs(None, b"x"))] {
        assert_eq!(text(&*tree, path), content);
        assert_eq!(&*tree.blob(entry(path)).unwrap(), content.as_bytes());
        assert_eq!(tree.blob_size(entry(path)).unwrap(), content.len() as u64);
    }
    assert_eq!(tree.blob_size(entry("absent.bin")).unwrap(), 10, "its size is known without it");
    assert!(!tree.fetch(&entries.iter().collect::<Vec<_>>()).unwrap(), "there is nobody who brings it");
    let error = tree.blob(entry("d/absent.bin")).unwrap_err();
    insta::assert_snapshot!(say(&error, &[&tree.commit().to_string()[..7]]), @r#"
    cannot read `d/absent.bin` from commit …
      the content of 2 files that Git LFS keeps is not in this clone:
      absent.bin
      d/absent.bin
    help: bring it with `git lfs pull`
    "#);

    // On disk there may be the pointer or the content; no program is needed to tell.
    sandbox.write(&[("a.bin", "content of a")]);
    let before = std::fs::read_to_string(&runs).unwrap_or_default();
    let work_tree = work_tree(&tree).unwrap();
    assert_eq!(work_tree.compare_below("", &|_| true).unwrap(), []);
    sandbox.write(&[("a.bin", "content of b")]);
    assert_eq!(work_tree.compare_below("", &|_| true).unwrap(), [("a.bin".to_owned(), Difference::Modified)]);
    assert_eq!(std::fs::read_to_string(&runs).unwrap_or_default(), before);

    // A linked work tree shares the store; a store may be elsewhere.
    let other = TempDir::new().unwrap();
    let linked = other.path().join("linked");
    sandbox.git(&["config", "filter.lfs.smudge", "cat"]);
    sandbox.git(&["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
    assert_eq!(text(&*crate::git_checkout::tree(&linked), "a.bin"), "content of a");
    std::fs::rename(&store, other.path().join("store")).unwrap();
    assert!(sandbox.tree().read("a.bin").is_err());
    sandbox.git(&["config", "lfs.storage", other.path().join("store").to_str().unwrap()]);
    assert_eq!(text(&*sandbox.tree(), "a.bin"), "content of a");
    write(&other.path().join("store"), format!("objects/{}", object_of("content of a")).as_bytes(), b"damaged");
    let error = sandbox.tree().read("a.bin").unwrap_err();
    assert!(say(&error, &[]).contains("its content is not what its name says"), "{error:?}");
}

fn object_of(content: &str) -> String {
    let oid: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/{}/{oid}", &oid[..2], &oid[2..4])
}

#[test]
fn what_only_a_program_could_make_is_refused_if_it_is_wanted() {
    for (attribute, file) in [("filter=crypt", "a"), ("working-tree-encoding=SHIFT-JIS", "a")] {
        let sandbox = Sandbox::with(&[("a", "1"), ("b", "2")]);
        sandbox.write(&[(".gitattributes", &format!("{file} {attribute}\n"))]);
        sandbox.git(&["add", ".gitattributes"]);
        sandbox.git(&["commit", "-qm", "attributes"]);
        let tree = sandbox.tree();
        assert_eq!(text(&*tree, "b"), "2");
        let error = refusal(&*tree);
        let said = say(&error, &[&tree.commit().to_string()[..7]]);
        assert_eq!(say(&tree.read("a").unwrap_err(), &[&tree.commit().to_string()[..7]]), said);
        match attribute {
            "filter=crypt" => insta::assert_snapshot!(said, @r#"
            cannot read `a` from commit …
              `a` has the attribute `filter=crypt`: its content is what a program makes of it, and werf runs none
            help: leave the file out, or commit a `.gitattributes` without the filter for it
            "#),
            _ => insta::assert_snapshot!(said, @r#"
            cannot read `a` from commit …
              `a` has the attribute `working-tree-encoding=SHIFT-JIS`, and cannot be written in it
              `SHIFT-JIS` is not among the encodings that werf writes: UTF-16, UTF-16LE, UTF-16BE, UTF-16LE-BOM, UTF-16BE-BOM, UTF-32, UTF-32LE, UTF-32BE, ISO-8859-1, US-ASCII
            help: leave the file out, or commit a `.gitattributes` without the encoding for it
            "#),
        }
    }
}

#[test]
fn attributes_change_what_a_file_is_only_if_they_change_its_bytes() {
    let contents = |attributes: &str| {
        let sandbox = Sandbox::with(&[("d/a.txt", "1\n"), ("b", "2\n")]);
        sandbox.write(&[(".gitattributes", attributes)]);
        sandbox.git(&["add", ".gitattributes"]);
        sandbox.git(&["commit", "-qm", "attributes"]);
        let tree = sandbox.tree();
        let entries = tree.list("").unwrap();
        let contents: Vec<_> = entries.iter().filter(|entry| entry.path != ".gitattributes").map(|entry| entry.content()).collect();
        (contents, tree.identity("d").unwrap().unwrap())
    };
    let plain = contents("");
    for same in ["* text=auto\n", "*.txt text eol=lf linguist-vendored\n", "*.md eol=crlf\n# comment\n"] {
        assert_eq!(contents(same).0, plain.0, "{same}");
    }
    assert_eq!(contents("* diff\n"), plain, "nothing that matters");
    for other in ["*.txt eol=crlf\n", "d/* ident\n", "*.txt filter=lfs\n"] {
        let other = contents(other);
        assert_eq!(other.0[0], plain.0[0]);
        assert_ne!(other.0[1], plain.0[1]);
        assert_ne!(other.1, plain.1, "the directory above decides");
    }
}

#[test]
fn a_partial_clone_says_what_it_lacks() {
    let origin = Sandbox::with(&[("d/a", "1"), ("b", "2")]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", origin.path().display());
    let clone = |filter: &str| {
        let clone = TempDir::new().unwrap();
        origin.git(&["clone", "-q", "--bare", "--filter", filter, &url, clone.path().to_str().unwrap()]);
        clone
    };
    let partial = clone("blob:none");
    let blobless = tree(partial.path());
    let entries = blobless.list("").unwrap();
    assert_eq!(paths(&*blobless, ""), ["b", "d/a"], "names need no content");
    let id = entries[1].id.to_string();
    let commit = blobless.commit().to_string();
    let error = blobless.blob(&entries[1]).unwrap_err();
    insta::assert_snapshot!(say(&error, &[&id, &commit[..7]]), @r#"
    cannot read `d/a` from commit …
      the clone has no object …, the file `d/a`: it is a partial one
    help: bring all objects with `git fetch --refetch --no-filter`, or clone anew without a filter
    "#);
    assert_eq!(say(&blobless.blob_size(&entries[1]).unwrap_err(), &[&id, &commit[..7]]), say(&error, &[&id, &commit[..7]]));
    let treeless = clone("tree:0");
    let repository = discover(treeless.path(), None).unwrap();
    let error = commit_tree(&repository, &head(&repository).unwrap()).map(drop).unwrap_err();
    let tree_id = origin.git(&["rev-parse", "HEAD^{tree}"]);
    insta::assert_snapshot!(format!("{error}\nhelp: {}", error.help().unwrap()).replace(&tree_id, "…"), @r#"
    the clone has no object …, the directory `.`: it is a partial one
    help: bring all objects with `git fetch --refetch --no-filter`, or clone anew without a filter
    "#);

    // The command that it names.
    origin.git(&[
        "-C",
        partial.path().to_str().unwrap(),
        "fetch",
        "-q",
        "--refetch",
        "--no-filter",
        "origin",
        "+refs/heads/*:refs/heads/*",
    ]);
    assert_eq!(text(&*tree(partial.path()), "d/a"), "1");
}

#[test]
fn a_repository_that_borrows_objects_is_read() {
    let origin = Sandbox::with(&[("d/a", "1")]);
    let clone = TempDir::new().unwrap();
    origin.git(&["clone", "-q", "--shared", origin.path().to_str().unwrap(), clone.path().to_str().unwrap()]);
    assert!(clone.path().join(".git/objects/info/alternates").exists());
    assert_same(clone.path(), "alternates");
}

#[test]
fn files_that_a_sparse_checkout_leaves_out_are_in_the_commit() {
    let origin = Sandbox::with(&[("in/a", "1"), ("out/b", "2"), ("out/deep/c", "3"), ("top", "4")]);
    for index in ["--no-sparse-index", "--sparse-index"] {
        let clone = TempDir::new().unwrap();
        origin.git(&["clone", "-q", origin.path().to_str().unwrap(), clone.path().to_str().unwrap()]);
        let git = |arguments: &[&str]| origin.git(&[&["-C", clone.path().to_str().unwrap()], arguments].concat());
        git(&["sparse-checkout", "set", "--cone", index, "in"]);
        assert!(!clone.path().join("out").exists());
        let tree = tree(clone.path());
        assert_eq!(paths(&*tree, ""), ["in/a", "out/b", "out/deep/c", "top"]);
        let work_tree = work_tree(&tree).unwrap();
        for dir in ["", "out", "out/deep", "in"] {
            assert_eq!(work_tree.compare_below(dir, &|_| true).unwrap(), [], "{index} {dir}");
        }
        assert_eq!(work_tree.compare("out/b").unwrap(), [], "{index}");
        std::fs::remove_file(clone.path().join("in/a")).unwrap();
        assert_eq!(work_tree.compare_below("", &|_| true).unwrap(), [("in/a".to_owned(), Difference::Deleted)], "{index}");
    }
}

#[test]
fn formats_that_are_not_read_are_refused() {
    let say = |sandbox: &Sandbox| {
        let error = discover(sandbox.path(), None).unwrap_err();
        format!("{error}\nhelp: {}", error.help().unwrap()).replace(sandbox.path().canonicalize().unwrap().to_str().unwrap(), "DIR")
    };
    let sandbox = Sandbox::new();
    std::fs::remove_dir_all(sandbox.path().join(".git")).unwrap();
    sandbox.git(&["init", "-q", "--object-format=sha256"]);
    insta::assert_snapshot!(say(&sandbox), @r#"
    the Git repository `DIR` uses SHA-256 for object names, which werf cannot read
    help: convert it: a clone with `git init --object-format=sha1`, into which files are committed anew
    "#);
    let sandbox = Sandbox::new();
    sandbox.git(&["config", "core.repositoryFormatVersion", "1"]);
    let config = sandbox.path().join(".git/config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, text + "[extensions]\n\trefStorage = reftable\n").unwrap();
    insta::assert_snapshot!(say(&sandbox), @r#"
    the Git repository `DIR/.git` uses refs that are not in files (reftable), which werf cannot read
    help: convert it: `git refs migrate --ref-format=files`
    "#);
}

fn mktree(sandbox: &Sandbox, lines: &str) -> String {
    let mut made =
        Command::new("git").arg("mktree").current_dir(sandbox.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    made.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    String::from_utf8(made.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

fn commit_of(sandbox: &Sandbox, tree: &str) -> Arc<werf::project::git::CommitTree> {
    let commit = sandbox.git(&["commit-tree", tree, "-m", "made"]);
    let repository = discover(sandbox.path(), None).unwrap();
    Arc::new(commit_tree(&repository, &werf::project::git::commit(&repository, &commit).unwrap()).unwrap())
}

#[test]
fn a_tree_without_end_is_refused_where_it_is_listed() {
    let sandbox = Sandbox::with(&[("x", "1")]);
    let blob = sandbox.git(&["rev-parse", "HEAD:x"]);
    for leaf in [format!("100644 blob {blob}\tf\n"), String::new()] {
        let mut tree = mktree(&sandbox, &leaf);
        for _ in 0..30 {
            tree = mktree(&sandbox, &(0..10).map(|at| format!("040000 tree {tree}\td{at}\n")).collect::<String>());
        }
        let good = mktree(&sandbox, &format!("100644 blob {blob}\tx\n"));
        let root = mktree(&sandbox, &format!("040000 tree {tree}\tbomb\n040000 tree {good}\tgood\n"));
        let tree = commit_of(&sandbox, &root);
        let started = Instant::now();
        assert_eq!(paths(&*tree, "good"), ["good/x"]);
        assert_eq!(text(&*tree, "good/x"), "1");
        let error = tree.list("").unwrap_err();
        let repository = discover(sandbox.path(), None).unwrap();
        let commit = werf::project::git::commit(&repository, &tree.commit().to_string()).unwrap();
        let snapshot = dev_snapshot(&repository, &commit, DEV_BRANCH, &[]).unwrap_err();
        assert!(snapshot.to_string().starts_with("`bomb` of the commit has"), "{snapshot}");
        assert!(started.elapsed() < Duration::from_secs(20));
        insta::allow_duplicates! {
            insta::assert_snapshot!(say(&error, &[&tree.commit().to_string()[..7]]), @r#"
            cannot read `.` from commit …
              `bomb` of the commit has 18446744073709551615 or more files and directories, and at most 5000000 can be read
            help: directories that name one another again and again make so many: look at them with `git ls-tree HEAD bomb`, and commit others
            "#);
        }
    }
}

#[test]
fn directories_nested_too_deep_are_refused_where_they_are_listed() {
    let sandbox = Sandbox::with(&[("x", "1")]);
    let blob = sandbox.git(&["rev-parse", "HEAD:x"]);
    let mut ids = vec![mktree(&sandbox, &format!("100644 blob {blob}\tf\n"))];
    let name = "d".repeat(250);
    for _ in 0..20 {
        ids.push(mktree(&sandbox, &format!("040000 tree {}\t{name}\n", ids[ids.len() - 1])));
    }
    // 16 names of 250 bytes are within a path's 4096, with a file's name too.
    let deep = commit_of(&sandbox, &ids[16]);
    assert_eq!(deep.list("").unwrap().len(), 1);
    let deep = commit_of(&sandbox, &ids[17]);
    insta::assert_snapshot!(say(&deep.list("").unwrap_err(), &[&deep.commit().to_string()[..7]]), @r#"
    cannot read `.` from commit …
      the directories below `dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd…` of the commit are nested too deep: a path is longer than 4096 bytes
    help: no checkout could hold such files: commit others
    "#);
    let long = vec!["d".repeat(250); 17].join("/");
    assert!(deep.read(&long).is_err());
    let longest = mktree(&sandbox, &format!("100644 blob {blob}\t{}\n", "f".repeat(4097)));
    assert!(commit_of(&sandbox, &longest).list("").is_err());
}

#[test]
fn names_that_git_never_checks_out_are_refused() {
    let sandbox = Sandbox::with(&[("x", "1")]);
    let blob = sandbox.git(&["rev-parse", "HEAD:x"]);
    for name in ["..", ".git", ".GIT", "."] {
        let tree = mktree(&sandbox, &format!("100644 blob {blob}\t{name}\n"));
        let root = mktree(&sandbox, &format!("040000 tree {tree}\td\n100644 blob {blob}\tx\n"));
        let made = commit_of(&sandbox, &root);
        assert_eq!(text(&*made, "x"), "1");
        let error = say(&made.list("").unwrap_err(), &[&made.commit().to_string()[..7], &tree]);
        if name == ".." {
            insta::assert_snapshot!(error, @r#"
            cannot read `.` from commit …
              the directory `…` of the commit has the name `..`, which no checkout can have
            help: check the repository with `git fsck`, and commit a tree without the name
            "#);
        }
    }
}

#[test]
fn a_shallow_clone_and_a_sparse_one_have_all_files_of_their_commit() {
    let inner = Sandbox::with(&[("x", "1")]);
    let outer = Sandbox::with(&[("y", "1")]);
    add_submodule(&outer, &inner, "lib");
    let clone = TempDir::new().unwrap();
    let url = format!("file://{}", outer.path().display());
    let arguments = ["clone", "-q", "--depth", "1", "--recurse-submodules", "--shallow-submodules", &url, clone.path().to_str().unwrap()];
    outer.git(&arguments);
    assert_same(clone.path(), "shallow");
    let tree = tree(clone.path());
    assert_eq!(in_commit(&*tree, &tree.list("").unwrap()), on_disk(clone.path()));
}

#[test]
fn a_pointer_with_extensions_is_refused() {
    let pointer =
        lfs(None, b"x").replace("oid ", "ext-0-case sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\noid ");
    let sandbox = Sandbox::new();
    write(sandbox.path(), b"na\xefve.bin", pointer.as_bytes());
    sandbox.commit("files");
    sandbox.write(&[(".gitattributes", "*.bin filter=lfs\n")]);
    sandbox.git(&["add", ".gitattributes"]);
    sandbox.git(&["commit", "-qm", "attributes"]);
    let tree = sandbox.tree();
    let entries = tree.list("").unwrap();
    insta::assert_snapshot!(say(&tree.blob(&entries[1]).unwrap_err(), &[&tree.commit().to_string()[..7]]), @r#"
    cannot read `na\xefve.bin` from commit …
      the pointer of Git LFS in `na\xefve.bin` has extensions: its content is what a program makes of it, and werf runs none
    help: leave the file out, or commit it without the extension
    "#);
}

#[test]
fn a_chart_that_is_a_submodule_is_read_and_compared() {
    let chart = Sandbox::with(&[("Chart.yaml", "name: a\n"), ("templates/a.yaml", "a: 1\n")]);
    let outer = Sandbox::with(&[("werf.yaml", "x")]);
    add_submodule(&outer, &chart, ".helm");
    let rules = || {
        let tree = outer.tree();
        let work_tree = Arc::new(work_tree(&tree).unwrap());
        giterminism::load("1a2b3c4", tree, Some(work_tree), giterminism::Mode::Strict, None).unwrap()
    };
    let read = |rules: &Giterminism| {
        let files = rules.files(Purpose::Chart);
        assert!(files.is_dir(".helm").unwrap());
        let entries = files.list(".helm").unwrap();
        assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), [".helm/Chart.yaml", ".helm/templates/a.yaml"]);
        assert_eq!(&*files.blob(&entries[1]).unwrap(), b"a: 1\n");
        assert_eq!(files.read(".helm/Chart.yaml").unwrap().as_deref(), Some(&b"name: a\n"[..]));
    };
    let clean = rules();
    read(&clean);
    clean.finish().unwrap();
    outer.write(&[(".helm/templates/a.yaml", "a: 2\n")]);
    let changed = rules();
    read(&changed);
    insta::assert_snapshot!(changed.finish().unwrap_err(), @r#"
    the work tree differs from commit 1a2b3c4 in 1 file that this run reads:
      .helm: submodule with uncommitted changes
    "#);
}
