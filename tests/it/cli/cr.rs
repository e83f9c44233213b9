//! `werf cr login` and `werf cr logout`: what is kept where, and what is said.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use super::super::fake_registry::{FakeRegistry, Login};
use super::super::sandbox::Sandbox;
use super::{told_beside, told_with};

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_come_and_go() {
    for login in [Login::Basic("me", "secret"), Login::Bearer("me", "secret")] {
        let server = FakeRegistry::start(login).await;
        let (sandbox, host) = (Sandbox::empty(), server.address.to_string());
        let file = sandbox.root().join("home/.docker/config.json");
        let told = |args: &[&str]| told_beside(&sandbox, &[&["cr"], args].concat());
        assert_eq!(told(&["login", &host, "-u", "me", "-p", "secret"]), "exit 0\nSuccessful login\n");
        insta::allow_duplicates! {
            insta::assert_snapshot!(fs::read_to_string(&file).expect("a file").replace(&host, "HOST"), @r#"
            {
            	"auths": {
            		"HOST": {
            			"auth": "bWU6c2VjcmV0"
            		}
            	}
            }
            "#);
            let refused = told(&["login", &format!("http://{host}/team/app"), "--username", "me", "--password", "other"]);
            let (said, because): (Vec<_>, Vec<_>) = refused.lines().partition(|line| !line.starts_with("  because: GET http://HOST/"));
            assert_eq!(because.len(), 1, "{refused}");
            insta::assert_snapshot!(said.join("\n"), @r"
            exit 1
            error: cannot log in to `HOST`: registry `HOST` does not accept user `me`
            help: the password or token may be wrong or expired; log in again with `werf cr login HOST`
            ");
        }
        assert_eq!((mode(&file), mode(file.parent().expect("a directory"))), (0o600, 0o700));
        assert_eq!(told(&["logout", &host]), "exit 0\nSuccessful logout\n");
        assert_eq!(json(&file), serde_json::json!({"auths": {}}));
        assert_eq!(told(&["logout", &host]), "exit 0\nSuccessful logout\n", "there is nothing to forget");
        assert_eq!(told(&["logout"]), "exit 0\nSuccessful logout\n", "nor of Docker Hub");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_changed_and_not_made_anew() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let (sandbox, host) = (Sandbox::empty(), server.address.to_string());
    sandbox.write(&[("docker/config.json", r#"{"auths": {"a.io": {"auth": "YTpi"}}, "HttpHeaders": {"X": "1"}, "new": [null, 1.5]}"#)]);
    let file = sandbox.app().join("docker/config.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let as_it_was = sandbox.root().join("as-it-was");
    fs::hard_link(&file, &as_it_was).expect("a link");
    for (flags, env) in [
        (&["--docker-config", "docker"][..], &[][..]),
        (&[], &[("WERF_DOCKER_CONFIG", "docker"), ("DOCKER_CONFIG", "/nowhere")]),
        (&[], &[("DOCKER_CONFIG", "docker")]),
    ] {
        let args = [&["cr", "login", &host], flags].concat();
        let env = [&[("WERF_USERNAME", "me"), ("WERF_PASSWORD", "secret")], env].concat();
        assert_eq!(tokio::task::block_in_place(|| told_with(&sandbox, &args, &env)), "exit 0\nSuccessful login\n");
    }
    let auths = serde_json::json!({"a.io": {"auth": "YTpi"}, host: {"auth": "bWU6c2VjcmV0"}});
    assert_eq!(json(&file), serde_json::json!({"auths": auths, "HttpHeaders": {"X": "1"}, "new": [null, 1.5]}));
    assert_eq!(mode(&file), 0o600);
    assert!(!fs::read_to_string(as_it_was).expect("a file").contains("127.0.0.1"), "it is written beside and moved over");
    assert!(!sandbox.root().join("home/.docker").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_standard_input() {
    let server = FakeRegistry::start(Login::Basic("me", "secret ")).await;
    let (sandbox, host) = (Sandbox::empty(), server.address.to_string());
    let output = tokio::task::block_in_place(|| {
        let mut command = sandbox.command(&["cr", "login", &host, "-u", "me", "--password-stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("werf runs");
        child.stdin.take().expect("a pipe").write_all(b"secret \r\n").expect("a write");
        child.wait_with_output().expect("werf ends")
    });
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Successful login\n");
    assert_eq!(json(&sandbox.root().join("home/.docker/config.json"))["auths"][&host]["auth"], "bWU6c2VjcmV0IA==");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_once_are_all_kept() {
    let mut servers = Vec::new();
    for _ in 0..12 {
        servers.push(FakeRegistry::start(Login::Open).await);
    }
    let sandbox = Sandbox::empty();
    let file = sandbox.root().join("home/.docker/config.json");
    for _ in 0..3 {
        let _ = fs::remove_file(&file);
        let start =
            |host: &str| sandbox.command(&["cr", "login", host, "-u", "me", "-p", "x"]).stdout(Stdio::null()).spawn().expect("werf runs");
        tokio::task::block_in_place(|| {
            let children: Vec<_> = servers.iter().map(|server| start(&server.address.to_string())).collect();
            for mut child in children {
                assert!(child.wait().expect("werf ends").success());
            }
        });
        assert_eq!(json(&file)["auths"].as_object().map(|auths| auths.len()), Some(servers.len()));
    }
}

/// The helper keeps logins in a file for each host, and lacks some.
#[tokio::test(flavor = "multi_thread")]
async fn helpers_keep_logins_as_docker_lets_them() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let (sandbox, host) = (Sandbox::empty(), server.address.to_string());
    let (bin, kept) = (sandbox.root().join("bin"), sandbox.root().join("kept"));
    fs::create_dir(&bin).expect("a directory");
    let script = format!(
        "#!/bin/sh\ncase $1 in\nstore) cat >{0} ;;\nerase) rm {0} 2>/dev/null || {{ echo credentials not found in native keychain; exit 1; }} ;;\nesac\n",
        kept.display()
    );
    fs::write(bin.join("docker-credential-file"), script).expect("a file");
    fs::set_permissions(bin.join("docker-credential-file"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH"));
    let told = |args: &[&str]| {
        let env = [("PATH", path.as_str()), ("DOCKER_CONFIG", ".")];
        tokio::task::block_in_place(|| told_with(&sandbox, &[&["cr"], args].concat(), &env))
    };
    let file = sandbox.app().join("config.json");
    let login = ["login", &host, "-u", "me", "-p", "secret"];
    let helpers = |helper: &str| serde_json::json!({&host: helper});
    // of what stood in the file before nothing may win over the helper
    for config in [serde_json::json!({"credsStore": "file"}), serde_json::json!({"credHelpers": helpers("file"), "credsStore": "absent"})] {
        let mut before = config.clone();
        before["auths"] = serde_json::json!({&host: {"auth": "b2xkOm9sZA=="}, "a.io": {"auth": "YTpi"}});
        sandbox.write(&[("config.json", &before.to_string())]);
        assert_eq!(told(&login), "exit 0\nSuccessful login\n");
        assert_eq!(json(&kept), serde_json::json!({"ServerURL": host, "Username": "me", "Secret": "secret"}));
        let mut after = before.clone();
        after["auths"][&host] = serde_json::json!({});
        assert_eq!(json(&file), after);
        assert_eq!(told(&["logout", &host]), "exit 0\nSuccessful logout\n");
        assert!(!kept.exists());
        after["auths"] = serde_json::json!({"a.io": {"auth": "YTpi"}});
        assert_eq!(json(&file), after);
        assert_eq!(told(&["logout", &host]), "exit 0\nSuccessful logout\n", "a helper that has nothing is fine");
    }
    sandbox.write(&[("config.json", &serde_json::json!({"credHelpers": helpers(""), "credsStore": "absent"}).to_string())]);
    assert_eq!(told(&login), "exit 0\nSuccessful login\n", "an empty name stands for the file");
    assert_eq!(json(&file)["auths"], serde_json::json!({host.as_str(): {"auth": "bWU6c2VjcmV0"}}));
    sandbox.write(&[("config.json", r#"{"credsStore": "absent"}"#)]);
    insta::assert_snapshot!(told(&login), @r"
    exit 1
    error: cannot run `docker-credential-absent`, which is configured to keep the credentials of registry `HOST`
      because: No such file or directory (os error 2)
    help: put `docker-credential-absent` on PATH, or remove it from `credHelpers` and `credsStore` and log in again
    ");
    assert_eq!(fs::read_to_string(&file).expect("a file"), r#"{"credsStore": "absent"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong() {
    let server = FakeRegistry::start(Login::Open).await;
    let (sandbox, host) = (Sandbox::empty(), server.address.to_string());
    let told = |args: &[&str]| told_beside(&sandbox, &[&["cr", "login"], args].concat());
    insta::assert_snapshot!(told(&[&host]), @r"
    exit 1
    error: a user name is missing for the login to HOST
    help: pass `--username NAME`, and `--password-stdin` with the password on standard input
    ");
    insta::assert_snapshot!(told(&["-u", "me"]), @r"
    exit 1
    error: a password is missing for the login to docker.io
    help: pass `--username NAME`, and `--password-stdin` with the password on standard input
    ");
    insta::assert_snapshot!(told(&[&host, "-u", "me", "-p", "x", "--password-stdin"]), @r"
    exit 2
    error: the password is given twice: pass either --password (WERF_PASSWORD) or --password-stdin
    ");
    insta::assert_snapshot!(told(&["me@registry.example.org", "-u", "me", "-p", "x"]), @r"
    exit 1
    error: `me@registry.example.org` is not the address of a registry
    help: the form is HOST or HOST:PORT, such as registry.example.org
    ");
    insta::assert_snapshot!(told(&[&host, "-u", "me", "-p", "x", "--docker-config", "/proc/nowhere"]), @r"
    exit 1
    error: cannot change the registry credentials in /proc/nowhere/config.json
      because: No such file or directory (os error 2)
    help: make the file's directory writable, or name another one for credentials
    ");
    sandbox.write(&[("config.json", "{\"auths\": []}")]);
    insta::assert_snapshot!(told(&[&host, "-u", "me", "-p", "x", "--docker-config", "."]), @r"
    exit 1
    error: the registry credentials in ./config.json are not a Docker configuration
      because: invalid type: sequence, expected a map at line 1 column 10
    help: the file is JSON with `auths`, `credHelpers` and `credsStore`, as `docker login` writes it
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["cr", "logout", &host], &[("HOME", "")]), @r"
    exit 1
    error: there is no place for logins: neither HOME nor DOCKER_CONFIG is set
    help: name a directory with `--docker-config`
    ");
}
