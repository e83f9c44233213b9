//! Watches: the live state of a few collections, kept current by the server's own messages.
//!
//! A collection is listed once and then watched from the list's version. A watch that ends is resumed where it stopped; one whose
//! version the server no longer has (410) begins with a new list. However many objects are tracked, each collection has one watch: a
//! server allows about a hundred streams on a connection, and what asks for more of them waits without a word.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::io::AsyncBufReadExt;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client::{Call, Client};
use super::error::ClusterError;
use super::kind::Kind;
use crate::kinds;
use crate::words::percent::percent_encoded;

/// How long a watch may say nothing: the server sends a bookmark about every minute, and one that is silent for longer may be gone.
const SILENCE: Duration = Duration::from_secs(100);

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Topic {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
    /// Field selector, such as `metadata.name=web`; empty for all.
    pub(super) fields: String,
}

impl Topic {
    /// Configuration may be large and tells nothing about how an object fares: of such objects only the metadata is read.
    fn is_bare(&self) -> bool {
        kinds::kind(&self.kind.gvk.group, &self.kind.gvk.kind).is_data
    }

    /// The media type to ask for: whole objects or their metadata.
    fn accept(&self, partial: &'static str) -> &'static str {
        if self.is_bare() { partial } else { "application/json" }
    }
}

/// An object of a collection by what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By<'a> {
    /// Its name.
    Name(&'a str),
    /// The uid of an object that owns it, or that it tells about.
    Uid(&'a str),
}

/// Collections that are being watched. Clones share them; all watches end with the [`CancellationToken`].
#[derive(Clone)]
pub(super) struct Hub {
    client: Client,
    store: Arc<Store>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Store(Mutex<HashMap<Topic, Collection>>);

#[derive(Default)]
struct Collection {
    synced: bool,
    /// Why the collection cannot be read, such as missing rights.
    refused: Option<Refusal>,
    objects: HashMap<String, Arc<Value>>,
    /// Names of objects by the uid of an object that owns them, or that they tell about.
    by_uid: HashMap<String, BTreeSet<String>>,
    /// Whom to wake when an object of that name changes.
    names: HashMap<String, Vec<Arc<Notify>>>,
    /// Whom to wake when an object changes that refers to that uid.
    uids: HashMap<String, Vec<Arc<Notify>>>,
}

/// Why a collection cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    /// Which right is missing.
    pub(super) help: Option<String>,
}

impl Hub {
    pub(super) fn new(client: Client, stop: CancellationToken) -> Self {
        Hub { client, store: Arc::default(), stop }
    }

    /// What one tracker sees: it is woken by changes of what it follows and of nothing else.
    pub(super) fn view(&self) -> View<'_> {
        View { hub: self, wake: Arc::default(), followed: HashSet::new() }
    }

    /// Begins to watch, if nobody did yet.
    fn start(&self, topic: &Topic) {
        let mut topics = self.store.topics();
        if topics.contains_key(topic) {
            return;
        }
        topics.insert(topic.clone(), Collection::default());
        drop(topics);
        let (client, store, topic, stop) = (self.client.clone(), self.store.clone(), topic.clone(), self.stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = run(&client, &store, &topic) => {}
            }
        });
    }
}

/// What one tracker follows of a [`Hub`].
pub(super) struct View<'a> {
    hub: &'a Hub,
    wake: Arc<Notify>,
    followed: HashSet<(Topic, bool, String)>,
}

impl View<'_> {
    /// Begins to watch the collection, if nobody did yet, and is woken from here on when such an object changes.
    pub(super) fn follow(&mut self, topic: &Topic, by: By<'_>) {
        let (is_name, key) = match by {
            By::Name(name) => (true, name),
            By::Uid(uid) => (false, uid),
        };
        if !self.followed.insert((topic.clone(), is_name, key.to_owned())) {
            return;
        }
        self.hub.start(topic);
        if let Some(collection) = self.hub.store.topics().get_mut(topic) {
            let listeners = if is_name { &mut collection.names } else { &mut collection.uids };
            listeners.entry(key.to_owned()).or_default().push(self.wake.clone());
        }
    }

    /// Waits for a change since the last call.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// One object by name. `None` before the first list as well.
    pub(super) fn get(&self, topic: &Topic, name: &str) -> Option<Arc<Value>> {
        self.hub.store.topics().get(topic)?.objects.get(name).cloned()
    }

    /// The objects that another one owns, or that tell about it.
    pub(super) fn around(&self, topic: &Topic, uid: &str) -> Vec<Arc<Value>> {
        let topics = self.hub.store.topics();
        let Some(collection) = topics.get(topic) else { return Vec::new() };
        let names = collection.by_uid.get(uid).into_iter().flatten();
        names.filter_map(|name| collection.objects.get(name).cloned()).collect()
    }

    /// Whether the collection was listed.
    pub(super) fn is_synced(&self, topic: &Topic) -> bool {
        self.hub.store.topics().get(topic).is_some_and(|collection| collection.synced)
    }

    /// Why the collection cannot be read.
    pub(super) fn refused(&self, topic: &Topic) -> Option<Refusal> {
        self.hub.store.topics().get(topic)?.refused.clone()
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        let mut topics = self.hub.store.topics();
        for (topic, is_name, key) in self.followed.drain() {
            let Some(collection) = topics.get_mut(&topic) else { continue };
            let listeners = if is_name { &mut collection.names } else { &mut collection.uids };
            if let Some(known) = listeners.get_mut(&key) {
                known.retain(|other| !Arc::ptr_eq(other, &self.wake));
                if known.is_empty() {
                    listeners.remove(&key);
                }
            }
        }
    }
}

impl Store {
    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Collection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, topic: &Topic, change: impl FnOnce(&mut Collection)) {
        if let Some(collection) = self.topics().get_mut(topic) {
            change(collection);
        }
    }
}

impl Collection {
    fn replace(&mut self, items: Vec<(String, Arc<Value>)>) {
        self.synced = true;
        self.objects = items.into_iter().collect();
        self.by_uid.clear();
        for (name, object) in &self.objects {
            for uid in uids(object) {
                self.by_uid.entry(uid.to_owned()).or_default().insert(name.clone());
            }
        }
        self.wake_all();
    }

    fn put(&mut self, name: String, object: Arc<Value>) {
        self.forget(&name);
        for uid in uids(&object) {
            self.by_uid.entry(uid.to_owned()).or_default().insert(name.clone());
        }
        self.wake(&name, &object);
        self.objects.insert(name, object);
    }

    fn remove(&mut self, name: &str) {
        if let Some(object) = self.forget(name) {
            self.wake(name, &object);
        }
    }

    fn forget(&mut self, name: &str) -> Option<Arc<Value>> {
        let old = self.objects.remove(name)?;
        for uid in uids(&old) {
            if let Some(names) = self.by_uid.get_mut(uid) {
                names.remove(name);
                if names.is_empty() {
                    self.by_uid.remove(uid);
                }
            }
        }
        Some(old)
    }

    fn wake(&self, name: &str, object: &Value) {
        let by_uid = uids(object).filter_map(|uid| self.uids.get(uid));
        self.names.get(name).into_iter().chain(by_uid).flatten().for_each(|listener| listener.notify_one());
    }

    fn wake_all(&self) {
        self.names.values().chain(self.uids.values()).flatten().for_each(|listener| listener.notify_one());
    }
}

/// The uids of objects that own this one, or that it tells about.
fn uids(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten().map(|owner| &owner["uid"]);
    owners.chain([&object["involvedObject"]["uid"]]).filter_map(Value::as_str)
}

async fn run(client: &Client, store: &Store, topic: &Topic) {
    let mut pause = Duration::from_millis(200);
    let mut version: Option<String> = None;
    loop {
        let from = match version.take() {
            Some(version) => Ok(version),
            None => begin(client, store, topic).await,
        };
        match from {
            Ok(from) => match follow(client, store, topic, from).await {
                Ok(next) => {
                    version = next;
                    pause = Duration::from_millis(200);
                    continue;
                }
                Err((error, next)) => {
                    tracing::debug!(%error, topic = %topic.kind.resource(), "the watch broke");
                    version = next;
                }
            },
            Err(ClusterError::Forbidden { message, help, .. }) => return refuse(store, topic, message, Some(help)),
            Err(error @ ClusterError::Unauthorized { .. }) => return refuse(store, topic, error.to_string(), None),
            Err(error) => tracing::debug!(%error, topic = %topic.kind.resource(), "the list failed"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn refuse(store: &Store, topic: &Topic, message: String, help: Option<String>) {
    store.change(topic, |collection| {
        collection.refused = Some(Refusal { message, help });
        collection.wake_all();
    });
}

/// Lists the collection; gives its version.
async fn begin(client: &Client, store: &Store, topic: &Topic) -> Result<String, ClusterError> {
    let mut call = Call::get(topic.kind.resource(), path(topic, ""));
    call.verb = "list";
    call.accept = topic.accept("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    let mut answer = client.call(call).await?;
    let version = answer["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let items = match answer["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    store.change(topic, |collection| collection.replace(items.into_iter().filter_map(|item| entry(item, topic)).collect()));
    Ok(version)
}

/// Watches until the stream ends. Gives the version to resume from, `None` where a new list is needed.
async fn follow(client: &Client, store: &Store, topic: &Topic, from: String) -> Result<Option<String>, (ClusterError, Option<String>)> {
    let query = format!("watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={}", percent_encoded(&from));
    let mut call = Call::get(topic.kind.resource(), path(topic, &query));
    call.verb = "watch";
    call.accept = topic.accept("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    let stream = match client.stream(&call).await {
        Ok(stream) => stream,
        Err(error) if error.http_status() == Some(410) => return Ok(None),
        Err(error) => return Err((error, Some(from))),
    };
    let mut lines = stream.lines();
    let mut version = from;
    while let Ok(Some(line)) = tokio::time::timeout(SILENCE, lines.next()).await {
        let Ok(line) = line else { break };
        let Ok(mut event) = serde_json::from_str::<Value>(&line) else { break };
        let object = event["object"].take();
        match event["type"].as_str() {
            Some("ERROR") => return Ok((object["code"] != 410).then_some(version)),
            Some(kind) => {
                if let Some(next) = object["metadata"]["resourceVersion"].as_str() {
                    version = next.to_owned();
                }
                match kind {
                    "ADDED" | "MODIFIED" => store.change(topic, |collection| {
                        if let Some((name, object)) = entry(object, topic) {
                            collection.put(name, object);
                        }
                    }),
                    "DELETED" => {
                        store.change(topic, |collection| collection.remove(object["metadata"]["name"].as_str().unwrap_or_default()));
                    }
                    _ => {}
                }
            }
            None => break,
        }
    }
    Ok(Some(version))
}

fn path(topic: &Topic, query: &str) -> String {
    let fields = if topic.fields.is_empty() { String::new() } else { format!("fieldSelector={}", percent_encoded(&topic.fields)) };
    let query: Vec<&str> = [fields.as_str(), query].into_iter().filter(|part| !part.is_empty()).collect();
    let path = topic.kind.path(topic.namespace.as_deref(), None);
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

fn entry(mut object: Value, topic: &Topic) -> Option<(String, Arc<Value>)> {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    // Items of a list come without their type.
    object["apiVersion"] = topic.kind.gvk.api_version().into();
    object["kind"] = topic.kind.gvk.kind.clone().into();
    Some((object["metadata"]["name"].as_str()?.to_owned(), Arc::new(object)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, owner: &str) -> (String, Arc<Value>) {
        let pod = json!({"metadata": {"name": name, "ownerReferences": [{"uid": owner}]}});
        (name.to_owned(), Arc::new(pod))
    }

    #[test]
    fn objects_are_found_by_their_owner_as_long_as_they_are_there() {
        let mut pods = Collection::default();
        pods.replace(vec![pod("a", "one"), pod("b", "one"), pod("c", "two")]);
        let names = |pods: &Collection, uid: &str| pods.by_uid.get(uid).into_iter().flatten().cloned().collect::<Vec<_>>();
        assert_eq!(names(&pods, "one"), ["a", "b"]);
        let (name, moved) = pod("b", "two");
        pods.put(name, moved);
        pods.remove("a");
        assert_eq!((names(&pods, "one"), names(&pods, "two")), (vec![], vec!["b".to_owned(), "c".to_owned()]));
        pods.replace(vec![pod("d", "three")]);
        assert_eq!((names(&pods, "two"), names(&pods, "three")), (vec![], vec!["d".to_owned()]));
    }
}
