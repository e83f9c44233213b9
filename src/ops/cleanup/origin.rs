//! The history that policies look at: all of it, or an error.
//!
//! As in werf 2 what a clone lacks of its origin is fetched, as far as `gitWorktree` of werf.yaml allows. A history with an end that is
//! not its beginning, or without some of its branches, would make images look unwanted.

use std::sync::Arc;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::{Options, stopped};
use crate::cleanup::{Graph, Ref};
use crate::error::Result;
use crate::ops::Run;
use crate::ops::project::Project;
use crate::project::config::meta::ReferenceKind;
use crate::project::git::remote::{self, Extent};
use crate::project::git::{self, GitError, Moment, Repository};

/// The history of a project.
pub struct Past {
    /// The repository that has it: the clone, or its origin on this machine.
    pub repository: Arc<Repository>,
    /// All commits.
    pub graph: Graph,
    /// The branches of the origin and the tags; a repository that has no origin has its own branches instead.
    pub references: Vec<Ref>,
    /// Whether more objects could be fetched.
    may_fetch: bool,
}

impl Past {
    /// No history, where none is asked for.
    pub fn none(project: &Project) -> Self {
        Past { repository: project.repository.clone(), graph: Graph::default(), references: Vec::new(), may_fetch: false }
    }

    /// Whether history was asked for: then it is whole.
    pub fn is_whole(&self) -> bool {
        !self.references.is_empty()
    }

    /// Whether objects that a partial clone lacks can be fetched.
    pub fn may_fetch_objects(&self) -> bool {
        self.may_fetch
    }
}

/// The history, fetched where the clone lacks some of it.
pub async fn history(project: &Project, options: &Options, run: &Run) -> Result<Past> {
    let (worktree, clone) = (project.config.meta.git_worktree, &project.repository);
    let is_shallow = git::is_shallow(clone)?;
    let may_unshallow = worktree.allow_unshallow && worktree.allow_fetch && !worktree.force_shallow_clone;
    match git::origin(clone) {
        None if is_shallow => Err(Shallow::of("the clone has no `origin` to fetch it from")),
        None => past(project, clone.clone(), git::references(clone)?, false, run),
        Some(_) if is_shallow && worktree.force_shallow_clone => {
            Err(Shallow::of("`gitWorktree.forceShallowClone` of werf.yaml forbids to fetch it"))
        }
        Some(_) if is_shallow && !worktree.allow_unshallow => {
            Err(Shallow::of("`gitWorktree.allowUnshallow` of werf.yaml forbids to fetch it"))
        }
        Some(_) if is_shallow && !worktree.allow_fetch => {
            Err(Shallow::of("`gitWorktree.allowFetchOriginBranchesAndTags` of werf.yaml forbids to fetch it"))
        }
        Some(origin) if !worktree.allow_fetch && !origin.all_branches => Err(SomeBranches.into()),
        Some(_) if !worktree.allow_fetch => past(project, clone.clone(), git::references(clone)?, false, run),
        Some(origin) => {
            let extent = if is_shallow && may_unshallow { Extent::History } else { Extent::Branches };
            fetched(project, options, run, &origin.url, extent).await
        }
    }
}

/// The same with all objects, those that a partial clone was made without included.
pub async fn everything(project: &Project, options: &Options, run: &Run) -> Result<Past> {
    match git::origin(&project.repository) {
        Some(origin) => fetched(project, options, run, &origin.url, Extent::Everything).await,
        None => history(project, options, run).await,
    }
}

async fn fetched(project: &Project, _options: &Options, run: &Run, url: &str, extent: Extent) -> Result<Past> {
    let access = project.remotes.access_of_origin(project, run)?;
    let whole = remote::whole_history(&access, &project.repository, url, extent).await.map_err(|cause| NotFetched { cause })?;
    if git::is_shallow(&whole.repository)? {
        return Err(Shallow::of("`origin` itself is a shallow clone"));
    }
    past(project, whole.repository, whole.references, extent != Extent::Everything, run)
}

fn past(project: &Project, repository: Arc<Repository>, all: Vec<git::Reference>, may_fetch: bool, run: &Run) -> Result<Past> {
    let has_origin =
        git::origin(&project.repository).is_some() || all.iter().any(|reference| reference.kind == git::ReferenceKind::OriginBranch);
    let wanted = |kind: git::ReferenceKind| match kind {
        git::ReferenceKind::Tag => Some(ReferenceKind::Tag),
        git::ReferenceKind::OriginBranch => Some(ReferenceKind::Branch),
        git::ReferenceKind::LocalBranch => (!has_origin).then_some(ReferenceKind::Branch),
    };
    let reference = |found: git::Reference| {
        let kind = wanted(found.kind).filter(|_| found.name != git::DEV_BRANCH)?;
        Some(Ref { kind, commit: found.commit, time: timestamp(found.time), name: found.name })
    };
    let references: Vec<Ref> = all.into_iter().filter_map(reference).collect();
    if has_origin && !references.iter().any(|reference| reference.kind == ReferenceKind::Branch) {
        return Err(NoBranches.into());
    }
    let tips: Vec<_> = references.iter().map(|reference| reference.commit).collect();
    let is_cancelled = || run.cancel.is_cancelled();
    let commits = tokio::task::block_in_place(|| git::ancestry(&repository, &tips, &is_cancelled));
    let commits = match commits {
        Err(GitError::Interrupted) => return Err(stopped()),
        commits => commits.map_err(|cause| Incomplete { cause })?,
    };
    let (mut graph, now) = (Graph::default(), Timestamp::now());
    for commit in commits {
        let parents = commit.parents.iter().filter_map(|parent| graph.place(*parent)).collect();
        graph.add(commit.commit, parents, timestamp(commit.committed), now);
    }
    Ok(Past { repository, graph, references, may_fetch })
}

/// Times that no calendar has are the nearest that it has.
fn timestamp(moment: Moment) -> Timestamp {
    let nearest = if moment.seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(moment.seconds).unwrap_or(nearest)
}

/// What CI systems are told so that they clone all.
const FOR_CI: &str = "let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml";

#[derive(Debug, Error, Diagnostic)]
#[error("the history of this clone is cut off (it is shallow), and {why}: which images are wanted is not known, so nothing was deleted")]
#[diagnostic(help("{FOR_CI}; here `git fetch --unshallow` brings the rest"))]
struct Shallow {
    why: &'static str,
}

impl Shallow {
    fn of(why: &'static str) -> crate::error::Error {
        Shallow { why }.into()
    }
}

#[derive(Debug, Error, Diagnostic)]
#[error(
    "this clone has only some branches of its origin, and `gitWorktree.allowFetchOriginBranchesAndTags` of werf.yaml forbids to fetch the others: which images they want is not known, so nothing was deleted"
)]
#[diagnostic(help("{FOR_CI}; here `git remote set-branches origin '*' && git fetch --tags` brings them"))]
struct SomeBranches;

#[derive(Debug, Error, Diagnostic)]
#[error("no branch of `origin` is known here: which images are wanted is not known, so nothing was deleted")]
#[diagnostic(help("{FOR_CI}; here `git fetch origin` brings the branches"))]
struct NoBranches;

#[derive(Debug, Error, Diagnostic)]
#[error("the branches and tags of `origin` cannot be fetched: which images they want is not known, so nothing was deleted")]
#[diagnostic(help(
    "check that `git fetch origin` works here; or {FOR_CI}, and set `gitWorktree: {{allowFetchOriginBranchesAndTags: false}}` in werf.yaml"
))]
struct NotFetched {
    #[source]
    #[diagnostic_source]
    cause: remote::RemoteError,
}

#[derive(Debug, Error, Diagnostic)]
#[error("the history cannot be read to its end: which images are wanted is not known, so nothing was deleted")]
#[diagnostic(help("{FOR_CI}; `git fsck` shows what this clone lacks"))]
struct Incomplete {
    #[source]
    cause: GitError,
}
