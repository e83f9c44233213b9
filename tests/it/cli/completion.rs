//! Completion as real shells do it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::sandbox::Sandbox;

const PROJECT: &[(&str, &str)] = &[
    (
        "werf.yaml",
        "project: shop\nconfigVersion: 1\n---\nimage: backend\nfrom: scratch\n---\nimage: base\nfrom: scratch\n---\nimage: web\nfrom: scratch\n",
    ),
    ("sub/folder/deep/x", ""),
];

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
    clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: u, user: {}}]\n\
    contexts: [{name: prod, context: {cluster: c, user: u}}, {name: production-eu, context: {cluster: c, user: u}}, {name: stage, context: {cluster: c, user: u}}]\n";

/// A shell that finds the binary as `werf` and reads a script.
fn shell(sandbox: &Sandbox, program: &str, args: &[&str]) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_werf")).parent().expect("the binary lies somewhere");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command.args(args).current_dir(sandbox.app()).env_clear().env("PATH", path).env("HOME", sandbox.root().join("home"));
    command.env("KUBECONFIG", sandbox.root().join("kubeconfig")).stdin(Stdio::null());
    command
}

fn project() -> Sandbox {
    let sandbox = Sandbox::commit(PROJECT);
    fs::write(sandbox.root().join("kubeconfig"), KUBECONFIG).expect("a file");
    fs::create_dir_all(sandbox.root().join("home")).expect("a directory");
    sandbox
}

/// What bash offers for the last of some words.
fn bash(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let script = r#"
        source <(werf completion bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        "$(complete -p werf | sed 's/.*-F \([^ ]*\).*/\1/')" werf "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = shell(sandbox, "bash", &[&["--norc", "-c", script, "bash"], words].concat()).output().expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()).map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let sandbox = project();
    for (words, expect) in [
        (&["werf", "conv"][..], &["converge"][..]),
        (&["werf", "helm", "depen"], &["dependency"]),
        (&["werf", "converge", "--auto-r"], &["--auto-rollback"]),
        (&["werf", "build", "ba"], &["backend", "base"]),
        (&["werf", "build", "base", "w"], &["web"]),
        (&["werf", "logs", "back"], &["backend"]),
        (&["werf", "converge", "--kube-context", "prod"], &["prod", "production-eu"]),
        (&["werf", "plan", "--kube-context", ""], &["prod", "production-eu", "stage"]),
        (&["werf", "build", "--dir", "s"], &["sub/"]),
        (&["werf", "build", "--dir", "sub/"], &["sub/folder/"]),
        (&["werf", "build", "--dir", "sub/folder/"], &["sub/folder/deep/"]),
        (&["werf", "completion", "z"], &["zsh"]),
        // nobody answers there, and nothing is in the way of who types
        (&["werf", "converge", "--namespace", ""], &[]),
        (&["werf", "build", "--dir", "nowhere", "b"], &[]),
    ] {
        assert_eq!(bash(&sandbox, words), expect, "{words:?}");
    }
    let nested = ["werf", "build", "--dir", "../app", "we"];
    assert_eq!(bash(&sandbox, &nested), ["web"]);
    fs::create_dir(sandbox.root().join("elsewhere")).expect("a directory");
    let outside =
        shell(&sandbox, "bash", &["--norc", "-c", "cd ../elsewhere && COMPLETE=bash _CLAP_COMPLETE_INDEX=2 werf -- werf build b"]);
    let output = { outside }.output().expect("bash runs");
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(0), Vec::new(), Vec::new()));
}

#[test]
fn zsh_completes_commands_and_values() {
    if Command::new("zsh").arg("--version").output().is_err() {
        eprintln!("skipped: zsh is not installed");
        return;
    }
    let sandbox = project();
    // a widget completes the line as TAB does and shows what has become of it
    let inner = "PS1=; autoload -Uz compinit && compinit -u -D; source <(werf completion zsh)\n\
        finish() { zle complete-word; print -r -- \"BECAME:$BUFFER:\"; BUFFER=; }\nzle -N finish; bindkey '^T' finish; print READY\n";
    fs::write(sandbox.root().join("inner"), inner).expect("a file");
    let script = format!(
        "zmodload zsh/zpty\nzpty -b z zsh -f -i\nzpty -w z 'source {}'\nzpty -r -m z line '*READY*'\n\
        for words in 'werf conv' 'werf build we' 'werf plan --kube-context st' 'werf build --dir sub/fo'; do\n\
        zpty -w -n z \"$words\"$'\\x14'\nzpty -r -m z line '*BECAME:*:*'\nprint -r -- ${{${{line#*BECAME:}}%%:*}}\ndone\nzpty -d z\n",
        sandbox.root().join("inner").display()
    );
    let output = shell(&sandbox, "zsh", &["-f", "-c", &script]).env("TERM", "xterm").output().expect("zsh runs");
    let became: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim_end().to_owned()).collect();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(became, ["werf converge", "werf build web", "werf plan --kube-context stage", "werf build --dir sub/folder/"], "{told}");
}

#[test]
fn every_shell_has_a_script() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let printed = sandbox.werf(&["completion", "--shell", shell]);
        assert_eq!((printed.code, printed.stderr.as_str()), (0, ""), "{shell}");
        assert!(printed.stdout.contains("COMPLETE") && printed.stdout.contains("werf"), "{shell}: {}", printed.stdout);
        assert_eq!(sandbox.werf(&["completion", shell]).stdout, printed.stdout, "{shell}");
    }
}
