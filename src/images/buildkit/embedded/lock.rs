//! Advisory locks on whole files, which the kernel releases however a process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

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

    /// Waits for the lock, and tells after some seconds how long it has: `told` says whether to go on
    /// ([`io::ErrorKind::Interrupted`] if not).
    pub fn take_watched(self, hold: Hold, mut told: impl FnMut(Duration) -> bool) -> io::Result<Self> {
        /// Between two looks. The first ones come sooner: most waits are short.
        const PAUSE: Duration = Duration::from_millis(50);
        let began = Instant::now();
        let mut lock = self;
        loop {
            match lock.tried(hold)? {
                (lock, true) => return Ok(lock),
                (busy, false) => lock = busy,
            }
            let waited = began.elapsed();
            if !told(waited) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            std::thread::sleep((waited / 4).clamp(Duration::from_millis(1), PAUSE));
        }
    }

    /// Takes the lock if nobody is in the way.
    pub fn try_take(self, hold: Hold) -> io::Result<Option<Self>> {
        self.tried(hold).map(|(lock, taken)| taken.then_some(lock))
    }

    fn tried(self, hold: Hold) -> io::Result<(Self, bool)> {
        let operation = match hold {
            Hold::Shared => FlockOperation::NonBlockingLockShared,
            Hold::Alone => FlockOperation::NonBlockingLockExclusive,
        };
        match flock(&self.0, operation) {
            Ok(()) => Ok((self, true)),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok((self, false)),
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
    fn a_wait_is_watched_and_can_be_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut held = Some(Lock::open(&path).unwrap().take(Hold::Alone).unwrap());
        let given_up = Lock::open(&path).unwrap().take_watched(Hold::Alone, |waited| waited < Duration::from_millis(30));
        assert_eq!(given_up.unwrap_err().kind(), io::ErrorKind::Interrupted);
        let taken = Lock::open(&path).unwrap().take_watched(Hold::Alone, |_| {
            held.take();
            true
        });
        assert!(taken.is_ok());
    }

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
