//! Names with sums from earlier runs are those without: over generated files, rules and changes.

use std::fmt::Write as _;
use std::sync::Arc;

use werf::images::git_layers::Sums;
use werf::images::image::{ImageTree, Options};
use werf::project::git::{self, Repository};

use super::commits::{Files, Item, commit, of_commit, tags};
use super::dice::Dice;
use crate::git::Sandbox;
use crate::git_checkout::{add_submodule, write};

const PROJECTS: u64 = 12;
const CHANGES: usize = 8;

/// Names of files and directories.
const WORDS: [&str; 5] = ["a", "b", "a.b", "c", "é"];

/// What `.gitattributes` say.
const ATTRIBUTES: [&str; 6] =
    ["* text=auto", "*.b eol=crlf", "a ident", "c filter=lfs", "b working-tree-encoding=UTF-16", "**/a text eol=crlf"];

const PATTERNS: [&str; 10] = ["a", "b", "a/b", "**/a", "*.b", "**/*.b", "c/**", "*/c", "a*", "**/é"];

fn path(dice: &mut Dice) -> String {
    let depth = 1 + dice.roll(3);
    (0..depth).map(|_| *dice.pick(&WORDS)).collect::<Vec<_>>().join("/")
}

fn item(dice: &mut Dice) -> Item {
    let text = format!("{}\n$Id$\n", dice.roll(4));
    match dice.roll(6) {
        0 => Item::Program(text.into_bytes()),
        1 => Item::Link(["a", "../a", "b/c", "/a/b", "none"][dice.roll(5)].into()),
        _ => Item::text(text),
    }
}

/// Puts a file where no other one is in the way.
fn put(files: &mut Files, path: String, item: Item) {
    let is_in_the_way = |other: &String| other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/"));
    files.retain(|other, _| !is_in_the_way(other));
    files.insert(path, item);
}

fn patterns(dice: &mut Dice, most: usize) -> String {
    let list: Vec<String> = (0..dice.roll(most + 1)).map(|_| format!("{:?}", dice.pick(&PATTERNS))).collect();
    format!("[{}]", list.join(", "))
}

fn config(dice: &mut Dice, files: &Files) -> String {
    let known: Vec<&String> = files.keys().filter(|path| !path.contains(".git")).collect();
    let mut yaml = String::from("project: shop\nconfigVersion: 1\n");
    for number in 0..3 {
        let _ = write!(yaml, "---\nimage: stapel{number}\nfrom: example.org/base:1\nshell: {{install: [a], setup: [b]}}\ngit:\n");
        for place in 0..1 + dice.roll(2) {
            // a file, or a directory above one
            let path = dice.pick(&known).as_str();
            let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).chain([0, path.len()]).collect();
            let add = &path[..*dice.pick(&ends)];
            let _ = writeln!(yaml, "- add: /{add}\n  to: /to{place}");
            let _ = writeln!(yaml, "  includePaths: {}\n  excludePaths: {}", patterns(dice, 1), patterns(dice, 2));
            let _ = writeln!(yaml, "  stageDependencies: {{install: {}}}", patterns(dice, 2));
        }
    }
    for number in 0..2 {
        let _ = write!(yaml, "---\nimage: docker{number}\ndockerfile: Dockerfile{number}\n");
        let _ = writeln!(yaml, "context: {}", if dice.one_in(3) { "a" } else { "." });
    }
    yaml
}

fn dockerfile(dice: &mut Dice) -> Item {
    let sources = ["a", "b/c", "*.b", "c*", ".", "a/*"];
    let mut text = String::from("FROM example.org/base:1\n");
    (0..1 + dice.roll(2)).for_each(|_| text += &format!("COPY {} /to/\n", dice.pick(&sources)));
    Item::text(text)
}

fn attributes(dice: &mut Dice) -> Item {
    Item::text((0..1 + dice.roll(2)).map(|_| format!("{}\n", dice.pick(&ATTRIBUTES))).collect::<String>())
}

fn project(dice: &mut Dice) -> Files {
    let mut files = Files::new();
    (0..4 + dice.roll(20)).for_each(|_| put(&mut files, path(dice), item(dice)));
    (0..dice.roll(3)).for_each(|_| {
        let path = [String::new(), format!("{}/", dice.pick(&WORDS))][dice.roll(2)].clone() + ".gitattributes";
        put(&mut files, path, attributes(dice));
    });
    for place in ["Dockerfile0", "Dockerfile1", "a/Dockerfile0", "a/Dockerfile1"] {
        put(&mut files, place.into(), dockerfile(dice));
    }
    if dice.one_in(2) {
        files.insert(".dockerignore".into(), Item::text(format!("{}\n!{}\n", dice.pick(&PATTERNS), dice.pick(&PATTERNS))));
    }
    let yaml = config(dice, &files);
    files.insert("werf.yaml".into(), Item::text(yaml));
    files
}

fn change(dice: &mut Dice, files: &mut Files) {
    let known: Vec<String> = files.keys().filter(|path| *path != "werf.yaml").cloned().collect();
    let one = dice.pick(&known).clone();
    match dice.roll(7) {
        0 => put(files, path(dice), item(dice)),
        1 if !one.contains("Dockerfile") => drop(files.remove(&one)),
        2 => put(files, ".gitattributes".into(), attributes(dice)),
        3 => {
            let yaml = config(dice, files);
            files.insert("werf.yaml".into(), Item::text(yaml));
        }
        4 if one.contains("Dockerfile") => drop(files.insert(one, dockerfile(dice))),
        _ if !one.starts_with(['.', 'D']) && !one.contains("Dockerfile") => put(files, one, item(dice)),
        _ => {}
    }
}

/// Which files each stage has, as far as that can be told of a commit.
fn seen(images: &ImageTree) -> String {
    images.iter().flat_map(|(_, node)| node.stages.iter().map(|stage| format!("{} {:?}\n", node.name, stage.placed()))).collect()
}

/// What is asked of a commit with sums from an earlier run; these are written for the next one.
fn with(sums: &std::path::Path, repository: &Arc<Repository>, id: &str) -> Result<ImageTree, String> {
    let options = Options { sums: Arc::new(Sums::load(sums)), ..Options::default() };
    let images = of_commit(repository, id, &options);
    options.sums.save();
    images
}

#[test]
fn names_with_remembered_sums_are_those_without() {
    let (mut named, mut refused) = (0, 0);
    for seed in 0..PROJECTS {
        let dice = &mut Dice::new(seed);
        let mut trees = vec![project(dice)];
        for _ in 0..CHANGES {
            let mut next = trees[trees.len() - 1].clone();
            change(dice, &mut next);
            trees.push(next);
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ids = commit(&dir, &trees);
        let repository = git::discover(dir.path(), None).expect("a repository");
        let file = dir.path().join("sums");
        for round in ["first", "second"] {
            for (number, id) in ids.iter().enumerate() {
                let place = format!("project {seed}, change {number}, {round} run");
                let (plain, with) = (of_commit(&repository, id, &Options::default()), with(&file, &repository, id));
                if let (Ok(plain), Ok(with)) = (&plain, &with) {
                    assert_eq!(seen(plain), seen(with), "{place}");
                    named += 1;
                } else {
                    refused += 1;
                }
                assert_eq!(tags(plain), tags(with), "{place}");
            }
        }
    }
    assert!(named > refused, "{named} named, {refused} refused");
}

#[test]
fn a_submodule_counts_by_its_commit_whether_it_is_here_or_not() {
    let inner = Sandbox::with(&[("lib.c", "1"), (".gitattributes", "*.c ident")]);
    let outer = Sandbox::with(&[("src/main.c", "1")]);
    write(outer.path(), b"werf.yaml", b"project: shop\nconfigVersion: 1\n---\nimage: app\nfrom: b:1\ngit: [{add: /, to: /app}]\n");
    add_submodule(&outer, &inner, "src/third");
    let first = outer.commit("with a submodule");
    let file = outer.path().join(".git/sums");
    let repository = git::discover(outer.path(), None).expect("a repository");
    let plain = tags(of_commit(&repository, &first, &Options::default()));
    assert_eq!(tags(with(&file, &repository, &first)), plain);

    write(&outer.path().join("src/third"), b"lib.c", b"2");
    outer.git(&["-C", "src/third", "commit", "-qam", "another"]);
    let second = outer.commit("another commit of the submodule");
    let other = tags(with(&file, &repository, &second));
    assert!(other.is_ok() && other != plain, "{other:?}");
    assert_eq!(other, tags(of_commit(&repository, &second, &Options::default())));

    // A clone without the submodule knows the names, and says what it lacks where the files themselves are wanted.
    let clone = tempfile::tempdir().expect("a temporary directory");
    outer.git(&["clone", "-q", outer.path().to_str().unwrap(), clone.path().to_str().unwrap()]);
    let repository = git::discover(clone.path(), None).expect("a repository");
    let known = with(&file, &repository, &second).expect("names");
    let files = known.iter().flat_map(|(_, node)| &node.stages).flat_map(|stage| stage.placed()).map(|placed| placed.files.files());
    let missing = files.filter_map(|files| files.err()).map(|error| error.path).collect::<Vec<_>>();
    assert_eq!((tags(Ok(known)), missing), (other, vec!["src/third".to_owned()]));
    let unknown = tags(of_commit(&repository, &second, &Options::default()));
    assert_eq!(unknown, Err(format!("cannot read `src/third` from commit {}", &second[..7])));
}
