//! The objects of an earlier revision, from the manifest that its record keeps.

use serde_json::Value;

use crate::deploy::resource::{Resource, parse};
use crate::yaml::{YamlError, parse_documents, to_json};

/// Reads a release record's manifest. Objects that are no longer valid are passed over: they were applied once and say no more.
pub fn from_manifest(manifest: &str, default_namespace: &str) -> Result<Vec<Resource>, YamlError> {
    let mut resources = Vec::new();
    for node in parse_documents(manifest).map_err(|error| error.with_name("the release record's manifest"))? {
        let object: Value = to_json(&node).map_err(|error| error.with_name("the release record's manifest"))?;
        resources.extend(parse(object, "", default_namespace).unwrap_or_default());
    }
    Ok(resources)
}

/// Reads one object from text; null where it is none.
pub fn parse_text(text: &str) -> Value {
    parse_documents(text)
        .ok()
        .and_then(|documents| documents.iter().map(|node| to_json(node).unwrap_or_default()).find(|object| !object.is_null()))
        .unwrap_or_default()
}
