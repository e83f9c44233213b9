//! Submodules on disk: whether what the work tree has of one is what the commit binds.
//!
//! A difference is said of the submodule as a whole, for that is what its author has to commit.

use std::sync::Arc;

use super::commit::to_id;
use super::dev::changed_paths;
use super::error::{Attempt, GitError};
use super::submodule::Module;
use super::work_tree::{Place, compare_file, is_below};
use crate::file_tree::Entry;
use crate::project::giterminism::Difference;

/// How a submodule differs, as far as somebody wants its files. `nested` are the paths of the submodules in it, from its own root: they are
/// compared by themselves.
pub(super) fn compare(
    module: &Arc<Module>,
    nested: &[&str],
    committed: &[Entry],
    place: &Place,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Option<Difference>, GitError> {
    let is_own = |entry: &&Entry| {
        let real = place.real(&entry.path);
        let inside = real.strip_prefix(&*module.path).and_then(|rest| rest.strip_prefix('/'));
        inside.is_some_and(|inside| !nested.iter().any(|nested| is_below(inside, nested)))
    };
    let is_wanted = || committed.iter().filter(is_own).any(|entry| wanted(&entry.path));
    let repo = match checked_out(module)? {
        State::Absent => return Ok(None),
        State::Deleted => return Ok(is_wanted().then_some(Difference::Deleted)),
        State::Other => return Ok(is_wanted().then_some(Difference::SubmoduleCommit)),
        State::AtCommit(repo) => repo,
    };
    let Some(root) = &module.work_tree else { return Ok(None) };
    for path in changed_paths(&repo, module.tree)? {
        let real = format!("{}/{path}", module.path);
        let asked = place.asked(&real);
        if nested.contains(&path.as_str()) || !place.has(&real) || !wanted(&asked) {
            continue;
        }
        // The index alone may suspect a file that is as a checkout has it.
        let entry = committed.binary_search_by(|entry| entry.path.cmp(&asked)).ok().map(|at| &committed[at]);
        if compare_file(&repo, root, &path, entry)?.is_some() {
            return Ok(Some(Difference::SubmoduleChanges));
        }
    }
    Ok(None)
}

/// How a submodule differs in one file, whose path is from the root of the outermost repository.
pub(super) fn compare_file_of(module: &Module, path: &str, entry: Option<&Entry>) -> Result<Option<Difference>, GitError> {
    let Some(root) = &module.work_tree else { return Ok(None) };
    let inside = path.strip_prefix(&*module.path).unwrap_or(path).trim_start_matches('/');
    match checked_out(module)? {
        State::Absent => Ok(None),
        State::Deleted => Ok(entry.map(|_| Difference::Deleted)),
        State::Other => Ok(Some(Difference::SubmoduleCommit)),
        State::AtCommit(repo) => Ok(compare_file(&repo, root, inside, entry)?.map(|_| Difference::SubmoduleChanges)),
    }
}

/// What the work tree has of a submodule.
enum State {
    /// Nothing: it is not checked out.
    Absent,
    /// Not even its directory.
    Deleted,
    /// Another commit.
    Other,
    /// The commit that is bound, perhaps with changes.
    AtCommit(Box<gix::Repository>),
}

fn checked_out(module: &Module) -> Result<State, GitError> {
    let Some(root) = &module.work_tree else { return Ok(State::Absent) };
    if !root.exists() {
        return Ok(State::Deleted);
    }
    if !root.join(".git").exists() {
        return Ok(State::Absent);
    }
    let repo = gix::open(root).attempt(format!("open the submodule `{}`", module.path))?;
    let head = repo.head().attempt("read HEAD")?.try_peel_to_id().attempt("resolve HEAD")?.map(|id| to_id(&id));
    Ok(if head == Some(module.commit) { State::AtCommit(Box::new(repo)) } else { State::Other })
}
