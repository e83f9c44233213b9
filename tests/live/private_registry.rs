//! A registry that wants a password: for our own requests and for the builder's, which ask us.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine;

use crate::testbed::{App, Needs, assert_says};

/// A registry of this test alone, which lets in `shop` with `open-sesame`.
struct Private {
    process: Child,
    address: String,
}

impl Private {
    fn start(app: &App) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let address = format!("127.0.0.1:{port}");
        let dir = app.sandbox.root().join("registry");
        fs::create_dir(&dir).expect("a directory");
        let hash = bcrypt::hash("open-sesame", 4).expect("a hash");
        fs::write(dir.join("htpasswd"), format!("shop:{hash}\n")).expect("write");
        let config = format!(
            "\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {dir}/data}}}}
http: {{addr: \"{address}\"}}
auth: {{htpasswd: {{realm: private, path: {dir}/htpasswd}}}}
",
            dir = dir.display()
        );
        fs::write(dir.join("config.yml"), config).expect("write");
        let mut command = Command::new(app.testbed.bin.join("registry"));
        command.arg("serve").arg(dir.join("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the registry runs");
        let private = Private { process, address };
        while std::net::TcpStream::connect(&private.address).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        private
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn app() -> App {
    let app = App::new(Needs::Images, &[("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN echo docker > /made\n")]);
    let yaml = "\
project: shop
configVersion: 1
---
image: docker
dockerfile: Dockerfile
args: {BASE: $BASE}
---
image: stapel
from: $BASE
shell: {install: [echo stapel > /made]}
---
image: child
from: docker
shell: {install: [cat /made > /copy]}
";
    app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base()))]);
    app
}

/// A directory with a Docker config.json.
fn docker_config(app: &App, name: &str, config: &str) -> String {
    let dir = app.sandbox.root().join(name);
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("config.json"), config).expect("write");
    dir.to_string_lossy().into_owned()
}

fn login(app: &App, name: &str, address: &str, user: &str, password: &str) -> String {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    docker_config(app, name, &format!(r#"{{"auths": {{"{address}": {{"auth": "{auth}"}}}}}}"#))
}

#[test]
fn without_the_right_password_nothing_begins() {
    let app = app();
    let private = Private::start(&app);
    let repo = format!("{}/team/shop", private.address);
    let wrong = login(&app, "wrong", &private.address, "shop", "guess");
    for (config, wanted) in [(None, "werf cr login"), (Some(wrong), "shop")] {
        let config = config.unwrap_or_else(|| app.sandbox.root().join("nothing").to_string_lossy().into_owned());
        let printed = app.werf(&["build", "--repo", &repo, "--docker-config", &config]);
        assert_eq!(printed.code, 1, "{}", printed.stderr);
        assert_says(&printed.stderr, &["error: ", &private.address, "401", "help: ", wanted]);
        assert!(!printed.stderr.contains("Building"), "{}", printed.stderr);
        assert!(!printed.stderr.contains("guess"), "{}", printed.stderr);
    }
}

#[test]
fn a_password_of_the_docker_config_is_enough_for_all() {
    let app = app();
    let private = Private::start(&app);
    let repo = format!("{}/team/shop", private.address);
    let right = login(&app, "right", &private.address, "shop", "open-sesame");
    let printed = app.werf(&["build", "--repo", &repo, "--docker-config", &right, "--log-debug"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_says(&printed.stderr, &["Published image docker", "Published image stapel", "Published image child"]);
    assert!(!printed.stderr.contains("open-sesame"), "{}", printed.stderr);
    let again = app.werf_with(&["build", "--repo", &repo], &[("DOCKER_CONFIG", &right), ("BUILDKIT_HOST", "unix:///nobody.sock")]);
    assert_eq!(again.code, 0, "{}", again.stderr);
}

#[test]
fn a_credential_helper_is_asked() {
    let app = app();
    let private = Private::start(&app);
    let repo = format!("{}/team/shop", private.address);
    let bin: PathBuf = app.sandbox.root().join("bin");
    fs::create_dir(&bin).expect("a directory");
    let helper = bin.join("docker-credential-keys");
    let answer = r#"{"ServerURL": "x", "Username": "shop", "Secret": "open-sesame"}"#;
    fs::write(&helper, format!("#!/bin/sh\nread server\ntest \"$1 $server\" = 'get {}' || exit 1\necho '{answer}'\n", private.address))
        .expect("write");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("chmod");
    let config = docker_config(&app, "helper", &format!(r#"{{"credHelpers": {{"{}": "keys"}}}}"#, private.address));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH"));
    let printed = app.werf_with(&["build", "--repo", &repo, "--docker-config", &config], &[("PATH", &path)]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);

    let printed = app.werf(&["build", "--repo", &repo, "--docker-config", &config]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["docker-credential-keys", "help: "]);
}
