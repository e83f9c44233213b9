//! What happened, as past-tense facts. Rooms send them, `ui` draws them; nobody decides anything by them.

//!
//! To tell never waits, so nobody is held up by who draws. Only who passes on what others print, which may be gigabytes, waits until most
//! of it was drawn ([`Events::room`]) before it reads more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::{mpsc, watch};

/// How many bytes of printed text may wait to be drawn before those who bring more wait too.
const BACKLOG: usize = 1 << 20;

/// What a printed text costs beside itself: its event with names of what printed it.
const OVERHEAD: usize = 256;

/// A cheap handle through which a room tells what happened. Clones share one channel; a handle without one drops everything.
#[derive(Clone, Debug, Default)]
pub struct Events {
    sender: Sender,
    printed: Printed,
}

#[derive(Clone, Debug, Default)]
enum Sender {
    #[default]
    None,
    Own(mpsc::UnboundedSender<Event>),
    Lent(mpsc::WeakUnboundedSender<Event>),
}

/// How many bytes of printed text were sent, and how many of them drawn. Both wrap.
#[derive(Clone, Debug, Default)]
struct Printed {
    sent: Arc<AtomicUsize>,
    drawn: Option<watch::Receiver<usize>>,
}

/// The end of the channel that draws.
#[derive(Debug)]
pub struct Facts {
    receiver: mpsc::UnboundedReceiver<Event>,
    /// Of the text that was given out last, which is drawn when the next one is asked for.
    given: usize,
    drawn: watch::Sender<usize>,
}

impl Facts {
    /// The next fact; `None` once all senders are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        self.settle();
        let event = self.receiver.recv().await;
        self.given = event.as_ref().map_or(0, printed_bytes);
        event
    }

    /// The next fact that was sent already.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.settle();
        let event = self.receiver.try_recv().ok();
        self.given = event.as_ref().map_or(0, printed_bytes);
        event
    }

    fn settle(&mut self) {
        let given = std::mem::take(&mut self.given);
        if given > 0 {
            self.drawn.send_modify(|drawn| *drawn = drawn.wrapping_add(given));
        }
    }
}

/// What a fact counts against the backlog: nothing unless it passes on what somebody printed.
fn printed_bytes(event: &Event) -> usize {
    match event {
        Event::PodPrinted { line: text, .. } | Event::StepPrinted { text, .. } => text.len() + OVERHEAD,
        _ => 0,
    }
}

impl Events {
    /// A handle and the receiving end that `ui` drains.
    pub fn channel() -> (Self, Facts) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (drawn, seen) = watch::channel(0);
        let printed = Printed { sent: Arc::default(), drawn: Some(seen) };
        (Events { sender: Sender::Own(sender), printed }, Facts { receiver, given: 0, drawn })
    }

    /// A handle that drops everything: for tests and for commands that show nothing.
    pub fn none() -> Self {
        Events::default()
    }

    /// The same channel for what may outlive the operation: `ui` does not wait for this handle to go before it ends.
    pub fn lent(&self) -> Self {
        let sender = match &self.sender {
            Sender::Own(sender) => Sender::Lent(sender.downgrade()),
            Sender::None | Sender::Lent(_) => self.sender.clone(),
        };
        Events { sender, printed: self.printed.clone() }
    }

    /// Sends one fact. A receiver that is gone is no error.
    pub fn emit(&self, event: Event) {
        let sender = match &self.sender {
            Sender::None => None,
            Sender::Own(sender) => Some(sender.clone()),
            Sender::Lent(sender) => sender.upgrade(),
        };
        if let Some(sender) = sender {
            self.printed.sent.fetch_add(printed_bytes(&event), Ordering::Relaxed);
            let _ = sender.send(event);
        }
    }

    /// Tells that something is waited for, until what this gives is dropped.
    pub fn wait(&self, whom: impl Into<String>, doing: impl Into<String>) -> Wait {
        let whom = whom.into();
        self.emit(Event::WaitBegun { whom: whom.clone(), doing: doing.into() });
        Wait { events: self.clone(), whom }
    }

    /// Waits until more of what others print may be brought. With nobody who draws there is always room.
    pub async fn room(&self) {
        let Some(mut drawn) = self.printed.drawn.clone() else { return };
        let _ = drawn.wait_for(|drawn| self.printed.sent.load(Ordering::Relaxed).wrapping_sub(*drawn) <= BACKLOG).await;
    }
}

/// A wait that is told. It is over when this is dropped.
#[derive(Debug)]
pub struct Wait {
    events: Events,
    whom: String,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.events.emit(Event::SlowOver { whom: std::mem::take(&mut self.whom) });
    }
}

/// Which standard stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One fact. `image` is a name of werf.yaml; `step` identifies a BuildKit vertex within one image's build.
///
/// Names of variants and fields are those of the JSON log (`docs/log.md`): programs read them, so they stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Something deserves the user's attention but stops nothing.
    Warned {
        /// One sentence.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// Something is waited for from now on, until `slow-over`.
    WaitBegun {
        /// Another command, a builder that starts.
        whom: String,
        /// What for, as an infinitive: `end its deployment …`.
        doing: String,
    },
    /// Something is waited for that usually takes no time.
    Slow {
        /// A host, a program, another command.
        whom: String,
        /// What for, as an infinitive: `check image …`.
        doing: String,
        /// How long it is waited for.
        #[serde(serialize_with = "seconds")]
        since: Duration,
    },
    /// What was waited for is there, or is no longer waited for.
    SlowOver {
        /// As it was told when it became slow.
        whom: String,
    },
    /// Something came to nothing that may go well a little later, and is tried again.
    TryingAgain {
        /// The host.
        whom: String,
        /// What for, as an infinitive.
        doing: String,
        /// What happened.
        why: String,
        /// When it is tried again.
        #[serde(serialize_with = "seconds")]
        pause: Duration,
    },
    /// Nothing is to be done until there is a new commit (`--follow`).
    CommitAwaited {
        /// Whether a change of the work tree is enough.
        or_change: bool,
    },
    /// The user or the system asked to stop, and something has to be finished first.
    Stopping {
        /// What it is, as in `the change of release shop`.
        finishing: Vec<String>,
    },

    /// The registry has the image under its content tag; nothing will be built.
    ImageFound {
        /// Image name in werf.yaml.
        image: String,
        /// `repo:tag`.
        reference: String,
    },
    /// The registry lacks the image; it will be built.
    ImageMissing {
        /// Image name in werf.yaml.
        image: String,
        /// `repo:tag`.
        reference: String,
    },
    /// The image was copied from one repository to another, as it is.
    ImageCopied {
        /// Image name in werf.yaml.
        image: String,
        /// The repository that it came from.
        from: String,
        /// `repo:tag` of the copy.
        reference: String,
    },
    /// An image is built once others are published.
    ImageQueued {
        /// Image name in werf.yaml.
        image: String,
        /// Names of those others.
        needs: Vec<String>,
    },
    /// The build of an image began.
    ImageStarted {
        /// Image name in werf.yaml.
        image: String,
    },
    /// A chart that the project's chart depends on came from its repository.
    ChartFetched {
        /// Name of the chart.
        name: String,
        /// Its version.
        version: String,
        /// URL of the repository.
        repository: String,
    },
    /// Another Git repository is being fetched and takes a while.
    RepositoryFetching {
        /// Its URL, without secrets.
        repository: String,
        /// Bytes that came so far.
        received: u64,
    },
    /// A commit of another Git repository came to the cache.
    RepositoryFetched {
        /// Its URL, without secrets.
        repository: String,
        /// What was asked for, such as `branch main`.
        revision: String,
        /// Id of the commit.
        commit: String,
        /// How long it took.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// The commits of what is included of other repositories are in `werf-includes.lock`.
    IncludesLocked {
        /// How many revisions.
        revisions: usize,
        /// Whether the file was another one before.
        is_new: bool,
    },
    /// Content of files that Git LFS keeps came into the local store.
    ContentFetched {
        /// URL of the server, without secrets.
        server: String,
        /// How many files were lacking.
        files: usize,
        /// How long they are together, in bytes.
        bytes: u64,
        /// How long it took.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// The history that a clone lacked came from its origin.
    HistoryFetched {
        /// The origin's URL, without secrets.
        repository: String,
        /// How long it took.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A builder answers.
    BuilderReady {
        /// Its address, for people.
        endpoint: String,
        /// How long it took to start or to reach.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A build step started to run.
    StepStarted {
        /// Image being built.
        image: String,
        /// Vertex digest.
        step: String,
        /// Text for people, such as `[install] npm ci`.
        name: String,
    },
    /// A build step came from the cache.
    StepCached {
        /// Image being built.
        image: String,
        /// Vertex digest.
        step: String,
        /// Text for people.
        name: String,
    },
    /// A build step moved on: bytes of a transfer, layers of a push.
    StepProgressed {
        /// Image being built.
        image: String,
        /// Vertex digest.
        step: String,
        /// What moves, such as `pushing layers`.
        what: String,
        /// Amount done, bytes or items.
        current: u64,
        /// Amount in all; 0 if unknown.
        total: u64,
    },
    /// A build step printed text (one or more whole or partial lines).
    StepPrinted {
        /// Image being built.
        image: String,
        /// Vertex digest.
        step: String,
        /// Which stream.
        stream: Stream,
        /// The text as it came.
        text: String,
    },
    /// A build step ended well.
    StepDone {
        /// Image being built.
        image: String,
        /// Vertex digest.
        step: String,
        /// Running time.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A build step failed; the whole error follows by the result of the build.
    StepFailed {
        /// Image being built.
        image: String,
        /// Vertex digest.
        step: String,
    },
    /// The image is in the registry.
    ImagePublished {
        /// Image name in werf.yaml.
        image: String,
        /// `repo:tag`.
        reference: String,
        /// Manifest digest, `sha256:…`.
        digest: String,
        /// Building and pushing.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },

    /// An image in the registry got one more tag, or has it.
    ImageTagged {
        /// Image name in werf.yaml.
        image: String,
        /// `repo:tag`.
        reference: String,
    },

    /// The plan against the cluster is known. Counts of operations by verb, for people.
    PlanMade {
        /// Resources to create.
        create: usize,
        /// Resources to update.
        update: usize,
        /// Resources to recreate.
        recreate: usize,
        /// Resources to delete.
        delete: usize,
        /// Resources as wanted already.
        unchanged: usize,
    },
    /// A change reached the cluster.
    ResourceApplied {
        /// `Kind/name`.
        resource: String,
        /// `created`, `updated`, `recreated`, `deleted`.
        verb: &'static str,
    },
    /// A tracked resource's status changed.
    ResourceProgressed {
        /// `Kind/name`.
        resource: String,
        /// Message for people, such as `1 of 3 replicas ready`.
        message: String,
    },
    /// A tracked resource works.
    ResourceReady {
        /// `Kind/name`.
        resource: String,
        /// Since tracking began.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A tracked resource failed.
    ResourceFailed {
        /// `Kind/name`.
        resource: String,
        /// Why.
        message: String,
    },
    /// An event of the cluster about a tracked resource or what it made, where its annotation asks for them.
    ResourceTold {
        /// `Kind/name`.
        resource: String,
        /// What it is about, such as `Pod/import-x7z4k`.
        about: String,
        /// The cluster's word for it, such as `Scheduled`.
        reason: String,
        /// The cluster's sentence.
        message: String,
    },
    /// A line of a container's log.
    PodPrinted {
        /// `Kind/name` that owns the pod.
        resource: String,
        /// Pod name.
        pod: String,
        /// Container name.
        container: String,
        /// One line, no newline.
        line: String,
    },
    /// A release record reached its final state.
    ReleaseDeployed {
        /// Release name.
        release: String,
        /// Its namespace.
        namespace: String,
        /// Revision number.
        revision: u32,
        /// Resources created.
        created: usize,
        /// Resources updated.
        updated: usize,
        /// Resources recreated.
        recreated: usize,
        /// Resources deleted.
        deleted: usize,
        /// Resources that were as wanted already.
        unchanged: usize,
        /// The whole command so far.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// Where an application that stands is reached.
    ApplicationReachable {
        /// URLs and addresses with what they are of, or commands that make a way.
        places: Vec<String>,
    },
    /// What may be typed next.
    NextSteps {
        /// Command lines.
        commands: Vec<String>,
    },
    /// Nothing differed; no revision was written.
    ReleaseUnchanged {
        /// Release name.
        release: String,
        /// Revision that stands.
        revision: u32,
    },
    /// A deployment failed; the last good revision is being brought back.
    RollbackBegun {
        /// Release name.
        release: String,
        /// The good revision.
        to: u32,
    },
    /// A failed release was brought back to an earlier revision.
    ReleaseRolledBack {
        /// Release name.
        release: String,
        /// The good revision whose state was restored.
        to: u32,
    },
    /// A release is gone from the cluster.
    ReleaseDismissed {
        /// Release name.
        release: String,
    },
    /// A published image was deleted from the registry.
    ImageDeleted {
        /// `repo:tag` or `repo@digest`.
        reference: String,
        /// Why it was not kept.
        reason: String,
    },
    /// Cleanup ended, or was ended.
    CleanupDone {
        /// Tags that stayed.
        kept: usize,
        /// Tags that went.
        deleted: usize,
        /// Tags that were to go and did not, as it was ended before.
        left: usize,
    },
}

/// A duration in seconds, to the millisecond.
fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_millis() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(length: usize) -> Event {
        Event::PodPrinted { resource: String::new(), pod: String::new(), container: String::new(), line: "x".repeat(length) }
    }

    #[tokio::test]
    async fn who_prints_waits_for_who_draws_and_nothing_is_lost() {
        const LINES: usize = 400;
        let (events, mut facts) = Events::channel();
        let sent = Arc::new(AtomicUsize::new(0));
        let printer = {
            let (events, sent) = (events.clone(), sent.clone());
            tokio::spawn(async move {
                for _ in 0..LINES {
                    events.room().await;
                    sent.fetch_add(1, Ordering::Relaxed);
                    events.emit(printed(64 << 10));
                }
            })
        };
        let mut seen = 0;
        while seen < LINES {
            tokio::task::yield_now().await;
            // 17 lines are more than may wait; one is in the hands of who draws
            let ahead = sent.load(Ordering::Relaxed) - seen;
            assert!(ahead <= 18, "{ahead} lines wait");
            events.emit(Event::SlowOver { whom: "what tells how far it is never waits".into() });
            if let Some(Event::PodPrinted { .. }) = facts.recv().await {
                seen += 1;
            }
        }
        printer.await.unwrap();
    }

    #[tokio::test]
    async fn with_nobody_who_draws_there_is_room() {
        let (events, facts) = Events::channel();
        events.emit(printed(2 * BACKLOG));
        let lent = events.lent();
        let waits = tokio::spawn(async move { lent.room().await });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(facts);
        waits.await.unwrap();
        Events::none().room().await;
    }
}
