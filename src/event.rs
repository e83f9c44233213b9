//! What happened, as past-tense facts. Rooms send them, `ui` draws them; nobody decides anything by them.

use std::time::Duration;

use tokio::sync::mpsc;

/// A cheap handle through which a room tells what happened. Clones share one channel; a handle without one drops everything.
#[derive(Clone, Debug, Default)]
pub struct Events(Sender);

#[derive(Clone, Debug, Default)]
enum Sender {
    #[default]
    None,
    Own(mpsc::UnboundedSender<Event>),
    Lent(mpsc::WeakUnboundedSender<Event>),
}

impl Events {
    /// A handle and the receiving end that `ui` drains.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Events(Sender::Own(sender)), receiver)
    }

    /// A handle that drops everything: for tests and for commands that show nothing.
    pub fn none() -> Self {
        Events(Sender::None)
    }

    /// The same channel for what may outlive the operation: `ui` does not wait for this handle to go before it ends.
    pub fn lent(&self) -> Self {
        match &self.0 {
            Sender::Own(sender) => Events(Sender::Lent(sender.downgrade())),
            Sender::None | Sender::Lent(_) => self.clone(),
        }
    }

    /// Sends one fact. A receiver that is gone is no error.
    pub fn emit(&self, event: Event) {
        let sender = match &self.0 {
            Sender::None => None,
            Sender::Own(sender) => Some(sender.clone()),
            Sender::Lent(sender) => sender.upgrade(),
        };
        if let Some(sender) = sender {
            let _ = sender.send(event);
        }
    }
}

/// Which standard stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One fact. `image` is a name of werf.yaml; `step` identifies a BuildKit vertex within one image's build.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something deserves the user's attention but stops nothing.
    Warned {
        /// One sentence.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// Something is waited for that usually takes no time.
    Slow {
        /// A host, a program, another command.
        whom: String,
        /// What for, as an infinitive: `check image …`.
        doing: String,
        /// How long it is waited for.
        since: Duration,
    },
    /// What was waited for is there, or is no longer waited for.
    SlowOver {
        /// As in [`Event::Slow`].
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
        pause: Duration,
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
        took: Duration,
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
        took: Duration,
    },
    /// The history that a clone lacked came from its origin.
    HistoryFetched {
        /// The origin's URL, without secrets.
        repository: String,
        /// How long it took.
        took: Duration,
    },
    /// A builder answers.
    BuilderReady {
        /// Its address, for people.
        endpoint: String,
        /// How long it took to start or to reach.
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
        took: Duration,
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
        /// Revision number.
        revision: u32,
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
