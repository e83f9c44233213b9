//! Many commits in one repository, and what werf calls the images of each, worked out in process.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use werf::file_tree::bytes_of_text;
use werf::images::image::{ImageTree, Options};
use werf::project::config::{self, CommitData, ConfigInput};
use werf::project::git::{self, Repository};
use werf::project::giterminism::{self, Mode};

/// One file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A file that may not be executed.
    File(Vec<u8>),
    /// One that may.
    Program(Vec<u8>),
    /// A symbolic link with its target.
    Link(String),
}

/// Files by path; bytes of paths that are no UTF-8 as `file_tree` writes them.
pub type Files = BTreeMap<String, Item>;

impl Item {
    /// The bytes that Git keeps of it.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Item::File(bytes) | Item::Program(bytes) => bytes,
            Item::Link(target) => target.as_bytes(),
        }
    }

    /// A file from its text.
    pub fn text(text: impl Into<String>) -> Self {
        Item::File(text.into().into_bytes())
    }
}

/// The tags of the images of a commit by name, or why werf refuses it.
pub type Names = Result<BTreeMap<String, String>, String>;

/// The names of the images of each tree of files.
pub fn names(trees: &[Files]) -> Vec<Names> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ids = commit(&dir, trees);
    let repository = git::discover(dir.path(), None).expect("a repository");
    ids.iter().map(|id| tags(of_commit(&repository, id, &Options::default()))).collect()
}

/// Commits each tree without a history; the ids.
pub fn commit(dir: &TempDir, trees: &[Files]) -> Vec<String> {
    run(dir.path(), &["init", "-q", "-b", "main"], b"");
    let mut stream = Vec::new();
    for (number, files) in trees.iter().enumerate() {
        let _ = write!(stream, "commit refs/heads/main\nmark :{}\ncommitter t <t@example.org> 1700000000 +0000\ndata 0\n", number + 1);
        let _ = writeln!(stream, "deleteall");
        files.iter().for_each(|(path, item)| file(&mut stream, &bytes_of_text(path), item));
    }
    let marks = dir.path().join("marks");
    run(dir.path(), &["fast-import", "--quiet", "--force", &format!("--export-marks={}", marks.display())], &stream);
    let marks = std::fs::read_to_string(marks).expect("marks");
    let marks = marks.lines().filter_map(|line| line.strip_prefix(':')?.split_once(' '));
    let mut ids: Vec<(usize, String)> = marks.map(|(mark, id)| (mark.parse().expect("a number"), id.to_owned())).collect();
    ids.sort();
    assert_eq!(ids.len(), trees.len());
    ids.into_iter().map(|(_, id)| id).collect()
}

fn run(dir: &Path, args: &[&str], input: &[u8]) {
    let mut child = Command::new("git").args(args).current_dir(dir).stdin(Stdio::piped()).spawn().expect("git runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("git reads");
    assert!(child.wait().expect("git ends").success(), "git {args:?}");
}

/// A file in the words of `git fast-import`.
fn file(stream: &mut Vec<u8>, path: &[u8], item: &Item) {
    let mode = match item {
        Item::File(_) => "100644",
        Item::Program(_) => "100755",
        Item::Link(_) => "120000",
    };
    let quoted: String = path.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let _ = write!(stream, "M {mode} inline \"{quoted}\"\ndata {}\n", item.bytes().len());
    stream.extend_from_slice(item.bytes());
    stream.push(b'\n');
}

/// The images of a commit, or why werf refuses it.
pub fn of_commit(repository: &Arc<Repository>, id: &str, options: &Options) -> Result<ImageTree, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let commit = git::commit(repository, id).map_err(|error| words(&error))?;
    let tree = Arc::new(git::commit_tree(repository, &commit).map_err(|error| words(&error))?);
    let rules = giterminism::load(&commit.short(), tree, None, Mode::Strict, None).map_err(|error| words(&error))?;
    let rules = Arc::new(rules);
    let config = config::load(&ConfigInput {
        giterminism: &rules,
        commit: CommitData::default(),
        config: None,
        above: &|| None,
        templates_dir: None,
        env: "",
        project_name: None,
        variable: &|_| Some("open sesame".into()),
        host: None,
    });
    let config = Arc::new(config.map_err(|error| words(&error))?);
    let images = ImageTree::new(config, rules.content().clone(), options);
    images.map_err(|errors| errors.iter().map(|error| words(error)).collect::<Vec<_>>().join("; "))
}

/// The tags of images by name.
pub fn tags(images: Result<ImageTree, String>) -> Names {
    Ok(images?.iter().map(|(image, node)| (image.name.clone(), node.digest.tag())).collect())
}
