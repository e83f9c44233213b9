//! Our LLB in the hands of those who own the format: `buildctl` reads it, buildkitd runs it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use werf::images::llb::{Copy, Exec, FileAction, ImageSource, Mkdir, Mkfile, Mount, Note, Owner, Rm, Sharing, State, Symlink};
use werf::platform::Platform;

use crate::testbed::{Needs, Testbed, testbed};

/// One graph with every kind of op that a build of ours has: image, exec with mounts, file actions, diff and merge.
fn graph(testbed: &Testbed) -> State {
    let base = ImageSource::new(format!("{}/base/busybox:1", testbed.registry));
    let base = State::image(&base, &Platform::linux("amd64"), Note::named("base"));
    let run = Exec::shell("echo from-exec > /made && ls /cache /tmp/scratch && cat /input/hello > /seen")
        .env("WHO", "werf")
        .mount(Mount::cache("/cache", "live-llb", Sharing::Shared))
        .mount(Mount::tmpfs("/tmp/scratch"))
        .mount(Mount::read_only("/input", &files(), "/dir"));
    let ran = base.exec(run, Note::named("run"));
    let change = State::diff(&base, &ran, Note::named("what run changed"));
    let copied = State::scratch().copy(
        Copy {
            from: files(),
            src: "/dir/hello".into(),
            dest: "/copied/".into(),
            owner: Some(Owner::ids(12, 34)),
            mode: Some(0o640),
            create_parents: true,
            ..Copy::default()
        },
        Note::named("copy"),
    );
    State::merge([&change, &copied, &files()], Note::named("all of it"))
}

fn files() -> State {
    State::scratch().file(
        [
            FileAction::Mkdir(Mkdir { path: "/dir".into(), mode: 0o750, parents: true, ..Mkdir::default() }),
            FileAction::Mkfile(Mkfile { path: "/dir/hello".into(), mode: 0o600, data: b"hello\n".to_vec(), ..Mkfile::default() }),
            FileAction::Mkfile(Mkfile { path: "/dir/gone".into(), mode: 0o600, data: b"x".to_vec(), ..Mkfile::default() }),
            FileAction::Rm(Rm { path: "/dir/g*".into(), wildcard: true, ..Rm::default() }),
            FileAction::Symlink(Symlink { target: "dir/hello".into(), path: "/link".into(), ..Symlink::default() }),
        ],
        Note::named("files"),
    )
}

fn buildctl(testbed: &Testbed, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(testbed.bin.join("buildctl"))
        .args(["--addr", &testbed.buildkit])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("buildctl runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("buildctl reads");
    let output = child.wait_with_output().expect("buildctl ends");
    assert!(output.status.success(), "buildctl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn buildctl_reads_each_op_under_our_digests() {
    let testbed = testbed(Needs::Images);
    let definition = graph(testbed).marshal();
    let dumped = buildctl(testbed, &["debug", "dump-llb"], &definition.to_bytes());
    let dumped: Vec<Value> =
        String::from_utf8_lossy(&dumped.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let theirs: BTreeMap<&str, &Value> = dumped.iter().map(|op| (op["Digest"].as_str().unwrap_or_default(), op)).collect();
    let mut kinds = Vec::new();
    for vertex in definition.vertices() {
        let op = theirs.get(vertex.digest).unwrap_or_else(|| panic!("buildctl does not know {vertex:?}: {dumped:?}"));
        assert_eq!(op["OpMetadata"]["description"]["llb.customname"].as_str(), vertex.name);
        kinds.extend(op["Op"]["Op"].as_object().expect("an op").keys().cloned());
    }
    // the vertex beyond ours only names the result
    assert_eq!(dumped.len(), definition.vertices().count() + 1);
    kinds.sort();
    assert_eq!(kinds, ["diff", "exec", "file", "file", "merge", "source"]);
}

#[test]
fn buildkitd_makes_what_the_graph_says() {
    let testbed = testbed(Needs::Images);
    let definition = graph(testbed).marshal();
    let built = buildctl(testbed, &["build", "--no-cache", "--progress", "plain", "--output", "type=tar,dest=-"], &definition.to_bytes());
    let mut archive = tar::Archive::new(built.stdout.as_slice());
    let mut found = BTreeMap::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        let header = entry.header();
        let link = header.link_name().expect("a name").map(|link| format!(" → {}", link.display())).unwrap_or_default();
        let line = format!(
            "{:o} {}:{}{link} {text:?}",
            header.mode().expect("a mode"),
            header.uid().expect("a user"),
            header.gid().expect("a group")
        );
        found.insert(entry.path().expect("a path").display().to_string(), line);
    }
    let lines: Vec<String> = found
        .iter()
        .filter(|(path, _)| !path.ends_with("cache/") && !path.starts_with("tmp"))
        .map(|(path, line)| format!("{path} {line}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    copied/ 640 12:34 ""
    copied/hello 640 12:34 "hello\n"
    dir/ 750 0:0 ""
    dir/hello 600 0:0 "hello\n"
    link 777 0:0 → dir/hello ""
    made 644 0:0 "from-exec\n"
    seen 644 0:0 "hello\n"
    "#);
}
