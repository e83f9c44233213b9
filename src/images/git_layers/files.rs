//! A set of files of one tree and their place in an image.

use std::sync::{Arc, OnceLock};

use crate::file_tree::{Entry, Mode};

/// The owner of files in an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Files chosen from a sorted list of entries. Cheap to clone and to subtract from: it shares the list.
///
/// A file's path inside the set is its path in the tree without [`FileSet::strip`]; the digest covers these paths, modes and blob
/// ids, and nothing about where they came from.
#[derive(Clone)]
pub struct FileSet {
    tree: Arc<[Entry]>,
    chosen: Arc<[u32]>,
    strip: usize,
    digest: OnceLock<[u8; 32]>,
}

impl FileSet {
    /// Chooses entries of a sorted list, each by its path without the first `strip` bytes.
    pub fn choose(tree: Arc<[Entry]>, strip: usize, mut keep: impl FnMut(&str) -> bool) -> Self {
        let inside = |entry: &Entry| entry.path.len() >= strip && entry.path.is_char_boundary(strip);
        let chosen = (0u32..).zip(tree.iter()).filter(|(_, entry)| inside(entry) && keep(&entry.path[strip..])).map(|(at, _)| at).collect();
        Self::from_chosen(tree, chosen, strip)
    }

    /// The set without files.
    pub fn empty() -> Self {
        Self::from_chosen(Arc::new([]), Vec::new(), 0)
    }

    /// The files for which `keep` holds, by path inside the set.
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let chosen = self.chosen.iter().copied().filter(|at| keep(&self.tree[*at as usize].path[self.strip..])).collect();
        Self::from_chosen(self.tree.clone(), chosen, self.strip)
    }

    /// The files of this set that are not in `other`, a set over the same list of entries.
    pub fn without(&self, other: &FileSet) -> Self {
        let mut others = other.chosen.iter().copied().peekable();
        let chosen = self.chosen.iter().copied().filter(|at| {
            while others.next_if(|other| other < at).is_some() {}
            others.peek() != Some(at)
        });
        Self::from_chosen(self.tree.clone(), chosen.collect(), self.strip)
    }

    /// The files of this set and of `other`, a set over the same list of entries.
    pub fn union(&self, other: &FileSet) -> Self {
        let mut chosen: Vec<u32> = self.chosen.iter().chain(other.chosen.iter()).copied().collect();
        chosen.sort_unstable();
        chosen.dedup();
        Self::from_chosen(self.tree.clone(), chosen, self.strip)
    }

    /// Paths inside the set with their entries, sorted by path bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Entry)> + Clone + '_ {
        self.chosen.iter().map(|at| {
            let entry = &self.tree[*at as usize];
            (&entry.path[self.strip..], entry)
        })
    }

    /// The file at this position of [`FileSet::iter`].
    pub fn get(&self, at: usize) -> Option<(&str, &Entry)> {
        let entry = &self.tree[*self.chosen.get(at)? as usize];
        Some((&entry.path[self.strip..], entry))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// BLAKE3 over path, mode and blob id of each file. Computed when it is first asked for.
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut hasher = blake3::Hasher::new_derive_key("werf file set v1");
            let mut buffer = Vec::with_capacity(1 << 16);
            for (path, Entry { mode, id, .. }) in self.iter() {
                buffer.extend_from_slice(&(path.len() as u32).to_le_bytes());
                buffer.extend_from_slice(path.as_bytes());
                buffer.push(mode_byte(*mode));
                buffer.extend_from_slice(&id.0);
                if buffer.len() > (1 << 16) - 4096 {
                    hasher.update(&buffer);
                    buffer.clear();
                }
            }
            hasher.update(&buffer);
            *hasher.finalize().as_bytes()
        })
    }

    fn from_chosen(tree: Arc<[Entry]>, chosen: Vec<u32>, strip: usize) -> Self {
        FileSet { tree, chosen: chosen.into(), strip, digest: OnceLock::new() }
    }
}

impl PartialEq for FileSet {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl std::fmt::Debug for FileSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(path, _)| path)).finish()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_tree::{FileTree, MemoryTree};

    fn set(files: &[(&str, &str)], strip: usize) -> FileSet {
        FileSet::choose(MemoryTree::new(files.iter().copied()).list("").unwrap(), strip, |_| true)
    }

    #[test]
    fn digest_is_of_path_mode_and_blob_only() {
        let base = set(&[("a/x", "1"), ("a/y", "2")], 2).digest();
        assert_eq!(base, set(&[("b/x", "1"), ("b/y", "2")], 2).digest(), "where it was is not hashed");
        assert_ne!(base, set(&[("a/x", "1"), ("a/z", "2")], 2).digest(), "renamed");
        assert_ne!(base, set(&[("a/x", "1"), ("a/y", "3")], 2).digest(), "changed");
        assert_ne!(base, set(&[("a/x", "1")], 2).digest(), "removed");
        let mut tree = MemoryTree::new([("a/x", "1")]);
        tree.insert("a/y", Mode::Executable, *b"2");
        assert_ne!(base, FileSet::choose(tree.list("").unwrap(), 2, |_| true).digest(), "mode");
    }

    #[test]
    fn set_operations() {
        let all = set(&[("a", "1"), ("b", "2"), ("c", "3")], 0);
        let some = all.filter(|path| path != "b");
        assert_eq!(format!("{some:?} {:?}", all.without(&some)), r#"["a", "c"] ["b"]"#);
        assert_eq!(some.union(&all.without(&some)).digest(), all.digest());
        assert!(FileSet::empty().is_empty() && all.get(1).unwrap().0 == "b" && all.get(3).is_none());
    }
}
