//! From a daemon's status messages to events, and from its failures to errors.

mod failure;
mod tracker;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tonic::{Response, Status, Streaming};

use failure::Failure;
use tracker::Progress;

use super::error::SolveError;
use super::proto::moby::buildkit::v1::{SolveResponse, StatusResponse};
use crate::event::Events;

/// How long the last messages may take after the build itself has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a failure that names no step waits for a step that names itself.
const A_MOMENT: Duration = Duration::from_millis(500);

/// The progress of one build: one follows it, and whoever asks the daemon something meanwhile has the words for its failures from it.
pub(super) struct Follower {
    events: Events,
    progress: Mutex<Progress>,
    moved: Notify,
}

impl Follower {
    /// Of the build of an image at a daemon's address.
    pub fn new(image: String, endpoint: String, events: Events) -> Self {
        Follower { events: events.clone(), progress: Mutex::new(Progress::new(image, endpoint, events)), moved: Notify::new() }
    }

    /// Tells which arguments a Dockerfile is given, by the options of its frontend.
    pub fn given(&self, attrs: &BTreeMap<String, String>) {
        let names = attrs.keys().filter_map(|name| name.strip_prefix("build-arg:")).map(str::to_owned);
        self.progress().given.extend(names);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next message, once what the ones before it brought is drawn; an error ends the stream, as the solve tells of it too.
    async fn next(&self, stream: &mut Option<Streaming<StatusResponse>>) -> Option<StatusResponse> {
        self.events.room().await;
        stream.as_mut()?.message().await.ok().flatten()
    }

    fn take(&self, message: StatusResponse) {
        self.progress().take(message);
        self.moved.notify_waiters();
    }

    /// Drives a solve and its status stream to the end, telling what happens.
    pub async fn follow(
        &self,
        solve: impl Future<Output = Result<Response<SolveResponse>, Status>>,
        status: impl Future<Output = Result<Response<Streaming<StatusResponse>>, Status>>,
    ) -> Result<SolveResponse, Status> {
        let mut solve = std::pin::pin!(solve);
        let mut status = std::pin::pin!(status);
        let mut stream: Option<Streaming<StatusResponse>> = None;
        let mut asked = true;
        let outcome = loop {
            tokio::select! {
                biased;
                answer = &mut status, if asked => {
                    asked = false;
                    stream = answer.ok().map(Response::into_inner);
                }
                message = self.next(&mut stream), if stream.is_some() => match message {
                    Some(message) => self.take(message),
                    None => stream = None,
                },
                outcome = &mut solve => break outcome,
            }
        };
        // A build that never began has no status; the daemon would look for it for seconds.
        let begun = self.progress().has_begun();
        if begun {
            let rest = async {
                while let Some(message) = self.next(&mut stream).await {
                    self.take(message);
                }
            };
            let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        }
        outcome.map(Response::into_inner)
    }

    /// The error of a build that has ended.
    pub fn error(&self, status: Status) -> SolveError {
        Failure::read(status).into_error(&self.progress())
    }

    /// The error of a call while the build goes on: what the failed step printed comes by another way than its failure, and is waited for.
    pub async fn error_once_told(&self, status: Status) -> SolveError {
        let failure = Failure::read(status);
        let told = async {
            loop {
                let moved = self.moved.notified();
                if failure.is_told(&self.progress()) {
                    break;
                }
                moved.await;
            }
        };
        let _ = tokio::time::timeout(if failure.names_its_step() { LAST_WORDS } else { A_MOMENT }, told).await;
        failure.into_error(&self.progress())
    }
}
