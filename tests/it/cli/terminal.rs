//! What a person sees on a terminal, by way of a pseudo-terminal of `script`.

use std::process::{Command, Stdio};

use super::super::fake_registry::{FakeRegistry, Login};
use super::super::sandbox::Sandbox;

/// What a command writes to a terminal that is so many columns wide; `None` where there is no program `script`.
fn seen(sandbox: &Sandbox, columns: u32, args: &[&str]) -> Option<String> {
    let line = format!("stty cols {columns} rows 40; exec {} {}", env!("CARGO_BIN_EXE_werf"), args.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(sandbox.app()).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("HOME", sandbox.root().join("home")).env("TERM", "xterm-256color");
    let output = tokio::task::block_in_place(|| command.stdin(Stdio::null()).output()).ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_end_with_line_ends_at_every_width() {
    let registry = FakeRegistry::start(Login::Open).await;
    let images: String = (0..5).map(|at| format!("---\nimage: i{at}\nfrom: scratch\nshell: {{install: ['echo {at}']}}\n")).collect();
    let sandbox = Sandbox::commit(&[("werf.yaml", &format!("project: app\nconfigVersion: 1\n{images}"))]);
    let escapes = regex::Regex::new("\x1b\\[[0-9;?]*[a-zA-Z]").expect("a pattern");
    for columns in [40, 80, 140] {
        let repo = registry.repository("app");
        let Some(seen) = seen(&sandbox, columns, &["build", "--require-built-images", "--repo", &repo]) else {
            // util-linux is not everywhere
            return;
        };
        let plain = escapes.replace_all(&seen, "").into_owned();
        let missing: Vec<&str> =
            plain.split("\r\n").map(|line| line.trim_start_matches('\r')).filter(|line| line.contains("Missing")).collect();
        assert_eq!(missing.len(), 5, "{columns}: {plain}");
        for line in missing {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(matches!(words[..], ["Missing", "image", _, reference] if reference.starts_with(&repo)), "{columns}: {line:?}");
            assert!(!line.ends_with(' '), "{columns}: {line:?}");
        }
    }
}
