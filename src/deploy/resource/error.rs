//! What can be wrong with a rendered object.

use miette::Diagnostic;

/// A manifest that is no Kubernetes object, or whose annotations make no sense.
#[derive(Debug, thiserror::Error, Diagnostic, PartialEq)]
pub enum ResourceError {
    /// A field that every object needs.
    #[error("{path}: a manifest has no `{field}`{}", in_object(.seen))]
    #[diagnostic(help("every Kubernetes object needs `apiVersion`, `kind` and `metadata.name`"))]
    MissingField {
        /// Template.
        path: String,
        /// The field.
        field: &'static str,
        /// What is known of the object, such as `Deployment/web`, or empty.
        seen: String,
    },
    /// A field of the wrong type.
    #[error("{path}: `{field}` of {seen} must be {wanted}, it is {found}")]
    #[diagnostic(help("quote the value in the template: `{{{{ value | quote }}}}` makes a string of a number or a boolean"))]
    WrongType {
        /// Template.
        path: String,
        /// The field, such as `metadata.labels.version`.
        field: String,
        /// The object.
        seen: String,
        /// Type that Kubernetes wants.
        wanted: &'static str,
        /// Type that was rendered, with the value.
        found: String,
    },
    /// A name that Kubernetes cannot take.
    #[error("{path}: `{name}` is no valid name for a {kind}: {reason}")]
    #[diagnostic(help("`{{{{ … | trunc 63 | trimSuffix \"-\" }}}}` shortens a name that a template puts together"))]
    BadName {
        /// Template.
        path: String,
        /// Kind.
        kind: String,
        /// As rendered.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// An annotation that werf or Helm gives a meaning to.
    #[error("{path}: annotation `{annotation}: {value}` of {resource}: {reason}")]
    BadAnnotation {
        /// Template.
        path: String,
        /// The object.
        resource: String,
        /// Name of the annotation.
        annotation: String,
        /// Its value.
        value: String,
        /// What is wrong.
        reason: String,
        /// Which values there are.
        #[help]
        help: String,
    },
}

fn in_object(what: &str) -> String {
    if what.is_empty() { String::new() } else { format!(" (in {what})") }
}
