//! What the project's clone lacks — content of Git LFS, submodules — is fetched where a run wants it, and nowhere else.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::super::fake_registry::full_repository;
use super::super::git::Sandbox as Repository;
use super::super::git_lfs::file;
use super::super::git_servers::{Manners, Quirk, Smart};
use super::super::sandbox::Sandbox;
use super::told_with;

const WERF_YAML: &str = "project: app\nconfigVersion: 1\n";
const IMAGE: &str =
    "project: app\nconfigVersion: 1\n---\nimage: app\nfrom: scratch\ngit: [{add: /, to: /app, excludePaths: [.helm, werf.yaml]}]\n";
const CHART: (&str, &str) = (".helm/templates/a.yaml", "a: {{ werf_image \"app\" }}\n");

/// `render` with a repository that has all images.
fn render() -> [&'static str; 3] {
    static REPOSITORY: LazyLock<String> = LazyLock::new(full_repository);
    ["render", "--repo", &REPOSITORY]
}

fn pointer(bytes: &[u8]) -> (String, (String, Vec<u8>)) {
    let (pointer, file) = file(bytes);
    (format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n", pointer.oid, pointer.size), file)
}

/// A project with two files of Git LFS in its chart and one in its image, of which the server has all that `manners` have.
fn project(text: &str) -> (Sandbox, Vec<(String, Vec<u8>)>) {
    let (one, of_one) = pointer(b"content of one");
    let (two, of_two) = pointer(b"content of two");
    let (asset, of_asset) = pointer(b"an asset");
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.write(&[
        ("werf.yaml", text),
        (".helm/files/one.bin", &one),
        (".helm/files/two.bin", &two),
        (".helm/files/ignored.bin", &asset),
        (".helm/.helmignore", "files/ignored.bin\n"),
        ("asset.bin", &asset),
        (".helm/templates/a.yaml", "a: {{ .Files.Get \"files/one.bin\" }}\nb: {{ .Files.Get \"files/two.bin\" }}\n"),
        (".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n"),
    ]);
    sandbox.commit_all("first");
    fs::create_dir_all(sandbox.root().join("home")).unwrap();
    (sandbox, vec![of_one, of_two, of_asset])
}

fn served(files: &[(String, Vec<u8>)], manners: Manners) -> Smart {
    Smart::new(Path::new("/"), Manners { files: files.to_vec(), ..manners })
}

#[test]
fn content_that_the_chart_reads_is_fetched_once() {
    let (sandbox, files) = project(IMAGE);
    let smart = served(&files, Manners::default());
    sandbox.git(&["remote", "add", "origin", &smart.url("app.git")]);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    a: content of one
    b: content of two
         Fetched 2 files of Git LFS, 0.0 MiB, from http://HOST/app.git/info/lfs in TIME
           Found image app  HOST/app:DIGEST
    ");
    assert_eq!((smart.count("/batch"), smart.requests.lock().unwrap().len()), (1, 3), "one batch; nothing that no one reads");
    assert_eq!(sandbox.werf(&render()).code, 0);
    assert_eq!(smart.requests.lock().unwrap().len(), 3, "what is here is not asked for");
    assert_eq!(sandbox.git(&["status", "--short"]), "");
}

#[test]
fn the_server_that_the_commit_names_is_asked_unless_the_user_names_another() {
    let (sandbox, files) = project(WERF_YAML);
    let smart = served(&files, Manners::default());
    sandbox.git(&["remote", "add", "origin", &smart.url("app.git")]);
    sandbox.write(&[(".lfsconfig", &format!("[lfs]\n\turl = {}\n", smart.url("of-commit")))]);
    sandbox.commit_all("server");
    let asked = |path: &str| {
        let store = sandbox.app().join(".git/lfs");
        assert_eq!(sandbox.werf(&render()).code, 0);
        fs::remove_dir_all(store).unwrap();
        assert_eq!(smart.requests.lock().unwrap().drain(..).next().unwrap(), format!("POST /{path}/objects/batch"));
    };
    asked("of-commit");
    sandbox.git(&["config", "remote.origin.lfsurl", &smart.url("of-remote")]);
    asked("of-remote");
    sandbox.git(&["config", "lfs.url", &smart.url("of-user")]);
    asked("of-user");
    // What is on disk alone names nothing.
    sandbox.git(&["config", "--unset", "lfs.url"]);
    sandbox.git(&["config", "--unset", "remote.origin.lfsurl"]);
    sandbox.write(&[(".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:1/of-disk\n")]);
    asked("of-commit");
}

#[test]
fn content_that_is_not_to_be_had_is_named_with_the_reason() {
    let (sandbox, files) = project(WERF_YAML);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 1
    error: cannot read `.helm/files/one.bin` from commit COMMIT
      because: the content of 2 files that Git LFS keeps is not in this clone:
          .helm/files/one.bin
          .helm/files/two.bin
      because: the clone `[SANDBOX]/app` has no remote to fetch from
    help: bring it with `git lfs pull`; to have it fetched: name one: `git remote add origin URL`
    ");
    let smart = served(&files[..1], Manners::default());
    sandbox.git(&["remote", "add", "origin", &smart.url("app.git")]);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 1
    error: cannot read `.helm/files/two.bin` from commit COMMIT
      because: the content of a file that Git LFS keeps is not in this clone:
          .helm/files/two.bin
      because: the Git LFS server `http://HOST/app.git/info/lfs` lacks DIGEST (Object does not exist)
    help: bring it with `git lfs pull`; to have it fetched: push them from a clone that has them: `git lfs push --all origin`
    ");
    let private = served(&files, Manners { login: Some("ci:s3cret".into()), ..Manners::default() });
    sandbox.git(&["remote", "set-url", "origin", &private.url("app.git")]);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 1
    error: cannot read `.helm/files/two.bin` from commit COMMIT
      because: the content of a file that Git LFS keeps is not in this clone:
          .helm/files/two.bin
      because: the Git repository `http://HOST/app.git/info/lfs` does not accept who asks (401 Unauthorized): who are you, secret?
    help: bring it with `git lfs pull`; to have it fetched: let Git know a login (`git config --global credential.helper …`), or give `basicAuth` beside its URL a user and a password
    ");
    let absent = served(&files, Manners { quirk: Some(Quirk::Absent), ..Manners::default() });
    sandbox.git(&["remote", "set-url", "origin", &absent.url("app.git")]);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 1
    error: cannot read `.helm/files/two.bin` from commit COMMIT
      because: the content of a file that Git LFS keeps is not in this clone:
          .helm/files/two.bin
      because: there is no server of Git LFS at `http://HOST/app.git/info/lfs` (404 Not Found)
    help: bring it with `git lfs pull`; to have it fetched: check that the server has Git LFS and that you may read the repository; `git config lfs.url URL` names another server
    ");
}

#[test]
fn a_token_of_the_clones_own_configuration_is_for_its_remote_alone() {
    let (sandbox, files) = project(WERF_YAML);
    let header = ("authorization".to_owned(), "Basic Y2k6czNjcmV0".to_owned());
    let smart = served(&files, Manners { header: Some(header.clone()), ..Manners::default() });
    sandbox.git(&["remote", "add", "origin", &smart.url("app.git")]);
    // As actions/checkout leaves it.
    sandbox.git(&["config", &format!("http.{}.extraheader", smart.url("")), "AUTHORIZATION: basic Y2k6czNjcmV0"]);
    let text = told_with(&sandbox, &render(), &[]);
    assert!(text.contains("403 Forbidden"), "the header is sent as it is written: {text}");
    sandbox.git(&["config", &format!("http.{}.extraheader", smart.url("")), "AUTHORIZATION: Basic Y2k6czNjcmV0"]);
    assert_eq!(sandbox.werf(&render()).code, 0);

    // A header for all URLs is for the remote of this clone, and not for the server of a submodule.
    let lib = Repository::with(&[("a", "1")]);
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(lib.path().join(".git"), dir.path().join("lib.git")).unwrap();
    let other = Smart::new(dir.path(), Manners::default());
    let sandbox = bound(&other.url("lib.git"), &lib, IMAGE);
    sandbox.git(&["remote", "add", "origin", &smart.url("app.git")]);
    sandbox.git(&["config", "http.extraheader", "AUTHORIZATION: Basic Y2k6czNjcmV0"]);
    fs::write(sandbox.root().join("home/.gitconfig"), "[http]\n\textraHeader = X-Token: of all\n").unwrap();
    fs::write(sandbox.root().join("home/.netrc"), "default login ci password s3cret\n").unwrap();
    assert_eq!(sandbox.werf(&render()).code, 0);
    assert!(other.count("/git-upload-pack") > 0);
    assert_eq!(other.credentials.lock().unwrap().as_slice(), [] as [String; 0]);
}

/// A project with a submodule that was never fetched.
fn bound(url: &str, lib: &Repository, text: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.write(&[("werf.yaml", text), (".gitmodules", &format!("[submodule \"lib\"]\n\tpath = third/lib\n\turl = {url}\n")), CHART]);
    sandbox.git(&["add", "-A"]);
    let id = lib.git(&["rev-parse", "HEAD"]);
    sandbox.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},third/lib")]);
    sandbox.git(&["commit", "-qm", "first"]);
    fs::create_dir_all(sandbox.app().join("third/lib")).unwrap();
    fs::create_dir_all(sandbox.root().join("home")).unwrap();
    sandbox
}

/// A library with a library in it, and a server of both.
struct Libraries {
    lib: Repository,
    _inner: Repository,
    _dir: tempfile::TempDir,
    smart: Smart,
}

fn libraries(manners: Manners) -> Libraries {
    let inner = Repository::with(&[("z", "1")]);
    let lib = Repository::with(&[("x", "1"), (".gitmodules", "[submodule \"inner\"]\n\tpath = in\n\turl = ../inner.git\n")]);
    let id = inner.git(&["rev-parse", "HEAD"]);
    lib.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},in")]);
    lib.git(&["commit", "-qm", "inner"]);
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("group")).unwrap();
    for (name, repository) in [("group/lib.git", &lib), ("group/inner.git", &inner)] {
        std::os::unix::fs::symlink(repository.path().join(".git"), dir.path().join(name)).unwrap();
    }
    let smart = Smart::new(dir.path(), manners);
    Libraries { lib, _inner: inner, _dir: dir, smart }
}

#[test]
fn submodules_that_an_image_sees_are_fetched() {
    let libraries = libraries(Manners { login: Some("ci:s3cret".into()), ..Manners::default() });
    let sandbox = bound("../lib.git", &libraries.lib, IMAGE);
    let remote = libraries.smart.url("group/app.git").replace("//", "//ci:s3cret@");
    sandbox.git(&["remote", "add", "origin", &remote]);
    let fetched = sandbox.werf(&render());
    assert_eq!(fetched.code, 0, "{}", fetched.stderr);
    assert!(!fetched.stderr.contains("s3cret"), "{}", fetched.stderr);
    let count = || libraries.smart.requests.lock().unwrap().len();
    let (before, packs) = (count(), libraries.smart.count("/git-upload-pack"));
    assert_eq!(packs, 2, "a pack of each: {:?}", libraries.smart.requests.lock().unwrap());
    assert_eq!(sandbox.werf(&render()).stdout, fetched.stdout);
    assert_eq!(count(), before, "the cache has them");

    // The same name as with the submodules in their places.
    sandbox.git(&["submodule", "--quiet", "update", "--init", "--recursive"]);
    assert!(sandbox.app().join("third/lib/in/z").exists());
    fs::remove_dir_all(sandbox.root().join("home")).unwrap();
    assert_eq!(sandbox.werf(&render()).stdout, fetched.stdout);
    assert_eq!(sandbox.git(&["status", "--short"]), "");
}

#[test]
fn a_submodule_that_nobody_wants_is_not_fetched() {
    let libraries = libraries(Manners::default());
    let text = IMAGE.replace("excludePaths: [", "excludePaths: [third/lib, ");
    let sandbox = bound(&libraries.smart.url("group/lib.git"), &libraries.lib, &text);
    assert_eq!(sandbox.werf(&render()).code, 0);
    assert_eq!(libraries.smart.requests.lock().unwrap().len(), 0);
    // A Dockerfile whose ignore file leaves it out.
    let sandbox = bound(
        &libraries.smart.url("group/lib.git"),
        &libraries.lib,
        "project: app\nconfigVersion: 1\n---\nimage: app\ndockerfile: Dockerfile\n",
    );
    sandbox.write(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), (".dockerignore", "third\n")]);
    sandbox.git(&["add", "Dockerfile", ".dockerignore"]);
    sandbox.git(&["commit", "-qm", "docker"]);
    assert_eq!(sandbox.werf(&render()).code, 0);
    assert_eq!(libraries.smart.requests.lock().unwrap().len(), 0);
    sandbox.write(&[(".dockerignore", "no\n")]);
    sandbox.git(&["commit", "-qam", "wanted"]);
    let printed = sandbox.werf(&render());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(libraries.smart.count("/git-upload-pack"), 2);
}

#[test]
fn a_submodule_that_is_not_to_be_had_is_named_with_the_reason() {
    let libraries = libraries(Manners { refuses: Some((404, "no such project".into())), ..Manners::default() });
    let sandbox = bound(&libraries.smart.url("group/lib.git"), &libraries.lib, IMAGE);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 1
    error: cannot read `third/lib` from commit COMMIT
      because: the files of the submodule `third/lib` at commit COMMIT are not in this clone: it was not fetched
      because: there is no Git repository at `http://HOST/group/lib.git` (404 Not Found): no such project
    help: run `git submodule update --init --recursive -- third/lib`, or leave the submodule out; to have it fetched: check the path; many servers say the same of a repository that the user may not read
    ");
    assert_eq!(libraries.smart.requests.lock().unwrap().len(), 1, "asked once");
    let sandbox = bound("../lib.git", &libraries.lib, IMAGE);
    insta::assert_snapshot!(told_with(&sandbox, &render(), &[]), @r"
    exit 1
    error: cannot read `third/lib` from commit COMMIT
      because: the files of the submodule `third/lib` at commit COMMIT are not in this clone: it was not fetched
      because: `[SANDBOX]/lib.git` is no Git repository that can be fetched: `[SANDBOX]/lib.git` is none
    help: run `git submodule update --init --recursive -- third/lib`, or leave the submodule out; to have it fetched: check that `git ls-remote` reads this address
    ");
    let sandbox = bound(&libraries.lib.path().display().to_string(), &libraries.lib, IMAGE);
    let text = told_with(&sandbox, &render(), &[]).replace(&libraries.lib.path().display().to_string(), "/lib");
    insta::assert_snapshot!(text, @r"
    exit 1
    error: cannot read `third/lib` from commit COMMIT
      because: the files of the submodule `third/lib` at commit COMMIT are not in this clone: it was not fetched
      because: the commit names `/lib`, a repository of this machine, for the submodule `lib`
    help: run `git submodule update --init --recursive -- third/lib`, or leave the submodule out; to have it fetched: if that is wanted, name it yourself: `git config submodule.lib.url /lib`
    ");
    // What the user says counts.
    sandbox.git(&["config", "submodule.lib.url", &libraries.lib.path().display().to_string()]);
    let text = told_with(&sandbox, &render(), &[]);
    assert!(text.contains("third/lib/in"), "the one in it is still not to be had: {text}");
}

#[test]
fn a_chart_in_a_submodule_is_fetched() {
    let chart =
        Repository::with(&[("templates/a.yaml", "a: of the library\n"), ("Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\n")]);
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(chart.path().join(".git"), dir.path().join("lib.git")).unwrap();
    let smart = Smart::new(dir.path(), Manners::default());
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    for path in [".helm", ".helm/charts/lib"] {
        let modules = format!("[submodule \"lib\"]\n\tpath = {path}\n\turl = {}\n", smart.url("lib.git"));
        sandbox.write(&[("werf.yaml", WERF_YAML), (".gitmodules", &modules)]);
        if path != ".helm" {
            sandbox.git(&["update-index", "--force-remove", ".helm"]);
            sandbox.write(&[(".helm/templates/b.yaml", "b: own\n")]);
        }
        sandbox.git(&["add", "-A"]);
        let id = chart.git(&["rev-parse", "HEAD"]);
        sandbox.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},{path}")]);
        sandbox.git(&["commit", "-qm", path]);
        fs::create_dir_all(sandbox.app().join(path)).unwrap();
        let printed = sandbox.werf(&render());
        assert_eq!(printed.code, 0, "{path}: {}", printed.stderr);
        assert!(printed.stdout.contains("a: of the library"), "{path}: {}", printed.stdout);
    }
}
