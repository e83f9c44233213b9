//! Differences of objects as unified diffs of their YAML.

use serde_json::Value;
use similar::TextDiff;

/// A unified diff with some lines of context, without file headers; empty where nothing differs.
pub fn unified(before: Option<&Value>, after: Option<&Value>, context: usize) -> String {
    let text = |value: Option<&Value>| value.map(crate::yaml::emit).unwrap_or_default();
    let (before, after) = (text(before), text(after));
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(&before, &after).unified_diff().context_radius(context).to_string()
}

/// The paths at which two objects differ, such as `spec.replicas`, shortest first; at most `limit` of them.
pub(super) fn changed_paths(before: &Value, after: &Value, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    collect(before, after, String::new(), &mut found);
    let more = found.len().saturating_sub(limit);
    found.truncate(limit);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    found
}

fn collect(before: &Value, after: &Value, path: String, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                collect(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), below(key), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                let name = b["name"].as_str().map_or_else(|| index.to_string(), String::from);
                collect(a, b, format!("{path}[{name}]"), found);
            }
        }
        _ => found.push(path),
    }
}
