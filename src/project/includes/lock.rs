//! `werf-includes.lock`: the commits of the revisions that are included.

use std::sync::Arc;

use crate::project::config::image::Revision;
use crate::project::document::{Fields, Problem, Sink, Text, read_document};
use crate::yaml::emit_line;

/// The file's name.
pub const LOCK_FILE: &str = "werf-includes.lock";

/// A revision with its commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// The repository, as `git` of the include.
    pub git: String,
    /// The revision, as the include has it.
    pub revision: Revision,
    /// The commit's id.
    pub commit: String,
}

/// All of them, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock(pub Vec<Locked>);

impl Lock {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Each problem with its place.
    pub fn parse(text: &str) -> Result<Lock, Vec<Problem>> {
        let text: Arc<str> = text.into();
        let sink = Sink::new(LOCK_FILE, text.clone());
        let node = read_document(&sink, &text, 0);
        let fields = node.as_ref().and_then(|node| Fields::open(&sink, node, format!("`{LOCK_FILE}`")));
        let locked = fields.map(|fields| {
            let entries = fields.list("includes").iter().filter_map(|node| Fields::open(&sink, node, "an entry of `includes`"));
            entries.filter_map(|fields| read(&fields)).collect()
        });
        drop(node);
        if sink.is_empty() { Ok(Lock(locked.unwrap_or_default())) } else { Err(sink.into_problems()) }
    }

    /// The commit of a revision.
    pub fn commit(&self, git: &str, revision: &Revision) -> Option<&str> {
        let is_of = |locked: &&Locked| match (&locked.revision, revision) {
            (Revision::Commit(whole), Revision::Commit(written)) => whole.starts_with(written.as_str()),
            // werf 2 looks for the name alone
            (locked, revision) => name(locked) == name(revision),
        };
        self.0.iter().rev().filter(|locked| locked.git == git).find(is_of).map(|locked| locked.commit.as_str())
    }

    /// The file's text, in the layout of werf 2.
    pub fn text(&self) -> String {
        if self.0.is_empty() {
            return "includes: []\n".to_owned();
        }
        let entries = self.0.iter().map(|Locked { git, revision, commit }| {
            let own = match revision {
                Revision::Branch(name) => format!("      branch: {}\n", emit_line(name, false)),
                Revision::Tag(name) => format!("      tag: {}\n", emit_line(name, false)),
                Revision::Commit(_) => String::new(),
            };
            format!("    - git: {}\n{own}      commit: {}\n", emit_line(git, false), emit_line(commit, false))
        });
        format!("includes:\n{}", entries.collect::<String>())
    }
}

fn name(revision: &Revision) -> &str {
    match revision {
        Revision::Branch(name) | Revision::Tag(name) | Revision::Commit(name) => name,
    }
}

fn read(fields: &Fields<'_>) -> Option<Locked> {
    let git = fields.required("git", "https://git.example.org/team/common.git");
    let commit = fields.required("commit", "0123456789abcdef0123456789abcdef01234567");
    let (branch, tag) = (fields.string("branch"), fields.string("tag"));
    let (git, commit) = (git?.text, commit.map(|Text { text, .. }| text)?);
    let revision = tag.map(Revision::Tag).or(branch.map(Revision::Branch)).unwrap_or_else(|| Revision::Commit(commit.clone()));
    Some(Locked { git, revision, commit })
}
