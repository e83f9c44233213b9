//! TOML, printed as the encoder behind Helm's `toToml` does.

use crate::template::format::quote;
use crate::template::value::{Kind, Map, Str, Value};

const MAX_DEPTH: usize = 100;

/// Reads TOML into a map: whole numbers are `int64`.
pub(super) fn from_text(text: &[u8]) -> Result<Map, String> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let at = error.valid_up_to();
        let line = text[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("toml: line {line}: invalid UTF-8 byte: {:#04x}", text[at])
    })?;
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
pub(super) fn to_text(value: &Value) -> Result<Str, String> {
    let mut out = Vec::new();
    match plain(value) {
        Value::Map(map) => table(&mut out, &map, &mut Vec::new(), 0)?,
        Value::Nil => return Err("toml: cannot encode nil value".to_owned()),
        list if is_table_list(&list) => return Err("toml: top-level values must be Go maps or structs".to_owned()),
        other => inline(&mut out, &other, 0)?,
    }
    Ok(Str::from_bytes(out))
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

fn table(out: &mut Vec<u8>, map: &Map, path: &mut Vec<Vec<u8>>, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("toml: values are nested too deeply".to_owned());
    }
    let entries: Vec<_> = map.entries().into_iter().map(|(key, value)| (key, plain(&value))).collect();
    let is_table = |value: &Value| matches!(value, Value::Map(_)) || is_table_list(value);
    let indent = "  ".repeat(path.len().saturating_sub(1));
    let inner = if path.is_empty() { String::new() } else { format!("{indent}  ") };
    for (key, value) in entries.iter().filter(|(_, value)| !is_table(value) && !value.is_nil()) {
        put(out, &inner);
        out.extend_from_slice(&self::key(key));
        put(out, " = ");
        inline(out, value, depth)?;
        out.push(b'\n');
    }
    for (name, value) in entries.iter().filter(|(_, value)| is_table(value)) {
        path.push(key(name));
        let indent = "  ".repeat(path.len() - 1);
        match value {
            Value::Map(map) => {
                if path.len() == 1 && !out.is_empty() {
                    out.push(b'\n');
                }
                put(out, &format!("{indent}["));
                out.extend_from_slice(&path.join(&b'.'));
                put(out, "]\n");
                table(out, map, path, depth + 1)?;
            }
            Value::List(list) => {
                for item in list.items() {
                    if let Value::Map(map) = plain(item) {
                        if !out.is_empty() {
                            out.push(b'\n');
                        }
                        put(out, &format!("{indent}[["));
                        out.extend_from_slice(&path.join(&b'.'));
                        put(out, "]]\n");
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

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn key(name: &Str) -> Vec<u8> {
    let name = name.as_bytes();
    let bare = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-');
    if bare { name.to_owned() } else { string(name) }
}

/// A quoted text; what is not ASCII stays as it is, UTF-8 or not.
fn string(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in text {
        match byte {
            b'\x08' => put(&mut out, "\\b"),
            b'\t' => put(&mut out, "\\t"),
            b'\n' => put(&mut out, "\\n"),
            b'\x0c' => put(&mut out, "\\f"),
            b'\r' => put(&mut out, "\\r"),
            b'"' => put(&mut out, "\\\""),
            b'\\' => put(&mut out, "\\\\"),
            b'\0'..=b'\x1f' | b'\x7f' => put(&mut out, &format!("\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out
}

fn inline(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("toml: values are nested too deeply".to_owned());
    }
    match value {
        Value::Nil => return Err("toml: cannot encode array with nil element".to_owned()),
        Value::Bool(truth) => put(out, if *truth { "true" } else { "false" }),
        Value::Int(number, _) => put(out, &number.to_string()),
        Value::Duration(_) => put(out, &quote(&value.to_text().letters())),
        Value::Float(number) => put(out, &float(*number)),
        Value::String(text) => out.extend_from_slice(&string(text.as_bytes())),
        Value::Bytes(bytes) => {
            let items: Vec<String> = bytes.iter().map(u8::to_string).collect();
            put(out, &format!("[{}]", items.join(", ")));
        }
        Value::Time(time) => put(out, &super::layout::rfc3339(time)),
        Value::List(list) => {
            out.push(b'[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    put(out, ", ");
                }
                inline(out, &plain(item), depth + 1)?;
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.push(b'{');
            let entries = map.entries();
            for (at, (name, value)) in entries.iter().enumerate().filter(|(_, (_, value))| !value.is_nil()) {
                out.extend_from_slice(&key(name));
                put(out, " = ");
                inline(out, &plain(value), depth + 1)?;
                // upstream looks whether an entry follows, not whether it will be written
                if at + 1 < entries.len() {
                    put(out, ", ");
                }
            }
            out.push(b'}');
        }
        Value::Object(object) => out.extend_from_slice(&string(object.text().as_bytes())),
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
