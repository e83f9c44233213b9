//! Objects that a partial clone was made without, brought into it as Git brings them: a pack of the promisor remote (git-partial-clone(7)).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::objs::Write as _;

use super::address::Address;
use super::cache::take_pack_in;
use super::error::RemoteError;
use super::protocol::Want;
use super::{Access, Login, Place, blocking};
use crate::file_tree::ObjectId;
use crate::project::git::commit::to_gix;

/// Brings objects into the clone whose Git directory this is, in one request.
///
/// # Errors
/// Those of the server; one that does not give every object says that it is refused.
pub(super) async fn fetch_objects(
    access: &Access,
    url: &str,
    login: Option<&Login>,
    ids: Vec<ObjectId>,
    git_dir: &Path,
) -> Result<(), RemoteError> {
    let place = Place::find(access, url, login)?;
    if let Address::Local(path) = &place.address {
        let (from, to, url) = (path.clone(), git_dir.to_owned(), place.url.clone());
        return blocking(move || copy(&from, &to, &ids, &url)).await;
    }
    // From there helpers are asked.
    place.entry.prepare()?;
    let mut server = place.connect(access).await?;
    if let Some(id) = ids.iter().find(|id| !server.gives_any(**id)) {
        let said = format!("it gives no single objects such as {id}");
        return Err(RemoteError::Refused { url: place.url, said });
    }
    let packs = git_dir.join("objects/pack");
    // `git gc` sweeps what has such a name.
    let incoming = Incoming(packs.join(format!("tmp_pack_{}", uuid::Uuid::new_v4())));
    let unwritable = |cause| RemoteError::Cache { action: "write", path: incoming.0.clone(), cause: Arc::new(cause) };
    fs::create_dir_all(&packs).map_err(unwritable)?;
    let mut file = tokio::fs::File::create(&incoming.0).await.map_err(unwritable)?;
    server.fetch(&Want { ids, is_blobless: true, ..Want::default() }, &mut file).await?;
    drop(file);
    let (git_dir, url) = (git_dir.to_owned(), place.url);
    blocking(move || {
        take_pack_in(&git_dir, &incoming.0, &url, |pack| {
            // What it lacks, the remote promises.
            File::create(pack.with_extension("promisor")).map(drop)
        })
    })
    .await
}

/// A pack that is coming; it goes with the value.
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Copies objects from a repository of this machine.
fn copy(from: &Path, to: &Path, ids: &[ObjectId], url: &str) -> Result<(), RemoteError> {
    let open = |path: &Path| {
        let failed = |error| RemoteError::NotGit { url: url.to_owned(), problem: crate::net::Cause::of(&error).0 };
        gix::open_opts(path, gix::open::Options::isolated()).map_err(failed)
    };
    let (theirs, ours) = (open(from)?, open(to)?);
    for id in ids {
        let lacking = || RemoteError::Refused { url: url.to_owned(), said: format!("it has no object {id}") };
        let object = theirs.try_find_object(to_gix(*id)).ok().flatten().ok_or_else(lacking)?;
        let written = ours.write_buf(object.kind, &object.data);
        written.map_err(|error| {
            let cause = Arc::new(io::Error::other(error.to_string()));
            RemoteError::Cache { action: "write", path: to.join("objects"), cause }
        })?;
    }
    Ok(())
}
