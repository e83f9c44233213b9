//! Go's `fmt`: how values print, by `print` and by every verb of `printf`.

use super::value::Value;

/// Writes a value as `fmt.Sprint` does for a single operand.
pub fn print_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => out.extend_from_slice(b"<nil>"),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Int(number, _) => out.extend_from_slice(number.to_string().as_bytes()),
        other => out.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}

/// Quotes a text as Go's `strconv.Quote`.
pub fn quote(text: &str) -> String {
    format!("{text:?}")
}
