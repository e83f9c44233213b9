//! What is known of layers made before: I/O behind a two-method trait.
//!
//! A record is a function of its key, or (the sizes of blobs) holds facts that are true for ever, so a lost, stale or concurrent
//! write can cost work but never correctness.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::cache_file;
use crate::words::hex;

/// A store of small records.
pub trait LayerCache: Send + Sync {
    /// The record, or `None` if there is none or it cannot be read.
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>>;

    /// Keeps a record. A failure is no error: the work is done again next time.
    fn put(&self, key: &[u8; 32], record: &[u8]);

    /// Where layers are that are too long for memory; `None` where there is no such place.
    fn scratch(&self) -> Option<Arc<Scratch>> {
        None
    }
}

/// A file without a name: it is gone when the process is, however that ends. Written and read by several threads at once.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    end: AtomicU64,
    directory: PathBuf,
}

impl Scratch {
    /// A file in a directory, which is made where it is missing.
    pub fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(format!(".scratch-{}", uuid::Uuid::new_v4().simple()));
        let file = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&path)?;
        fs::remove_file(&path)?;
        Ok(Scratch { file, end: AtomicU64::new(0), directory: directory.to_owned() })
    }

    /// Keeps bytes; gives where they begin.
    pub fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let named = |error: io::Error| {
            let what = format!("cannot keep the layer in a file in {}: {error}", self.directory.display());
            io::Error::new(error.kind(), what)
        };
        self.file.write_all_at(bytes, at).map_err(named).map(|()| at)
    }

    /// Reads bytes that were kept.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }
}

/// Records that live as long as the process.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<HashMap<[u8; 32], Vec<u8>>>);

impl LayerCache for MemoryCache {
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(key).cloned()
    }

    fn put(&self, key: &[u8; 32], record: &[u8]) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(*key, record.to_vec());
    }
}

/// Records in a directory, one file each.
#[derive(Clone, Debug)]
pub struct DirectoryCache {
    directory: PathBuf,
    scratch: Arc<OnceLock<Option<Arc<Scratch>>>>,
}

impl DirectoryCache {
    /// Records under this directory, which is made at the first write.
    pub fn new(directory: PathBuf) -> Self {
        DirectoryCache { directory, scratch: Arc::default() }
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        let hex = hex::lower(key);
        self.directory.join(&hex[..2]).join(&hex[2..])
    }
}

impl LayerCache for DirectoryCache {
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(key)).ok()?;
        // A machine that lost power may have kept the name without the bytes.
        let (sum, record) = bytes.split_at_checked(32)?;
        (blake3::hash(record).as_bytes()[..] == *sum).then(|| record.to_vec())
    }

    fn put(&self, key: &[u8; 32], record: &[u8]) {
        let _ = cache_file::write(&self.path(key), &[&blake3::hash(record).as_bytes()[..], record].concat());
    }

    fn scratch(&self) -> Option<Arc<Scratch>> {
        // a directory that cannot be written leaves memory
        self.scratch.get_or_init(|| Scratch::new(&self.directory).ok().map(Arc::new)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_keeps_and_checks() {
        let home = tempfile::tempdir().unwrap();
        let cache = DirectoryCache::new(home.path().join("layers"));
        let key = [7; 32];
        assert_eq!(cache.get(&key), None);
        cache.put(&key, b"record");
        assert_eq!(cache.get(&key).as_deref(), Some(&b"record"[..]));
        fs::write(cache.path(&key), b"torn").unwrap();
        assert_eq!(cache.get(&key), None);
        cache.put(&key, b"");
        assert_eq!(cache.get(&key).as_deref(), Some(&b""[..]));
    }
}
