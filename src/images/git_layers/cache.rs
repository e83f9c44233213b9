//! What is known of layers made before: I/O behind a two-method trait.
//!
//! A record is a function of its key, or (the sizes of blobs) holds facts that are true for ever, so a lost, stale or concurrent
//! write can cost work but never correctness.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::cache_file;

/// A store of small records.
pub trait LayerCache: Send + Sync {
    /// The record, or `None` if there is none or it cannot be read.
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>>;

    /// Keeps a record. A failure is no error: the work is done again next time.
    fn put(&self, key: &[u8; 32], record: &[u8]);
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
pub struct DirectoryCache(PathBuf);

impl DirectoryCache {
    /// Records under this directory, which is made at the first write.
    pub fn new(directory: PathBuf) -> Self {
        DirectoryCache(directory)
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.join(&hex[..2]).join(&hex[2..])
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
