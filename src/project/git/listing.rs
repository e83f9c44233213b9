//! All files below a directory of a commit, those of submodules too.
//!
//! A commit may name one directory a million times, so a walk can be longer than any machine lives: it is counted before it gets long.

use std::collections::HashMap;
use std::sync::Arc;

use super::directory::{Directory, Kind, Node, Trees};
use super::error::GitError;
use super::submodule::Module;
use crate::file_tree::{Entry, Mode, ObjectId};

/// The most files and directories that one list may have: ten times the biggest repositories known.
pub(super) const MOST: u64 = 5_000_000;

/// A walk that has met so many names counts those before it.
const COUNT_AT: u64 = 200_000;

/// The files below a directory.
pub(super) struct Listing {
    /// Files, sorted by path.
    pub entries: Vec<Entry>,
    /// The submodules of the blobs that are not in the outermost repository.
    pub origins: Vec<(ObjectId, Arc<Module>)>,
}

/// A directory on the way down.
struct Frame {
    directory: Directory,
    nodes: Arc<[Node]>,
    next: usize,
    /// The length of its path.
    length: usize,
}

/// Lists a directory under the path that was asked for. A submodule that is not here is an entry of its own.
pub(super) fn list(trees: &Trees, start: Directory, asked: &str) -> Result<Listing, GitError> {
    let mut listing = Listing { entries: Vec::new(), origins: Vec::new() };
    let mut path = asked.to_owned();
    let mut met = 0;
    let mut frames = vec![frame(trees, start, path.len())?];
    while let Some(Frame { directory, nodes, next, length }) = frames.last_mut() {
        path.truncate(*length);
        let (nodes, at) = (nodes.clone(), *next);
        let Some(node) = nodes.get(at) else {
            frames.pop();
            continue;
        };
        *next += 1;
        met += 1;
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&node.name);
        let below = match node.kind {
            Kind::Directory => trees.enter(directory, &node.name, node.id)?,
            Kind::File(Mode::Submodule) => match trees.enter_submodule(directory, node) {
                Ok(root) => {
                    if met > COUNT_AT {
                        check_count(trees, &root)?;
                    }
                    root
                }
                Err(GitError::NoSubmodule { .. } | GitError::UnnamedSubmodule { .. }) => {
                    listing.entries.push(Entry::new(path.as_str(), Mode::Submodule, node.id));
                    continue;
                }
                Err(error) => return Err(error),
            },
            Kind::File(mode) => {
                directory.check(&node.name)?;
                if !directory.module.path.is_empty() {
                    listing.origins.push((node.id, directory.module.clone()));
                }
                let conversion = directory.conversion(node);
                listing.entries.push(Entry { conversion, ..Entry::new(path.as_str(), mode, node.id) });
                if met == COUNT_AT {
                    check_counts(trees, &frames)?;
                }
                continue;
            }
        };
        frames.push(frame(trees, below, path.len())?);
        if met == COUNT_AT {
            check_counts(trees, &frames)?;
        }
        if met > MOST {
            return Err(too_many(asked, met));
        }
    }
    // Git sorts by bytes; escaped names, and trees that are not as they should be, have another order.
    if !listing.entries.is_sorted_by(|a, b| a.path <= b.path) {
        listing.entries.sort_by(|a, b| a.path.cmp(&b.path));
    }
    Ok(listing)
}

fn frame(trees: &Trees, directory: Directory, length: usize) -> Result<Frame, GitError> {
    let nodes = trees.nodes(&directory.module, directory.tree, &directory.path(""))?;
    Ok(Frame { directory, nodes, next: 0, length })
}

/// Counts where the walk began and each submodule that it is in.
fn check_counts(trees: &Trees, frames: &[Frame]) -> Result<(), GitError> {
    let is_start = |(at, frame): &(usize, &Frame)| *at == 0 || frame.directory.inside.is_empty();
    frames.iter().enumerate().filter(is_start).try_for_each(|(_, frame)| check_count(trees, &frame.directory))
}

/// Refuses a directory below which there are more names than [`MOST`], and says which of its directories has them.
pub(super) fn check_count(trees: &Trees, directory: &Directory) -> Result<(), GitError> {
    let module = &directory.module;
    let counts = counts(trees, module, directory.tree)?;
    let count = |tree: &ObjectId| counts.get(tree).copied().unwrap_or_default();
    if count(&directory.tree) <= MOST {
        return Ok(());
    }
    let (mut path, mut tree) = (directory.path(""), directory.tree);
    loop {
        let nodes = trees.nodes(module, tree, &path)?;
        let mut big = nodes.iter().filter(|node| node.kind == Kind::Directory && count(&node.id) > MOST);
        match (big.next(), big.next()) {
            (Some(only), None) if path.len() < 1024 => {
                path = if path.is_empty() { only.name.clone() } else { format!("{path}/{}", only.name) };
                tree = only.id;
            }
            _ => return Err(too_many(&path, count(&tree))),
        }
    }
}

/// How many names there are below each directory: each tree is read once, however often it is named.
fn counts(trees: &Trees, module: &Module, tree: ObjectId) -> Result<HashMap<ObjectId, u64>, GitError> {
    let mut counts: HashMap<ObjectId, u64> = HashMap::new();
    let mut pending = vec![tree];
    while let Some(tree) = pending.last().copied() {
        let known = pending.len();
        if !counts.contains_key(&tree) {
            let mut count = 0_u64;
            for node in trees.nodes(module, tree, &tree.to_string())?.iter() {
                let below = match (node.kind, counts.get(&node.id)) {
                    (Kind::File(_), _) => 0,
                    (Kind::Directory, Some(below)) => *below,
                    (Kind::Directory, None) => {
                        pending.push(node.id);
                        0
                    }
                };
                count = count.saturating_add(below).saturating_add(1);
            }
            if pending.len() == known {
                counts.insert(tree, count);
            }
        }
        if pending.len() == known {
            pending.pop();
        }
    }
    Ok(counts)
}

fn too_many(dir: &str, count: u64) -> GitError {
    GitError::TooManyFiles { dir: if dir.is_empty() { ".".to_owned() } else { dir.to_owned() }, count, limit: MOST }
}
