//! Numbers and texts of values: numbers are floats while a chart is rendered, as Helm reads YAML and JSON, and as they were written
//! elsewhere; texts stand for bytes ([`text_of_bytes`]), since `--set-file` takes any.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::file_tree::{bytes_of_text, text_of_bytes};

/// Turns what YAML or JSON say into values: every number becomes a float, as Helm reads them.
pub fn with_float_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().and_then(Number::from_f64);
            Value::Number(float.unwrap_or(number))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_float_numbers).collect()),
        Value::Object(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (standing_for_bytes(key), with_float_numbers(value))).collect())
        }
        Value::String(text) => Value::String(standing_for_bytes(text)),
        other => other,
    }
}

/// The text that stands for the bytes of a text: nearly always itself.
pub fn standing_for_bytes(text: String) -> String {
    match text_of_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => text,
        Cow::Owned(other) => other,
    }
}

/// The text that JSON can say of one that stands for bytes: U+FFFD for each that is no UTF-8, as Go's encoder writes it.
fn letters(text: &str) -> String {
    match bytes_of_text(text) {
        Cow::Borrowed(_) => text.to_owned(),
        Cow::Owned(bytes) => crate::template::value::Str::from_bytes(bytes).letters().into_owned(),
    }
}

/// The same value as Go's JSON encoder writes it: floats without a fraction become integers, texts are text.
pub fn with_plain_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9.2e18 => Value::from(float as i64),
            _ => value.clone(),
        },
        Value::Array(items) => Value::Array(items.iter().map(with_plain_numbers).collect()),
        Value::Object(table) => Value::Object(table.iter().map(|(key, value)| (letters(key), with_plain_numbers(value))).collect()),
        Value::String(text) => Value::String(letters(text)),
        other => other.clone(),
    }
}
