//! What marks an object as part of a release.

use serde_json::{Map, Value, json};

/// The release that an object belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Release name.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
}

const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Writes Helm's ownership annotations and label onto an object.
pub fn adopt(object: &mut Value, owner: &Owner) {
    mark(object, "annotations", RELEASE_NAME, &owner.release);
    mark(object, "annotations", RELEASE_NAMESPACE, &owner.namespace);
    mark(object, "labels", MANAGED_BY, "Helm");
}

/// The release that a live object says it belongs to.
pub fn owner_of(object: &Value) -> Option<Owner> {
    let annotations = &object["metadata"]["annotations"];
    Some(Owner { release: annotations[RELEASE_NAME].as_str()?.into(), namespace: annotations[RELEASE_NAMESPACE].as_str()?.into() })
}

/// Whether a live object carries this release's marks, so that we may delete it.
pub fn is_owned_by(object: &Value, owner: &Owner) -> bool {
    owner_of(object).as_ref() == Some(owner)
}

/// Whether an annotation only says who deployed last: such annotations are applied with other changes and never cause one.
pub fn is_runtime_annotation(name: &str) -> bool {
    matches!(name, "werf.io/version" | "werf.io/release-channel")
        || name.starts_with("ci.werf.io/")
        || name.starts_with("project.werf.io/")
        || name.starts_with("project.werf.io.")
}

/// Writes one label or annotation, making the maps on the way.
pub fn mark(object: &mut Value, map: &str, name: &str, value: &str) {
    let Some(root) = object.as_object_mut() else { return };
    let metadata = root.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else { return };
    let entries = metadata.entry(map).or_insert_with(|| json!({}));
    if !entries.is_object() {
        *entries = Value::Object(Map::new());
    }
    if let Some(entries) = entries.as_object_mut() {
        entries.insert(name.into(), value.into());
    }
}

/// Whether an object asks not to be deleted, by `werf.io/resource-policy` (`skip-delete` or `keep` among its words) or by Helm's annotation.
/// On a live object this counts like in the chart: somebody marked it since.
pub fn is_kept(object: &Value) -> bool {
    let annotations = &object["metadata"]["annotations"];
    let words = |name: &str| annotations[name].as_str().unwrap_or_default().split(',').map(str::trim);
    words("werf.io/resource-policy").any(|word| matches!(word, "skip-delete" | "keep"))
        || words("helm.sh/resource-policy").any(|word| word == "keep")
}
