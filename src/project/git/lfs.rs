//! Files that Git LFS keeps: the pointer in the commit, the content in the local store.
//!
//! Pointers are as the specification of Git LFS has them (docs/spec.md there). What is a pointer's file is told by the attribute
//! `filter=lfs`, never by this parser alone.

use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use sha2::{Digest, Sha256};

use super::stream::Verified;
use super::work_tree::on_disk;
use crate::file_tree::{Content, text_of_bytes};
use crate::words::hex;

/// Git LFS takes no longer blob for a pointer.
const LONGEST: usize = 1024;

/// The first line's value, and those of the versions before.
const VERSIONS: [&str; 3] = ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"];

/// What a pointer names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    /// The SHA-256 of the content, 64 hexadecimal digits.
    pub oid: String,
    /// The length of the content in bytes.
    pub size: u64,
    /// Whether programs named in the pointer have to run over the stored content.
    pub has_extensions: bool,
}

impl Pointer {
    /// The place of the content within a store, such as `.git/lfs`.
    pub fn place(&self, store: &Path) -> PathBuf {
        store.join("objects").join(&self.oid[..2]).join(&self.oid[2..4]).join(&self.oid)
    }
}

/// Reads a pointer; `None` for all other blobs, which Git LFS checks out as they are.
pub fn pointer(blob: &[u8]) -> Option<Pointer> {
    if blob.len() >= LONGEST {
        return None;
    }
    let mut lines = std::str::from_utf8(blob).ok()?.trim().lines().map(|line| line.split_once(' '));
    let (key, version) = lines.next()??;
    if key != "version" || !VERSIONS.contains(&version) {
        return None;
    }
    let (mut oid, mut size, mut has_extensions) = (None, None, false);
    for line in lines {
        match line? {
            ("oid", value) => oid = Some(value.strip_prefix("sha256:")?.to_owned()),
            ("size", value) => size = Some(value.parse().ok()?),
            (key, _) if key.starts_with("ext-") => has_extensions = true,
            _ => return None,
        }
    }
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let oid = oid.filter(|oid| oid.len() == 64 && oid.bytes().all(is_digit))?;
    Some(Pointer { oid, size: size?, has_extensions })
}

/// The directories that may have the content of a repository's files: its own store, then those of the repositories whose objects it borrows.
pub(super) fn stores(repo: &gix::Repository) -> Vec<PathBuf> {
    let common = repo.common_dir();
    let configured = repo.config_snapshot().string("lfs.storage").map(|path| common.join(on_disk(&text_of_bytes(&path))));
    let objects = common.join("objects");
    let borrowed = std::fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
    let borrowed = borrowed.lines().filter_map(|line| Some(objects.join(line).parent()?.join("lfs")));
    std::iter::once(configured.unwrap_or_else(|| common.join("lfs"))).chain(borrowed).collect()
}

/// The server that the text of a `.lfsconfig` names.
pub(super) fn named_server(text: &[u8]) -> Option<String> {
    let config = gix::config::File::try_from(text.as_bstr()).ok()?;
    config.string("lfs.url").map(|url| url.to_string()).filter(|url| !url.is_empty())
}

/// The content that a pointer names; `None` if no store has it.
///
/// # Errors
/// What is stored cannot be read, or is not what the pointer names ([`io::ErrorKind::InvalidData`]).
pub(super) fn read(stores: &[PathBuf], pointer: &Pointer) -> io::Result<Option<Vec<u8>>> {
    for store in stores {
        match std::fs::read(pointer.place(store)) {
            Ok(bytes) if names(pointer, &bytes) => return Ok(Some(bytes)),
            Ok(_) => {
                let message = format!("{} is damaged: its content is not what its name says", pointer.place(store).display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    // The empty file needs no store.
    Ok(names(pointer, b"").then(Vec::new))
}

/// Opens the content that a pointer names in one store, if it has something of that length. Whether it is the content shows at its end.
pub(super) fn open(store: &Path, pointer: &Pointer) -> Option<Content> {
    let place = pointer.place(store);
    let file = std::fs::File::open(&place).ok()?;
    if file.metadata().ok()?.len() != pointer.size {
        return None;
    }
    Some(Content::Stream(pointer.size, Box::new(Verified::new(file, &pointer.oid, place))))
}

/// Whether bytes are the content that a pointer names.
pub(super) fn names(pointer: &Pointer, bytes: &[u8]) -> bool {
    pointer.size == bytes.len() as u64 && pointer.oid == hex::lower(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_other_files() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let known = |has_extensions| Some(Pointer { oid: oid.into(), size: 12345, has_extensions });
        let v1 = "version https://git-lfs.github.com/spec/v1";
        let cases = [
            (format!("{v1}\noid sha256:{oid}\nsize 12345\n"), known(false)),
            (format!("{v1}\noid sha256:{oid}\nsize 12345"), known(false)),
            (format!("{v1}\next-0-foo sha256:{oid}\noid sha256:{oid}\nsize 12345\n"), known(true)),
            (format!("version https://hawser.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n"), known(false)),
            (format!("version https://example.org/v9\noid sha256:{oid}\nsize 12345\n"), None),
            (format!("{v1}\noid md5:{oid}\nsize 12345\n"), None),
            (format!("{v1}\noid sha256:{}\nsize 12345\n", oid.to_uppercase()), None),
            (format!("{v1}\noid sha256:{oid}\nsize -1\n"), None),
            (format!("{v1}\noid sha256:{oid}\n"), None),
            (format!("{v1}\nsize 12345\n"), None),
            (format!("{v1}\noid sha256:../../{oid}\nsize 12345\n"), None),
            (format!("oid sha256:{oid}\nsize 12345\n"), None),
            (format!("{v1}\noid sha256:{oid}\nsize 12345\n{}", " ".repeat(1024)), None),
            (String::new(), None),
        ];
        for (text, expect) in cases {
            assert_eq!(pointer(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn content_is_verified() {
        let sandbox = tempfile::tempdir().unwrap();
        let stores = [sandbox.path().join("none"), sandbox.path().to_owned()];
        let wanted =
            Pointer { oid: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".into(), size: 5, has_extensions: false };
        assert_eq!(read(&stores, &wanted).unwrap(), None);
        let at = wanted.place(sandbox.path());
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, "hello").unwrap();
        assert_eq!(read(&stores, &wanted).unwrap().as_deref(), Some(&b"hello"[..]));
        std::fs::write(&at, "hullo").unwrap();
        assert_eq!(read(&stores, &wanted).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
