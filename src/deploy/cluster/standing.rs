//! A release as it stands now: what its record says, how each of its objects fares, and what its containers print. Only reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{join_all, try_join_all};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::context::Context;
use super::deploy_error::DeployError;
use super::error::ClusterError;
use super::evidence::Evidence;
use super::kind::built_in;
use super::live::{list_some, observe};
use super::pod_logs::{Logs, last_lines};
use super::record::{Record, load_history};
use super::release::placed;
use super::surroundings::{Crowds, Topics};
use super::track::{LOOK, follow_own};
use super::watch::{Hub, Refusal};
use crate::deploy::resource::{GroupVersionKind, Owner, Resource};
use crate::event::Events;
use crate::kinds::{Related, State, Status, pod_spec, pods_of, status};

/// A release and its objects.
#[derive(Debug)]
pub struct Standing {
    /// The newest revision.
    pub record: Record,
    /// Its objects in the order of its manifest.
    pub objects: Vec<Standee>,
    /// Collections that may not be read: what happens there is not seen.
    pub refused: Vec<ClusterError>,
}

/// One object of a release.
#[derive(Debug)]
pub struct Standee {
    /// As its revision has it.
    pub resource: Resource,
    /// As it is now; `None` where it is not there.
    pub live: Option<Value>,
    /// How it fares.
    pub status: Status,
    /// The pods that its present template made.
    pub pods: Vec<Arc<Value>>,
}

/// Reads the newest revision of a release and the state of its objects.
///
/// # Errors
/// There is no such release, its record cannot be read, or the cluster cannot be asked.
pub async fn standing(client: &Client, owner: &Owner) -> Result<Standing, DeployError> {
    let history = load_history(client, &owner.namespace, &owner.release).await?;
    let Some(record) = history.last else {
        return Err(DeployError::NoRelease { release: owner.release.clone(), namespace: owner.namespace.clone() });
    };
    let resources = placed(client, &record, owner).await?;
    let mut live = observe(client, &resources).await?;
    let around = Around::of(client, &resources).await?;
    let objects = resources.into_iter().map(|resource| {
        let Some(object) = live.remove(&resource.id.identity()) else {
            let status = Status { state: State::Failed, message: "it is not there".into() };
            return Standee { resource, live: None, status, pods: Vec::new() };
        };
        let related = Related { pods: &around.pods, replica_sets: &around.replica_sets, events: &around.events, before: None };
        let own = pods_of(&object, related);
        let pods = around.pods.iter().filter(|pod| own.iter().any(|own| std::ptr::eq(&***pod, *own))).cloned().collect();
        Standee { status: status(&object, related), pods, resource, live: Some(object) }
    });
    Ok(Standing { record, objects: objects.collect(), refused: around.refused })
}

/// Whether an object has pods now.
pub fn has_pods(resource: &Resource) -> bool {
    resource.id.row().pods.is_some_and(|pods| !pods.later) && pod_spec(&resource.object).is_some()
}

/// What lives around the objects of a release.
#[derive(Default)]
struct Around {
    pods: Vec<Arc<Value>>,
    replica_sets: Vec<Arc<Value>>,
    events: Vec<Arc<Value>>,
    refused: Vec<ClusterError>,
}

impl Around {
    async fn of(client: &Client, resources: &[Resource]) -> Result<Self, ClusterError> {
        let namespaces = |wanted: &dyn Fn(&Resource) -> bool| -> BTreeSet<String> {
            resources.iter().filter(|resource| wanted(resource)).filter_map(|resource| resource.id.namespace.clone()).collect()
        };
        let with_pods = namespaces(&has_pods);
        let with_replica_sets = namespaces(&|resource| resource.id.is("apps", "Deployment"));
        let asked = with_pods
            .iter()
            .flat_map(|namespace| [("", "Pod", "", namespace), ("", "Event", "&fieldSelector=type%3DWarning", namespace)])
            .chain(with_replica_sets.iter().map(|namespace| ("apps", "ReplicaSet", "", namespace)));
        let lists = join_all(asked.map(|(group, name, selector, namespace)| async move {
            let gvk = GroupVersionKind { group: group.into(), version: "v1".into(), kind: name.into() };
            let Some(kind) = built_in(&gvk) else { return Ok((name, Vec::new())) };
            let mut items = list_some(client, &kind, Some(namespace), selector).await?;
            for item in &mut items {
                // items of a list come without their type
                item["apiVersion"] = gvk.api_version().into();
                item["kind"] = name.into();
            }
            Ok((name, items.into_iter().map(Arc::new).collect()))
        }))
        .await;
        let mut around = Around::default();
        for list in lists {
            match list {
                Ok(("Pod", items)) => around.pods.extend(items),
                Ok(("ReplicaSet", items)) => around.replica_sets.extend(items),
                Ok((_, items)) => around.events.extend(items),
                Err(error @ ClusterError::Forbidden { .. }) => around.refused.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(around)
    }
}

/// What the containers of some objects wrote last, one container after the other: so many lines of each, all with [`u64::MAX`]. Lines come
/// as events.
pub async fn last_logs(client: &Client, objects: &[Standee], lines: u64, events: &Events) {
    let watches = CancellationToken::new();
    let _guard = watches.clone().drop_guard();
    let mut context = Context::new(client, Hub::new(client.clone(), watches), events, true, None, Crowds::new());
    context.tail = Some(lines);
    // no stream stays open
    context.log_streams = Arc::new(Semaphore::new(0));
    for object in objects {
        last_lines(&context, &object.resource, &object.pods).await;
    }
}

/// The same, and then what they write, until all of them have ended.
///
/// # Errors
/// The objects may not be watched, or the cluster cannot be asked.
pub async fn follow_logs(client: &Client, resources: &[Resource], lines: u64, events: &Events) -> Result<(), DeployError> {
    let watches = CancellationToken::new();
    let _guard = watches.clone().drop_guard();
    let mut crowds = Crowds::new();
    for resource in resources {
        *crowds.entry((resource.id.gvk.clone(), resource.id.namespace.clone())).or_default() += 1;
    }
    let mut context = Context::new(client, Hub::new(client.clone(), watches), events, true, None, crowds);
    context.tail = Some(lines);
    let context = &context;
    try_join_all(resources.iter().map(|resource| follow(context, resource))).await.map(drop)
}

async fn follow(context: &Context, resource: &Resource) -> Result<(), DeployError> {
    let mut topics = Topics::of(&context.client, resource, &context.crowds).await?;
    let mut view = context.hub.view();
    let mut logs = Logs::new(context, resource);
    loop {
        follow_own(&mut view, &mut topics.own, &resource.id.name).map_err(|refusal| unreadable(resource, refusal))?;
        match view.get(&topics.own, &resource.id.name) {
            Some(object) => {
                let around = topics.look(&mut view, &object);
                let related = around.related(None);
                // What is there already is one picture, of which the last lines are shown: it must be whole.
                let is_whole = topics.around().all(|topic| view.is_synced(topic) || view.refused(topic).is_some());
                if is_whole {
                    let pods = pods_of(&object, related);
                    logs.show(&pods);
                    let has_ended = matches!(status(&object, related).state, State::Ready | State::Failed);
                    if resource.id.row().ends && has_ended {
                        logs.finish(&pods).await;
                        return Ok(());
                    }
                }
            }
            None if view.is_synced(&topics.own) => return Ok(()),
            None => {}
        }
        tokio::select! {
            () = view.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn unreadable(resource: &Resource, Refusal { message, help }: Refusal) -> DeployError {
    let (resource, path) = (resource.id.clone(), resource.path.clone());
    DeployError::ResourceFailed { resource, path, reason: message, evidence: Box::new(Evidence::default()), help }
}
