//! What lives around an object: its pods, the ReplicaSets between them, and the events about them all.

use std::sync::Arc;

use serde_json::Value;

use super::client::Client;
use super::discovery::kind_of;
use super::error::ClusterError;
use super::kind::{Kind, built_in};
use super::watch::{By, Topic, View};
use crate::deploy::resource::{GroupVersionKind, Resource, ResourceId};
use crate::kinds::Related;
use crate::kinds::{Events, pod_spec};

/// How many objects of one collection are watched by their names. Beyond that, all of the collection are.
const FEW: usize = 2;

/// How many tracked objects each collection has: what decides whether objects are watched one by one.
pub(super) type Crowds = std::collections::HashMap<(GroupVersionKind, Option<String>), usize>;

/// The collection to watch for one object.
pub(super) fn own_topic(kind: Kind, id: &ResourceId, crowds: &Crowds) -> Topic {
    let crowd = crowds.get(&(id.gvk.clone(), id.namespace.clone())).copied().unwrap_or(1);
    let fields = if crowd <= FEW { format!("metadata.name={}", id.name) } else { String::new() };
    Topic { kind, namespace: id.namespace.clone(), fields }
}

/// Collections that tell about one object.
pub(super) struct Topics {
    pub(super) own: Topic,
    pub(super) pods: Option<Topic>,
    pub(super) replica_sets: Option<Topic>,
    pub(super) events: Option<Topic>,
}

impl Topics {
    pub(super) async fn of(client: &Client, resource: &Resource, crowds: &Crowds) -> Result<Self, ClusterError> {
        let kind = kind_of(client, &resource.id, &resource.path).await?;
        let own = own_topic(kind, &resource.id, crowds);
        let row = resource.id.row();
        let pods = row.pods.filter(|pods| !pods.later && pod_spec(&resource.object).is_some());
        let around = |group: &str, kind: &str, fields: &str| {
            let gvk = GroupVersionKind { group: group.into(), version: "v1".into(), kind: kind.into() };
            Some(Topic { kind: built_in(&gvk)?, namespace: resource.id.namespace.clone(), fields: fields.into() })
        };
        let events = match row.events {
            _ if resource.steering.logs.service_messages => Some(String::new()),
            Events::OfKind => Some(format!("involvedObject.kind={}", row.kind)),
            Events::OfPods => pods.map(|_| "type=Warning".to_owned()),
        };
        Ok(Topics {
            pods: around("", "Pod", "").filter(|_| pods.is_some() && !resource.id.is("", "Pod")),
            replica_sets: around("apps", "ReplicaSet", "").filter(|_| pods.is_some() && resource.id.is("apps", "Deployment")),
            events: events.and_then(|fields| around("", "Event", &fields)),
            own,
        })
    }

    /// The collections around the object.
    pub(super) fn around(&self) -> impl Iterator<Item = &Topic> {
        [&self.pods, &self.replica_sets, &self.events].into_iter().flatten()
    }

    /// What is around the object now, and follows it.
    pub(super) fn look(&self, view: &mut View<'_>, object: &Arc<Value>) -> Around {
        let mut owners = vec![uid(object).to_owned()];
        let owned = |view: &mut View<'_>, topic: &Option<Topic>, owners: &[String]| -> Vec<Arc<Value>> {
            let Some(topic) = topic else { return Vec::new() };
            let found = owners.iter().flat_map(|owner| {
                view.follow(topic, By::Uid(owner));
                view.around(topic, owner)
            });
            found.collect()
        };
        let mut around = Around::default();
        // Until the controller has seen the change, what is there belongs to the state before.
        let behind = object["status"]["observedGeneration"].as_i64() < object["metadata"]["generation"].as_i64();
        if !(behind && object["kind"] == "Deployment") {
            around.replica_sets = owned(view, &self.replica_sets, &owners);
            owners.extend(around.replica_sets.iter().map(|item| uid(item).to_owned()));
            around.pods = owned(view, &self.pods, &owners);
            if object["kind"] == "Pod" && object["apiVersion"] == "v1" {
                around.pods = vec![object.clone()];
            }
            owners.extend(around.pods.iter().map(|item| uid(item).to_owned()));
        }
        owners.sort();
        owners.dedup();
        around.events = owned(view, &self.events, &owners);
        around
    }
}

/// What lives around one object at one moment.
#[derive(Default)]
pub(super) struct Around {
    pub(super) pods: Vec<Arc<Value>>,
    pub(super) replica_sets: Vec<Arc<Value>>,
    pub(super) events: Vec<Arc<Value>>,
}

impl Around {
    pub(super) fn related<'a>(&'a self, before: Option<&'a Value>) -> Related<'a> {
        Related { pods: &self.pods, replica_sets: &self.replica_sets, events: &self.events, before }
    }
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
