//! The objects of an earlier revision, from the manifest that its record keeps.

use serde_json::{Value, json};

use crate::deploy::resource::{Resource, expand, parse};
use crate::yaml::{YamlError, parse_documents, to_json};

/// Reads a release record's manifest. Objects that would be refused today were applied once, and count by their names alone; what has none
/// is passed over.
pub fn from_manifest(manifest: &str, default_namespace: &str) -> Result<Vec<Resource>, YamlError> {
    let mut resources = Vec::new();
    for node in parse_documents(manifest).map_err(|error| error.with_name("the release record's manifest"))? {
        let object: Value = to_json(&node).map_err(|error| error.with_name("the release record's manifest"))?;
        resources.extend(known(object, default_namespace));
    }
    Ok(resources)
}

/// The objects of one document of a record.
pub fn known(object: Value, default_namespace: &str) -> Vec<Resource> {
    parse(object.clone(), "", default_namespace).unwrap_or_else(|_| {
        let bare = |object: Value| {
            json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {
            "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"]}})
        };
        expand(object).into_iter().flat_map(|object| parse(bare(object), "", default_namespace).unwrap_or_default()).collect()
    })
}

/// Reads one object from text; null where it is none.
pub fn parse_text(text: &str) -> Value {
    parse_documents(text)
        .ok()
        .and_then(|documents| documents.iter().map(|node| to_json(node).unwrap_or_default()).find(|object| !object.is_null()))
        .unwrap_or_default()
}
