//! The binary names images alike wherever and by whomever it is run.

use std::path::Path;
use std::process::Command;

use super::document::flow;
use super::{documents, files, with};
use crate::fake_registry::full_repository;
use crate::sandbox::Sandbox;

/// A template that tells all names.
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: names}\ndata:\n{{ toYaml .Values.werf.image | indent 2 }}\n";

fn project() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    let dockerfile = "---\nimage: web\ndockerfile: Dockerfile\ncontext: src\n";
    let mut files = with(flow(&documents()) + dockerfile, files());
    for (path, text) in [("src/Dockerfile", "FROM scratch\nARG A=1\nCOPY . /$A\n"), (".helm/templates/names.yaml", TEMPLATE)] {
        files.insert(path.into(), super::Item::text(text));
    }
    for (path, item) in &files {
        let path = sandbox.app().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
        match item {
            super::Item::Link(target) => std::os::unix::fs::symlink(target, path).expect("a link"),
            super::Item::File(bytes) => std::fs::write(path, bytes).expect("write"),
            super::Item::Program(bytes) => {
                std::fs::write(&path, bytes).expect("write");
                std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
            }
        }
    }
    sandbox.commit_all("first");
    sandbox
}

/// What `werf render` says in a directory, run by a shell after some words of preparation.
fn rendered(sandbox: &Sandbox, dir: &Path, before: &str, env: &[(&str, &str)]) -> String {
    let script = format!("{before}\nexec \"$0\" render --repo {}", full_repository());
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_werf")]).current_dir(dir).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", sandbox.root().join("home"));
    command.env("TOKEN", "open sesame").envs(env.iter().copied());
    let output = command.output().expect("sh runs");
    assert!(output.status.success(), "{before} {env:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn names_are_the_same_wherever_they_are_worked_out() {
    let sandbox = project();
    let app = sandbox.app();
    let names = rendered(&sandbox, &app, "", &[]);
    for image in ["app", "clear", "web"] {
        assert!(names.contains(&format!("  {image}: {}:", full_repository())), "{names}");
    }
    let same =
        |what: &str, dir: &Path, before: &str, env: &[(&str, &str)]| assert_eq!(rendered(&sandbox, dir, before, env), names, "{what}");

    same("another run", &app, "", &[]);
    same("another locale and time zone", &app, "", &[("LC_ALL", "tr_TR.UTF-8"), ("LANG", "de_DE.UTF-8"), ("TZ", "Pacific/Apia")]);
    same("another home", &app, "", &[("HOME", "/nonexistent"), ("XDG_CACHE_HOME", "/nonexistent")]);
    same("another umask", &app, "umask 077", &[]);
    same(
        "variables of CI",
        &app,
        "",
        &[("CI", "true"), ("GITLAB_CI", "1"), ("CI_COMMIT_SHA", "0"), ("USER", "ci"), ("HOSTNAME", "runner")],
    );
    same("another secret", &app, "", &[("TOKEN", "another")]);
    same("other times of files", &app, "find . -path ./.git -prune -o -print | xargs touch -h -d 2001-01-01", &[]);
    same("packed objects", &app, "git gc -q", &[]);
    if rustix::process::geteuid().is_root() {
        let render = format!("hostname elsewhere && exec \"$0\" render --repo {}", full_repository());
        same("another host", &app, &format!("unshare --uts sh -c '{render}' \"$0\"; exit"), &[]);
    }

    let url = format!("file://{}", app.display());
    let clone = |name: &str, before: &str, more: &[&str]| {
        let dir = sandbox.root().join(name);
        let script = format!("{before} git -c core.autocrlf=false clone -q \"$@\"");
        let status = Command::new("sh").args(["-c", &script, "sh"]).args(more).arg(&url).arg(&dir).status().expect("git runs");
        assert!(status.success(), "{name}");
        dir
    };
    same("a clone", &clone("a place with spaces, ü and a long name", "", &[]), "", &[]);
    same("a clone that only its owner may read", &clone("private", "umask 077;", &[]), "umask 077", &[]);
    same("a shallow clone", &clone("shallow", "", &["--depth=1"]), "", &[]);
    let linked = sandbox.root().join("linked");
    sandbox.git(&["worktree", "add", "-q", "--detach", linked.to_str().expect("text")]);
    same("a linked work tree", &linked, "", &[]);

    sandbox.git(&["commit", "-q", "--allow-empty", "-m", "another commit of the same files"]);
    same("another commit", &app, "", &[]);
    sandbox.write(&[("docs/a.md", "other words\n"), ("docs/b.md", "more words\n")]);
    sandbox.commit_all("files that no image sees");
    same("files that no image sees", &app, "", &[]);
    sandbox.write(&[("src/main.go", "changed")]);
    sandbox.commit_all("a file that all of them see");
    assert_ne!(rendered(&sandbox, &app, "", &[]), names);
}
