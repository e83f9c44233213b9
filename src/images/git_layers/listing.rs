//! A sorted list of files as the tree of directories that it is, with the sums of what filters choose of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::filter::Step;
use crate::file_tree::{Entry, Mode};
use crate::glob::Key;

/// The files below one directory. Whoever chooses from it shares it.
pub struct Listing {
    entries: Arc<[Entry]>,
    /// The directory itself first.
    directories: Vec<Vec<Child>>,
    /// Bytes of every path that are the directory's own, with its slash.
    strip: usize,
    origin: usize,
    is_doubtful: bool,
    sums: Mutex<HashMap<(u32, Key), Option<Sum>>>,
}

/// The content address of a directory, as far as it is chosen.
pub type Sum = [u8; 32];

/// A name in a directory: bytes of the path of the first entry there.
struct Child {
    name: std::ops::Range<usize>,
    /// An entry that has the name in its path.
    entry: u32,
    directory: Option<u32>,
}

impl Listing {
    /// The files of a directory, sorted by path, whose own path is the first `strip` bytes of each.
    pub fn new(entries: Arc<[Entry]>, strip: usize) -> Self {
        let mut directories: Vec<Vec<Child>> = vec![Vec::new()];
        // Where we are: a directory and where the names in it begin.
        let mut way: Vec<(u32, usize)> = vec![(0, strip)];
        let mut before = "";
        for (at, entry) in (0u32..).zip(entries.iter()) {
            let path = entry.path.as_str();
            while way.len() > 1 && way.last().is_some_and(|(_, begin)| path.get(..*begin) != before.get(..*begin)) {
                way.pop();
            }
            let (mut here, mut begin) = way.last().copied().unwrap_or((0, strip));
            while let Some(end) = path.get(begin..).and_then(|rest| rest.find('/')) {
                let inner = directories.len() as u32;
                directories.push(Vec::new());
                directories[here as usize].push(Child { name: begin..begin + end, entry: at, directory: Some(inner) });
                (here, begin) = (inner, begin + end + 1);
                way.push((here, begin));
            }
            directories[here as usize].push(Child { name: begin.min(path.len())..path.len(), entry: at, directory: None });
            before = path;
        }
        let is_doubtful = entries.iter().any(Entry::is_doubtful);
        Listing { entries, directories, strip, origin: 0, is_doubtful, sums: Mutex::default() }
    }

    /// The same listing, of another tree than the first one that the caller knows.
    pub fn of_tree(self, origin: usize) -> Self {
        Listing { origin, ..self }
    }

    /// Whether there is an entry that [`crate::file_tree::FileTree::check`] may refuse.
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Which of the caller's trees the files are in.
    pub fn origin(&self) -> usize {
        self.origin
    }

    /// All entries.
    pub fn entries(&self) -> &Arc<[Entry]> {
        &self.entries
    }

    /// Bytes of every path that are no part of the path inside.
    pub fn strip(&self) -> usize {
        self.strip
    }

    /// The sum of what a filter chooses; `None` if that is nothing.
    ///
    /// A Merkle sum: of each name its bytes, its mode and either the file's content or the sum of the directory. Directories in which nothing is
    /// chosen are not in it. Equal directories under equal filters are summed once.
    pub fn sum(&self, step: &Step) -> Option<Sum> {
        self.sum_of(0, step)
    }

    fn sum_of(&self, directory: u32, step: &Step) -> Option<Sum> {
        let key = (directory, step.key());
        if let Some(known) = self.sums.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return *known;
        }
        let mut buffer = Vec::with_capacity(64 * self.directories[directory as usize].len());
        let mut put = |name: &str, mode: u8, id: &[u8]| {
            buffer.extend_from_slice(&(name.len() as u32).to_le_bytes());
            buffer.extend_from_slice(name.as_bytes());
            buffer.push(mode);
            buffer.extend_from_slice(id);
        };
        for child in &self.directories[directory as usize] {
            let entry = &self.entries[child.entry as usize];
            let name = &entry.path[child.name.clone()];
            match child.directory {
                None if keeps(entry, step, name) => put(name, mode_byte(entry.mode), &entry.content().0),
                None => {}
                Some(inner) => {
                    if let Some(sum) = step.enter(name).and_then(|step| self.sum_of(inner, &step)) {
                        put(name, b'/', &sum);
                    }
                }
            }
        }
        let sum = (!buffer.is_empty()).then(|| blake3::derive_key("werf directory v2", &buffer));
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).insert(key, sum);
        sum
    }

    /// The positions of the entries that a filter chooses, in order.
    pub fn choose(&self, step: &Step) -> Vec<u32> {
        let mut chosen = Vec::new();
        self.choose_in(0, step, &mut chosen);
        chosen
    }

    fn choose_in(&self, directory: u32, step: &Step, chosen: &mut Vec<u32>) {
        for child in &self.directories[directory as usize] {
            let entry = &self.entries[child.entry as usize];
            let name = &entry.path[child.name.clone()];
            match child.directory {
                None if keeps(entry, step, name) => chosen.push(child.entry),
                None => {}
                Some(inner) => {
                    if let Some(step) = step.enter(name) {
                        self.choose_in(inner, &step, chosen);
                    }
                }
            }
        }
    }
}

/// Whether an entry is chosen: of a submodule that is not here, whether anything in it could be.
fn keeps(entry: &Entry, step: &Step, name: &str) -> bool {
    if entry.mode == Mode::Submodule { step.enter(name).is_some() } else { step.keeps(name) }
}

/// A mode's stable code in digests and cache keys.
pub(super) fn mode_byte(mode: Mode) -> u8 {
    match mode {
        Mode::File => b'f',
        Mode::Executable => b'x',
        Mode::Symlink => b'l',
        Mode::Submodule => b's',
        Mode::Directory => b'd',
    }
}
