//! Refs and ancestry, for cleanup's policies.

use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use super::commit::{Moment, to_gix, to_id};
use super::error::{Attempt, GitError};
use super::repository::Repository;
use crate::file_tree::ObjectId;

/// What a reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// `refs/remotes/origin/*`, HEAD left out.
    OriginBranch,
    /// `refs/heads/*`.
    LocalBranch,
    /// `refs/tags/*`.
    Tag,
}

/// A branch or tag that leads to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Branch or tag.
    pub kind: ReferenceKind,
    /// Name without its prefix, such as `main` or `v1.0`.
    pub name: String,
    /// The commit it leads to.
    pub commit: ObjectId,
    /// The tagger's date of an annotated tag, else the commit's committer date.
    pub time: Moment,
}

/// A commit's parents and committer date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parents {
    /// The commit.
    pub commit: ObjectId,
    /// Its parents that this clone has; none at a shallow boundary.
    pub parents: Vec<ObjectId>,
    /// When it was committed.
    pub committed: Moment,
}

/// All branches and tags that lead to commits, sorted by kind and name.
pub fn references(repository: &Repository) -> Result<Vec<Reference>, GitError> {
    let kinds = [
        (ReferenceKind::OriginBranch, "refs/remotes/origin/"),
        (ReferenceKind::LocalBranch, "refs/heads/"),
        (ReferenceKind::Tag, "refs/tags/"),
    ];
    repository.with(|repo| {
        let platform = repo.references().attempt("read the refs")?;
        let mut found = Vec::new();
        for (kind, prefix) in kinds {
            for reference in platform.prefixed(prefix).attempt("read the refs")? {
                let mut reference = reference.map_err(|cause| unreadable("read the refs", cause))?;
                let name = reference.name().as_bstr().to_string();
                let name = name.strip_prefix(prefix).unwrap_or(&name).to_owned();
                if kind == ReferenceKind::OriginBranch && name == "HEAD" {
                    continue;
                }
                let tagged = reference.peel_to_tag().ok().and_then(|tag| tag.tagger().ok().flatten()?.time().ok());
                // Tags may name trees and blobs, and a clone may lack a ref's commit: neither can be built from.
                let Ok(commit) = reference.peel_to_commit() else { continue };
                let Ok(committed) = commit.time() else { continue };
                found.push(Reference { kind, name, commit: to_id(&commit.id), time: tagged.unwrap_or(committed).into() });
            }
        }
        found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Ok(found)
    })
}

/// A commit's parents and date.
pub fn parents(repository: &Repository, commit: ObjectId) -> Result<Parents, GitError> {
    repository.with(|repo| read_parents(repo, commit))
}

/// A commit and its ancestors, newest committer date first, each once, not past the commits of `stop` (which are given themselves).
pub fn walk(repository: &Repository, from: ObjectId, stop: &HashSet<ObjectId>, limit: usize) -> Result<Vec<Parents>, GitError> {
    repository.with(|repo| {
        let mut seen = HashSet::from([from]);
        let first = read_parents(repo, from)?;
        let mut queue = BinaryHeap::from([(first.committed.seconds, from)]);
        let mut found = Vec::new();
        while let Some((_, id)) = queue.pop()
            && found.len() < limit
        {
            let commit = read_parents(repo, id)?;
            if !stop.contains(&id) {
                for parent in commit.parents.iter().filter(|parent| seen.insert(**parent)) {
                    queue.push((read_parents(repo, *parent)?.committed.seconds, *parent));
                }
            }
            found.push(commit);
        }
        Ok(found)
    })
}

/// Whether `ancestor` is `descendant` or can be reached from it.
pub fn is_ancestor(repository: &Repository, ancestor: ObjectId, descendant: ObjectId) -> Result<bool, GitError> {
    if ancestor == descendant {
        return Ok(true);
    }
    repository.with(|repo| {
        let base = repo.merge_base(to_gix(ancestor), to_gix(descendant)).attempt("compare the history of two commits")?;
        Ok(base.is_some_and(|base| to_id(&base) == ancestor))
    })
}

/// Whether the clone lacks a part of the history.
pub fn is_shallow(repository: &Repository) -> Result<bool, GitError> {
    repository.with(|repo| repo.is_shallow().attempt("read the list of shallow commits"))
}

fn read_parents(repo: &gix::Repository, id: ObjectId) -> Result<Parents, GitError> {
    let action = || format!("read commit {id}");
    let commit = repo.find_commit(to_gix(id)).attempt(action())?;
    let shallow = repo.shallow_commits().attempt("read the list of shallow commits")?;
    let cut = shallow.is_some_and(|cut| cut.iter().any(|boundary| to_id(boundary) == id));
    let parents = if cut { Vec::new() } else { commit.parent_ids().map(|parent| to_id(&parent)).collect() };
    Ok(Parents { commit: id, parents, committed: commit.time().attempt(action())?.into() })
}

fn unreadable<E: std::error::Error + Send + Sync + 'static>(action: &str, cause: E) -> GitError {
    GitError::Unusable { action: action.to_owned(), cause: Arc::new(cause).into() }
}
