//! One layer's archive: deterministic tar, compressed by gzip at level 2: zlib-rs's level 1 has
//! no Huffman tables of its own, which leaves text a quarter larger.
//!
//! Entries are sorted; every directory above a file has a header of its own, since a merged layer without them gives its directories
//! to root with the time of the build. Times are one whole second for all (BuildKit's differ compares contents only where the
//! nanoseconds are 0), ids are numeric, there are no user names. Names and targets are the bytes that Git has, those beyond 100 bytes in
//! GNU's long entries. A change of any of this raises [`FORMAT`].

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::files::Owner;
use crate::file_tree::{Content, Mode, bytes_of_text};

/// The version of the archive's layout and compressor: part of every cache key.
pub const FORMAT: &str = "gzip-2 tar v2 zlib-rs";

/// Every file's modification time: 2001-09-09, within reach of every archive format.
const MTIME: u64 = 1_000_000_000;

/// A directory of the image above or inside a placed tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: Owner,
}

/// Adds the directories that must precede a file at `below` of the directory `root` of the image: those above `root` as every base has
/// them, `root` and below as the mapping wants them. Paths have no slashes around them.
pub fn directories(all: &mut BTreeMap<String, Directory>, root: &str, below: &str, owner: Owner) {
    let path = if root.is_empty() { below.to_owned() } else { format!("{root}/{below}") };
    let path = path.trim_end_matches('/');
    for (at, _) in path.match_indices('/').rev() {
        let directory = &path[..at];
        if all.contains_key(directory) {
            break;
        }
        let inside = directory.len() >= root.len();
        let made =
            if inside { Directory { mode: 0o755, owner } } else { Directory { mode: usual_mode(directory), owner: Owner::default() } };
        all.insert(directory.to_owned(), made);
    }
}

fn usual_mode(directory: &str) -> u32 {
    match directory {
        "tmp" | "var/tmp" => 0o1777,
        "root" => 0o700,
        _ => 0o755,
    }
}

/// Writes one layer's archive.
pub struct Archive<W: Write>(tar::Builder<W>);

impl<W: Write> Archive<W> {
    /// An archive that is not compressed.
    pub fn new(out: W) -> Self {
        Archive(tar::Builder::new(out))
    }

    /// Appends a directory.
    pub fn directory(&mut self, path: &str, directory: Directory) -> io::Result<()> {
        let header = header(EntryType::Directory, directory.mode, directory.owner, 0);
        self.entry(header, &format!("{path}/"), &[], io::empty())
    }

    /// Appends a file as a checkout has it; a symlink's bytes are its target.
    ///
    /// # Errors
    /// Besides those of writing: a name that leads upwards, a target that no link can have, and a submodule, which is no file.
    pub fn file(&mut self, path: &str, mode: Mode, owner: Owner, content: Content) -> io::Result<()> {
        match mode {
            Mode::File | Mode::Executable => {
                let bits = if mode == Mode::Executable { 0o755 } else { 0o644 };
                let header = header(EntryType::Regular, bits, owner, content.size());
                match content {
                    Content::Whole(bytes) => self.entry(header, path, &[], &bytes[..]),
                    Content::Stream(size, bytes) => self.entry(header, path, &[], Exactly { bytes, left: size }),
                }
            }
            Mode::Symlink => {
                let target = content.whole()?;
                if target.is_empty() || target.contains(&0) {
                    return Err(invalid("the link's target is empty or has a zero byte"));
                }
                self.entry(header(EntryType::Symlink, 0o777, owner, 0), path, &target, io::empty())
            }
            Mode::Submodule => Err(invalid("a submodule whose files are not here cannot be put into an archive")),
            Mode::Directory => self.directory(path, Directory { mode: 0o755, owner }),
        }
    }

    fn entry(&mut self, mut header: Header, path: &str, target: &[u8], bytes: impl Read) -> io::Result<()> {
        let path = bytes_of_text(path);
        if path.is_empty() || path.split(|byte| *byte == b'/').any(|name| name == b"..") {
            return Err(invalid("the path is empty or leads upwards"));
        }
        self.name(EntryType::GNULongName, &mut header.as_old_mut().name, &path)?;
        self.name(EntryType::GNULongLink, &mut header.as_old_mut().linkname, target)?;
        header.set_cksum();
        self.0.append(&header, bytes)
    }

    /// Writes a name into its field of the header; one that is longer has an entry of its own before it.
    fn name(&mut self, long: EntryType, field: &mut [u8; 100], name: &[u8]) -> io::Result<()> {
        let short = name.len().min(field.len());
        field[..short].copy_from_slice(&name[..short]);
        if short == name.len() {
            return Ok(());
        }
        let bytes = [name, &[0]].concat();
        let mut header = header(long, 0o644, Owner::default(), bytes.len() as u64);
        header.as_old_mut().name[..LONG.len()].copy_from_slice(LONG);
        header.set_mtime(0);
        header.set_cksum();
        self.0.append(&header, &bytes[..])
    }

    /// Writes the end marker.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner()
    }
}

/// The compressor that [`FORMAT`] names; its header has no name and no time.
pub fn compressor<W: Write>(out: W) -> flate2::write::GzEncoder<W> {
    GzBuilder::new().operating_system(255).write(out, Compression::new(2))
}

/// So many bytes and no others: an archive whose headers lie is no archive.
struct Exactly<R> {
    bytes: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.bytes.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) if read > 0 || left == 0 => {
                self.left = left;
                Ok(read)
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the file is shorter or longer than it was said to be")),
        }
    }
}

/// The name of entries that hold a long name, as GNU tar gives it.
const LONG: &[u8] = b"././@LongLink";

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn header(kind: EntryType, mode: u32, owner: Owner, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner.uid.into());
    header.set_gid(owner.gid.into());
    header.set_mtime(MTIME);
    header.set_size(size);
    header
}
