//! The registry client over real HTTP: how many requests a question costs, and the whole text of every error.

use std::path::Path;
use std::time::Duration;

use miette::Diagnostic;
use werf::platform::Platform;
use werf::registry::{
    Client, Deletion, Digest, DockerConfig, Options, Patience, Reference, RegistryError, Repository, Scheme, Tag, Verify,
};

use super::fake_registry::{FakeRegistry, Login, Trouble, dripping_server, partial_server, raw_server, tls_front};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// A client that waits for nothing; `auths` is that of a Docker configuration, with `HOST` for the registry.
fn client_with(auths: &str, options: Options) -> Client {
    let text = format!(r#"{{"auths": {auths}}}"#);
    let credentials = DockerConfig::parse(text.as_bytes(), Path::new("/home/me/.docker/config.json")).unwrap();
    let patience = Patience { tries: 3, pause: Duration::from_millis(1), ..Patience::default() };
    Client::new(Options { credentials, patience, ..options })
}

fn client() -> Client {
    client_with("{}", Options::default())
}

fn logged_in(registry: &FakeRegistry, user: &str, password: &str) -> Client {
    let auths = format!(r#"{{"{}": {{"username": "{user}", "password": "{password}"}}}}"#, registry.address);
    client_with(&auths, Options::default())
}

fn reference(registry: &FakeRegistry, rest: &str) -> Reference {
    Reference::parse(&registry.repository(rest)).unwrap()
}

/// An error as a person sees it: message, causes, help; ports and temporary texts made steady.
fn text(error: &RegistryError, address: impl ToString) -> String {
    let mut text = format!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!("\ncause: {inner}"));
        cause = inner.source();
    }
    if let Some(help) = error.help() {
        text.push_str(&format!("\nhelp: {help}"));
    }
    text.replace(&address.to_string(), "HOST")
}

#[tokio::test]
async fn an_image_costs_one_request_and_the_connection_is_kept() {
    let registry = FakeRegistry::start(Login::Open).await;
    let digest = registry.image("app", "1", "{}");
    let client = client();
    for (tag, expect) in [("1", Some(&digest)), ("2", None), ("1", Some(&digest))] {
        let found = client.head(&reference(&registry, &format!("app:{tag}"))).await.unwrap();
        assert_eq!(found.as_ref().map(|found| &found.digest), expect);
    }
    let found = client.head(&reference(&registry, "app:1")).await.unwrap().unwrap();
    assert_eq!(found.media_type, OCI);
    assert!(found.size > 100);
    let expect = ["HEAD /v2/app/manifests/1", "HEAD /v2/app/manifests/2", "HEAD /v2/app/manifests/1", "HEAD /v2/app/manifests/1"];
    assert_eq!(registry.take_log(), expect);
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn a_registry_that_hides_digests_is_read_instead() {
    let registry = FakeRegistry::start(Login::Open).await;
    let digest = registry.image("app", "1", "{}");
    registry.hide_digests();
    let found = client().head(&reference(&registry, "app:1")).await.unwrap().unwrap();
    assert_eq!(found.digest, digest);
    assert_eq!(registry.take_log(), ["HEAD /v2/app/manifests/1", "GET /v2/app/manifests/1"]);
}

#[tokio::test]
async fn basic_credentials_are_shown_when_asked_for_and_then_always() {
    let registry = FakeRegistry::start(Login::Basic("me", "secret")).await;
    registry.image("app", "1", "{}");
    let client = logged_in(&registry, "me", "secret");
    for _ in 0..3 {
        assert!(client.head(&reference(&registry, "app:1")).await.unwrap().is_some());
    }
    let head = "HEAD /v2/app/manifests/1";
    let shown = "HEAD /v2/app/manifests/1 as Basic";
    assert_eq!(registry.take_log(), [head, shown, shown, shown]);
}

#[tokio::test]
async fn a_token_is_fetched_once_per_scope_and_anew_when_it_is_stale() {
    let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
    registry.image("app", "1", "{}");
    let client = logged_in(&registry, "me", "secret");
    let image = reference(&registry, "app:1");
    assert!(client.head(&image).await.unwrap().is_some());
    assert!(client.head(&image).await.unwrap().is_some());
    let shown = "HEAD /v2/app/manifests/1 as Bearer";
    assert_eq!(registry.take_log(), ["HEAD /v2/app/manifests/1", "GET /token as Basic", shown, shown]);

    registry.expire_tokens();
    assert!(client.head(&image).await.unwrap().is_some());
    assert_eq!(registry.take_log(), [shown, "GET /token as Basic", shown]);

    let other = reference(&registry, "other:1");
    assert!(client.head(&other).await.unwrap().is_none());
    assert_eq!(registry.take_log(), ["GET /token as Basic", "HEAD /v2/other/manifests/1 as Bearer"], "the challenge is known by now");
}

#[tokio::test]
async fn images_asked_for_at_once_share_a_token() {
    let registry = FakeRegistry::start(Login::Bearer("", "")).await;
    registry.image("app", "1", "{}");
    let client = client();
    let asked: Vec<_> = (0..8).map(|_| reference(&registry, "app:1")).collect();
    let found = futures::future::join_all(asked.iter().map(|image| client.head(image))).await;
    assert!(found.into_iter().all(|found| found.unwrap().is_some()));
    let log = registry.take_log();
    assert_eq!(log.iter().filter(|line| line.contains("/token")).count(), 1, "{log:?}");
}

#[tokio::test]
async fn an_identity_token_buys_a_bearer_token() {
    let registry = FakeRegistry::start(Login::Identity("refresh")).await;
    registry.image("app", "1", "{}");
    let client = client_with(&format!(r#"{{"http://{}/v2/": {{"identitytoken": "refresh"}}}}"#, registry.address), Options::default());
    assert!(client.head(&reference(&registry, "app:1")).await.unwrap().is_some());
    assert_eq!(registry.take_log(), ["HEAD /v2/app/manifests/1", "POST /token", "HEAD /v2/app/manifests/1 as Bearer"]);
}

#[tokio::test]
async fn configurations_follow_the_platform() {
    let registry = FakeRegistry::start(Login::Open).await;
    let amd =
        registry.image("app", "amd", r#"{"architecture":"amd64","config":{"Labels":{"werf":"shop"}},"created":"2026-01-02T03:04:05Z"}"#);
    let arm = registry.image("app", "arm", r#"{"architecture":"arm64"}"#);
    let entry = |digest: &Digest, platform: &str, architecture: &str| {
        format!(r#"{{"digest":"{digest}","size":1,"mediaType":"{OCI}","platform":{{"os":"{platform}","architecture":"{architecture}"}}}}"#)
    };
    let list = [entry(&arm, "unknown", "unknown"), entry(&arm, "linux", "arm64"), entry(&amd, "linux", "amd64")].join(",");
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{list}]}}"#);
    registry.put("app", "all", "application/vnd.oci.image.index.v1+json", &index);
    let client = client();
    for (tag, platform, expect) in [("amd", "linux/amd64", &amd), ("all", "linux/amd64", &amd), ("all", "linux/arm64", &arm)] {
        let config = client.config(&reference(&registry, &format!("app:{tag}")), &Platform::parse(platform).unwrap()).await.unwrap();
        assert_eq!(&config.manifest.digest, expect, "{tag} {platform}");
    }
    let config = client.config(&reference(&registry, "app:amd"), &Platform::parse("linux/amd64").unwrap()).await.unwrap();
    assert_eq!(config.labels()["werf"], "shop");
    assert_eq!(config.created().unwrap().to_string(), "2026-01-02T03:04:05Z");
    let error = client.config(&reference(&registry, "app:all"), &Platform::parse("linux/s390x").unwrap()).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot read the configuration of image `HOST/app:all`: it has no image for linux/s390x
    help: it has: linux/arm64, linux/amd64
    ");
}

#[tokio::test]
async fn tags_come_page_by_page() {
    let registry = FakeRegistry::start(Login::Open).await;
    for tag in ["a", "b", "c", "d", "e"] {
        registry.image("app", tag, "{}");
    }
    registry.page(2);
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    let tags = client().tags(&repository).await.unwrap();
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    assert_eq!(registry.take_log().len(), 3);
    let none = Repository::parse(&registry.repository("absent")).unwrap();
    assert_eq!(client().tags(&none).await.unwrap(), []);
}

#[tokio::test]
async fn pages_of_tags_that_do_not_end_are_an_error() {
    let registry = FakeRegistry::start(Login::Open).await;
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    for body in [r#"{"tags":["a","b"]}"#, r#"{"tags":[]}"#] {
        registry.fault("GET /v2/app/tags/list", 9, Trouble::Page("/v2/app/tags/list?last=b&n=1000", body));
        let error = client().tags(&repository).await.unwrap_err().to_string();
        let told = "gave an answer that we do not understand: its pages of tags go round in circles";
        assert_eq!(error, format!("cannot list the tags of `{repository}`: registry `{}` {told}", registry.address), "{body}");
        assert_eq!(registry.take_log().len(), 2);
        while client().tags(&repository).await.is_err() {}
        registry.take_log();
    }
}

#[tokio::test]
async fn an_inventory_reads_what_is_ours_and_only_finds_what_is_not() {
    let registry = FakeRegistry::start(Login::Open).await;
    let ours = "a".repeat(64);
    let digest = registry.image("app", &ours, r#"{"config":{"Labels":{"werf":"shop"}},"created":"2026-01-02T03:04:05Z"}"#);
    let other = registry.image("app", "v1", r#"{"config":{"Labels":{"werf":"shop"}}}"#);
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    let images = client().images(&repository, client().tags(&repository).await.unwrap(), 4).await.unwrap();
    let shown: Vec<_> =
        images.iter().map(|image| (image.tag.as_str(), &image.digest, image.labels.len(), image.created.is_some())).collect();
    assert_eq!(shown, [(ours.as_str(), &digest, 1, true), ("v1", &other, 0, false)]);
    assert_eq!(registry.take_log().len(), 4, "a list, a manifest and its configuration, a HEAD");
}

#[tokio::test]
async fn images_are_stored_tagged_and_deleted() {
    let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
    let client = logged_in(&registry, "me", "secret");
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    let config = client.put_blob(&repository, "{}".into()).await.unwrap();
    assert_eq!(client.put_blob(&repository, "{}".into()).await.unwrap(), config);
    assert_eq!(&client.blob(&repository, &config, 100).await.unwrap()[..], b"{}");
    let manifest = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{config}","size":2}},"layers":[]}}"#);
    let image = reference(&registry, "app:1");
    let digest = client.put_manifest(&image, OCI, manifest.as_bytes()).await.unwrap();
    assert_eq!(client.tag(&image, &Tag::parse("2").unwrap()).await.unwrap(), digest);
    assert_eq!(client.head(&reference(&registry, "app:2")).await.unwrap().unwrap().digest, digest);
    assert_eq!(client.delete(&repository, &digest).await.unwrap(), Deletion::Done);
    assert_eq!(client.delete(&repository, &digest).await.unwrap(), Deletion::WasAbsent);
    assert_eq!(client.head(&image).await.unwrap(), None);
}

#[tokio::test]
async fn a_tag_that_cannot_be_replaced_is_looked_up() {
    let refused = r#"{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}"#;
    for status in [400, 403, 409, 412] {
        let registry = FakeRegistry::start(Login::Open).await;
        let (image, other) = (reference(&registry, "app:1"), r#"{"other":1}"#);
        let theirs = registry.put("app", "1", OCI, "{}");
        registry.fault("PUT", 4, Trouble::Answer(status, refused));
        // the same is stored already; under a name that content has made, whatever is there is
        assert_eq!(client().put_manifest(&image, OCI, b"{}").await.unwrap(), theirs, "{status}");
        assert_eq!(client().put_new(&image, OCI, other.as_bytes()).await.unwrap(), theirs, "{status}");
        assert!(client().put_manifest(&image, OCI, other.as_bytes()).await.is_err(), "{status}: another is there");
        assert!(client().put_new(&reference(&registry, "app:2"), OCI, b"{}").await.is_err(), "{status}: nothing is there");
    }
}

#[tokio::test]
async fn requests_at_once_are_bounded() {
    let registry = FakeRegistry::start(Login::Open).await;
    let digest = registry.image("app", "1", "{}");
    registry.fault("HEAD", 200, Trouble::Late(5));
    let (client, image) = (client(), reference(&registry, "app:1"));
    let found = futures::future::join_all((0..200).map(|_| client.head(&image))).await;
    assert!(found.into_iter().all(|found| found.unwrap().unwrap().digest == digest));
    assert!((2..=32).contains(&registry.most_at_once()), "{}", registry.most_at_once());
    assert!(registry.connections() <= 64, "{}", registry.connections());
}

#[tokio::test]
async fn a_login_that_is_renewed_meanwhile_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.json");
    let registry = FakeRegistry::start(Login::Basic("me", "old")).await;
    let write = |password: &str| {
        let text = format!(r#"{{"auths": {{"{}": {{"username": "me", "password": "{password}"}}}}}}"#, registry.address);
        std::fs::write(&file, text).unwrap();
    };
    write("old");
    let client = Client::new(Options { credentials: DockerConfig::load(&file).unwrap(), ..Options::default() });
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    assert!(!client.has_blob(&repository, &Digest::of(b"{}")).await.unwrap());
    registry.relogin(Login::Basic("me", "new"));
    write("new");
    client.put_blob(&repository, "{}".into()).await.unwrap();
    // one that was not renewed is told as one that is not accepted
    registry.relogin(Login::Basic("me", "newer"));
    let error = client.put_blob(&repository, "[]".into()).await.unwrap_err();
    assert!(matches!(error, RegistryError::LoginRefused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_lost_answer_to_an_upload_is_looked_up() {
    let registry = FakeRegistry::start(Login::Open).await;
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    // the upload has ended, and what is sent again is one that nobody knows
    let digest = registry.blob("{}");
    registry.fault("HEAD /v2/app/blobs", 1, Trouble::Answer(404, ""));
    registry.fault("PUT", 1, Trouble::Answer(404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"unknown upload"}]}"#));
    assert_eq!(client().put_blob(&repository, "{}".into()).await.unwrap(), digest);
}

#[tokio::test]
async fn a_stumbling_registry_is_asked_again() {
    for trouble in
        [Trouble::Answer(500, ""), Trouble::Answer(502, "bad gateway"), Trouble::Answer(503, ""), Trouble::Wait("0"), Trouble::Close]
    {
        let registry = FakeRegistry::start(Login::Open).await;
        let digest = registry.image("app", "1", "{}");
        registry.fault("HEAD /v2/app", 2, trouble.clone());
        let found = client().head(&reference(&registry, "app:1")).await.unwrap();
        assert_eq!(found.unwrap().digest, digest, "{trouble:?}");
        assert_eq!(registry.take_log().len(), 3, "{trouble:?}");
    }
}

#[tokio::test]
async fn blobs_are_followed_to_their_store_without_our_credentials() {
    let registry = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let store = FakeRegistry::start(Login::Open).await;
    let digest = registry.blob("{}");
    store.blob("{}");
    registry.fault("GET /v2/app/blobs", 2, Trouble::Redirect(format!("http://{}/v2/x/blobs/{digest}?X-Signature=s3cret", store.address)));
    let client = logged_in(&registry, "me", "secret");
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    assert_eq!(&client.blob(&repository, &digest, 100).await.unwrap()[..], b"{}");
    assert_eq!(store.take_log(), [format!("GET /v2/x/blobs/{digest}")], "nobody is told who we are");
}

#[tokio::test]
async fn loopback_registries_may_speak_tls() {
    let registry = FakeRegistry::start(Login::Open).await;
    let digest = registry.image("app", "1", "{}");
    let address = tls_front(&registry).await;
    let image = Reference::parse(&format!("{address}/app:1")).unwrap();

    let trusting = client_with("{}", Options { tls: Verify::Nothing.into(), ..Options::default() });
    assert_eq!(trusting.head(&image).await.unwrap().unwrap().digest, digest);

    let error = client().head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, address), @"
    error: cannot check image `HOST/app:1`: the certificate of registry `HOST` cannot be verified
    cause: invalid peer certificate: UnknownIssuer
    help: add its authority to the system's certificates (SSL_CERT_FILE names another bundle), or pass `--skip-tls-verify-registry`
    ");

    let insecure = client_with("{}", Options { scheme: Scheme::Insecure, ..Options::default() });
    let error = insecure.head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` speaks HTTPS, and we tried plain HTTP
    cause: it answered 400 Bad Request
    help: leave `--insecure-registry` out; for a certificate that cannot be verified there is `--skip-tls-verify-registry`
    ");
}

#[tokio::test]
async fn errors_of_login() {
    let registry = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let image = reference(&registry, "app:1");
    let error = client().head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` wants credentials, and `/home/me/.docker/config.json` has none for it
    cause: HEAD http://HOST/v2/app/manifests/1 answered 401 Unauthorized
    help: log in with `werf cr login HOST`, or point DOCKER_CONFIG at a directory whose config.json has its credentials
    ");
    let error = logged_in(&registry, "me", "wrong").head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` does not accept user `me`
    cause: HEAD http://HOST/v2/app/manifests/1 answered 401 Unauthorized
    help: the password or token may be wrong or expired; log in again with `werf cr login HOST`
    ");

    let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
    let image = reference(&registry, "app:1");
    let error = client().head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` wants credentials, and `/home/me/.docker/config.json` has none for it
    cause: GET http://HOST/token answered 401 Unauthorized, UNAUTHORIZED: incorrect username or password
    help: log in with `werf cr login HOST`, or point DOCKER_CONFIG at a directory whose config.json has its credentials
    ");
    let error = logged_in(&registry, "me", "wrong").head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` does not accept user `me`
    cause: GET http://HOST/token answered 401 Unauthorized, UNAUTHORIZED: incorrect username or password
    help: the password or token may be wrong or expired; log in again with `werf cr login HOST`
    ");
    assert!(!format!("{error:?}").contains("wrong"), "no secret gets into an error");
}

/// Several registries answer so about what does not exist, to keep secret what does.
#[tokio::test]
async fn a_repository_that_is_not_shown_has_no_image() {
    let page = "<html>not for you</html>";
    for (login, status) in [
        (Login::Bearer("me", "secret"), 401),
        (Login::Bearer("me", "secret"), 403),
        (Login::Basic("me", "secret"), 401),
        (Login::Basic("me", "secret"), 403),
    ] {
        let registry = FakeRegistry::start(login.clone()).await;
        registry.hide_absent(status, ",error=\"insufficient_scope\"");
        let (image, client) = (reference(&registry, "app:1"), logged_in(&registry, "me", "secret"));
        assert_eq!(client.head(&image).await.unwrap(), None, "{login:?} {status}");
        // What is stored there is there.
        let digest = client.put_blob(&image.repository, "{}".into()).await.unwrap();
        let manifest = format!(r#"{{"config":{{"digest":"{digest}","size":2}}}}"#);
        let digest = client.put_manifest(&image, OCI, manifest.as_bytes()).await.unwrap();
        assert_eq!(client.head(&image).await.unwrap().unwrap().digest, digest, "{login:?} {status}");

        let error = client.tags(&reference(&registry, "other:1").repository).await.unwrap_err();
        let said = format!("cannot list the tags of `{}/other`: registry `{0}` knows user `me` and does not show it", registry.address);
        assert_eq!(error.to_string(), said);

        // Those who are not known are told so.
        let image = reference(&registry, "other:1");
        let error = logged_in(&registry, "me", "wrong").head(&image).await.unwrap_err();
        assert!(matches!(error, RegistryError::LoginRefused { .. }), "{login:?} {status}: {error:?}");
        let error = self::client().head(&image).await.unwrap_err();
        assert!(matches!(error, RegistryError::LoginRequired { .. }), "{login:?} {status}: {error:?}");
    }
    // A token that is no good is no login, however fresh it is.
    let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
    registry.hide_absent(401, ",error=\"invalid_token\"");
    let error = logged_in(&registry, "me", "secret").head(&reference(&registry, "app:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::LoginRefused { .. }), "{error:?}");
    // Nobody was asked who we are.
    let registry = FakeRegistry::start(Login::Open).await;
    registry.fault("HEAD", 1, Trouble::Answer(403, page));
    let error = logged_in(&registry, "me", "secret").head(&reference(&registry, "app:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_not_shown_is_named() {
    let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
    registry.hide_absent(401, "");
    let error = logged_in(&registry, "me", "secret").manifest(&reference(&registry, "app:1")).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot read the manifest of `HOST/app:1`: registry `HOST` knows user `me` and does not show it
    cause: GET http://HOST/v2/app/manifests/1 answered 401 Unauthorized, DENIED: not for you
    help: the repository does not exist, or this account lacks the right to see it
    ");
    registry.image("app", "1", "{}");
    registry.fault("DELETE", 1, Trouble::Answer(403, ""));
    let repository = reference(&registry, "app:1").repository;
    let error = logged_in(&registry, "me", "secret").delete(&repository, &Digest::of(b"x")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn a_token_service_that_refuses_a_scope_is_asked_for_less() {
    for (part, status, expect) in [
        ("delete", 400, vec!["DELETE", "GET /token", "GET /token", "DELETE"]),
        ("delete", 403, vec!["DELETE", "GET /token", "GET /token", "DELETE"]),
        ("scope", 401, vec!["DELETE", "GET /token", "GET /token", "GET /token", "GET /token", "DELETE"]),
    ] {
        let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
        let digest = registry.image("app", "1", "{}");
        registry.refuse_scope(part, status);
        let repository = reference(&registry, "app:1").repository;
        assert_eq!(logged_in(&registry, "me", "secret").delete(&repository, &digest).await.unwrap(), Deletion::Done);
        let log = registry.take_log();
        assert!(log.iter().zip(&expect).all(|(line, start)| line.starts_with(start)) && log.len() == expect.len(), "{part} {log:?}");
    }
    // A scope that is refused for what does not exist is no refused login; and a refused login stays one.
    let registry = FakeRegistry::start(Login::Bearer("me", "secret")).await;
    registry.refuse_scope("scope", 403);
    registry.hide_absent(401, "");
    assert_eq!(logged_in(&registry, "me", "secret").head(&reference(&registry, "app:1")).await.unwrap(), None);
    registry.take_log();
    let error = logged_in(&registry, "me", "wrong").head(&reference(&registry, "app:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::LoginRefused { .. }), "{error:?}");
    assert_eq!(registry.take_log(), ["HEAD /v2/app/manifests/1", "GET /token as Basic", "GET /token as Basic"]);
    let error = client().head(&reference(&registry, "app:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::LoginRequired { .. }), "{error:?}");
    assert_eq!(registry.take_log(), ["HEAD /v2/app/manifests/1", "GET /token"]);
}

#[tokio::test]
async fn odd_answers_about_an_image() {
    let page = "<!doctype html><html><body>Log in</body></html>";
    let registry = FakeRegistry::start(Login::Open).await;
    let digest = registry.image("app", "1", "{}");
    let image = reference(&registry, "app:1");

    registry.hide_types();
    let found = client().head(&image).await.unwrap().unwrap();
    assert_eq!((&found.digest, found.media_type.as_str()), (&digest, OCI));
    let manifest = client().manifest(&image).await.unwrap();
    assert_eq!((&manifest.digest, manifest.media_type.as_str()), (&digest, OCI));

    // A server that does not know HEAD.
    registry.fault("HEAD", 1, Trouble::Answer(405, ""));
    assert_eq!(client().head(&image).await.unwrap().unwrap().digest, digest);

    // A login page in the registry's place is no image, whether it is there or not.
    for tag in ["1", "2"] {
        registry.fault("manifests", 2, Trouble::Answer(200, page));
        let error = client().head(&reference(&registry, &format!("app:{tag}"))).await.unwrap_err();
        let expect = format!(
            "cannot check image `{0}/app:{tag}`: registry `{0}` gave an answer that we do not understand: \
             the manifest is malformed: expected value at line 1 column 1",
            registry.address
        );
        assert_eq!(error.to_string(), expect);
    }
    registry.fault("manifests", 2, Trouble::Answer(404, page));
    assert_eq!(client().head(&image).await.unwrap(), None);
}

#[tokio::test]
async fn errors_of_the_registry() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let html = "<html><body>login</body></html>";
    let registry = FakeRegistry::start(Login::Open).await;
    let repository = Repository::parse(&registry.repository("app")).unwrap();
    let image = reference(&registry, "app:1");
    let digest = Digest::of(b"x");

    registry.fault("GET", 1, Trouble::Answer(403, denied));
    let error = client().manifest(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot read the manifest of `HOST/app:1`: registry `HOST` forbids it to those who are not logged in
    cause: GET http://HOST/v2/app/manifests/1 answered 403 Forbidden, DENIED: requested access to the resource is denied
    help: give this account the right to do so, or log in as another one with `werf cr login HOST`
    ");
    assert!(!error.is_transient());

    let error = client().manifest(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot read the manifest of `HOST/app:1`: registry `HOST` has no such thing
    cause: GET http://HOST/v2/app/manifests/1 answered 404 Not Found, MANIFEST_UNKNOWN: unknown
    help: check the name; some registries also answer so where an account lacks the right to see it
    ");

    registry.fault("HEAD", 3, Trouble::Answer(500, ""));
    let error = client().head(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` failed (3 tries)
    cause: HEAD http://HOST/v2/app/manifests/1 answered 500 Internal Server Error
    help: the fault is the registry's: see its log, then run the same command again
    ");
    assert!(error.is_transient());

    registry.fault("GET", 3, Trouble::Wait("0"));
    let error = client().tags(&repository).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot list the tags of `HOST/app`: registry `HOST` lets us ask no more for now (3 tries)
    cause: GET http://HOST/v2/app/tags/list answered 429 Too Many Requests, TOOMANYREQUESTS: slow down
    help: wait and run the same command again; most registries give accounts that are logged in a higher limit
    ");

    registry.fault("DELETE", 1, Trouble::Answer(405, r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#));
    let error = client().delete(&repository, &digest).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot delete image `HOST/app@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881`: deletion is switched off in registry `HOST`
    cause: DELETE http://HOST/v2/app/manifests/sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 answered 405 Method Not Allowed, UNSUPPORTED: The operation is unsupported.
    help: switch it on in the registry's configuration (distribution: `storage.delete.enabled: true`)
    ");

    registry.fault("PUT", 1, Trouble::Answer(400, r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}"#));
    let error = client().put_manifest(&image, OCI, b"{}").await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @r"
    error: cannot store image `HOST/app:1`: registry `HOST` rejected the request
    cause: PUT http://HOST/v2/app/manifests/1 answered 400 Bad Request, MANIFEST_INVALID: manifest invalid
    help: is a registry at this address? A proxy or a login page between may answer in its place
    ");

    registry.fault("GET", 1, Trouble::Answer(200, html));
    let error = client().tags(&repository).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot list the tags of `HOST/app`: registry `HOST` gave an answer that we do not understand: the list of tags is not JSON: expected value at line 1 column 1
    help: is a registry at this address? A proxy or a login page between may answer in its place
    ");

    registry.put("app", "broken", OCI, "{}");
    let error = client().config(&reference(&registry, "app:broken"), &Platform::parse("linux/amd64").unwrap()).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot read the configuration of image `HOST/app:broken`: registry `HOST` gave an answer that we do not understand: the manifest is malformed: it has neither `config` nor `manifests`
    help: is a registry at this address? A proxy or a login page between may answer in its place
    ");

    registry.fault("GET", 9, Trouble::Redirect(format!("http://{}/v2/app/manifests/2", registry.address)));
    let error = client().manifest(&image).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot read the manifest of `HOST/app:1`: registry `HOST` gave an answer that we do not understand: it redirects more than 5 times
    help: is a registry at this address? A proxy or a login page between may answer in its place
    ");
}

#[tokio::test]
async fn errors_of_the_wire() {
    let registry = FakeRegistry::start(Login::Open).await;
    // The address of any interface leads here too and is not taken for loopback, so TLS is tried.
    let anywhere = format!("0.0.0.0:{}", registry.address.port());
    let error = client().head(&Reference::parse(&format!("{anywhere}/app:1")).unwrap()).await.unwrap_err();
    insta::assert_snapshot!(text(&error, anywhere), @"
    error: cannot check image `HOST/app:1`: registry `HOST` speaks plain HTTP, and we tried HTTPS
    cause: received corrupt message of type InvalidContentType
    help: if plain HTTP is meant, pass `--insecure-registry`
    ");

    registry.fault("HEAD", 3, Trouble::Close);
    let error = client().head(&reference(&registry, "app:1")).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: the connection to registry `HOST` broke (3 tries)
    cause: connection closed before message completed
    help: run the same command again; what was done is kept
    ");
    assert!(error.is_transient());

    let tls_alert = raw_server(b"\x15\x03\x01\x00\x02\x02\x16").await;
    let insecure = client_with("{}", Options { scheme: Scheme::Insecure, ..Options::default() });
    let error = insecure.head(&Reference::parse(&format!("{tls_alert}/app:1")).unwrap()).await.unwrap_err();
    insta::assert_snapshot!(text(&error, tls_alert), @"
    error: cannot check image `HOST/app:1`: registry `HOST` speaks HTTPS, and we tried plain HTTP
    cause: invalid HTTP version parsed
    help: leave `--insecure-registry` out; for a certificate that cannot be verified there is `--skip-tls-verify-registry`
    ");

    let address = registry.address;
    drop(registry);
    let error = client().head(&Reference::parse(&format!("{address}/app:1")).unwrap()).await.unwrap_err();
    insta::assert_snapshot!(text(&error, address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` cannot be reached
    cause: Connection refused (os error 111)
    help: check the registry's name and port in `--repo`, that it runs, and that this machine's network reaches it
    ");

    let registry = FakeRegistry::start(Login::Open).await;
    registry.fault("HEAD", 9, Trouble::Hang);
    let hasty = Patience { tries: 1, timeout: Duration::from_secs(1), ..Patience::default() };
    let hasty = Client::new(Options { patience: hasty, ..Options::default() });
    let error = hasty.head(&reference(&registry, "app:1")).await.unwrap_err();
    insta::assert_snapshot!(text(&error, registry.address), @"
    error: cannot check image `HOST/app:1`: registry `HOST` did not answer within 1 s (1 try)
    help: run the same command again; if it stays so, see the registry's load and the network between
    ");
}

/// Servers that keep a promise half, at each way to do so: all end soon, and say what happened.
#[tokio::test]
async fn servers_that_misbehave_are_left_in_time() {
    let patience =
        Patience { tries: 2, pause: Duration::from_millis(1), timeout: Duration::from_millis(300), budget: Duration::from_millis(500) };
    let client = Client::new(Options { patience, ..Options::default() });
    let silent = "did not answer within 0 s (2 tries)";
    for (reply, forever, expect) in [
        (&b""[..], true, silent),
        (b"HTTP/1.1 200 OK\r\n", true, silent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, silent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"con", true, silent),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"con\r\n", true, silent),
        (b"", false, "broke (2 tries)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"con", false, "broke (2 tries)"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"con\r\n", false, "broke (2 tries)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{\"config\":{}}", false, "the manifest is malformed"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", false, "speaks plain HTTP, and we tried HTTPS"),
    ] {
        let address = partial_server(reply, forever).await;
        let began = std::time::Instant::now();
        let error = client.manifest(&Reference::parse(&format!("{address}/app:1")).unwrap()).await.unwrap_err();
        assert!(error.to_string().contains(expect), "{:?} {forever}: {error}", String::from_utf8_lossy(reply));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?} {forever}: {:?}", String::from_utf8_lossy(reply), began.elapsed());
    }
    // one byte after the other, each in good time
    let address = dripping_server().await;
    let error = client.manifest(&Reference::parse(&format!("{address}/app:1")).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains(silent), "{error}");
}

#[test]
fn nobody_waits_longer_than_a_minute_for_a_silent_registry() {
    let patience = Patience::default();
    assert!(patience.budget + Duration::from_secs(5) < Duration::from_secs(60));
}

/// An image with one layer of some megabytes under `app:1`, its digest and that of the layer.
fn layered(registry: &FakeRegistry) -> (Digest, Digest) {
    let bytes: Vec<u8> = (0..3_000_000u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[..1].to_vec()).collect();
    let (layer, config) = (registry.bytes(bytes), registry.blob("{}"));
    let entry = |digest: &Digest, size: usize| serde_json::json!({"mediaType": "x/y", "digest": digest.as_str(), "size": size});
    let layers = [entry(&layer, 3_000_000), entry(&layer, 3_000_000)];
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": OCI, "config": entry(&config, 2), "layers": layers});
    (registry.put("app", "1", OCI, &manifest.to_string()), layer)
}

/// Requests without what the order of two blobs decides.
fn sorted(registry: &FakeRegistry) -> Vec<String> {
    let mut log: Vec<String> =
        registry.take_log().into_iter().map(|line| line.split("sha256:").next().unwrap_or_default().into()).collect();
    log.sort();
    log
}

#[tokio::test]
async fn an_image_is_copied_to_another_registry_as_it_is() {
    let (source, target) = (FakeRegistry::start(Login::Open).await, FakeRegistry::start(Login::Bearer("me", "secret")).await);
    let (digest, layer) = layered(&source);
    let client = logged_in(&target, "me", "secret");
    let (from, to) = (reference(&source, "app:1"), reference(&target, "final:1"));
    assert_eq!(client.copy(&from, &to).await.unwrap(), digest);
    assert_eq!(target.blob_of(&layer), source.blob_of(&layer));
    assert_eq!(client.head(&to).await.unwrap().map(|found| found.digest), Some(digest.clone()));
    assert_eq!(sorted(&source), ["GET /v2/app/blobs/", "GET /v2/app/blobs/", "GET /v2/app/manifests/1"], "each blob once");
    target.take_log();
    // what is there is not sent again
    assert_eq!(client.copy(&from, &reference(&target, "final:2")).await.unwrap(), digest);
    let (head, put) = ("HEAD /v2/final/blobs/", "PUT /v2/final/manifests/2 as Bearer");
    assert_eq!(sorted(&target), [head, head, put]);
    assert_eq!(sorted(&source), ["GET /v2/app/manifests/1"]);
}

#[tokio::test]
async fn an_index_is_copied_with_its_images_and_one_without_any() {
    let (source, target) = (FakeRegistry::start(Login::Open).await, FakeRegistry::start(Login::Open).await);
    let (part, layer) = layered(&source);
    let index = |entries: serde_json::Value| {
        let index = "application/vnd.oci.image.index.v1+json";
        serde_json::json!({"schemaVersion": 2, "mediaType": index, "manifests": entries}).to_string()
    };
    let full = index(serde_json::json!([{"mediaType": OCI, "digest": part.as_str(), "size": 1}]));
    for (tag, document) in [("all", full), ("note", index(serde_json::json!([])))] {
        let digest = source.put("app", tag, "application/vnd.oci.image.index.v1+json", &document);
        let to = reference(&target, &format!("final:{tag}"));
        assert_eq!(client().copy(&reference(&source, &format!("app:{tag}")), &to).await.unwrap(), digest);
        assert_eq!(client().manifest(&to).await.unwrap().bytes, document.as_bytes());
    }
    assert!(target.blob_of(&layer).is_some());
    assert!(client().manifest(&reference(&target, &format!("final@{part}"))).await.is_ok());
}

#[tokio::test]
async fn blobs_of_one_registry_are_mounted_and_a_refusal_is_no_error() {
    let registry = FakeRegistry::start(Login::Open).await;
    let (digest, _) = layered(&registry);
    let (from, to) = (reference(&registry, "app:1"), reference(&registry, "final:1"));
    registry.mount_blobs();
    assert_eq!(client().copy(&from, &to).await.unwrap(), digest);
    let mount = "POST /v2/final/blobs/uploads/";
    assert_eq!(sorted(&registry), ["GET /v2/app/manifests/1", mount, mount, "PUT /v2/final/manifests/1"]);
    // who does not mount is asked whether it has the blob all the same
    registry.fault(mount, 2, Trouble::Answer(403, r#"{"errors":[{"code":"DENIED","message":"no mounts"}]}"#));
    assert_eq!(client().copy(&from, &to).await.unwrap(), digest);
    let head = "HEAD /v2/final/blobs/";
    assert_eq!(sorted(&registry), ["GET /v2/app/manifests/1", head, head, mount, mount, "PUT /v2/final/manifests/1"]);
}

#[tokio::test]
async fn a_copy_that_breaks_is_begun_again_and_says_whose_fault_it_was() {
    let (source, target) = (FakeRegistry::start(Login::Open).await, FakeRegistry::start(Login::Open).await);
    let (digest, layer) = layered(&source);
    let (from, to) = (reference(&source, "app:1"), reference(&target, "final:1"));
    source.fault("GET /v2/app/blobs/", 2, Trouble::Close);
    target.fault("PUT /v2/final/blobs/", 1, Trouble::Answer(503, ""));
    assert_eq!(client().copy(&from, &to).await.unwrap(), digest);

    let other = FakeRegistry::start(Login::Open).await;
    source.fault("GET /v2/app/blobs/", 9, Trouble::Close);
    let error = client().copy(&from, &reference(&other, "final:1")).await.unwrap_err();
    let shown = text(&error, source.address).replace(&other.address.to_string(), "TARGET");
    let shown = shown.replace(layer.as_str(), "DIGEST").replace(Digest::of(b"{}").as_str(), "DIGEST");
    let (message, _) = shown.split_once("\ncause: ").unwrap();
    assert_eq!(message, "error: cannot copy blob `HOST/app@DIGEST` to `TARGET/final`: the connection to registry `HOST` broke (3 tries)");

    let other = FakeRegistry::start(Login::Open).await;
    let source = FakeRegistry::start(Login::Open).await;
    layered(&source);
    source.fault("GET /v2/app/blobs/", 99, Trouble::Answer(200, "not that blob"));
    let error = client().copy(&reference(&source, "app:1"), &reference(&other, "final:1")).await.unwrap_err();
    assert!(other.blob_of(&layer).is_none() || other.blob_of(&Digest::of(b"{}")).is_none(), "{error}");
    assert!(client().head(&reference(&other, "final:1")).await.unwrap().is_none());
}

#[tokio::test]
async fn bases_of_docker_hub_are_looked_for_in_mirrors_first() {
    let (empty, mirror) = (FakeRegistry::start(Login::Open).await, FakeRegistry::start(Login::Open).await);
    let digest = mirror.image("hub/library/busybox", "1", r#"{"architecture":"amd64","os":"linux"}"#);
    let mirrors = [empty.address.to_string(), format!("https://{}/hub/", mirror.address)];
    let mirrors = mirrors.iter().map(|text| werf::registry::Mirror::parse(text).unwrap()).collect();
    let client = client_with("{}", Options { mirrors, ..Options::default() });
    let base = Reference::parse("busybox:1").unwrap();
    let (place, found) = client.base(&base).await.unwrap().unwrap();
    assert_eq!((place.to_string(), found.digest), (mirror.repository("hub/library/busybox:1"), digest.clone()));
    let (place, config) = client.base_config(&base, &Platform::parse("linux/amd64").unwrap()).await.unwrap();
    assert_eq!((place.repository.registry().to_owned(), config.manifest.digest), (mirror.address.to_string(), digest));
    assert_eq!(empty.take_log(), ["HEAD /v2/library/busybox/manifests/1", "GET /v2/library/busybox/manifests/1"]);
    // an image of another registry is where its name says
    mirror.image("app", "1", "{}");
    let own = reference(&mirror, "app:1");
    assert_eq!(client.base(&own).await.unwrap().unwrap().0, own);
    assert!(empty.take_log().is_empty());
}
