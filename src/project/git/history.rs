//! Refs and ancestry, for cleanup's policies.

use std::collections::{BinaryHeap, HashMap, HashSet};
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

/// All commits that some lead to, parents before children and, as far as that allows, older before newer.
///
/// # Errors
/// Where a commit is missing that is not beyond the boundary of a shallow clone, and [`GitError::Interrupted`] once `is_cancelled` says so.
pub fn ancestry(repository: &Repository, tips: &[ObjectId], is_cancelled: &dyn Fn() -> bool) -> Result<Vec<Parents>, GitError> {
    repository.with(|repo| {
        let shallow = repo.shallow_commits().attempt("read the list of shallow commits")?;
        let cut: HashSet<ObjectId> = shallow.iter().flat_map(|cut| cut.iter()).map(|id| to_id(id)).collect();
        let mut read: HashMap<ObjectId, (Parents, usize)> = HashMap::new();
        let mut pending: Vec<ObjectId> = tips.to_vec();
        let mut bytes = Vec::new();
        while let Some(id) = pending.pop() {
            if read.contains_key(&id) {
                continue;
            }
            if read.len().is_multiple_of(1024) && is_cancelled() {
                return Err(GitError::Interrupted);
            }
            let commit = read_bare(repo, id, &cut, &mut bytes)?;
            pending.extend(commit.parents.iter().filter(|parent| !read.contains_key(*parent)));
            read.insert(id, (commit, 0));
        }
        // Newest first, each after all that follow it; then the other way round.
        let edges: Vec<ObjectId> = read.values().flat_map(|(commit, _)| commit.parents.iter().copied()).collect();
        edges.iter().for_each(|parent| read.get_mut(parent).into_iter().for_each(|(_, children)| *children += 1));
        let ready = read.values().filter(|(_, children)| *children == 0);
        let mut ready: BinaryHeap<(i64, ObjectId)> = ready.map(|(commit, _)| (commit.committed.seconds, commit.commit)).collect();
        let mut found = Vec::with_capacity(read.len());
        while let Some((_, id)) = ready.pop() {
            let Some((commit, _)) = read.remove(&id) else { continue };
            for parent in &commit.parents {
                if let Some((above, children)) = read.get_mut(parent) {
                    *children -= 1;
                    if *children == 0 {
                        ready.push((above.committed.seconds, *parent));
                    }
                }
            }
            found.push(commit);
        }
        found.reverse();
        Ok(found)
    })
}

fn read_bare(repo: &gix::Repository, id: ObjectId, cut: &HashSet<ObjectId>, bytes: &mut Vec<u8>) -> Result<Parents, GitError> {
    use gix::objs::FindExt;
    let action = || format!("read commit {id}");
    let commit = repo.objects.find_commit_iter(&to_gix(id), bytes).attempt_with(action)?;
    let parents = if cut.contains(&id) { Vec::new() } else { commit.parent_ids().map(|parent| to_id(&parent)).collect() };
    let committed = commit.committer().attempt_with(action)?.time().attempt_with(action)?;
    Ok(Parents { commit: id, parents, committed: committed.into() })
}

/// Whether a commit is here.
pub fn has_commit(repository: &Repository, id: ObjectId) -> bool {
    repository.with(|repo| repo.find_commit(to_gix(id)).is_ok())
}

/// The root tree of a commit.
pub fn root_of(repository: &Repository, id: ObjectId) -> Result<ObjectId, GitError> {
    let action = || format!("read commit {id}");
    repository.with(|repo| {
        let commit = repo.find_commit(to_gix(id)).attempt_with(action)?;
        Ok(to_id(&commit.tree_id().attempt_with(action)?))
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
