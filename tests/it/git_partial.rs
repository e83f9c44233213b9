//! Partial clones: objects that they were made without come together when somebody wants them.

use std::sync::Arc;

use tempfile::TempDir;
use werf::file_tree::{Entry, FileTree};
use werf::images::git_layers::{FileSet, MemoryCache, Owner, Placement, bring, layers};
use werf::project::git::remote::Upstream;
use werf::project::git::{CommitTree, commit_tree_with, discover, head};

use super::git::Sandbox;
use super::git_checkout::{in_commit, on_disk};
use super::git_remote::Here;
use super::git_servers::{Manners, Smart};

/// A repository behind a server, and a clone of it made with a filter.
struct Scene {
    origin: Sandbox,
    clone: TempDir,
    smart: Smart,
    here: Here,
    _dir: TempDir,
}

impl Scene {
    fn new(filter: &str, manners: Manners) -> Self {
        let origin =
            Sandbox::with(&[("a", "1"), ("d/b", "2"), ("d/e/c", "3"), ("d/.gitattributes", "*.txt eol=crlf\n"), ("d/x.txt", "x\n")]);
        for key in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            origin.git(&["config", key, if manners.old { "false" } else { "true" }]);
        }
        let dir = TempDir::new().unwrap();
        std::os::unix::fs::symlink(origin.path().join(".git"), dir.path().join("lib.git")).unwrap();
        let clone = TempDir::new().unwrap();
        origin.git(&["config", "uploadpack.allowFilter", "true"]);
        let url = format!("file://{}", origin.path().display());
        origin.git(&["clone", "-q", "--bare", "--filter", filter, &url, clone.path().to_str().unwrap()]);
        let smart = Smart::new(dir.path(), manners);
        let scene = Scene { origin, clone, smart, here: Here::new(), _dir: dir };
        scene.set_url(&scene.smart.url("lib.git"));
        scene
    }

    fn set_url(&self, url: &str) {
        self.origin.git(&["-C", self.clone.path().to_str().unwrap(), "config", "remote.origin.url", url]);
    }

    fn tree(&self) -> CommitTree {
        let access = self.here.access.clone();
        let upstream = Upstream::of_clone(move || Ok(access.clone()));
        let repository = discover(self.clone.path(), None).unwrap();
        commit_tree_with(&repository, &head(&repository).unwrap(), Arc::new(upstream)).unwrap()
    }

    fn packs(&self) -> usize {
        self.smart.count("/git-upload-pack")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_wanted_come_in_one_request() {
    let scene = Scene::new("blob:none", Manners::default());
    let tree = scene.tree();
    let entries = tree.list("").unwrap();
    assert_eq!(scene.packs(), 1, "attributes are needed for names");
    assert!(!tree.fetch(&entries.iter().collect::<Vec<_>>()).unwrap());
    assert_eq!(scene.packs(), 2);
    let expect = |name: &str| on_disk(scene.origin.path()).remove(name.as_bytes()).unwrap();
    let files = in_commit(&tree, &entries);
    assert_eq!(files[&b"a"[..]], expect("a"));
    assert_eq!(files[&b"d/x.txt"[..]].1, b"x\r\n");
    assert_eq!(scene.packs(), 2, "all are here");

    // As Git itself would have left the clone: what it lacks is still promised, and what came is read by it.
    scene.set_url("http://127.0.0.1:1/nowhere");
    let git = |args: &[&str]| scene.origin.git(&[&["-C", scene.clone.path().to_str().unwrap()], args].concat());
    assert_eq!(git(&["show", "HEAD:d/e/c"]), "3");
    git(&["fsck"]);
    git(&["gc", "-q"]);
    assert_eq!(in_commit(&scene.tree(), &entries).len(), entries.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_ask_once_for_all_their_files() {
    let scene = Scene::new("blob:none", Manners::default());
    let tree = scene.tree();
    let placement = Placement::new(Arc::new(FileSet::of(tree.list("").unwrap(), 0)), "/app", Owner::default());
    let before = scene.packs();
    let cache = MemoryCache::default();
    layers(&tree, &placement, &cache, 2).unwrap();
    assert_eq!(scene.packs(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_of_several_places_ask_once_together() {
    let scene = Scene::new("blob:none", Manners::default());
    let tree = scene.tree();
    let set = |dir: &str| Arc::new(FileSet::of(tree.list(dir).unwrap(), dir.len() + 1));
    let placements = [("d", "/d"), ("d/e", "/e"), ("d", "/opt/d")].map(|(dir, to)| Placement::new(set(dir), to, Owner::default()));
    let (before, cache) = (scene.packs(), MemoryCache::default());
    bring(&tree, &placements, &cache).unwrap();
    assert_eq!(scene.packs(), before + 1);
    placements.iter().for_each(|placement| drop(layers(&tree, placement, &cache, 2).unwrap()));
    assert_eq!(scene.packs(), before + 1, "all are here");
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_come_too() {
    let scene = Scene::new("tree:0", Manners::default());
    let tree = scene.tree();
    let entries = tree.list("").unwrap();
    assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["a", "d/.gitattributes", "d/b", "d/e/c", "d/x.txt"]);
    assert_eq!(scene.packs(), 2, "all directories, and the attributes");
    assert_eq!(&*tree.read("d/e/c").unwrap().unwrap(), b"3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promisor_may_be_on_this_machine() {
    let scene = Scene::new("blob:none", Manners::default());
    scene.set_url(&format!("file://{}", scene.origin.path().display()));
    assert_eq!(&*scene.tree().read("d/e/c").unwrap().unwrap(), b"3");
    assert_eq!(scene.packs(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_is_named_with_the_reason() {
    let scene = Scene::new("blob:limit=1", Manners { old: true, ..Manners::default() });
    let access = scene.here.access.clone();
    let repository = discover(scene.clone.path(), None).unwrap();
    let error = commit_tree_with(&repository, &head(&repository).unwrap(), Arc::new(Upstream::of_clone(move || Ok(access.clone()))));
    let entry = |entries: &[Entry]| entries.iter().find(|entry| entry.path == "a").unwrap().clone();
    let text = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text += &format!("\n  {cause}");
            next = cause.source();
        }
        text
    };
    let failed = match error {
        Ok(tree) => match tree.list("") {
            Ok(entries) => text(&tree.blob(&entry(&entries)).unwrap_err()),
            Err(error) => text(&error),
        },
        Err(error) => text(&error),
    };
    assert!(failed.contains(": it is a partial one\n  the Git repository `"), "{failed}");
    assert!(failed.contains("` refuses: it gives no single objects such as "), "{failed}");
}
