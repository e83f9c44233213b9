//! Archives of charts under what they are: a directory of files named by the SHA-256 of their bytes.
//!
//! A pin says which archive a lock file means by a dependency: with a full cache the network is not needed. A pin is for one lock file,
//! to the byte, so a version that was published anew is seen when the lock is made anew. Losing the cache costs a download, no more.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::cache_file;
use crate::words::hex;

/// The directory.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

/// The name of a dependency of a lock file.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin(String);

impl Pin {
    /// The dependency of this lock file, as it is written.
    pub fn new(lock: &[u8], name: &str, version: &str, repository: &str) -> Pin {
        let mut hash = Sha256::new();
        for part in [lock, name.as_bytes(), version.as_bytes(), repository.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Pin(hex::lower(hash.finalize()))
    }
}

impl Cache {
    /// A cache in this directory, which is made at the first write.
    pub fn new(dir: PathBuf) -> Cache {
        Cache { dir }
    }

    /// The archive with this SHA-256, whole.
    pub fn archive(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.dir.join(format!("{digest}.tgz"))).ok()?;
        // A machine that lost power may have kept the name without the bytes.
        (sha256(&bytes) == digest).then_some(bytes)
    }

    /// The archive that a lock file means.
    pub fn pinned(&self, pin: &Pin) -> Option<Vec<u8>> {
        let digest = fs::read_to_string(self.dir.join("pins").join(&pin.0)).ok()?;
        self.archive(&digest)
    }

    /// Keeps an archive. A failure is no error: the work is done again next time.
    pub fn keep(&self, archive: &[u8]) {
        let _ = cache_file::write(&self.dir.join(format!("{}.tgz", sha256(archive))), archive);
    }

    /// Keeps an archive as what a lock file means.
    pub fn pin(&self, pin: &Pin, archive: &[u8]) {
        self.keep(archive);
        let _ = cache_file::write(&self.dir.join("pins").join(&pin.0), sha256(archive).as_bytes());
    }
}

/// The SHA-256 of some bytes in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::lower(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_lead_to_whole_archives_only() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::new(home.path().join("charts"));
        let pin = Pin::new(b"lock", "web", "1.0.0", "https://x");
        assert_ne!(pin, Pin::new(b"lock", "web1", ".0.0", "https://x"));
        assert_eq!(cache.pinned(&pin), None);
        cache.pin(&pin, b"archive");
        assert_eq!(cache.pinned(&pin).as_deref(), Some(&b"archive"[..]));
        assert_eq!(cache.pinned(&Pin::new(b"lock 2", "web", "1.0.0", "https://x")), None);
        fs::write(cache.dir.join(format!("{}.tgz", sha256(b"archive"))), b"arch").unwrap();
        assert_eq!(cache.pinned(&pin), None);
    }
}
