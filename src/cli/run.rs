//! Runs one operation: the runtime, the display, the signals, and the exit code.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Kind, Result};
use crate::event::Events;
use crate::ui::{self, Look};

/// After this long a cancelled operation is left behind.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the operation and prints its error. `data` is what goes to standard output; the code is what the process ends with.
pub fn run<F, T>(look: Look, operation: impl FnOnce(crate::ops::Run) -> F, finish: impl FnOnce(T) -> u8) -> u8
where
    F: Future<Output = Result<T>>,
{
    // a second provider would be an error of the program, not of the user: the first one stays
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => return failed(&look, &crate::error::Error::new(Kind::Failed, NoRuntime { cause })),
    };
    let (events, receiver) = Events::channel();
    let result = runtime.block_on(async {
        let cancel = CancellationToken::new();
        let display = ui::start(look, receiver);
        let result = interruptible(operation(crate::ops::Run { events, cancel: cancel.clone() }), cancel).await;
        let _ = display.await;
        result
    });
    let code = match result {
        Ok(value) => finish(value),
        Err(error) => failed(&look, &error),
    };
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

fn failed(look: &Look, error: &crate::error::Error) -> u8 {
    ui::data(error.output());
    ui::error(look, error);
    error.kind().exit_code()
}

/// The first signal asks the operation to stop and clean up; the second one, or its lack of an answer, ends the wait.
async fn interruptible<T>(operation: impl Future<Output = Result<T>>, cancel: CancellationToken) -> Result<T> {
    let interrupted = || crate::error::Error::new(Kind::Interrupted, Interrupted);
    let (Ok(mut int), Ok(mut term), Ok(mut hup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return operation.await;
    };
    let mut operation = std::pin::pin!(operation);
    tokio::select! {
        result = &mut operation => return result,
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
    cancel.cancel();
    tokio::select! {
        _ = &mut operation => {}
        _ = int.recv() => {}
        _ = term.recv() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    Err(interrupted())
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("interrupted")]
#[diagnostic(help("nothing half-done is taken for done: run the same command again to finish"))]
struct Interrupted;

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot start the program's threads")]
#[diagnostic(help("the system refuses threads or file descriptors: look at `ulimit -u` and `ulimit -n`"))]
struct NoRuntime {
    #[source]
    cause: std::io::Error,
}
