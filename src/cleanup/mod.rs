//! Published images, Git history and cluster use become what is kept and what is deleted, each with its reason. PURE.
//!
//! The caller brings plain values: what the registry lists, what workloads run, how commits follow one another, and the time. The rules
//! are werf 2's (`cleanup` in werf.yaml): what a cluster uses stays, what the policies for branches and tags want stays, what was built
//! a short while ago stays, the rest goes. An image goes by its manifest, so it stays as long as one of its tags does, and a tag that
//! is not ours is never touched.

mod cluster;
mod decide;
mod history;
mod report;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

use crate::registry::reference::{Digest, Tag};

pub use cluster::Use;
pub use decide::{Input, decide};
pub use history::{CommitNode, History, Images, PolicyError, Ref};

/// One tag of the repository and what is known of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The tag.
    pub tag: Tag,
    /// The manifest or index that it points to.
    pub digest: Digest,
    /// What the labels tell of its making; `None` for a tag that is not of this project.
    pub origin: Option<Origin>,
    /// When it was built, if it tells.
    pub created: Option<jiff::Timestamp>,
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
        created: Option<jiff::Timestamp>,
    ) -> Self {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let ours = tag.is_content_digest() && labels.get("werf").is_some_and(|owner| owner == project);
        let origin = ours.then(|| Origin { image: label("werf.io/image"), commit: label("werf-project-repo-commit") });
        Published { tag, digest, origin, created }
    }
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
    /// `--keep-list` has its tag.
    KeepList,
    /// Another tag of the same manifest stays.
    SharedManifest {
        /// That tag.
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
            Reason::KeepList => f.write_str("on the keep list"),
            Reason::SharedManifest { tag } => write!(f, "same manifest as {}", report::short(tag)),
        }
    }
}

/// The fates of all tags, in the order of their tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// One for each tag.
    pub fates: Vec<Fate>,
}

impl Decision {
    /// The manifests to delete, each once, with the first of its tags and the reason.
    pub fn deletions(&self) -> Vec<(&Digest, &Fate, &str)> {
        let mut seen = std::collections::BTreeSet::new();
        let fates = self.fates.iter().filter_map(|fate| match &fate.verdict {
            Verdict::Delete(reason) => Some((&fate.digest, fate, reason.as_str())),
            Verdict::Keep(_) => None,
        });
        fates.filter(|(digest, ..)| seen.insert(*digest)).collect()
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
