//! Kubernetes objects: identity, order, annotations that steer deployment.
//!
//! [`parse()`] turns one rendered object into checked [`Resource`]s (a `List` becomes its items), [`adopt`] writes onto them what marks
//! a release's own. Nothing here asks a cluster: whether a kind has a namespace is decided by [`crate::kinds`] for the kinds that
//! Kubernetes itself has and by discovery (`deploy::cluster`) for all others. Annotations are werf's, with Helm's as their older names.

mod annotations;
mod error;
mod id;
mod json_path;
mod metadata;
mod parse;
mod steering;

pub use error::ResourceError;
pub use id::{GroupVersionKind, Identity, ResourceId};
pub use json_path::{JsonPath, Step};
pub use metadata::{Owner, adopt, is_kept, is_owned_by, is_runtime_annotation, mark, owner_of};
pub use parse::{Resource, expand, parse};
pub use steering::{
    Action, DeletePolicy, Dependency, ExternalDependency, FailMode, LogOptions, Moment, Ownership, Propagation, ResourcePolicy, Sensitive,
    State, Steering, Tracking, When,
};

#[cfg(test)]
mod tests;
