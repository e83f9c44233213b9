//! Digests here are those that BuildKit's own client (0.34.2) gives the same graphs; a digest covers the graph below it.

use std::sync::Arc;

use prost::Message;

use super::*;
use crate::platform::Platform;

const AMD64: &str = "linux/amd64";

fn platform() -> Platform {
    Platform::parse(AMD64).unwrap()
}

fn busybox() -> State {
    State::image(&ImageSource::new("docker.io/library/busybox:1"), &platform(), Note::default())
}

fn alpine() -> State {
    State::image(&ImageSource::new("docker.io/library/alpine:3"), &platform(), Note::default())
}

fn exec_with_mounts() -> Outputs {
    let exec = Exec { user: "1:2".into(), network: Network::None, ..Exec::shell("make") }
        .cwd("/app")
        .env("B", "2")
        .env("A", "1")
        .env("SSH_AUTH_SOCK", "/run/ssh")
        .mount(Mount::ssh("/run/ssh", "default"))
        .mount(Mount::secret("/run/secrets/token", "token"))
        .mount(Mount::read_write("/out", &State::scratch()))
        .mount(Mount::tmpfs("/tmp"))
        .mount(Mount::read_only("/src", &alpine(), "/etc"))
        .mount(Mount::cache("/cache", "npm", Sharing::Locked));
    busybox().exec_outputs(exec, Note::default())
}

fn all_file_actions() -> Vec<FileAction> {
    vec![
        FileAction::Mkdir(Mkdir { path: "/a/b".into(), mode: 0o755, parents: true, owner: Some(Owner::ids(1, 2)), ..Mkdir::default() }),
        FileAction::Mkfile(Mkfile {
            path: "/a/./x/../b/c".into(),
            mode: 0o644,
            data: b"text".into(),
            timestamp: Some(1_700_000_000_000_000_000),
            ..Mkfile::default()
        }),
        FileAction::Copy(Copy {
            from: alpine(),
            src: "/etc/*".into(),
            dest: "/a/b/".into(),
            owner: Some(Owner::parse("www:33")),
            follow_symlinks: true,
            contents_only: true,
            create_parents: true,
            wildcard: true,
            allow_empty_wildcard: true,
            include: vec!["x".into()],
            exclude: vec!["y".into()],
            ..Copy::default()
        }),
        FileAction::Rm(Rm { path: "/a/b/d".into(), allow_missing: true, wildcard: true }),
    ]
}

#[test]
fn digests_are_those_of_buildkits_own_client() {
    let note = Note::default;
    let layout =
        OciLayoutSource { reference: format!("127.0.0.1:5000/app@sha256:{}", "a".repeat(64)), store: "tree".into(), layer_limit: None };
    let pull = ImageSource { resolve: ResolveMode::Pull, ..ImageSource::new("docker.io/library/busybox:1") };
    let http = HttpSource { url: "https://example.org/a.tar".into(), filename: "b.tar".into(), mode: 0o644, ..HttpSource::default() };
    let cases = [
        ("image", busybox(), "9d25d7334626d6291baad754b92c8f365a2ba54338bfbf41736f93aca9d098a6"),
        (
            "image, always pulled",
            State::image(&pull, &platform(), note()),
            "5ad281d34824ab950f55d1b8cda8bb599050e190830492b5e455c1b5d6e2d148",
        ),
        ("OCI layout", State::oci_layout(&layout, &platform(), note()), "10bc2e0a303f646f0334a7206c24f0152062fdf6d2271e3493045c32cf3c2e56"),
        ("HTTP", State::http(&http, note()), "21c0a6bc9ebf284643e6eb4456b39681dd4193843d591c16602982bf9f02f915"),
        ("exec", busybox().exec(Exec::shell("echo hello"), note()), "605113a5ca4c913ccba420b5a839843e5d9a460be408dfac0d09b2888ee24678"),
        ("exec with mounts", exec_with_mounts().root, "d3a58a3bf4277c0d516c8415f768071320a23a9b00c251121c1ae7746c2ff3fb"),
        ("file actions", busybox().file(all_file_actions(), note()), "e0204f04d12053275d2ec23371df66b111431a6a896d006b4999b4060bf3a2a6"),
        (
            "copy within one image",
            busybox()
                .copy(Copy { from: busybox(), src: "/etc/passwd".into(), dest: "/p".into(), mode: Some(0), ..Copy::default() }, note()),
            "d7aea936658583412970cd94a660d7c80f21f983d935d975da8d0b3965ac0717",
        ),
        (
            "directory in scratch",
            State::scratch().file([FileAction::Mkdir(Mkdir { path: "/x".into(), mode: 0o700, ..Mkdir::default() })], note()),
            "20e70f0111d92d84f25d8f7cf150ef37cd75e9f24b5f4432eb34a39ca31c443b",
        ),
        (
            "merge",
            State::merge([&busybox(), &alpine(), &State::scratch(), &busybox()], note()),
            "04d11f41d719dec1ff0b8d62ca11047d6db2f5ded64516d35e3761d9a10c57c9",
        ),
        ("diff", State::diff(&busybox(), &alpine(), note()), "e4c7c14139f3f55553c5d4fcc9d58b904606fe831da20f548427b0bb51966774"),
        (
            "diff to scratch",
            State::diff(&busybox(), &State::scratch(), note()),
            "3e82a46d9bd566793babbfea9d3d7dd23862550e5b48cb8171a2686eb6b8f4e3",
        ),
    ];
    for (name, state, digest) in cases {
        assert_eq!(state.digest(), Some(format!("sha256:{digest}").as_str()), "{name}");
    }
}

#[test]
fn what_has_no_effect_makes_no_vertex() {
    let note = Note::default;
    assert_eq!(busybox().file([], note()), busybox());
    assert_eq!(State::merge([&State::scratch(), &busybox()], note()), busybox());
    assert!(State::merge([], note()).is_scratch());
    assert_eq!(State::diff(&State::scratch(), &busybox(), note()), busybox());
    assert_eq!(State::scratch().marshal(), Definition::default());
}

#[test]
fn outputs_are_told_apart() {
    let outputs = exec_with_mounts();
    let out = outputs.mount("/out").unwrap();
    assert_eq!(out.digest(), outputs.root.digest());
    assert_ne!(*out, outputs.root);
    assert!(outputs.mount("/src").is_none() && outputs.mount("/cache").is_none());
    let read_only = Exec { read_only_root: true, ..Exec::shell("true") };
    assert_eq!(busybox().exec(read_only, Note::default()), busybox());
}

#[test]
fn shared_vertices_appear_once_and_before_their_users() {
    let left = busybox().exec(Exec::shell("left"), Note::named("left"));
    let right = busybox().exec(Exec::shell("right"), Note::named("right"));
    let both = State::merge([&left, &right], Note::named("both"));
    let definition = both.marshal();
    let names: Vec<_> = definition.vertices().map(|vertex| vertex.name).collect();
    assert_eq!(names, [None, Some("left"), Some("right"), Some("both")]);

    let message = pb::Definition::decode(definition.to_bytes().as_slice()).unwrap();
    assert_eq!(&message, definition.message());
    let last = pb::Op::decode(message.def.last().unwrap().as_slice()).unwrap();
    assert_eq!(Some(last.inputs[0].digest.as_str()), both.digest());
    let caps: Vec<_> = message.metadata[both.digest().unwrap()].caps.keys().collect();
    assert_eq!(caps, ["mergeop"]);
}

#[test]
fn notes_change_no_digest_and_point_at_lines() {
    let file = Arc::new(SourceFile { name: "werf.yaml".into(), text: "a\nb\nc\n".into(), language: "YAML".into() });
    let at = |first_line, last_line| Location { file: file.clone(), first_line, last_line };
    let plain = busybox().exec(Exec::shell("x"), Note::default());
    let noted = busybox().exec(Exec::shell("x"), Note::named("[install] x").at(at(2, 3)));
    assert_eq!(plain, noted);

    let after = noted.exec(Exec::shell("y"), Note::default().at(at(1, 1)));
    let source = after.marshal().into_message().source.unwrap();
    assert_eq!(source.infos.len(), 1);
    assert_eq!(source.infos[0].data, b"a\nb\nc\n");
    let range = &source.locations[noted.digest().unwrap()].locations[0].ranges[0];
    assert_eq!((range.start.unwrap().line, range.end.unwrap().line), (2, 3));
}

#[test]
fn a_long_chain_marshals() {
    let chain = (0..5_000).fold(busybox(), |state, step| state.exec(Exec::shell(format!("step {step}")), Note::default()));
    assert_eq!(chain.marshal().vertices().count(), 5_001);
}

#[test]
fn git_repositories_are_named_by_host_and_path() {
    let cases = [
        ("https://github.com/moby/buildkit.git", "v1", "", "git://github.com/moby/buildkit.git#v1"),
        ("https://user@github.com/moby/buildkit.git", "", "", "git://github.com/moby/buildkit.git"),
        ("git@github.com:moby/buildkit.git", "v1", "docs", "git://github.com/moby/buildkit.git#v1:docs"),
        ("ssh://git@host:2222/a/b", "", "c", "git://host:2222/a/b#:c"),
    ];
    for (url, reference, subdirectory, id) in cases {
        let git = GitSource { url: url.into(), reference: reference.into(), subdirectory: subdirectory.into(), ..GitSource::default() };
        let definition = State::git(&git, Note::default()).marshal().into_message();
        let op = pb::Op::decode(definition.def[0].as_slice()).unwrap();
        let Some(pb::op::Op::Source(source)) = op.op else { panic!("{url}: not a source") };
        assert_eq!(source.identifier, id, "{url}");
        assert_eq!(source.attrs["git.fullurl"], url);
    }
}
