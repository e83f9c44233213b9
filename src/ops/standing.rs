//! What is told of a release that stands: where it is reached.

use serde_json::Value;

use crate::deploy::cluster::{self, Client};
use crate::deploy::resource::Resource;
use crate::event::{Event, Events};
use crate::kinds;

/// How many objects are asked for the addresses that the cluster gave them.
const ASKED: usize = 20;

/// The objects of a release that say where it is reached.
pub fn doors(resources: &[Resource]) -> Vec<Resource> {
    resources.iter().filter(|resource| !resource.is_hook() && kinds::is_place(&resource.object)).cloned().collect()
}

/// Where a release is reached. A cluster that does not say it is no failure: the release stands.
pub async fn places(client: &Client, doors: &[Resource], namespace: &str) -> Vec<String> {
    let ids: Vec<_> = doors.iter().filter(|door| kinds::is_given_address(&door.object)).map(|door| &door.id).take(ASKED).collect();
    let asked = futures::future::join_all(ids.iter().map(|id| async move { (*id, cluster::get(client, id).await.ok().flatten()) })).await;
    let live = |door: &Resource| asked.iter().find(|(id, _)| **id == door.id).and_then(|(_, live)| live.clone());
    let objects: Vec<Value> = doors.iter().map(|door| live(door).unwrap_or_else(|| door.object.clone())).collect();
    kinds::places(&objects, namespace)
}

/// Tells where it is reached.
pub async fn tell(client: &Client, doors: &[Resource], namespace: &str, events: &Events) {
    let places = places(client, doors, namespace).await;
    if !places.is_empty() {
        events.emit(Event::ApplicationReachable { places });
    }
}
