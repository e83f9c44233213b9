//! The bytes of a made layer: in memory while they are few, else in a nameless file, so that a build needs little memory however long its
//! files are.

use std::io::{self, Write};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::cache::Scratch;
use super::layer::Blob;
use crate::words::hex;

/// Layers that are longer, in bytes, are not kept in memory.
const LONG: usize = 128 << 10;

/// Bytes that are written to the file at once.
const CHUNK: usize = 1 << 20;

/// A layer's bytes.
pub(super) enum Kept {
    Memory(Arc<[u8]>),
    /// Pieces of a file: where each begins and how long it is.
    File(Arc<Scratch>, Vec<(u64, usize)>),
}

impl Kept {
    /// Some bytes from an offset on; fewer at the end.
    pub fn read(&self, offset: u64, size: u64) -> io::Result<Vec<u8>> {
        let whole = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        match self {
            Kept::Memory(bytes) => {
                let start = whole(offset).min(bytes.len());
                Ok(bytes[start..start.saturating_add(whole(size)).min(bytes.len())].to_vec())
            }
            Kept::File(file, pieces) => {
                let (mut bytes, mut before, end) = (Vec::new(), 0, offset.saturating_add(size));
                for (at, length) in pieces {
                    let (from, to) = (offset.max(before), end.min(before + *length as u64));
                    if from < to {
                        let start = bytes.len();
                        bytes.resize(start + whole(to - from), 0);
                        file.read(at + (from - before), &mut bytes[start..])?;
                    }
                    before += *length as u64;
                }
                Ok(bytes)
            }
        }
    }

    /// Bytes of memory that are taken.
    pub fn in_memory(&self) -> usize {
        match self {
            Kept::Memory(bytes) => bytes.len(),
            Kept::File(..) => 0,
        }
    }
}

/// Takes a layer's bytes in.
pub(super) struct Keeper {
    scratch: Option<Arc<Scratch>>,
    hash: Sha256,
    size: u64,
    memory: Vec<u8>,
    pieces: Vec<(u64, usize)>,
}

impl Keeper {
    /// Without a file all bytes stay in memory.
    pub fn new(scratch: Option<Arc<Scratch>>) -> Self {
        Keeper { scratch, hash: Sha256::new(), size: 0, memory: Vec::new(), pieces: Vec::new() }
    }

    /// The bytes, and what they are called.
    pub fn end(mut self) -> io::Result<(Kept, Blob)> {
        let blob = Blob { digest: format!("sha256:{}", hex::lower(self.hash.clone().finalize())), size: self.size };
        if !self.pieces.is_empty() {
            self.spill()?;
        }
        Ok(match self.scratch {
            Some(scratch) if !self.pieces.is_empty() => (Kept::File(scratch, self.pieces), blob),
            _ => (Kept::Memory(self.memory.into()), blob),
        })
    }

    fn spill(&mut self) -> io::Result<()> {
        if let Some(scratch) = self.scratch.as_ref().filter(|_| !self.memory.is_empty()) {
            self.pieces.push((scratch.append(&self.memory)?, self.memory.len()));
            self.memory.clear();
        }
        Ok(())
    }
}

impl Write for Keeper {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.hash.update(buffer);
        self.size += buffer.len() as u64;
        self.memory.extend_from_slice(buffer);
        if self.scratch.is_some() && self.memory.len() > if self.pieces.is_empty() { LONG } else { CHUNK } {
            self.spill()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_wherever_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Arc::new(Scratch::new(dir.path()).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
        let all: Vec<u8> = (0..5_000_000u32).map(|at| (at % 251) as u8).collect();
        for (length, in_memory) in [(0, true), (LONG, true), (LONG + 1, false), (all.len(), false)] {
            let text = &all[..length];
            let make = |scratch: Option<Arc<Scratch>>| {
                let mut keeper = Keeper::new(scratch);
                text.chunks(70_001).for_each(|chunk| keeper.write_all(chunk).unwrap());
                keeper.end().unwrap()
            };
            let ((one, name), (other, same)) = (make(Some(scratch.clone())), make(None));
            assert_eq!(name, same);
            assert_eq!((one.in_memory() == length, other.in_memory()), (in_memory, length), "{length}");
            for (offset, size) in [(0, length), (0, 10), (1_048_570, 20), (length.saturating_sub(5), 10), (length, 1), (7, 3_000_000)] {
                let expect = &text[offset.min(length)..(offset + size).min(length).max(offset.min(length))];
                for kept in [&one, &other] {
                    assert_eq!(kept.read(offset as u64, size as u64).unwrap(), expect, "{length} {offset} {size}");
                }
            }
        }
    }
}
