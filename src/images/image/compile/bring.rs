//! What the layers of all images are made of comes together, before the first of them is made.
//!
//! Where files go is known for sure only while an image is compiled, for it depends on what lies there. It is nearly always what it was the
//! last time, so that is remembered; a wrong guess costs requests of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::CompileError;
use crate::file_tree::FileTree;
use crate::images::git_layers::{self, Directory, FileSet, LayerCache, Owner, Placement};
use crate::images::image::stage::{Placed, Work};
use crate::images::image::tree::ImageTree;

/// Brings what the layers of images are made of that are neither published nor known: content of Git LFS and objects of partial clones, in one
/// request for each repository. `trees` are [`ImageTree::trees`].
///
/// # Errors
/// What is lacking is not to be had; the error names all of it.
pub fn bring(
    tree: &ImageTree,
    missing: &BTreeSet<String>,
    trees: &[Arc<dyn FileTree>],
    cache: &dyn LayerCache,
) -> Result<(), CompileError> {
    let mut placements: BTreeMap<usize, Vec<Placement>> = BTreeMap::new();
    let mut add = |placement: Placement| placements.entry(placement.files.origin()).or_default().push(placement);
    for node in tree.in_graph(missing.iter().map(String::as_str), missing) {
        for stage in &node.stages {
            for placed in stage.placed() {
                add(guess(&node.name, placed, placed.files.files()?, cache));
            }
            if let Work::Dockerfile(dockerfile) = &stage.work {
                add(Placement::new(Arc::new(dockerfile.context.files()?.clone()), "/", Owner::default()));
            }
        }
    }
    for (origin, placements) in placements {
        if let Some(tree) = trees.get(origin) {
            git_layers::bring(&**tree, &placements, cache)?;
        }
    }
    Ok(())
}

/// Where files went: path, owner, directories that were there, directories that go elsewhere.
type Place = (String, (u32, u32), Vec<(String, u32, u32, u32)>, BTreeMap<String, String>);

/// Remembers where the files of a mapping went.
pub(super) fn remember(image: &str, placed: &Placed, placement: &Placement, cache: &dyn LayerCache) {
    let Placement { files: _, to, owner, directories, moved } = placement;
    let directory = |(path, Directory { mode, owner }): (&String, &Directory)| (path.clone(), *mode, owner.uid, owner.gid);
    let place: Place = (to.clone(), (owner.uid, owner.gid), directories.iter().map(directory).collect(), moved.clone());
    let (key, record) = (slot(image, placed), serde_json::to_vec(&place).unwrap_or_default());
    if cache.get(&key).as_ref() != Some(&record) {
        cache.put(&key, &record);
    }
}

/// Where the files of a mapping are likely to go.
fn guess(image: &str, placed: &Placed, files: &FileSet, cache: &dyn LayerCache) -> Placement {
    let files = Arc::new(files.clone());
    let known = cache.get(&slot(image, placed)).and_then(|record| serde_json::from_slice::<Place>(&record).ok());
    let Some((to, (uid, gid), directories, moved)) = known else { return Placement::new(files, &placed.to, Owner::default()) };
    let directories = directories.into_iter().map(|(path, mode, uid, gid)| (path, Directory { mode, owner: Owner { uid, gid } })).collect();
    Placement { files, to, owner: Owner { uid, gid }, directories, moved }
}

/// What names a mapping in the cache.
fn slot(image: &str, placed: &Placed) -> [u8; 32] {
    let Placed { add, to, owner, group, remote: _, files: _ } = placed;
    let mut hasher = blake3::Hasher::new_derive_key("werf last place of a mapping v1");
    for part in [image, add, to, owner.as_deref().unwrap_or_default(), group.as_deref().unwrap_or_default()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
