//! Builds in steps at a daemon that fails on demand.

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use werf::event::{Event, Events};
use werf::images::buildkit::{Attachments, Bridge, Build, ConnectOptions, ImageExport, Made, SolveError, SolveRequest, Solved, connect};

use super::fake::{Daemon, Fake, Solving};
use super::{definition, shown};

async fn in_steps<E: From<SolveError>>(
    daemon: &Daemon,
    events: Events,
    cancel: CancellationToken,
    make: impl AsyncFnOnce(&Bridge) -> Result<Made, E>,
) -> Result<Result<Solved, E>> {
    let client = connect(&daemon.endpoint, ConnectOptions::default()).await?;
    let session = client.open_session(Attachments::default()).await?;
    let request = SolveRequest::new("app", (), Some(ImageExport::default()));
    Ok(client.solve_in_steps(&session, request, &events, &cancel, make).await)
}

async fn made(solving: Solving) -> Result<(Result<Solved, SolveError>, Daemon)> {
    let daemon = Fake { solving, ..Fake::default() }.listen()?;
    let make = async |bridge: &Bridge| bridge.solve(Build::Llb(definition())).await;
    let result = in_steps(&daemon, Events::none(), CancellationToken::new(), make).await?;
    Ok((result, daemon))
}

fn frontend(name: &str) -> Build {
    Build::Frontend { name: name.into(), attrs: [].into(), inputs: [].into() }
}

#[tokio::test]
async fn what_was_made_is_returned_with_all_that_was_said_about_it() -> Result<()> {
    let daemon = Fake::default().listen()?;
    let result = in_steps(&daemon, Events::none(), CancellationToken::new(), async |bridge| {
        let mut made = bridge.solve(frontend("dockerfile.v0")).await?;
        assert_eq!(made.config.as_deref(), Some(b"{}".as_slice()));
        made.config = Some(b"changed".to_vec());
        Ok::<_, SolveError>(made)
    });
    assert_eq!(result.await??.manifest_digest, "sha256:manifest");
    let (returned, named) = daemon.steps().await;
    let result = returned.and_then(|returned| returned.result).unwrap_or_default();
    assert_eq!(format!("{:?}", result.result), r#"Some(Ref(Ref { id: "r1" }))"#);
    let metadata: Vec<_> = result.metadata.iter().map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect();
    assert_eq!(metadata, ["containerimage.config=changed", "other=kept"]);
    let build = daemon.last_request().await.r#ref;
    assert_eq!(named, [build.clone(), build.clone(), build]);
    Ok(())
}

#[tokio::test]
async fn a_frontend_makes_one_image() -> Result<()> {
    let daemon = Fake::default().listen()?;
    let result = in_steps(&daemon, Events::none(), CancellationToken::new(), async |bridge| {
        assert_eq!(bridge.solve(frontend("one.v0")).await?.config.as_deref(), Some(b"{1}".as_slice()));
        bridge.solve(frontend("two.v0")).await
    });
    let error: SolveError = result.await?.expect_err("two are too many");
    assert_eq!(error.to_string(), "image `app` cannot be built: its frontend made images for several platforms");
    Ok(())
}

/// Failures of the steps and of the build around them, in the words of a build that is made in one.
#[tokio::test]
async fn failures_keep_what_the_daemon_said() -> Result<()> {
    let cases = [
        (Solving::FailsBeforeItTells, "image `app`: step `[install] npm ci` failed with exit code 3\n  │ one\n  │ two"),
        (Solving::RefusesEarly("network.host is not allowed"), "image `app` cannot be built: network.host is not allowed"),
        (Solving::TakesNoReturn, "image `app` cannot be built: no such ref: r1"),
        (
            Solving::LacksCapability,
            "image `app`: the BuildKit daemon at ENDPOINT is too old for this build: unknown service\n\
             help: upgrade buildkitd, or leave the address out to use the embedded daemon",
        ),
    ];
    for (solving, expect) in cases {
        let (result, daemon) = made(solving).await?;
        let error = result.expect_err("the daemon failed");
        assert_eq!(shown(&error).replace(&daemon.endpoint.to_string(), "ENDPOINT"), expect);
    }
    Ok(())
}

#[tokio::test]
async fn a_build_that_begins_late_is_waited_for() -> Result<()> {
    let (result, daemon) = made(Solving::BeginsLate).await?;
    result?;
    assert_eq!(daemon.steps().await.1.len(), 5, "three pings, a solve and a return");
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_dies_in_a_step_is_named() -> Result<()> {
    let (result, daemon) = made(Solving::Dies).await?;
    let error = result.expect_err("the daemon is gone");
    assert!(matches!(error, SolveError::Lost { .. }), "{error:?}");
    let expect = format!("image `app`: the BuildKit daemon at {} went away during the build", daemon.endpoint);
    assert_eq!(error.to_string(), expect);
    Ok(())
}

#[tokio::test]
async fn cancelling_reaches_the_daemon() -> Result<()> {
    let daemon = Fake { solving: Solving::Hangs, ..Fake::default() }.listen()?;
    let cancel = CancellationToken::new();
    let (events, mut received) = Events::channel();
    let make = async |bridge: &Bridge| bridge.solve(Build::Llb(definition())).await;
    let (result, ()) = tokio::join!(in_steps(&daemon, events, cancel.clone(), make), async {
        let started = received.recv().await;
        assert!(matches!(started, Some(Event::StepStarted { .. })), "{started:?}");
        cancel.cancel();
    });
    assert!(matches!(result?, Err(SolveError::Cancelled { .. })));
    daemon.solve_dropped().await;
    Ok(())
}

#[tokio::test]
async fn an_error_of_ours_ends_the_build_and_comes_back() -> Result<()> {
    let daemon = Fake::default().listen()?;
    let result = in_steps(&daemon, Events::none(), CancellationToken::new(), async |bridge| {
        let made = bridge.solve(frontend("dockerfile.v0")).await?;
        assert_eq!(bridge.read_dir(&made, "d", None).await?, None, "in the kernel's words");
        let error = bridge.read_file(&made, "d").await.expect_err("no such ref");
        assert_eq!(error.to_string(), "image `app` cannot be built: no such ref: r1");
        Err::<Made, _>(anyhow::anyhow!("ours"))
    });
    assert_eq!(result.await?.expect_err("it was ours").to_string(), "ours");
    let error = daemon.steps().await.0.and_then(|returned| returned.error).unwrap_or_default();
    assert_eq!(error.message, "the client gave the build up");
    Ok(())
}
