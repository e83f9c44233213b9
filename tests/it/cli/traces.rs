//! What `--log-debug` tells: each request, with nothing in it that is secret.

use std::fs;

use base64::Engine as _;
use regex::Regex;

use super::super::fake_charts::publish;
use super::super::fake_registry::{FakeRegistry, Login, Trouble};
use super::super::sandbox::{Printed, Sandbox};
use super::app;

/// The lines of requests, as they came, without times, addresses and digests.
fn requests(printed: &Printed) -> String {
    let mut text: String =
        printed.stderr.lines().filter_map(|line| line.split_once(" request ")).map(|(_, told)| format!("{told}\n")).collect();
    for (pattern, name) in [(r"127\.0\.0\.1:\d{4,5}", "HOST"), (r"\b[0-9a-f]{64}\b", "DIGEST"), (r"after [0-9]+ ms", "after TIME")] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, name).into_owned();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_registries_are_told() {
    let registry = FakeRegistry::start(Login::Bearer("me", "open-sesame")).await;
    registry.fault("HEAD /v2/app", 1, Trouble::Answer(503, ""));
    let sandbox = app();
    let login = base64::engine::general_purpose::STANDARD.encode("me:open-sesame");
    fs::create_dir(sandbox.root().join("docker")).expect("a directory");
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "{login}"}}}}}}"#, registry.address);
    fs::write(sandbox.root().join("docker/config.json"), config).expect("write");
    let folder = sandbox.root().join("docker").display().to_string();
    let args = ["build", "--require-built-images", "--log-debug", "--repo", &registry.repository("app")];
    let printed = tokio::task::block_in_place(|| sandbox.werf_with(&args, &[("DOCKER_CONFIG", &folder)]));
    insta::assert_snapshot!(requests(&printed), @r"
    1 to check image `HOST/app:DIGEST`: HEAD http://HOST/v2/app/manifests/DIGEST: 503 after TIME
    2 to check image `HOST/app:DIGEST`: HEAD http://HOST/v2/app/manifests/DIGEST: 401 after TIME
    3 to check image `HOST/app:DIGEST`: GET http://HOST/token: 200 after TIME
    4 to check image `HOST/app:DIGEST`: HEAD http://HOST/v2/app/manifests/DIGEST: 404 after TIME
    ");
    for secret in ["open-sesame", &login, "Bearer"] {
        assert!(!printed.stderr.contains(secret), "{secret}: {}", printed.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_chart_repositories_are_told() {
    let server = FakeRegistry::start(Login::Open).await;
    let sandbox = Sandbox::empty();
    let url = publish(&server, &[("web", "1.0.0")]).replace("http://", "http://me:open-sesame@");
    let args = ["helm", "pull", "web", "--repo", &url, "--log-debug"];
    let printed = tokio::task::block_in_place(|| sandbox.werf(&args));
    insta::assert_snapshot!(format!("exit {}\n{}", printed.code, requests(&printed)), @r"
    exit 0
    1 to read the index of chart repository http://HOST/charts: GET http://HOST/charts/index.yaml: 200 after TIME
    2 to download chart `web` 1.0.0: GET http://HOST/charts/web-1.0.0.tgz: 200 after TIME
    ");
    assert!(!printed.stderr.contains("open-sesame"), "{}", printed.stderr);
}
