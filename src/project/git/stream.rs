//! Blobs from the object database without mapping or holding what is long: an object of its own file and one that a pack has whole are read
//! and inflated as they are wanted.
//!
//! A mapped pack counts as memory as far as it was looked at, so that a big context would cost its size. A delta needs its base; that one is
//! left to those who hold both. Formats: gitformat-pack(5), and the loose object, `blob SIZE\0…` within zlib.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::ZlibDecoder;
use gix_pack::data::entry::Header;
use sha2::{Digest, Sha256};

use super::commit::to_gix;
use crate::file_tree::{Content, ObjectId};
use crate::words::hex;

/// Files that are at least so long, in bytes, are read piece by piece.
pub(super) const LONG: u64 = 1 << 20;

/// Bytes that are read from the disk at once, at most.
const PIECE: u64 = 64 << 10;

/// The packs of a repository and of those whose objects it borrows, as they were at the first question.
pub(super) struct Packs {
    databases: Vec<PathBuf>,
    packs: Vec<Pack>,
    /// The pack that was read last: file descriptors are few, and objects that are wanted together mostly lie together.
    last: Mutex<Option<(usize, Arc<File>)>>,
}

struct Pack {
    path: PathBuf,
    index: gix_pack::index::File,
}

/// A blob that a pack has whole.
pub(super) struct Packed {
    /// Its length in bytes.
    pub size: u64,
    bytes: At,
}

impl Packs {
    /// Looks what there is. Where objects are replaced by others, nothing is found here.
    pub fn of(repo: &gix::Repository) -> Self {
        let store = repo.objects.store_ref();
        let mut databases = vec![store.path().to_owned()];
        databases.extend(store.alternate_db_paths().unwrap_or_default());
        if store.replacements().next().is_some() {
            databases.clear();
        }
        let files = databases.iter().filter_map(|database| std::fs::read_dir(database.join("pack")).ok()).flatten().flatten();
        let indexes = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|extension| extension == "idx"));
        let known = |path: PathBuf| {
            let index = gix_pack::index::File::at(&path, gix::hash::Kind::Sha1).ok()?;
            Some(Pack { path: path.with_extension("pack"), index })
        };
        let packs = indexes.filter_map(known).collect();
        Packs { databases, packs, last: Mutex::default() }
    }

    /// The blob, if a pack has it whole. What cannot be read here is told by whoever reads it in another way.
    pub fn find(&self, id: ObjectId) -> Option<Packed> {
        let id = to_gix(id);
        let (at, place) = self.packs.iter().enumerate().find_map(|(at, pack)| Some((at, pack.index.lookup(id)?)))?;
        let offset = self.packs[at].index.pack_offset_at_index(place);
        let file = self.file(at)?;
        let mut bytes = BufReader::with_capacity(32, At { file: file.clone(), offset });
        let entry = gix_pack::data::Entry::from_read(&mut bytes, offset, id.kind().len_in_bytes()).ok()?;
        let is_whole = entry.header == Header::Blob;
        is_whole.then(|| Packed { size: entry.decompressed_size, bytes: At { file, offset: entry.data_offset } })
    }

    fn file(&self, pack: usize) -> Option<Arc<File>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, file)) = &*last
            && *at == pack
        {
            return Some(file.clone());
        }
        let file = Arc::new(File::open(&self.packs[pack].path).ok()?);
        *last = Some((pack, file.clone()));
        Some(file)
    }

    /// The bytes of a blob that is an object of its own file, and of this length.
    pub fn loose(&self, id: ObjectId, size: u64) -> Option<Content> {
        let hex = id.to_string();
        let open = |database: &PathBuf| File::open(database.join(&hex[..2]).join(&hex[2..])).ok();
        let file = self.databases.iter().find_map(open)?;
        let mut bytes = BufReader::new(ZlibDecoder::new(BufReader::with_capacity(piece(size), file)));
        let mut header = Vec::new();
        bytes.by_ref().take(32).read_until(0, &mut header).ok()?;
        (header == format!("blob {size}\0").as_bytes()).then(|| Content::Stream(size, Box::new(bytes)))
    }
}

impl Packed {
    /// The bytes: all of them where they are few.
    pub fn content(self) -> io::Result<Content> {
        let mut bytes = ZlibDecoder::new(BufReader::with_capacity(piece(self.size), self.bytes));
        if self.size >= LONG {
            return Ok(Content::Stream(self.size, Box::new(bytes)));
        }
        let mut whole = Vec::with_capacity(self.size as usize);
        bytes.read_to_end(&mut whole)?;
        match whole.len() as u64 == self.size {
            true => Ok(Content::Whole(whole.into())),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn piece(size: u64) -> usize {
    size.clamp(512, PIECE) as usize
}

/// A file from an offset on.
struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
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
        let found = self.hash.take().map(|hash| hex::lower(hash.finalize()));
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
    use std::path::Path;
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
        std::fs::write(dir.join("short"), "short").unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "-qm", "1"]);
        let id = |name: &str| ObjectId::parse(&git(dir, &["rev-parse", &format!("HEAD:{name}")])).unwrap();
        let whole = |content: Content| content.whole().unwrap();
        let packs = |place: &Path| discover(place, None).unwrap().with(Packs::of);
        let loose = |size: usize| packs(dir).loose(id("a"), size as u64).map(whole);
        assert!(loose(text.len()).unwrap()[..] == text, "loose");
        assert!(loose(text.len() + 1).is_none(), "of another size");
        assert!(packs(dir).find(id("a")).is_none(), "in no pack");
        git(dir, &["repack", "-adfq"]);
        let packed = |place: &Path, name: &str| packs(place).find(id(name)).map(|found| whole(found.content().unwrap()));
        // Git makes one of them the delta of the other
        let (base, text, delta) = match (packed(dir, "a"), packed(dir, "b")) {
            (Some(bytes), None) => ("a", (bytes, text), "b"),
            (None, Some(bytes)) => ("b", (bytes, changed), "a"),
            both => panic!("{} {}", both.0.is_some(), both.1.is_some()),
        };
        assert!(text.0[..] == text.1, "packed");
        assert_eq!(packed(dir, "short").as_deref(), Some(&b"short"[..]));
        let other = sandbox.path().join("other");
        git(dir, &["clone", "-q", "--shared", ".", "other"]);
        assert!(packed(&other, base).unwrap()[..] == text.1, "borrowed");
        git(dir, &["replace", &id(base).to_string(), &id(delta).to_string()]);
        assert!(packed(dir, base).is_none(), "replaced");
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
