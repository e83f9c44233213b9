//! The bytes that a checkout has for a blob, in whatever way its attributes say.

use super::convert;
use super::error::{Attempt, Cause, GitError};
use super::lfs::{self, Pointer};
use super::repository::{Repository, blob};
use super::stream;
use crate::file_tree::{Content, Conversion, ObjectId};

/// Reads a blob and converts it; `path` is for messages.
pub(super) fn read(repository: &Repository, id: ObjectId, how: Option<&Conversion>, path: &str) -> Result<Vec<u8>, GitError> {
    if let Some(how) = how {
        check(how, path)?;
    }
    let bytes = repository.blob(id, path)?;
    match how {
        None | Some(Conversion::Program(_)) => Ok(bytes),
        Some(Conversion::Text { ident, eol, encoding }) => {
            convert::text(&bytes, *ident, *eol, encoding.as_deref(), id).map_err(|cause| not_encoded(path, encoding.as_deref(), cause))
        }
        Some(Conversion::Lfs) => match lfs::pointer(&bytes) {
            Some(pointer) => stored(repository, &pointer, path),
            None => Ok(bytes),
        },
    }
}

/// Opens a blob, or long content of Git LFS, without holding what is long; `None` where there is no such way.
pub(super) fn open(repository: &Repository, id: ObjectId, how: Option<&Conversion>, path: &str) -> Result<Option<Content>, GitError> {
    match how {
        None => match repository.packs().find(id) {
            Some(packed) => Ok(packed.content().ok()),
            None => {
                let size = repository.blob_size(id, path)?;
                Ok(if size < stream::LONG { None } else { repository.packs().loose(id, size) })
            }
        },
        // the pointer is short
        Some(Conversion::Lfs) => {
            let pointer =
                lfs::pointer(&repository.blob(id, path)?).filter(|pointer| !pointer.has_extensions && pointer.size >= stream::LONG);
            let stores = repository.with(lfs::stores);
            Ok(pointer.and_then(|pointer| stores.iter().find_map(|store| lfs::open(store, &pointer))))
        }
        Some(_) => Ok(None),
    }
}

/// The length of what [`read`] gives, with as little reading as possible.
pub(super) fn size(repository: &Repository, id: ObjectId, how: Option<&Conversion>, path: &str) -> Result<u64, GitError> {
    match how {
        None => repository.blob_size(id, path),
        Some(Conversion::Lfs) => {
            let blob = repository.blob(id, path)?;
            Ok(lfs::pointer(&blob).map_or(blob.len() as u64, |pointer| pointer.size))
        }
        how => Ok(read(repository, id, how, path)?.len() as u64),
    }
}

/// Whether a conversion can be done at all.
pub(super) fn check(how: &Conversion, path: &str) -> Result<(), GitError> {
    match how {
        Conversion::Text { encoding: Some(encoding), .. } => {
            convert::check_encoding(encoding).map_err(|cause| not_encoded(path, Some(encoding), cause))
        }
        Conversion::Program(filter) => Err(GitError::Filter { path: path.to_owned(), filter: filter.to_string() }),
        Conversion::Text { encoding: None, .. } | Conversion::Lfs => Ok(()),
    }
}

/// What the pointer of a file names whose content Git LFS has not brought; no content is read.
pub(super) fn absent(repository: &Repository, id: ObjectId, path: &str) -> Result<Option<Pointer>, GitError> {
    let pointer = lfs::pointer(&repository.blob(id, path)?).filter(|pointer| pointer.size > 0 && !pointer.has_extensions);
    let Some(pointer) = pointer else { return Ok(None) };
    let is_here = repository.with(lfs::stores).iter().any(|store| pointer.place(store).exists());
    Ok(if is_here { None } else { Some(pointer) })
}

/// Whether bytes are the content that a pointer in the commit names.
pub(super) fn is_stored(repo: &gix::Repository, pointer: ObjectId, bytes: &[u8], path: &str) -> Result<bool, GitError> {
    Ok(lfs::pointer(&blob(repo, pointer, path)?).is_some_and(|pointer| lfs::names(&pointer, bytes)))
}

/// Whether bytes are what a checkout makes of a text in the commit.
pub(super) fn is_converted(repo: &gix::Repository, id: ObjectId, how: &Conversion, bytes: &[u8], path: &str) -> Result<bool, GitError> {
    let Conversion::Text { ident, eol, encoding } = how else { return Ok(false) };
    Ok(convert::text(&blob(repo, id, path)?, *ident, *eol, encoding.as_deref(), id).is_ok_and(|converted| converted == bytes))
}

fn stored(repository: &Repository, pointer: &Pointer, path: &str) -> Result<Vec<u8>, GitError> {
    if pointer.has_extensions {
        return Err(GitError::LfsExtension { path: path.to_owned() });
    }
    let found = lfs::read(&repository.with(lfs::stores), pointer).attempt(format!("read the content of `{path}`, which Git LFS keeps"))?;
    found.ok_or_else(|| GitError::NoLfsContent { paths: vec![path.to_owned()], reason: None })
}

fn not_encoded(path: &str, encoding: Option<&str>, cause: convert::EncodingError) -> GitError {
    GitError::Encoding { path: path.to_owned(), encoding: encoding.unwrap_or_default().to_owned(), cause: Cause::new(cause) }
}
