//! Which published images the policies for branches and tags want.
//!
//! A policy chooses references by kind, name and limit; a later policy replaces an earlier one for the same reference. From each
//! chosen reference the history is walked, newest commit first, and for every image name the newest published images are kept as far as
//! the policy's second limit goes. A tag's own commit is all that is looked at.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::{Published, Reason};
use crate::project::config::meta::{KeepPolicy, Limit, Operator, ReferenceKind};

/// How far below the oldest published commit a walk goes on: committers' clocks differ.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// A branch or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// Branch or tag.
    pub kind: ReferenceKind,
    /// Name without any prefix: `main`, `v1.0`.
    pub name: String,
    /// The commit that it leads to, 40 hexadecimal digits.
    pub commit: String,
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

/// What is known of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitNode {
    /// Its parents that the clone has.
    pub parents: Vec<String>,
    /// When it was committed.
    pub committed: Timestamp,
}

/// Images by name and tag.
pub type Images = BTreeSet<(String, String)>;

/// The project's history, as far as cleanup asks.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// All branches of `origin` and all tags.
    pub references: &'a [Ref],
    /// A commit by its id; `None` where the clone lacks it. Called about once per commit and walk.
    pub commit: &'a dyn Fn(&str) -> Option<CommitNode>,
    /// The images (name and tag) that a commit's werf.yaml yields, computed from its content; `None` where the caller has not computed
    /// them, then the labels of the published images tell. Content wins since a commit that was rebased or squashed has other ids
    /// but the same images.
    pub images_at: &'a dyn Fn(&str) -> Option<Images>,
}

impl fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("references", &self.references).finish_non_exhaustive()
    }
}

/// A policy's name pattern is not a regular expression.
#[derive(Clone, Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{pattern}` in `cleanup.keepPolicies` is not a regular expression")]
#[diagnostic(help("text between slashes is a regular expression for the whole name; without slashes it is the name itself"))]
pub struct PolicyError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: regex::Error,
}

/// The references that policies choose, each with its policy: the last that chooses it.
pub(super) fn chosen<'a>(
    references: &'a [Ref],
    policies: &'a [KeepPolicy],
    now: Timestamp,
) -> Result<Vec<(&'a Ref, &'a KeepPolicy)>, PolicyError> {
    let mut by_reference: BTreeMap<usize, &KeepPolicy> = BTreeMap::new();
    for policy in policies {
        let pattern = Pattern::parse(&policy.references.pattern)?;
        let matching = references
            .iter()
            .enumerate()
            .filter(|(_, reference)| reference.kind == policy.references.kind && pattern.matches(&reference.name));
        let mut matching: Vec<_> = matching.collect();
        matching.sort_by(|(_, a), (_, b)| (b.time, &a.name).cmp(&(a.time, &b.name)));
        let within =
            matching.into_iter().enumerate().filter(|(rank, (_, reference))| admits(policy.references.limit, *rank, reference.time, now));
        by_reference.extend(within.map(|(_, (index, _))| (index, policy)));
    }
    Ok(by_reference.into_iter().map(|(index, policy)| (&references[index], policy)).collect())
}

/// Whether a limit admits what is `rank` places behind the newest and of some time.
fn admits(limit: Limit, rank: usize, time: Timestamp, now: Timestamp) -> bool {
    let few = limit.last.map(|last| rank < last as usize);
    let young = limit.within.map(|within| is_within(time, now, within));
    match (few, young, limit.operator) {
        (None, None, _) => true,
        (Some(one), None, _) | (None, Some(one), _) => one,
        (Some(few), Some(young), Operator::And) => few && young,
        (Some(few), Some(young), Operator::Or) => few || young,
    }
}

pub(super) fn is_within(time: Timestamp, now: Timestamp, within: std::time::Duration) -> bool {
    now.duration_since(time) <= SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX)
}

/// A policy's name pattern.
enum Pattern<'a> {
    Exact(&'a str),
    Expression(regex::Regex),
}

impl<'a> Pattern<'a> {
    fn parse(text: &'a str) -> Result<Self, PolicyError> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(expression) => {
                let regex = regex::Regex::new(&format!("^(?:{expression})$"));
                Ok(Pattern::Expression(regex.map_err(|source| PolicyError { pattern: text.to_owned(), source })?))
            }
            None => Ok(Pattern::Exact(text)),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Exact(wanted) => *wanted == name,
            Pattern::Expression(regex) => regex.is_match(name),
        }
    }
}

/// The tags that the policies keep, each with its reasons.
pub(super) fn kept(
    images: &[Published],
    history: &History<'_>,
    policies: &[KeepPolicy],
    now: Timestamp,
) -> Result<BTreeMap<String, Vec<Reason>>, PolicyError> {
    let labelled = Labelled::new(images, history);
    let mut kept: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
    for (reference, policy) in chosen(history.references, policies, now)? {
        for (tag, commit) in walk(reference, policy.images, &labelled, history, now) {
            let reason = Reason::Git { reference: reference.to_string(), commit: commit.chars().take(7).collect() };
            kept.entry(tag).or_default().push(reason);
        }
    }
    Ok(kept)
}

/// The published images by what their labels tell.
struct Labelled<'a> {
    by_commit: HashMap<&'a str, Vec<(&'a str, &'a str)>>,
    tags: HashSet<&'a str>,
    names: BTreeSet<&'a str>,
    oldest: Option<Timestamp>,
}

impl<'a> Labelled<'a> {
    fn new(images: &'a [Published], history: &History<'_>) -> Self {
        let mut labelled = Labelled { by_commit: HashMap::new(), tags: HashSet::new(), names: BTreeSet::new(), oldest: None };
        for image in images {
            let Some(origin) = &image.origin else { continue };
            labelled.tags.insert(image.tag.as_str());
            labelled.names.insert(&origin.image);
            labelled.by_commit.entry(&origin.commit).or_default().push((&origin.image, image.tag.as_str()));
        }
        let dates = labelled.by_commit.keys().filter_map(|commit| (history.commit)(commit)).map(|node| node.committed);
        labelled.oldest = dates.min();
        labelled
    }

    /// The published images of a commit: name and tag.
    fn at(&self, commit: &str, history: &History<'_>) -> Vec<(String, String)> {
        let computed = (history.images_at)(commit).into_iter().flatten().filter(|(_, tag)| self.tags.contains(tag.as_str()));
        let told = self.by_commit.get(commit).into_iter().flatten().map(|(name, tag)| ((*name).to_owned(), (*tag).to_owned()));
        let all: BTreeSet<(String, String)> = computed.chain(told).collect();
        all.into_iter().collect()
    }
}

/// The tags that one reference keeps, each with the newest of its commits on the way.
fn walk(reference: &Ref, limit: Limit, labelled: &Labelled<'_>, history: &History<'_>, now: Timestamp) -> Vec<(String, String)> {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    // How many commits with new images of a name have been met.
    let mut met: BTreeMap<String, usize> = labelled.names.iter().map(|name| ((*name).to_owned(), 0)).collect();
    let mut known = HashSet::new();
    let mut seen = HashSet::from([reference.commit.clone()]);
    let mut queue = BinaryHeap::new();
    if let Some(node) = (history.commit)(&reference.commit) {
        queue.push((node.committed, reference.commit.clone(), node.parents));
    }
    while let Some((committed, commit, parents)) = queue.pop() {
        let mut new_here = BTreeSet::new();
        for (name, tag) in labelled.at(&commit, history) {
            if !known.insert(tag.clone()) {
                continue;
            }
            if admits(limit, met.get(&name).copied().unwrap_or(0), committed, now) {
                kept.insert(tag, commit.clone());
            }
            new_here.insert(name);
        }
        // Several images of one name from one commit (stages, platforms) count once.
        for name in new_here {
            *met.entry(name).or_default() += 1;
        }
        let wants_more = met.values().any(|met| admits(limit, *met, committed, now));
        let may_find = labelled.oldest.is_some_and(|oldest| committed.duration_since(oldest) >= -SLACK);
        if reference.kind == ReferenceKind::Tag || !wants_more || !may_find {
            // Others in the queue are no newer than this one, so they could not do better.
            if reference.kind == ReferenceKind::Tag || !wants_more {
                break;
            }
            continue;
        }
        for parent in parents {
            if seen.insert(parent.clone())
                && let Some(node) = (history.commit)(&parent)
            {
                queue.push((node.committed, parent, node.parents));
            }
        }
    }
    kept.into_iter().collect()
}
