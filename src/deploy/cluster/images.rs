//! Which images the cluster uses: what cleanup must keep.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde_json::Value;

use super::client::Client;
use super::discovery::all_kinds;
use super::error::ClusterError;
use super::kind::{Kind, built_in};
use super::live::list_all;
use crate::deploy::resource::GroupVersionKind;
use crate::kinds::{self, Scope, pod_spec};

/// What is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Image references as workloads write them (`repo:tag`, `repo@sha256:…`), and those that nodes report to run (`repo@sha256:…`), each
    /// with one that uses it.
    pub images: BTreeMap<String, String>,
    /// 64 hexadecimal digits that workloads and custom resources have somewhere, as in a variable that names an image for others: tags or
    /// digests, each with one that has it.
    pub digits: BTreeMap<String, String>,
    /// Kinds of custom resources that could not be listed.
    pub unseen: Vec<String>,
}

/// Lists workloads, and the resources of operators, which may run images later.
///
/// `namespaces` limits the search; empty means the whole cluster.
///
/// # Errors
/// Where a list of workloads is not to be had. Custom resources are no reason to fail: few accounts may list all of them.
pub async fn images_in_use(client: &Client, namespaces: &[String]) -> Result<InUse, ClusterError> {
    let scopes: Vec<Option<&str>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().map(|name| Some(name.as_str())).collect() };
    let (workloads, (mut digits, unseen)) = tokio::try_join!(of_workloads(client, &scopes), of_custom_resources(client, &scopes))?;
    let (images, of_workloads) = workloads;
    digits.extend(of_workloads);
    Ok(InUse { images, digits, unseen })
}

/// What names or has something, each with one that does.
type By = BTreeMap<String, String>;

async fn of_workloads(client: &Client, scopes: &[Option<&str>]) -> Result<(By, By), ClusterError> {
    let served = kinds::workloads().flat_map(|row| row.versions.iter().map(move |version| (row, *version)));
    let kinds: Vec<Kind> = served
        .filter_map(|(row, version)| {
            built_in(&GroupVersionKind { group: row.group.into(), version: version.into(), kind: row.kind.into() })
        })
        .collect();
    let lists = kinds.iter().flat_map(|kind| {
        scopes.iter().map(move |namespace| async move {
            let objects = list_all(client, kind, *namespace).await?;
            let (mut images, mut digits) = (By::new(), By::new());
            for mut object in objects {
                name_kind(&mut object, kind);
                let by = user_of(&object);
                images.extend(images_of(&object).into_iter().map(|image| (image, by.clone())));
                digits.extend(digits_of(&object).into_iter().map(|digits| (digits, by.clone())));
            }
            Ok::<_, ClusterError>((images, digits))
        })
    });
    let (images, digits): (Vec<By>, Vec<By>) = try_join_all(lists).await?.into_iter().unzip();
    Ok((images.into_iter().flatten().collect(), digits.into_iter().flatten().collect()))
}

/// What custom resources have in their texts, and the kinds that are not shown.
async fn of_custom_resources(client: &Client, scopes: &[Option<&str>]) -> Result<(By, Vec<String>), ClusterError> {
    let kinds = match all_kinds(client, false).await {
        Ok(kinds) => kinds,
        Err(error) if error.is_not_found() => return Ok(Default::default()),
        Err(error) if error.http_status().is_some() => return Ok((BTreeMap::new(), vec!["custom resources".to_owned()])),
        Err(error) => return Err(error),
    };
    // Kubernetes' own groups have no dot or end in .k8s.io; of several versions any shows all objects.
    let is_custom = |kind: &&Kind| kind.gvk.group.contains('.') && !kind.gvk.group.ends_with(".k8s.io");
    let custom: BTreeMap<String, &Kind> = kinds.values().filter(is_custom).map(|kind| (kind.resource(), kind)).collect();
    let lists = custom.values().flat_map(|kind| {
        let scopes = if kind.scope == Scope::Namespaced { scopes } else { &[None] };
        scopes.iter().map(move |namespace| async move {
            let (objects, hidden) = match list_all(client, kind, *namespace).await {
                Ok(objects) => (objects, None),
                // It cannot be listed, or was taken away meanwhile: there is nothing.
                Err(error) if matches!(error.http_status(), Some(404 | 405)) => (Vec::new(), None),
                Err(error) if error.http_status().is_some() || matches!(error, ClusterError::Garbled { .. }) => {
                    (Vec::new(), Some(kind.resource()))
                }
                Err(error) => return Err(error),
            };
            Ok((*kind, objects, hidden))
        })
    });
    let (mut digits, mut unseen) = (BTreeMap::new(), BTreeSet::new());
    for (kind, objects, hidden) in try_join_all(lists).await? {
        unseen.extend(hidden);
        for mut object in objects {
            name_kind(&mut object, kind);
            let by = user_of(&object);
            digits.extend(digits_of(&object).into_iter().map(|digits| (digits, by.clone())));
        }
    }
    Ok((digits, unseen.into_iter().collect()))
}

/// All runs of 64 hexadecimal digits in the texts of an object.
fn digits_of(object: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    find_digits(object, &mut found);
    found
}

fn find_digits(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let runs = text.split(|c: char| !matches!(c, '0'..='9' | 'a'..='f'));
            found.extend(runs.filter(|run| run.len() == 64).map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| find_digits(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| find_digits(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Lists leave out of their items what they say themselves.
fn name_kind(object: &mut Value, kind: &Kind) {
    object["apiVersion"] = kind.gvk.api_version().into();
    object["kind"] = kind.gvk.kind.clone().into();
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
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {
            "initContainers": [{"image": "r/init:1"}], "containers": [{"image": "r/app:2"}], "volumes": [{"image": {"reference": "r/data:3"}}],
        }, "status": {"containerStatuses": [{"imageID": "docker-pullable://r/app@sha256:aa"}, {"imageID": "sha256:bb"}]}});
        assert_eq!(images_of(&pod).into_iter().collect::<Vec<_>>(), ["r/app:2", "r/app@sha256:aa", "r/data:3", "r/init:1"]);
        let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "r/job:4"}]}}}}}});
        assert_eq!(images_of(&cron).into_iter().collect::<Vec<_>>(), ["r/job:4"]);
        assert!(images_of(&json!({"apiVersion": "v1", "kind": "ConfigMap", "spec": {"containers": 1}})).is_empty());
    }

    #[test]
    fn custom_resources_may_write_images_in_any_way() {
        let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let object = json!({"spec": {
            "image": format!("r.io/shop:{a}"),
            "jobs": [{"args": [format!("--image=r.io/shop@sha256:{b}")], "image": {"repository": "r.io/shop", "tag": c}}],
            "checksum": "d".repeat(63), "longer": "e".repeat(65), "count": 1,
        }});
        assert_eq!(digits_of(&object).into_iter().collect::<Vec<_>>(), [a, b, c]);
    }
}
