//! Why a deployment ended badly.

use std::fmt::{self, Write as _};
use std::time::Duration;

use miette::Diagnostic;

use super::error::ClusterError;
use super::evidence::Evidence;
use crate::deploy::plan::PlanError;
use crate::deploy::resource::{ResourceError, ResourceId};
use crate::error::Kind;
use crate::yaml::YamlError;

/// A deployment, rollback or removal that did not come to its end.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum DeployError {
    /// The cluster could not be asked, or refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cluster(#[from] ClusterError),

    /// Manifests that make no sense, all of them.
    #[error("{} of the chart cannot be deployed", count(.problems.len(), "manifest"))]
    BadManifests {
        /// Each problem.
        #[related]
        problems: Vec<ResourceError>,
    },

    /// Objects that cannot be deployed as wanted, all of them. Nothing was changed.
    #[error("{} cannot be deployed; nothing was changed", count(.problems.len(), "object"))]
    NoPlan {
        /// Each problem.
        #[related]
        problems: Vec<PlanError>,
    },

    /// The manifest in a release record is no YAML.
    #[error("the manifest of release `{release}`, revision {revision}, cannot be read")]
    BadRelease {
        /// Release.
        release: String,
        /// Revision.
        revision: u32,
        /// Where and why.
        #[source]
        #[diagnostic_source]
        cause: YamlError,
    },

    /// The server refused an object while it was applied.
    #[error("cannot apply {resource}{}: {message}", from(.path))]
    #[diagnostic(help("the API server's words; `werf plan` shows what would be applied"))]
    ApplyRejected {
        /// The object.
        resource: ResourceId,
        /// Its template.
        path: String,
        /// The server's words.
        message: String,
    },

    /// An object does not work.
    #[error("{resource}{} failed: {reason}{evidence}", from(.path))]
    ResourceFailed {
        /// The object.
        resource: ResourceId,
        /// Its template.
        path: String,
        /// Why, for people.
        reason: String,
        /// What its containers and the cluster say.
        evidence: Box<Evidence>,
        /// What to do.
        #[help]
        help: Option<String>,
    },

    /// An object shows no sign of life.
    #[error("{resource}{} made no progress for {}: {message}{evidence}", from(.path), time(*.quiet))]
    #[diagnostic(help("{}the annotation `werf.io/no-activity-timeout` of the object says how long to wait", first(.advice.as_deref())))]
    ResourceStuck {
        /// The object.
        resource: ResourceId,
        /// Its template.
        path: String,
        /// Its last state.
        message: String,
        /// How long nothing changed.
        quiet: Duration,
        /// What its containers and the cluster say.
        evidence: Box<Evidence>,
        /// What usually helps.
        advice: Option<String>,
    },

    /// `--timeout` ran out.
    #[error("not done after {}; {}", time(*.after), waiting(.pending))]
    #[diagnostic(help("`--timeout` says how long to wait"))]
    Timeout {
        /// The limit.
        after: Duration,
        /// `Kind/name: message` of what was pending.
        pending: Vec<String>,
    },

    /// The work failed after it had begun, and what it did stays.
    #[error("{cause}")]
    #[diagnostic(help("{}{aftermath}", first(.cause.help().map(|help| help.to_string()).as_deref())))]
    Failed {
        /// Why.
        #[source]
        cause: Box<DeployError>,
        /// What stands in the cluster now, and what the next run does.
        aftermath: Aftermath,
    },

    /// The record of a revision does not fit into a Secret.
    #[error("release `{release}` is too large: its record needs {} and a Secret holds {}", size(*.needed), size(*.limit))]
    #[diagnostic(help(
        "nothing was changed. The record keeps the rendered manifests ({}), the chart's files ({}) and the values ({}), packed; move large files out of the chart, for example into an image, or split the release",
        size(*.manifests), size(*.chart), size(*.values)
    ))]
    RecordTooLarge {
        /// Release.
        release: String,
        /// Bytes of the record as it would be kept.
        needed: usize,
        /// Bytes that the API server takes.
        limit: usize,
        /// Bytes of the rendered manifests and hooks, unpacked.
        manifests: usize,
        /// Bytes of the chart's files, unpacked.
        chart: usize,
        /// Bytes of the user's values, unpacked.
        values: usize,
    },

    /// Somebody else deploys the same release and does not end.
    #[error("release `{release}` in namespace `{namespace}` is locked by {holder}; gave up after {}", time(*.waited))]
    #[diagnostic(help("wait for it to end; the lock of a killed werf is free after ten seconds"))]
    LockHeld {
        /// Release.
        release: String,
        /// Namespace.
        namespace: String,
        /// Who has it.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },

    /// The release's namespace is not there, and must not be made.
    #[error("there is no namespace `{namespace}`")]
    #[diagnostic(help("make it, or leave `--no-create-namespace` out"))]
    NoNamespace {
        /// Namespace.
        namespace: String,
    },

    /// Another tool wrote the same revision.
    #[error("revision {revision} of release `{release}` was written by somebody else meanwhile")]
    #[diagnostic(help("another tool, such as helm, deploys the same release; run the command again when it has ended"))]
    Raced {
        /// Release.
        release: String,
        /// Revision.
        revision: u32,
    },

    /// There is no such release.
    #[error("there is no release `{release}` in namespace `{namespace}`")]
    #[diagnostic(help("`helm list -A` shows all releases; `--release` and `--namespace` name another one"))]
    NoRelease {
        /// Release.
        release: String,
        /// Namespace.
        namespace: String,
    },

    /// There is no such revision.
    #[error("release `{release}` has no revision {revision}")]
    #[diagnostic(help("it has: {known}"))]
    NoRevision {
        /// Release.
        release: String,
        /// Revision.
        revision: u32,
        /// Those that there are.
        known: String,
    },

    /// No revision was deployed well before the newest one.
    #[error("release `{release}` has no earlier revision that was deployed well, so there is nothing to go back to")]
    #[diagnostic(help("it has: {known}; deploy a commit that works with `werf converge`"))]
    NothingBefore {
        /// Release.
        release: String,
        /// Those that there are.
        known: String,
    },

    /// The user asked to stop.
    #[error("interrupted; revision {revision} of release `{release}` is marked as failed")]
    #[diagnostic(help("run the command again to finish the job"))]
    Interrupted {
        /// Release.
        release: String,
        /// Revision that was being deployed.
        revision: u32,
    },

    /// The deployment failed, and there is no good revision to go back to.
    #[error("{cause}")]
    #[diagnostic(help(
        "nothing was rolled back: release `{release}` has no revision that was deployed well. {aftermath}{}",
        also(.cause)
    ))]
    NotRolledBack {
        /// Why the deployment failed.
        cause: Box<DeployError>,
        /// Release.
        release: String,
        /// What stands in the cluster now, and what the next run does.
        aftermath: Aftermath,
    },

    /// The deployment failed and the last good revision is back.
    #[error("{cause}")]
    #[diagnostic(help("release `{release}` was rolled back to revision {to} (as revision {revision}){}", also(.cause)))]
    RolledBack {
        /// Why the deployment failed.
        cause: Box<DeployError>,
        /// Release.
        release: String,
        /// The good revision.
        to: u32,
        /// The revision that holds it now.
        revision: u32,
    },

    /// The deployment failed, and so did the way back.
    #[error("{cause}\nThe rollback to revision {to} failed too: {rollback}")]
    #[diagnostic(help("the release is in a mixed state; the next successful deployment repairs it{}", also(.cause)))]
    RollbackFailed {
        /// Why the deployment failed.
        cause: Box<DeployError>,
        /// The good revision.
        to: u32,
        /// Why the rollback failed.
        rollback: Box<DeployError>,
    },
}

impl DeployError {
    /// The kind of failure, for the exit code.
    pub fn kind(&self) -> Kind {
        match self {
            DeployError::Interrupted { .. } => Kind::Interrupted,
            _ => Kind::Failed,
        }
    }
}

/// What work that failed leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// Of a new revision.
    Deployment {
        /// Release.
        release: String,
        /// The revision, which is marked as failed.
        revision: u32,
        /// How many changes of objects were made.
        made: usize,
        /// How many were to be made.
        planned: usize,
        /// The last revision that was deployed well.
        good: Option<u32>,
    },
    /// Of a removal.
    Removal {
        /// Release, which is marked as uninstalling.
        release: String,
        /// How many objects are gone.
        made: usize,
        /// How many were to go.
        planned: usize,
    },
}

impl fmt::Display for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |made: usize, planned: usize, what: &str| match (made, planned) {
            (0, _) => format!("no {what} was made"),
            (1, 1) => format!("the one {what} was made and stays"),
            (1, planned) => format!("1 of {planned} {what}s was made and stays"),
            (made, planned) if made == planned => format!("all {made} {what}s were made and stay"),
            (made, planned) => format!("{made} of {planned} {what}s were made and stay"),
        };
        match self {
            Aftermath::Deployment { release, revision, made, planned, good } => {
                let share = share(*made, *planned, "change");
                let way_back = good.map(|good| format!("; `werf rollback` brings revision {good} back")).unwrap_or_default();
                write!(
                    f,
                    "{share}, and revision {revision} of release `{release}` is marked as failed: the next `werf converge` goes on from there{way_back}"
                )
            }
            Aftermath::Removal { release, made, planned } => {
                let share = share(*made, *planned, "deletion");
                write!(f, "{share}, and release `{release}` is marked as uninstalling: the next `werf dismiss` goes on from there")
            }
        }
    }
}

fn first(advice: Option<&str>) -> String {
    advice.map(|advice| format!("{advice}\n")).unwrap_or_default()
}

/// What helps against the cause, after what became of the release.
fn also(cause: &DeployError) -> String {
    cause.help().map(|help| format!("\n{help}")).unwrap_or_default()
}

fn from(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" ({path})") }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn lines(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = write!(text, "\n  {line}");
        text
    })
}

fn waiting(pending: &[String]) -> String {
    if pending.is_empty() { "nothing was being waited for".into() } else { format!("still waiting for:{}", lines(pending)) }
}

/// `1.0 MiB`, `812 KiB`, `17 B`.
fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_000_000 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

fn time(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}
