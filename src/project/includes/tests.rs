use std::sync::Arc;

use super::*;
use crate::file_tree::{FileTree, MemoryTree, Mode};
use crate::project::config::image::{Revision, SecretSource};
use crate::project::document::testing::print;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn problems(text: &str) -> String {
    let problems = parse(text).expect_err("a problem");
    problems.iter().map(|problem| print(problem)).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_file_says() {
    let (includes, warnings) = parse(concat!(
        "includes:\n",
        "- git: https://host/common.git\n",
        "  basicAuth: {username: ci, password: {env: TOKEN}}\n",
        "  branch: main\n",
        "  add: /a/./b/\n",
        "  to: /\n",
        "  includePaths: .werf/*.tmpl\n",
        "  excludePaths: [./old/, '*.md']\n",
        "- {name: two, git: ../other, commit: 0123abc, add: /, to: /.helm}\n",
    ))
    .unwrap();
    let [first, second] = includes.as_slice() else { panic!("{includes:?}") };
    assert_eq!((&*first.git, &first.revision), ("https://host/common.git", &Revision::Branch("main".into())));
    assert_eq!((&*first.add, &*first.to), ("a/b", ""));
    assert_eq!(
        (first.include_paths.as_slice(), first.exclude_paths.as_slice()),
        (&[".werf/*.tmpl".to_owned()][..], &["old".to_owned(), "*.md".to_owned()][..])
    );
    assert_eq!(first.basic_auth.as_ref().map(|auth| &auth.password.source), Some(&SecretSource::Env("TOKEN".into())));
    assert_eq!((&*second.add, &*second.to, &second.revision), ("", ".helm", &Revision::Commit("0123abc".into())));
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert_eq!(warning.message, "werf-includes.yaml has keys that werf does not know and that mean nothing: `name`");
    assert_eq!(warning.help, "line 9: remove `name` of an entry of `includes`");
    assert_eq!(parse("").unwrap().0, []);
}

#[test]
fn what_is_wrong_in_the_file() {
    insta::assert_snapshot!(problems("includes: {}\n"), @r"
    error: `includes` of `werf-includes.yaml` must be a list, not a mapping
      at werf-includes.yaml:1:11
        | includes: {}
        |           ^^ expected a list
    ");
    insta::assert_snapshot!(problems("includes:\n- {branch: a, tag: b, add: x, to: /../y}\n"), @r"
    error: an entry of `includes` has no `git`
      at werf-includes.yaml:2:4
        | - {branch: a, tag: b, add: x, to: /../y}
        |    ^^^^^^ `git` is missing here
      help: add `git: https://git.example.org/team/common.git`
    error: an include has more than one revision
      at werf-includes.yaml:2:20
        | - {branch: a, tag: b, add: x, to: /../y}
        |                    ^ `tag` is one too many
      help: keep one of `branch`, `tag`, `commit`
    error: `add: x` must be an absolute path
      at werf-includes.yaml:2:28
        | - {branch: a, tag: b, add: x, to: /../y}
        |                            ^ does not begin with `/`
      help: `/` is the root of the repository: `add: /x`
    error: `to: /../y` leads out of the repository
      at werf-includes.yaml:2:35
        | - {branch: a, tag: b, add: x, to: /../y}
        |                                   ^^^^^ outside
      help: write a path without `..`
    ");
    insta::assert_snapshot!(problems("includes:\n- {git: x, add: /, to: /, includePaths: [/a, ../b, 'c[']}\n"), @r"
    error: an entry of `includes` has no `branch`, `tag` or `commit`
      at werf-includes.yaml:2:4
        | - {git: x, add: /, to: /, includePaths: [/a, ../b, 'c[']}
        |    ^^^ `branch`, `tag` or `commit` is missing here
      help: add `branch`, `tag` or `commit: main`
    error: `/a` in `includePaths` must be relative and without `..`
      at werf-includes.yaml:2:42
        | - {git: x, add: /, to: /, includePaths: [/a, ../b, 'c[']}
        |                                          ^^ not a relative path
      help: it counts from `add`, for example `a`
    error: `../b` in `includePaths` must be relative and without `..`
      at werf-includes.yaml:2:46
        | - {git: x, add: /, to: /, includePaths: [/a, ../b, 'c[']}
        |                                              ^^^^ not a relative path
      help: it counts from `add`, for example `b`
    error: `c[` in `includePaths` is not a glob: a `[` has no `]`; write `\\[` for the character itself
      at werf-includes.yaml:2:52
        | - {git: x, add: /, to: /, includePaths: [/a, ../b, 'c[']}
        |                                                    ^^^^ cannot be read
    ");
    insta::assert_snapshot!(
        problems("includes:\n- {git: x, tag: y, add: /, to: /, basicAuth: {username: u, password: {env: A, src: B}}}\n- {git: x, tag: y, add: /, to: /, basicAuth: {}}\n"),
        @r"
        error: a password has more than one source
          at werf-includes.yaml:2:84
            | - {git: x, tag: y, add: /, to: /, basicAuth: {username: u, password: {env: A, src: B}}}
            |                                                                                    ^ `src` is one too many
          help: keep one of `env`, `src`, `value`
        error: `basicAuth` of an entry of `includes` has no `username`
          at werf-includes.yaml:3:46
            | - {git: x, tag: y, add: /, to: /, basicAuth: {}}
            |                                              ^^ `username` is missing here
          help: add `username: gitlab-ci-token`
        error: `basicAuth` of an entry of `includes` has no `password`
          at werf-includes.yaml:3:46
            | - {git: x, tag: y, add: /, to: /, basicAuth: {}}
            |                                              ^^ `password` is missing here
          help: add `password: {env: CI_JOB_TOKEN}`
        "
    );
}

#[test]
fn a_lock_is_read_as_it_is_written() {
    let locked = |git: &str, revision| Locked { git: git.into(), revision, commit: COMMIT.into() };
    let lock = Lock(vec![
        locked("https://host/a", Revision::Branch("main".into())),
        locked("https://host/a", Revision::Tag("1.10".into())),
        locked("../b", Revision::Commit(COMMIT.into())),
    ]);
    insta::assert_snapshot!(lock.text(), @"
    includes:
        - git: https://host/a
          branch: main
          commit: 0123456789abcdef0123456789abcdef01234567
        - git: https://host/a
          tag: \"1.10\"
          commit: 0123456789abcdef0123456789abcdef01234567
        - git: ../b
          commit: 0123456789abcdef0123456789abcdef01234567
    ");
    assert_eq!(Lock::parse(&lock.text()).unwrap(), lock);
    assert_eq!(Lock::parse(&Lock::default().text()).unwrap(), Lock::default());
    let commit = |git: &str, revision: Revision| lock.commit(git, &revision);
    assert_eq!(commit("https://host/a", Revision::Branch("main".into())), Some(COMMIT));
    assert_eq!(commit("../b", Revision::Commit(COMMIT[..7].into())), Some(COMMIT));
    assert_eq!(commit("../b", Revision::Branch("main".into())), None);
    assert_eq!(commit("https://host/a", Revision::Branch("dev".into())), None);
}

#[test]
fn what_is_wrong_in_a_lock() {
    let problems = Lock::parse("includes:\n- {git: x, branch: main}\n- text\n").expect_err("problems");
    insta::assert_snapshot!(problems.iter().map(|problem| print(problem)).collect::<Vec<_>>().join("\n"), @r"
    error: an entry of `includes` has no `commit`
      at werf-includes.lock:2:4
        | - {git: x, branch: main}
        |    ^^^ `commit` is missing here
      help: add `commit: 0123456789abcdef0123456789abcdef01234567`
    error: an entry of `includes` must be a mapping, not a string
      at werf-includes.lock:3:3
        | - text
        |   ^^^^ expected `key: value` lines
    ");
}

fn include(add: &str, to: &str, include_paths: &[&str], exclude_paths: &[&str]) -> Include {
    let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    Include {
        git: "x".into(),
        basic_auth: None,
        revision: Revision::Tag("t".into()),
        add: add.into(),
        to: to.into(),
        include_paths: texts(include_paths),
        exclude_paths: texts(exclude_paths),
        span: 0..0,
    }
}

fn source(name: &str, tree: MemoryTree) -> Source {
    Source { name: name.into(), tree: Arc::new(tree) }
}

#[test]
fn which_files_are_where() {
    let tree = || MemoryTree::new([("a/x.tmpl", "x"), ("a/b/y.tmpl", "y"), ("a/b/z.md", "z"), ("ab/w", "w"), ("v", "v")]);
    for (add, to, wanted, unwanted, expect) in [
        ("", "", &[][..], &[][..], "a/b/y.tmpl a/b/z.md a/x.tmpl ab/w v"),
        ("a", "", &[], &[], "b/y.tmpl b/z.md x.tmpl"),
        ("a/b", "c/d", &[], &[], "c/d/y.tmpl c/d/z.md"),
        ("", "c", &["a"], &["**/*.md"], "c/a/b/y.tmpl c/a/x.tmpl"),
        ("a", "a", &["*.tmpl"], &[], "a/x.tmpl"),
        ("a", "", &["**/*.tmpl"], &["b"], "x.tmpl"),
        ("v", "c/new", &[], &[], "c/new"),
        ("v", "", &[], &[], ""),
        ("missing", "", &[], &[], ""),
    ] {
        let mut included = Included::default();
        let count = included.add(&include(add, to, wanted, unwanted), source("one", tree())).unwrap();
        let found: Vec<&str> = included.names().map(|(path, _)| path).collect();
        assert_eq!(found.join(" "), expect, "{add} {to} {wanted:?} {unwanted:?}");
        assert_eq!(count, found.len());
    }
}

#[test]
fn the_later_include_counts() {
    let mut included = Included::default();
    included.add(&include("", "", &[], &[]), source("one", MemoryTree::new([("a", "1"), ("b", "1")]))).unwrap();
    included.add(&include("d", "", &[], &[]), source("two", MemoryTree::new([("d/b", "2"), ("d/c", "2")]))).unwrap();
    assert_eq!(included.names().collect::<Vec<_>>(), [("a", "one"), ("b", "two"), ("c", "two")]);
    for (path, expect) in [("a", Some("1")), ("b", Some("2")), ("c", Some("2")), ("d/b", None)] {
        assert_eq!(included.read(path).unwrap().as_deref(), expect.map(str::as_bytes), "{path}");
    }
    let list = included.list("").unwrap();
    assert_eq!(&*included.blob(&list[1]).unwrap(), b"2");
}

/// A tree whose links are followed.
struct Linked(MemoryTree);

impl FileTree for Linked {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, crate::file_tree::ReadError> {
        let path = if path == "link" { "real/a" } else { path };
        if matches!(path, "folder" | "dangling") { Ok(None) } else { self.0.read(path) }
    }

    fn list(&self, dir: &str) -> Result<Arc<[crate::file_tree::Entry]>, crate::file_tree::ReadError> {
        let renamed =
            |entry: &crate::file_tree::Entry| crate::file_tree::Entry { path: entry.path.replacen("real", "folder", 1), ..entry.clone() };
        if dir == "folder" { Ok(self.0.list("real")?.iter().map(renamed).collect()) } else { self.0.list(dir) }
    }

    fn blob(&self, entry: &crate::file_tree::Entry) -> Result<Arc<[u8]>, crate::file_tree::ReadError> {
        self.0.blob(entry)
    }
}

#[test]
fn links_are_what_they_lead_to() {
    let mut tree = MemoryTree::new([("real/a", "1")]);
    tree.insert("link", Mode::Symlink, *b"real/a");
    tree.insert("folder", Mode::Symlink, *b"real");
    tree.insert("dangling", Mode::Symlink, *b"nowhere");
    let mut included = Included::default();
    included
        .add(&include("", "to", &["link", "folder", "dangling"], &[]), Source { name: "one".into(), tree: Arc::new(Linked(tree)) })
        .unwrap();
    let list = included.list("to").unwrap();
    let modes: Vec<(&str, Mode)> = list.iter().map(|entry| (entry.path.as_str(), entry.mode)).collect();
    assert_eq!(modes, [("to/dangling", Mode::Symlink), ("to/folder/a", Mode::File), ("to/link", Mode::File)]);
    assert_eq!(&*included.blob(&list[0]).unwrap(), b"nowhere");
    assert_eq!(&*included.blob(&list[2]).unwrap(), b"1");
    assert_eq!(included.read("to/link").unwrap().as_deref(), Some(&b"1"[..]));
}
