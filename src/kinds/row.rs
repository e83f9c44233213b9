//! What is said of a kind: the columns of the table.

use serde_json::Value;

use super::custom::Words;
use super::owned;
use super::references::References;
use super::{Related, Status};

/// All that is known of one kind. Kinds that have no row are judged by [`super::OTHER`].
#[derive(Clone, Copy)]
pub struct Row {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Kind, such as `Deployment`.
    pub kind: &'static str,
    /// Versions that Kubernetes itself serves; none for kinds that discovery must answer for.
    pub versions: &'static [&'static str],
    /// Name in URLs, such as `deployments`; empty where there are no versions.
    pub plural: &'static str,
    /// Whether its objects live in a namespace.
    pub scope: Scope,
    /// With which kinds it is applied and deleted.
    pub tier: Tier,
    /// How its status is read.
    pub judge: Judge,
    /// The pods that it makes, or is.
    pub pods: Option<Pods>,
    /// Which events tell how it fares, besides warnings about its pods.
    pub events: Events,
    /// Whether its objects run to an end: they are made anew to run again, and a failed one never recovers.
    pub ends: bool,
    /// Whether a change that the server refuses as immutable makes it anew without being asked to.
    pub made_anew: bool,
    /// Whether `data` and `stringData` are secret.
    pub is_secret: bool,
    /// Whether it is nothing but data: of such objects only the metadata tells whether they changed.
    pub is_data: bool,
    /// How long a name may be.
    pub name: Name,
    /// Adds the objects that it names, besides those of its pods.
    pub names: fn(&Value, &mut References),
    /// What only one object can have at a time: `30080/TCP`, an address.
    pub holds: fn(&Value) -> Vec<String>,
    /// Values of the server that no longer fit what is wanted (wanted object, live object), besides those of its pods.
    pub derived: fn(&Value, &Value) -> Vec<Derived>,
}

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One per namespace and name.
    Namespaced,
    /// One per name.
    Cluster,
}

/// A group of kinds: all of one are applied at once, the next one follows when they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Namespaces: before all, and deleted after all.
    Namespaces,
    /// Definitions of custom resources: before what is of their kinds, and deleted after the controllers.
    Definitions,
    /// What pods and accounts need.
    Foundations,
    /// Roles and their bindings.
    Rights,
    /// Names and addresses of workloads.
    Services,
    /// What runs.
    Workloads,
    /// What routes to workloads, judges or replaces the API's answers through them.
    Edge,
    /// Custom resources, whose controllers may be among the workloads: deleted before these, which finalize them.
    Custom,
}

impl Tier {
    /// Its place when objects are applied, from 0.
    pub fn applied(self) -> u8 {
        match self {
            Tier::Namespaces | Tier::Definitions | Tier::Foundations => 0,
            Tier::Rights => 1,
            Tier::Services => 2,
            Tier::Workloads => 3,
            Tier::Edge => 4,
            Tier::Custom => 5,
        }
    }

    /// Its place when objects are deleted, from 0: the reverse, with definitions and namespaces at the very end.
    pub fn deleted(self) -> u8 {
        match self {
            Tier::Definitions => 6,
            Tier::Namespaces => 7,
            other => 5 - other.applied(),
        }
    }
}

/// How a status is read.
#[derive(Clone, Copy)]
pub enum Judge {
    /// By a rule of its own.
    Rule(fn(&Value, Related<'_>) -> Status),
    /// By one word of the object.
    Words(Words),
    /// It does what it is made for as soon as it is there: what its status tells depends on others, which may come later.
    Created,
    /// By what conditions and phases usually mean (API conventions of Kubernetes).
    Convention,
}

/// The pods of a kind.
#[derive(Clone, Copy)]
pub struct Pods {
    /// Where the pod spec is.
    pub spec: &'static [&'static str],
    /// Whether others make the pods later, from this template: a CronJob's Jobs. Nothing of them belongs to the deployment.
    pub later: bool,
    /// JSON pointer to how many there shall be.
    pub count: &'static str,
    /// How many failures are tolerated where no annotation says it.
    pub failures: Tolerated,
    /// Those of the object as it is now, of all pods around it.
    pub of: for<'a> fn(&Value, Related<'a>) -> Vec<&'a Value>,
}

impl Pods {
    /// Of a controller with a template and replicas.
    pub const REPLICAS: Pods =
        Pods { spec: &["spec", "template", "spec"], later: false, count: "/spec/replicas", failures: Tolerated::Each(1), of: owned::all };
}

/// How many failures of pods are tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerated {
    /// So many for each pod that is restarted.
    Each(u32),
    /// Its controller counts the runs that end badly, and tells when it gives up.
    ByController,
}

/// Which events are listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Warnings about the object's pods, if it has any.
    OfPods,
    /// All about objects of the kind: what it waits for is no warning.
    OfKind,
}

/// What a name may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Of at most so many characters, as DNS has them.
    Dns(usize),
    /// Any segment of a path.
    Segment,
}

/// Fields that the server filled in and that do not fit what is wanted: they must go for it to fill in what does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// Paths as `managedFields` writes them: `f:spec`, `k:{"name":"app"}`. They go together.
    pub paths: Vec<Vec<String>>,
    /// By whose ownership they may go.
    pub owner: Owner,
}

/// Whose fields may be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Anybody's: beside what is wanted the server refuses them.
    Anyone,
    /// Ours: one of the paths at least.
    Us,
    /// Nobody's: what another manager sets is its own.
    Nobody,
}

impl Derived {
    /// One field below the root.
    pub(super) fn field(path: &[&str], owner: Owner) -> Self {
        Derived { paths: vec![path.iter().map(|name| format!("f:{name}")).collect()], owner }
    }
}

impl Row {
    /// A kind of which nothing special is known.
    pub(super) const fn new(
        group: &'static str,
        versions: &'static [&'static str],
        kind: &'static str,
        plural: &'static str,
        scope: Scope,
        tier: Tier,
    ) -> Self {
        Row {
            group,
            kind,
            versions,
            plural,
            scope,
            tier,
            judge: Judge::Convention,
            pods: None,
            events: Events::OfPods,
            ends: false,
            made_anew: false,
            is_secret: false,
            is_data: false,
            name: Name::Dns(253),
            names: |_, _| {},
            holds: |_| Vec::new(),
            derived: |_, _| Vec::new(),
        }
    }

    /// A widespread custom resource whose status does not follow the conventions.
    pub(super) const fn custom(group: &'static str, kind: &'static str, words: Words) -> Self {
        Row {
            judge: Judge::Words(words),
            pods: Some(Pods { failures: Tolerated::Each(0), ..Pods::REPLICAS }),
            ..Row::new(group, &[], kind, "", Scope::Namespaced, Tier::Custom)
        }
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.group, self.kind)
    }
}
