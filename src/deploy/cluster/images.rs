//! Which images the cluster uses: what cleanup must keep.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde_json::Value;

use super::client::Client;
use super::discovery::{Kind, built_in};
use super::error::ClusterError;
use super::live::list_all;
use crate::deploy::resource::{GroupVersionKind, pod_spec};

/// Image references as workloads write them (`repo:tag`, `repo@sha256:…`), and those that nodes report to run (`repo@sha256:…`), each with
/// one that uses it.
///
/// `namespaces` limits the search; empty means the whole cluster.
pub async fn images_in_use(client: &Client, namespaces: &[String]) -> Result<BTreeMap<String, String>, ClusterError> {
    const KINDS: [(&str, &str); 8] = [
        ("", "Pod"),
        ("", "ReplicationController"),
        ("apps", "ReplicaSet"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("batch", "Job"),
        ("batch", "CronJob"),
    ];
    let kinds: Vec<Kind> = KINDS
        .iter()
        .filter_map(|(group, kind)| built_in(&GroupVersionKind { group: (*group).into(), version: "v1".into(), kind: (*kind).into() }))
        .collect();
    let scopes: Vec<Option<&str>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().map(|name| Some(name.as_str())).collect() };
    let lists = kinds.iter().flat_map(|kind| {
        scopes.iter().map(move |namespace| async move {
            let objects = list_all(client, kind, *namespace).await?;
            let mut images = BTreeMap::new();
            for mut object in objects {
                object["kind"] = kind.gvk.kind.clone().into();
                let by = user_of(&object);
                images.extend(images_of(&object).into_iter().map(|image| (image, by.clone())));
            }
            Ok::<_, ClusterError>(images)
        })
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// `Deployment/web in namespace shop`.
fn user_of(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{}/{} in namespace {}", object["kind"].as_str().unwrap_or_default(), text("name"), text("namespace"))
}

/// The images that one object names or runs.
fn images_of(object: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod_spec(object).and_then(|spec| spec[list].as_array()).into_iter().flatten() {
            found.extend(container["image"].as_str().map(String::from));
        }
    }
    for volume in pod_spec(object).and_then(|spec| spec["volumes"].as_array()).into_iter().flatten() {
        found.extend(volume["image"]["reference"].as_str().map(String::from));
    }
    for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        for status in object["status"][list].as_array().into_iter().flatten() {
            // Docker's shim wrote the scheme before the reference.
            let id = status["imageID"].as_str().map(|id| id.trim_start_matches("docker-pullable://"));
            found.extend(id.filter(|id| id.contains('@')).map(String::from));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_form_of_use_counts() {
        let pod = json!({"kind": "Pod", "spec": {
            "initContainers": [{"image": "r/init:1"}], "containers": [{"image": "r/app:2"}], "volumes": [{"image": {"reference": "r/data:3"}}],
        }, "status": {"containerStatuses": [{"imageID": "docker-pullable://r/app@sha256:aa"}, {"imageID": "sha256:bb"}]}});
        assert_eq!(images_of(&pod).into_iter().collect::<Vec<_>>(), ["r/app:2", "r/app@sha256:aa", "r/data:3", "r/init:1"]);
        let cron =
            json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "r/job:4"}]}}}}}});
        assert_eq!(images_of(&cron).into_iter().collect::<Vec<_>>(), ["r/job:4"]);
        assert!(images_of(&json!({"kind": "ConfigMap", "spec": {"containers": 1}})).is_empty());
    }
}
