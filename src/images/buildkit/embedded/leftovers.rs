//! What a daemon that was killed left half-made in its cache.
//!
//! containerd's snapshotter makes a snapshot's directory first and writes its number to `metadata.db` after. A daemon that is killed in
//! between leaves a directory that the database does not know of; the next daemon gives the same number out again, and fails because
//! the directory is there. Such directories are the ones with a number above the last one that was given out.
//!
//! The database is bbolt's (<https://github.com/etcd-io/bbolt>, file format 2); what is read of it is one counter.

use std::fs;
use std::path::{Path, PathBuf};

/// Removes directories of snapshots that the databases below a daemon's root do not know of. Call it while no daemon runs.
///
/// Returns those that cannot be removed. A database that is not there or cannot be read says nothing, and nothing is removed.
pub fn remove(root: &Path) -> Vec<PathBuf> {
    let children = |dir: &Path| fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut kept = Vec::new();
    for snapshots in children(root).map(|worker| worker.join("snapshots")) {
        let Some(last) = fs::read(snapshots.join("metadata.db")).ok().and_then(|database| last_number(&database)) else { continue };
        for dir in children(&snapshots.join("snapshots")) {
            let number: Option<u64> = dir.file_name().and_then(|name| name.to_str()?.parse().ok());
            if number.is_some_and(|number| number > last) && fs::remove_dir_all(&dir).is_err() {
                kept.push(dir);
            }
        }
    }
    kept
}

/// The last number that was given to a snapshot: the sequence of the bucket `v1/snapshots`.
fn last_number(database: &[u8]) -> Option<u64> {
    let size = [0, 4096, 16384, 65536].into_iter().find_map(|at| Meta::read(database.get(at..)?))?.page_size;
    let metas = [0, size].into_iter().filter_map(|at| Meta::read(database.get(at..)?));
    let root = metas.max_by_key(|meta| meta.transaction)?.root;
    let pages = Pages { database, size };
    let version = pages.find(pages.page(root)?, b"v1", 0)?;
    let snapshots = pages.find(pages.bucket(version)?, b"snapshots", 0)?;
    word(snapshots, 8)
}

/// One of the two pages that a transaction ends with.
struct Meta {
    page_size: usize,
    root: u64,
    transaction: u64,
}

impl Meta {
    const MAGIC: u32 = 0xED0C_DAED;
    const VERSION: u32 = 2;
    /// Bytes that the checksum is of.
    const LENGTH: usize = 56;

    /// Reads it if it is whole.
    fn read(page: &[u8]) -> Option<Self> {
        let meta = page.get(HEADER..)?;
        let is_whole =
            half(meta, 0)? == Self::MAGIC && half(meta, 4)? == Self::VERSION && word(meta, Self::LENGTH)? == fnv(meta.get(..Self::LENGTH)?);
        let found = Meta { page_size: half(meta, 8)? as usize, root: word(meta, 16)?, transaction: word(meta, 48)? };
        Some(found).filter(|found| is_whole && found.page_size >= 1024)
    }
}

/// Bytes before a page's elements: number, kind, count of elements, pages that follow.
const HEADER: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// No tree is deeper; a damaged one may lead in circles.
const MAX_DEPTH: usize = 32;

struct Pages<'d> {
    database: &'d [u8],
    size: usize,
}

impl<'d> Pages<'d> {
    fn page(&self, number: u64) -> Option<&'d [u8]> {
        self.database.get(usize::try_from(number).ok()?.checked_mul(self.size)?..)
    }

    /// The first page of a bucket: one of the file, or within the bucket's own value.
    fn bucket(&self, value: &'d [u8]) -> Option<&'d [u8]> {
        match word(value, 0)? {
            0 => value.get(16..),
            root => self.page(root),
        }
    }

    /// The value of a key.
    fn find(&self, page: &'d [u8], key: &[u8], depth: usize) -> Option<&'d [u8]> {
        let count = quarter(page, 10)? as usize;
        let element = |at: usize| page.get(HEADER + at * 16..);
        match quarter(page, 8)? {
            LEAF => (0..count).find_map(|at| {
                let element = element(at)?;
                let (start, key_length, length) = (half(element, 4)? as usize, half(element, 8)? as usize, half(element, 12)? as usize);
                let pair = element.get(start..)?.get(..key_length.checked_add(length)?)?;
                (pair.get(..key_length)? == key).then(|| &pair[key_length..])
            }),
            BRANCH if depth < MAX_DEPTH => {
                let child = |at: usize| {
                    let element = element(at)?;
                    let (start, length) = (half(element, 0)? as usize, half(element, 4)? as usize);
                    Some((element.get(start..)?.get(..length)?, word(element, 8)?))
                };
                let below = (0..count).rev().filter_map(child).find(|(first, _)| *first <= key).or_else(|| child(0))?;
                self.find(self.page(below.1)?, key, depth + 1)
            }
            _ => None,
        }
    }
}

fn quarter(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// FNV-1a with 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_damage_makes_it_panic(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3000), at in 0usize..40) {
            for place in [0, 512] {
                if bytes.len() > place + 80 {
                    bytes[place + 16..place + 24].copy_from_slice(&[0xed, 0xda, 0x0c, 0xed, 2, 0, 0, 0]);
                    bytes[place + 24..place + 28].copy_from_slice(&1024u32.to_le_bytes());
                    bytes[place + 32..place + 40].copy_from_slice(&(at as u64).to_le_bytes());
                    let sum = fnv(&bytes[place + 16..place + 72]);
                    bytes[place + 72..place + 80].copy_from_slice(&sum.to_le_bytes());
                }
            }
            last_number(&bytes);
        }
    }
}
