//! One layer's archive: deterministic tar, compressed by gzip at level 2: zlib-rs's level 1 has
//! no Huffman tables of its own, which leaves text a quarter larger.
//!
//! Entries are sorted; every directory above a file has a header of its own, since a merged layer without them gives its directories
//! to root with the time of the build. Times are one whole second for all (BuildKit's differ compares contents only where the
//! nanoseconds are 0), ids are numeric, there are no user names. A change of any of this raises [`FORMAT`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::files::Owner;
use crate::file_tree::Mode;

/// The version of the archive's layout and compressor: part of every cache key.
pub const FORMAT: &str = "gzip-2 tar v1 zlib-rs";

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
        let mut header = header(EntryType::Directory, directory.mode, directory.owner, 0);
        self.0.append_data(&mut header, format!("{path}/"), io::empty())
    }

    /// Appends a file as Git has it; a symlink's bytes are its target, a submodule is an empty directory.
    pub fn file(&mut self, path: &str, mode: Mode, owner: Owner, bytes: &[u8]) -> io::Result<()> {
        match mode {
            Mode::File | Mode::Executable => {
                let bits = if mode == Mode::Executable { 0o755 } else { 0o644 };
                self.0.append_data(&mut header(EntryType::Regular, bits, owner, bytes.len() as u64), path, bytes)
            }
            Mode::Symlink => {
                let target = String::from_utf8_lossy(bytes);
                self.0.append_link(&mut header(EntryType::Symlink, 0o777, owner, 0), path, &*target)
            }
            Mode::Submodule | Mode::Directory => self.directory(path, Directory { mode: 0o755, owner }),
        }
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
