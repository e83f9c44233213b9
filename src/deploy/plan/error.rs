//! Why no plan can be made.

use miette::Diagnostic;

use crate::deploy::resource::ResourceId;

/// An object that cannot be deployed as wanted.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum PlanError {
    /// The server would not take it.
    #[error("the cluster rejects {resource}{}: {message}", from(.path))]
    #[diagnostic(help("the API server's words; `kubectl explain {}` describes the fields", .resource.gvk.kind.to_lowercase()))]
    Rejected {
        /// The object.
        resource: ResourceId,
        /// Its template.
        path: String,
        /// The server's words.
        message: String,
    },
    /// A field changed that never may.
    #[error("{resource}{} changes what cannot be changed: {message}", from(.path))]
    #[diagnostic(help(
        "delete the object, give it another name, or let it be replaced with the annotation `werf.io/delete-policy: before-creation-if-immutable`"
    ))]
    Immutable {
        /// The object.
        resource: ResourceId,
        /// Its template.
        path: String,
        /// The server's words.
        message: String,
    },
    /// The object is somebody else's.
    #[error("{resource}{} exists and belongs to {owner}", from(.path))]
    #[diagnostic(help(
        "choose another name, or take it over with `--force-adoption`; an object belongs to a release by its annotations meta.helm.sh/release-name and meta.helm.sh/release-namespace"
    ))]
    Foreign {
        /// The object.
        resource: ResourceId,
        /// Its template.
        path: String,
        /// `release "x" in namespace "y"` or `no release`.
        owner: String,
    },
    /// Two manifests describe one object.
    #[error("{resource} is described twice: by {first} and by {second}")]
    #[diagnostic(help("rename one of them, or render only one"))]
    Duplicate {
        /// The object.
        resource: ResourceId,
        /// First template.
        first: String,
        /// Second template.
        second: String,
    },
    /// Objects that wait for one another.
    #[error("these objects wait for one another: {}", .cycle.join(" → "))]
    #[diagnostic(help("remove one of the `werf.io/deploy-dependency-…` annotations"))]
    Cycle {
        /// The objects in a circle, the first one repeated at the end.
        cycle: Vec<String>,
    },
}

fn from(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" ({path})") }
}
