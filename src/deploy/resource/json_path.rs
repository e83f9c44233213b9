//! JSONPath (RFC 9535), and the shorter ways in which annotations write it.

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

/// A query that can be read. The leading `$.` may be left out, and names may have dashes: `data.*`, `metadata.annotations.my-key`.
#[derive(Clone, Debug)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
}

/// One step from a value to a value in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// The item at a place, from 0.
    Index(usize),
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonPath {}

impl JsonPath {
    /// Reads a query; an error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // As a name they would match nothing, and hide nothing.
        if text.starts_with('{') {
            return Err("it stands without the braces of `kubectl -o jsonpath`".into());
        }
        let rooted = match text.strip_prefix('$') {
            Some(rest) => rest.to_owned(),
            None if text.starts_with(['.', '[']) => text.to_owned(),
            None => format!(".{text}"),
        };
        let query = parse_json_path(&format!("${}", with_quoted_names(&rooted))).map_err(|error| error.to_string())?;
        Ok(JsonPath { text: text.to_owned(), query })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the values are that it matches.
    pub fn places(&self, value: &Value) -> Vec<Vec<Step>> {
        let found = js_path_process(&self.query, value).unwrap_or_default();
        let found: Vec<*const Value> = found.into_iter().map(|found| std::ptr::from_ref(found.val())).collect();
        let mut places = Vec::new();
        if !found.is_empty() {
            collect(value, &found, &mut Vec::new(), &mut places);
        }
        places
    }
}

fn collect(value: &Value, found: &[*const Value], path: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    if found.contains(&std::ptr::from_ref(value)) {
        places.push(path.clone());
        return;
    }
    let mut below = |step: Step, value: &Value| {
        path.push(step);
        collect(value, found, path, places);
        path.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(Step::Key(key.clone()), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(Step::Index(index), value)),
        _ => {}
    }
}

/// The specification allows only letters, digits and `_` in a name after a dot: others are written in brackets.
fn with_quoted_names(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            let end = bracket_end(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let dots = rest.len() - rest.trim_start_matches('.').len();
        let name = &rest[dots..];
        let name = &name[..name.find(['.', '[']).unwrap_or(name.len())];
        let usual = name.is_empty() || name == "*" || name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let usual = usual && !name.starts_with(|c: char| c.is_ascii_digit());
        match (usual, dots) {
            (false, 1) => out.push_str(&format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))),
            (false, 2) => out.push_str(&format!("..['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))),
            _ => out.push_str(&rest[..dots + name.len()]),
        }
        rest = &rest[dots + name.len()..];
    }
    out
}

/// Where a bracket at the beginning ends, quotes and brackets in it looked through.
fn bracket_end(text: &str) -> usize {
    let (mut depth, mut quote, mut escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            (None, _) => {}
        }
    }
    text.len()
}

/// Splits a list of queries at its commas: those in brackets and those after a backslash are part of a query.
pub(super) fn split(list: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut rest = list;
    while let Some(first) = rest.chars().next() {
        let part = if first == '[' {
            &rest[..bracket_end(rest)]
        } else if rest.starts_with("\\,") {
            rest = &rest[1..];
            ","
        } else if first == ',' {
            found.push(String::new());
            rest = &rest[1..];
            continue;
        } else {
            &rest[..first.len_utf8()]
        };
        if let Some(last) = found.last_mut() {
            last.push_str(part);
        }
        rest = &rest[part.len()..];
    }
    found.into_iter().map(|path| path.trim().to_owned()).filter(|path| !path.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(path: &str, value: &Value) -> Vec<String> {
        let path = JsonPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = |steps: Vec<Step>| {
            let steps = steps.into_iter().map(|step| match step {
                Step::Key(key) => key,
                Step::Index(index) => index.to_string(),
            });
            steps.collect::<Vec<_>>().join("/")
        };
        path.places(value).into_iter().map(text).collect()
    }

    #[test]
    fn queries_find_what_the_specification_says() {
        let object = json!({
            "metadata": {"annotations": {"my-key": "1", "a.b/c": "2"}},
            "data": {"password": "x", "user": {"password": "y"}},
            "spec": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C"}], "0": "zero"},
        });
        for (path, expect) in [
            ("$.data.password", vec!["data/password"]),
            ("data.password", vec!["data/password"]),
            (".data.password", vec!["data/password"]),
            ("$..password", vec!["data/password", "data/user/password"]),
            ("$.data.*", vec!["data/password", "data/user"]),
            ("data[*]", vec!["data/password", "data/user"]),
            ("$.spec.env[*].value", vec!["spec/env/0/value", "spec/env/1/value"]),
            ("$.spec.env[-1]", vec!["spec/env/2"]),
            ("$.spec.env[0:2].name", vec!["spec/env/0/name", "spec/env/1/name"]),
            ("$.spec.env[?(@.name == 'B')].value", vec!["spec/env/1/value"]),
            ("$.spec.env[?@.name=='A' || @.name=='C'].name", vec!["spec/env/0/name", "spec/env/2/name"]),
            ("$['data']['password', 'user']", vec!["data/password", "data/user"]),
            ("metadata.annotations.my-key", vec!["metadata/annotations/my-key"]),
            ("$..my-key", vec!["metadata/annotations/my-key"]),
            ("metadata.annotations['a.b/c']", vec!["metadata/annotations/a.b/c"]),
            ("spec.0", vec!["spec/0"]),
            ("$.nowhere", vec![]),
            ("$", vec![""]),
        ] {
            assert_eq!(places(path, &object), expect, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for path in ["$.a[", "$[?(", "{.data.a}", "$.spec[1:x]"] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn lists_are_split_at_their_commas() {
        assert_eq!(split("$.a, $['b,c'][0,1] ,d\\,e,,"), ["$.a", "$['b,c'][0,1]", "d,e"]);
    }
}
