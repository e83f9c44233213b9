//! The JSON that Kubernetes tools mean by a YAML document.

use serde_json::{Map, Number, Value};

use super::error::YamlError;
use super::node::{Node, NodeValue};
use super::reader::parse;

/// Turns a node into JSON as `sigs.k8s.io/yaml` does: keys become strings (`n:` becomes `"false"`, `1.50:` becomes `"1.5"`).
///
/// # Errors
/// Infinity, not-a-number and a null key have no JSON form. The error points at the value, but has no source text of its own:
/// see [`YamlError::with_name`] and [`parse_json`].
pub fn to_json(node: &Node) -> Result<Value, YamlError> {
    convert(node).map_err(|(node, message)| error("", node, message))
}

/// Reads the first document of a text as JSON.
pub fn parse_json(text: &str) -> Result<Value, YamlError> {
    let node = parse(text)?;
    convert(&node).map_err(|(node, message)| error(text, node, message))
}

fn error(text: &str, node: &Node, message: String) -> YamlError {
    let mut error = YamlError::new(text, node.span.clone(), message.clone(), None, message);
    error.line = node.line;
    error
}

fn convert(node: &Node) -> Result<Value, (&Node, String)> {
    Ok(match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Bool(value) => Value::Bool(*value),
        NodeValue::Int(value) => Value::Number((*value).into()),
        NodeValue::Uint(value) => Value::Number((*value).into()),
        NodeValue::Float(value) => match Number::from_f64(*value) {
            Some(number) => Value::Number(number),
            None => return Err((node, format!("json: unsupported value: {}", special_float(*value)))),
        },
        NodeValue::String(text) => Value::String(text.clone()),
        NodeValue::Sequence(items) => Value::Array(items.iter().map(convert).collect::<Result<_, _>>()?),
        NodeValue::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key_text(key).map_err(|message| (key, message))?, convert(value)?);
            }
            Value::Object(map)
        }
    })
}

fn special_float(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "+Inf",
        _ => "-Inf",
    }
}

/// The text that a key has in JSON; the error says why it has none.
pub fn key_text(key: &Node) -> Result<String, String> {
    Ok(match &key.value {
        NodeValue::String(text) => text.clone(),
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Int(value) => value.to_string(),
        // Keys pass through 32-bit floats upstream.
        NodeValue::Float(value) => match super::emit::float_text(f64::from(*value as f32), super::emit::Precision::Single) {
            text if text == "+Inf" => ".inf".to_owned(),
            text if text == "-Inf" => "-.inf".to_owned(),
            text if text == "NaN" => ".nan".to_owned(),
            text => text,
        },
        NodeValue::Null => return Err("unsupported map key of type: <nil>".to_owned()),
        NodeValue::Uint(_) => return Err("unsupported map key of type: uint64".to_owned()),
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => return Err(format!("{} cannot be a key", key.kind())),
    })
}
