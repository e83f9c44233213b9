//! Which kinds a cluster serves: the built-in table first, aggregated discovery for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::client::{Call, Client};
use super::error::ClusterError;
use super::kind::{Kind, built_in, defined_kinds};
use crate::deploy::plan::Live;
use crate::deploy::resource::{GroupVersionKind, Resource, ResourceId};
use crate::kinds::Scope;
use crate::words::near::nearest;

/// How long the server may take to serve a kind whose definition is there.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// Notes that definitions of the release bring these kinds, and that the server does not serve them yet.
pub(super) async fn expect(client: &Client, kinds: &BTreeSet<GroupVersionKind>) {
    client.kinds().lock().await.awaited.extend(kinds.iter().cloned());
}

/// Waits until the server serves a kind that the release itself defines; asks once for all objects of the kind.
pub(super) async fn await_served(client: &Client, gvk: &GroupVersionKind) -> Result<(), ClusterError> {
    if built_in(gvk).is_some() {
        return Ok(());
    }
    let mut kinds = client.kinds().lock().await;
    let begun = Instant::now();
    // Others of the kind wait for the lock meanwhile: what holds for one of them holds for all.
    while kinds.awaited.contains(gvk) {
        let answer = client.find(Call::get("API discovery", format!("/apis/{}/{}", gvk.group, gvk.version))).await?.unwrap_or_default();
        if list(&answer["resources"]).any(|resource| resource["kind"] == gvk.kind.as_str()) || begun.elapsed() > SERVED_WITHIN {
            kinds.awaited.remove(gvk);
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// The server's version, such as `v1.37.2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// With patch and vendor's suffix.
    pub git_version: String,
    /// Major.
    pub major: String,
    /// Minor, perhaps with a `+`.
    pub minor: String,
}

/// Asks for the server's version.
pub async fn server_version(client: &Client) -> Result<ServerVersion, ClusterError> {
    let answer = client.call(Call::get("the version", "/version".into())).await?;
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    Ok(ServerVersion { git_version: text("gitVersion"), major: text("major"), minor: text("minor") })
}

/// What the cluster serves, as Helm's `.Capabilities.APIVersions` lists it: `apps/v1` and `apps/v1/Deployment`.
pub async fn api_versions(client: &Client) -> Result<Vec<String>, ClusterError> {
    let kinds = all_kinds(client, false).await?;
    let mut versions = Vec::new();
    for gvk in kinds.keys() {
        versions.push(gvk.api_version());
        versions.push(format!("{}/{}", gvk.api_version(), gvk.kind));
    }
    versions.sort();
    versions.dedup();
    Ok(versions)
}

/// Finds the place of each resource's kind and settles namespaces. Asks the server only for kinds that Kubernetes itself does not have.
///
/// A kind that one of the resources defines itself (a CustomResourceDefinition) is taken from that definition.
pub async fn resolve(client: &Client, resources: &mut [Resource], default_namespace: &str) -> Result<(), ClusterError> {
    let defined = resources.iter().flat_map(|resource| defined_kinds(&resource.object)).map(|kind| (kind.gvk.clone(), kind));
    client.kinds().lock().await.defined.extend(defined.collect::<Vec<_>>());
    for resource in resources {
        let kind = kind_of(client, &resource.id, &resource.path).await?;
        resource.set_scope(kind.scope, default_namespace);
    }
    Ok(())
}

/// The place of one kind.
pub async fn kind_of(client: &Client, id: &ResourceId, path: &str) -> Result<Kind, ClusterError> {
    if let Some(kind) = built_in(&id.gvk) {
        return Ok(kind);
    }
    if let Some(kind) = client.kinds().lock().await.defined.get(&id.gvk) {
        return Ok(kind.clone());
    }
    let mut kinds = all_kinds(client, false).await?;
    // Asked once more for each kind: a definition may be newer than what we know.
    let is_asked = client.kinds().lock().await.absent.contains(&id.gvk);
    if !kinds.contains_key(&id.gvk) && !is_asked {
        kinds = all_kinds(client, true).await?;
        client.kinds().lock().await.absent.insert(id.gvk.clone());
    }
    kinds.get(&id.gvk).cloned().ok_or_else(|| unknown(&kinds, id, path))
}

/// The kinds that definitions among the resources bring and that the cluster does not have yet: there can be no objects of them, and
/// nothing can be asked about them.
pub(super) fn not_yet_defined(resources: &[Resource], live: &Live) -> BTreeSet<GroupVersionKind> {
    let new = resources.iter().filter(|resource| !live.contains_key(&resource.id.identity()));
    new.flat_map(|resource| defined_kinds(&resource.object)).map(|kind| kind.gvk).collect()
}

/// Finds a kind by what a person writes: kind, plural or singular, in any case, perhaps with version and group.
pub async fn kind_named(client: &Client, name: &str, version: Option<&str>, group: Option<&str>) -> Result<Option<Kind>, ClusterError> {
    let kinds = all_kinds(client, false).await?;
    let wanted = name.to_lowercase();
    let short = match wanted.as_str() {
        "po" => "pods",
        "deploy" => "deployments",
        "sts" => "statefulsets",
        "ds" => "daemonsets",
        "svc" => "services",
        "cm" => "configmaps",
        "ing" => "ingresses",
        "pvc" => "persistentvolumeclaims",
        "sa" => "serviceaccounts",
        "ns" => "namespaces",
        other => other,
    };
    let fits = |kind: &&Kind| {
        let named = kind.plural == short || kind.gvk.kind.to_lowercase() == short;
        named && version.is_none_or(|version| kind.gvk.version == version) && group.is_none_or(|group| kind.gvk.group == group)
    };
    // Built-in groups have no dot or end in k8s.io: they win over custom resources of the same name.
    Ok(kinds
        .values()
        .filter(fits)
        .min_by_key(|kind| (kind.gvk.group.contains('.') && !kind.gvk.group.ends_with("k8s.io"), kind.gvk.clone()))
        .cloned())
}

pub(super) async fn all_kinds(client: &Client, refresh: bool) -> Result<Arc<BTreeMap<GroupVersionKind, Kind>>, ClusterError> {
    let mut kinds = client.kinds().lock().await;
    if let (Some(found), false) = (&kinds.found, refresh) {
        return Ok(found.clone());
    }
    let (core, groups) = tokio::try_join!(discover(client, "/api"), discover(client, "/apis"))?;
    let found: BTreeMap<_, _> = core.into_iter().chain(groups).map(|kind| (kind.gvk.clone(), kind)).collect();
    let found = Arc::new(found);
    kinds.found = Some(found.clone());
    Ok(found)
}

/// Aggregated discovery (Kubernetes 1.26 and later): all groups of one root in one answer.
async fn discover(client: &Client, root: &'static str) -> Result<Vec<Kind>, ClusterError> {
    let mut call = Call::get("API discovery", root.into());
    call.accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                   application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    let answer = client.call(call).await?;
    if answer["kind"] != "APIGroupDiscoveryList" {
        return discover_each(client, root, &answer).await;
    }
    let mut kinds = Vec::new();
    for group in list(&answer["items"]) {
        let name = group["metadata"]["name"].as_str().unwrap_or_default();
        for version in list(&group["versions"]) {
            for item in list(&version["resources"]) {
                let kind = &item["responseKind"];
                let (Some(plural), Some(kind_name), Some(version)) =
                    (item["resource"].as_str(), kind["kind"].as_str(), version["version"].as_str())
                else {
                    continue;
                };
                let scope = if item["scope"] == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
                let gvk = GroupVersionKind { group: name.into(), version: version.into(), kind: kind_name.into() };
                kinds.push(Kind { gvk, plural: plural.into(), scope });
            }
        }
    }
    Ok(kinds)
}

/// Discovery as older servers know it: one request for each group version.
async fn discover_each(client: &Client, root: &str, answer: &Value) -> Result<Vec<Kind>, ClusterError> {
    let versions: Vec<String> = if root == "/api" {
        list(&answer["versions"]).filter_map(|version| version.as_str().map(String::from)).collect()
    } else {
        list(&answer["groups"])
            .flat_map(|group| list(&group["versions"]))
            .filter_map(|v| v["groupVersion"].as_str().map(String::from))
            .collect()
    };
    let answers = futures::future::join_all(versions.iter().map(|version| async move {
        let answer = client.find(Call::get("API discovery", format!("{root}/{version}"))).await;
        answer.map(|answer| (version, answer.unwrap_or_default()))
    }))
    .await;
    let mut kinds = Vec::new();
    for answer in answers {
        // One broken extension server must not keep every other kind from being found.
        let (version, answer) = match answer {
            Ok(found) => found,
            Err(error) if error.http_status() == Some(503) => continue,
            Err(error) => return Err(error),
        };
        for item in list(&answer["resources"]) {
            let (Some(plural), Some(kind)) = (item["name"].as_str(), item["kind"].as_str()) else { continue };
            if plural.contains('/') {
                continue;
            }
            let scope = if item["namespaced"] == true { Scope::Namespaced } else { Scope::Cluster };
            kinds.push(Kind { gvk: GroupVersionKind::new(version, kind), plural: plural.into(), scope });
        }
    }
    Ok(kinds)
}

fn unknown(kinds: &BTreeMap<GroupVersionKind, Kind>, id: &ResourceId, path: &str) -> ClusterError {
    let elsewhere: Vec<String> = kinds.keys().filter(|gvk| gvk.kind == id.gvk.kind).map(GroupVersionKind::api_version).collect();
    let help = if !elsewhere.is_empty() {
        format!("the cluster has `{}` in {}", id.gvk.kind, elsewhere.join(", "))
    } else {
        let near = nearest(&id.gvk.kind, kinds.keys().map(|gvk| gvk.kind.as_str()));
        match near.and_then(|near| kinds.keys().find(|gvk| gvk.kind == near)) {
            Some(gvk) => format!("did you mean `{}` in {}?", gvk.kind, gvk.api_version()),
            None => "install the CustomResourceDefinition first, or put it into the chart's `crds/`".into(),
        }
    };
    ClusterError::UnknownKind {
        api_version: id.gvk.api_version(),
        kind: id.gvk.kind.clone(),
        id: Box::new(id.clone()),
        path: path.into(),
        help,
    }
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
