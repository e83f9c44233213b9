//! What `project::git` says of a commit against what the `git` program makes of it in a checkout: names, modes and bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use werf::file_tree::{Entry, FileTree, Mode, bytes_of_text, text_of_bytes};
use werf::project::git::{CommitTree, DEV_BRANCH, commit_tree, dev_snapshot, discover, head, work_tree};
use werf::project::giterminism::{Difference, WorkTree};

use crate::git::Sandbox;

/// Mode and bytes by the bytes of the path.
pub type Files = BTreeMap<Vec<u8>, (Mode, Vec<u8>)>;

pub fn on_disk(root: &Path) -> Files {
    let mut files = Files::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for found in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let (at, kind) = (found.path(), found.file_type().unwrap());
            if found.file_name() == ".git" {
                continue;
            }
            let path = at.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
            if kind.is_dir() {
                pending.push(at);
            } else if kind.is_symlink() {
                files.insert(path, (Mode::Symlink, std::fs::read_link(at).unwrap().into_os_string().into_vec()));
            } else {
                let is_executable = found.metadata().unwrap().permissions().mode() & 0o100 != 0;
                let mode = if is_executable { Mode::Executable } else { Mode::File };
                files.insert(path, (mode, std::fs::read(at).unwrap()));
            }
        }
    }
    files
}

pub fn in_commit(tree: &dyn FileTree, entries: &[Entry]) -> Files {
    let file = |entry: &Entry| {
        tree.check(entry).unwrap();
        let bytes = tree.blob(entry).unwrap().to_vec();
        assert_eq!(tree.blob_size(entry).unwrap(), bytes.len() as u64, "{}", entry.path);
        (bytes_of_text(&entry.path).into_owned(), (entry.mode, bytes))
    };
    entries.iter().map(file).collect()
}

pub fn tree(at: &Path) -> Arc<CommitTree> {
    let repository = discover(at, None).unwrap();
    Arc::new(commit_tree(&repository, &head(&repository).unwrap()).unwrap())
}

/// A clone with its submodules.
pub fn checkout(sandbox: &Sandbox) -> TempDir {
    let clone = TempDir::new().unwrap();
    sandbox.git(&["clone", "-q", "--recurse-submodules", sandbox.path().to_str().unwrap(), clone.path().to_str().unwrap()]);
    clone
}

/// Holds a commit against a checkout of it in every way in which files are asked for.
pub fn assert_same(clone: &Path, what: &str) {
    let tree = tree(clone);
    let disk = on_disk(clone);
    let entries = tree.list("").unwrap();
    assert!(entries.is_sorted_by(|a, b| a.path < b.path));
    for (path, file) in in_commit(&*tree, &entries) {
        assert_eq!(disk.get(&path), Some(&file), "{what}: {:?}", OsString::from_vec(path));
    }
    assert_eq!(disk.len(), entries.len(), "{what}: {entries:?}");
    for (path, (mode, bytes)) in &disk {
        let text = text_of_bytes(path);
        let read = tree.read(&text);
        if *mode != Mode::Symlink {
            assert_eq!(read.unwrap().as_deref(), Some(&**bytes), "{what}: {text}");
        } else if let Ok(real) = clone.join(OsString::from_vec(path.clone())).canonicalize()
            && real.is_file()
        {
            assert_eq!(read.unwrap().as_deref(), Some(&*std::fs::read(real).unwrap()), "{what}: through {text}");
        }
    }
    let directory = entries.iter().filter_map(|entry| Some(entry.path.rsplit_once('/')?.0)).max_by_key(|path| path.len());
    if let Some(directory) = directory {
        let below = clone.join(OsString::from_vec(bytes_of_text(directory).into_owned()));
        let listed = in_commit(&*tree, &tree.list(directory).unwrap());
        assert_eq!(listed.len(), on_disk(&below).len(), "{what}: below {directory}");
    }
    assert_eq!(work_tree(&tree).unwrap().compare_below("", &|_| true).unwrap(), [], "{what}: a fresh clone is clean");
}

/// Choices that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const DIRECTORIES: [&[u8]; 6] = [b"", b"d/", b"d/e f/", b"na\xefve/", b"\xe6\x97\xa5/deep/er/", b"d-/"];
const NAMES: [&[u8]; 12] = [
    b"a.txt",
    b"b.TXT",
    b"run.sh",
    b"\xff\xfe.txt",
    b"sp ace.md",
    b"new\nline.txt",
    b"q\"uote",
    b"x.id",
    b"\xf4\x8f\xbf\xbf.txt",
    b"d.bin",
    b"[glob]*",
    b"\xed\xa0\x80",
];
const TEXTS: [&[u8]; 14] = [
    b"",
    b"one\n",
    b"one\ntwo",
    b"dos\r\nend\r\n",
    b"mixed\nline\r\n",
    b"lone\rcr\n",
    b"zero\0\n",
    b"\x01\x02\x03 control\n",
    b"end of file\n\x1a",
    b"$Id$ and $Id: old $\n",
    b"$Id: v 1.2 foreign $\n$Id$\n",
    b"$Id: open\n$Id$",
    b"\xffno utf-8\n$Id$\n",
    b"na\xc3\xafve \xf0\x9f\x92\xa9\n\n",
];
const TARGETS: [&[u8]; 8] = [b"a.txt", b"na\xefve.txt", b"./d//e f/", b"../up", b"d/\xff\xfe.txt", b"/abs/\xe9", b"nowhere", b"run.sh"];
const ATTRIBUTES: [&str; 24] = [
    "* text=auto",
    "* text=auto eol=crlf",
    "*.txt text eol=crlf",
    "*.txt eol=crlf",
    "*.txt text eol=lf",
    "*.txt -text",
    "*.TXT crlf eol=crlf",
    "*.md binary",
    "*.md -binary eol=crlf",
    "*.id ident",
    "* ident",
    "a.txt -ident",
    "/a.txt !eol",
    "d/*.txt eol=crlf ident",
    "d/** ident",
    "**/er/* eol=crlf",
    "[attr]dos text eol=crlf",
    "*.sh dos",
    "*.bin dos ident",
    "\"sp ace.md\" eol=crlf",
    "\\[glob\\]* dos",
    "d/ eol=crlf",
    "**/e f/** eol=crlf",
    "d/**/*.txt -ident",
];

pub fn write(root: &Path, path: &[u8], bytes: &[u8]) -> PathBuf {
    let at = root.join(OsString::from_vec(path.to_vec()));
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::fs::write(&at, bytes).unwrap();
    at
}

/// A commit of odd files; attributes are committed after them, so that the blobs are as they are written here.
fn generate(dice: &mut Dice) -> Sandbox {
    let sandbox = Sandbox::new();
    for _ in 0..14 {
        let path = [*dice.of(&DIRECTORIES), *dice.of(&NAMES)].concat();
        let at = write(sandbox.path(), &path, dice.of::<&[u8]>(&TEXTS));
        if dice.below(4) == 0 {
            std::fs::set_permissions(at, PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
    for _ in 0..3 {
        let path = [*dice.of(&DIRECTORIES), b"link", *dice.of(&NAMES)].concat();
        let at = sandbox.path().join(OsString::from_vec(path));
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        let _ = symlink(OsString::from_vec(dice.of(&TARGETS).to_vec()), at);
    }
    sandbox.commit("files");
    let mut written = Vec::new();
    for directory in ["", "d/", "d/e f/"] {
        let lines: Vec<&str> = (0..dice.below(6)).map(|_| *dice.of(&ATTRIBUTES)).collect();
        let path = format!("{directory}.gitattributes");
        write(sandbox.path(), path.as_bytes(), lines.join("\n").as_bytes());
        written.push(path);
    }
    let mut arguments = vec!["add", "--"];
    arguments.extend(written.iter().map(String::as_str));
    sandbox.git(&arguments);
    sandbox.git(&["commit", "-qm", "attributes"]);
    sandbox
}

pub fn add_submodule(outer: &Sandbox, inner: &Sandbox, path: &str) {
    outer.git(&["submodule", "--quiet", "add", "--name", &format!("name of {path}"), inner.path().to_str().unwrap(), path]);
    outer.git(&["commit", "-qm", "submodule"]);
}

#[test]
fn generated_commits_are_what_a_checkout_has() {
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let sandbox = generate(&mut dice);
        let (inner, innermost) = (generate(&mut dice), generate(&mut dice));
        if seed % 2 == 0 {
            add_submodule(&inner, &innermost, "in/most");
            add_submodule(&sandbox, &inner, "third/in ner");
            add_submodule(&sandbox, &innermost, "other");
        }
        assert_same(checkout(&sandbox).path(), &format!("seed {seed}"));
    }
}

#[test]
fn texts_are_encoded_as_a_checkout_encodes_them() {
    let encodings = ["UTF-16", "utf-16le", "UTF-16BE", "UTF-16LE-BOM", "UTF-16BE-BOM", "UTF-32", "UTF-32LE", "UTF-32BE", "utf8", "UTF-8"];
    let sandbox = Sandbox::new();
    let texts = [&b"na\xc3\xafve \xf0\x9f\x92\xa9\n$Id$\n"[..], b"", b"a"];
    for encoding in encodings {
        for (at, text) in texts.iter().enumerate() {
            write(sandbox.path(), format!("{at}.{encoding}").as_bytes(), text);
        }
    }
    for (encoding, text) in [("ISO-8859-1", &b"na\xc3\xafve\n"[..]), ("latin1", b"\xc3\xbf"), ("US-ASCII", b"a\n"), ("ASCII", b"b")] {
        write(sandbox.path(), format!("x.{encoding}").as_bytes(), text);
    }
    sandbox.commit("files");
    let names = encodings.iter().chain(&["ISO-8859-1", "latin1", "US-ASCII", "ASCII"]);
    let lines: String =
        names.map(|name| format!("*.{name} text working-tree-encoding={name}\n1.{name} eol=crlf\n0.{name} eol=crlf ident\n")).collect();
    sandbox.write(&[(".gitattributes", &lines)]);
    sandbox.git(&["add", ".gitattributes"]);
    sandbox.git(&["commit", "-qm", "attributes"]);
    assert_same(checkout(&sandbox).path(), "encodings");
}

#[test]
fn odd_names_are_compared_and_snapshot_as_they_are() {
    let sandbox = Sandbox::new();
    for name in NAMES {
        write(sandbox.path(), &[b"d\xff/", name].concat(), b"1");
    }
    sandbox.commit("files");
    let clean = tree(sandbox.path());
    assert_eq!(work_tree(&clean).unwrap().compare_below("", &|_| true).unwrap(), []);
    let changed = text_of_bytes(b"d\xff/\xff\xfe.txt").into_owned();
    let untracked = text_of_bytes(b"d\xff/new\xe9").into_owned();
    write(sandbox.path(), b"d\xff/\xff\xfe.txt", b"22");
    write(sandbox.path(), b"d\xff/new\xe9", b"3");
    let work_tree = work_tree(&clean).unwrap();
    let mut expect = [(changed.clone(), Difference::Modified), (untracked.clone(), Difference::Untracked)];
    expect.sort();
    assert_eq!(work_tree.compare_below("", &|_| true).unwrap(), expect);
    assert_eq!(work_tree.compare(&changed).unwrap(), [(changed.clone(), Difference::Modified)]);
    assert_eq!(work_tree.files().read(&untracked).unwrap().as_deref(), Some(&b"3"[..]));
    assert!(work_tree.files().list("").unwrap().iter().any(|entry| entry.path == untracked));

    let repository = discover(sandbox.path(), None).unwrap();
    let snapshot = dev_snapshot(&repository, &head(&repository).unwrap(), DEV_BRANCH, &[]).unwrap();
    let snapshot = commit_tree(&repository, &snapshot).unwrap();
    assert_eq!(in_commit(&snapshot, &snapshot.list("").unwrap()), on_disk(sandbox.path()));
    sandbox.git(&["fsck", "--strict"]);
}
