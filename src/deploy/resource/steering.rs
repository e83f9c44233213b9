//! How an object wants to be deployed, tracked and deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use regex::Regex;

use super::json_path::JsonPath;

/// Everything that annotations say about an object, with the defaults of its kind filled in.
#[derive(Clone, Debug)]
pub struct Steering {
    /// Moments at which the object is deployed.
    pub deploy_on: Vec<When>,
    /// Groups within a moment, ascending. Ignored where `dependencies` is not empty.
    pub weight: i64,
    /// Objects of the same moment that must come first.
    pub dependencies: Vec<Dependency>,
    /// Objects that must be gone before this one is deleted.
    pub delete_dependencies: Vec<Dependency>,
    /// Objects outside the release that must be ready first.
    pub external: Vec<ExternalDependency>,
    /// Whether the object belongs to the release alone.
    pub ownership: Ownership,
    /// When to delete the object around its deployment.
    pub delete_policies: BTreeSet<DeletePolicy>,
    /// What is never done to the object.
    pub resource_policies: BTreeSet<ResourcePolicy>,
    /// What happens to the objects that it owns.
    pub propagation: Option<Propagation>,
    /// Replicas to set when it is created, and to leave alone afterwards.
    pub replicas_on_creation: Option<u32>,
    /// How it is watched.
    pub tracking: Tracking,
    /// Which logs are shown.
    pub logs: LogOptions,
    /// What is masked in output.
    pub sensitive: Sensitive,
}

/// Before, with or after the release's own objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before.
    Pre,
    /// With them.
    Main,
    /// After.
    Post,
}

/// What is done to the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// First deployment.
    Install,
    /// Every later one.
    Upgrade,
    /// Going back to an earlier revision.
    Rollback,
    /// Removal.
    Delete,
    /// `helm test`: never run by a deployment.
    Test,
}

/// One moment of one action, such as `pre-upgrade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When {
    /// Before, with or after.
    pub moment: Moment,
    /// Of what.
    pub action: Action,
}

/// A state to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The object works.
    Ready,
    /// The object exists.
    Present,
    /// The object is gone.
    Absent,
}

/// A wish to come after another object of the release. Empty fields match everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Part of the annotation's name after `deploy-dependency-`.
    pub id: String,
    /// What to wait for.
    pub state: State,
    /// Kind.
    pub kind: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// API group.
    pub group: Option<String>,
    /// API version.
    pub version: Option<String>,
}

/// A wish to come after an object that somebody else deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalDependency {
    /// Part of the annotation's name before `.external-dependency`.
    pub id: String,
    /// `kind` or its plural or short name, as written.
    pub kind: String,
    /// Version, where it was written.
    pub version: Option<String>,
    /// API group, where it was written.
    pub group: Option<String>,
    /// Name.
    pub name: String,
    /// Namespace; the release's own by default.
    pub namespace: Option<String>,
}

/// Who an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// This release: it carries its marks and goes with it.
    Release,
    /// Nobody in particular: several releases may apply it, none deletes it.
    Anyone,
}

/// When an object is deleted around its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeletePolicy {
    /// Before each deployment.
    BeforeCreation,
    /// Before a deployment that changes what cannot be changed.
    BeforeCreationIfImmutable,
    /// When it worked.
    Succeeded,
    /// When it failed.
    Failed,
}

/// What is never done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourcePolicy {
    /// It is not created.
    SkipCreate,
    /// It is not updated.
    SkipUpdate,
    /// It is not recreated.
    SkipRecreate,
    /// It is not deleted (`keep` in Helm).
    SkipDelete,
}

/// What happens to dependents of a deleted object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// They go first.
    #[default]
    Foreground,
    /// They go later.
    Background,
    /// They stay.
    Orphan,
}

impl Propagation {
    /// Reads Kubernetes' name for it.
    pub fn parse(text: &str) -> Option<Self> {
        [Propagation::Foreground, Propagation::Background, Propagation::Orphan].into_iter().find(|known| known.as_str() == text)
    }

    /// Kubernetes' name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Propagation::Foreground => "Foreground",
            Propagation::Background => "Background",
            Propagation::Orphan => "Orphan",
        }
    }
}

/// What a failing object does to the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailMode {
    /// Everything stops.
    FailDeploy,
    /// A warning is shown.
    Ignore,
}

/// How an object is watched until it works.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracking {
    /// Whether the deployment waits for it.
    pub wait: bool,
    /// What its failure does.
    pub fail_mode: FailMode,
    /// Failures to tolerate for each replica; `None` is the kind's default.
    pub failures_allowed_per_replica: Option<u32>,
    /// How long nothing may change before it counts as failed.
    pub no_activity_timeout: Duration,
    /// Container → time during which failing readiness probes are no failure; absent means computed from the probe.
    pub ignore_readiness: BTreeMap<String, Duration>,
}

/// Which lines of which pods are shown.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// No logs at all.
    pub skip: bool,
    /// Containers whose logs are not shown.
    pub skip_containers: Vec<String>,
    /// Containers whose logs are shown; empty means all.
    pub only_containers: Vec<String>,
    /// How many pods of one object are shown.
    pub replicas: usize,
    /// Lines to show; `None` means all.
    pub only: Option<Regex>,
    /// Lines to leave out.
    pub except: Option<Regex>,
    /// Lines to show for single containers.
    pub only_for: BTreeMap<String, Regex>,
    /// Lines to leave out for single containers.
    pub except_for: BTreeMap<String, Regex>,
    /// Whether events of the object are shown.
    pub service_messages: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            skip: false,
            skip_containers: Vec::new(),
            only_containers: Vec::new(),
            replicas: 1,
            only: None,
            except: None,
            only_for: BTreeMap::new(),
            except_for: BTreeMap::new(),
            service_messages: false,
        }
    }
}

impl LogOptions {
    /// Whether logs of this container are shown at all.
    pub fn shows_container(&self, container: &str) -> bool {
        !self.skip
            && !self.skip_containers.iter().any(|name| name == container)
            && (self.only_containers.is_empty() || self.only_containers.iter().any(|name| name == container))
    }

    /// Whether this line is shown.
    pub fn shows_line(&self, container: &str, line: &str) -> bool {
        let only = self.only_for.get(container).or(self.only.as_ref());
        let except = self.except_for.get(container).or(self.except.as_ref());
        only.is_none_or(|regex| regex.is_match(line)) && !except.is_some_and(|regex| regex.is_match(line))
    }
}

/// What is masked in diffs and output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sensitive {
    /// Nothing.
    Nothing,
    /// `data`, `stringData` of a Secret, or everything but identity of other kinds.
    Whole,
    /// What queries such as `$.spec.token` or `data.*` match.
    Paths(Vec<JsonPath>),
}
