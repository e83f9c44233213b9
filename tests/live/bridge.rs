//! Builds that are made in steps, at a daemon that somebody looks after and at one of our own.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use werf::event::{Event, Events, Stream};
use werf::file_tree::text_of_bytes;
use werf::images::buildkit::embedded::{self, Embedded, EmbeddedOptions};
use werf::images::buildkit::{
    Attachments, Bridge, Build, Client, ConnectOptions, Endpoint, ImageExport, Made, SolveError, SolveRequest, Solved, Stat, connect,
};
use werf::images::llb::{Exec, FileAction, ImageSource, Mkfile, Note, State};
use werf::platform::Platform;

use crate::published::Published;
use crate::testbed::{Needs, Testbed, testbed};

/// A daemon; our own one ends with it.
struct Daemon {
    client: Client,
    _own: Option<(Embedded, tempfile::TempDir)>,
}

async fn remote(testbed: &Testbed) -> Result<Daemon> {
    let client = connect(&Endpoint::parse(&testbed.buildkit, None)?, ConnectOptions::default()).await?;
    Ok(Daemon { client, _own: None })
}

async fn embedded(testbed: &Testbed) -> Result<Daemon> {
    let dir = tempfile::tempdir()?;
    let options = EmbeddedOptions {
        daemon: Some(testbed.bin.join("buildkitd")),
        own_binary: env!("CARGO_BIN_EXE_werf").into(),
        path: std::env::var_os("PATH").unwrap_or_default(),
        cache_dir: dir.path().join("cache"),
        runtime_dir: Some(dir.path().join("run")),
        insecure_registries: vec![testbed.registry.clone()],
        environment: Vec::new(),
    };
    std::fs::create_dir(dir.path().join("run"))?;
    let own = embedded::start(&options, &Events::none()).await?;
    Ok(Daemon { client: own.client().clone(), _own: Some((own, dir)) })
}

fn base(testbed: &Testbed) -> State {
    let source = ImageSource::new(format!("{}/base/busybox:1", testbed.registry));
    State::image(&source, &Platform::linux("amd64"), Note::named("base"))
}

fn llb(state: &State) -> Build {
    Build::Llb(state.marshal())
}

/// An image that no other run has.
fn export(testbed: &Testbed, name: &str) -> (String, ImageExport) {
    let reference = format!("{}/live-bridge-{}/{name}:1", testbed.registry, std::process::id());
    let export = ImageExport { references: vec![reference.clone()], push: true, insecure: true, ..ImageExport::default() };
    (reference, export)
}

async fn in_steps<E: From<SolveError>>(
    daemon: &Daemon,
    export: Option<ImageExport>,
    events: Events,
    make: impl AsyncFnOnce(&Bridge) -> Result<Made, E>,
) -> Result<Result<Solved, E>> {
    let session = daemon.client.open_session(Attachments::default()).await?;
    let request = SolveRequest::new("app", (), export);
    Ok(daemon.client.solve_in_steps(&session, request, &events, &CancellationToken::new(), make).await)
}

/// `755 0:0 name`, with `/` after a directory and ` -> target` after a link.
fn line(stat: &Stat) -> String {
    let kind = if stat.is_dir() { "/" } else { "" };
    let link = if stat.is_link() { format!(" -> {}", stat.link) } else { String::new() };
    format!("{:o} {}:{} {}{kind}{link}", stat.permissions(), stat.uid, stat.gid, stat.name)
}

const MAKE: &str = "mkdir -p /d/sub /d/empty && cd /d && echo one > file && ln file twin && ln -s ../d/file link && ln -s nowhere dangling \
    && ln -s ../d /to-d && chown 12:34 sub && chmod 1777 sub && chmod 4755 file && chmod 2750 empty && touch \"$(printf 'na\\357ve')\" '!odd [x]*'";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_looked_into() -> Result<()> {
    let testbed = testbed(Needs::Images);
    for daemon in [remote(testbed).await?, embedded(testbed).await?] {
        let made = in_steps(&daemon, None, Events::none(), async |bridge| {
            let made = bridge.solve(llb(&base(testbed).exec(Exec::shell(MAKE), Note::named("make")))).await?;
            let lines = |stats: Option<Vec<Stat>>| stats.map(|stats| stats.iter().map(line).collect::<Vec<_>>());

            let naive = text_of_bytes(b"na\xefve").into_owned();
            let mut all = lines(bridge.read_dir(&made, "/d", None).await?).unwrap_or_default();
            all.sort();
            let expect = [
                "1777 12:34 sub/".to_owned(),
                "2750 0:0 empty/".to_owned(),
                "4755 0:0 file".to_owned(),
                "4755 0:0 twin".to_owned(),
                "644 0:0 !odd [x]*".to_owned(),
                format!("644 0:0 {naive}"),
                "777 0:0 dangling -> nowhere".to_owned(),
                "777 0:0 link -> ../d/file".to_owned(),
            ];
            assert_eq!(all, expect);
            for (dir, only, expect) in [
                ("/d", Some("sub"), Some(vec!["1777 12:34 sub/".to_owned()])),
                ("/d", Some(naive.as_str()), Some(vec![format!("644 0:0 {naive}")])),
                ("/d", Some("!odd [x]*"), Some(vec!["644 0:0 !odd [x]*".to_owned()])),
                ("/d", Some("su*"), Some(vec![])),
                ("/d", Some("su"), Some(vec![])),
                ("/d", Some("."), Some(vec![])),
                ("/d", Some(""), Some(vec![])),
                ("to-d", Some("sub"), Some(vec!["1777 12:34 sub/".to_owned()])),
                ("/d/empty", None, Some(vec![])),
                ("/d/missing", None, None),
                ("/d/missing/below", None, None),
                ("/d/dangling", None, None),
                ("/d/file", None, None),
                ("/d/link", Some("file"), None),
                ("/d/file/below", None, None),
            ] {
                assert_eq!(lines(bridge.read_dir(&made, dir, only).await?), expect, "{dir} {only:?}");
            }
            for (path, expect) in [
                ("/d/file", Some(b"one\n".to_vec())),
                ("to-d/link", Some(b"one\n".to_vec())),
                (&format!("/d/{naive}"), Some(vec![])),
                ("/d/missing", None),
                ("/d/dangling", None),
                ("/d/sub", None),
                ("/d/file/below", None),
                ("/dev/null", None),
            ] {
                assert_eq!(bridge.read_file(&made, path).await?, expect, "{path}");
            }

            let nothing = bridge.solve(llb(&State::scratch())).await?;
            assert_eq!(nothing, Made::default());
            assert_eq!(bridge.read_dir(&nothing, "/", None).await?, Some(vec![]));
            assert_eq!(bridge.read_dir(&nothing, "/etc", None).await?, None);
            assert_eq!(bridge.read_file(&nothing, "/etc/passwd").await?, None);
            Ok::<_, SolveError>(nothing)
        });
        assert_eq!(made.await??.manifest_digest, "");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_step_made_decides_the_next_one() -> Result<()> {
    let testbed = testbed(Needs::Images);
    for (kind, daemon) in [("remote", remote(testbed).await?), ("embedded", embedded(testbed).await?)] {
        let (reference, export) = export(testbed, kind);
        let solved = in_steps(&daemon, Some(export), Events::none(), async |bridge| {
            let first = base(testbed).exec(Exec::shell("echo 7 > /answer"), Note::named("first"));
            let made = bridge.solve(llb(&first)).await?;
            let data = bridge.read_file(&made, "/answer").await?.unwrap_or_default();
            let copy = FileAction::Mkfile(Mkfile { path: "/copy".into(), mode: 0o640, data, ..Mkfile::default() });
            let mut made = bridge.solve(llb(&first.file([copy], Note::named("second")))).await?;
            assert_eq!(made.config, None, "a graph has no configuration");
            made.config = Some(CONFIG.as_bytes().to_vec());
            Ok::<_, SolveError>(made)
        });
        let solved = solved.await??;
        assert!(solved.manifest_digest.starts_with("sha256:") && solved.config_digest.is_some(), "{solved:?}");
        let published = Published::read(&reference);
        assert_eq!(published.files["copy"], "640 0:0 \"7\\n\"");
        assert_eq!(published.config["Labels"]["made"], "in steps");
    }
    Ok(())
}

const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"Labels":{"made":"in steps"}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_a_frontend_may_be_changed() -> Result<()> {
    let testbed = testbed(Needs::Images);
    for (kind, daemon) in [("remote", remote(testbed).await?), ("embedded", embedded(testbed).await?)] {
        let (reference, export) = export(testbed, &format!("frontend-{kind}"));
        let solved = in_steps(&daemon, Some(export), Events::none(), async |bridge| {
            let text = format!("FROM {}/base/busybox:1\nENV A=1\nCMD [\"a\"]\nRUN echo made > /made\n", testbed.registry);
            let mut made = bridge.solve(dockerfile(&text)).await?;
            let config = made.config.take().context("the frontend gives a configuration")?;
            let mut config: serde_json::Value = serde_json::from_slice(&config)?;
            assert_eq!(config["config"]["Cmd"][0], "a");
            config["config"]["Cmd"] = serde_json::json!(["b"]);
            made.config = Some(serde_json::to_vec(&config)?);
            Ok::<_, anyhow::Error>(made)
        });
        solved.await??;
        let published = Published::read(&reference);
        assert_eq!(published.config["Cmd"], serde_json::json!(["b"]));
        assert!(published.config["Env"].to_string().contains("A=1"), "{published:?}");
        assert_eq!(published.files["made"], "644 0:0 \"made\\n\"");
    }
    Ok(())
}

fn dockerfile(text: &str) -> Build {
    let file = FileAction::Mkfile(Mkfile { path: "/Dockerfile".into(), mode: 0o644, data: text.into(), ..Mkfile::default() });
    let files = State::scratch().file([file], Note::named("Dockerfile"));
    let inputs = [("dockerfile", &files), ("context", &files)];
    Build::Frontend {
        name: "dockerfile.v0".into(),
        attrs: BTreeMap::from([("filename".into(), "Dockerfile".into())]),
        inputs: inputs.map(|(name, state)| (name.to_owned(), state.marshal())).into(),
    }
}

/// The failure has all that the step printed, whichever arrives first; it is a value, so the build may go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_says_what_it_printed() -> Result<()> {
    let testbed = testbed(Needs::Images);
    let daemon = remote(testbed).await?;
    let (events, mut received) = Events::channel();
    let failed = in_steps(&daemon, None, events, async |bridge| {
        for round in 0..5 {
            let mark = format!("{}-{round}", std::process::id());
            let exec = Exec::shell(format!("echo one {mark}; echo two; exit 3"));
            let error = bridge.solve(llb(&base(testbed).exec(exec, Note::named("[install] one")))).await.expect_err("it fails");
            assert_eq!(error.to_string(), format!("image `app`: step `[install] one` failed with exit code 3\n  │ one {mark}\n  │ two"));
        }
        let text = format!("FROM {}/base/busybox:1\nRUN echo three; exit 4 # {}\n", testbed.registry, std::process::id());
        let error = bridge.solve(dockerfile(&text)).await.expect_err("it fails");
        let SolveError::Process { exit_code: 4, output, source_code: Some(source), .. } = &error else { anyhow::bail!("{error:?}") };
        assert_eq!((output.as_slice(), source.name()), (["three".to_owned()].as_slice(), "Dockerfile"));
        let error = bridge.solve(dockerfile("FROM a\nRNU b\n")).await.expect_err("it is no instruction");
        assert!(error.to_string().starts_with("image `app` cannot be built: dockerfile parse error on line 2"), "{error}");
        // An error of our own ends the build and comes back as it is.
        Err(anyhow::anyhow!("we give up"))
    });
    let error = failed.await?.expect_err("we gave up");
    assert_eq!(error.to_string(), "we give up");
    let mut printed = String::new();
    while let Some(event) = received.recv().await {
        if let Event::StepPrinted { stream: Stream::Stdout, text, .. } = event {
            printed.push_str(&text);
        }
    }
    assert!(printed.starts_with("one ") && printed.ends_with("three\n"), "{printed}");
    let missing = format!("FROM {}/base/nothing:1\n", testbed.registry);
    let failed = in_steps(&daemon, None, Events::none(), async |bridge| bridge.solve(dockerfile(&missing)).await);
    let error = failed.await?.expect_err("there is no such base");
    assert!(error.to_string().starts_with("image `app`: step `[internal] load metadata for "), "{error}");
    Ok(())
}
