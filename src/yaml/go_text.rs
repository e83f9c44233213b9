//! The text that Go prints for a scalar.

use super::emit::{Precision, float_text};
use super::node::{Node, NodeValue, Style};
use super::resolve::is_timestamp;

const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";

/// What Go's `%v` prints for a scalar that go-yaml 3 has read: `0755` is `493`, `1.0` is `1`, `1e6` is `1e+06`, and a date is
/// `2024-01-02 00:00:00 +0000 UTC`. Text stays as it is, and so do `yes` and `no`, which are text there. A collection has none.
pub fn go_text(node: &Node) -> Option<String> {
    Some(match &node.value {
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => return None,
        NodeValue::Int(value) => value.to_string(),
        NodeValue::Uint(value) => value.to_string(),
        NodeValue::Float(value) => float_text(*value, Precision::Double),
        NodeValue::Bool(_) => match node.text() {
            Some("true" | "True" | "TRUE") => "true".to_owned(),
            Some("false" | "False" | "FALSE") => "false".to_owned(),
            other => other.unwrap_or_default().to_owned(),
        },
        NodeValue::String(text) => {
            let is_typed = match node.tag.as_deref() {
                None => node.style == Style::Plain,
                Some(tag) => tag == TIMESTAMP,
            };
            if is_typed && is_timestamp(text) { time_text(text) } else { text.clone() }
        }
        NodeValue::Null => node.text().unwrap_or_default().to_owned(),
    })
}

/// Go's text of a time that [`is_timestamp`] takes for one.
fn time_text(text: &str) -> String {
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], time[at..].replace(['Z', ':'], "")),
        None => (time, String::new()),
    };
    let (clock, fraction) = time.split_once(['.', ',']).unwrap_or((time, ""));
    let fraction = fraction[..fraction.len().min(9)].trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let two_digits = |text: &str, separator: char| {
        let parts = text.split(separator).map(|part| format!("{part:0>2}"));
        parts.collect::<Vec<_>>().join(&separator.to_string())
    };
    let clock = if clock.is_empty() { "00:00:00".to_owned() } else { two_digits(clock, ':') };
    let zone = match offset.as_str() {
        "" | "+0000" | "-0000" => "+0000 UTC".to_owned(),
        offset => format!("{offset} {offset}"),
    };
    format!("{} {clock}{dot}{fraction} {zone}", two_digits(date, '-'))
}
