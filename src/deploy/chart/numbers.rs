//! Numbers of values: floats while a chart is rendered, as Helm reads YAML and JSON; as they were written elsewhere.

use serde_json::{Number, Value};

/// Turns every number into a float, as Helm reads numbers of YAML and JSON.
pub fn with_float_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().and_then(Number::from_f64);
            Value::Number(float.unwrap_or(number))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_float_numbers).collect()),
        Value::Object(table) => Value::Object(table.into_iter().map(|(key, value)| (key, with_float_numbers(value))).collect()),
        other => other,
    }
}

/// The same value as Go's JSON encoder writes it: floats without a fraction become integers.
pub fn with_plain_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9.2e18 => Value::from(float as i64),
            _ => value.clone(),
        },
        Value::Array(items) => Value::Array(items.iter().map(with_plain_numbers).collect()),
        Value::Object(table) => Value::Object(table.iter().map(|(key, value)| (key.clone(), with_plain_numbers(value))).collect()),
        other => other.clone(),
    }
}
