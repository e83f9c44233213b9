//! What identifies an object.

use std::fmt;

use crate::kinds::{self, Row};

/// Group, version and kind of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionKind {
    /// API group, empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
}

impl GroupVersionKind {
    /// From the two fields of an object.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Names one object in one API version. Displays as `Kind/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// Namespace; `None` for a cluster-scoped object and as long as nobody decided.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// What stays the same when an object moves to another version of its API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ResourceId {
    /// Identity without the version, for comparing with live objects and with earlier releases.
    pub fn identity(&self) -> Identity {
        let group = kinds::present_group(&self.gvk.group, &self.gvk.kind);
        Identity { group: group.into(), kind: self.gvk.kind.clone(), namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// What is known of its kind.
    pub fn row(&self) -> &'static Row {
        kinds::kind(&self.gvk.group, &self.gvk.kind)
    }

    /// Whether the kind is this one of the core group or of a built-in group.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.gvk.group == group && self.gvk.kind == kind
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.gvk.kind, self.name)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}
