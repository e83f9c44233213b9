//! Keys of records that Go reads into structs: they count in any letter case, as its `encoding/json` takes them.
//!
//! Of several keys that are one field in other cases, Go sees the last one in the order of their bytes last.

use serde_json::{Map, Value};

use super::node::Node;

/// Whether a key stands for the field of this name.
pub fn is_field(key: &str, name: &str) -> bool {
    if key.is_ascii() {
        return key.eq_ignore_ascii_case(name);
    }
    // two letters beyond ASCII have a small form in it
    let plain = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    key.chars().map(plain).eq(name.chars().map(plain))
}

impl Node {
    /// The value of a field of a mapping, whose key may be written in any letter case.
    pub fn field(&self, name: &str) -> Option<&Node> {
        let entries = self.as_mapping()?.iter().filter_map(|(key, value)| Some((key.text()?, value)));
        entries.filter(|(key, _)| is_field(key, name)).max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, value)| value)
    }
}

/// The same record with its fields under their own names; what is no field of it stays as it is.
pub fn with_field_names(record: Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let mut entries: Vec<(String, Value)> = record.into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let named = |key: String| names.iter().find(|name| is_field(&key, name)).map_or(key.clone(), |name| (*name).to_owned());
    entries.into_iter().map(|(key, value)| (named(key), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    /// Expectations come from `encoding/json` of Go 1.26 over what sigs.k8s.io/yaml makes of the text.
    #[test]
    fn keys_count_in_any_case_and_the_last_one_wins() {
        let cases = [
            ("appVersion: 1", Some("1")),
            ("appversion: 1", Some("1")),
            ("APPVERSION: 1", Some("1")),
            ("appver\u{17f}ion: 1", Some("1")),
            ("appversion: 1\nappVersion: 2", Some("1")),
            ("AppVersion: 1\nappVersion: 2", Some("2")),
            ("appVersion: 2\nAppVersion: 1", Some("2")),
            ("app-version: 1", None),
            ("app_version: 1", None),
        ];
        for (text, expected) in cases {
            let node = yaml::parse(text).unwrap();
            assert_eq!(node.field("appVersion").and_then(Node::text), expected, "{text}");
            let Value::Object(record) = yaml::to_json(&node).unwrap() else { panic!("a mapping") };
            let found = with_field_names(record, &["name", "appVersion"]).get("appVersion").map(ToString::to_string);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
