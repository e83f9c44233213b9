//! A file of Git LFS on its way into a store: there whole and as its pointer names it, or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::address::shown;
use super::error::RemoteError;
use crate::project::git::Pointer;
use crate::words::hex;

/// A file that is coming. What is written goes away with the value unless it has been ended.
pub(super) struct Arrival<'a> {
    object: &'a Pointer,
    place: PathBuf,
    temporary: PathBuf,
    file: File,
    hasher: Sha256,
    size: u64,
}

impl<'a> Arrival<'a> {
    /// An empty file in the directory in which Git LFS has its own.
    pub fn begin(object: &'a Pointer, store: &Path) -> Result<Self, RemoteError> {
        let place = object.place(store);
        let temporary = store.join("tmp").join(format!("{}-{}", object.oid, uuid::Uuid::new_v4()));
        let opened = fs::create_dir_all(store.join("tmp")).and_then(|()| File::create(&temporary));
        let file = opened.map_err(|cause| unwritable(&temporary, cause))?;
        Ok(Arrival { object, place, temporary, file, hasher: Sha256::new(), size: 0 })
    }

    /// Whether more came than the pointer names.
    pub fn is_too_long(&self) -> bool {
        self.size > self.object.size
    }

    /// Puts what came in its place, if it is what the pointer names. `url` is where it came from.
    pub fn end(mut self, url: &str) -> Result<(), RemoteError> {
        if self.size < self.object.size {
            let problem = format!("{} of {} bytes came of the file {}", self.size, self.object.size, self.object.oid);
            return Err(RemoteError::Broken { url: shown(url), problem });
        }
        let sum = hex::lower(self.hasher.finalize_reset());
        if self.is_too_long() || sum != self.object.oid {
            let problem = format!("the file {} of Git LFS is another than its pointer names", self.object.oid);
            return Err(RemoteError::Pack { url: shown(url), problem });
        }
        let directory = self.place.parent().unwrap_or(Path::new("."));
        let moved = fs::create_dir_all(directory).and_then(|()| fs::rename(&self.temporary, &self.place));
        moved.map_err(|cause| self.unwritable(cause))
    }

    /// The error of a file that cannot be written.
    pub fn unwritable(&self, cause: io::Error) -> RemoteError {
        unwritable(&self.place, cause)
    }
}

impl Write for Arrival<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        // Gone already where it was moved.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn unwritable(path: &Path, cause: io::Error) -> RemoteError {
    RemoteError::Cache { action: "write", path: path.to_owned(), cause: Arc::new(cause) }
}
