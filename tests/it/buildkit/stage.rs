//! Builds that say what a test says, when it says so, and end when it lets them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prost_types::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};
use tonic::Status;
use werf::images::buildkit::proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};

/// The builds of a daemon, by the paths of their Dockerfiles.
#[derive(Default)]
pub struct Stage {
    builds: Mutex<HashMap<String, Build>>,
    changed: Notify,
}

/// One build, by its id. What of it has come is there.
#[derive(Default)]
struct Build {
    dockerfile: Option<String>,
    told: Option<mpsc::UnboundedSender<Result<StatusResponse, Status>>>,
    end: Option<oneshot::Sender<()>>,
}

impl Stage {
    /// Says something of a build, once it is there.
    pub async fn tell(&self, dockerfile: &str, message: StatusResponse) {
        let told = self.find(|build| build.is_of(dockerfile).then(|| build.told.clone()).flatten()).await;
        told.send(Ok(message)).expect("somebody listens");
    }

    /// Lets a build end well.
    pub async fn end(&self, dockerfile: &str) {
        let (told, end) = self.find(|build| if build.is_of(dockerfile) { build.told.take().zip(build.end.take()) } else { None }).await;
        drop(told);
        end.send(()).expect("somebody waits");
    }

    /// The calls of the daemon: what is told of a build.
    pub fn follow(&self, id: &str) -> mpsc::UnboundedReceiver<Result<StatusResponse, Status>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.change(id, |build| build.told = Some(sender));
        receiver
    }

    /// The calls of the daemon: waits for the end of a build.
    pub async fn build(&self, id: &str, dockerfile: &str) {
        let (sender, end) = oneshot::channel();
        self.change(id, |build| (build.dockerfile, build.end) = (Some(dockerfile.to_owned()), Some(sender)));
        let _ = end.await;
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Build)) {
        change(self.builds.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default());
        self.changed.notify_waiters();
    }

    async fn find<T>(&self, find: impl Fn(&mut Build) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let found = self.builds.lock().unwrap_or_else(PoisonError::into_inner).values_mut().find_map(&find);
            match found {
                Some(found) => return found,
                None => changed.await,
            }
        }
    }
}

impl Build {
    fn is_of(&self, dockerfile: &str) -> bool {
        self.dockerfile.as_deref() == Some(dockerfile)
    }
}

/// What a builder says of one step. The digest is the name's.
#[derive(Clone, Copy)]
pub enum Step<'a> {
    /// It runs.
    Runs,
    /// It has ended after so many seconds.
    Took(i64),
    /// It came from the cache.
    Cached,
    /// It printed text.
    Printed(&'a str),
    /// Something moved: what, how far, of how much.
    Moved(&'a str, i64, i64),
}

/// Says it of a step.
pub fn step(name: &str, what: Step<'_>) -> StatusResponse {
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let vertex =
        |started, completed, cached| Vertex { digest: digest(name), name: name.into(), started, completed, cached, ..Default::default() };
    let of = |vertex| StatusResponse { vertexes: vec![vertex], ..Default::default() };
    match what {
        Step::Runs => of(vertex(time(100), None, false)),
        Step::Took(seconds) => of(vertex(time(100), time(100 + seconds), false)),
        Step::Cached => of(vertex(None, None, true)),
        Step::Printed(text) => {
            let log = VertexLog { vertex: digest(name), stream: 1, msg: text.as_bytes().to_vec(), ..Default::default() };
            StatusResponse { logs: vec![log], ..Default::default() }
        }
        Step::Moved(what, current, total) => {
            let status = VertexStatus { id: what.into(), vertex: digest(name), current, total, ..Default::default() };
            StatusResponse { statuses: vec![status], ..Default::default() }
        }
    }
}

fn digest(name: &str) -> String {
    format!("sha256:{name}")
}
