//! Runs one operation: the runtime, the display, the signals, and the exit code.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Kind, Result};
use crate::event::{Event, Events};
use crate::ui::{self, Look};

/// After this long a cancelled operation is left behind, whatever it holds.
const PATIENCE: Duration = Duration::from_secs(20);

/// This long a cancelled operation that holds nothing may take to end by itself.
const MOMENT: Duration = Duration::from_millis(500);

/// This long an operation that was given up may take to drop what it has.
const GRACE: Duration = Duration::from_secs(1);

/// The same where the user has asked twice.
const SHORT_GRACE: Duration = Duration::from_millis(200);

/// How an operation is run.
struct Manner {
    /// How long it may clean up after a signal.
    patience: Duration,
    /// Threads beside the first one, which the operation itself has.
    threads: usize,
    /// How long what it has started may end after it.
    end: Duration,
    /// After this long it is stopped.
    limit: Option<Duration>,
}

/// Runs the operation and prints its error. `finish` takes its result and gives what the process ends with.
pub fn run<F, T>(look: Look, operation: impl FnOnce(crate::ops::Run) -> F, finish: impl FnOnce(T) -> u8) -> u8
where
    F: Future<Output = Result<T>>,
{
    run_within(None, look, operation, finish)
}

/// [`run`] for an operation that may take so long in all: then it is stopped as a signal stops it.
pub fn run_within<F, T>(
    limit: Option<Duration>,
    look: Look,
    operation: impl FnOnce(crate::ops::Run) -> F,
    finish: impl FnOnce(T) -> u8,
) -> u8
where
    F: Future<Output = Result<T>>,
{
    let manner = Manner { patience: PATIENCE, threads: 2, end: Duration::from_millis(100), limit };
    run_in(&manner, look, operation, finish)
}

/// [`run`] for an operation that holds nothing: it ends at the first signal.
pub fn run_light<F, T>(look: Look, operation: impl FnOnce(crate::ops::Run) -> F, finish: impl FnOnce(T) -> u8) -> u8
where
    F: Future<Output = Result<T>>,
{
    let manner = Manner { patience: Duration::ZERO, threads: 1, end: Duration::ZERO, limit: None };
    run_in(&manner, look, operation, finish)
}

fn run_in<F, T>(manner: &Manner, look: Look, operation: impl FnOnce(crate::ops::Run) -> F, finish: impl FnOnce(T) -> u8) -> u8
where
    F: Future<Output = Result<T>>,
{
    // a second provider would be an error of the program, not of the user: the first one stays
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(manner.threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => return failed(&look, &crate::error::Error::new(Kind::Failed, NoRuntime { cause })),
    };
    let (events, receiver) = Events::channel();
    let ended = CancellationToken::new();
    let result = runtime.block_on(async {
        let run = crate::ops::Run { events, cancel: CancellationToken::new(), held: crate::ops::Held::default() };
        let display = ui::start(look.clone(), receiver);
        let result = interruptible(run, operation, manner, look.clone(), ended.clone()).await;
        let _ = display.await;
        result
    });
    let code = match result {
        Ok(value) => finish(value),
        Err(error) => failed(&look, &error),
    };
    runtime.shutdown_timeout(manner.end);
    code
}

fn failed(look: &Look, error: &crate::error::Error) -> u8 {
    ui::masked_data(error.output());
    ui::error(look, error);
    error.kind().exit_code()
}

/// Runs the operation until it ends or is given up; then `ended` is cancelled.
async fn interruptible<F, T>(
    run: crate::ops::Run,
    operation: impl FnOnce(crate::ops::Run) -> F,
    manner: &Manner,
    look: Look,
    ended: CancellationToken,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let cancel = run.cancel.clone();
    let Ok(signals) = Signals::new() else { return operation(run).await };
    let given_up = CancellationToken::new();
    // the display must not wait for the events of who watches
    let watched = crate::ops::Run { events: run.events.lent(), ..run.clone() };
    let stopped = Stopped::new(manner.limit);
    tokio::spawn(watch(signals, watched, given_up.clone(), ended.clone(), manner.patience, stopped.clone(), look));
    let result = tokio::select! {
        result = operation(run) => result,
        () = given_up.cancelled() => Err(stopped.error()),
    };
    ended.cancel();
    if cancel.is_cancelled() { Err(stopped.error()) } else { result }
}

/// The first signal asks the operation to stop: what it holds is finished, and if it holds nothing it is given up at once. The second one
/// gives up what is held too. An operation in the middle of a calculation sees neither: then the process ends here. So it does where
/// the operation is over, and what it came to is still being written.
async fn watch(
    mut signals: Signals,
    run: crate::ops::Run,
    given_up: CancellationToken,
    ended: CancellationToken,
    patience: Duration,
    stopped: Stopped,
    look: Look,
) {
    tokio::select! {
        () = signals.next() => {}
        () = stopped.time_up() => {}
        () = ended.cancelled() => {
            signals.next().await;
            std::process::exit(Kind::Interrupted.exit_code().into());
        }
    }
    run.cancel.cancel();
    let mut grace = GRACE;
    tokio::select! {
        () = signals.next() => grace = SHORT_GRACE,
        _ = tokio::time::timeout(patience, finished(&run)) => {}
    }
    given_up.cancel();
    tokio::select! {
        () = signals.next() => {}
        () = tokio::time::sleep(grace) => {}
    }
    if !ended.is_cancelled() {
        std::process::exit(failed(&look, &stopped.error()).into());
    }
    // the end is being written
    signals.next().await;
    std::process::exit(Kind::Interrupted.exit_code().into());
}

/// Waits until an operation has held nothing for a moment; what takes longer to be finished is told.
async fn finished(run: &crate::ops::Run) {
    let mut told = Vec::new();
    loop {
        while tokio::time::timeout(MOMENT, run.held.until(false)).await.is_err() {
            let finishing = run.held.things();
            if !finishing.is_empty() && finishing != told {
                told.clone_from(&finishing);
                run.events.emit(Event::Stopping { finishing });
            }
        }
        if tokio::time::timeout(MOMENT, run.held.until(true)).await.is_err() {
            return;
        }
    }
}

/// The signals that ask a program to end.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) {
        let [int, term, hup] = &mut self.0;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    }
}

/// Why an operation is stopped: by a signal, or because its time is up.
#[derive(Clone)]
struct Stopped {
    limit: Option<Duration>,
    is_time_up: Arc<AtomicBool>,
}

impl Stopped {
    fn new(limit: Option<Duration>) -> Self {
        Stopped { limit, is_time_up: Arc::default() }
    }

    /// Waits until the time is up; for ever where there is no limit.
    async fn time_up(&self) {
        match self.limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
        self.is_time_up.store(true, Ordering::Relaxed);
    }

    fn error(&self) -> crate::error::Error {
        match self.limit.filter(|_| self.is_time_up.load(Ordering::Relaxed)) {
            Some(limit) => crate::error::Error::new(Kind::Failed, TimeUp { seconds: limit.as_secs() }),
            None => crate::error::Error::new(Kind::Interrupted, Interrupted),
        }
    }
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("not done after {seconds} s")]
#[diagnostic(help("`--timeout` says how long the command may take; what was finished stays, and the same command goes on from there"))]
struct TimeUp {
    seconds: u64,
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
