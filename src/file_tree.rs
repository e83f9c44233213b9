//! The one way by which configuration, templates and charts read files.
//!
//! A tree is one commit (project/git implements it); what may come from elsewhere is decided by giterminism, which wraps a tree.
//! Paths are relative to the project's directory, `/`-separated, without a leading `/` and without `.` or `..` parts. Names in Git are bytes; a
//! path here is the text that [`text_of_bytes`] makes of them, which loses nothing: [`bytes_of_text`] gives the bytes back at the edges (disk, archives).

mod conversion;

use crate::words::hex;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

pub use conversion::{Conversion, Eol};

/// A file's mode as Git keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Regular file, 0644.
    File,
    /// Executable file, 0755.
    Executable,
    /// Symbolic link; the blob is its target.
    Symlink,
    /// A submodule whose files are not here; the id is its commit. Those of which the files are here are directories like any other.
    Submodule,
    /// A directory with nothing in it. No commit has one; what is left of a filtered directory may be. There is no blob.
    Directory,
}

impl Mode {
    /// Whether an entry of this mode has bytes of its own.
    pub fn has_blob(self) -> bool {
        matches!(self, Mode::File | Mode::Executable | Mode::Symlink)
    }
}

/// The id of a Git object: raw SHA-1 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub [u8; 20]);

impl ObjectId {
    /// Reads 40 hexadecimal digits; `None` for any other text.
    pub fn parse(hex: &str) -> Option<Self> {
        let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes: Vec<u8> = hex.as_bytes().as_chunks::<2>().0.iter().map(|pair| byte(pair)).collect::<Option<_>>()?;
        (hex.len() == 40).then_some(bytes)?.try_into().ok().map(ObjectId)
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::lower(self.0))
    }
}

impl std::fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path from the project's directory.
    pub path: String,
    /// Mode.
    pub mode: Mode,
    /// Blob id. Equal ids and conversions mean equal bytes.
    pub id: ObjectId,
    /// What a checkout makes of the blob; `None` for nearly all files, which are as the blob is.
    pub conversion: Option<Arc<Conversion>>,
}

impl Entry {
    /// A file that is as its blob.
    pub fn new(path: impl Into<String>, mode: Mode, id: ObjectId) -> Self {
        Entry { path: path.into(), mode, id, conversion: None }
    }

    /// What stands for the bytes of the file in digests and keys: equal means equal bytes. It is the blob's id where the bytes are the blob's.
    pub fn content(&self) -> ObjectId {
        self.conversion.as_ref().map_or(self.id, |conversion| conversion.id_of(self.id))
    }

    /// Whether [`FileTree::check`] may refuse it.
    pub fn is_doubtful(&self) -> bool {
        self.mode == Mode::Submodule || self.conversion.is_some()
    }
}

/// A file could not be read.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("cannot read `{}` from {origin}", shown(.path))]
pub struct ReadError {
    /// Path asked for.
    pub path: String,
    /// What was read, such as `commit 1a2b3c4`.
    pub origin: String,
    /// Why.
    #[source]
    pub cause: Arc<dyn std::error::Error + Send + Sync + 'static>,
    /// What to do.
    #[help]
    pub help: Option<String>,
}

/// The bytes of a file.
pub enum Content {
    /// All of them.
    Whole(Arc<[u8]>),
    /// How many they are, and where they come from. Reading may fail late: what is damaged shows itself at the end.
    Stream(u64, Box<dyn Read + Send>),
}

impl Content {
    /// How many bytes they are.
    pub fn size(&self) -> u64 {
        match self {
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Stream(size, _) => *size,
        }
    }

    /// All of them.
    pub fn whole(self) -> std::io::Result<Arc<[u8]>> {
        match self {
            Content::Whole(bytes) => Ok(bytes),
            Content::Stream(_, mut reader) => {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

/// A read-only tree of files.
pub trait FileTree: Send + Sync {
    /// The bytes of a file, symlinks inside the tree followed; `None` where there is no such file (or it is a directory).
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError>;

    /// All files below a directory (`""` is the root), sorted by path. Empty where there is no such directory. What cannot be had is in the
    /// list all the same: see [`FileTree::check`].
    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError>;

    /// What the list of a directory depends on, told without it. Where it is equal, lists have the same paths below their directories, with the
    /// same modes and bytes, as far as the submodules in them are here. `None` where that cannot be told, or there is no such directory.
    fn identity(&self, dir: &str) -> Result<Option<[u8; 32]>, ReadError> {
        let _ = dir;
        Ok(None)
    }

    /// One file of [`FileTree::list`], by its path.
    fn entry(&self, path: &str) -> Result<Option<Entry>, ReadError> {
        let list = self.list(path.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        Ok(list.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|at| list[at].clone()))
    }

    /// The bytes of an entry as a checkout has them: of a symlink, its own target; nothing is followed.
    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError>;

    /// The same for a file that may be long: bytes that need not be held together are read one after the other.
    fn content(&self, entry: &Entry) -> Result<Content, ReadError> {
        self.blob(entry).map(Content::Whole)
    }

    /// Whether the bytes of an entry can be had as far as that can be told without them: an error for a submodule that is not here, and for a
    /// file that only a program could make. Whoever puts entries to use asks for each that [`Entry::is_doubtful`].
    fn check(&self, entry: &Entry) -> Result<(), ReadError> {
        let _ = entry;
        Ok(())
    }

    /// Tells that the bytes of entries, and the files of submodules among them, are about to be wanted: a tree that lacks some brings
    /// them together, where reading brings them one by one. Whether lists have other entries now, as those of a submodule that came,
    /// and are to be asked for again.
    ///
    /// # Errors
    /// What is wanted is neither here nor to be had; the error names all of it.
    fn fetch(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        let _ = entries;
        Ok(false)
    }

    /// [`FileTree::blob_size`] of several entries, for which what a tree lacks comes together.
    fn blob_sizes(&self, entries: &[&Entry]) -> Result<Vec<u64>, ReadError> {
        entries.iter().map(|entry| self.blob_size(entry)).collect()
    }

    /// The length of [`FileTree::blob`], from the object's header where that is cheaper than its bytes.
    fn blob_size(&self, entry: &Entry) -> Result<u64, ReadError> {
        Ok(self.blob(entry)?.len() as u64)
    }
}

/// A tree in memory, for tests and for files made on the fly. Ids are SHA-1 of Git's blob form, as in a repository.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree(BTreeMap<String, (Mode, Arc<[u8]>)>);

impl MemoryTree {
    /// Builds a tree from paths and texts.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        MemoryTree(files.into_iter().map(|(path, text)| (path.to_owned(), (Mode::File, Arc::from(text.as_bytes())))).collect())
    }

    /// Adds or replaces one file.
    pub fn insert(&mut self, path: impl Into<String>, mode: Mode, bytes: impl Into<Arc<[u8]>>) {
        self.0.insert(path.into(), (mode, bytes.into()));
    }
}

impl FileTree for MemoryTree {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        Ok(self.0.get(path).map(|(_, bytes)| bytes.clone()))
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        let inside = |path: &str| dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
        let entry = |(path, (mode, bytes)): (&String, &(Mode, Arc<[u8]>))| Entry::new(path, *mode, blob_id(bytes));
        Ok(self.0.iter().filter(|(path, _)| inside(path)).map(entry).collect())
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        self.0.get(&entry.path).map(|(_, bytes)| bytes.clone()).ok_or_else(|| ReadError {
            path: entry.path.clone(),
            origin: "files in memory".into(),
            cause: Arc::new(std::io::Error::from(std::io::ErrorKind::NotFound)),
            help: None,
        })
    }
}

/// The id that Git gives to a file's bytes.
pub fn blob_id(bytes: &[u8]) -> ObjectId {
    use sha1::Digest;
    let mut hasher = sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    ObjectId(hasher.finalize().into())
}

/// The first of 128 private characters, U+10FF80 to U+10FFFF, that stand for the bytes 0x80 to 0xFF where these are no UTF-8.
const ESCAPES: u32 = 0x10_FF00;

/// The first byte of all these characters. Hardly any other text has it.
const ESCAPES_BEGIN: u8 = 0xF4;

/// Bytes as text that loses nothing: what is UTF-8 stays as it is, every other byte becomes a character of its own at the end of Unicode's
/// private use (those characters themselves are taken for such bytes too). Different bytes give different texts, as in Python's PEP 383.
pub fn text_of_bytes(bytes: &[u8]) -> Cow<'_, str> {
    let is_escape = |c: char| (ESCAPES + 0x80..=ESCAPES + 0xFF).contains(&u32::from(c));
    if let Ok(text) = std::str::from_utf8(bytes)
        && !(bytes.contains(&ESCAPES_BEGIN) && text.contains(is_escape))
    {
        return Cow::Borrowed(text);
    }
    let escape = |byte: u8| char::from_u32(ESCAPES + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_escape(c) {
                true => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(escape)),
                false => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(escape));
    }
    Cow::Owned(text)
}

/// The bytes that [`text_of_bytes`] made a text of.
pub fn bytes_of_text(text: &str) -> Cow<'_, [u8]> {
    let byte = |c: char| u32::from(c).checked_sub(ESCAPES).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| *byte >= 0x80);
    if !text.as_bytes().contains(&ESCAPES_BEGIN) || !text.contains(|c| byte(c).is_some()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// A path for messages: bytes that are no UTF-8 are written as `\xff`, control characters as `\n` or `\u{1b}`.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for chunk in bytes_of_text(text).utf8_chunks() {
        match chunk.valid().contains(char::is_control) {
            true => chunk.valid().chars().for_each(|c| match c.is_control() {
                true => shown.extend(c.escape_default()),
                false => shown.push(c),
            }),
            false => shown.push_str(chunk.valid()),
        }
        chunk.invalid().iter().for_each(|byte| shown += &format!("\\x{byte:02x}"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn bytes_survive_as_text(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            let text = text_of_bytes(&bytes).into_owned();
            proptest::prop_assert_eq!(bytes_of_text(&text).into_owned(), bytes);
        }

        #[test]
        fn texts_of_unicode_survive(text in "\\PC{0,10}[\u{10FF00}-\u{10FFFF}a/]{0,6}") {
            let escaped = text_of_bytes(text.as_bytes()).into_owned();
            proptest::prop_assert_eq!(bytes_of_text(&escaped).into_owned(), text.into_bytes());
        }
    }

    #[test]
    fn ids_are_forty_digits() {
        let id = blob_id(b"");
        assert_eq!(id.to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        for (text, expect) in [(id.to_string(), Some(id)), (id.to_string().to_uppercase(), Some(id))] {
            assert_eq!(ObjectId::parse(&text), expect, "{text}");
        }
        for wrong in [
            "",
            "e6",
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c539",
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c53911",
            "+69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
            "é69de29bb2d1d6434b8b29ae775ad8c2e48c539",
        ] {
            assert_eq!(ObjectId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn content_is_told_apart_by_blob_and_conversion() {
        let text = |ident, eol, encoding: Option<&str>| Conversion::Text { ident, eol, encoding: encoding.map(Arc::from) };
        let conversions = [
            None,
            Some(text(true, Eol::AsIs, None)),
            Some(text(false, Eol::Crlf, None)),
            Some(text(false, Eol::AutoCrlf, None)),
            Some(text(false, Eol::AsIs, Some("UTF-16"))),
            Some(Conversion::Lfs),
            Some(Conversion::Program("lfs".into())),
        ];
        let content = |blob: &[u8], conversion: &Option<Conversion>| {
            Entry { conversion: conversion.clone().map(Arc::new), ..Entry::new("a", Mode::File, blob_id(blob)) }.content()
        };
        let all: std::collections::BTreeSet<ObjectId> =
            conversions.iter().flat_map(|conversion| [content(b"1", conversion), content(b"2", conversion)]).collect();
        assert_eq!(all.len(), 2 * conversions.len());
        assert_eq!(content(b"1", &None), blob_id(b"1"));
    }

    #[test]
    fn utf_8_stays_as_it_is() {
        for text in ["", "a/b", "naïve/ä", "日本", "\u{10FF7F}"] {
            assert_eq!(text_of_bytes(text.as_bytes()), text);
        }
        assert_eq!(text_of_bytes(b"na\xefve"), "na\u{10FFEF}ve");
        assert_eq!(shown("na\u{10FFEF}ve/ä"), "na\\xefve/ä");
        assert_eq!(shown("a\u{1b}[2J\nb"), "a\\u{1b}[2J\\nb");
    }
}
