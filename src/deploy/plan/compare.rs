//! Is an object as we want it? Judged by its live state alone, or by what a dry run answers.

use serde_json::{Map, Value};

use super::claims::Leaving;
use super::managed::owned_fields;
use crate::deploy::resource::is_runtime_annotation;

/// Whether every desired field has its live value and is ours, and nothing else is ours: applying would change nothing.
///
/// `false` means "not known": numbers in other units, defaults inside lists and the like are left to the server.
///
/// `previous` is the object as the revision before had it.
pub fn is_settled(desired: &Value, live: &Value, previous: Option<&Value>) -> bool {
    let Some(owned) = owned_fields(live) else { return false };
    if live["metadata"]["deletionTimestamp"].is_string() {
        return false;
    }
    let (Some(wanted), Some(found)) = (desired.as_object(), live.as_object()) else { return false };
    settled_map(wanted, found, owned, Place::Root) && !Leaving::of(desired, live, previous).needs_claim()
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Metadata,
    Annotations,
    Deep,
}

impl Place {
    fn child(self, key: &str) -> Place {
        match (self, key) {
            (Place::Root, "metadata") => Place::Metadata,
            (Place::Metadata, "annotations") => Place::Annotations,
            _ => Place::Deep,
        }
    }

    /// Fields that identify the object and are in no field set, and annotations that never cause a change.
    fn ignores(self, key: &str) -> bool {
        match self {
            Place::Root => matches!(key, "apiVersion" | "kind"),
            Place::Metadata => matches!(key, "name" | "namespace"),
            Place::Annotations => is_runtime_annotation(key),
            Place::Deep => false,
        }
    }
}

fn settled_map(desired: &Map<String, Value>, live: &Map<String, Value>, owned: &Map<String, Value>, place: Place) -> bool {
    for (key, want) in desired {
        if place.ignores(key) {
            continue;
        }
        let child = place.child(key);
        let Some(have) = live.get(key) else {
            // A map of nothing but ignored annotations need not exist.
            if child == Place::Annotations && only_runtime(want) {
                continue;
            }
            return false;
        };
        match owned.get(&format!("f:{key}")) {
            Some(Value::Object(fields)) if settled(want, have, fields, child) => {}
            None if child == Place::Annotations && only_runtime(want) => {}
            _ => return false,
        }
    }
    // What is ours but no longer wanted would be removed.
    owned.keys().filter_map(|key| key.strip_prefix("f:")).all(|key| desired.contains_key(key) || place.ignores(key))
}

fn settled(want: &Value, have: &Value, owned: &Map<String, Value>, place: Place) -> bool {
    let is_leaf = owned.keys().all(|key| key == ".");
    match (want, have) {
        (Value::Object(want), Value::Object(have)) => {
            if is_leaf {
                // Owned as a whole: an atomic map, or an empty one.
                want == have && (owned.is_empty() || want.is_empty())
            } else {
                settled_map(want, have, owned, place)
            }
        }
        (Value::Array(want), Value::Array(have)) if is_leaf => want == have,
        (Value::Array(want), Value::Array(have)) => settled_list(want, have, owned),
        (want, have) => is_leaf && same_scalar(want, have),
    }
}

/// A list whose items have keys (`k:{…}`) or are a set (`v:…`); anything else is not judged.
fn settled_list(want: &[Value], have: &[Value], owned: &Map<String, Value>) -> bool {
    let entries: Vec<(&String, &Value)> = owned.iter().filter(|(key, _)| *key != ".").collect();
    if entries.len() != want.len() {
        return false;
    }
    entries.iter().all(|(key, fields)| {
        if let Some(text) = key.strip_prefix("v:") {
            return serde_json::from_str::<Value>(text).is_ok_and(|value| want.contains(&value) && have.contains(&value));
        }
        let Some(Ok(Value::Object(names))) = key.strip_prefix("k:").map(serde_json::from_str::<Value>) else { return false };
        let Some(fields) = fields.as_object() else { return false };
        let has_all = |item: &&Value| names.iter().all(|(name, value)| item.get(name) == Some(value));
        // The server may have filled in a part of the key (a port's protocol): the wanted item may lack it, but not contradict.
        let may_be = |item: &&Value| names.iter().all(|(name, value)| item.get(name).is_none_or(|found| found == value));
        let mut candidates = want.iter().filter(may_be);
        let (Some(item), None) = (candidates.next(), candidates.next()) else { return false };
        let Some(live) = have.iter().find(has_all) else { return false };
        let (Some(item), Some(live)) = (item.as_object(), live.as_object()) else { return false };
        // A key field that was filled in is owned although nobody wants it.
        let mut full = item.clone();
        for (name, value) in &names {
            full.entry(name.clone()).or_insert_with(|| value.clone());
        }
        settled_item(&full, item, live, fields)
    })
}

fn settled_item(full: &Map<String, Value>, want: &Map<String, Value>, live: &Map<String, Value>, owned: &Map<String, Value>) -> bool {
    let wanted = want.iter().all(|(key, value)| {
        live.get(key).is_some_and(|have| match owned.get(&format!("f:{key}")) {
            Some(Value::Object(fields)) => settled(value, have, fields, Place::Deep),
            _ => false,
        })
    });
    wanted && owned.keys().filter_map(|key| key.strip_prefix("f:")).all(|key| full.contains_key(key))
}

fn only_runtime(annotations: &Value) -> bool {
    annotations.as_object().is_some_and(|map| map.keys().all(|key| is_runtime_annotation(key)))
}

fn same_scalar(want: &Value, have: &Value) -> bool {
    match (want, have) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b),
        (want, have) => want == have,
    }
}

/// An object without what only the server writes and without annotations that never cause a change.
pub fn clean(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"] {
            metadata.remove(field);
        }
        for map in ["annotations", "labels"] {
            if let Some(Value::Object(entries)) = metadata.get_mut(map) {
                entries.retain(|name, _| !(map == "annotations" && is_runtime_annotation(name)));
                if entries.is_empty() {
                    metadata.remove(map);
                }
            }
        }
    }
    object
}
