//! Files of Git LFS come from a server into the local store: whole, once, and with nobody's credentials where they are not for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sha2::Digest;
use werf::file_tree::FileTree;
use werf::images::git_layers::{FileSet, LayerCache, MemoryCache, Owner, Placement, layers};
use werf::images::image::ground::{Answer, Ground};
use werf::images::image::{self, ImageTree, Next, Options, Surroundings};
use werf::images::llb::SourceFile;
use werf::platform::Platform;
use werf::project::config::{self, CommitData, ConfigInput};
use werf::project::git::remote::{LfsServer, Login, RemoteError, Settings, Upstream, fetch_lfs};
use werf::project::git::{Pointer, commit_tree_with, discover, head};
use werf::project::giterminism;

use super::git::Sandbox;
use super::git_remote::{Here, script, told};
use super::git_servers::{Manners, Quirk, Smart};

type File = (String, Vec<u8>);

pub fn file(bytes: &[u8]) -> (Pointer, File) {
    let oid: String = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    (Pointer { oid: oid.clone(), size: bytes.len() as u64, has_extensions: false }, (oid, bytes.to_vec()))
}

fn files(count: u8) -> (Vec<Pointer>, Vec<File>) {
    (0..count).map(|at| file(&vec![at; 1000 + usize::from(at)])).unzip()
}

impl Here {
    fn store(&self) -> PathBuf {
        self.dir.path().join("lfs")
    }

    async fn bring(&self, server: LfsServer, objects: &[Pointer]) -> Result<(), RemoteError> {
        fetch_lfs(&self.access, &server, None, objects, &self.store()).await
    }

    /// What is in the store, beside what is still coming.
    fn stored(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(&self.store())
    }
}

fn served(files: &[File], quirk: Option<Quirk>) -> Smart {
    Smart::new(Path::new("/"), Manners { files: files.to_vec(), quirk, ..Manners::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_into_the_store_whole_or_not_at_all() {
    let (mut objects, mut files) = files(150);
    let smart = Smart::new(Path::new("/"), Manners { files: files.clone(), login: Some("ci:s3cret".into()), ..Manners::default() });
    let (here, url) = (Here::new(), smart.url("lib").replace("//", "//ci:s3cret@"));
    here.bring(LfsServer::Of(url.clone()), &objects).await.unwrap();
    for (object, (_, bytes)) in objects.iter().zip(&files) {
        assert_eq!(&fs::read(object.place(&here.store())).unwrap(), bytes);
    }
    assert_eq!(here.stored(), 150, "nothing is left beside them");
    let count = || smart.requests.lock().unwrap().len();
    assert_eq!(count(), 152, "two batches");
    here.bring(LfsServer::Of(url.clone()), &objects).await.unwrap();
    assert_eq!(count(), 152, "what is there is not asked for");

    let (lost, _) = file(b"lost");
    objects.push(lost.clone());
    let error = here.bring(LfsServer::Of(url), &objects).await.unwrap_err();
    assert_eq!(
        told(&error),
        format!(
            "the Git LFS server `{}.git/info/lfs` lacks {} (Object does not exist)\nhelp: push them from a clone that has them: `git lfs push --all origin`",
            smart.url("lib"),
            lost.oid
        )
    );
    files[0].1 = b"other".to_vec();
    for wrong in [b"other".to_vec(), vec![9; 1000], vec![0; 1001]] {
        files[0].1 = wrong;
        let liar = served(&files, None);
        let here = Here::new();
        let error = here.bring(LfsServer::Of(liar.url("lib")), &objects[..1]).await.unwrap_err();
        let is_named = error.to_string().ends_with("of Git LFS is another than its pointer names")
            || error.to_string().contains(" of 1000 bytes came");
        assert!(is_named, "{error}");
        assert_eq!(here.stored(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_once_is_asked_for_again() {
    let (objects, files) = files(3);
    for quirk in [Quirk::Cut(1), Quirk::Expired(1)] {
        let (here, smart) = (Here::new(), served(&files, Some(quirk.clone())));
        here.bring(LfsServer::Of(smart.url("lib")), &objects).await.unwrap();
        assert_eq!((here.stored(), smart.count("/batch")), (3, 2), "{quirk:?}: a second batch for new addresses");
    }
    for (quirk, expect) in [
        (Quirk::Cut(9), "the connection to the Git repository `URL/files/OID` broke: "),
        (Quirk::Expired(9), "the Git repository `URL/files/OID` may not be read by who asks (403 Forbidden): this address has expired"),
    ] {
        let (here, smart) = (Here::new(), served(&files, Some(quirk)));
        let error = here.bring(LfsServer::Of(smart.url("lib")), &objects[..1]).await.unwrap_err().to_string();
        let error = error.replace(&objects[0].oid, "OID").replace(smart.url("").trim_end_matches('/'), "URL");
        assert!(error.starts_with(expect), "{error}");
        assert_eq!(here.stored(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_none_says_so() {
    let (objects, files) = files(1);
    let private = Smart::new(Path::new("/"), Manners { login: Some("ci:s3cret".into()), ..Manners::default() });
    let error = Here::new().bring(LfsServer::Of(private.url("lib")), &objects).await.unwrap_err();
    assert!(error.to_string().ends_with("/lib.git/info/lfs` does not accept who asks (401 Unauthorized): who are you, secret?"), "{error}");

    let absent = served(&files, Some(Quirk::Absent));
    let error = Here::new().bring(LfsServer::Of(absent.url("lib")), &objects).await.unwrap_err();
    assert_eq!(
        told(&error).replace(&absent.url(""), "http://HOST/"),
        "there is no server of Git LFS at `http://HOST/lib.git/info/lfs` (404 Not Found)\n\
         help: check that the server has Git LFS and that you may read the repository; `git config lfs.url URL` names another server"
    );
    let other = served(&files, Some(Quirk::Transfer("tus")));
    let error = Here::new().bring(LfsServer::Of(other.url("lib")), &objects).await.unwrap_err();
    assert!(error.to_string().ends_with("it gives files by `tus` alone, not by `basic`"), "{error}");
    let error = Here::new().bring(LfsServer::User("ssh://host/a".into()), &objects).await.unwrap_err();
    assert!(error.to_string().ends_with("a server of Git LFS is named by `https://`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_stay_with_the_host_that_they_are_for() {
    let (objects, files) = files(1);
    let other = served(&files, None);
    let here = Here::new();
    let smart = Smart::new(
        Path::new("/"),
        Manners {
            login: Some("ci:s3cret".into()),
            files: files.clone(),
            quirk: Some(Quirk::Elsewhere(other.url("").trim_end_matches('/').to_owned())),
            ..Manners::default()
        },
    );
    let url = smart.url("lib").replace("//", "//ci:s3cret@");
    let error = here.bring(LfsServer::Of(url), &objects).await.unwrap_err();
    assert!(error.to_string().contains("(401 Unauthorized): no token"), "the server's own header is not for another host: {error}");
    assert_eq!(other.credentials.lock().unwrap().as_slice(), [] as [String; 0]);
    assert!(other.count(&objects[0].oid) > 0, "it was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_a_commit_names_gets_nothing_of_the_user() {
    let (objects, files) = files(1);
    let smart = Smart::new(Path::new("/"), Manners { login: Some("ci:s3cret".into()), files: files.clone(), ..Manners::default() });
    let own = smart.url("lib").replace("//", "//ci:s3cret@");
    let named = |url: String, repository: &str| LfsServer::Commit { url, repository: repository.to_owned() };
    Here::new().bring(named(smart.url("store"), &own), &objects).await.unwrap();
    assert_eq!(smart.requests.lock().unwrap()[0], "POST /store/objects/batch", "the repository's own host has its login");

    let bait = Smart::new(Path::new("/"), Manners { login: Some("ci:s3cret".into()), files, ..Manners::default() });
    let helper = "[credential]\n\thelper = \"!echo username=ci; echo password=s3cret\"\n[http]\n\textraHeader = Authorization: x\n";
    let here = Here::with(helper);
    let error = here.bring(named(bait.url("store"), &own), &objects).await.unwrap_err();
    let url = bait.url("store");
    assert_eq!(
        told(&error),
        format!(
            "`{url}`, which `.lfsconfig` of the commit names, is neither HTTPS nor at the repository's own host\n\
             help: commit an `https://` URL, or name the server yourself: `git config lfs.url {url}`"
        )
    );
    assert_eq!(bait.requests.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_server_sends_to_its_files() {
    let (objects, files) = files(2);
    let smart = Smart::new(
        Path::new("/"),
        Manners { header: Some(("authorization".into(), "RemoteAuth t0ken".into())), files, ..Manners::default() },
    );
    let mut here = Here::new();
    let answer = format!(r#"{{"href": "{}", "header": {{"Authorization": "RemoteAuth t0ken"}}, "expires_in": 3600}}"#, smart.url("lfs"));
    let program = script(&here, "ssh-server", &format!("echo \"$*\" >>\"$0.log\"\necho '{answer}'\n"));
    let settings =
        |program: &str| Arc::new(Settings::parse(&format!("[core]\n\tsshCommand = {program}\n[ssh]\n\tvariant = ssh\n")).unwrap());
    here.access.settings = settings(&program);
    here.bring(LfsServer::Of("git@example.invalid:group/lib's.git".into()), &objects).await.unwrap();
    assert_eq!(here.stored(), 2);
    let log = fs::read_to_string(format!("{program}.log")).unwrap();
    assert!(log.ends_with(" git@example.invalid git-lfs-authenticate 'group/lib'\\''s.git' 'download'\n"), "{log}");

    let (other, _) = file(b"other");
    let program = script(&here, "without", "echo 'git-lfs-authenticate: command not found' >&2\nexit 127\n");
    here.access.settings = settings(&program);
    let error = here.bring(LfsServer::Of("git@example.invalid:lib.git".into()), std::slice::from_ref(&other)).await.unwrap_err();
    assert!(error.to_string().ends_with("git-lfs-authenticate: command not found"), "{error}");
    let program = script(&here, "odd", "echo 'welcome'\n");
    here.access.settings = settings(&program);
    let error = here.bring(LfsServer::Of("git@example.invalid:lib.git".into()), &[other]).await.unwrap_err();
    assert!(error.to_string().ends_with("its `git-lfs-authenticate` names no server of Git LFS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_this_machine_gives_its_store() {
    let origin = Sandbox::with(&[("a", "1")]);
    let (objects, files) = files(2);
    let place = objects[0].place(&origin.path().join(".git/lfs"));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, &files[0].1).unwrap();
    let here = Here::new();
    let server = LfsServer::Of(format!("file://{}", origin.path().display()));
    here.bring(server.clone(), &objects[..1]).await.unwrap();
    assert_eq!(here.stored(), 1);
    let error = here.bring(server, &objects).await.unwrap_err().to_string();
    assert!(error.contains(&format!("lacks {} (No such file", objects[1].oid)), "{error}");
}

/// A server of one file that sends the second half when the first is on the other side's disk.
fn patient(oid: String, bytes: Vec<u8>, store: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut out, mut head, mut length) = (stream, Vec::new(), 0);
            while head.last().is_none_or(|line: &String| line.trim_end() != "") {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push(line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = |out: &mut std::net::TcpStream, length: usize| {
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
            };
            if head[0].starts_with("POST") {
                let href = format!("http://127.0.0.1:{port}/file");
                let text = format!(
                    r#"{{"objects": [{{"oid": "{oid}", "size": {}, "actions": {{"download": {{"href": "{href}"}}}}}}]}}"#,
                    bytes.len()
                );
                answer(&mut out, text.len()).unwrap();
                out.write_all(text.as_bytes()).unwrap();
                continue;
            }
            answer(&mut out, bytes.len()).unwrap();
            let (first, second) = bytes.split_at(bytes.len() / 2);
            out.write_all(first).unwrap();
            let on_disk =
                || fs::read_dir(store.join("tmp")).into_iter().flatten().map(|entry| entry.unwrap().metadata().unwrap().len()).sum::<u64>();
            while on_disk() < first.len() as u64 {
                thread::sleep(Duration::from_millis(5));
            }
            out.write_all(second).unwrap();
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_as_it_comes() {
    let here = Here::new();
    let (object, (oid, bytes)) = file(&vec![7; 32 << 20]);
    let port = patient(oid, bytes, here.store());
    here.bring(LfsServer::Of(format!("http://127.0.0.1:{port}/lib")), std::slice::from_ref(&object)).await.unwrap();
    assert_eq!(fs::metadata(object.place(&here.store())).unwrap().len(), 32 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_the_caller_is_for_the_repositorys_server() {
    let (objects, files) = files(1);
    let smart = Smart::new(Path::new("/"), Manners { login: Some("ci:s3cret".into()), files, ..Manners::default() });
    let (here, login) = (Here::new(), Login { username: "ci".into(), password: Some("s3cret".into()) });
    fetch_lfs(&here.access, &LfsServer::Of(smart.url("lib.git")), Some(&login), &objects, &here.store()).await.unwrap();
    assert_eq!(here.stored(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_fetch_in_one_batch_what_they_lack() {
    let sandbox = Sandbox::new();
    let (objects, files) = files(2);
    for (at, object) in objects.iter().enumerate() {
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n", object.oid, object.size);
        sandbox.write(&[(&format!("{at}.bin"), &pointer), (&format!("{at}.txt"), "text")]);
    }
    sandbox.write(&[(".gitattributes", "*.bin filter=lfs\n")]);
    sandbox.git(&["config", "filter.lfs.clean", "cat"]);
    sandbox.commit("files");
    let smart = served(&files, None);
    sandbox.git(&["remote", "add", "origin", &smart.url("app")]);
    let here = Here::new();
    let tree = || {
        let access = here.access.clone();
        let repository = discover(sandbox.path(), None).unwrap();
        commit_tree_with(&repository, &head(&repository).unwrap(), Arc::new(Upstream::of_clone(move || Ok(access.clone())))).unwrap()
    };
    let files_of = |tree: &dyn FileTree| Arc::new(FileSet::of(tree.list("").unwrap(), 0));
    let cache = MemoryCache::default();
    let first = tree();
    let placement = Placement::new(files_of(&first), "/app", Owner::default());
    assert_eq!(smart.requests.lock().unwrap().len(), 0, "names need no content");
    let made = layers(&first, &placement, &cache, 2).unwrap();
    assert_eq!((smart.count("/batch"), smart.requests.lock().unwrap().len()), (1, 3));

    // Layers that are known need it only when somebody reads them.
    fs::remove_dir_all(sandbox.path().join(".git/lfs")).unwrap();
    let second = tree();
    let known = layers(&second, &placement, &cache, 2).unwrap();
    assert_eq!(smart.requests.lock().unwrap().len(), 3);
    for (known, made) in known.iter().zip(&made) {
        assert_eq!(known.bytes(&second).unwrap(), made.bytes(&first).unwrap());
    }
    assert_eq!((smart.count("/batch"), smart.requests.lock().unwrap().len()), (2, 6));
}

/// Makes the layers of all images of a commit, after what they need was brought together.
fn make_all(tree: Arc<dyn FileTree>, cache: &dyn LayerCache) {
    let rules = Arc::new(giterminism::load("1a2b3c4", tree, None, giterminism::Mode::Strict, None).unwrap());
    let config = config::load(&ConfigInput {
        giterminism: &rules,
        commit: CommitData::default(),
        config: None,
        above: &|| None,
        templates_dir: None,
        env: "",
        project_name: None,
        variable: &|_| None,
        host: None,
    });
    let images = ImageTree::new(Arc::new(config.unwrap()), rules.content().clone(), &Options::default()).unwrap();
    let missing: BTreeSet<String> = images.iter().map(|(image, _)| image.name.clone()).collect();
    let trees = images.trees(rules.content().clone());
    image::bring(&images, &missing, &trees, cache).unwrap();
    for name in &missing {
        // nothing is there where files go
        let mut ground = Ground::default();
        loop {
            let around = Surroundings {
                project: "shop",
                repo: "example.org/shop",
                commit: "1a2b3c4",
                platform: Platform::linux("amd64"),
                bases: &BTreeMap::new(),
                published: &BTreeMap::new(),
                ground: &ground,
                source: Arc::new(SourceFile { name: "werf.yaml".into(), text: String::new(), language: "YAML".into() }),
                trees: &trees,
                cache,
                threads: 2,
            };
            let compiled = image::compile(&images, name, &around).unwrap();
            let Next::Look(look) = compiled.next else {
                assert!(!compiled.layers.is_empty());
                break;
            };
            let state = look.state.digest().unwrap();
            look.questions.iter().for_each(|question| ground.learn(state, question.clone(), Answer::Entries(Vec::new())));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_images_of_a_run_ask_for_their_files_in_one_batch() {
    let sandbox = Sandbox::new();
    let (objects, files) = files(6);
    let pointer =
        |at: usize| format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n", objects[at].oid, objects[at].size);
    for (at, place) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        sandbox.write(&[(&format!("{place}/f.bin"), &pointer(at)), (&format!("{place}/f.txt"), "text")]);
    }
    let yaml = "\
project: shop
configVersion: 1
---
image: one
from: scratch
git: [{add: /a, to: /a}, {add: /b, to: /opt/b, owner: \"7\"}]
---
image: two
from: one
git: [{add: /c, to: /c}]
shell: {install: [make]}
---
image: three
dockerfile: Dockerfile
context: d
---
image: four
from: scratch
git: [{add: /e/f.bin, to: /f}]
";
    sandbox.write(&[(".gitattributes", "*.bin filter=lfs\n"), ("werf.yaml", yaml), ("d/Dockerfile", "FROM a\nCOPY . /\n")]);
    sandbox.git(&["config", "filter.lfs.clean", "cat"]);
    sandbox.commit("files");
    let smart = served(&files, None);
    sandbox.git(&["remote", "add", "origin", &smart.url("app")]);
    let here = Here::new();
    let tree = || {
        let access = here.access.clone();
        let repository = discover(sandbox.path(), None).unwrap();
        let provider = Arc::new(Upstream::of_clone(move || Ok(access.clone())));
        Arc::new(commit_tree_with(&repository, &head(&repository).unwrap(), provider).unwrap())
    };
    let (cache, asked) = (MemoryCache::default(), || (smart.count("/batch"), smart.requests.lock().unwrap().len()));
    make_all(tree(), &cache);
    assert_eq!(asked(), (1, 6), "one batch, five files");

    fs::remove_dir_all(sandbox.path().join(".git/lfs")).unwrap();
    make_all(tree(), &cache);
    assert_eq!(asked(), (1, 6), "layers that are known need nothing");

    sandbox.write(&[("b/f.bin", &pointer(5))]);
    sandbox.commit("another");
    make_all(tree(), &cache);
    assert_eq!(asked(), (2, 8), "of the layer that is new, the file");
}
