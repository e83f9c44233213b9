//! `project::git::remote` against real servers: `git daemon`, `git http-backend`, and `git upload-pack` behind a program in place of ssh.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use miette::Diagnostic;
use tempfile::TempDir;
use werf::event::Events;
use werf::file_tree::FileTree;
use werf::project::git::remote::{Access, Credentials, Login, Remote, RemoteError, Revision, Settings, resolve};

use super::git::Sandbox;
use super::git_servers::{Daemon, Manners, Smart};

/// A cache of its own, and how servers are reached.
pub struct Here {
    pub dir: TempDir,
    pub access: Access,
}

impl Here {
    pub fn new() -> Self {
        Here::with("")
    }

    /// With a text in place of the user's Git configuration.
    pub fn with(config: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let access = Access {
            cache_dir: dir.path().join("cache"),
            base_dir: dir.path().to_owned(),
            ssh_keys: Vec::new(),
            settings: Arc::new(Settings::parse(config).unwrap()),
            variable: |_| None,
            proxies: Default::default(),
            silence: Duration::from_secs(5),
            credentials: Credentials::All,
            events: Events::none(),
            cancel: Default::default(),
        };
        Here { dir, access }
    }

    pub async fn get(&self, url: &str, revision: &Revision) -> Result<Remote, RemoteError> {
        resolve(&self.access, url, revision, None).await
    }

    /// The clone's directory; there is one.
    fn clone(&self) -> PathBuf {
        let mut dirs = fs::read_dir(self.dir.path().join("cache/git")).unwrap().map(|entry| entry.unwrap().path());
        dirs.find(|path| path.is_dir()).unwrap()
    }

    fn packs(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.clone().join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "pack")).collect()
    }
}

fn branch(name: &str) -> Revision {
    Revision::Branch(name.into())
}

fn text(remote: &Remote, path: &str) -> String {
    String::from_utf8(remote.tree.read(path).unwrap().unwrap_or_default().to_vec()).unwrap()
}

pub fn told(error: &RemoteError) -> String {
    let help = error.help().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("{error}{help}")
}

/// A repository with a history, an annotated tag and a light one.
fn library() -> Sandbox {
    let library = Sandbox::with(&[("a", "one"), ("dir/b", "b")]);
    library.git(&["tag", "-a", "v1", "-m", "v1"]);
    library.git(&["tag", "light"]);
    library.write(&[("a", "two")]);
    library.commit("second");
    library
}

/// A directory in which a repository is `lib`, and `lib.git` too.
fn served(library: &Sandbox) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink(library.path().join(".git"), dir.path().join("lib.git")).unwrap();
    std::os::unix::fs::symlink(library.path(), dir.path().join("lib")).unwrap();
    dir
}

/// All revisions over one transport; `url` is that of the library.
async fn all_revisions(here: &Here, library: &Sandbox, url: &str) {
    let first = library.git(&["rev-parse", "light"]);
    for (revision, commit, a) in [
        (branch("main"), library.git(&["rev-parse", "main"]), "two"),
        (Revision::Tag("v1".into()), first.clone(), "one"),
        (Revision::Tag("light".into()), first.clone(), "one"),
        (Revision::Commit(first.clone()), first.clone(), "one"),
        (Revision::Commit(first[..9].to_owned()), first.clone(), "one"),
    ] {
        let remote = here.get(url, &revision).await.unwrap_or_else(|error| panic!("{url} {revision}: {error:?}"));
        assert_eq!(remote.commit.id.to_string(), commit, "{url} {revision}");
        assert_eq!((text(&remote, "a"), text(&remote, "dir/b")), (a.into(), "b".into()), "{url} {revision}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_brings_every_revision() {
    let library = library();
    let dir = served(&library);
    let daemon = Daemon::new(dir.path());
    all_revisions(&Here::new(), &library, &daemon.url("lib")).await;
    for old in [false, true] {
        let smart = Smart::new(dir.path(), Manners { old, ..Manners::default() });
        all_revisions(&Here::new(), &library, &smart.url("lib.git")).await;
    }
    let mut here = Here::new();
    here.access.settings =
        Arc::new(Settings::parse(&format!("[core]\n\tsshCommand = {}\n", fake_ssh(&here)).replace('\\', "\\\\")).unwrap());
    all_revisions(&here, &library, &format!("someone@example.invalid:{}", library.path().display())).await;
    all_revisions(&here, &library, &format!("ssh://example.invalid:77{}", library.path().display())).await;
    for url in [format!("file://{}", library.path().display()), library.path().join(".git").display().to_string()] {
        all_revisions(&Here::new(), &library, &url).await;
    }
}

/// A program that runs the command of its last argument here, and writes down all arguments.
pub fn fake_ssh(here: &Here) -> String {
    script(
        here,
        "fake-ssh",
        "printf '%s\\n' \"$*\" >>\"$0.log\"\nfor last; do :; done\ncase \"$*\" in *-G*) exit 0;; esac\neval \"$last\"\n",
    )
}

pub fn script(here: &Here, name: &str, text: &str) -> String {
    let path = here.dir.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_gets_the_keys() {
    let library = library();
    let mut here = Here::new();
    let program = fake_ssh(&here);
    here.access.settings = Arc::new(Settings::parse(&format!("[core]\n\tsshCommand = {program} -v\n")).unwrap());
    here.access.ssh_keys = vec!["/keys/one".into(), "/keys/two".into()];
    let url = format!("ssh://git@example.invalid:77{}", library.path().display());
    here.get(&url, &branch("main")).await.unwrap();
    let log = fs::read_to_string(format!("{program}.log")).unwrap();
    let expect = format!(
        "-v -o SendEnv=GIT_PROTOCOL -o BatchMode=yes -o ConnectTimeout=10 -i /keys/one -i /keys/two -o IdentitiesOnly=yes -p 77 \
         git@example.invalid git-upload-pack '{}'\n",
        library.path().display()
    );
    assert_eq!(log, expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_followed_and_only_the_difference_comes() {
    let library = Sandbox::with(&[("large", &noise(400_000)), ("a", "one")]);
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners::default());
    let (here, url) = (Here::new(), smart.url("lib.git"));
    assert_eq!(text(&here.get(&url, &branch("main")).await.unwrap(), "a"), "one");
    for round in 0..3 {
        library.write(&[("a", &format!("round {round}"))]);
        library.commit("more");
        assert_eq!(text(&here.get(&url, &branch("main")).await.unwrap(), "a"), format!("round {round}"));
    }
    let mut sizes: Vec<u64> = here.packs().iter().map(|pack| fs::metadata(pack).unwrap().len()).collect();
    sizes.sort();
    assert!(sizes.len() == 4 && sizes[2] < 2_000 && sizes[3] > 200_000, "{sizes:?}");
    let tip = library.git(&["rev-parse", "main"]);
    let output = std::process::Command::new("git").args(["rev-list", "--count", &tip]).current_dir(here.clone()).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "1",
        "the clone has no history: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + (state >> 33) as u8 % 90)
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_commit_needs_no_request_and_a_known_branch_no_pack() {
    let library = library();
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners::default());
    let (here, url) = (Here::new(), smart.url("lib.git"));
    let id = here.get(&url, &branch("main")).await.unwrap().commit.id.to_string();
    let asked = || smart.requests.lock().unwrap().split_off(0);
    let get = "GET /lib.git/info/refs?service=git-upload-pack";
    assert_eq!(asked(), [get, "POST /lib.git/git-upload-pack", "POST /lib.git/git-upload-pack"]);
    here.get(&url, &Revision::Commit(id)).await.unwrap();
    assert!(asked().is_empty());
    here.get(&url, &branch("main")).await.unwrap();
    assert_eq!(asked(), [get, "POST /lib.git/git-upload-pack"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_clone_heals() {
    let library = library();
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners::default());
    let (here, url) = (Here::new(), smart.url("lib.git"));
    let breaks: [&dyn Fn(); 7] = [
        &|| here.packs().iter().for_each(|pack| fs::remove_file(pack).unwrap()),
        &|| here.packs().iter().for_each(|pack| cut(pack)),
        &|| here.packs().iter().for_each(|pack| scribble(pack)),
        &|| here.packs().iter().for_each(|pack| scribble(&pack.with_extension("idx"))),
        &|| fs::remove_file(here.clone().join("HEAD")).unwrap(),
        &|| fs::write(here.clone().join("config"), "[core\n").unwrap(),
        &|| fs::remove_dir_all(here.clone().join("objects")).unwrap(),
    ];
    let id = library.git(&["rev-parse", "main"]);
    for (at, breaks) in breaks.into_iter().enumerate() {
        for revision in [branch("main"), Revision::Commit(id.clone())] {
            here.get(&url, &branch("main")).await.unwrap();
            breaks();
            let healed = here.get(&url, &revision).await.unwrap_or_else(|error| panic!("break {at}: {error:?}"));
            assert_eq!(text(&healed, "a"), "two", "break {at}");
        }
    }
    // A broken clone is no ground for the next commit either.
    here.packs().iter().for_each(|pack| scribble(pack));
    library.write(&[("a", "three")]);
    library.commit("third");
    let healed = here.get(&url, &branch("main")).await.unwrap();
    assert_eq!((text(&healed, "a"), text(&healed, "dir/b")), ("three".into(), "b".into()));
}

fn writable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

fn cut(path: &Path) {
    writable(path);
    let length = fs::metadata(path).unwrap().len();
    fs::File::options().write(true).open(path).unwrap().set_len(length / 2).unwrap();
}

fn scribble(path: &Path) {
    writable(path);
    let length = fs::metadata(path).unwrap().len() as usize;
    std::thread::sleep(Duration::from_millis(20));
    fs::write(path, vec![b'x'; length]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_packs_may_change() {
    let library = library();
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners::default());
    let (here, url) = (Here::new(), smart.url("lib.git"));
    let id = here.get(&url, &branch("main")).await.unwrap().commit.id.to_string();
    let count = smart.requests.lock().unwrap().len();
    for pack in here.packs() {
        writable(&pack);
        fs::File::options().write(true).open(&pack).unwrap().set_modified(std::time::UNIX_EPOCH + Duration::from_secs(7)).unwrap();
    }
    assert_eq!(text(&here.get(&url, &Revision::Commit(id)).await.unwrap(), "a"), "two");
    assert_eq!(smart.requests.lock().unwrap().len(), count, "nothing is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_share_one_clone() {
    let library = library();
    let dir = served(&library);
    let daemon = Daemon::new(dir.path());
    let (here, url) = (Here::new(), daemon.url("lib"));
    let revisions = [branch("main"), Revision::Tag("v1".into()), branch("main"), Revision::Tag("light".into())];
    let asked = revisions.iter().map(|revision| here.get(&url, revision));
    let texts: Vec<String> = futures::future::join_all(asked).await.into_iter().map(|remote| text(&remote.unwrap(), "a")).collect();
    assert_eq!(texts, ["two", "one", "two", "one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_those_of_the_caller_the_url_and_the_configuration() {
    let library = library();
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners { login: Some("ci:s3cret".into()), ..Manners::default() });
    let (here, url) = (Here::new(), smart.url("lib.git"));
    let login = Login { username: "ci".into(), password: Some("s3cret".into()) };
    resolve(&here.access, &url, &branch("main"), Some(&login)).await.unwrap();
    let with = |login: &str| url.replace("http://", &format!("http://{login}@"));
    Here::new().get(&with("ci:s3cret"), &branch("main")).await.unwrap();
    Here::new().get(&with("ci:s3cr%65t"), &branch("main")).await.unwrap();
    let rewritten = Here::with(&format!("[url \"{}\"]\n\tinsteadOf = git@example.invalid:\n", with("ci:s3cret").replace("lib.git", "")));
    rewritten.get("git@example.invalid:lib.git", &branch("main")).await.unwrap();
    let header = Here::with("[http]\n\textraHeader = Authorization: Basic Y2k6czNjcmV0\n");
    header.get(&url, &branch("main")).await.unwrap();

    let error = Here::new().get(&with("ci:wr0ng-secret"), &branch("main")).await.unwrap_err();
    assert!(!format!("{error:?} {}", told(&error)).contains("wr0ng"));
    assert_eq!(
        told(&error),
        format!(
            "the Git repository `{url}` does not accept who asks (401 Unauthorized): who are you, secret?\n\
             help: let Git know a login (`git config --global credential.helper …`), or give `basicAuth` beside its URL a user and a password"
        )
    );
    let names = fs::read_dir(here.dir.path().join("cache/git")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("s3cret")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_send_to_the_path_with_git() {
    let library = library();
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners { redirects: true, login: Some("ci:s3cret".into()), ..Manners::default() });
    let url = format!("http://ci:s3cret@127.0.0.1:{}/lib", smart.port);
    assert_eq!(text(&Here::new().get(&url, &branch("main")).await.unwrap(), "a"), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_no_reference_leads_to_comes_where_the_server_gives_it() {
    let library = library();
    let lost = library.commit("lost");
    library.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners::default());
    let found = Here::new().get(&smart.url("lib.git"), &Revision::Commit(lost.clone())).await.unwrap();
    assert_eq!(found.commit.id.to_string(), lost);
    let old = Smart::new(dir.path(), Manners { old: true, ..Manners::default() });
    let error = Here::new().get(&old.url("lib.git"), &Revision::Commit(lost.clone())).await.unwrap_err();
    assert_eq!(told(&error), no_commit(&old.url("lib.git"), &lost));
}

fn no_commit(url: &str, commit: &str) -> String {
    format!(
        "the Git repository `{url}` has no commit {commit}\nhelp: check the id, and that a branch or tag of that repository leads to the commit"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_is_wrong() {
    let library = library();
    library.git(&["branch", "maintenance"]);
    let dir = served(&library);
    let (daemon, smart) = (Daemon::new(dir.path()), Smart::new(dir.path(), Manners::default()));
    let (git, http) = (daemon.url("lib"), smart.url("lib.git"));
    let here = Here::new();
    let none = "0123456789012345678901234567890123456789";
    let check_no_git = |url: &str, problem: &str| {
        format!("`{url}` is no Git repository that can be fetched: {problem}\nhelp: check that `git ls-remote` reads this address")
    };
    let local = dir.path().display().to_string();
    for (url, revision, expect) in [
        (&git, branch("mian"), format!("the Git repository `{git}` has no branch `mian`\nhelp: nearest names: `main`, `maintenance`")),
        (
            &http,
            branch("v1"),
            format!("the Git repository `{http}` has no branch `v1`\nhelp: there is a tag of this name: write `tag: v1`"),
        ),
        (&http, Revision::Tag("v2".into()), format!("the Git repository `{http}` has no tag `v2`\nhelp: nearest names: `v1`, `light`")),
        (&git, Revision::Commit(none.into()), no_commit(&git, none)),
        (&http, Revision::Commit(none.into()), no_commit(&http, none)),
        (&http, Revision::Commit("0123456".into()), no_commit(&http, "0123456")),
        (
            &http,
            Revision::Commit("main".into()),
            format!(
                "`main` is no id of a commit of `{http}`\nhelp: write the 40 digits that `git rev-parse` prints; names go to `branch` or `tag`"
            ),
        ),
        (
            &daemon.url("other"),
            branch("main"),
            format!(
                "the Git repository `{}` refuses: no such repository: /other\nhelp: check the path, and that the server lets it be read",
                daemon.url("other")
            ),
        ),
        (
            &smart.url("other.git"),
            branch("main"),
            format!(
                "there is no Git repository at `{}` (404 Not Found)\n\
                 help: check the path; many servers say the same of a repository that the user may not read",
                smart.url("other.git")
            ),
        ),
        (&local, branch("main"), check_no_git(&local, &format!("`{local}` is none"))),
        (
            &"ftp://host/a".to_owned(),
            branch("main"),
            "`ftp://host/a` is no address of a Git repository: `ftp://` is not spoken\n\
             help: write `https://host/path`, `ssh://user@host/path`, `user@host:path`, `git://host/path` or a path"
                .to_owned(),
        ),
    ] {
        let error = here.get(url, &revision).await.expect_err(url);
        assert_eq!(told(&error), expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_network_say_what_is_wrong() {
    let here = Here::new();
    let help = "help: check the address, the network, and the proxies in HTTPS_PROXY and NO_PROXY";
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["git", "http", "https"] {
        let url = format!("{scheme}://127.0.0.1:{refused}/lib");
        let error = here.get(&url, &branch("main")).await.unwrap_err();
        assert_eq!(told(&error), format!("cannot reach the Git repository `{url}`: Connection refused (os error 111)\n{help}"));
        let url = format!("{scheme}://no-such-host.invalid/lib");
        let error = here.get(&url, &branch("main")).await.unwrap_err();
        let told = told(&error);
        assert!(told.starts_with(&format!("cannot reach the Git repository `{url}`: failed to lookup address information")), "{told}");
    }
    for (status, expect) in [
        (
            403,
            "the Git repository `URL` may not be read by who asks (403 Forbidden): go away\nhelp: check that the user or token may read the repository",
        ),
        (
            500,
            "the server of `URL` answered 500 Internal Server Error: go away\nhelp: run again later; if it stays so, ask who runs the server",
        ),
        (
            200,
            "`URL` is no Git repository that can be fetched: it answers `text/plain`, not a Git server's greeting\n\
             help: check that `git ls-remote` reads this address",
        ),
    ] {
        let smart = Smart::new(Path::new("/"), Manners { refuses: Some((status, "go\r\naway\n".into())), ..Manners::default() });
        let url = smart.url("lib");
        let error = here.get(&url, &branch("main")).await.unwrap_err();
        assert_eq!(told(&error), expect.replace("URL", &url));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_too_much_to_do_is_asked_again() {
    let library = library();
    let dir = served(&library);
    let smart = Smart::new(dir.path(), Manners { busy: 2, ..Manners::default() });
    let here = Here::new();
    here.get(&smart.url("lib.git"), &branch("main")).await.unwrap();
    let get = "GET /lib.git/info/refs?service=git-upload-pack";
    let asked = smart.requests.lock().unwrap().split_off(0);
    assert_eq!(asked, [get, get, get, "POST /lib.git/git-upload-pack", "POST /lib.git/git-upload-pack"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_has_an_end() {
    let mut here = Here::new();
    here.access.silence = Duration::from_secs(1);
    let silent = Smart::new(Path::new("/"), Manners { silent: true, ..Manners::default() });
    let program = script(&here, "silent-ssh", "exec sleep 30\n");
    here.access.settings = Arc::new(Settings::parse(&format!("[core]\n\tsshCommand = {program}\n[ssh]\n\tvariant = simple\n")).unwrap());
    for url in [silent.url("lib"), format!("git://127.0.0.1:{}/lib", silent.port), "ssh://example.invalid/lib".to_owned()] {
        let begun = Instant::now();
        let error = here.get(&url, &branch("main")).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(4), "{url}: {:?}", begun.elapsed());
        let expect = format!(
            "the Git repository `{url}` has said nothing for 1 seconds\nhelp: check that a Git server listens there, and run again"
        );
        assert_eq!(told(&error), expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ssh_says_last_is_told() {
    let mut here = Here::new();
    let program = script(&here, "sad-ssh", "echo 'Warning: added' >&2\necho 'git@host: Permission denied (publickey).' >&2\nexit 255\n");
    here.access.settings = Arc::new(Settings::parse(&format!("[core]\n\tsshCommand = {program}\n")).unwrap());
    let error = here.get("git@example.invalid:lib", &branch("main")).await.unwrap_err();
    assert_eq!(
        told(&error),
        format!(
            "cannot read the Git repository `git@example.invalid:lib` by `{program}`: git@host: Permission denied (publickey).\n\
             help: check that `{program} git@example.invalid` logs in without a question; `--ssh-key` names a key"
        )
    );
    here.access.settings = Arc::new(Settings::parse("[core]\n\tsshCommand = /nowhere/ssh\n").unwrap());
    let error = here.get("git@example.invalid:lib", &branch("main")).await.unwrap_err();
    assert!(told(&error).contains("by `/nowhere/ssh`: ") && told(&error).contains("not found"), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn longer_ids_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a"]).args(arguments).current_dir(dir.path());
        assert!(git.status().unwrap().success());
    };
    git(&["init", "-q", "-b", "main", "--object-format=sha256", "lib.git"]);
    git(&["-C", "lib.git", "commit", "-q", "--allow-empty", "-m", "one"]);
    for old in [false, true] {
        let smart = Smart::new(dir.path(), Manners { old, ..Manners::default() });
        let url = smart.url("lib.git/.git");
        let error = Here::new().get(&url, &branch("main")).await.unwrap_err();
        assert_eq!(
            told(&error),
            format!(
                "the Git repository `{url}` names its objects by sha256, which is not read here\nhelp: only repositories of SHA-1 can be mapped"
            )
        );
    }
}
