//! Published images, Git history and cluster use become what is kept and what is deleted, each with its reason. PURE.
//!
//! The caller brings plain values: what the registry lists, what workloads run, how commits follow one another, and the time. The rules
//! are werf 2's (`cleanup` in werf.yaml): what a cluster uses stays, what the policies for branches and tags want stays, what was built
//! a short while ago stays, the rest goes. An image goes by its manifest, so it stays as long as one of its tags does, and a tag that
//! is not ours is never touched. In doubt an image stays, and the reason says what is not known.

mod cluster;
mod copies;
mod decide;
mod graph;
mod history;
mod keep_list;
mod policy;
mod record;
mod report;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::file_tree::ObjectId;
use crate::project::config::meta::ReferenceKind;
use crate::registry::reference::{Digest, Tag};

pub use cluster::Use;
pub use copies::{Copies, decide_copies};
pub use decide::{Input, decide};
pub use graph::{Graph, Place};
pub use history::{Content, Contents, History};
pub use keep_list::KeepList;
pub use policy::PolicyError;
pub use record::Record;

/// One tag of the repository and what is known of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The tag.
    pub tag: Tag,
    /// The manifest or index that it points to.
    pub digest: Digest,
    /// The manifests that an index is made of.
    pub parts: Vec<Digest>,
    /// What the labels tell of its making; `None` for a tag that is not of this project.
    pub origin: Option<Origin>,
    /// When it was built, if it tells.
    pub created: Option<Timestamp>,
    /// Why it could not be read; then it may be of this project.
    pub doubt: Option<String>,
}

/// Where an image of this project comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The image's name in werf.yaml.
    pub image: String,
    /// The commit that produced it, 40 hexadecimal digits; empty if it does not tell.
    pub commit: String,
}

impl Published {
    /// Reads an image's labels. It is ours if its tag is a content digest and `werf` names the project.
    pub fn new(
        project: &str,
        tag: Tag,
        digest: Digest,
        labels: &std::collections::BTreeMap<String, String>,
        created: Option<Timestamp>,
    ) -> Self {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let ours = tag.is_content_digest() && labels.get("werf").is_some_and(|owner| owner == project);
        let origin = ours.then(|| Origin { image: label("werf.io/image"), commit: label("werf-project-repo-commit") });
        Published { tag, digest, parts: Vec::new(), origin, created, doubt: None }
    }
}

/// A branch or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// Branch or tag.
    pub kind: ReferenceKind,
    /// Name without any prefix: `main`, `v1.0`.
    pub name: String,
    /// The commit that it leads to.
    pub commit: ObjectId,
    /// The committer's date, of an annotated tag the tagger's.
    pub time: Timestamp,
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ReferenceKind::Branch => "branch",
            ReferenceKind::Tag => "tag",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// The first seven digits of a commit's id.
fn short_commit(id: ObjectId) -> String {
    id.to_string().chars().take(7).collect()
}

/// What happens to one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The tag.
    pub tag: Tag,
    /// Its manifest.
    pub digest: Digest,
    /// The image's name in werf.yaml, if it is ours.
    pub image: Option<String>,
    /// Kept or deleted, and why.
    pub verdict: Verdict,
}

/// Kept or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, for these reasons.
    Keep(Vec<Reason>),
    /// It goes; the text says what was looked for in vain.
    Delete(String),
}

/// Why an image stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// `cleanup.disable`.
    Disabled,
    /// It is not of this project.
    Foreign,
    /// A workload's container uses it.
    Cluster {
        /// Who, such as `Deployment/web in namespace shop`; the first of several by name.
        by: String,
    },
    /// A policy wants it for a branch or tag.
    Git {
        /// `branch main`.
        reference: String,
        /// The commit, abbreviated.
        commit: String,
    },
    /// It was built a short while ago.
    Recent {
        /// How long ago, for people.
        ago: String,
    },
    /// When it was built is not known.
    Undated,
    /// `--keep-list` names it.
    KeepList,
    /// It is a copy, and what it is a copy of stays.
    Original,
    /// It could not be read.
    Unreadable {
        /// Why.
        problem: String,
    },
    /// Whether a branch or tag wants it cannot be told.
    Unknown {
        /// A commit that may have it, abbreviated.
        commit: String,
        /// Why that commit does not tell.
        why: String,
    },
    /// Another tag of the same manifest stays.
    SharedManifest {
        /// That tag.
        tag: String,
    },
    /// It is in an index that stays.
    PartOf {
        /// The index's tag.
        tag: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Disabled => f.write_str("cleanup is disabled in werf.yaml"),
            Reason::Foreign => f.write_str("not an image of this project"),
            Reason::Cluster { by } => write!(f, "used by {by}"),
            Reason::Git { reference, commit } => write!(f, "{reference} at commit {commit}"),
            Reason::Recent { ago } => write!(f, "built {ago} ago"),
            Reason::Undated => f.write_str("built at an unknown time"),
            Reason::KeepList => f.write_str("on the keep list"),
            Reason::Original => f.write_str("its original stays"),
            Reason::Unreadable { problem } => write!(f, "not understood: {problem}"),
            Reason::Unknown { commit, why } => {
                write!(f, "the commit that built it is gone, and commit {commit} may have it: {why}")
            }
            Reason::SharedManifest { tag } => write!(f, "same manifest as {}", report::short(tag)),
            Reason::PartOf { tag } => write!(f, "a part of {}", report::short(tag)),
        }
    }
}

/// The fates of all tags, in the order of their tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// One for each tag.
    pub fates: Vec<Fate>,
}

/// A manifest that goes with all its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion<'a> {
    /// The manifest.
    pub digest: &'a Digest,
    /// Its tags.
    pub tags: Vec<&'a Tag>,
    /// What was looked for in vain.
    pub reason: &'a str,
}

impl Decision {
    /// The manifests to delete, each once.
    pub fn deletions(&self) -> Vec<Deletion<'_>> {
        let mut found: Vec<Deletion<'_>> = Vec::new();
        let mut known = std::collections::BTreeMap::new();
        for fate in &self.fates {
            let Verdict::Delete(reason) = &fate.verdict else { continue };
            let at = *known.entry(&fate.digest).or_insert(found.len());
            match found.get_mut(at) {
                Some(deletion) => deletion.tags.push(&fate.tag),
                None => found.push(Deletion { digest: &fate.digest, tags: vec![&fate.tag], reason }),
            }
        }
        found
    }

    /// The tags that stay.
    pub fn kept(&self) -> impl Iterator<Item = &Tag> {
        self.fates.iter().filter(|fate| matches!(fate.verdict, Verdict::Keep(_))).map(|fate| &fate.tag)
    }

    /// How many tags stay and how many go.
    pub fn counts(&self) -> Counts {
        let delete = self.fates.iter().filter(|fate| matches!(fate.verdict, Verdict::Delete(_))).count();
        Counts { keep: self.fates.len() - delete, delete }
    }
}

/// How many tags stay and how many go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tags that stay.
    pub keep: usize,
    /// Tags that go.
    pub delete: usize,
}
