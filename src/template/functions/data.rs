//! Conversions between values and text: JSON, YAML, TOML, base 64 and base 32.

use std::sync::Arc;

use super::json::{Html, from_json_text, go_kind, to_json_text};
use super::toml;
use crate::template::call::{FunctionError, Table};
use crate::template::value::{Elem, Entries, Kind, List, Map, MapType, Str, Value};
use crate::yaml::{self, Emitter, Node, NodeValue};

pub(super) fn register(table: &mut Table) {
    table.add("b64enc", |text: Str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text.as_bytes())
    });
    table.add("b64dec", |text: Str| decode(&text, &BASE_64));
    table.add("b32enc", |text: Str| base_32(text.as_bytes()));
    table.add("b32dec", |text: Str| decode(&text, &BASE_32));
    table.add("toJson", |value: Value| to_json_text(&value, Html::Escape, false).unwrap_or_default());
    table.add("mustToJson", |value: Value| to_json_text(&value, Html::Escape, false).map_err(FunctionError::from));
    table.add("toPrettyJson", |value: Value| to_json_text(&value, Html::Escape, true).unwrap_or_default());
    table.add("mustToPrettyJson", |value: Value| to_json_text(&value, Html::Escape, true).map_err(FunctionError::from));
    table.add("toRawJson", |value: Value| to_json_text(&value, Html::Keep, false).map_err(FunctionError::from));
    table.alias("mustToRawJson", "toRawJson");
    table.add("fromJson", |text: Arc<str>| from_json_text(&text).unwrap_or_default());
    table.add("mustFromJson", |text: Arc<str>| from_json_text(&text).map_err(FunctionError::from));
}

pub(super) fn register_helm(table: &mut Table) {
    table.add("fromJson", |text: Arc<str>| or_error(from_json_text(&text).and_then(map_from_json)));
    table.add("fromJsonArray", |text: Arc<str>| or_error_item(from_json_text(&text).and_then(list_from_json)));
    table.add("toYaml", |value: Value| to_yaml(&value).unwrap_or_default());
    table.add("mustToYaml", |value: Value| to_yaml(&value).map_err(FunctionError::from));
    table.add("toYamlPretty", |value: Value| to_yaml_pretty(&value));
    table.add("fromYaml", |text: Arc<str>| or_error(from_yaml(&text).and_then(|value| map_from_json(value).map_err(in_yaml))));
    table.add("fromYamlArray", |text: Arc<str>| {
        or_error_item(from_yaml(&text).and_then(|value| match value {
            Value::Nil => Ok(List::any(Vec::new())),
            value => list_from_json(value).map_err(in_yaml),
        }))
    });
    table.add("toToml", |value: Value| toml::to_text(&value).unwrap_or_else(|error| error));
    table.add("mustToToml", |value: Value| toml::to_text(&value).map_err(FunctionError::from));
    table.add("fromToml", |text: Arc<str>| or_error(toml::from_text(&text)));
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
pub fn from_yaml(text: &str) -> Result<Value, String> {
    let node = yaml::parse(text).map_err(|error| format!("error converting YAML to JSON: {}", error.helm_message))?;
    from_node(&node).map_err(|error| format!("error converting YAML to JSON: {error}"))
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
                let name: Arc<str> = match &key.value {
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
        Value::Duration(_) => to.str(&value.to_text().to_str()),
        Value::Float(number) if numbers == Numbers::ThroughJson => match number.is_finite() {
            true => to.float(*number),
            false => return Err("json: unsupported value: ".to_owned() + &value.to_text().to_str()),
        },
        Value::Float(number) => to.float_as_is(*number),
        Value::String(text) => to.str(&text.to_str()),
        Value::Bytes(bytes) => {
            use base64::Engine as _;
            to.str(&base64::engine::general_purpose::STANDARD.encode(bytes));
        }
        Value::Time(time) => to.str(&super::layout::rfc3339(time)),
        Value::List(list) if list.is_nil() && numbers == Numbers::ThroughJson => to.null(),
        Value::List(list) => sequence(list.items(), to, numbers, depth)?,
        Value::Map(map) => {
            let mut entries = map.entries();
            yaml::sort_keys(&mut entries, |(key, _)| key);
            to.begin_mapping(entries.len());
            for (key, value) in &entries {
                to.key(key);
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

fn sequence(items: &[Value], to: &mut Emitter, numbers: Numbers, depth: usize) -> Result<(), String> {
    to.begin_sequence(items.len());
    for item in items {
        walk(item, to, numbers, depth + 1)?;
    }
    to.end_sequence();
    Ok(())
}

/// A base-2ⁿ encoding with padding.
struct Encoding {
    name: &'static str,
    alphabet: &'static [u8],
    bits: u32,
    /// Letters that together make whole bytes.
    group: usize,
}

const BASE_64: Encoding =
    Encoding { name: "base64", alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", bits: 6, group: 4 };
const BASE_32: Encoding = Encoding { name: "base32", alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, group: 8 };

fn base_32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut padded = [0; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let group = u64::from_be_bytes(padded);
        let letters = (chunk.len() * 8).div_ceil(5);
        for at in 0..8 {
            let index = (group >> (35 - 5 * at)) as usize & 31;
            out.push(if at < letters { char::from(BASE_32.alphabet[index]) } else { '=' });
        }
    }
    out
}

/// Decodes, or gives the message of the failure as the text: that is what sprig does.
fn decode(text: &Str, encoding: &Encoding) -> Str {
    match decode_bytes(text.as_bytes(), encoding) {
        Ok(bytes) => Str::from_bytes(bytes),
        Err(at) => Str::from(format!("illegal {} data at input byte {at}", encoding.name)),
    }
}

/// Decodes base 64; the error is the place of the first bad byte.
pub(super) fn decode_base_64(text: &[u8]) -> Result<Vec<u8>, usize> {
    decode_bytes(text, &BASE_64)
}

fn decode_bytes(text: &[u8], encoding: &Encoding) -> Result<Vec<u8>, usize> {
    let letters: Vec<(usize, u8)> = text.iter().copied().enumerate().filter(|(_, byte)| !matches!(byte, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(text.len() * encoding.bits as usize / 8 + 1);
    let mut next = 0;
    while next < letters.len() {
        let (mut buffer, mut used) = (0u64, 0);
        while used < encoding.group {
            let Some(&(at, byte)) = letters.get(next) else {
                return Err(text.len() - used);
            };
            if let Some(index) = encoding.alphabet.iter().position(|&letter| letter == byte) {
                buffer = buffer << encoding.bits | index as u64;
                used += 1;
                next += 1;
                continue;
            }
            if byte != b'=' || used < 2 || (encoding.group == 8 && matches!(used, 3 | 6)) {
                return Err(at);
            }
            let padding = encoding.group - used;
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
        let bits = used as u32 * encoding.bits;
        let whole = bits / 8 * 8;
        let bytes = (buffer >> (bits - whole) << (64 - whole)).to_be_bytes();
        out.extend_from_slice(&bytes[..whole as usize / 8]);
    }
    Ok(out)
}
