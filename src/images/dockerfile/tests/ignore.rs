//! Ignore files against a table that patternmatcher and fsutil made, and what they must not cost.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::file_tree::{Entry, Mode, ObjectId};
use crate::images::dockerfile::{ContextUse, Ignore, visible};

fn files<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Entry> {
    let mut files: Vec<Entry> = paths.into_iter().map(|path| Entry::new(path, Mode::File, ObjectId([7; 20]))).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn everything(files: &[Entry], ignore: &Ignore) -> Vec<Entry> {
    visible(files, 0, &|_| Ok(Arc::from(&b""[..])), &ContextUse::all(), ignore).unwrap().entries
}

/// The first line is the files' paths, each other one an ignore file and what fsutil's walk with it keeps: ranges of files in the order
/// of the first line, and with a slash at their end the directories in which nothing is left.
#[test]
fn as_patternmatcher_has_it() {
    check(include_str!("ignore.txt"));
}

pub(super) fn check(table: &str) {
    let mut lines = table.lines();
    let tree: Vec<String> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let files = files(tree.iter().map(String::as_str));
    let mut wrong = Vec::new();
    for line in lines {
        let (text, expect) = line.split_once('\t').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        let expect = (expect != "error").then(|| {
            let mut paths = Vec::new();
            for part in expect.split('|').filter(|part| !part.is_empty()) {
                let (from, to) = part.split_once('-').unwrap_or((part, part));
                match (from.parse::<usize>(), to.parse::<usize>()) {
                    (Ok(from), Ok(to)) => paths.extend(tree[from..=to].iter().cloned()),
                    _ => paths.push(part.to_owned()),
                }
            }
            paths.sort();
            paths
        });
        let found = Ignore::parse(".dockerignore", &text).ok().map(|ignore| {
            let seen = everything(&files, &ignore);
            let name = |entry: &Entry| format!("{}{}", entry.path, if entry.mode == Mode::Directory { "/" } else { "" });
            let mut paths: Vec<String> = seen.iter().map(name).collect();
            for path in &tree {
                assert_eq!(!ignore.ignores(path), paths.contains(path), "{path} by {text:?}");
            }
            paths.sort();
            paths
        });
        if found != expect {
            wrong.push(format!("{text:?}\n  expect {expect:?}\n  found  {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bytes_that_are_no_text() {
    let text = |bytes: &'static [u8]| crate::file_tree::text_of_bytes(bytes);
    for (patterns, path, expect) in [
        (&b"na\xefve"[..], &b"na\xefve"[..], true),
        (b"na\xefve", b"na\xeeve", false),
        (b"na?ve", b"na\xefve", true),
        (b"na?ve", b"na\xef\xefve", false),
        (b"na\xef*", b"na\xeeve", true),
    ] {
        assert_eq!(Ignore::parse("x", &text(patterns)).unwrap().ignores(&text(path)), expect, "{patterns:?} ~ {path:?}");
    }
}

#[test]
fn a_pattern_that_is_none_is_named_with_its_line() {
    let error = Ignore::parse("app/.dockerignore", "a\n\n b[ \n").unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert_eq!(
        format!("{error} / {help}"),
        "line 3 of `app/.dockerignore`: `b[` is no pattern: a `[` without content or end, or a backslash at the end / a pattern is a path with \
         `*`, `?`, `**` and `[a-z]`; a backslash before such a character takes its meaning away"
    );
    assert_eq!(Ignore::parse("x", "!").unwrap_err().to_string(), "line 1 of `x`: `!` brings nothing back: a pattern belongs after it");
}

#[test]
fn equal_rules_are_equal_values() {
    let key = |text: &str| {
        let ignore = Ignore::parse("x", text).unwrap();
        let mut hasher = DefaultHasher::new();
        ignore.hash(&mut hasher);
        (format!("{ignore:?}"), hasher.finish())
    };
    assert_eq!(key("a\n# comment\n\n./b/"), key("/a\nb"));
    assert_ne!(key("a\nb"), key("b\na"));
}

/// A pattern looks at the paths only that have a piece of its text: without that, these take minutes.
#[test]
fn many_patterns_over_many_files() {
    const PATTERNS: usize = 3_000;
    let patterns = |pattern: fn(usize) -> String| (0..PATTERNS).map(pattern).collect::<Vec<_>>().join("\n");
    let paths: Vec<String> = (0..3_000).map(|at| format!("dir{}/sub{}/file-{at}.log", at % 100, at % 1000)).collect();
    let files = files(paths.iter().map(String::as_str));
    for (name, text) in [
        ("paths", patterns(|at| format!("dir{}/sub{at}/file-{at}.log", at % 100))),
        ("stars", patterns(|at| format!("dir*/**/file-{at}.l?g"))),
        ("suffixes", patterns(|at| format!("**/file-{at}.log"))),
        ("exceptions", patterns(|at| format!("{}**/file-{at}.*", if at % 2 == 0 { "" } else { "!" }))),
        ("the same", patterns(|_| "**/*.log.gz".into())),
        ("back and forth", "*\n!dir*\n".repeat(100)),
    ] {
        let ignore = Ignore::parse("x", &text).unwrap();
        let start = Instant::now();
        everything(&files, &ignore);
        assert!(start.elapsed() < Duration::from_secs(20), "{name}: {:?}", start.elapsed());
    }
}
