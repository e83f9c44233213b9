//! The fields of a mapping: which are known, which are required.

use serde_json::Value;

use super::value::{Facets, Path, Span, Walk};
use crate::words::near::nearest;
use crate::words::quoted::quoted;
use crate::yaml::{self, Node};

/// So many names of fields are listed where none is near.
const LISTED: usize = 12;

impl<'a> Walk<'a> {
    pub(super) fn object(&mut self, entries: &[(Node, Node)], facets: &Facets<'a>, path: &Path, at: &Span) {
        self.limits(entries.len(), ["minProperties", "maxProperties"], "fields", facets, path, at);
        let is_open = self.keeps_unknown(facets);
        for (key, value) in entries {
            let Ok(name) = yaml::key_text(key) else { continue };
            let mut declared = false;
            let inner = path.field(&name);
            for schema in facets.values("properties").filter_map(|properties| properties.get(&name)) {
                declared = true;
                self.value(value, schema, &inner, key.span.clone());
            }
            if declared || is_object_field(&name, facets) {
                continue;
            }
            for schema in facets.values("additionalProperties").filter(|schema| schema.is_object()) {
                declared = true;
                self.value(value, schema, &inner, key.span.clone());
            }
            if !declared && !is_open {
                self.unknown(&name, key, facets, &inner);
            }
        }
        self.required(entries, facets, path, at);
    }

    fn unknown(&mut self, name: &str, key: &Node, facets: &Facets<'a>, path: &Path) {
        let mut known: Vec<&str> =
            facets.values("properties").filter_map(Value::as_object).flatten().map(|(name, _)| name.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => None,
            None if known.len() <= LISTED => Some(format!("fields here: {}", quoted(&known))),
            None => Some(format!("fields here: {} and {} more", quoted(&known[..LISTED]), known.len() - LISTED)),
        };
        self.report(path, key.span.clone(), "is no field here".into(), help);
    }

    fn required(&mut self, entries: &[(Node, Node)], facets: &Facets<'a>, path: &Path, at: &Span) {
        let is_there = |name: &str| entries.iter().any(|(key, value)| key.text() == Some(name) && !value.is_null());
        // the server fills in the defaults of custom resources before it looks; those of its own types stand for Go's empty values
        let is_builtin = self.is_builtin;
        let is_filled = |name: &str| {
            let property = facets.values("properties").find_map(|properties| properties.get(name));
            !is_builtin && property.is_some_and(|property| property.get("default").is_some_and(|value| !value.is_null()))
        };
        let mut missing: Vec<&str> = facets.values("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
        missing.retain(|name| !is_there(name) && !is_filled(name));
        missing.dedup();
        for name in missing {
            self.report(&path.field(name), at.clone(), "is missing".into(), None);
        }
    }

    /// Whether fields that nobody declared are kept by whoever takes the object.
    fn keeps_unknown(&self, facets: &Facets<'a>) -> bool {
        if facets.values("additionalProperties").any(|rule| *rule == Value::Bool(false)) {
            return false;
        }
        let has_fields = facets.values("properties").filter_map(Value::as_object).any(|properties| !properties.is_empty());
        self.is_open
            || facets.says("x-kubernetes-preserve-unknown-fields")
            || facets.says("additionalProperties")
            || facets.values("patternProperties").next().is_some()
            || (!has_fields && (self.is_builtin || facets.values("type").next().is_none()))
    }
}

/// Objects inside of objects have the fields of every object.
fn is_object_field(name: &str, facets: &Facets<'_>) -> bool {
    facets.says("x-kubernetes-embedded-resource") && matches!(name, "apiVersion" | "kind" | "metadata")
}
