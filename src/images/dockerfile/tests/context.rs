//! What a build sees of a context: sources, links, ignored directories.

use std::sync::Arc;

use crate::file_tree::{FileTree, MemoryTree, Mode, ReadError};
use crate::images::dockerfile::{Ignore, Request, Visible, dependencies, parse, visible};

/// Files are texts of nothing; `name -> target` is a link.
fn tree(files: &[&str]) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for file in files {
        match file.split_once(" -> ") {
            Some((path, target)) => tree.insert(format!("app/{path}"), Mode::Symlink, target.as_bytes()),
            None => tree.insert(format!("app/{file}"), Mode::File, &b""[..]),
        }
    }
    tree
}

fn seen(files: &[&str], instructions: &str, ignore: &str) -> Visible {
    let tree = tree(files);
    let file = parse("Dockerfile", &format!("FROM x\n{instructions}\n")).unwrap();
    let found = dependencies(&file, &Request::default()).unwrap();
    let ignore = Ignore::parse(".dockerignore", ignore).unwrap();
    visible(&tree.list("app").unwrap(), 4, &|entry| tree.blob(entry), &found.context, &ignore).unwrap()
}

fn names(seen: &Visible) -> String {
    let name = |entry: &crate::file_tree::Entry| {
        format!("{}{}", entry.path.strip_prefix("app/").unwrap(), if entry.mode == Mode::Directory { "/" } else { "" })
    };
    seen.entries.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn sources_and_what_links_lead_to() {
    const FILES: &[&str] = &[
        "a.txt",
        "b.md",
        "abs -> /real/out",
        "dir/c.txt",
        "dir/sub/d.txt",
        "gone -> nothing",
        "link -> real/out",
        "loop -> loop2",
        "loop2 -> loop",
        "out -> ../../../../real/out",
        "real/in -> ../dir",
        "real/out/sub/deep.txt",
        "real/out/top.txt",
        "second -> link",
        "self -> .",
        "to-file -> a.txt",
        "x*y",
    ];
    for (instruction, expect) in [
        ("RUN true", ""),
        ("COPY a.txt /", "a.txt"),
        ("COPY dir/ /", "dir/c.txt dir/sub/d.txt"),
        ("COPY ../dir/../dir/sub /", "dir/sub/d.txt"),
        ("COPY absent /", ""),
        ("COPY link/ /", "link real/out/sub/deep.txt real/out/top.txt"),
        ("COPY link/sub/deep.txt /", "link real/out/sub/deep.txt"),
        ("COPY second/sub /", "link real/out/sub/deep.txt second"),
        ("COPY abs/top.txt /", "abs real/out/top.txt"),
        ("COPY out/top.txt /", "out real/out/top.txt"),
        ("COPY real/in/sub /", "dir/sub/d.txt real/in"),
        ("COPY link/../a.txt /", "a.txt"),
        ("COPY self/self/self/a.txt /", "a.txt self"),
        ("COPY loop/x /", "loop loop2"),
        ("COPY gone/x /", "gone"),
        ("COPY to-file /", "a.txt to-file"),
        ("COPY real /", "real/in real/out/sub/deep.txt real/out/top.txt"),
        ("COPY *.txt /", "a.txt"),
        ("COPY go* /", "gone"),
        ("COPY li*/sub/* /", "link real/out/sub/deep.txt"),
        ("COPY to-* /", "a.txt to-file"),
        ("COPY r*l/in/*.txt /", "dir/c.txt real/in"),
        ("COPY dir/*.md /", "dir/"),
        ("COPY link/*.md /", "link real/out/"),
        ("COPY se*f/se*f/dir/c.txt /", "dir/c.txt self"),
        ("COPY x\\\\*y /", ""),
        ("COPY --parents dir/**/*.txt /", "dir/c.txt dir/sub/d.txt"),
        ("COPY --parents ./real/./out/*.txt /", "real/out/top.txt"),
        ("COPY --parents link/top.txt /", "link real/out/top.txt"),
        ("COPY --parents d*/./sub /", "dir/sub/d.txt"),
        ("COPY --parents=false dir/**/*.txt /", "dir/sub/d.txt"),
        ("COPY --exclude=*.txt dir /", "dir/sub/d.txt"),
        ("COPY --exclude=**/*.txt dir /", "dir/sub/"),
        ("COPY --exclude=sub --exclude=c.txt dir/ /", "dir/"),
        ("COPY --exclude=* --exclude=!sub dir/ /", "dir/sub/d.txt"),
        ("COPY --exclude=sub link/ /", "link real/out/top.txt"),
        ("COPY --exclude=**/sub real/* /", "dir/c.txt real/in real/out/top.txt"),
        ("COPY --exclude=* a.txt /", "a.txt"),
        ("COPY --exclude=*.txt dir /\nCOPY dir/c.txt /", "dir/c.txt dir/sub/d.txt"),
        ("COPY --exclude=[ dir /", "dir/c.txt dir/sub/d.txt"),
        ("COPY --exclude=real --exclude=dir --exclude=*.* . /", "abs gone link loop loop2 out second self to-file x*y"),
        ("ADD link/top.txt /", "link real/out/top.txt"),
        ("RUN --mount=source=link/sub,target=/m x", "link real/out/sub/deep.txt"),
        ("RUN --mount=source=x*y,target=/m x", "x*y"),
        ("RUN --mount=source=*,target=/m x", ""),
        ("COPY --from=y link /", ""),
    ] {
        let seen = seen(FILES, instruction, "");
        assert_eq!(names(&seen), expect, "{instruction}");
        for entry in &seen.entries {
            let path = &entry.path[4..];
            assert!(entry.mode == Mode::Directory || seen.sees(path), "{instruction}: {path}");
        }
    }
    let mut all: Vec<&str> = FILES.iter().map(|file| file.split(" -> ").next().unwrap()).collect();
    all.sort_unstable();
    for instruction in ["COPY . /", "COPY / /", "ADD ./ /", "COPY $BASE /", "RUN --mount=target=/m x", "COPY a[^b]c /"] {
        assert_eq!(names(&seen(FILES, instruction, "")), all.join(" "), "{instruction}");
    }
}

#[test]
fn ignored_links_lead_nowhere_and_ignored_targets_are_not_there() {
    const FILES: &[&str] = &["link -> real", "real/a", "real/b"];
    for (ignore, expect) in
        [("", "link real/a real/b"), ("link", ""), ("real", "link"), ("real/a", "link real/b"), ("real/*", "link real/")]
    {
        assert_eq!(names(&seen(FILES, "COPY link/ /", ignore)), expect, "{ignore}");
    }
}

#[test]
fn directories_in_which_nothing_is_left() {
    const FILES: &[&str] = &["a-b", "a.b", "a/c/d", "a/e", "b/f/g", "c"];
    for (instruction, ignore, expect) in [
        ("COPY . /", "*", ""),
        ("COPY . /", "a/*", "a/ a-b a.b b/f/g c"),
        ("COPY . /", "a/c/d\na/e", "a-b a.b a/c/ b/f/g c"),
        ("COPY . /", "a/**", "a/ a-b a.b b/f/g c"),
        ("COPY . /", "a", "a-b a.b b/f/g c"),
        ("COPY . /", "*\n!b/f/g", "b/f/g"),
        ("COPY . /", "*\n!b/f\nb/f/g", "b/f/"),
        ("COPY b /", "b/f/*", "b/f/"),
        ("COPY a/e /", "a/c/*", "a/e"),
        ("COPY b/f/* /", "b/f/*", "b/f/"),
    ] {
        assert_eq!(names(&seen(FILES, instruction, ignore)), expect, "{instruction} with {ignore:?}");
    }
}

#[test]
fn what_is_in_a_submodule_that_is_not_here_brings_the_submodule() {
    let mut tree = tree(&["a.txt", "link -> third/lib"]);
    tree.insert("app/third/lib", Mode::Submodule, &b""[..]);
    for (instructions, expect) in [
        ("COPY a.txt /", "a.txt"),
        ("COPY third /", "third/lib"),
        ("COPY third/lib/inc/x.h /", "third/lib"),
        ("COPY third/lib/*.h third/*/inc/ /", "third/lib"),
        ("COPY link/inc /", "link third/lib"),
        ("RUN --mount=source=third/lib/inc,target=/inc true", "third/lib"),
    ] {
        let file = parse("Dockerfile", &format!("FROM x\n{instructions}\n")).unwrap();
        let found = dependencies(&file, &Request::default()).unwrap();
        let read = |entry: &crate::file_tree::Entry| tree.blob(entry);
        let seen = visible(&tree.list("app").unwrap(), 4, &read, &found.context, &Ignore::default()).unwrap();
        assert_eq!(names(&seen), expect, "{instructions}");
    }
}

#[test]
fn paths_that_are_not_there_yet() {
    let seen = seen(&["link -> real", "real/a"], "COPY link/ dir src/*.c /\nCOPY --parents lib/*.h /", "*.tmp\ndir/x");
    for (path, expect) in [
        ("link", true),
        ("real/new", true),
        ("real", true),
        ("realm", false),
        ("dir", true),
        ("dir/new/file", true),
        ("dir/x", false),
        ("new.tmp", false),
        ("src/new.c", true),
        ("src/new.h", false),
        ("src", true),
        ("lib/new.h", true),
        ("lib", true),
        ("other", false),
    ] {
        assert_eq!(seen.sees(path), expect, "{path}");
    }
}

#[test]
fn targets_of_links_are_bytes() {
    let mut tree = MemoryTree::default();
    let target = "na\u{10FFEF}ve";
    tree.insert(target, Mode::File, &b""[..]);
    tree.insert("link", Mode::Symlink, &b"na\xefve"[..]);
    let file = parse("Dockerfile", "FROM x\nCOPY link /\n").unwrap();
    let uses = dependencies(&file, &Request::default()).unwrap().context;
    let seen = visible(&tree.list("").unwrap(), 0, &|entry| tree.blob(entry), &uses, &Ignore::default()).unwrap();
    assert_eq!(seen.entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["link", target]);
}

#[test]
fn a_link_that_cannot_be_read_is_an_error() {
    let tree = tree(&["link -> a"]);
    let file = parse("Dockerfile", "FROM x\nCOPY link /\n").unwrap();
    let uses = dependencies(&file, &Request::default()).unwrap().context;
    let cause = || Arc::new(std::io::Error::from(std::io::ErrorKind::NotFound));
    let fail = |_: &_| Err(ReadError { path: "link".into(), origin: "nowhere".into(), cause: cause(), help: None });
    assert!(visible(&tree.list("app").unwrap(), 4, &fail, &uses, &Ignore::default()).is_err());
}

#[test]
fn hostile_links_end() {
    let mut files: Vec<String> = (0..300).map(|at| format!("l{at} -> l{}", at + 1)).collect();
    files.extend((0..40).flat_map(|at| [format!("d{at}/a -> ../d{}", at + 1), format!("d{at}/b -> ../d{}", at + 1)]));
    files.push("d40/end".into());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(seen(&files, "COPY l0 /", "").entries.len(), 256);
    let stars = "/*".repeat(40);
    let seen = seen(&files, &format!("COPY d0{stars}/end /"), "");
    assert!(seen.entries.iter().any(|entry| entry.path == "app/d40/end"), "{}", names(&seen));
}
