//! Watches one object until it works, fails, or is gone; shows the logs of its pods meanwhile.
//!
//! What the states mean is `deploy::status`'s business. Here is what it needs: the object, its pods, ReplicaSets and events from
//! watches, and a memory of failures.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::Client;
use super::discovery::{Kind, built_in, kind_of};
use super::error::ClusterError;
use super::logs::{self, Container};
use super::watch::{Hub, Topic};
use crate::deploy::resource::{GroupVersionKind, Resource, ResourceId, pod_spec};
use crate::deploy::status::failures::{Failures, Tolerance, track as judge};
use crate::deploy::status::{Related, State, Status, is_ready_unasked, pods_of, status};
use crate::event::{Event, Events};

/// How long pods that have no readiness probe must stay ready: a process that cannot work mostly ends within this time.
const SETTLE: Duration = Duration::from_secs(3);

/// What every tracker shares.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) hub: Hub,
    pub(super) events: Events,
    /// Last message of what is still on its way, for the text of a timeout.
    pub(super) pending: Mutex<HashMap<String, String>>,
    /// Whether what containers print is shown as they print it.
    pub(super) pod_logs: bool,
    /// RFC 3339: logs of older pods are shown from here on.
    pub(super) since: String,
}

/// The last lines of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
    /// Its last lines, as written.
    pub lines: Vec<String>,
}

/// Why tracking ended badly.
#[derive(Debug)]
pub(super) enum Failure {
    /// The object failed.
    Failed { reason: String, logs: Vec<LogTail> },
    /// Nothing changed for too long.
    Stuck { message: String, quiet: Duration, logs: Vec<LogTail> },
    /// The cluster could not be asked.
    Cluster(ClusterError),
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Failure::Cluster(error)
    }
}

impl Context {
    fn note(&self, id: &ResourceId, message: Option<&str>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            Some(message) => pending.insert(id.to_string(), message.to_owned()),
            None => pending.remove(&id.to_string()),
        };
    }
}

/// Waits until the object works. `applied` is the server's answer to applying it: where that is ready already, nothing is watched.
pub(super) async fn ready(context: &Context, resource: &Resource, applied: Option<&Value>) -> Result<(), Failure> {
    let id = &resource.id;
    let started = Instant::now();
    if applied.is_some_and(|object| status(object, Related::default()).state == State::Ready) {
        context.events.emit(Event::ResourceReady { resource: id.to_string(), took: started.elapsed() });
        return Ok(());
    }
    let topics = Topics::of(&context.client, resource).await?;
    topics.all().for_each(|topic| context.hub.follow(topic));
    let mut changes = context.hub.changes();
    let tolerance = Tolerance {
        failures_per_replica: Some(resource.steering.tracking.failures_allowed_per_replica),
        ignore_readiness: resource.steering.tracking.ignore_readiness.clone(),
    };
    // The object may not be seen in a state before it was applied: that one was perhaps ready.
    let uid = applied.and_then(|object| object["metadata"]["uid"].as_str()).map(String::from);
    let generation = applied.and_then(|object| object["metadata"]["generation"].as_i64());
    let mut failures = Failures::new();
    let mut shown = String::new();
    let mut logs = Logs::new(context, resource);
    let mut quiet_since = Instant::now();
    let mut life = (String::new(), 0);
    let patience = resource.steering.tracking.no_activity_timeout;
    // Since when it is ready, at which count of failures.
    let mut settling: Option<(Instant, u32)> = None;
    loop {
        changes.borrow_and_update();
        if let Some(refused) = context.hub.refused(&topics.own) {
            return Err(Failure::Failed { reason: refused, logs: Vec::new() });
        }
        let object = context.hub.get(&topics.own, &id.name).filter(|object| {
            uid.as_ref().is_none_or(|uid| object["metadata"]["uid"] == uid.as_str())
                && generation.is_none_or(|generation| object["metadata"]["generation"].as_i64().is_none_or(|seen| seen >= generation))
        });
        let mut seen = String::from("nothing yet");
        if let Some(object) = object {
            let around = topics.around(context, &object);
            let Status { state, message } = judge(&object, around.related(), &mut failures, &tolerance);
            let pods = pods_of(&object, around.related());
            logs.show(&pods);
            seen = format!("{message} {}", pods.iter().map(|pod| pod["metadata"]["resourceVersion"].to_string()).collect::<String>());
            settling = match settling {
                _ if state != State::Ready || !pods.iter().any(|pod| is_ready_unasked(pod)) => None,
                Some((since, count)) if count == failures.count() => Some((since, count)),
                _ => Some((Instant::now(), failures.count())),
            };
            match state {
                State::Ready if settling.is_some_and(|(since, _)| since.elapsed() < SETTLE) => {
                    let message = format!("{message}; without a readiness probe it is watched for {} s more", SETTLE.as_secs());
                    context.note(id, Some(&message));
                    if shown != message {
                        shown.clone_from(&message);
                        context.events.emit(Event::ResourceProgressed { resource: id.to_string(), message });
                    }
                }
                State::Ready => {
                    logs.finish().await;
                    context.note(id, None);
                    context.events.emit(Event::ResourceReady { resource: id.to_string(), took: started.elapsed() });
                    return Ok(());
                }
                State::Failed => {
                    logs.finish().await;
                    let tails = tails(&context.client, &pods).await;
                    context.events.emit(Event::ResourceFailed { resource: id.to_string(), message: message.clone() });
                    return Err(Failure::Failed { reason: message, logs: tails });
                }
                State::Progressing | State::Terminating => {
                    context.note(id, Some(&message));
                    if shown != message {
                        shown.clone_from(&message);
                        context.events.emit(Event::ResourceProgressed { resource: id.to_string(), message });
                    }
                }
            }
            if quiet_since.elapsed() >= patience {
                let tails = tails(&context.client, &pods).await;
                let message = if shown.is_empty() { "it gives no sign of life".to_owned() } else { shown };
                context.events.emit(Event::ResourceFailed { resource: id.to_string(), message: message.clone() });
                return Err(Failure::Stuck { message, quiet: patience, logs: tails });
            }
        } else if context.hub.is_synced(&topics.own) && applied.is_none() {
            return Err(Failure::Failed { reason: "it does not exist".into(), logs: Vec::new() });
        } else if quiet_since.elapsed() >= patience {
            return Err(Failure::Stuck { message: "the object disappeared".into(), quiet: patience, logs: Vec::new() });
        }
        let now = (seen, logs.printed());
        if now != life {
            life = now;
            quiet_since = Instant::now();
        }
        let settled = settling.map(|(since, _)| since + SETTLE);
        let next_look = (quiet_since + patience).min(settled.unwrap_or_else(|| Instant::now() + Duration::from_secs(30)));
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(next_look) => {}
        }
    }
}

/// Waits until the object is gone, or has been replaced by a new one.
pub(super) async fn absent(context: &Context, id: &ResourceId, patience: Duration) -> Result<(), Failure> {
    let kind = match kind_of(&context.client, id, "").await {
        Ok(kind) => kind,
        Err(ClusterError::UnknownKind { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // The usual object is gone at once: one read costs less than a watch.
    let Some(first) = super::live::get(&context.client, id).await? else { return Ok(()) };
    let uid = first["metadata"]["uid"].clone();
    let topic = own_topic(kind, id);
    context.hub.follow(&topic);
    let mut changes = context.hub.changes();
    let (mut quiet_since, mut seen, mut shown) = (Instant::now(), Value::Null, String::new());
    loop {
        changes.borrow_and_update();
        match context.hub.get(&topic, &id.name) {
            Some(object) if object["metadata"]["uid"] == uid => {
                let message = status(&object, Related::default()).message;
                context.note(id, Some(&message));
                if shown != message {
                    shown.clone_from(&message);
                    context.events.emit(Event::ResourceProgressed { resource: id.to_string(), message });
                }
                let version = object["metadata"]["resourceVersion"].clone();
                if version != seen {
                    seen = version;
                    quiet_since = Instant::now();
                }
            }
            None if !context.hub.is_synced(&topic) => {}
            _ => {
                context.note(id, None);
                return Ok(());
            }
        }
        if let Some(refused) = context.hub.refused(&topic) {
            return Err(Failure::Failed { reason: refused, logs: Vec::new() });
        }
        if quiet_since.elapsed() >= patience {
            return Err(Failure::Stuck { message: format!("it is not gone: {shown}"), quiet: patience, logs: Vec::new() });
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(quiet_since + patience) => {}
        }
    }
}

/// Waits until an object exists that somebody else makes.
pub(super) async fn exists(context: &Context, kind: &Kind, id: &ResourceId, patience: Duration) -> Result<(), Failure> {
    let topic = own_topic(kind.clone(), id);
    context.hub.follow(&topic);
    let mut changes = context.hub.changes();
    let deadline = Instant::now() + patience;
    context.note(id, Some("it does not exist yet"));
    loop {
        changes.borrow_and_update();
        if context.hub.get(&topic, &id.name).is_some() {
            context.note(id, None);
            return Ok(());
        }
        if let Some(refused) = context.hub.refused(&topic) {
            return Err(Failure::Failed { reason: refused, logs: Vec::new() });
        }
        if Instant::now() >= deadline {
            return Err(Failure::Stuck { message: format!("{id} does not exist"), quiet: patience, logs: Vec::new() });
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}

/// Collections that tell about one object.
struct Topics {
    own: Topic,
    pods: Option<Topic>,
    replica_sets: Option<Topic>,
    events: Option<Topic>,
}

impl Topics {
    async fn of(client: &Client, resource: &Resource) -> Result<Self, ClusterError> {
        let kind = kind_of(client, &resource.id, &resource.path).await?;
        let own = own_topic(kind, &resource.id);
        let workload = pod_spec(&resource.object).is_some() && resource.id.gvk.kind != "CronJob";
        let around = |group: &str, kind: &str, fields: &str| {
            let gvk = GroupVersionKind { group: group.into(), version: "v1".into(), kind: kind.into() };
            Some(Topic { kind: built_in(&gvk)?, namespace: resource.id.namespace.clone(), fields: fields.into() })
        };
        // That a claim waits for its first pod is no warning.
        let claim = resource.id.is("", "PersistentVolumeClaim");
        let events = if claim { "involvedObject.kind=PersistentVolumeClaim" } else { "type=Warning" };
        Ok(Topics {
            pods: around("", "Pod", "").filter(|_| workload),
            replica_sets: around("apps", "ReplicaSet", "").filter(|_| resource.id.is("apps", "Deployment") && workload),
            events: around("", "Event", events).filter(|_| workload || claim),
            own,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Topic> {
        [Some(&self.own), self.pods.as_ref(), self.replica_sets.as_ref(), self.events.as_ref()].into_iter().flatten()
    }

    fn around(&self, context: &Context, object: &Value) -> Around {
        // Until the controller has seen the change, what is there belongs to the state before.
        let behind = object["status"]["observedGeneration"].as_i64() < object["metadata"]["generation"].as_i64();
        if behind && object["kind"] == "Deployment" {
            return Around::default();
        }
        let copy = |topic: &Option<Topic>, wanted: &dyn Fn(&Value) -> bool| -> Vec<Value> {
            let found = topic.iter().flat_map(|topic| context.hub.select(topic, wanted));
            found.map(|object| (*object).clone()).collect()
        };
        let uid = &object["metadata"]["uid"];
        let owned_by = |item: &Value, uids: &HashSet<&Value>| {
            let owners = item["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            owners.into_iter().any(|owner| uids.contains(&owner["uid"]))
        };
        let own = HashSet::from([uid]);
        let replica_sets = copy(&self.replica_sets, &|item| owned_by(item, &own));
        let mut owners = own.clone();
        owners.extend(replica_sets.iter().map(|item| &item["metadata"]["uid"]));
        let pods = copy(&self.pods, &|item| &item["metadata"]["uid"] == uid || owned_by(item, &owners));
        let mut about = owners.clone();
        about.extend(pods.iter().map(|item| &item["metadata"]["uid"]));
        let events = copy(&self.events, &|item| about.contains(&item["involvedObject"]["uid"]));
        Around { pods, replica_sets, events }
    }
}

#[derive(Default)]
struct Around {
    pods: Vec<Value>,
    replica_sets: Vec<Value>,
    events: Vec<Value>,
}

impl Around {
    fn related(&self) -> Related<'_> {
        Related { pods: &self.pods, replica_sets: &self.replica_sets, events: &self.events }
    }
}

fn own_topic(kind: Kind, id: &ResourceId) -> Topic {
    Topic { kind, namespace: id.namespace.clone(), fields: format!("metadata.name={}", id.name) }
}

/// Log streams of one object's pods.
struct Logs<'a> {
    context: &'a Context,
    resource: &'a Resource,
    /// Pods whose logs are shown, first come first shown.
    pods: Vec<String>,
    /// Pod, container and run that are shown already.
    runs: HashSet<(String, String, i64)>,
    streams: JoinSet<()>,
    printed: Arc<Mutex<u64>>,
}

impl<'a> Logs<'a> {
    fn new(context: &'a Context, resource: &'a Resource) -> Self {
        Logs { context, resource, pods: Vec::new(), runs: HashSet::new(), streams: JoinSet::new(), printed: Arc::default() }
    }

    fn printed(&self) -> u64 {
        *self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a stream for each run of a container that began since the last call.
    fn show(&mut self, pods: &[&Value]) {
        if !self.context.pod_logs {
            return;
        }
        let options = &self.resource.steering.logs;
        for pod in pods.iter().filter(|_| self.context.pod_logs) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            if !self.pods.iter().any(|known| known == name) {
                if self.pods.len() >= options.replicas {
                    continue;
                }
                self.pods.push(name.to_owned());
            }
            for list in ["initContainerStatuses", "containerStatuses"] {
                for status in pod["status"][list].as_array().into_iter().flatten() {
                    let container = status["name"].as_str().unwrap_or_default();
                    let began = status["state"]["running"].is_object() || status["state"]["terminated"].is_object();
                    let run = (name.to_owned(), container.to_owned(), status["restartCount"].as_i64().unwrap_or(0));
                    if !began || !options.shows_container(container) || !self.runs.insert(run) {
                        continue;
                    }
                    let created = pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
                    let since = (created < self.context.since.as_str()).then(|| self.context.since.clone());
                    let target = Container {
                        namespace: self.resource.id.namespace.clone().unwrap_or_default(),
                        pod: name.to_owned(),
                        name: container.to_owned(),
                    };
                    let (client, events, printed) = (self.context.client.clone(), self.context.events.clone(), self.printed.clone());
                    let (resource, options) = (self.resource.id.to_string(), options.clone());
                    self.streams.spawn(async move {
                        logs::follow(&client, &target, &resource, &options, since, &printed, &events).await;
                    });
                }
            }
        }
    }

    /// Lets the streams of containers that ended print their last lines.
    async fn finish(mut self) {
        let rest = async { while self.streams.join_next().await.is_some() {} };
        // Streams of running containers never end: a moment is enough for those that did.
        let _ = tokio::time::timeout(Duration::from_millis(300), rest).await;
        self.streams.abort_all();
    }
}

/// The last lines of every container that did not work, at most three of them.
async fn tails(client: &Client, pods: &[&Value]) -> Vec<LogTail> {
    let mut found = Vec::new();
    for pod in pods {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for list in ["initContainerStatuses", "containerStatuses"] {
            for status in pod["status"][list].as_array().into_iter().flatten() {
                let restarted = status["restartCount"].as_i64().unwrap_or(0) > 0;
                let ended = status["state"]["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0);
                let runs = status["state"]["running"].is_object();
                let unready = runs && status["ready"] == false;
                if !(restarted || ended || unready) || found.len() >= 3 {
                    continue;
                }
                let container = Container {
                    namespace: pod["metadata"]["namespace"].as_str().unwrap_or_default().into(),
                    pod: name.into(),
                    name: status["name"].as_str().unwrap_or_default().into(),
                };
                // A container that waits or runs again wrote its last words in the run before.
                let previous = restarted && !ended;
                if let Ok(lines) = logs::tail(client, &container, previous).await
                    && !lines.is_empty()
                {
                    found.push(LogTail { pod: container.pod, container: container.name, lines });
                }
            }
        }
    }
    found
}
