//! `werf cleanup` beside registries, clusters, clones and files that do not tell what they should: in doubt an image stays.

use std::collections::BTreeMap;

use werf::registry::Digest;

use super::super::fake_registry::{FakeRegistry, Login, Trouble};
use super::super::git_servers::Daemon;
use super::super::sandbox::Sandbox;
use super::{told, told_beside};

const YAML: &str = "project: app\nconfigVersion: 1\n";
const IMAGE: &str = "---\nimage: web\ndockerfile: Dockerfile\n";
const ALWAYS: [&str; 3] = ["cleanup", "--keep-stages-built-within-last-n-hours", "0"];

/// A project of one image that a file makes.
fn project(yaml: &str) -> Sandbox {
    let yaml = format!("{YAML}{yaml}{IMAGE}");
    Sandbox::commit(&[("werf.yaml", &yaml), ("Dockerfile", "FROM scratch\nCOPY index.html /\n"), ("index.html", "1")])
}

/// The tag that the commit of a sandbox gives to its image.
fn named(sandbox: &Sandbox, env: &[(&str, &str)]) -> String {
    // A registry that has nothing says what it lacks, though it is not there.
    let printed = sandbox.werf_with(&["config", "list"], env);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let registry = "127.0.0.1:9/app";
    let printed = sandbox.werf_with(&["build", "--explain", "--repo", registry], env);
    let at = printed.stderr.find("127.0.0.1:9/app:").expect("a reference") + "127.0.0.1:9/app:".len();
    printed.stderr[at..at + 64].to_owned()
}

/// Puts an image in the registry that a commit built long ago.
fn publish(registry: &FakeRegistry, tag: &str, commit: &str) -> Digest {
    let labels = format!(r#"{{"werf":"app","werf.io/image":"web","werf-project-repo-commit":"{commit}","n":"{tag}"}}"#);
    registry.image("app", tag, &format!(r#"{{"created":"2026-01-02T03:04:05Z","config":{{"Labels":{labels}}}}}"#))
}

/// A tag that can be told apart.
fn tag(letter: char) -> String {
    letter.to_string().repeat(64)
}

/// Runs a cleanup that looks at no age and no cluster.
fn cleanup(sandbox: &Sandbox, registry: &FakeRegistry, more: &[&str]) -> String {
    let repo = registry.repository("app");
    let args: Vec<&str> = ALWAYS.iter().copied().chain(["--without-kube", "--repo", &repo]).chain(more.iter().copied()).collect();
    told_beside(sandbox, &args)
}

fn deletions(registry: &FakeRegistry) -> usize {
    registry.take_log().iter().filter(|line| line.starts_with("DELETE")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_tags_that_are_none() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    publish(&registry, &tag('a'), &"0".repeat(40));
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    for answer in ["{}", "[]", "null", "<html>", r#"{"tags":"all"}"#, r#"{"tags":[1]}"#, r#"{"errors":[]}"#] {
        registry.fault("GET /v2/app/tags", 1, Trouble::Answer(200, answer));
        told.insert(answer, cleanup(&sandbox, &registry, &[]).lines().take(2).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(deletions(&registry), 0);
    insta::assert_debug_snapshot!(told, @r#"
    {
        "<html>": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags is not JSON: expected value at line 1 column 1",
        "[]": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags has no `tags`",
        "null": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags has no `tags`",
        "{\"errors\":[]}": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags has no `tags`",
        "{\"tags\":\"all\"}": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: `tags` in the list of tags is no list of texts",
        "{\"tags\":[1]}": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: `tags` in the list of tags is no list of texts",
        "{}": "exit 1 error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags has no `tags`",
    }
    "#);
    // An empty repository has a list in some registries, with nothing in it.
    registry.fault("GET /v2/app/tags", 1, Trouble::Answer(200, r#"{"name":"app","tags":null}"#));
    insta::assert_snapshot!(cleanup(&sandbox, &registry, &[]), @r"
    exit 0
      Cleaned up 0 deleted, 0 kept
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_cannot_be_read() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    publish(&registry, &tag('a'), &"0".repeat(40));
    registry.put("app", "latest", "application/vnd.oci.image.manifest.v1+json", r#"{"config":{},"layers":[]}"#);
    let denied = r#"{"errors":[{"code":"DENIED","message":"no"}]}"#;
    let mut told = Vec::new();
    for (on, status, answer) in [
        ("GET /v2/app/manifests/aaaa", 200, "<html>Sign in</html>"),
        ("GET /v2/app/manifests/aaaa", 403, denied),
        ("HEAD /v2/app/manifests/latest", 403, denied),
        ("GET /v2/app/blobs/", 403, denied),
    ] {
        registry.fault(on, 1, Trouble::Answer(status, answer));
        told.push(cleanup(&sandbox, &registry, &[]));
    }
    assert_eq!(deletions(&registry), 0);
    insta::assert_snapshot!(told.join("\n"), @r"
    exit 1
    error: cannot read the configuration of image `HOST/app:DIGEST`: registry `HOST` gave an answer that we do not understand: the manifest is malformed: expected value at line 1 column 1
    help: is a registry at this address? A proxy or a login page between may answer in its place

    exit 1
    error: cannot read the configuration of image `HOST/app:DIGEST`: registry `HOST` forbids it to those who are not logged in
      because: GET http://HOST/v2/app/manifests/DIGEST answered 403 Forbidden, DENIED: no
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`

    exit 1
    error: cannot check image `HOST/app:latest`: registry `HOST` forbids it to those who are not logged in
      because: HEAD http://HOST/v2/app/manifests/latest answered 403 Forbidden
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`

    exit 1
    error: cannot read the configuration of image `HOST/app:DIGEST`: registry `HOST` forbids it to those who are not logged in
      because: GET http://HOST/v2/app/blobs/sha256:DIGEST answered 403 Forbidden, DENIED: no
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`
    ");
    // What lies below a manifest may be no image's: that one stays.
    let config = registry.blob("no configuration");
    let manifest = format!(r#"{{"config":{{"digest":"{config}","size":16}},"layers":[]}}"#);
    registry.put("app", &tag('b'), "application/vnd.oci.image.manifest.v1+json", &manifest);
    insta::assert_snapshot!(cleanup(&sandbox, &registry, &["--dry-run"]), @r"
    exit 0
    delete  web  aaaaaaaaaaaa  no cluster was asked, no branch or tag wants it
    keep    -    bbbbbbbbbbbb  not understood: the configuration is not JSON: expected ident at line 1 column 2
    keep    -    latest        not an image of this project
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_that_are_none() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    publish(&registry, &tag('a'), &"0".repeat(40));
    let mut told = Vec::new();
    for (status, answer) in [
        (200, "<html>Sign in</html>"),
        (200, r#"{"status":"queued"}"#),
        (202, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
        (404, r#"{"errors":[{"code":"UNSUPPORTED","message":"no"}]}"#),
        (405, r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#),
        (400, r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#),
        (403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
    ] {
        registry.fault("DELETE", 1, Trouble::Answer(status, answer));
        told.push(cleanup(&sandbox, &registry, &[]));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: registry `HOST` gave an answer that we do not understand: it says that the manifest is deleted, and still has it
    help: is a registry at this address? A proxy or a login page between may answer in its place

    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: registry `HOST` gave an answer that we do not understand: it says that the manifest is deleted, and still has it
    help: is a registry at this address? A proxy or a login page between may answer in its place

    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: registry `HOST` gave an answer that we do not understand: it says that the manifest is deleted, and still has it
    help: is a registry at this address? A proxy or a login page between may answer in its place

    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: deletion is switched off in registry `HOST`
      because: DELETE http://HOST/v2/app/manifests/sha256:DIGEST answered 404 Not Found, UNSUPPORTED: no
    help: switch it on in the registry's configuration (distribution: `storage.delete.enabled: true`)

    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: deletion is switched off in registry `HOST`
      because: DELETE http://HOST/v2/app/manifests/sha256:DIGEST answered 405 Method Not Allowed, UNSUPPORTED: The operation is unsupported.
    help: switch it on in the registry's configuration (distribution: `storage.delete.enabled: true`)

    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: deletion is switched off in registry `HOST`
      because: DELETE http://HOST/v2/app/manifests/sha256:DIGEST answered 400 Bad Request, UNSUPPORTED: The operation is unsupported.
    help: switch it on in the registry's configuration (distribution: `storage.delete.enabled: true`)

    exit 1
    Not finished 0 deleted, 1 left to delete, 0 kept
    error: cannot delete image `HOST/app@sha256:DIGEST`: registry `HOST` forbids it to those who are not logged in
      because: DELETE http://HOST/v2/app/manifests/sha256:DIGEST answered 403 Forbidden, DENIED: no
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`
    ");
    insta::assert_snapshot!(cleanup(&sandbox, &registry, &[]), @r"
    exit 0
         Deleted HOST/app:DIGEST: no cluster was asked, no branch or tag wants it
      Cleaned up 1 deleted, 0 kept
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_of_what_was_done() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    for number in 0..40 {
        publish(&registry, &format!("{number:064x}"), &"0".repeat(40));
    }
    registry.fault("DELETE", 1, Trouble::Answer(405, ""));
    let told = cleanup(&sandbox, &registry, &[]);
    let left = cleanup(&sandbox, &registry, &["--dry-run"]).lines().filter(|line| line.starts_with("delete")).count();
    assert!(told.starts_with("exit 1\n"), "{told}");
    assert!(told.contains(&format!("{} deleted, {left} left to delete, 0 kept", 40 - left)), "{left} are left:\n{told}");
    assert!(left > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keep_list_tells_of_lines_that_name_nothing() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    let digest = publish(&registry, &tag('a'), &"0".repeat(40));
    publish(&registry, &tag('b'), &"0".repeat(40));
    let list = sandbox.root().join("keep");
    std::fs::write(&list, format!("\u{feff}# kept\r\nr.io/app@{digest}\r\nr.io/app:v1\r\n")).expect("a file");
    let list = list.to_str().expect("a path");
    insta::assert_snapshot!(cleanup(&sandbox, &registry, &["--keep-list", list]), @r"
    exit 0
         Warning --keep-list: line 3 names no image of `HOST/app`: `r.io/app:v1`
                 help: write a tag, a digest, or a reference with one of them
         Deleted HOST/app:DIGEST: no cluster was asked, no branch or tag wants it
      Cleaned up 1 deleted, 1 kept
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_as_many_as_there_can_be() {
    let registry = FakeRegistry::start(Login::Open).await;
    publish(&registry, &tag('a'), &"0".repeat(40));
    let repo = registry.repository("app");
    for hours in ["1152921504606846976", "5124095576030432", "18446744073709551615"] {
        let flag = told_beside(
            &project(""),
            &["cleanup", "--dry-run", "--without-kube", "--repo", &repo, "--keep-stages-built-within-last-n-hours", hours],
        );
        assert!(flag.contains("keep    web  aaaaaaaaaaaa  built "), "{hours}: {flag}");
    }
    let sandbox = project("cleanup: {keepImagesBuiltWithinLastNHours: 1152921504606846976}\n");
    let file = told_beside(&sandbox, &["cleanup", "--dry-run", "--without-kube", "--repo", &repo]);
    assert!(file.contains("keep    web  aaaaaaaaaaaa  built "), "{file}");
    let sandbox = project("cleanup: {keepImagesBuiltWithinLastNHours: -1}\n");
    insta::assert_snapshot!(told_beside(&sandbox, &["cleanup", "--dry-run", "--without-kube", "--repo", &repo]), @r"
    exit 1
    error: `keepImagesBuiltWithinLastNHours` is -1, and hours count from 0
      ╭─[werf.yaml:3:44]
    3 │ cleanup: {keepImagesBuiltWithinLastNHours: -1}
      ·                                            ─┬ not a number of hours
    help: `disableBuiltWithinLastNHoursPolicy: true` switches the rule off
    ");
}

/// A project with a branch beside main, and the images of both in the registry.
fn two_branches(yaml: &str, registry: &FakeRegistry) -> Sandbox {
    let sandbox = project(yaml);
    sandbox.commit_all("second");
    publish(registry, &named(&sandbox, &[]), &sandbox.git(&["rev-parse", "HEAD"]));
    sandbox.git(&["checkout", "-q", "-b", "feature"]);
    sandbox.write(&[("index.html", "2")]);
    sandbox.commit_all("feature");
    publish(registry, &named(&sandbox, &[]), &"0".repeat(40));
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox
}

/// A clone of a sandbox's repository, as a sandbox's project.
fn clone(url: &str, args: &[&str]) -> Sandbox {
    let clone = Sandbox::empty();
    let args: Vec<&str> = ["clone", "-q"].into_iter().chain(args.iter().copied()).chain([url, "."]).collect();
    clone.git(&args);
    clone
}

const ALL_BRANCHES: &str = "cleanup: {keepPolicies: [{references: {branch: /.*/}, imagesPerReference: {last: 10}}]}\n";

#[tokio::test(flavor = "multi_thread")]
async fn clones_that_lack_history_get_it() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = two_branches(ALL_BRANCHES, &registry);
    publish(&registry, &tag('a'), &"0".repeat(40));
    let daemon = Daemon::new(sandbox.root());
    let urls = [format!("file://{}", sandbox.app().display()), daemon.url("app")];
    for url in &urls {
        for args in [
            &["--depth", "1", "--single-branch"][..],
            &["--depth", "1", "--no-single-branch"],
            &["--single-branch"],
            &["--filter=blob:none", "--no-checkout"],
            &[],
        ] {
            if url.starts_with("git:") && args.iter().any(|arg| arg.starts_with("--filter")) {
                continue;
            }
            let clone = clone(url, args);
            if args.contains(&"--no-checkout") {
                clone.git(&["checkout", "-q", "main"]);
            }
            let told = cleanup(&clone, &registry, &["--dry-run"]);
            let lines = |verb: &str| told.lines().filter(|line| line.starts_with(verb)).count();
            assert_eq!((lines("keep "), lines("delete ")), (2, 1), "{url} {args:?}: {told}");
            if url.starts_with("git:") {
                assert_eq!(clone.git(&["rev-parse", "--is-shallow-repository"]), "false", "{args:?}");
                clone.git(&["fsck", "--connectivity-only"]);
                assert_eq!(clone.git(&["log", "--format=%s"]), "second\nfirst", "{args:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_that_lack_history_and_may_not_get_it() {
    let registry = FakeRegistry::start(Login::Open).await;
    let mut texts = Vec::new();
    for (setting, args) in [
        ("forceShallowClone: true", &["--depth", "1"][..]),
        ("allowUnshallow: false", &["--depth", "1"]),
        ("allowFetchOriginBranchesAndTags: false", &["--depth", "1"]),
        ("allowFetchOriginBranchesAndTags: false", &["--single-branch"]),
    ] {
        let sandbox = two_branches(&format!("gitWorktree: {{{setting}}}\n"), &registry);
        let clone = clone(&format!("file://{}", sandbox.app().display()), args);
        texts.push(cleanup(&clone, &registry, &[]));
    }
    let sandbox = two_branches("", &registry);
    let away = clone(&format!("file://{}", sandbox.app().display()), &["--depth", "1"]);
    away.git(&["remote", "remove", "origin"]);
    texts.push(cleanup(&away, &registry, &[]));
    away.git(&["remote", "add", "origin", "git://127.0.0.1:9/app"]);
    texts.push(cleanup(&away, &registry, &[]));
    away.git(&["remote", "set-url", "origin", &format!("{}/nowhere", sandbox.root().display())]);
    texts.push(cleanup(&away, &registry, &[]).replace(&*sandbox.root().to_string_lossy(), "[ORIGIN]"));
    assert_eq!(deletions(&registry), 0);
    insta::assert_snapshot!(texts.join("\n"), @r"
    exit 1
    error: the history of this clone is cut off (it is shallow), and `gitWorktree.forceShallowClone` of werf.yaml forbids to fetch it: which images are wanted is not known, so nothing was deleted
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; here `git fetch --unshallow` brings the rest

    exit 1
    error: the history of this clone is cut off (it is shallow), and `gitWorktree.allowUnshallow` of werf.yaml forbids to fetch it: which images are wanted is not known, so nothing was deleted
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; here `git fetch --unshallow` brings the rest

    exit 1
    error: the history of this clone is cut off (it is shallow), and `gitWorktree.allowFetchOriginBranchesAndTags` of werf.yaml forbids to fetch it: which images are wanted is not known, so nothing was deleted
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; here `git fetch --unshallow` brings the rest

    exit 1
    error: this clone has only some branches of its origin, and `gitWorktree.allowFetchOriginBranchesAndTags` of werf.yaml forbids to fetch the others: which images they want is not known, so nothing was deleted
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; here `git remote set-branches origin '*' && git fetch --tags` brings them

    exit 1
    error: the history of this clone is cut off (it is shallow), and the clone has no `origin` to fetch it from: which images are wanted is not known, so nothing was deleted
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; here `git fetch --unshallow` brings the rest

    exit 1
    error: the branches and tags of `origin` cannot be fetched: which images they want is not known, so nothing was deleted
      because: cannot reach the Git repository `git://127.0.0.1:9/app`: Connection refused (os error 111)
    help: check that `git fetch origin` works here; or let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml, and set `gitWorktree: {allowFetchOriginBranchesAndTags: false}` in werf.yaml

    exit 1
    error: the branches and tags of `origin` cannot be fetched: which images they want is not known, so nothing was deleted
      because: `[ORIGIN]/nowhere` is no Git repository that can be fetched: `[ORIGIN]/nowhere` is none
    help: check that `git fetch origin` works here; or let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml, and set `gitWorktree: {allowFetchOriginBranchesAndTags: false}` in werf.yaml
    ");
    // A clone that has all may be told not to fetch; one that has lost it all may not.
    let sandbox = two_branches(&format!("gitWorktree: {{allowFetchOriginBranchesAndTags: false}}\n{ALL_BRANCHES}"), &registry);
    let whole = clone(&format!("file://{}", sandbox.app().display()), &[]);
    let told = cleanup(&whole, &registry, &["--dry-run"]);
    assert!(told.starts_with("exit 0\n"), "{told}");
    whole.git(&["remote", "set-head", "origin", "--delete"]);
    whole.git(&["branch", "-q", "-dr", "origin/main", "origin/feature"]);
    insta::assert_snapshot!(cleanup(&whole, &registry, &[]), @r"
    exit 1
    error: no branch of `origin` is known here: which images are wanted is not known, so nothing was deleted
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; here `git fetch origin` brings the branches
    ");
    let first = sandbox.git(&["rev-parse", "HEAD~1"]);
    std::fs::remove_file(sandbox.app().join(".git/objects").join(&first[..2]).join(&first[2..])).expect("a loose object");
    insta::assert_snapshot!(cleanup(&sandbox, &registry, &[]).replace(&first, "FIRST"), @r"
    exit 1
    error: the history cannot be read to its end: which images are wanted is not known, so nothing was deleted
      because: cannot read commit FIRST
      because: An object with id FIRST could not be found
    help: let CI clone all of the history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml; `git fsck` shows what this clone lacks
    ");
    assert_eq!(deletions(&registry), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_tell_where_files_alone_make_them() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("cleanup: {keepPolicies: [{references: {branch: main}, imagesPerReference: {last: 1}}]}\n");
    let commit = |index: &str, readme: &str| {
        sandbox.write(&[("index.html", index), ("docs/README", readme)]);
        sandbox.commit_all(readme);
        sandbox.git(&["rev-parse", "HEAD"])
    };
    let first = commit("1", "a");
    let second = commit("2", "b");
    sandbox.git(&["checkout", "-q", "-b", "side"]);
    let alike = commit("1", "c");
    let other = commit("9", "d");
    sandbox.git(&["checkout", "-q", "main"]);
    commit("1", "e");
    let squashed = named(&sandbox, &[]);
    publish(&registry, &squashed, &"0".repeat(40));
    // None of these is what its commit makes, so that only its commit itself could want it.
    for (letter, commit) in [('a', &first), ('b', &second), ('c', &alike), ('d', &other)] {
        publish(&registry, &tag(letter), commit);
    }
    let told = cleanup(&sandbox, &registry, &["--dry-run"]);
    let kept = |tag: &str| told.lines().any(|line| line.starts_with("keep") && line.contains(&tag[..12]));
    let kept: Vec<bool> = [&squashed, &tag('a'), &tag('b'), &tag('c'), &tag('d')].map(|tag| kept(tag)).to_vec();
    assert_eq!(kept, [true, false, false, false, false], "{told}");
}

/// A project whose image depends on a variable.
fn of_environment() -> Sandbox {
    let yaml = format!("{YAML}{ALL_BRANCHES}{IMAGE}args: {{FLAVOR: '{{{{ env \"FLAVOR\" \"plain\" }}}}'}}\n");
    let rules = "giterminismConfigVersion: 1\nconfig: {goTemplateRendering: {allowEnvVariables: [FLAVOR]}}\n";
    let dockerfile = "FROM scratch\nARG FLAVOR\nLABEL flavor=$FLAVOR\nCOPY index.html /\n";
    Sandbox::commit(&[("werf.yaml", &yaml), ("werf-giterminism.yaml", rules), ("Dockerfile", dockerfile), ("index.html", "1")])
}

/// What a run that finds all images puts into the registry.
fn found(sandbox: &Sandbox, registry: &FakeRegistry, env: &[(&str, &str)]) -> Vec<String> {
    registry.take_log();
    let repo = registry.repository("app");
    let printed = tokio::task::block_in_place(|| sandbox.werf_with(&["build", "--require-built-images", "--repo", &repo], env));
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    registry.take_log().into_iter().filter(|line| line.starts_with("PUT")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_environment_names_is_noted_and_stays() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = of_environment();
    let sweet = [("FLAVOR", "sweet")];
    let image = named(&sandbox, &sweet);
    assert_ne!(image, named(&sandbox, &[]));
    publish(&registry, &image, &"0".repeat(40));
    let commit = sandbox.git(&["rev-parse", "HEAD"]);
    let record = format!("PUT /v2/app/manifests/werf-found-{commit}-{}", &image[..40]);
    assert_eq!(found(&sandbox, &registry, &sweet), [record]);
    assert_eq!(found(&sandbox, &registry, &sweet), Vec::<String>::new(), "never again");
    publish(&registry, &tag('a'), &"0".repeat(40));
    insta::assert_snapshot!(cleanup(&sandbox, &registry, &[]).replace(&image, "IMAGE").replace(&image[..12], "IMAGE"), @r"
    exit 0
         Deleted HOST/app:DIGEST: no cluster was asked, no branch or tag wants it
      Cleaned up 1 deleted, 1 kept
    ");
    // When nobody has the commit any more the image goes, and its record with it.
    sandbox.write(&[("index.html", "2")]);
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "--amend", "-m", "other"]);
    let other = named(&sandbox, &sweet);
    publish(&registry, &other, &sandbox.git(&["rev-parse", "HEAD"]));
    let told = cleanup(&sandbox, &registry, &[]);
    assert!(told.contains("2 deleted, 1 kept") || told.contains("1 deleted, 1 kept"), "{told}");
    assert!(cleanup(&sandbox, &registry, &["--dry-run"]).contains(&other[..12]));
    let tags = registry.take_log().iter().filter(|line| line.contains("werf-found-")).count();
    assert_eq!(tags, 1, "the record was read once, when it went");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_commit_names_is_not_noted() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    publish(&registry, &named(&sandbox, &[]), &"0".repeat(40));
    assert_eq!(found(&sandbox, &registry, &[("FLAVOR", "sweet"), ("WERF_ENV", "dev")]), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_noted_is_told() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = of_environment();
    publish(&registry, &named(&sandbox, &[]), &"0".repeat(40));
    registry.fault("PUT", 1, Trouble::Answer(403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#));
    let repo = registry.repository("app");
    insta::assert_snapshot!(told_beside(&sandbox, &["build", "--require-built-images", "--repo", &repo]), @r"
    exit 0
           Found image web  HOST/app:DIGEST
         Warning that this commit has these images is not noted for `werf cleanup`: cannot store image `HOST/app:werf-found-c36673bffaba8d5f8bc46802753122bd69f4128d-1c3515992757955d220d9429312653bff6001103`: registry `HOST` forbids it to those who are not logged in
                 help: give the account the right to push to the repository, or cleanup may not know who wants the images
    ");
}

/// A kubeconfig for servers that answer below paths of the fake.
fn kubeconfig(sandbox: &Sandbox, registry: &FakeRegistry, clusters: &[&str]) -> String {
    let mut text = "apiVersion: v1\nkind: Config\ncurrent-context: a\nusers: [{name: u, user: {}}]\n".to_owned();
    let names = ["a", "b", "c"];
    let list = |line: &dyn Fn(&str, &str) -> String| {
        names.iter().zip(clusters).map(|(name, path)| line(name, path)).collect::<Vec<_>>().join(", ")
    };
    text += &format!("contexts: [{}]\n", list(&|name, _| format!("{{name: {name}, context: {{cluster: {name}, user: u}}}}")));
    let address = registry.address;
    text += &format!("clusters: [{}]\n", list(&|name, path| format!("{{name: {name}, cluster: {{server: \"http://{address}/{path}\"}}}}")));
    let path = sandbox.root().join("kubeconfig");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a path").to_owned()
}

const LISTS: [&str; 8] = [
    "/api/v1/pods",
    "/api/v1/replicationcontrollers",
    "/apis/apps/v1/replicasets",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
];

/// A cluster without anything but what is put there.
fn cluster(registry: &FakeRegistry, name: &str, more: &[(&str, String)]) {
    for list in LISTS {
        registry.file(&format!("/{name}{list}"), r#"{"kind":"XList","apiVersion":"v1","items":null}"#);
    }
    for (path, text) in more {
        registry.file(&format!("/{name}{path}"), text.clone());
    }
}

fn cleanup_with(sandbox: &Sandbox, registry: &FakeRegistry, kubeconfig: &str, more: &[&str]) -> String {
    let repo = registry.repository("app");
    let args: Vec<&str> =
        ALWAYS.iter().copied().chain(["--repo", &repo, "--kube-config", kubeconfig]).chain(more.iter().copied()).collect();
    told_beside(sandbox, &args)
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_that_do_not_tell() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    publish(&registry, &tag('a'), &"0".repeat(40));
    let mut texts = Vec::new();
    for (at, answer) in
        ["{}", "null", r#"{"kind":"Status","status":"Success"}"#, r#"{"items":null}"#, r#"{"items":{}}"#, "<html>"].into_iter().enumerate()
    {
        let name = format!("odd{at}");
        cluster(&registry, &name, &[(LISTS[3], answer.to_owned())]);
        let kubeconfig = kubeconfig(&sandbox, &registry, &[&name]);
        texts.push(cleanup_with(&sandbox, &registry, &kubeconfig, &[]));
    }
    assert_eq!(deletions(&registry), 0);
    insta::assert_snapshot!(texts.join("\n"), @r"
    exit 1
    error: the cluster of context `a` does not tell which images it uses, so nothing was deleted
      because: the answer of http://HOST/odd0 to GET /apis/apps/v1/deployments makes no sense: it is no list
    help: give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository

    exit 1
    error: the cluster of context `a` does not tell which images it uses, so nothing was deleted
      because: the answer of http://HOST/odd1 to GET /apis/apps/v1/deployments makes no sense: it is no list
    help: give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository

    exit 1
    error: the cluster of context `a` does not tell which images it uses, so nothing was deleted
      because: the answer of http://HOST/odd2 to GET /apis/apps/v1/deployments makes no sense: it is no list
    help: give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository

    exit 1
    error: the cluster of context `a` does not tell which images it uses, so nothing was deleted
      because: the answer of http://HOST/odd3 to GET /apis/apps/v1/deployments makes no sense: it is no list
    help: give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository

    exit 1
    error: the cluster of context `a` does not tell which images it uses, so nothing was deleted
      because: the answer of http://HOST/odd4 to GET /apis/apps/v1/deployments makes no sense: it is no list
    help: give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository

    exit 1
    error: the cluster of context `a` does not tell which images it uses, so nothing was deleted
      because: the answer of http://HOST/odd5 to GET /apis/apps/v1/deployments makes no sense: expected value at line 1 column 1
    help: give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_all_contexts_and_all_kinds_count() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project("");
    let repo = registry.repository("app");
    for letter in ['a', 'b', 'c', 'd', 'e', 'f'] {
        publish(&registry, &tag(letter), &"0".repeat(40));
    }
    let digest = publish(&registry, &tag('d'), &"0".repeat(40));
    let list = |kind: &str, object: String| format!(r#"{{"kind":"{kind}","items":[{object}]}}"#);
    let named = r#""metadata":{"name":"web","namespace":"shop"}"#;
    let pod = format!(
        r#"{{{named},"spec":{{"initContainers":[{{"image":"{repo}:{}"}}],"ephemeralContainers":[{{"image":"{repo}:{}"}}]}}}}"#,
        tag('a'),
        tag('b')
    );
    cluster(&registry, "one", &[(LISTS[0], list("PodList", pod))]);
    let discovered = r#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"argoproj.io"},"versions":[{"version":"v1alpha1","resources":[
        {"resource":"rollouts","responseKind":{"kind":"Rollout"},"scope":"Namespaced"},
        {"resource":"secrets","responseKind":{"kind":"Hidden"},"scope":"Namespaced"}]}]}]}"#;
    let rollout = format!(r#"{{{named},"spec":{{"template":{{"spec":{{"containers":[{{"image":"{repo}:{}"}}]}}}}}}}}"#, tag('c'));
    let job = format!(r#"{{{named},"spec":{{"template":{{"spec":{{"containers":[{{"image":"{repo}:x@{digest}"}}]}}}}}}}}"#);
    let two = [
        ("/apis", discovered.to_owned()),
        ("/api", r#"{"kind":"APIGroupDiscoveryList","items":[]}"#.to_owned()),
        ("/apis/argoproj.io/v1alpha1/rollouts", list("RolloutList", rollout)),
        (LISTS[6], list("JobList", job)),
    ];
    cluster(&registry, "two", &two);
    registry.fault("GET /two/apis/argoproj.io/v1alpha1/secrets", 9, Trouble::Answer(403, r#"{"message":"no"}"#));
    let both = kubeconfig(&sandbox, &registry, &["one", "two"]);
    insta::assert_snapshot!(cleanup_with(&sandbox, &registry, &both, &["--dry-run"]), @r"
    exit 0
    delete  web  eeeeeeeeeeee  no workload uses it, no branch or tag wants it
    delete  web  ffffffffffff  no workload uses it, no branch or tag wants it
    keep    web  aaaaaaaaaaaa  used by Pod/web in namespace shop
    keep    web  bbbbbbbbbbbb  used by Pod/web in namespace shop
    keep    web  cccccccccccc  used by Rollout/web in namespace shop
    keep    web  dddddddddddd  used by Job/web in namespace shop
         Warning the cluster of context `b` does not show secrets.argoproj.io: what only they use is not known to be used
                 help: give the account the right to list them
    ");
    insta::assert_snapshot!(cleanup_with(&sandbox, &registry, &both, &["--dry-run", "--scan-context-only", "a"]), @r"
    exit 0
    delete  web  cccccccccccc  no workload uses it, no branch or tag wants it
    delete  web  dddddddddddd  no workload uses it, no branch or tag wants it
    delete  web  eeeeeeeeeeee  no workload uses it, no branch or tag wants it
    delete  web  ffffffffffff  no workload uses it, no branch or tag wants it
    keep    web  aaaaaaaaaaaa  used by Pod/web in namespace shop
    keep    web  bbbbbbbbbbbb  used by Pod/web in namespace shop
    ");
    // One of several that does not answer leaves everything as it is.
    let third = kubeconfig(&sandbox, &registry, &["one", "two", "three"]);
    registry.fault("/three/", 99, Trouble::Answer(403, r#"{"message":"no"}"#));
    registry.take_log();
    let told = cleanup_with(&sandbox, &registry, &third, &[]);
    assert_eq!(deletions(&registry), 0);
    assert!(told.contains("error: the cluster of context `c` does not tell which images it uses, so nothing was deleted"), "{told}");
}

#[test]
fn no_registry_is_asked_where_the_history_is_not_there() {
    // An error that comes first costs nothing: the registry is not there either.
    let told = told(&Sandbox::empty(), &["cleanup", "--repo", "127.0.0.1:9/app"]);
    assert!(told.starts_with("exit 1\nerror: "), "{told}");
}
