//! Hides what is secret before anything is printed.

use serde_json::Value;

use super::Change;
use crate::deploy::resource::{Resource, Sensitive};

/// A change whose sensitive values are replaced: equal values by `***`, differing ones by marks that say only that they differ.
pub(super) fn masked(change: &Change, resource: &Resource) -> Change {
    let mut change = change.clone();
    match &resource.steering.sensitive {
        Sensitive::Nothing => {}
        Sensitive::Whole if resource.id.is("", "Secret") => {
            for field in ["data", "stringData"] {
                hide(&mut change, &[field, "*"]);
            }
            hide(&mut change, &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]);
        }
        Sensitive::Whole => {
            let keys: Vec<String> = [&change.before, &change.after]
                .into_iter()
                .flatten()
                .flat_map(|object| object.as_object().into_iter().flat_map(|map| map.keys().cloned()))
                .filter(|key| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
                .collect();
            for key in keys {
                hide(&mut change, &[&key]);
            }
        }
        Sensitive::Paths(paths) => {
            for path in paths {
                let path = steps(path);
                hide(&mut change, &path.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
    change
}

/// Splits `$.spec.env[*].value`, `spec["a.b"]` and `data.*` into steps; `*` matches every key and item.
fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        rest = rest.trim_start_matches('.');
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').unwrap_or(inner.len());
            steps.push(inner[..end].trim_matches(['\'', '"']).to_owned());
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end > 0 {
                steps.push(rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
    }
    steps
}

fn hide(change: &mut Change, path: &[&str]) {
    let (mut none, mut nothing) = (Value::Null, Value::Null);
    hide_pair(change.before.as_mut().unwrap_or(&mut none), change.after.as_mut().unwrap_or(&mut nothing), path);
}

fn hide_pair(before: &mut Value, after: &mut Value, path: &[&str]) {
    let Some((step, rest)) = path.split_first() else {
        if before.is_null() && after.is_null() {
            return;
        }
        let same = before == after;
        let single = before.is_null() || after.is_null();
        for (value, label) in [(before, "*** (before)"), (after, "*** (after)")] {
            if !value.is_null() {
                *value = Value::String(if same || single { "***".into() } else { label.into() });
            }
        }
        return;
    };
    let mut keys: Vec<String> = Vec::new();
    for value in [&*before, &*after] {
        match value {
            Value::Object(map) => keys.extend(map.keys().filter(|key| *step == "*" || key == step).cloned()),
            Value::Array(items) => {
                keys.extend((0..items.len()).map(|index| index.to_string()).filter(|index| *step == "*" || index == step));
            }
            _ => {}
        }
    }
    keys.sort();
    keys.dedup();
    for key in keys {
        let (mut none, mut nothing) = (Value::Null, Value::Null);
        let left = child(before, &key).unwrap_or(&mut none);
        let right = child(after, &key).unwrap_or(&mut nothing);
        hide_pair(left, right, rest);
    }
}

fn child<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(map) => map.get_mut(key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
        _ => None,
    }
}
