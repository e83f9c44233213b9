//! Names in a cluster: its namespaces, and the releases of Helm and werf.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{Call, Client};
use super::discovery::list;
use super::error::ClusterError;
use crate::words::percent::percent_encoded;

/// The namespaces, sorted.
pub async fn namespaces(client: &Client) -> Result<Vec<String>, ClusterError> {
    let answer = listed(client, "namespaces", "/api/v1/namespaces".into()).await?;
    Ok(sorted(list(&answer["items"]).filter_map(|item| item["metadata"]["name"].as_str())))
}

/// The releases of a namespace, of all where none is given, sorted.
pub async fn releases(client: &Client, namespace: Option<&str>) -> Result<Vec<String>, ClusterError> {
    let within = namespace.map(|namespace| format!("/namespaces/{}", percent_encoded(namespace))).unwrap_or_default();
    let path = format!("/api/v1{within}/secrets?labelSelector={}", percent_encoded("owner=helm"));
    let answer = listed(client, "secrets", path).await?;
    Ok(sorted(list(&answer["items"]).filter_map(|item| item["metadata"]["labels"]["name"].as_str())))
}

/// What a list has of each object besides its content.
async fn listed(client: &Client, resource: &str, path: String) -> Result<Value, ClusterError> {
    let mut call = Call::get(resource, path);
    call.verb = "list";
    call.accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    client.call(call).await
}

fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}
