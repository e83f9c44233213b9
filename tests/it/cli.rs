//! The binary as its users meet it: the whole text and the exit code for bad input and for servers that misbehave.

mod builder;
mod chart;
mod chart_repository;
mod ci_env;
mod cleanup;
mod cluster;
mod completion;
mod config;
mod content;
mod cr;
mod disk;
mod explain;
mod fetching;
mod flags;
mod helm;
mod helm_lint;
mod helm_repo;
mod includes;
mod init;
mod jinja;
mod lint;
mod log;
mod project;
mod registry;
mod remote_git;
mod secret;
mod secret_edit;
mod secret_rotate;
mod status;
mod terminal;
mod traces;
mod waiting;

use regex::Regex;

use super::sandbox::{Printed, Sandbox};

/// What a command prints and how it ends, as one text in which what differs from run to run has a name.
fn told(sandbox: &Sandbox, args: &[&str]) -> String {
    told_with(sandbox, args, &[])
}

/// The same with variables.
fn told_with(sandbox: &Sandbox, args: &[&str], env: &[(&str, &str)]) -> String {
    let Printed { code, stdout, stderr } = sandbox.werf_with(args, env);
    let mut text = format!("exit {code}\n{stdout}{stderr}");
    for (pattern, name) in [
        (r"127\.0\.0\.1:\d{4,5}", "HOST"),
        (r"commit [0-9a-f]{7}\b", "commit COMMIT"),
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
        (r"(after|in|created,|updated,|unchanged,) [0-9.]+ m?s\b", "$1 TIME"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, name).into_owned();
    }
    text
}

/// The same beside servers of this process, which go on meanwhile.
fn told_beside(sandbox: &Sandbox, args: &[&str]) -> String {
    tokio::task::block_in_place(|| told(sandbox, args))
}

/// An application of one image and one object.
pub fn app() -> Sandbox {
    Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\ndockerfile: Dockerfile\n"),
        ("Dockerfile", "FROM scratch\nCOPY index.html /\n"),
        ("index.html", "1"),
        (".helm/templates/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {image: '{{ werf_image \"web\" }}'}\n"),
    ])
}
