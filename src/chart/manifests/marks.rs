//! Annotations and labels that the caller puts on every manifest, written into what is printed.

use std::collections::BTreeMap;

use super::post_render::{entry, printed};
use super::rendered::Rendered;
use crate::yaml::{self, Node, YamlError};

/// Puts annotations and labels on every document that has an object; an own one of that name gives way. With none the text stays byte
/// for byte; else documents are printed anew: the data and the order of keys stay, comments and quotation marks do not.
///
/// # Errors
/// A document that cannot be read as YAML, with its template.
pub fn mark(rendered: &mut Rendered, annotations: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> Result<(), YamlError> {
    if annotations.is_empty() && labels.is_empty() {
        return Ok(());
    }
    let hooks = rendered.hooks.iter_mut().map(|hook| &mut hook.manifest);
    for manifest in rendered.manifests.iter_mut().chain(hooks).filter(|manifest| !manifest.object.is_null()) {
        let named = |error: YamlError| error.with_name(&manifest.path);
        let mut documents = yaml::parse_documents(&manifest.text).map_err(named)?;
        for document in &mut documents {
            put(document, "annotations", annotations);
            put(document, "labels", labels);
        }
        manifest.text = printed(&documents).map_err(named)?.trim().to_owned();
    }
    Ok(())
}

/// What is no mapping where one belongs is left to those who deploy it.
fn put(document: &mut Node, map: &str, marks: &BTreeMap<String, String>) {
    for (name, value) in marks {
        if let Some(place) = entry(document, "metadata").and_then(|metadata| entry(metadata, map)) {
            place.set(name, Node::of_text(value));
        }
    }
}
