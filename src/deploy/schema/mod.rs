//! Whether manifests are what Kubernetes takes, by its schemas: known kinds and fields, types, what is required, allowed values.
//!
//! [`Schemas`] holds what is known of kinds: OpenAPI documents as an API server gives them, single JSON schemas as kubeconform's users
//! have them, and CustomResourceDefinitions. [`check()`] holds the text of a manifest against them and finds every problem with its place.
//! Follows the OpenAPI v3 of Kubernetes and the structural schemas of its custom resources. CEL rules are the server's business.
//!
//! Where documents come from is `deploy::cluster`'s and `ops`' to know.

mod check;
mod error;
mod object;
mod schemas;
mod value;

pub use check::{Text, check, kinds};
pub use error::SchemaError;
pub use schemas::{Schemas, kinds_of};

#[cfg(test)]
mod tests;
