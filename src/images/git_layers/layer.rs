//! Layers of a file set: what they are called, and their bytes when somebody asks.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};

use super::cache::{LayerCache, Scratch};
use super::cut::{Piece, cut};
use super::files::{FileSet, Owner};
use super::kept::{Keeper, Kept};
use super::listing::mode_byte;
use super::tar::{Archive, Directory, FORMAT, compressor, directories};
use crate::file_tree::{Content, Entry, FileTree, Mode, ReadError, shown};
use crate::words::hex;

/// A layer could not be made.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
pub enum LayerError {
    /// A blob cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
    /// The archive format refuses a file.
    #[error("cannot put `{}` into a layer", shown(.path))]
    #[diagnostic(help("rename the file, or leave it out by `excludePaths` or the ignore file"))]
    Archive {
        /// Path in the image.
        path: String,
        /// Why.
        #[source]
        cause: Arc<io::Error>,
    },
}

/// Files, their place and owner: what layers are made of.
#[derive(Clone, Debug)]
pub struct Placement {
    /// The files.
    pub files: Arc<FileSet>,
    /// Where the root of the set goes: absolute path in the image, `/` for the whole. For a set of one file with an empty path, the
    /// file's own path. No link is on the way.
    pub to: String,
    /// Owner of files and of the directories from `to` on.
    pub owner: Owner,
    /// Directories that are there already and stay as they are, by path in the image without slashes around it.
    pub directories: BTreeMap<String, Directory>,
    /// Directories of the set that go elsewhere: their path inside the set, and their path in the image without slashes around it.
    pub moved: BTreeMap<String, String>,
}

impl Placement {
    /// Files in a place of which nothing is there yet.
    pub fn new(files: Arc<FileSet>, to: &str, owner: Owner) -> Self {
        Placement { files, to: to.to_owned(), owner, directories: BTreeMap::new(), moved: BTreeMap::new() }
    }

    /// Takes directories above its own place as another placement, into the same image, makes them.
    pub fn meet(&mut self, other: &Placement) {
        let (root, outer) = (self.to.trim_matches('/').to_owned(), other.to.trim_matches('/'));
        for (at, _) in root.match_indices('/') {
            let path = &root[..at];
            let inside = if outer.is_empty() { Some(path) } else { path.strip_prefix(outer) };
            let inside = inside.filter(|inside| outer.is_empty() || inside.is_empty() || inside.starts_with('/'));
            let Some(inside) = inside.map(|inside| inside.trim_start_matches('/')) else { continue };
            let is_made = if inside.is_empty() { !other.is_file() } else { other.files.has_directory(inside) };
            if is_made && !self.directories.contains_key(path) {
                self.directories.insert(path.to_owned(), Directory { mode: 0o755, owner: other.owner });
            }
        }
    }

    /// Whether it is one file, and `to` its own path.
    pub fn is_file(&self) -> bool {
        self.files.file("").is_some()
    }

    /// What identifies the layers of this placement.
    pub fn key(&self) -> [u8; 32] {
        self.hasher("werf layers of a file set v2").update(&self.files.digest()).finalize().into()
    }

    fn hasher(&self, context: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        let mut put = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        put(FORMAT.as_bytes());
        put(self.to.as_bytes());
        put(&[self.owner.uid.to_le_bytes(), self.owner.gid.to_le_bytes()].concat());
        for (path, Directory { mode, owner }) in &self.directories {
            put(path.as_bytes());
            put(&[mode.to_le_bytes(), owner.uid.to_le_bytes(), owner.gid.to_le_bytes()].concat());
        }
        for (inside, path) in &self.moved {
            put(inside.as_bytes());
            put(path.as_bytes());
        }
        hasher
    }

    /// The path in the image of a file of the set, without a leading `/`.
    fn path(&self, inside: &str) -> String {
        let (root, inside) = self.root_of(inside);
        match (root, inside) {
            ("", inside) => inside.to_owned(),
            (root, "") => root.to_owned(),
            (root, inside) => format!("{root}/{inside}"),
        }
    }

    /// The directory of the image that a file of the set is placed below, and its path there.
    fn root_of<'p>(&'p self, inside: &'p str) -> (&'p str, &'p str) {
        let mut end = if self.moved.is_empty() { 0 } else { inside.len() };
        while end > 0 {
            if let Some(place) = self.moved.get(&inside[..end]) {
                return (place, inside[end..].trim_start_matches('/'));
            }
            end = inside[..end].rfind('/').unwrap_or(0);
        }
        (self.to.trim_matches('/'), inside)
    }

    /// The directories that must precede files, as they are in the image: those that are there already as they are, the others made.
    fn above(&self, range: Range<usize>) -> BTreeMap<String, Directory> {
        let mut above = BTreeMap::new();
        for (inside, _) in range.filter_map(|at| self.files.get(at)) {
            let (root, below) = self.root_of(inside);
            directories(&mut above, root, below, self.owner);
        }
        for (path, known) in &self.directories {
            if let Some(directory) = above.get_mut(path) {
                *directory = *known;
            }
        }
        above
    }
}

/// The digest and length of a blob of an OCI image, its digest as `sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// One layer: named, and made only if somebody reads it.
pub struct Layer {
    /// The compressed archive.
    pub blob: Blob,
    /// Digest of the archive before compression, `sha256:…`.
    pub diff_id: String,
    placement: Placement,
    range: Range<usize>,
    kept: OnceLock<Kept>,
    /// Held by who makes it: several readers at once want it made once.
    making: Mutex<()>,
}

impl Layer {
    fn new(blob: Blob, diff_id: String, placement: &Placement, range: Range<usize>) -> Self {
        Layer { blob, diff_id, placement: placement.clone(), range, kept: OnceLock::new(), making: Mutex::default() }
    }

    /// The whole compressed archive, in memory.
    pub fn bytes(&self, tree: &dyn FileTree) -> Result<Vec<u8>, LayerError> {
        self.read(tree, None, 0, self.blob.size)
    }

    /// Bytes of the compressed archive from an offset on, at most `size` of them. It is made from the tree unless it is still there from
    /// naming it or from another read; a long one is kept in `scratch`.
    ///
    /// A machine whose compressor writes other bytes than the one that named the layer would serve a wrong blob, so the digest is
    /// checked; [`io::ErrorKind::InvalidData`] then.
    pub fn read(&self, tree: &dyn FileTree, scratch: Option<Arc<Scratch>>, offset: u64, size: u64) -> Result<Vec<u8>, LayerError> {
        let unreadable = |cause| LayerError::Archive { path: self.placement.to.clone(), cause: Arc::new(cause) };
        self.made(tree, scratch)?.read(offset, size).map_err(unreadable)
    }

    fn made(&self, tree: &dyn FileTree, scratch: Option<Arc<Scratch>>) -> Result<&Kept, LayerError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = self.kept.get() {
            return Ok(kept);
        }
        let entries: Vec<&Entry> = self.range.clone().filter_map(|at| self.placement.files.get(at)).map(|(_, entry)| entry).collect();
        tree.fetch(&entries)?;
        let made = make(tree, &self.placement, self.range.clone(), scratch)?;
        if made.blob != self.blob {
            let cause =
                Arc::new(io::Error::new(io::ErrorKind::InvalidData, format!("expected {}, made {}", self.blob.digest, made.blob.digest)));
            return Err(LayerError::Archive { path: self.placement.to.clone(), cause });
        }
        Ok(self.kept.get_or_init(|| made.kept))
    }

    /// Which of the caller's trees its files are in.
    pub fn origin(&self) -> usize {
        self.placement.files.origin()
    }

    /// How many files the layer has.
    pub fn files(&self) -> usize {
        self.range.len()
    }

    /// A file that begins the layer, for people.
    pub fn first_path(&self) -> Option<&str> {
        self.placement.files.get(self.range.start).map(|(path, _)| path)
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({} files, {} bytes, {})", self.range.len(), self.blob.size, self.blob.digest)
    }
}

/// Bytes of short layers that stay in memory after naming them, so that a cold build makes them once. Above, they are made again.
const KEEP: usize = 32 << 20;

/// Names the layers of a placement: cuts it and learns digest, length and diff id of each layer, from the cache where it has them.
///
/// Nothing is read of a placement that the cache knows; one changed file costs the making of one layer. Work is spread over
/// `threads` (at least one).
///
/// # Errors
/// A blob that cannot be read, or a path that no archive can hold.
pub fn layers(tree: &dyn FileTree, placement: &Placement, cache: &dyn LayerCache, threads: usize) -> Result<Vec<Arc<Layer>>, LayerError> {
    if let Some(known) = known(placement, cache) {
        return Ok(known);
    }
    let cuts = cuts(tree, &[placement], cache)?;
    let ranges = cuts.into_iter().flat_map(|cut| cut.ranges).collect::<Vec<_>>();
    tree.fetch(&unmade(placement, &ranges, cache).collect::<Vec<_>>())?;

    let kept = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<Layer, LayerError>)>> = Mutex::new(Vec::new());
    let work = || {
        while let Some((at, range)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, ranges.get(at)?))) {
            let layer = layer(tree, placement, range.clone(), cache, &kept);
            let failed = layer.is_err();
            done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((at, layer));
            if failed {
                next.store(ranges.len(), Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(ranges.len()) {
            scope.spawn(work);
        }
        work();
    });

    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(at, _)| *at);
    let layers = done.into_iter().map(|(_, layer)| layer.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    cache.put(&placement.key(), &encode(&layers));
    Ok(layers)
}

/// Brings what the layers of some placements in one tree are made of, as far as nobody knows these: together, where [`layers`] has to ask for
/// each placement.
///
/// # Errors
/// What is lacking is not to be had.
pub fn bring(tree: &dyn FileTree, placements: &[Placement], cache: &dyn LayerCache) -> Result<(), ReadError> {
    let new: Vec<&Placement> = placements.iter().filter(|placement| known(placement, cache).is_none()).collect();
    let cuts = cuts(tree, &new, cache)?;
    let wanted: Vec<&Entry> = cuts.iter().flat_map(|cut| unmade(cut.placement, &cut.ranges, cache)).collect();
    if wanted.is_empty() { Ok(()) } else { tree.fetch(&wanted).map(drop) }
}

/// The layers of a placement, if all are known.
fn known(placement: &Placement, cache: &dyn LayerCache) -> Option<Vec<Arc<Layer>>> {
    decode(&cache.get(&placement.key())?, placement)
}

/// Where the files of a placement are cut into layers.
struct Cut<'p> {
    placement: &'p Placement,
    ranges: Vec<Range<usize>>,
}

fn cuts<'p>(tree: &dyn FileTree, placements: &[&'p Placement], cache: &dyn LayerCache) -> Result<Vec<Cut<'p>>, ReadError> {
    let one = |(placement, sizes): (&&'p Placement, Vec<u64>)| {
        let pieces: Vec<Piece<'_>> = placement.files.iter().zip(sizes).map(|((path, _), size)| Piece { path, size }).collect();
        Cut { placement, ranges: cut(&pieces) }
    };
    Ok(placements.iter().zip(sizes(tree, placements, cache)?).map(one).collect())
}

/// The files of those layers that are not known.
fn unmade<'p>(placement: &'p Placement, ranges: &[Range<usize>], cache: &dyn LayerCache) -> impl Iterator<Item = &'p Entry> {
    let is_unknown = |range: &&Range<usize>| cache.get(&layer_key(placement, range)).and_then(|record| decode_row(&record)).is_none();
    let unknown: Vec<Range<usize>> = ranges.iter().filter(is_unknown).cloned().collect();
    unknown.into_iter().flatten().filter_map(|at| placement.files.get(at)).map(|(_, entry)| entry)
}

/// The sizes of the files of some placements, from records of the last trees that had these places where possible: only new blobs are asked
/// for, all of them together.
fn sizes(tree: &dyn FileTree, placements: &[&Placement], cache: &dyn LayerCache) -> Result<Vec<Vec<u64>>, ReadError> {
    let known: Vec<Sizes> = placements.iter().map(|placement| Sizes::load(placement, cache)).collect();
    let unknown: Vec<&Entry> = placements.iter().zip(&known).flat_map(|(placement, known)| known.lack(placement)).collect();
    let mut asked = tree.blob_sizes(&unknown)?.into_iter();
    let of = |(placement, known): (&&Placement, &Sizes)| {
        let is_new = known.lack(placement).next().is_some();
        let size = |(_, entry)| known.size_of(entry).or_else(|| asked.next()).unwrap_or_default();
        let sizes: Vec<u64> = placement.files.iter().map(size).collect();
        if is_new {
            known.save(placement, &sizes, cache);
        }
        sizes
    };
    Ok(placements.iter().zip(&known).map(of).collect())
}

/// The sizes of the files that a place had last.
struct Sizes {
    slot: [u8; 32],
    /// In the order of contents.
    rows: Vec<([u8; 20], u64)>,
}

impl Sizes {
    fn load(placement: &Placement, cache: &dyn LayerCache) -> Self {
        let slot = placement.hasher("werf sizes of the last file set v2").finalize().into();
        let row = |row: &[u8]| Some((row[..20].try_into().ok()?, u64::from_le_bytes(row[20..].try_into().ok()?)));
        Sizes { slot, rows: cache.get(&slot).unwrap_or_default().chunks_exact(28).filter_map(row).collect() }
    }

    fn size_of(&self, entry: &Entry) -> Option<u64> {
        match self.rows.binary_search_by_key(&entry.content().0, |(id, _)| *id) {
            Ok(at) => Some(self.rows[at].1),
            Err(_) if entry.mode == Mode::Directory => Some(0),
            Err(_) => None,
        }
    }

    /// The files of a placement that it does not have.
    fn lack<'p>(&self, placement: &'p Placement) -> impl Iterator<Item = &'p Entry> {
        placement.files.iter().map(|(_, entry)| entry).filter(|entry| self.size_of(entry).is_none())
    }

    fn save(&self, placement: &Placement, sizes: &[u64], cache: &dyn LayerCache) {
        let mut rows: Vec<([u8; 20], u64)> =
            placement.files.iter().zip(sizes).map(|((_, entry), size)| (entry.content().0, *size)).collect();
        rows.sort_unstable();
        rows.dedup();
        cache.put(&self.slot, &rows.iter().flat_map(|(id, size)| id.iter().copied().chain(size.to_le_bytes())).collect::<Vec<u8>>());
    }
}

/// What identifies one layer of a placement.
fn layer_key(placement: &Placement, range: &Range<usize>) -> [u8; 32] {
    let mut hasher = placement.hasher("werf layer v2");
    for (path, entry) in range.clone().filter_map(|at| placement.files.get(at)) {
        hasher
            .update(&(path.len() as u64).to_le_bytes())
            .update(path.as_bytes())
            .update(&[mode_byte(entry.mode)])
            .update(&entry.content().0);
    }
    hasher.finalize().into()
}

fn layer(
    tree: &dyn FileTree,
    placement: &Placement,
    range: Range<usize>,
    cache: &dyn LayerCache,
    kept: &AtomicUsize,
) -> Result<Layer, LayerError> {
    let key = layer_key(placement, &range);
    let new = |blob, diff_id| Layer::new(blob, diff_id, placement, range.clone());
    if let Some((blob, diff_id)) = cache.get(&key).and_then(|record| decode_row(&record)) {
        return Ok(new(blob, diff_id));
    }
    let made = make(tree, placement, range.clone(), cache.scratch())?;
    let layer = new(made.blob, made.diff_id);
    cache.put(&key, &encode_row(&layer));
    let size = made.kept.in_memory();
    if kept.fetch_add(size, Ordering::Relaxed) + size <= KEEP {
        let _ = layer.kept.set(made.kept);
    }
    Ok(layer)
}

struct Made {
    kept: Kept,
    blob: Blob,
    diff_id: String,
}

fn make(tree: &dyn FileTree, placement: &Placement, range: Range<usize>, scratch: Option<Arc<Scratch>>) -> Result<Made, LayerError> {
    let failed = |path: &str| {
        let path = path.to_owned();
        move |cause: io::Error| LayerError::Archive { path, cause: Arc::new(cause) }
    };
    let files: Vec<(String, &Entry)> =
        range.clone().filter_map(|at| placement.files.get(at)).map(|(path, entry)| (placement.path(path), entry)).collect();
    let mut above = placement.above(range.clone());

    let mut archive = Archive::new(Tee { hash: Sha256::new(), out: compressor(Keeper::new(scratch)) });
    for (path, entry) in &files {
        // Directories come just before the first file inside: they sort before it, and the files before them sort lower.
        for (at, _) in path.match_indices('/') {
            if let Some(directory) = above.remove(&path[..at]) {
                archive.directory(&path[..at], directory).map_err(failed(&path[..at]))?;
            }
        }
        let content = if entry.mode == Mode::Directory { Content::Whole(Arc::new([])) } else { tree.content(entry)? };
        archive.file(path, entry.mode, placement.owner, content).map_err(failed(path))?;
    }
    let Tee { hash, out } = archive.finish().map_err(failed(&placement.to))?;
    let (kept, blob) = out.finish().and_then(Keeper::end).map_err(failed(&placement.to))?;
    Ok(Made { kept, blob, diff_id: format!("sha256:{}", hex::lower(hash.finalize())) })
}

struct Tee<W> {
    hash: Sha256,
    out: W,
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hash.update(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The digest of bytes as OCI writes it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::lower(Sha256::digest(bytes)))
}

/// A row: size, digest, diff id, as text; a set's record: the number of files, then the row, for each layer.
fn encode_row(layer: &Layer) -> Vec<u8> {
    format!("{} {} {}", layer.blob.size, layer.blob.digest, layer.diff_id).into_bytes()
}

fn decode_row(record: &[u8]) -> Option<(Blob, String)> {
    let mut words = std::str::from_utf8(record).ok()?.split(' ');
    let size = words.next()?.parse().ok()?;
    Some((Blob { size, digest: words.next()?.to_owned() }, words.next()?.to_owned()))
}

fn encode(layers: &[Arc<Layer>]) -> Vec<u8> {
    let row = |layer: &Arc<Layer>| [format!("{} ", layer.range.len()).into_bytes(), encode_row(layer)].concat();
    layers.iter().map(row).collect::<Vec<_>>().join(&b'\n')
}

fn decode(record: &[u8], placement: &Placement) -> Option<Vec<Arc<Layer>>> {
    let mut start = 0;
    let mut layers = Vec::new();
    for line in std::str::from_utf8(record).ok()?.lines() {
        let (count, row) = line.split_once(' ')?;
        let end = start + count.parse::<usize>().ok()?;
        let (blob, diff_id) = decode_row(row.as_bytes())?;
        layers.push(Arc::new(Layer::new(blob, diff_id, placement, start..end)));
        start = end;
    }
    (start == placement.files.len()).then_some(layers)
}
