//! Reads live objects with the fewest requests: one GET for a single object of a kind, one LIST for several.

use std::collections::HashMap;

use futures::future::try_join_all;
use serde_json::Value;

use super::client::{Call, Client};
use super::discovery::kind_of;
use super::error::ClusterError;
use super::kind::Kind;
use crate::deploy::plan::Live;
use crate::deploy::resource::{Resource, ResourceId};
use crate::kinds::Scope;
use crate::words::percent::percent_encoded;

/// Reads the live state of all resources at once.
pub async fn observe<'a>(client: &Client, resources: impl IntoIterator<Item = &'a Resource>) -> Result<Live, ClusterError> {
    let mut groups: HashMap<(Kind, Option<String>), Vec<&ResourceId>> = HashMap::new();
    for resource in resources {
        let kind = match kind_of(client, &resource.id, &resource.path).await {
            Ok(kind) => kind,
            // Its definition is part of the same release and not there yet: there can be no such object.
            Err(ClusterError::UnknownKind { .. }) => continue,
            Err(error) => return Err(error),
        };
        groups.entry((kind, resource.id.namespace.clone())).or_default().push(&resource.id);
    }
    let parts = try_join_all(groups.into_iter().map(|((kind, namespace), ids)| async move {
        // Cluster-wide kinds hold everybody's objects: a few single reads are cheaper than all roles of a cluster.
        let few = if kind.scope == Scope::Cluster { 3 } else { 1 };
        if ids.len() <= few {
            return get_each(client, &kind, &ids).await;
        }
        match list_all(client, &kind, namespace.as_deref()).await {
            Err(ClusterError::Forbidden { .. }) => get_each(client, &kind, &ids).await,
            Err(error) if error.is_not_found() => Ok(Live::new()),
            Err(error) => Err(error),
            Ok(items) => {
                let wanted: HashMap<&str, &ResourceId> = ids.iter().map(|id| (id.name.as_str(), *id)).collect();
                Ok(items
                    .into_iter()
                    .filter_map(|mut item| {
                        let id = wanted.get(item["metadata"]["name"].as_str()?)?;
                        // Items of a list come without their type.
                        item["apiVersion"] = id.gvk.api_version().into();
                        item["kind"] = id.gvk.kind.clone().into();
                        Some((id.identity(), item))
                    })
                    .collect())
            }
        }
    }))
    .await?;
    Ok(parts.into_iter().flatten().collect())
}

/// Reads one object.
pub async fn get(client: &Client, id: &ResourceId) -> Result<Option<Value>, ClusterError> {
    let kind = match kind_of(client, id, "").await {
        Ok(kind) => kind,
        Err(ClusterError::UnknownKind { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    client.find(Call::get(kind.resource(), kind.path(id.namespace.as_deref(), Some(&id.name)))).await
}

async fn get_each(client: &Client, kind: &Kind, ids: &[&ResourceId]) -> Result<Live, ClusterError> {
    let found = try_join_all(ids.iter().map(|id| async move {
        let call = Call::get(kind.resource(), kind.path(id.namespace.as_deref(), Some(&id.name)));
        client.find(call).await.map(|object| object.map(|object| (id.identity(), object)))
    }))
    .await?;
    Ok(found.into_iter().flatten().collect())
}

/// All objects of a kind, page by page. Release records are left out of Secrets: they are large and never part of a release.
pub(super) async fn list_all(client: &Client, kind: &Kind, namespace: Option<&str>) -> Result<Vec<Value>, ClusterError> {
    let selector = if kind.resource() == "secrets" { "&fieldSelector=type%21%3Dhelm.sh%2Frelease.v1" } else { "" };
    list_some(client, kind, namespace, selector).await
}

/// Those objects of a kind that a selector, `&fieldSelector=…`, lets through; all where it is empty.
pub(super) async fn list_some(client: &Client, kind: &Kind, namespace: Option<&str>, selector: &str) -> Result<Vec<Value>, ClusterError> {
    let path = kind.path(namespace, None);
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let mut call = Call::get(kind.resource(), format!("{path}?limit=500{selector}{token}"));
        call.verb = "list";
        let mut page = client.call(call.clone()).await?;
        let is_list = page["kind"].as_str().is_none_or(|kind| kind.ends_with("List"));
        match page.get_mut("items").map(Value::take) {
            Some(Value::Array(more)) if is_list => items.extend(more),
            // What Go makes of a list without elements.
            Some(Value::Null) if page["kind"].is_string() && is_list => {}
            // A proxy or another server may answer in the API's place: that nothing is listed says nothing then.
            _ => return Err(client.garbled(&call, "it is no list".into())),
        }
        match page["metadata"]["continue"].as_str() {
            Some(next) if !next.is_empty() => {
                let before = std::mem::replace(&mut token, format!("&continue={}", percent_encoded(next)));
                if token == before {
                    return Err(client.garbled(&call, "it goes on with the same page for ever".into()));
                }
            }
            _ => break,
        }
    }
    Ok(items)
}
