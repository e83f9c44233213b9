//! Registries that are out of reach, refuse, fail, or speak otherwise.

use super::super::fake_registry::{FakeRegistry, Login, Trouble, tls_front};
use super::{app, told, told_beside};

#[test]
fn no_repository_or_none_that_is_one() {
    insta::assert_snapshot!(told(&app(), &["build"]), @r"
    exit 1
    error: no repository for the images was given
    help: name it with `--repo registry.example.org/team/app` or in WERF_REPO
    ");
    insta::assert_snapshot!(told(&app(), &["build", "--repo", "https://example.org/app"]), @r"
    exit 1
    error: --repo: `https://example.org/app` is not the name of a repository: it has a scheme
    help: leave the scheme out; `--insecure-registry` asks for plain HTTP
    ");
    insta::assert_snapshot!(told(&app(), &["build", "--repo", "example.org/Team/App"]), @r"
    exit 1
    error: --repo: `example.org/Team/App` is not the name of a repository: its path has `Team`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes
    help: the form is `HOST[:PORT]/PATH`, such as `registry.example.org/team/app`
    ");
    insta::assert_snapshot!(told(&app(), &["build", "--repo", "example.org/app:latest"]), @r"
    exit 1
    error: --repo: `example.org/app:latest` is not the name of a repository: it has a tag or a digest
    help: leave tag and digest out: the tags of images are made from their content
    ");
}

#[test]
fn nobody_listens() {
    insta::assert_snapshot!(told(&app(), &["build", "--repo", "127.0.0.1:9/app"]).replace("127.0.0.1:9/", "HOST/"), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: registry `127.0.0.1:9` cannot be reached
      because: Connection refused (os error 111)
    help: check the registry's name and port in `--repo`, that it runs, and that this machine's network reaches it
    ");
    insta::assert_snapshot!(told(&app(), &["cleanup", "--without-kube", "--repo", "127.0.0.1:9/app"]).replace("127.0.0.1:9", "HOST"), @r"
    exit 1
    error: cannot list the tags of `HOST/app`: registry `HOST` cannot be reached
      because: Connection refused (os error 111)
    help: check the registry's name and port in `--repo`, that it runs, and that this machine's network reaches it
    ");
}

#[test]
fn a_list_of_what_to_keep_that_is_not_there() {
    insta::assert_snapshot!(told(&app(), &["cleanup", "--without-kube", "--repo", "127.0.0.1:9/app", "--keep-list", "/nowhere/list"]), @r"
    exit 1
    error: --keep-list: cannot read `/nowhere/list`
      because: No such file or directory (os error 2)
    help: name a file with one tag or reference a line; nothing was deleted
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credentials() {
    let registry = FakeRegistry::start(Login::Basic("ann", "secret")).await;
    insta::assert_snapshot!(told_beside(&app(), &["build", "--repo", &registry.repository("app")]), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: registry `HOST` wants credentials, and `[SANDBOX]/home/.docker/config.json` has none for it
      because: HEAD http://HOST/v2/app/manifests/DIGEST answered 401 Unauthorized
    help: log in with `werf cr login HOST`, or point DOCKER_CONFIG at a directory whose config.json has its credentials
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused() {
    let registry = FakeRegistry::start(Login::Bearer("ann", "secret")).await;
    let sandbox = app();
    let auth = r#"{"auths": {"HOST": {"auth": "YW5uOndyb25n"}}}"#.replace("HOST", &registry.address.to_string());
    std::fs::create_dir_all(sandbox.root().join("home/.docker")).expect("a directory");
    std::fs::write(sandbox.root().join("home/.docker/config.json"), auth).expect("a file");
    insta::assert_snapshot!(told_beside(&sandbox, &["build", "--repo", &registry.repository("app")]), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: registry `HOST` does not accept user `ann`
      because: GET http://HOST/token answered 401 Unauthorized, UNAUTHORIZED: incorrect username or password
    help: the password or token may be wrong or expired; log in again with `werf cr login HOST`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_no_good() {
    let registry = FakeRegistry::start(Login::Open).await;
    let repo = registry.repository("app");
    let sandbox = app();
    let answer = |on: &'static str, status: u16, body: &'static str, command: &[&str]| {
        registry.fault(on, 1, Trouble::Answer(status, body));
        let told = told_beside(&sandbox, command);
        registry.take_log();
        told
    };
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    insta::assert_snapshot!(answer("HEAD", 403, denied, &["build", "--repo", &repo]), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: registry `HOST` forbids it to those who are not logged in
      because: HEAD http://HOST/v2/app/manifests/DIGEST answered 403 Forbidden
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`
    ");
    insta::assert_snapshot!(answer("GET /v2/app/tags", 403, denied, &["cleanup", "--without-kube", "--repo", &repo]), @r"
    exit 1
    error: cannot list the tags of `HOST/app`: registry `HOST` forbids it to those who are not logged in
      because: GET http://HOST/v2/app/tags/list answered 403 Forbidden, DENIED: requested access to the resource is denied
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`
    ");
    insta::assert_snapshot!(answer("HEAD", 302, "", &["build", "--repo", &repo]), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: registry `HOST` rejected the request
      because: HEAD http://HOST/v2/app/manifests/DIGEST answered 302 Found
    help: is a registry at this address? A proxy or a login page between may answer in its place
    ");
    insta::assert_snapshot!(answer("GET /v2/app/tags", 200, "<html>", &["cleanup", "--without-kube", "--repo", &repo]), @r"
    exit 1
    error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags is not JSON: expected value at line 1 column 1
    help: is a registry at this address? A proxy or a login page between may answer in its place
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails() {
    let registry = FakeRegistry::start(Login::Open).await;
    registry.fault("HEAD", 99, Trouble::Answer(500, "boom"));
    insta::assert_snapshot!(told_beside(&app(), &["build", "--repo", &registry.repository("app")]), @r"
    exit 1
    Trying again in TIME: check image `HOST/app:DIGEST` (HOST: 500 Internal Server Error)
    error: cannot check image `HOST/app:DIGEST`: registry `HOST` failed (5 tries)
      because: HEAD http://HOST/v2/app/manifests/DIGEST answered 500 Internal Server Error
    help: the fault is the registry's: see its log, then run the same command again
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_image_that_is_not_there() {
    let registry = FakeRegistry::start(Login::Open).await;
    let daemon = super::super::buildkit::fake::Fake::default().listen().expect("a daemon");
    let sandbox = app();
    let base = registry.repository("base:1");
    sandbox.write(&[("werf.yaml", &format!("project: app\nconfigVersion: 1\n---\nimage: web\nfrom: {base}\n"))]);
    sandbox.commit_all("upon a base");
    let args = ["build", "--repo", &registry.repository("app"), "--buildkit-host", &daemon.endpoint.to_string()];
    insta::assert_snapshot!(told_beside(&sandbox, &args).replace(&daemon.endpoint.to_string(), "ENDPOINT"), @r"
    exit 1
         Missing image web  HOST/app:DIGEST
         Builder ENDPOINT after TIME
    error: cannot read the configuration of image `HOST/base:1`: registry `HOST` has no such thing
      because: GET http://HOST/v2/base/manifests/1 answered 404 Not Found, MANIFEST_UNKNOWN: unknown
    help: check the name; some registries also answer so where an account lacks the right to see it
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_where_there_is_none_and_the_other_way_round() {
    let registry = FakeRegistry::start(Login::Open).await;
    let secure = tls_front(&registry).await;
    insta::assert_snapshot!(told_beside(&app(), &["build", "--repo", &format!("{secure}/app")]), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: the certificate of registry `HOST` cannot be verified
      because: invalid peer certificate: UnknownIssuer
    help: add its authority to the system's certificates (SSL_CERT_FILE names another bundle), or pass `--skip-tls-verify-registry`
    ");
    insta::assert_snapshot!(told_beside(&app(), &["build", "--insecure-registry", "--repo", &format!("{secure}/app")]), @r"
    exit 1
    error: cannot check image `HOST/app:DIGEST`: registry `HOST` speaks HTTPS, and we tried plain HTTP
      because: it answered 400 Bad Request
    help: leave `--insecure-registry` out; for a certificate that cannot be verified there is `--skip-tls-verify-registry`
    ");
}
