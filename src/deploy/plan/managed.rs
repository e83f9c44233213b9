//! Which fields are ours, by the object's own record, and how fields of older tools become ours.

use serde_json::{Map, Value, json};

/// Our field manager: the same as Helm's, nelm's and werf's, so that a release keeps one owner across tools.
pub const FIELD_MANAGER: &str = "helm";

/// Fields that our manager applied (`fieldsV1`); `None` if there is no such entry, or one for another API version.
pub(super) fn owned_fields(live: &Value) -> Option<&Map<String, Value>> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    // An entry of a tool that wrote by update holds fields that apply would have to take over first.
    if entries.iter().any(is_stale) {
        return None;
    }
    let entry = entries.iter().find(|entry| is_ours(entry))?;
    if entry["apiVersion"] != live["apiVersion"] {
        return None;
    }
    entry["fieldsV1"].as_object()
}

/// New `managedFields` in which everything that deployment tools wrote by update belongs to our apply; `None` if there is nothing to do.
///
/// Without this step, a field that Helm 3 once created and the chart dropped since would stay for ever.
pub(super) fn takeover(live: &Value) -> Option<Value> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    if !entries.iter().any(is_stale) {
        return None;
    }
    let mut fields = Map::new();
    let mut time = Value::Null;
    let mut api_version = live["apiVersion"].clone();
    for entry in entries.iter().filter(|entry| is_ours(entry) || is_stale(entry)) {
        if let Some(more) = entry["fieldsV1"].as_object() {
            union(&mut fields, more);
        }
        time = entry["time"].clone();
        if is_ours(entry) {
            api_version = entry["apiVersion"].clone();
        }
    }
    let mut kept: Vec<Value> = entries.iter().filter(|entry| !is_ours(entry) && !is_stale(entry)).cloned().collect();
    kept.push(json!({
        "manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": api_version, "time": time,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    }));
    Some(Value::Array(kept))
}

/// The entries as they are once fields of older tools have become ours.
pub(super) fn entries_after_takeover(live: &Value) -> Vec<Value> {
    let entries = takeover(live).unwrap_or_else(|| live["metadata"]["managedFields"].clone());
    match entries {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    }
}

pub(super) fn is_ours(entry: &Value) -> bool {
    entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && entry["subresource"].as_str().is_none_or(str::is_empty)
}

/// Written by a deployment tool or by hand, by update rather than by apply, or by werf under another name.
fn is_stale(entry: &Value) -> bool {
    let manager = entry["manager"].as_str().unwrap_or_default();
    let tool = manager == "helm" || manager.starts_with("werf") || manager.starts_with("nelm");
    let plain = entry["subresource"].as_str().is_none_or(str::is_empty);
    plain && !is_ours(entry) && ((tool && entry["operation"] == "Update") || manager.starts_with("werf") || is_manual(entry))
}

fn is_manual(entry: &Value) -> bool {
    entry["manager"] == "kubectl-edit" && entry["operation"] == "Update"
}

pub(super) fn union(fields: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match (fields.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => union(old, new),
            (Some(_), _) => {}
            (None, value) => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Removes from `after` what the taken-over entry owns, the previous manifest had, `desired` does not want, and nobody else owns.
///
/// Fields that the previous manifest did not have are defaults: the server would set them again.
pub(super) fn drop_unwanted(after: &mut Value, desired: &Value, previous: &Value, owned: &Map<String, Value>, entries: &Value) {
    let others: Vec<&Map<String, Value>> = entries
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| !is_ours(entry))
        .filter_map(|entry| entry["fieldsV1"].as_object())
        .collect();
    drop_from(after, desired, previous, owned, &others);
}

fn drop_from(after: &mut Value, desired: &Value, previous: &Value, owned: &Map<String, Value>, others: &[&Map<String, Value>]) {
    for (key, fields) in owned {
        let below: Vec<&Map<String, Value>> = others.iter().filter_map(|other| other.get(key)?.as_object()).collect();
        let Some(fields) = fields.as_object() else { continue };
        if let Some(name) = key.strip_prefix("f:") {
            let (Some(map), Some(had)) = (after.as_object_mut(), previous.get(name)) else { continue };
            match (map.get_mut(name), desired.get(name)) {
                (Some(value), Some(wanted)) => drop_from(value, wanted, had, fields, &below),
                (Some(_), None) if below.is_empty() => {
                    map.remove(name);
                }
                _ => {}
            }
        } else if let Some(Ok(Value::Object(names))) = key.strip_prefix("k:").map(serde_json::from_str::<Value>) {
            let fits = |item: &Value| names.iter().all(|(name, value)| item.get(name).is_none_or(|found| found == value));
            let find = |list: &Value| list.as_array().and_then(|items| items.iter().find(|item| fits(item)).cloned());
            let (Some(items), Some(had)) = (after.as_array_mut(), find(previous)) else { continue };
            let Some(at) = items.iter().position(fits) else { continue };
            match find(desired) {
                Some(wanted) => drop_from(&mut items[at], &wanted, &had, fields, &below),
                None if below.is_empty() => {
                    items.remove(at);
                }
                None => {}
            }
        }
    }
}
