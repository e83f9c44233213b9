//! Helm's `lookup`: objects of the cluster for templates.

use serde_json::{Value, json};

use super::client::{Call, Client};
use super::discovery::kind_named;
use super::error::ClusterError;
use super::live::list_all;

/// One object, or a list object where `name` is empty; an empty object where there is no such thing or no such kind.
///
/// `api_version` is `v1` or `apps/v1`, `kind` as in manifests, `namespace` empty for cluster-wide objects and for all namespaces.
pub async fn lookup(client: &Client, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, ClusterError> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let Some(kind) = kind_named(client, kind, Some(version), Some(group)).await? else { return Ok(json!({})) };
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    if !name.is_empty() {
        let call = Call::get(kind.resource(), kind.path(namespace, Some(name)));
        return Ok(client.find(call).await?.unwrap_or_else(|| json!({})));
    }
    let items = list_all(client, &kind, namespace).await?;
    Ok(json!({ "apiVersion": kind.gvk.api_version(), "kind": format!("{}List", kind.gvk.kind), "items": items }))
}
