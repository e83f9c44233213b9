//! Advisory locks on whole files, which the kernel releases however a process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How a lock is held.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    /// Together with others.
    Shared,
    /// By one.
    Alone,
}

/// A lock, held until it is dropped by all processes that inherited it.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    pub fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map(Lock)
    }

    /// Waits for the lock.
    pub fn take(self, hold: Hold) -> io::Result<Self> {
        let operation = match hold {
            Hold::Shared => FlockOperation::LockShared,
            Hold::Alone => FlockOperation::LockExclusive,
        };
        loop {
            match flock(&self.0, operation) {
                Err(Errno::INTR) => {}
                result => return result.map(|()| self).map_err(Into::into),
            }
        }
    }

    /// Takes the lock if nobody is in the way.
    pub fn try_take(self, hold: Hold) -> io::Result<Option<Self>> {
        let operation = match hold {
            Hold::Shared => FlockOperation::NonBlockingLockShared,
            Hold::Alone => FlockOperation::NonBlockingLockExclusive,
        };
        match flock(&self.0, operation) {
            Ok(()) => Ok(Some(self)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The file, to hand the lock on to a child.
    pub fn into_file(self) -> File {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_a_lone_holder_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let open = || Lock::open(&path).unwrap();
        let one = open().take(Hold::Shared).unwrap();
        let two = open().try_take(Hold::Shared).unwrap();
        assert!(two.is_some());
        assert!(open().try_take(Hold::Alone).unwrap().is_none());
        drop((one, two));
        let alone = open().try_take(Hold::Alone).unwrap();
        assert!(alone.is_some());
        assert!(open().try_take(Hold::Shared).unwrap().is_none());
    }
}
