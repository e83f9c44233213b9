//! The whole history of a clone's origin: what a shallow or single-branch clone lacks is fetched into it.
//!
//! Objects come to the clone as `git fetch` would bring them; its branches and tags stay as they are, for what the origin has now is given to the
//! caller. An origin on this machine is read where it is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::address::Address;
use super::error::RemoteError;
use super::protocol::{Server, Want};
use super::{Access, Place, blocking};
use crate::event::Event;
use crate::file_tree::ObjectId;
use crate::project::git::commit::to_gix;
use crate::project::git::{Reference, ReferenceKind, Repository, discover, has_commit, references};

/// How much is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What is new at the origin.
    Branches,
    /// The same, and the history that a shallow clone lacks.
    History,
    /// All objects anew: those that a partial clone lacks are among them.
    Everything,
}

/// All branches and tags of an origin, and the repository that has their history.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The clone, or the origin itself.
    pub repository: Arc<Repository>,
    /// Branches (as [`ReferenceKind::OriginBranch`]) and tags.
    pub references: Vec<Reference>,
}

/// Fetches from a clone's origin what the clone lacks.
pub async fn whole_history(access: &Access, clone: &Arc<Repository>, url: &str, extent: Extent) -> Result<Whole, RemoteError> {
    // CI systems put their logins for the origin into the clone's own configuration.
    let settings = clone.with(|repo| access.settings.with_clone(repo.config_snapshot().plumbing(), clone.place(), true))?;
    let access = &Access { settings: Arc::new(settings), ..access.clone() };
    let place = Place::find(access, url, None)?;
    if let Address::Local(path) = &place.address {
        return local(&place.url, path, clone);
    }
    let begun = Instant::now();
    let mut server = place.connect(access).await?;
    let refs = server.references(&["refs/heads/", "refs/tags/"]).await?;
    let unreadable = |cause| RemoteError::Unreadable { url: place.url.clone(), cause };
    let boundary = match extent {
        Extent::Branches => Vec::new(),
        Extent::History | Extent::Everything => clone.boundary().map_err(unreadable)?,
    };
    let is_here = |id: ObjectId| clone.with(|repo| repo.try_find_header(to_gix(id)).is_ok_and(|found| found.is_some()));
    let mut ids: Vec<ObjectId> = refs.iter().map(|reference| reference.id).collect();
    ids.retain(|id| !boundary.is_empty() || extent == Extent::Everything || !is_here(*id));
    ids.sort();
    ids.dedup();
    if !ids.is_empty() {
        let have = match extent {
            Extent::Everything => Vec::new(),
            Extent::Branches | Extent::History => tips(clone).map_err(unreadable)?,
        };
        // A version that cannot follow a request with another asks for all that it lacks at once.
        let want = Want { ids, have, boundary: boundary.clone(), have_whole: true, ..Want::default() };
        receive(&place, &mut server, want, clone).await?;
        forget_boundary(clone, &boundary).map_err(|cause| failed(&clone.common_dir().join("shallow"), cause))?;
        access.events.emit(Event::HistoryFetched { repository: place.url.clone(), took: begun.elapsed() });
    }
    let mut found: Vec<Reference> = Vec::new();
    for reference in refs {
        let (kind, name) = match (reference.name.strip_prefix("refs/heads/"), reference.name.strip_prefix("refs/tags/")) {
            (Some(name), _) => (ReferenceKind::OriginBranch, name),
            (None, Some(name)) => (ReferenceKind::Tag, name),
            (None, None) => continue,
        };
        // Tags may lead to trees and blobs, which nothing is built from.
        let Some((commit, time)) = clone.peeled(reference.id) else { continue };
        found.push(Reference { kind, name: name.to_owned(), commit, time });
    }
    Ok(Whole { repository: clone.clone(), references: found })
}

/// The branches and tags of an origin on this machine. What the clone alone has tagged counts too.
fn local(url: &str, path: &Path, clone: &Arc<Repository>) -> Result<Whole, RemoteError> {
    let not_git = |problem: String| RemoteError::NotGit { url: url.to_owned(), problem };
    let opened = gix::open(path).map_err(|_| not_git(format!("`{}` is none", path.display())))?;
    let root = opened.workdir().unwrap_or(opened.git_dir()).to_owned();
    let origin = discover(&root, None).map_err(|error| not_git(error.to_string()))?;
    let repository = Arc::new(origin.in_place_of(clone));
    let unreadable = |cause| RemoteError::Unreadable { url: url.to_owned(), cause };
    let own = references(&repository).map_err(unreadable)?;
    let branches = own.iter().filter(|reference| reference.kind == ReferenceKind::LocalBranch);
    let branches = branches.map(|reference| Reference { kind: ReferenceKind::OriginBranch, ..reference.clone() });
    let tags = own.iter().filter(|reference| reference.kind == ReferenceKind::Tag).cloned();
    let mut found: Vec<Reference> = branches.chain(tags).collect();
    for reference in references(clone).map_err(unreadable)? {
        let is_known = found.iter().any(|known| (known.kind, &known.name) == (reference.kind, &reference.name));
        if reference.kind == ReferenceKind::Tag && !is_known && has_commit(&repository, reference.commit) {
            found.push(reference);
        }
    }
    Ok(Whole { repository, references: found })
}

/// What all references of a clone lead to.
fn tips(clone: &Repository) -> Result<Vec<ObjectId>, crate::project::git::GitError> {
    let mut tips: Vec<ObjectId> = references(clone)?.into_iter().map(|reference| reference.commit).collect();
    tips.extend(crate::project::git::head(clone).map(|head| head.id).ok());
    tips.sort();
    tips.dedup();
    Ok(tips)
}

/// Receives a pack into a clone.
async fn receive(place: &Place, server: &mut Server, want: Want, clone: &Arc<Repository>) -> Result<(), RemoteError> {
    let packs = clone.common_dir().join("objects/pack");
    let incoming = packs.join(format!("tmp_pack_werf{}", std::process::id()));
    tokio::fs::create_dir_all(&packs).await.map_err(|cause| failed(&packs, cause))?;
    let mut file = tokio::fs::File::create(&incoming).await.map_err(|cause| failed(&incoming, cause))?;
    let received = server.fetch(&want, &mut file).await;
    drop(file);
    let (clone, incoming, url) = (clone.clone(), incoming.clone(), place.url.clone());
    blocking(move || {
        let taken = received.and_then(|_| take_in(&clone, &incoming, &packs, &url));
        let _ = std::fs::remove_file(&incoming);
        taken
    })
    .await
}

fn failed(path: &Path, cause: std::io::Error) -> RemoteError {
    RemoteError::Cache { action: "write to the clone", path: path.to_owned(), cause: Arc::new(cause) }
}

/// Takes those of the commits out of a shallow clone's boundary whose parents have come.
fn forget_boundary(clone: &Repository, boundary: &[ObjectId]) -> std::io::Result<()> {
    if boundary.is_empty() {
        return Ok(());
    }
    let left: Vec<String> = clone.with(|repo| {
        let is_here = |id: gix::ObjectId| repo.try_find_header(id).is_ok_and(|found| found.is_some());
        let is_whole = |id: &ObjectId| {
            let commit = repo.find_commit(to_gix(*id)).ok();
            commit.is_some_and(|commit| commit.parent_ids().all(|parent| is_here(parent.detach())))
        };
        boundary.iter().filter(|id| !is_whole(id)).map(|id| format!("{id}\n")).collect()
    });
    let path = clone.common_dir().join("shallow");
    match left.is_empty() {
        true => std::fs::remove_file(&path),
        false => crate::cache_file::write(&path, left.concat().as_bytes()),
    }
}

/// Checks and indexes a pack that came.
fn take_in(clone: &Repository, incoming: &Path, packs: &Path, url: &str) -> Result<(), RemoteError> {
    let unusable = |problem: String| RemoteError::Pack { url: url.to_owned(), problem };
    let file = std::fs::File::open(incoming).map_err(|error| unusable(error.to_string()))?;
    let odb = clone.with(|repo| repo.objects.clone().into_inner());
    let options = gix_pack::bundle::write::Options { thread_limit: Some(2), ..Default::default() };
    let taken = gix_pack::Bundle::write_to_directory(
        &mut std::io::BufReader::with_capacity(1 << 16, file),
        Some(packs),
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
        Some(odb),
        gix::hash::Kind::Sha1,
        options,
    );
    let taken = taken.map_err(|error| unusable(crate::net::Cause::of(&error).0))?;
    if let Some(keep) = taken.keep_path {
        let _ = std::fs::remove_file(keep);
    }
    Ok(())
}
