//! The BuildKit client against a daemon in process that fails on demand.

mod bridge;
mod embedded;
pub mod fake;
mod numbers;
mod session;
pub mod stage;

use std::time::Duration;

use anyhow::Result;
use fake::{Fake, Solving};
use miette::Diagnostic;
use tokio_util::sync::CancellationToken;
use werf::event::{Event, Events, Stream};
use werf::images::buildkit::{
    Attachments, Build, Client, ConnectError, ConnectOptions, Endpoint, ImageExport, SolveError, SolveRequest, Solved, connect,
};
use werf::images::llb::{Definition, Exec, Note, State};

fn definition() -> Definition {
    State::scratch().exec(Exec::shell("npm ci"), Note::named("[install] npm ci")).marshal()
}

fn request() -> SolveRequest {
    let export = ImageExport {
        references: vec!["registry/app:1".into(), "registry/app:2".into()],
        push: true,
        insecure: true,
        config: Some("{}".into()),
        annotations: [("org.opencontainers.image.created".into(), "2026-01-02T03:04:05Z".into())].into(),
        ..ImageExport::default()
    };
    SolveRequest::new("app", Build::Llb(definition()), Some(export))
}

async fn solve(client: &Client, events: &Events, cancel: &CancellationToken) -> Result<Result<Solved, SolveError>> {
    let session = client.open_session(Attachments::default()).await?;
    Ok(client.solve(&session, request(), events, cancel).await)
}

async fn outcome(solving: Solving) -> Result<(Result<Solved, SolveError>, Vec<Event>)> {
    let daemon = Fake { solving, ..Fake::default() }.listen()?;
    let client = connect(&daemon.endpoint, ConnectOptions::default()).await?;
    let (events, mut received) = Events::channel();
    let result = solve(&client, &events, &CancellationToken::new()).await?;
    drop(events);
    let mut told = Vec::new();
    while let Some(event) = received.recv().await {
        told.push(event);
    }
    Ok((result, told))
}

fn shown(error: &dyn Diagnostic) -> String {
    let help = error.help().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("{error}{help}")
}

#[tokio::test]
async fn an_image_is_built_and_its_steps_are_told() -> Result<()> {
    let (result, told) = outcome(Solving::Succeeds).await?;
    let solved = result?;
    assert_eq!(solved.manifest_digest, "sha256:manifest");
    assert_eq!(solved.config_digest.as_deref(), Some("sha256:config"));

    let (image, step) = (|| "app".to_owned(), || "sha256:v1".to_owned());
    let expect = [
        Event::StepStarted { image: image(), step: step(), name: "[install] npm ci".into() },
        Event::StepProgressed { image: image(), step: step(), what: "pushing layers".into(), current: 1, total: 2 },
        Event::StepPrinted { image: image(), step: step(), stream: Stream::Stderr, text: "one\ntwo".into() },
        Event::StepDone { image: image(), step: step(), took: Duration::from_millis(1500) },
        Event::StepCached { image: image(), step: "sha256:v2".into(), name: "base".into() },
        Event::Warned { message: "image `app`: Dockerfile:3: do not".into(), help: Some("why\nhttps://rule".into()) },
    ];
    assert_eq!(told, expect);
    Ok(())
}

#[tokio::test]
async fn the_exporter_gets_the_names_and_the_options() -> Result<()> {
    let daemon = Fake::default().listen()?;
    let client = connect(&daemon.endpoint, ConnectOptions::default()).await?;
    solve(&client, &Events::none(), &CancellationToken::new()).await??;
    let asked = daemon.last_request().await;
    assert_eq!(asked.exporter_deprecated, "image");
    let attrs: Vec<_> = asked.exporter_attrs_deprecated.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        attrs,
        [
            "annotation.org.opencontainers.image.created=2026-01-02T03:04:05Z",
            "containerimage.config={}",
            "name=registry/app:1,registry/app:2",
            "oci-mediatypes=true",
            "push=true",
            "registry.insecure=true",
        ]
    );
    assert_eq!(asked.definition.as_ref(), Some(definition().message()));
    assert!(!asked.session.is_empty() && asked.internal);
    Ok(())
}

#[tokio::test]
async fn failures_keep_what_the_daemon_said() -> Result<()> {
    let cases = [
        (Solving::FailsByExitCode(3), "image `app`: step `[install] npm ci` failed with exit code 3\n  │ one\n  │ two"),
        (
            Solving::FailsByExitCode(137),
            "image `app`: step `[install] npm ci` failed with exit code 137\n  │ one\n  │ two\n\
             help: 137 means that the process was killed: most often the machine ran out of memory",
        ),
        (
            Solving::Fails("failed to push registry/app:1: 401 Unauthorized"),
            "image `app`: step `[install] npm ci` failed: failed to push registry/app:1: 401 Unauthorized\n  │ one\n  │ two\n\
             help: log in to the registry (`werf cr login`, or the Docker config that `--docker-config` names) \
             with an account that has the rights",
        ),
        (
            Solving::RefusesEarly("dockerfile parse error on line 2: unknown instruction: RNU"),
            "image `app` cannot be built: dockerfile parse error on line 2: unknown instruction: RNU",
        ),
        (Solving::NamesNoDigest, "image `app`: the BuildKit daemon at ENDPOINT named no digest for the image it pushed"),
        (
            Solving::LacksCapability,
            "image `app`: the BuildKit daemon at ENDPOINT is too old for this build: unknown API capability mergeop\n\
             help: upgrade buildkitd, or leave the address out to use the embedded daemon",
        ),
    ];
    for (solving, expect) in cases {
        let (result, _) = outcome(solving).await?;
        let error = result.expect_err("the daemon failed");
        let endpoint = match &error {
            SolveError::NoDigest { endpoint, .. } | SolveError::TooOld { endpoint, .. } => endpoint.clone(),
            _ => "ENDPOINT".into(),
        };
        assert_eq!(shown(&error).replace(&endpoint, "ENDPOINT"), expect);
    }
    Ok(())
}

#[tokio::test]
async fn a_failing_step_points_at_its_lines() -> Result<()> {
    let (result, told) = outcome(Solving::FailsByExitCode(1)).await?;
    let Err(SolveError::Process { source_code: Some(source), span: Some(span), .. }) = result else {
        anyhow::bail!("not a failed process with its place");
    };
    let text = source.inner();
    assert_eq!((source.name(), &text[span.offset()..span.offset() + span.len()]), ("werf.yaml", "- npm ci"));
    assert!(told.contains(&Event::StepFailed { image: "app".into(), step: "sha256:v1".into() }), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_dies_in_the_middle_is_named() -> Result<()> {
    let (result, told) = outcome(Solving::Dies).await?;
    let error = result.expect_err("the daemon is gone");
    assert!(matches!(error, SolveError::Lost { .. }), "{error:?}");
    assert!(error.to_string().starts_with("image `app`: the BuildKit daemon at unix://"), "{error}");
    assert!(matches!(told.first(), Some(Event::StepStarted { .. })), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn cancelling_reaches_the_daemon() -> Result<()> {
    let daemon = Fake { solving: Solving::Hangs, ..Fake::default() }.listen()?;
    let client = connect(&daemon.endpoint, ConnectOptions::default()).await?;
    let cancel = CancellationToken::new();
    let (events, mut received) = Events::channel();
    let (result, ()) = tokio::join!(solve(&client, &events, &cancel), async {
        let started = received.recv().await;
        assert!(matches!(started, Some(Event::StepStarted { .. })), "{started:?}");
        cancel.cancel();
    });
    assert!(matches!(result?, Err(SolveError::Cancelled { .. })));
    daemon.solve_dropped().await;
    Ok(())
}

#[tokio::test]
async fn one_connection_serves_several_solves_at_once() -> Result<()> {
    let daemon = Fake { solving: Solving::WaitsForAnother, ..Fake::default() }.listen()?;
    let client = connect(&daemon.endpoint, ConnectOptions::default()).await?;
    let session = client.open_session(Attachments::default()).await?;
    let (events, cancel) = (Events::none(), CancellationToken::new());
    let one = client.solve(&session, request(), &events, &cancel);
    let two = client.solve(&session, request(), &events, &cancel);
    let (one, two) = tokio::join!(one, two);
    assert_eq!(one?.manifest_digest, two?.manifest_digest);
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_will_not_do_is_refused_at_once() -> Result<()> {
    let cases = [
        (Fake { version: Some("v0.12.5"), ..Fake::default() }, "too old: it is v0.12.5, and werf needs v0.13.0 or later"),
        (Fake { version: None, ..Fake::default() }, "too old: it is older than v0.11.0, and werf needs v0.13.0 or later"),
        (Fake { workers: 0, ..Fake::default() }, "has no worker"),
    ];
    for (fake, expect) in cases {
        let daemon = fake.listen()?;
        let error = connect(&daemon.endpoint, ConnectOptions::default()).await.expect_err("it will not do");
        assert!(error.to_string().contains(expect), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_daemon_is_named() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let at = |name: &str| Endpoint::Unix(dir.path().join(name));

    let error = connect(&at("missing.sock"), ConnectOptions::default()).await.expect_err("nobody is there");
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");

    // A gRPC server that is something else.
    let foreign = fake::listen_without_control(&dir.path().join("foreign.sock"))?;
    let error = connect(&at("foreign.sock"), ConnectOptions::default()).await.expect_err("it is no daemon");
    assert!(matches!(error, ConnectError::Foreign { .. }), "{error:?}");
    foreign.abort();

    // A server that never answers.
    let _silent = tokio::net::UnixListener::bind(dir.path().join("silent.sock"))?;
    let options = ConnectOptions { timeout: Duration::from_millis(50), wait: false };
    let error = connect(&at("silent.sock"), options).await.expect_err("it is silent");
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_does_not_listen_yet_is_waited_for() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let socket = dir.path().join("late.sock");
    let endpoint = Endpoint::Unix(socket.clone());
    let options = ConnectOptions { timeout: Duration::from_secs(30), wait: true };
    let (client, daemon) = tokio::join!(connect(&endpoint, options), async {
        tokio::task::yield_now().await;
        Fake::default().listen_at(dir, &socket)
    });
    let _daemon = daemon?;
    assert_eq!(client?.daemon().version, "v0.34.2");
    Ok(())
}
