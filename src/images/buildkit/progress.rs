//! From a daemon's status messages to events, and from its failures to errors.

mod failure;
mod tracker;

use std::future::Future;
use std::time::Duration;

use tonic::{Response, Status, Streaming};

pub(super) use failure::Failure;
pub(super) use tracker::Progress;

use super::proto::moby::buildkit::v1::{SolveResponse, StatusResponse};

/// How long the last messages may take after the build itself has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Progress {
    /// Drives a solve and its status stream to the end, telling what happens.
    pub async fn follow(
        &mut self,
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
                message = next(&mut stream), if stream.is_some() => match message {
                    Some(message) => self.take(message),
                    None => stream = None,
                },
                outcome = &mut solve => break outcome,
            }
        };
        // A build that never began has no status; the daemon would look for it for seconds.
        if self.has_begun() {
            let rest = async {
                while let Some(message) = next(&mut stream).await {
                    self.take(message);
                }
            };
            let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        }
        outcome.map(Response::into_inner)
    }
}

/// The next message; an error ends the stream, as the solve tells of it too.
async fn next(stream: &mut Option<Streaming<StatusResponse>>) -> Option<StatusResponse> {
    stream.as_mut()?.message().await.ok().flatten()
}
