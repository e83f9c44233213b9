//! Short ways into objects.

use serde_json::Value;

/// The text at a JSON pointer; empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub fn number(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// The number at a JSON pointer, 0 where there is none: controllers leave zeros out.
pub fn count(value: &Value, pointer: &str) -> i64 {
    number(value, pointer).unwrap_or(0)
}

/// The items of the list at a JSON pointer.
pub fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of the list at a JSON pointer.
pub fn texts<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    items(value, pointer).iter().filter_map(Value::as_str).collect()
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// Whether the object is being deleted.
pub fn is_deleting(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// API group (empty for the core) and kind.
pub fn group_kind(object: &Value) -> (&str, &str) {
    let group = text(object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    (group, text(object, "/kind"))
}

/// A condition of `status.conditions` by its type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// Whether a condition is there and `True`.
pub fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| text(condition, "/status") == "True")
}

/// A condition that has become so since a deployment began; `before` is the object as it was then.
pub fn new_condition<'a>(object: &'a Value, kind: &str, before: Option<&Value>) -> Option<&'a Value> {
    condition(object, kind).filter(|now| before.and_then(|before| condition(before, kind)) != Some(now))
}

/// A condition's reason and message as one text, if it has any.
pub fn why(condition: &Value) -> Option<String> {
    match (text(condition, "/reason"), line(text(condition, "/message"))) {
        ("", message) if message.is_empty() => None,
        ("", message) => Some(message),
        (reason, message) if message.is_empty() => Some(reason.to_owned()),
        (reason, message) => Some(format!("{reason}: {message}")),
    }
}

/// Whether the controller has not seen the last change of the object yet.
pub fn is_unobserved(object: &Value) -> bool {
    match (number(object, "/metadata/generation"), number(object, "/status/observedGeneration")) {
        (Some(wanted), Some(observed)) => observed < wanted,
        _ => false,
    }
}

/// A server's text as one line of at most 300 characters, without characters that steer a terminal.
pub fn line(text: &str) -> String {
    let mut flat = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !flat.is_empty() {
            flat.push(' ');
        }
        flat.push_str(word);
    }
    match flat.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", flat[..end].trim_end()),
        None => flat,
    }
}

/// `1 replica`, `2 replicas`.
pub fn plural(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A point in time of the API server, if it is one.
pub fn time(value: &Value, pointer: &str) -> Option<jiff::Timestamp> {
    text(value, pointer).parse().ok()
}
