//! Tables of values: how a file's text becomes one, and what lies where.

use serde_json::Value;

use super::error::TableError;
use super::model::Values;
use super::numbers::with_float_numbers;
use crate::chart::compat::HelmCompat;
use crate::yaml;

/// Reads a file of values; an empty one is an empty table. Helm 4 merges the documents of a file, Helm 3 reads the first.
pub fn parse_table(text: &str, compat: HelmCompat) -> Result<Values, TableError> {
    let is_separator = |line: &&str| {
        let rest = line.strip_prefix("---").map(str::trim);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
    };
    if compat == HelmCompat::Three || !text.lines().any(|line| is_separator(&line)) {
        return parse_document(text);
    }
    let mut table = Values::new();
    let (mut document, mut before) = (String::new(), 0);
    for (at, line) in text.lines().chain(["---"]).enumerate() {
        if is_separator(&line) {
            // empty lines in place of the documents before keep the positions of errors
            overlay(&mut table, parse_document(&format!("{}{document}", "\n".repeat(before)))?);
            document.clear();
            before = at + 1;
        } else {
            document.push_str(line);
            document.push('\n');
        }
    }
    Ok(table)
}

fn parse_document(text: &str) -> Result<Values, TableError> {
    let value = with_float_numbers(yaml::parse_json(text).map_err(|cause| TableError::Yaml(Box::new(cause)))?);
    let found = kind_of(&value);
    table_of(value).ok_or(TableError::NotTable { found })
}

/// A table, or none for what is empty.
pub fn table_of(value: Value) -> Option<Values> {
    match value {
        Value::Null => Some(Values::new()),
        Value::Object(table) => Some(table),
        _ => None,
    }
}

/// Lays one table over another: tables merge, everything else, null too, replaces.
pub fn overlay(base: &mut Values, over: Values) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(base)), Value::Object(over)) => overlay(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// A table at a path of dotted names.
pub fn table_at<'v>(values: &'v Values, path: &str) -> Option<&'v Values> {
    path.split('.').try_fold(values, |table, name| table.get(name)?.as_object())
}

/// A value at a path of dotted names that is no table.
pub fn scalar_at<'v>(values: &'v Values, path: &str) -> Option<&'v Value> {
    let (table, name) = match path.rsplit_once('.') {
        Some((above, name)) => (table_at(values, above)?, name),
        None => (values, path),
    };
    table.get(name).filter(|value| !value.is_object())
}

/// The kind of a value, for messages.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
