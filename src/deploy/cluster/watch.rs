//! Watches: the live state of a few collections, kept current by the server's own messages.
//!
//! A collection is listed once and then watched from the list's version. A watch that ends is resumed where it stopped; one whose
//! version the server no longer has (410) begins with a new list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::io::AsyncBufReadExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::client::{Call, Client};
use super::discovery::Kind;
use super::error::ClusterError;
use super::live::percent;

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Topic {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
    /// Field selector, such as `metadata.name=web`; empty for all.
    pub(super) fields: String,
}

/// Collections that are being watched. Clones share them; all watches end with the last clone's [`CancellationToken`].
#[derive(Clone)]
pub(super) struct Hub {
    client: Client,
    store: Arc<Store>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Store {
    topics: Mutex<HashMap<Topic, Collection>>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Collection {
    synced: bool,
    /// Why the collection cannot be read, such as missing rights.
    refused: Option<String>,
    objects: HashMap<String, Arc<Value>>,
}

impl Hub {
    pub(super) fn new(client: Client, stop: CancellationToken) -> Self {
        Hub { client, store: Arc::default(), stop }
    }

    /// Begins to watch, if nobody did yet.
    pub(super) fn follow(&self, topic: &Topic) {
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

    /// Wakes at each change of any collection.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.store.changed.subscribe()
    }

    /// One object by name. `None` before the first list as well.
    pub(super) fn get(&self, topic: &Topic, name: &str) -> Option<Arc<Value>> {
        self.store.topics().get(topic)?.objects.get(name).cloned()
    }

    /// Whether the collection was listed.
    pub(super) fn is_synced(&self, topic: &Topic) -> bool {
        self.store.topics().get(topic).is_some_and(|collection| collection.synced)
    }

    /// Why the collection cannot be read.
    pub(super) fn refused(&self, topic: &Topic) -> Option<String> {
        self.store.topics().get(topic)?.refused.clone()
    }

    /// Objects for which `wanted` holds.
    pub(super) fn select(&self, topic: &Topic, wanted: impl Fn(&Value) -> bool) -> Vec<Arc<Value>> {
        let topics = self.store.topics();
        let objects = topics.get(topic).into_iter().flat_map(|collection| collection.objects.values());
        objects.filter(|object| wanted(object)).cloned().collect()
    }
}

impl Store {
    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Collection>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, topic: &Topic, change: impl FnOnce(&mut Collection)) {
        if let Some(collection) = self.topics().get_mut(topic) {
            change(collection);
        }
        self.changed.send_modify(|count| *count += 1);
    }
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
            Err(error @ (ClusterError::Forbidden { .. } | ClusterError::Unauthorized { .. })) => {
                store.change(topic, |collection| collection.refused = Some(error.to_string()));
                return;
            }
            Err(error) => tracing::debug!(%error, topic = %topic.kind.resource(), "the list failed"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Lists the collection; gives its version.
async fn begin(client: &Client, store: &Store, topic: &Topic) -> Result<String, ClusterError> {
    let mut call = Call::get(topic.kind.resource(), path(topic, ""));
    call.verb = "list";
    let mut answer = client.call(call).await?;
    let version = answer["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let items = match answer["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    store.change(topic, |collection| {
        collection.synced = true;
        collection.objects = items.into_iter().filter_map(|item| entry(item, topic)).collect();
    });
    Ok(version)
}

/// Watches until the stream ends. Gives the version to resume from, `None` where a new list is needed.
async fn follow(client: &Client, store: &Store, topic: &Topic, from: String) -> Result<Option<String>, (ClusterError, Option<String>)> {
    let query = format!("watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={}", percent(&from));
    let mut call = Call::get(topic.kind.resource(), path(topic, &query));
    call.verb = "watch";
    let stream = match client.stream(&call).await {
        Ok(stream) => stream,
        Err(error) if error.http_status() == Some(410) => return Ok(None),
        Err(error) => return Err((error, Some(from))),
    };
    let mut lines = stream.lines();
    let mut version = from;
    while let Some(line) = lines.next().await {
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
                    "ADDED" | "MODIFIED" => store.change(topic, |collection| collection.objects.extend(entry(object, topic))),
                    "DELETED" => {
                        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                        store.change(topic, |collection| drop(collection.objects.remove(&name)));
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
    let fields = if topic.fields.is_empty() { String::new() } else { format!("fieldSelector={}", percent(&topic.fields)) };
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
