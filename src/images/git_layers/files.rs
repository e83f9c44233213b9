//! A set of files of one tree and their place in an image.

use std::sync::{Arc, OnceLock};

use super::filter::Filter;
use super::listing::{Listing, Sum};
use crate::file_tree::Entry;
use crate::glob::Globs;

/// The owner of files in an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Files chosen from a list of entries by a filter. Cheap to clone and to narrow: it shares the list.
///
/// A file's path inside the set is its path in the list without the list's own directory; the digest covers these paths, modes and
/// [`Entry::content`], and nothing about where they came from or how they were chosen.
#[derive(Clone)]
pub struct FileSet {
    listing: Arc<Listing>,
    filter: Filter,
    sum: OnceLock<Option<Sum>>,
    chosen: OnceLock<Arc<[u32]>>,
}

impl FileSet {
    /// The files of a listing that a filter chooses.
    pub fn new(listing: Arc<Listing>, filter: Filter) -> Self {
        FileSet { listing, filter, sum: OnceLock::new(), chosen: OnceLock::new() }
    }

    /// All of these entries, sorted by path, each by its path without the first `strip` bytes.
    pub fn of(entries: Arc<[Entry]>, strip: usize) -> Self {
        FileSet::new(Arc::new(Listing::new(entries, strip)), Filter::default())
    }

    /// Which of the caller's trees the files are in.
    pub fn origin(&self) -> usize {
        self.listing.origin()
    }

    /// Whether a file may be among them that [`crate::file_tree::FileTree::check`] refuses.
    pub fn is_doubtful(&self) -> bool {
        self.listing.is_doubtful()
    }

    /// The set without files.
    pub fn empty() -> Self {
        FileSet::of(Arc::new([]), 0)
    }

    /// The files of this set that match patterns.
    pub fn matching(&self, patterns: Globs) -> Self {
        FileSet::new(self.listing.clone(), self.filter.clone().require(patterns))
    }

    /// Paths inside the set with their entries, sorted by path bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Entry)> + Clone + '_ {
        let (entries, strip) = (self.listing.entries(), self.listing.strip());
        self.chosen().iter().map(move |at| {
            let entry = &entries[*at as usize];
            (inside(&entry.path, strip), entry)
        })
    }

    /// The file at this position of [`FileSet::iter`].
    pub fn get(&self, at: usize) -> Option<(&str, &Entry)> {
        let entry = &self.listing.entries()[*self.chosen().get(at)? as usize];
        Some((inside(&entry.path, self.listing.strip()), entry))
    }

    /// The file of this path.
    pub fn file(&self, path: &str) -> Option<&Entry> {
        self.get(self.position(path)).filter(|(found, _)| *found == path).map(|(_, entry)| entry)
    }

    /// Whether the set has files below a directory of this path, which is not empty.
    pub fn has_directory(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.get(self.position(&inside)).is_some_and(|(found, _)| found.starts_with(&inside))
    }

    /// How many files sort before a path.
    fn position(&self, path: &str) -> usize {
        self.chosen().partition_point(|at| inside(&self.listing.entries()[*at as usize].path, self.listing.strip()) < path)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.chosen().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sum().is_none()
    }

    /// BLAKE3 over path, mode and content of each file, directory by directory ([`Listing::sum`]).
    pub fn digest(&self) -> Sum {
        self.sum().unwrap_or_default()
    }

    /// The same; `None` if there is no file.
    pub fn sum(&self) -> Option<Sum> {
        *self.sum.get_or_init(|| self.listing.sum(&self.filter.start()?))
    }

    fn chosen(&self) -> &Arc<[u32]> {
        self.chosen.get_or_init(|| self.filter.start().map(|step| self.listing.choose(&step)).unwrap_or_default().into())
    }
}

fn inside(path: &str, strip: usize) -> &str {
    path.get(strip..).unwrap_or_default()
}

impl std::fmt::Debug for FileSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(path, _)| path)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_tree::{Conversion, Eol, FileTree, MemoryTree, Mode, blob_id};

    impl FileSet {
        fn without(&self, patterns: Globs) -> Self {
            FileSet::new(self.listing.clone(), self.filter.clone().forbid(patterns))
        }
    }

    fn set(files: &[(&str, &str)], strip: usize) -> FileSet {
        FileSet::of(MemoryTree::new(files.iter().copied()).list("").unwrap(), strip)
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
        assert_ne!(base, FileSet::of(tree.list("").unwrap(), 2).digest(), "mode");
    }

    #[test]
    fn what_a_checkout_makes_of_a_blob_is_in_the_digest() {
        let entry = |conversion: Option<Conversion>| {
            let entry = Entry { conversion: conversion.map(Arc::new), ..Entry::new("a", Mode::File, blob_id(b"1")) };
            FileSet::of(Arc::new([entry]), 0).digest()
        };
        let crlf = Conversion::Text { ident: false, eol: Eol::Crlf, encoding: None };
        assert_eq!(entry(None), set(&[("a", "1")], 0).digest());
        assert_ne!(entry(None), entry(Some(crlf)));
    }

    #[test]
    fn how_files_are_chosen_is_not_hashed() {
        let all = set(&[("a.txt", "0"), ("a/b/c", "1"), ("a/b/d", "2"), ("a/e", "3"), ("f", "4")], 0);
        let some = set(&[("a/b/c", "1"), ("f", "4")], 0);
        for chosen in [
            all.matching(Globs::new(&["a/b/c", "f"])),
            all.without(Globs::new(&["a/b/d", "a/e", "*.txt"])),
            all.matching(Globs::new(&["a", "f"])).without(Globs::new(&["**/d", "**/e"])),
            all.without(Globs::new(&["**/d"])).without(Globs::new(&["*/e", "a.txt"])),
        ] {
            assert_eq!(format!("{chosen:?}"), r#"["a/b/c", "f"]"#);
            assert_eq!(chosen.digest(), some.digest());
        }
        let none = all.matching(Globs::new(&["no"]));
        assert!(none.is_empty() && none.iter().next().is_none() && none.digest() == FileSet::empty().digest());
        assert_eq!(all.get(1).unwrap().0, "a/b/c");
        assert!(FileSet::empty().is_empty() && all.get(5).is_none());
    }

    #[test]
    fn a_set_has_its_files_and_the_directories_above_them() {
        let all = set(&[("a/b.c", "0"), ("a/b/c/d", "1"), ("a.b", "2"), ("e", "3")], 0);
        let wanted = ["a", "a.b", "a/b", "a/b.c", "a/b/c", "a/b/c/d", "e", "", "b", "a/b/c/", "a/b/d", "e/f", "a/b."];
        let is_file = |path: &&str| all.file(path).is_some();
        assert_eq!(wanted.iter().copied().filter(is_file).collect::<Vec<_>>(), ["a.b", "a/b.c", "a/b/c/d", "e"]);
        let is_directory = |path: &&str| all.has_directory(path);
        assert_eq!(wanted.iter().copied().filter(is_directory).collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
        assert!(!all.without(Globs::new(&["a/b"])).has_directory("a/b/c") && set(&[("a/x", "1")], 3).file("").is_some());
    }

    #[test]
    fn one_file_may_be_the_whole_set() {
        let one = set(&[("a/x", "1")], 3);
        assert_eq!((format!("{one:?}").as_str(), one.len()), (r#"[""]"#, 1));
        assert_ne!(one.digest(), set(&[("a/x", "1")], 2).digest());
    }

    proptest::proptest! {
        #[test]
        fn a_set_has_what_its_filter_keeps(
            paths in proptest::collection::btree_set("[ab]{1,2}(/[ab.]{1,2}){0,3}", 0..30),
            require in proptest::collection::vec("(\\*\\*/)?[ab*?]{1,2}(/[ab*]{1,2}|/\\*\\*)?", 0..3),
            forbid in proptest::collection::vec("(\\*\\*/)?[ab*]{1,2}(/[ab*]{1,2})?", 0..3),
        ) {
            // A name is a file or a directory.
            let files: Vec<&String> = paths.iter().filter(|path| !paths.iter().any(|other| other.starts_with(&format!("{path}/")))).collect();
            let all = FileSet::of(MemoryTree::new(files.iter().map(|path| (path.as_str(), path.as_str()))).list("").unwrap(), 0);
            let mut filter = Filter::default().forbid(Globs::new(&forbid));
            if !require.is_empty() {
                filter = filter.require(Globs::new(&require));
            }
            let chosen = FileSet::new(all.listing.clone(), filter.clone());
            let expect: Vec<&str> = all.iter().map(|(path, _)| path).filter(|path| filter.keeps(path)).collect();
            proptest::prop_assert_eq!(chosen.iter().map(|(path, _)| path).collect::<Vec<_>>(), expect.clone());
            let made = FileSet::of(MemoryTree::new(expect.iter().map(|path| (*path, *path))).list("").unwrap(), 0);
            proptest::prop_assert_eq!(chosen.digest(), made.digest());
        }
    }
}
