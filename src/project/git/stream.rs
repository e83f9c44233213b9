//! Blobs that are too long to be held: read from the object database one piece after the other.
//!
//! An object of its own file and one that a pack has whole are inflated as they are read. A delta needs its base, so that one is left to those
//! who hold it. Formats: gitformat-pack(5), and the loose object, `blob SIZE\0…` within zlib.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;
use gix_pack::data::entry::Header;
use sha2::{Digest, Sha256};

use super::commit::to_gix;
use crate::file_tree::ObjectId;

/// Blobs that are at least so long, in bytes, are worth a look for a way to read them piece by piece.
pub(super) const LONG: u64 = 4 << 20;

/// Bytes that are read from the disk at once.
const PIECE: usize = 64 << 10;

/// The bytes of a blob of a known size; `None` where it cannot be had without holding it.
pub(super) fn open(repo: &gix::Repository, id: ObjectId, size: u64) -> Option<Box<dyn Read + Send>> {
    let id = to_gix(id);
    let store = repo.objects.store_ref();
    if store.replacements().any(|(replaced, _)| replaced == id) {
        return None;
    }
    let databases = std::iter::once(store.path().to_owned()).chain(store.alternate_db_paths().ok()?);
    // what cannot be read here is told by whoever reads it as a whole
    databases.into_iter().find_map(|database| loose(&database, id, size).or_else(|| packed(&database, id, size)))
}

fn loose(database: &Path, id: gix::ObjectId, size: u64) -> Option<Box<dyn Read + Send>> {
    let hex = id.to_string();
    let file = File::open(database.join(&hex[..2]).join(&hex[2..])).ok()?;
    let mut bytes = BufReader::new(ZlibDecoder::new(BufReader::with_capacity(PIECE, file)));
    let mut header = Vec::new();
    bytes.by_ref().take(32).read_until(0, &mut header).ok()?;
    (header == format!("blob {size}\0").as_bytes()).then(|| Box::new(bytes) as _)
}

fn packed(database: &Path, id: gix::ObjectId, size: u64) -> Option<Box<dyn Read + Send>> {
    let names = std::fs::read_dir(database.join("pack")).ok()?.flatten().map(|entry| entry.path());
    let indexes = names.filter(|path| path.extension().is_some_and(|extension| extension == "idx"));
    indexes.into_iter().find_map(|index| within(&index, id, size))
}

/// The blob in the pack of an index.
fn within(index: &PathBuf, id: gix::ObjectId, size: u64) -> Option<Box<dyn Read + Send>> {
    let known = gix_pack::index::File::at(index, id.kind()).ok()?;
    let at = known.pack_offset_at_index(known.lookup(id)?);
    let mut pack = BufReader::with_capacity(PIECE, File::open(index.with_extension("pack")).ok()?);
    pack.seek(SeekFrom::Start(at)).ok()?;
    let entry = gix_pack::data::Entry::from_read(&mut pack, at, id.kind().len_in_bytes()).ok()?;
    (entry.header == Header::Blob && entry.decompressed_size == size).then(|| Box::new(ZlibDecoder::new(pack)) as _)
}

/// Bytes that must have a SHA-256: reading fails at their end if they have another.
pub(super) struct Verified<R> {
    bytes: R,
    /// `None` after the end.
    hash: Option<Sha256>,
    wanted: String,
    place: PathBuf,
}

impl<R: Read> Verified<R> {
    /// `wanted` is the digest in hex; `place` is where the bytes are, for the error.
    pub fn new(bytes: R, wanted: &str, place: PathBuf) -> Self {
        Verified { bytes, hash: Some(Sha256::new()), wanted: wanted.to_owned(), place }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            if let Some(hash) = &mut self.hash {
                hash.update(&buffer[..read]);
            }
            return Ok(read);
        }
        let found = self.hash.take().map(|hash| hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        match found {
            Some(found) if found != self.wanted => {
                let message = format!("{} is damaged: its content is not what its name says", self.place.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::git::repository::discover;
    use std::process::Command;

    /// Runs Git in a directory; what it prints.
    fn git(dir: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(dir).args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.bigFileThreshold=1g"]).args(args);
        let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn blobs_are_read_wherever_they_are() {
        let sandbox = tempfile::tempdir().unwrap();
        let dir = sandbox.path();
        git(dir, &["init", "-q"]);
        let text: Vec<u8> = (0..600_000u32).flat_map(|at| (at.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        let changed = [&text[..text.len() - 100], b"x"].concat();
        std::fs::write(dir.join("a"), &text).unwrap();
        std::fs::write(dir.join("b"), &changed).unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "-qm", "1"]);
        let id = |name: &str| ObjectId::parse(&git(dir, &["rev-parse", &format!("HEAD:{name}")])).unwrap();
        let read = |place: &Path, name: &str, size: usize| {
            let repository = discover(place, None).unwrap();
            let mut bytes = Vec::new();
            repository.with(|repo| open(repo, id(name), size as u64)).map(|mut reader| {
                reader.read_to_end(&mut bytes).unwrap();
                bytes
            })
        };
        assert!(read(dir, "a", text.len()).unwrap() == text, "loose");
        assert!(read(dir, "a", text.len() + 1).is_none(), "of another size");
        git(dir, &["repack", "-adfq"]);
        // Git makes one of them the delta of the other
        let is_base = |name: &str, text: &[u8]| read(dir, name, text.len()).map(|bytes| assert!(bytes == text, "packed")).is_some();
        let (base, text, delta) = match (is_base("a", &text), is_base("b", &changed)) {
            (true, false) => ("a", text, "b"),
            (false, true) => ("b", changed, "a"),
            both => panic!("{both:?}"),
        };
        let other = sandbox.path().join("other");
        git(dir, &["clone", "-q", "--shared", ".", "other"]);
        assert!(read(&other, base, text.len()).unwrap() == text, "borrowed");
        git(dir, &["replace", &id(base).to_string(), &id(delta).to_string()]);
        assert!(read(dir, base, text.len()).is_none(), "replaced");
    }

    #[test]
    fn what_is_damaged_shows_at_the_end() {
        let wanted = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let read = |bytes: &'static str| {
            let mut text = String::new();
            Verified::new(bytes.as_bytes(), wanted, "/store/2c".into()).read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read("hello").unwrap(), "hello");
        assert_eq!(read("hullo").unwrap_err().to_string(), "/store/2c is damaged: its content is not what its name says");
    }
}
