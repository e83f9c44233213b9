//! `--dev`: the work tree as a commit, so that everything behind works as with any other commit.

use std::path::Path;
use std::sync::Arc;

use gix::bstr::BString;
use gix::objs::tree::EntryKind;

use super::commit::{Commit, to_gix, to_id};
use super::directory::Trees;
use super::error::{Attempt, GitError};
use super::listing::check_count;
use super::repository::{Repository, commit, discover, head};
use super::submodule::Module;
use super::work_tree::{changes_on_disk, on_disk};
use crate::file_tree::{ObjectId, bytes_of_text, text_of_bytes};

/// The branch that keeps the last snapshot from Git's garbage collection.
pub const DEV_BRANCH: &str = "_werf-dev";

/// Commits the work tree as it is on top of `head`, into the object database and onto `branch`, touching neither index nor files.
///
/// `.gitignore` and the globs of `ignore` (`--dev-ignore`) leave files as `head` has them. The same files on the same HEAD give the same
/// commit, for its time is that of `head`; without any change it is `head` itself. Submodules with changes get such a commit of their own.
pub fn dev_snapshot(repository: &Arc<Repository>, head: &Commit, branch: &str, ignore: &[String]) -> Result<Commit, GitError> {
    snapshot(repository, head, branch, &|path| ignore.iter().any(|glob| excludes(glob, path)))
}

fn snapshot(repository: &Arc<Repository>, head: &Commit, branch: &str, is_ignored: &dyn Fn(&str) -> bool) -> Result<Commit, GitError> {
    // The comparison with the index reads every directory of HEAD.
    let trees = Trees::default();
    check_count(&trees, &trees.root(&Arc::new(Module::outermost(repository.clone(), head.id, head.tree, None)))?)?;
    let id = repository.with(|repo| -> Result<ObjectId, GitError> {
        let tree = snapshot_tree(repo, head, branch, is_ignored)?;
        if tree == head.tree {
            return Ok(head.id);
        }
        let action = "write the development commit";
        let time = gix::date::Time { seconds: head.committed.seconds, offset: head.committed.offset };
        let author = gix::actor::Signature { name: "werf".into(), email: "werf@werf.io".into(), time };
        let commit = gix::objs::Commit {
            tree: to_gix(tree),
            parents: [to_gix(head.id)].into_iter().collect(),
            author: author.clone(),
            committer: author,
            encoding: None,
            message: "Work tree of werf --dev\n".into(),
            extra_headers: Vec::new(),
        };
        let id = repo.write_object(&commit).attempt(action)?.detach();
        point_branch(repo, branch, id)?;
        Ok(to_id(&id))
    })?;
    commit(repository, &id.to_string())
}

fn snapshot_tree(repo: &gix::Repository, head: &Commit, branch: &str, is_ignored: &dyn Fn(&str) -> bool) -> Result<ObjectId, GitError> {
    let mut changed = changed_paths(repo, head.tree)?;
    changed.retain(|path| !is_ignored(path));
    if changed.is_empty() {
        return Ok(head.tree);
    }
    let action = "write the files of the work tree as Git objects";
    let (mut pipeline, index) = repo.filter_pipeline(None).attempt(action)?;
    let mut editor = repo.edit_tree(to_gix(head.tree)).attempt(action)?;
    let mut written = Vec::new();
    // Removals go first: a file may have become a directory, or the other way round.
    for path in &changed {
        let name = BString::from(bytes_of_text(path).into_owned());
        let found = pipeline.worktree_file_to_object(name.as_ref(), &index).attempt(format!("read `{path}` of the work tree"))?;
        match (found, repo.workdir()) {
            (Some((_, kind @ EntryKind::Commit, _)), Some(root)) => {
                let submodule = discover(&root.join(on_disk(path)), None)?;
                let id = snapshot(&submodule, &self::head(&submodule)?, branch, &|inside| is_ignored(&format!("{path}/{inside}")))?.id;
                written.push((name, kind, to_gix(id)));
            }
            (Some((id, kind, _)), _) => written.push((name, kind, id)),
            (None, _) => {
                editor.remove(&name).attempt(action)?;
            }
        }
    }
    for (name, kind, id) in written {
        editor.upsert(&name, kind, id).attempt(action)?;
    }
    Ok(to_id(&editor.write().attempt(action)?))
}

/// Every path that the index or the work tree has otherwise than HEAD, from the repository's root.
pub(super) fn changed_paths(repo: &gix::Repository, head: ObjectId) -> Result<std::collections::BTreeSet<String>, GitError> {
    let action = "compare the index with HEAD";
    let mut paths: std::collections::BTreeSet<String> = changes_on_disk(repo, "")?.into_iter().map(|(path, _)| path).collect();
    let index = repo.index_or_empty().attempt("read the index")?;
    let renames = gix::status::tree_index::TrackRenames::Disabled;
    let each = |change: gix::diff::index::ChangeRef<'_, '_>, _: &gix::index::State, _: &gix::index::State| -> Result<_, gix::Error> {
        paths.insert(text_of_bytes(change.location()).into_owned());
        Ok(std::ops::ControlFlow::Continue(()))
    };
    repo.tree_index_status(&to_gix(head), &index, None, renames, each).attempt(action)?;
    Ok(paths)
}

fn point_branch(repo: &gix::Repository, branch: &str, id: gix::ObjectId) -> Result<(), GitError> {
    use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
    let name = format!("refs/heads/{branch}");
    let action = || format!("move the branch `{branch}`");
    let edit = RefEdit {
        change: Change::Update {
            log: LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: "werf --dev".into() },
            expected: PreviousValue::Any,
            new: id.into(),
        },
        name: name.try_into().attempt(action())?,
        deref: false,
    };
    let time = "0 +0000";
    let committer = gix::actor::SignatureRef { name: "werf".into(), email: "werf@werf.io".into(), time };
    repo.edit_references_as([edit], Some(committer)).attempt(action())?;
    Ok(())
}

/// Whether a `--dev-ignore` glob names a path: as Git's pathspecs, `*` crosses `/` and a plain path names all below it.
fn excludes(glob: &str, path: &str) -> bool {
    let glob = glob.trim_end_matches('/');
    let below = Path::new(path).starts_with(glob);
    below || gix::glob::wildmatch(glob.into(), path.into(), gix::glob::wildmatch::Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignore_globs_match_as_pathspecs_do() {
        let cases = [
            ("*.log", "a/b.log", true),
            ("tmp", "tmp/a", true),
            ("tmp", "tmpa", false),
            ("docs/**", "docs/a/b", true),
            ("a?", "ab", true),
            ("b", "a/b", false),
        ];
        for (glob, path, expect) in cases {
            assert_eq!(excludes(glob, path), expect, "{glob} {path}");
        }
    }
}
