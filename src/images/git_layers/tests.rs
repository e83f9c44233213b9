//! Layers end to end over trees in memory.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::file_tree::{Entry, FileTree, MemoryTree, Mode, ReadError, text_of_bytes};
use crate::platform::Platform;

/// A tree that counts what is read of it.
struct Counted {
    tree: MemoryTree,
    blobs: AtomicUsize,
    sizes: AtomicUsize,
}

impl Counted {
    fn new(tree: MemoryTree) -> Self {
        Counted { tree, blobs: AtomicUsize::new(0), sizes: AtomicUsize::new(0) }
    }

    fn reads(&self) -> (usize, usize) {
        (self.blobs.swap(0, Ordering::SeqCst), self.sizes.swap(0, Ordering::SeqCst))
    }
}

impl FileTree for Counted {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.tree.read(path)
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        self.tree.list(dir)
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        self.blobs.fetch_add(1, Ordering::SeqCst);
        self.tree.blob(entry)
    }

    fn blob_size(&self, entry: &Entry) -> Result<u64, ReadError> {
        self.sizes.fetch_add(1, Ordering::SeqCst);
        self.tree.blob_size(entry)
    }
}

fn placement(tree: &dyn FileTree, to: &str, owner: Owner) -> Placement {
    Placement::new(Arc::new(FileSet::of(tree.list("").unwrap(), 0)), to, owner)
}

/// `type mode uid:gid mtime path [-> target] [= text]` of each entry of a layer.
fn listing(layer: &Layer, tree: &dyn FileTree) -> String {
    let bytes = layer.bytes(tree).unwrap();
    let mut archive = ::tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut lines = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (header, path) = (entry.header().clone(), entry.path().unwrap().display().to_string());
        let link = entry.link_name().unwrap().map(|target| format!(" -> {}", target.display())).unwrap_or_default();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let kind = char::from(header.entry_type().as_byte());
        let (mode, uid, gid, mtime) = (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
        lines += &format!("{kind} {mode:o} {uid}:{gid} {mtime} {path}{link} = {text}\n");
    }
    lines
}

#[test]
fn archive_has_parents_modes_owners_and_links() {
    let mut tree = MemoryTree::new([("a.txt", "A"), ("lib/b.txt", "B"), ("lib-x", "X")]);
    tree.insert("bin/run", Mode::Executable, *b"#!");
    tree.insert("bin/link", Mode::Symlink, *b"../lib/b.txt");
    let long = format!("deep/{}/{}", "d".repeat(90), "f".repeat(90));
    tree.insert(long.clone(), Mode::File, *b"long");
    let layers = layers(&tree, &placement(&tree, "/opt/app", Owner { uid: 1000, gid: 2000 }), &MemoryCache::default(), 2).unwrap();
    assert_eq!(layers.len(), 1);
    let expect = "\
5 755 0:0 1000000000 opt/ = 
5 755 1000:2000 1000000000 opt/app/ = 
0 644 1000:2000 1000000000 opt/app/a.txt = A
5 755 1000:2000 1000000000 opt/app/bin/ = 
2 777 1000:2000 1000000000 opt/app/bin/link -> ../lib/b.txt = 
0 755 1000:2000 1000000000 opt/app/bin/run = #!
5 755 1000:2000 1000000000 opt/app/deep/ = 
5 755 1000:2000 1000000000 opt/app/deep/DDD/ = 
0 644 1000:2000 1000000000 opt/app/deep/DDD/FFF = long
0 644 1000:2000 1000000000 opt/app/lib-x = X
5 755 1000:2000 1000000000 opt/app/lib/ = 
0 644 1000:2000 1000000000 opt/app/lib/b.txt = B
";
    assert_eq!(listing(&layers[0], &tree), expect.replace("DDD", &"d".repeat(90)).replace("FFF", &"f".repeat(90)));
}

#[test]
fn names_and_targets_are_the_bytes_of_git() {
    use std::os::unix::ffi::OsStrExt;
    let long = [&[b'n'; 99][..], b"\xff\xfe", &[b'n'; 50]].concat();
    let long_target = [&b"\xe9/"[..], &b"../x/".repeat(30)].concat();
    let cases: [(&[u8], &[u8]); 6] = [
        (b"na\xefve", b"./a//b/"),
        (b"\xc3\x28/\xff", b"t\xefr"),
        (&long, &long_target),
        (b" \n", b"/abs\xff"),
        (&[0xff; 100], b"."),
        (&[0xfe; 101], b".."),
    ];
    let mut tree = MemoryTree::default();
    for (name, target) in cases {
        tree.insert(text_of_bytes(name), Mode::Symlink, target);
    }
    let layers = layers(&tree, &placement(&tree, "/opt", Owner::default()), &MemoryCache::default(), 1).unwrap();
    let bytes = layers[0].bytes(&tree).unwrap();
    let mut archive = ::tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut found = std::collections::BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        if entry.header().entry_type() == ::tar::EntryType::Symlink {
            found.insert(entry.path().unwrap().as_os_str().as_bytes().to_vec(), entry.link_name_bytes().unwrap().to_vec());
        }
    }
    let expect = cases.map(|(name, target)| ([b"opt/", name].concat(), target.to_vec()));
    assert_eq!(found, expect.into());
}

#[test]
fn what_no_archive_can_hold_is_an_error() {
    let placed = |path: &str, mode: Mode, bytes: &[u8]| {
        let mut tree = MemoryTree::default();
        tree.insert(path, mode, bytes);
        let error = layers(&tree, &placement(&tree, "/opt", Owner::default()), &MemoryCache::default(), 1).unwrap_err();
        std::error::Error::source(&error).unwrap().to_string()
    };
    assert_eq!(placed("a/../b", Mode::File, b"x"), "the path is empty or leads upwards");
    assert_eq!(placed("link", Mode::Symlink, b""), "the link's target is empty or has a zero byte");
    assert_eq!(placed("link", Mode::Symlink, b"a\0b"), "the link's target is empty or has a zero byte");
    assert_eq!(placed("sub", Mode::Submodule, b""), "a submodule whose files are not here cannot be put into an archive");
}

#[test]
fn whole_image_and_single_file() {
    let tree = MemoryTree::new([("etc/x", "X")]);
    let root = layers(&tree, &placement(&tree, "/", Owner::default()), &MemoryCache::default(), 1).unwrap();
    assert_eq!(listing(&root[0], &tree), "5 755 0:0 1000000000 etc/ = \n0 644 0:0 1000000000 etc/x = X\n");

    let one = Arc::new(FileSet::of(tree.list("").unwrap(), "etc/x".len()));
    let one = layers(&tree, &Placement::new(one, "/tmp/y", Owner::default()), &MemoryCache::default(), 1).unwrap();
    assert_eq!(listing(&one[0], &tree), "5 1777 0:0 1000000000 tmp/ = \n0 644 0:0 1000000000 tmp/y = X\n");
}

#[test]
fn digests_are_what_the_bytes_say_and_the_same_everywhere() {
    let tree = MemoryTree::new([("a", "1"), ("b/c", "2")]);
    let place = placement(&tree, "/app", Owner::default());
    let (one, two) =
        (layers(&tree, &place, &MemoryCache::default(), 1).unwrap(), layers(&tree, &place, &MemoryCache::default(), 4).unwrap());
    assert_eq!((&one[0].blob, &one[0].diff_id), (&two[0].blob, &two[0].diff_id));
    let bytes = one[0].bytes(&tree).unwrap();
    assert_eq!(one[0].blob, Blob { digest: super::layer::sha256(&bytes), size: bytes.len() as u64 });
    let mut archive = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut archive).unwrap();
    assert_eq!(one[0].diff_id, super::layer::sha256(&archive));
}

fn large() -> MemoryTree {
    let mut tree = MemoryTree::default();
    for at in 0..400 {
        tree.insert(format!("d{:02}/f{at:03}", at / 10), Mode::File, format!("{at:08}").repeat(8_000).into_bytes());
    }
    tree
}

#[test]
fn unchanged_reads_nothing_and_one_change_makes_one_layer() {
    let (cache, mut tree) = (MemoryCache::default(), large());
    let counted = Counted::new(tree.clone());
    let before = layers(&counted, &placement(&counted, "/app", Owner::default()), &cache, 2).unwrap();
    assert!(before.len() > 3);
    assert_eq!(counted.reads(), (400, 400));

    let again = layers(&counted, &placement(&counted, "/app", Owner::default()), &cache, 2).unwrap();
    assert_eq!(counted.reads(), (0, 0), "unchanged");
    assert_eq!(
        again.iter().map(|layer| layer.blob.clone()).collect::<Vec<_>>(),
        before.iter().map(|layer| layer.blob.clone()).collect::<Vec<_>>()
    );
    let remade = again[1].bytes(&counted).unwrap();
    assert_eq!(remade, before[1].bytes(&counted).unwrap());
    assert_eq!(counted.reads(), (again[1].files(), 0), "made again at the first read only");

    tree.insert("d17/f171", Mode::File, *b"changed");
    let counted = Counted::new(tree);
    let after = layers(&counted, &placement(&counted, "/app", Owner::default()), &cache, 2).unwrap();
    let new: Vec<_> = after.iter().filter(|layer| before.iter().all(|old| old.blob != layer.blob)).collect();
    assert_eq!(new.len(), 1);
    assert_eq!(counted.reads(), (new[0].files(), 1));
}

#[test]
fn owner_place_and_platform_are_in_the_names() {
    let tree = MemoryTree::new([("a", "1")]);
    let digest = |to: &str, uid, platform: &str| {
        let layers = layers(&tree, &placement(&tree, to, Owner { uid, gid: 0 }), &MemoryCache::default(), 1).unwrap();
        LayerImage::new(layers[0].clone(), &Platform::parse(platform).unwrap()).manifest.digest
    };
    let base = digest("/app", 0, "linux/amd64");
    assert_eq!(base, digest("/app", 0, "linux/amd64"));
    for other in [
        digest("/app2", 0, "linux/amd64"),
        digest("/app", 1, "linux/amd64"),
        digest("/app", 0, "linux/arm64"),
        digest("/app", 0, "linux/arm64/v8"),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn missing_blob_is_an_error_that_names_the_file() {
    let tree = MemoryTree::new([("a", "1")]);
    let place = placement(&tree, "/app", Owner::default());
    let error = layers(&MemoryTree::default(), &place, &MemoryCache::default(), 2).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `a` from files in memory");
}
