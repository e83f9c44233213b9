//! TOML, printed as the encoder behind Helm's `toToml` does.

use std::fmt::Write as _;

use crate::template::format::quote;
use crate::template::value::{Kind, Map, Value};

const MAX_DEPTH: usize = 100;

/// Reads TOML into a map: whole numbers are `int64`.
pub(super) fn from_text(text: &str) -> Result<Map, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("toml: line {line}: {}", error.message())
    })?;
    Ok(map(table))
}

fn map(table: toml::Table) -> Map {
    table.into_iter().map(|(key, value)| (key, read(value))).collect()
}

fn read(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Array(items) => Value::from(items.into_iter().map(read).collect::<Vec<_>>()),
        toml::Value::Table(table) => Value::Map(map(table)),
        toml::Value::Datetime(date) => {
            let text = date.to_string();
            let layouts = [
                ("2006-01-02T15:04:05.999999999Z07:00", "UTC0"),
                ("2006-01-02T15:04:05", "<datetime-local>0"),
                ("2006-01-02", "<date-local>0"),
                ("15:04:05", "<time-local>0"),
            ];
            let in_zone = |(layout, zone): &(&str, &str)| {
                let zone = jiff::tz::TimeZone::posix(zone).unwrap_or(jiff::tz::TimeZone::UTC);
                super::layout::parse(layout, &text, &zone).ok()
            };
            layouts.iter().find_map(in_zone).map_or(Value::from(text.as_str()), Value::from)
        }
    }
}

/// Prints a map as TOML: plain entries first, then tables, both sorted by key and indented by two spaces per level.
pub(super) fn to_text(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    match plain(value) {
        Value::Map(map) => table(&mut out, &map, &mut Vec::new(), 0)?,
        Value::Nil => return Err("toml: cannot encode nil value".to_owned()),
        list if is_table_list(&list) => return Err("toml: top-level values must be Go maps or structs".to_owned()),
        other => inline(&mut out, &other, 0)?,
    }
    Ok(out)
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Object(object) if object.kind() != Kind::Slice => object.to_plain(),
        other => other.clone(),
    }
}

fn is_table_list(value: &Value) -> bool {
    matches!(value, Value::List(list) if !list.is_empty() && list.items().iter().all(|item| matches!(plain(item), Value::Map(_))))
}

fn table(out: &mut String, map: &Map, path: &mut Vec<String>, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("toml: values are nested too deeply".to_owned());
    }
    let entries: Vec<_> = map.entries().into_iter().map(|(key, value)| (key, plain(&value))).collect();
    let is_table = |value: &Value| matches!(value, Value::Map(_)) || is_table_list(value);
    let indent = "  ".repeat(path.len().saturating_sub(1));
    let inner = if path.is_empty() { String::new() } else { format!("{indent}  ") };
    for (key, value) in entries.iter().filter(|(_, value)| !is_table(value) && !value.is_nil()) {
        let _ = write!(out, "{inner}{} = ", self::key(key));
        inline(out, value, depth)?;
        out.push('\n');
    }
    for (name, value) in entries.iter().filter(|(_, value)| is_table(value)) {
        path.push(key(name));
        let indent = "  ".repeat(path.len() - 1);
        match value {
            Value::Map(map) => {
                if path.len() == 1 && !out.is_empty() {
                    out.push('\n');
                }
                let _ = writeln!(out, "{indent}[{}]", path.join("."));
                table(out, map, path, depth + 1)?;
            }
            Value::List(list) => {
                for item in list.items() {
                    if let Value::Map(map) = plain(item) {
                        if !out.is_empty() {
                            out.push('\n');
                        }
                        let _ = writeln!(out, "{indent}[[{}]]", path.join("."));
                        table(out, &map, path, depth + 1)?;
                    }
                }
            }
            _ => {}
        }
        path.pop();
    }
    Ok(())
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_owned() } else { string(name) }
}

fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\u{:04x}", letter as u32);
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn inline(out: &mut String, value: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("toml: values are nested too deeply".to_owned());
    }
    match value {
        Value::Nil => return Err("toml: cannot encode array with nil element".to_owned()),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number, _) => {
            let _ = write!(out, "{number}");
        }
        Value::Duration(_) => out.push_str(&quote(&value.to_text().to_str())),
        Value::Float(number) => out.push_str(&float(*number)),
        Value::String(text) => out.push_str(&string(&text.to_str())),
        Value::Bytes(bytes) => {
            let items: Vec<String> = bytes.iter().map(u8::to_string).collect();
            let _ = write!(out, "[{}]", items.join(", "));
        }
        Value::Time(time) => out.push_str(&super::layout::rfc3339(time)),
        Value::List(list) => {
            out.push('[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                inline(out, &plain(item), depth + 1)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            let entries = map.entries();
            for (at, (name, value)) in entries.iter().enumerate().filter(|(_, (_, value))| !value.is_nil()) {
                let _ = write!(out, "{} = ", key(name));
                inline(out, &plain(value), depth + 1)?;
                // upstream looks whether an entry follows, not whether it will be written
                if at + 1 < entries.len() {
                    out.push_str(", ");
                }
            }
            out.push('}');
        }
        Value::Object(object) => out.push_str(&string(&object.text())),
    }
    Ok(())
}

/// Go's `%f`-like text that always shows that it is a float.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = crate::template::number::format_float(number, b'g', None);
    if text.contains(['e', '.']) { text } else { format!("{text}.0") }
}
