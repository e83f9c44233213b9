//! Conversions between values and text: JSON, YAML, TOML, base 64 and base 32.

use std::borrow::Cow;

use super::json::{self, Html, from_json_text, go_kind, to_json_text};
use super::toml;
use crate::template::call::{FunctionError, Table};
use crate::template::value::{Elem, Entries, Kind, List, Map, MapType, Str, Value};
use crate::yaml::{self, Emitter, Node, NodeValue};

pub(super) fn register(table: &mut Table) {
    table.add("b64enc", |text: Str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text.as_bytes())
    });
    table.add("b64dec", |text: Str| decoded("base64", decode_base_64(text.as_bytes())));
    table.add("b32enc", |text: Str| base_32(text.as_bytes()));
    table.add("b32dec", |text: Str| decoded("base32", decode_base_32(text.as_bytes())));
    table.add("toJson", |value: Value| to_json_text(&value, Html::Escape, false).unwrap_or_default());
    table.add("mustToJson", |value: Value| to_json_text(&value, Html::Escape, false).map_err(FunctionError::from));
    table.add("toPrettyJson", |value: Value| to_json_text(&value, Html::Escape, true).unwrap_or_default());
    table.add("mustToPrettyJson", |value: Value| to_json_text(&value, Html::Escape, true).map_err(FunctionError::from));
    table.add("toRawJson", |value: Value| to_json_text(&value, Html::Keep, false).map_err(FunctionError::from));
    table.alias("mustToRawJson", "toRawJson");
    table.add("fromJson", |text: Str| json::read(text.as_bytes()).map(|(value, _)| value).unwrap_or_default());
    table.add("mustFromJson", |text: Str| from_json_text(text.as_bytes()).map_err(FunctionError::from));
}

pub(super) fn register_helm(table: &mut Table) {
    table.add("fromJson", |text: Str| {
        or_error(json::read(text.as_bytes()).and_then(|(value, too_large)| {
            let map = map_from_json(value)?;
            too_large.into_iter().for_each(|error| map.insert("Error", error));
            Ok(map)
        }))
    });
    table.add("fromJsonArray", |text: Str| {
        or_error_item(
            json::read(text.as_bytes())
                .and_then(|(value, too_large)| list_from_json(value).and_then(|list| too_large.map_or(Ok(list), Err))),
        )
    });
    table.add("toYaml", |value: Value| to_yaml(&value).unwrap_or_default());
    table.add("mustToYaml", |value: Value| to_yaml(&value).map_err(FunctionError::from));
    table.add("toYamlPretty", |value: Value| to_yaml_pretty(&value));
    table.add("fromYaml", |text: Str| or_error(from_yaml(text.as_bytes()).and_then(|value| map_from_json(value).map_err(in_yaml))));
    table.add("fromYamlArray", |text: Str| {
        or_error_item(from_yaml(text.as_bytes()).and_then(|value| match value {
            Value::Nil => Ok(List::any(Vec::new())),
            value => list_from_json(value).map_err(in_yaml),
        }))
    });
    table.add("toToml", |value: Value| no_nil(value).map(|value| toml::to_text(&value).unwrap_or_else(Str::from)));
    table.add("mustToToml", |value: Value| toml::to_text(&no_nil(value)?).map_err(FunctionError::from));
    table.add("fromToml", |text: Str| or_error(toml::from_text(text.as_bytes())));
}

/// Go's words where a function looks at the type of nil.
pub(super) fn no_nil(value: Value) -> Result<Value, FunctionError> {
    if value.is_nil() { Err("reflect: call of reflect.Value.Type on zero Value".into()) } else { Ok(value) }
}

fn or_error(result: Result<Map, String>) -> Map {
    result.unwrap_or_else(|error| [("Error", Value::from(error))].into_iter().collect())
}

fn or_error_item(result: Result<List, String>) -> List {
    result.unwrap_or_else(|error| List::any(vec![Value::from(error)]))
}

fn map_from_json(value: Value) -> Result<Map, String> {
    match value {
        Value::Map(map) => Ok(map),
        Value::Nil => Ok(Map::new()),
        other => Err(format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", go_kind(&other))),
    }
}

fn list_from_json(value: Value) -> Result<List, String> {
    match value {
        Value::List(list) => Ok(list),
        Value::Nil => Ok(List::nil(Elem::Any)),
        other => Err(format!("json: cannot unmarshal {} into Go value of type []interface {{}}", go_kind(&other))),
    }
}

fn in_yaml(error: String) -> String {
    format!("error unmarshaling JSON: while decoding JSON: {error}")
}

/// Reads the first YAML document as Helm does; every number becomes `float64`.
pub fn from_yaml(text: &[u8]) -> Result<Value, String> {
    let utf_16 = utf_16(text);
    let text = utf_16.as_deref().map_or_else(|| yaml::text(text), Ok);
    let node = text.and_then(yaml::parse).map_err(|error| format!("error converting YAML to JSON: {}", error.helm_message))?;
    from_node(&node).map_err(|error| format!("error converting YAML to JSON: {error}"))
}

/// The text of UTF-16 with a byte order mark, which YAML may be written in too.
fn utf_16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, rest) = bytes[2..].as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>().ok()?;
    rest.is_empty().then_some(text)
}

/// Turns a YAML node into a template value by Helm's rule: keys are text, every number is `float64`.
pub fn from_node(node: &Node) -> Result<Value, String> {
    Ok(match &node.value {
        NodeValue::Null => Value::Nil,
        NodeValue::Bool(truth) => Value::Bool(*truth),
        NodeValue::Int(number) => Value::Float(*number as f64),
        NodeValue::Uint(number) => Value::Float(*number as f64),
        NodeValue::Float(number) if number.is_finite() => Value::Float(*number),
        NodeValue::Float(number) => {
            let name = if number.is_nan() {
                "NaN"
            } else if *number > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            return Err(format!("json: unsupported value: {name}"));
        }
        NodeValue::String(text) => Value::from(text.as_str()),
        NodeValue::Sequence(items) => Value::List(List::any(items.iter().map(from_node).collect::<Result<_, _>>()?)),
        NodeValue::Mapping(pairs) => {
            let mut entries = Entries::new();
            for (key, value) in pairs {
                let name: Str = match &key.value {
                    NodeValue::String(text) => text.as_str().into(),
                    NodeValue::Null => {
                        let shown = yaml::go_syntax(value).replace("interface {}(nil)", "<nil>");
                        return Err(format!("unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}"));
                    }
                    _ => yaml::key_text(key)?.into(),
                };
                entries.insert(name, from_node(value)?);
            }
            Value::Map(Map::with_type(entries, MapType::Any))
        }
    })
}

/// Prints a value as Helm's `toYaml`, without the line break at the end.
pub fn to_yaml(value: &Value) -> Result<String, String> {
    let mut emitter = Emitter::new();
    walk(value, &mut emitter, Numbers::ThroughJson, 0).map_err(|error| format!("error marshaling into JSON: {error}"))?;
    Ok(without_last_break(emitter.finish()))
}

/// Prints a value as Helm's `toYamlPretty`: sequences are indented, long lines are kept, whole floats show as floats.
fn to_yaml_pretty(value: &Value) -> String {
    let mut emitter = Emitter::pretty();
    match walk(value, &mut emitter, Numbers::AsTheyAre, 0) {
        Ok(()) => without_last_break(emitter.finish()),
        Err(_) => String::new(),
    }
}

fn without_last_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// Whether floats lose their kind on the way, as they do where the printer goes through JSON.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    ThroughJson,
    AsTheyAre,
}

fn walk(value: &Value, to: &mut Emitter, numbers: Numbers, depth: usize) -> Result<(), String> {
    const MAX_DEPTH: usize = 500;
    if depth > MAX_DEPTH {
        return Err(format!("json: unsupported value: encountered a cycle via {}", value.type_name()));
    }
    match value {
        Value::Nil => to.null(),
        Value::Bool(truth) => to.bool(*truth),
        Value::Int(number, kind) if kind.is_unsigned() => to.uint(*number as u64),
        Value::Int(number, _) => to.int(*number),
        Value::Duration(number) if numbers == Numbers::ThroughJson => to.int(*number),
        Value::Duration(_) => to.str(&value.to_text().letters()),
        Value::Float(number) if numbers == Numbers::ThroughJson => match number.is_finite() {
            true => to.float(*number),
            false => return Err("json: unsupported value: ".to_owned() + &value.to_text().letters()),
        },
        Value::Float(number) => to.float_as_is(*number),
        Value::String(text) if numbers == Numbers::ThroughJson => to.str(&through_json(&text.letters())?),
        Value::String(text) => match text.as_str() {
            Some(text) => to.str(text),
            None => to.binary(text.as_bytes()),
        },
        Value::Bytes(bytes) => {
            use base64::Engine as _;
            to.str(&base64::engine::general_purpose::STANDARD.encode(bytes));
        }
        Value::Time(time) => to.str(&super::layout::rfc3339(time)),
        Value::List(list) if list.is_nil() && numbers == Numbers::ThroughJson => to.null(),
        Value::List(list) => sequence(list.items(), to, numbers, depth)?,
        Value::Map(map) if map.map_type() == MapType::NilString && numbers == Numbers::ThroughJson => to.null(),
        Value::Map(map) => {
            let entries = map.entries();
            let mut named: Vec<(Cow<'_, str>, &Str, &Value)> = entries.iter().map(|(key, value)| (key.letters(), key, value)).collect();
            if entries.iter().any(|(key, _)| key.as_str().is_none()) && numbers == Numbers::ThroughJson {
                // of keys that JSON writes alike the last one stays
                let mut last = std::collections::BTreeMap::new();
                named.into_iter().for_each(|entry| drop(last.insert(entry.0.clone(), entry)));
                named = last.into_values().collect();
            }
            yaml::sort_keys(&mut named, |(name, ..)| name);
            to.begin_mapping(named.len());
            for (name, key, value) in named {
                match numbers {
                    // a key over two lines is no key
                    Numbers::ThroughJson if name.contains('\u{85}') => return Err("yaml: could not find expected ':'".to_owned()),
                    Numbers::ThroughJson => to.key(&through_json(&name)?),
                    Numbers::AsTheyAre => match key.as_str() {
                        Some(key) => to.key(key),
                        None => to.binary_key(key.as_bytes()),
                    },
                }
                walk(value, to, numbers, depth + 1)?;
            }
            to.end_mapping();
        }
        Value::Object(object) => match (object.kind(), object.entries()) {
            (Kind::Slice, Some(entries)) => {
                let items: Vec<Value> = entries.into_iter().map(|(_, item)| item).collect();
                sequence(&items, to, numbers, depth)?;
            }
            _ => walk(&object.to_plain(), to, numbers, depth + 1)?,
        },
    }
    Ok(())
}

/// What becomes of text that is written as JSON and read as YAML: some control characters are refused, U+0085 is a line break.
fn through_json(text: &str) -> Result<Cow<'_, str>, String> {
    let is_refused = |letter: char| matches!(letter, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if text.is_ascii() && !text.contains('\u{7f}') {
        return Ok(text.into());
    }
    if text.contains(is_refused) {
        return Err("yaml: control characters are not allowed".to_owned());
    }
    if !text.contains('\u{85}') {
        return Ok(text.into());
    }
    let mut lines = text.split('\u{85}').peekable();
    let (mut folded, mut breaks) = (lines.next().unwrap_or_default().trim_end_matches(' ').to_owned(), 0);
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches(' ');
        breaks += 1;
        if line.is_empty() && lines.peek().is_some() {
            continue;
        }
        folded.push_str(&if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) });
        folded.push_str(if lines.peek().is_some() { line.trim_end_matches(' ') } else { line });
        breaks = 0;
    }
    Ok(folded.into())
}

fn sequence(items: &[Value], to: &mut Emitter, numbers: Numbers, depth: usize) -> Result<(), String> {
    to.begin_sequence(items.len());
    for item in items {
        walk(item, to, numbers, depth + 1)?;
    }
    to.end_sequence();
    Ok(())
}

const BASE_64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base_32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut padded = [0; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let group = u64::from_be_bytes(padded);
        let letters = (chunk.len() * 8).div_ceil(5);
        for at in 0..8 {
            let index = (group >> (35 - 5 * at)) as usize & 31;
            out.push(if at < letters { char::from(BASE_32[index]) } else { '=' });
        }
    }
    out
}

/// The decoded text, or the message of the failure as the text: that is what sprig gives.
fn decoded(name: &str, bytes: Result<Vec<u8>, usize>) -> Str {
    match bytes {
        Ok(bytes) => Str::from_bytes(bytes),
        Err(at) => Str::from(format!("illegal {name} data at input byte {at}")),
    }
}

/// Decodes base 64; the error is the place of the first bad byte.
pub(super) fn decode_base_64(text: &[u8]) -> Result<Vec<u8>, usize> {
    const GROUP: usize = 4;
    let letters: Vec<(usize, u8)> = text.iter().copied().enumerate().filter(|(_, byte)| !matches!(byte, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(text.len() * 3 / 4 + 1);
    let mut next = 0;
    while next < letters.len() {
        let (mut buffer, mut used) = (0u64, 0);
        while used < GROUP {
            let Some(&(at, byte)) = letters.get(next) else {
                return Err(text.len() - used);
            };
            if let Some(index) = BASE_64.iter().position(|&letter| letter == byte) {
                buffer = buffer << 6 | index as u64;
                used += 1;
                next += 1;
                continue;
            }
            if byte != b'=' || used < 2 {
                return Err(at);
            }
            let padding = GROUP - used;
            for (missing, expected) in (next..next + padding).enumerate() {
                match letters.get(expected) {
                    Some((_, b'=')) => {}
                    Some((at, _)) => return Err(if missing > 0 { at - 1 } else { *at }),
                    None => return Err(text.len()),
                }
            }
            if let Some((at, _)) = letters.get(next + padding) {
                return Err(*at);
            }
            next += padding;
            break;
        }
        push_whole_bytes(&mut out, buffer, used as u32 * 6);
    }
    Ok(out)
}

/// Decodes base 32; the error is the place of the first bad byte, line breaks not counted. What follows the padding is not looked at.
fn decode_base_32(text: &[u8]) -> Result<Vec<u8>, usize> {
    const GROUP: usize = 8;
    let letters: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(letters.len() * 5 / 8 + 1);
    let mut next = 0;
    while next < letters.len() {
        let (mut buffer, mut used) = (0u64, 0);
        while used < GROUP {
            let Some(&byte) = letters.get(next) else { return Err(letters.len() - used) };
            let after = &letters[next + 1..];
            if byte == b'=' && used >= 2 && after.len() < GROUP {
                let padding = GROUP - 1 - used;
                if after.len() < padding {
                    return Err(letters.len());
                }
                if let Some(wrong) = after[..padding].iter().position(|byte| *byte != b'=') {
                    return Err(next + wrong);
                }
                if matches!(used, 3 | 6) {
                    return Err(next);
                }
                push_whole_bytes(&mut out, buffer, used as u32 * 5);
                return Ok(out);
            }
            let Some(index) = BASE_32.iter().position(|letter| *letter == byte) else { return Err(next) };
            buffer = buffer << 5 | index as u64;
            used += 1;
            next += 1;
        }
        push_whole_bytes(&mut out, buffer, used as u32 * 5);
    }
    Ok(out)
}

/// The bytes of the first bits; those left over are no byte.
fn push_whole_bytes(out: &mut Vec<u8>, buffer: u64, bits: u32) {
    let whole = bits / 8 * 8;
    if whole > 0 {
        let bytes = (buffer >> (bits - whole) << (64 - whole)).to_be_bytes();
        out.extend_from_slice(&bytes[..whole as usize / 8]);
    }
}
