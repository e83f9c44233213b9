//! Kinds with their places in URLs: what Kubernetes itself has, what definitions bring, and what is known of a server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::deploy::resource::GroupVersionKind;
use crate::kinds::{self, Scope};
use crate::words::percent::percent_encoded;

/// A kind with its place in URLs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// Name in URLs, such as `deployments`.
    pub plural: String,
    /// With or without namespaces.
    pub scope: Scope,
}

impl Kind {
    /// `deployments.apps`, as RBAC and kubectl write it.
    pub fn resource(&self) -> String {
        if self.gvk.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.gvk.group) }
    }

    /// Path of the collection, or of one object in it.
    pub(super) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = if self.gvk.group.is_empty() {
            format!("/api/{}", self.gvk.version)
        } else {
            format!("/apis/{}/{}", self.gvk.group, self.gvk.version)
        };
        if let (Scope::Namespaced, Some(namespace)) = (self.scope, namespace) {
            path += &format!("/namespaces/{namespace}");
        }
        path += "/";
        path += &self.plural;
        if let Some(name) = name {
            path += "/";
            // RBAC names may hold characters that mean something in a URL; a colon means nothing there.
            path += &percent_encoded(name).replace("%3A", ":");
        }
        path
    }
}

/// What discovery found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    /// Filled by the first discovery of this client.
    pub found: Option<Arc<BTreeMap<GroupVersionKind, Kind>>>,
    /// What definitions of the release bring, whether the server serves it yet or not.
    pub defined: BTreeMap<GroupVersionKind, Kind>,
    /// Those of them that the server does not serve yet.
    pub awaited: BTreeSet<GroupVersionKind>,
    /// What the server did not serve when it was asked last.
    pub absent: BTreeSet<GroupVersionKind>,
}

/// A kind of Kubernetes itself, without a request.
pub(super) fn built_in(gvk: &GroupVersionKind) -> Option<Kind> {
    let row = kinds::served(&gvk.group, &gvk.version, &gvk.kind)?;
    Some(Kind { gvk: gvk.clone(), plural: row.plural.into(), scope: row.scope })
}

/// The kinds that a CustomResourceDefinition brings.
pub(super) fn defined_kinds(object: &Value) -> Vec<Kind> {
    if object["kind"] != "CustomResourceDefinition" {
        return Vec::new();
    }
    let spec = &object["spec"];
    let (Some(group), Some(kind), Some(plural)) =
        (spec["group"].as_str(), spec["names"]["kind"].as_str(), spec["names"]["plural"].as_str())
    else {
        return Vec::new();
    };
    let scope = if spec["scope"] == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
    let versions = spec["versions"].as_array().into_iter().flatten().filter_map(|version| version["name"].as_str());
    versions
        .map(|version| Kind {
            gvk: GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() },
            plural: plural.into(),
            scope,
        })
        .collect()
}
