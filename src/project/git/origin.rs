//! Where a clone is from, and what it may lack of that.

use super::commit::{Moment, to_gix, to_id};
use super::error::{Attempt, GitError};
use super::repository::Repository;
use crate::file_tree::ObjectId;

/// The remote repository `origin` of a clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its URL, as the configuration has it.
    pub url: String,
    /// Whether `git fetch` brings all of its branches: a clone with `--single-branch` says otherwise.
    pub all_branches: bool,
}

/// The origin of a clone; `None` where it has none.
pub fn origin(repository: &Repository) -> Option<Origin> {
    repository.with(|repo| {
        let config = repo.config_snapshot();
        let url = config.string("remote.origin.url")?.to_string();
        let specs = config.plumbing().strings("remote.origin.fetch").unwrap_or_default();
        let all_branches = specs.iter().any(|spec| spec.to_string().trim_start_matches('+').starts_with("refs/heads/*:"));
        Some(Origin { url, all_branches })
    })
}

impl Repository {
    /// The commits of a shallow clone whose parents were left out; empty for any other.
    pub(super) fn boundary(&self) -> Result<Vec<ObjectId>, GitError> {
        self.with(|repo| {
            let cut = repo.shallow_commits().attempt("read the list of shallow commits")?;
            Ok(cut.iter().flat_map(|cut| cut.iter()).map(|id| to_id(id)).collect())
        })
    }

    /// The commit that an object leads to, with the tagger's date of an annotated tag, else the committer's; `None` where it is no commit.
    pub(super) fn peeled(&self, id: ObjectId) -> Option<(ObjectId, Moment)> {
        self.with(|repo| {
            let object = repo.find_object(to_gix(id)).ok()?;
            let tagged = object.clone().try_into_tag().ok().and_then(|tag| tag.tagger().ok().flatten()?.time().ok());
            let commit = object.peel_to_commit().ok()?;
            let time = tagged.or_else(|| commit.time().ok())?;
            Some((to_id(&commit.id), time.into()))
        })
    }
}
