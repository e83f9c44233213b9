//! How tables of values come together: files and settings of the user, defaults of charts and subcharts, `global`.
//!
//! Follows Helm 3.22. A user's value wins over a chart's default, tables merge, everything else replaces, and a user's null removes a
//! chart's default. A chart's own null stays where nobody sets the key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::compat::HelmCompat;
use super::error::{RenderError, TableError};
use super::model::{Chart, Values};
use super::numbers::with_float_numbers;
use super::set::{self, Form, SetError};
use crate::secret;
use crate::yaml;

/// Everything by which the caller changes a chart's values, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub struct ValueLayers {
    /// `--values`.
    pub files: Vec<ValuesFile>,
    /// `--secret-values`, encrypted.
    pub secret_files: Vec<ValuesFile>,
    /// `--set-json`.
    pub set_json: Vec<String>,
    /// `--set`.
    pub set: Vec<String>,
    /// `--set-string`.
    pub set_string: Vec<String>,
    /// `--set-file`.
    pub set_file: Vec<String>,
    /// The contents of the files that `set_file` names (see [`paths_of`]): the texts that stand for their bytes.
    pub set_file_contents: BTreeMap<String, Arc<str>>,
    /// `--set-literal`.
    pub set_literal: Vec<String>,
    /// Which form of `--set` wins over which.
    pub precedence: Precedence,
    /// Key of `secret_files`, of `secret-values.yaml` and of the files below `secret/`.
    pub secret_key: SecretAccess,
}

/// A file of values.
#[derive(Clone, Debug)]
pub struct ValuesFile {
    /// Its name, for errors.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
}

/// The order of the `--set` family, weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precedence {
    /// werf: json, file, string, set, literal.
    #[default]
    Werf,
    /// Helm: json, set, string, file, literal.
    Helm,
}

/// Whether encrypted values can be read.
#[derive(Clone, Debug, Default)]
pub enum SecretAccess {
    /// No key was found; encrypted values are an error.
    #[default]
    NoKey,
    /// The key.
    Key(secret::SecretKey),
    /// Encrypted values and files are left out (`--ignore-secret-key`).
    Ignore,
}

/// The paths that a `--set-file` setting reads.
pub fn paths_of(setting: &str) -> Result<Vec<String>, SetError> {
    let paths = std::cell::RefCell::new(Vec::new());
    let remember = |path: &str| {
        paths.borrow_mut().push(path.to_owned());
        Ok(String::new())
    };
    set::set(setting, &Form::File(&remember), &mut Values::new())?;
    Ok(paths.into_inner())
}

/// Combines the caller's layers into one table: the `config` of a release.
pub fn user_values(layers: &ValueLayers, compat: HelmCompat) -> Result<Values, RenderError> {
    let mut values = Values::new();
    for file in &layers.files {
        let table = parse_table(&file.text, compat).map_err(|cause| RenderError::ValuesFile { file: file.name.clone(), cause })?;
        overlay(&mut values, table);
    }
    for file in &layers.secret_files {
        if let Some(table) = decrypt_table(&file.name, &file.text, &layers.secret_key)? {
            overlay(&mut values, table);
        }
    }
    let read = |path: &str| layers.set_file_contents.get(path).map(|text| text.to_string()).ok_or_else(|| "no such file".to_owned());
    let (json, typed, text, file, literal) = (
        ("--set-json", &layers.set_json, Form::Json),
        ("--set", &layers.set, Form::Typed),
        ("--set-string", &layers.set_string, Form::Text),
        ("--set-file", &layers.set_file, Form::File(&read)),
        ("--set-literal", &layers.set_literal, Form::Literal),
    );
    let order = match layers.precedence {
        Precedence::Werf => [json, file, text, typed, literal],
        Precedence::Helm => [json, typed, text, file, literal],
    };
    for (option, settings, form) in order {
        for setting in settings {
            if let Some(table) = (compat == HelmCompat::Four && option == "--set-json").then(|| json_table(setting)).flatten() {
                overlay(&mut values, table);
                continue;
            }
            set::set(setting, &form, &mut values).map_err(|cause| RenderError::Set { option, setting: setting.clone(), cause })?;
        }
    }
    Ok(values)
}

/// Decrypts a table of secret values; `None` where they are to be ignored.
pub fn decrypt_table(name: &str, text: &str, access: &SecretAccess) -> Result<Option<Values>, RenderError> {
    let key = match access {
        SecretAccess::Ignore => return Ok(None),
        SecretAccess::NoKey => return Err(RenderError::NoSecretKey { file: name.to_owned() }),
        SecretAccess::Key(key) => key,
    };
    let failed = |cause| RenderError::SecretValues { file: name.to_owned(), cause };
    let value = secret::decrypt_values(key, text).map_err(failed)?;
    Ok(Some(table_of(with_float_numbers(value)).unwrap_or_default()))
}

/// Every secret text that a chart, its subcharts and the caller's files have: values, and files below `secret/`. What cannot be decrypted
/// is left out here, and told of where it is used.
pub fn secret_texts(chart: &Chart, layers: &ValueLayers) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let SecretAccess::Key(key) = &layers.secret_key else { return found };
    let mut tables: Vec<&str> = layers.secret_files.iter().map(|file| &*file.text).collect();
    let mut charts = vec![chart];
    while let Some(chart) = charts.pop() {
        tables.extend(chart.secret_values.as_deref());
        charts.extend(&chart.dependencies);
        let files = chart.files.iter().filter(|file| file.name.starts_with("secret/"));
        found.extend(files.filter_map(|file| String::from_utf8(secret::decrypt(key, &file.shown()).ok()?).ok()));
    }
    tables.iter().filter_map(|text| secret::decrypt_values(key, text).ok()).for_each(|value| collect_texts(value, &mut found));
    found
}

fn collect_texts(value: Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text)),
        Value::Array(items) => items.into_iter().for_each(|item| collect_texts(item, found)),
        Value::Object(table) => table.into_iter().for_each(|(_, value)| collect_texts(value, found)),
        _ => {}
    }
}

/// The table of a `--set-json` that is one JSON object, as Helm 4 takes it.
fn json_table(setting: &str) -> Option<Values> {
    let text = setting.trim();
    let value = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()?;
    table_of(with_float_numbers(value))
}

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

fn table_of(value: Value) -> Option<Values> {
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

/// What a null over a default does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// It removes the default and itself: the table that templates see.
    Remove,
    /// The same, and nulls that the defaults themselves hold are left out: Helm 4's table.
    RemoveAll,
    /// It stays, for a later pass to remove the default.
    Keep,
}

impl Nulls {
    /// What makes the table that templates see.
    pub fn of(compat: HelmCompat) -> Self {
        match compat {
            HelmCompat::Three => Nulls::Remove,
            HelmCompat::Four => Nulls::RemoveAll,
        }
    }
}

/// A default without the nulls in it; `None` where it is one.
fn without_nulls(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(table) => {
            Some(Value::Object(table.iter().filter_map(|(key, value)| Some((key.clone(), without_nulls(value)?))).collect()))
        }
        other => Some(other.clone()),
    }
}

/// Completes a table with the defaults of a chart and of its subcharts, scopes and globals included. Warnings go to `warnings`.
pub fn coalesce(chart: &Chart, mut values: Values, nulls: Nulls, warnings: &mut Warnings) -> Result<Values, RenderError> {
    coalesce_chart(chart, &mut values, "", nulls, warnings)?;
    Ok(values)
}

/// Sentences for people, each once.
pub type Warnings = BTreeSet<String>;

fn coalesce_chart(chart: &Chart, values: &mut Values, prefix: &str, nulls: Nulls, warnings: &mut Warnings) -> Result<(), RenderError> {
    let path = join(prefix, chart.name());
    for (key, default) in chart.values.iter() {
        let is_subchart = chart.dependencies.iter().any(|subchart| subchart.name() == key);
        // a null for a subchart must reach it, to remove the subchart's own default
        let is_handed_down = is_subchart && values.get(key).is_some_and(Value::is_object);
        let cleaned = (nulls == Nulls::RemoveAll && !is_handed_down).then(|| without_nulls(default).unwrap_or_default());
        let default = cleaned.as_ref().unwrap_or(default);
        match values.get_mut(key) {
            None if nulls == Nulls::RemoveAll && default.is_null() => {}
            None => {
                values.insert(key.clone(), default.clone());
            }
            Some(Value::Null) if nulls != Nulls::Keep => {
                values.remove(key);
            }
            Some(Value::Object(table)) => match default {
                Value::Object(defaults) => {
                    let nulls = if is_subchart { Nulls::Keep } else { nulls };
                    merge_tables(table, defaults.clone(), &join(&path, key), nulls, warnings);
                }
                Value::Null => {}
                _ => {
                    warnings.insert(format!("skipped value for {path}.{key}: Not a table."));
                }
            },
            Some(_) => {}
        }
    }
    for subchart in &chart.dependencies {
        let name = subchart.name();
        let mut table = match values.get_mut(name) {
            None => Values::new(),
            Some(Value::Object(table)) => std::mem::take(table),
            Some(other) => return Err(RenderError::SubchartValues { chart: path, subchart: name.to_owned(), found: kind_of(other) }),
        };
        let shared = share_globals(&mut table, values, &path, warnings);
        coalesce_chart(subchart, &mut table, &path, nulls, warnings)?;
        if shared {
            return_shared_globals(&table, values);
        }
        values.insert(name.to_owned(), Value::Object(table));
    }
    Ok(())
}

/// Copies the parent's `global` into a subchart's, the parent's values winning. True where both now have a table.
fn share_globals(child: &mut Values, parent: &Values, prefix: &str, warnings: &mut Warnings) -> bool {
    let empty = Values::new();
    let from = match parent.get("global") {
        None => &empty,
        Some(Value::Object(table)) => table,
        Some(_) => {
            warnings.insert("skipping globals because source global is not a table.".into());
            return false;
        }
    };
    let to = match child.entry("global").or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(table) => table,
        _ => {
            warnings.insert("skipping globals because destination global is not a table.".into());
            return false;
        }
    };
    for (key, value) in from {
        match (to.get_mut(key), value) {
            (None, value) => {
                to.insert(key.clone(), value.clone());
            }
            (Some(Value::Object(own)), Value::Object(table)) => {
                let mut table = table.clone();
                merge_tables(&mut table, std::mem::take(own), &join(prefix, key), Nulls::Keep, warnings);
                *own = table;
            }
            (Some(_), Value::Object(_)) => {
                warnings.insert(format!("Conflict: cannot merge map onto non-map for \"{key}\". Skipping."));
            }
            (Some(Value::Object(_)), _) => {
                warnings.insert(format!("key {key} is table. Skipping"));
            }
            (Some(own), value) => *own = value.clone(),
        }
    }
    true
}

/// Tables two levels below `global` are one object in Helm for parent and child, so what the child's defaults add there reaches the
/// parent and the children after it.
fn return_shared_globals(child: &Values, parent: &mut Values) {
    let (Some(Value::Object(from)), Some(Value::Object(to))) = (child.get("global"), parent.get_mut("global")) else { return };
    for (key, table) in to.iter_mut() {
        let (Value::Object(table), Some(Value::Object(changed))) = (table, from.get(key)) else { continue };
        for (key, value) in table.iter_mut() {
            if let (Value::Object(value), Some(Value::Object(changed))) = (value, changed.get(key)) {
                value.clone_from(changed);
            }
        }
    }
}

/// Completes a table from another one, whose values are weaker.
pub fn merge_tables(to: &mut Values, mut from: Values, prefix: &str, nulls: Nulls, warnings: &mut Warnings) {
    let nullified: BTreeSet<String> = to
        .iter()
        .filter(|(key, own)| own.is_null() && from.get(*key).is_some_and(|value| !value.is_null()))
        .map(|(key, _)| key.clone())
        .collect();
    for key in &nullified {
        from.insert(key.clone(), Value::Null);
    }
    for (key, value) in from {
        match (to.get_mut(&key), value) {
            (Some(Value::Null), _) if nulls != Nulls::Keep && nullified.contains(&key) => {
                to.remove(&key);
            }
            (None, value) => {
                to.insert(key, value);
            }
            (Some(Value::Object(own)), Value::Object(table)) => {
                let prefix = join(prefix, &key);
                merge_tables(own, table, &prefix, nulls, warnings);
            }
            (Some(_), Value::Object(_)) => {
                warnings.insert(format!("cannot overwrite table with non table for {}", join(prefix, &key)));
            }
            (Some(Value::Object(_)), value) if !value.is_null() => {
                warnings.insert(format!("destination for {} is a table. Ignoring non-table value", join(prefix, &key)));
            }
            _ => {}
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

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::super::numbers::with_plain_numbers;
    use super::*;
    use crate::chart::{Defaults, load};
    use crate::file_tree::MemoryTree;

    fn chart(files: &[(&str, &str)]) -> Chart {
        let own = [("Chart.yaml", "apiVersion: v2\nname: top\nversion: 1.0.0\n"), ("charts/sub/Chart.yaml", "name: sub\nversion: 1.0.0\n")];
        load(&MemoryTree::new(own.into_iter().chain(files.iter().copied())), "", &Defaults::default()).unwrap()
    }

    fn coalesced(top: &str, sub: &str, user: &str) -> String {
        let chart = chart(&[("values.yaml", top), ("charts/sub/values.yaml", sub)]);
        let values = coalesce(&chart, parse_table(user, HelmCompat::Three).unwrap(), Nulls::Remove, &mut Warnings::new()).unwrap();
        with_plain_numbers(&Value::Object(values)).to_string()
    }

    /// Expectations come from `helm3 template` 3.22.0 over a chart that prints `toJson .Values`.
    #[test]
    fn tables_merge_as_in_helm() {
        let cases = [
            ("a: 1", "", "", r#"{"a":1,"sub":{"global":{}}}"#),
            ("a: 1", "", "a: 2", r#"{"a":2,"sub":{"global":{}}}"#),
            ("a: {b: 1, c: [1]}", "", "a: {c: [2], d: 3}", r#"{"a":{"b":1,"c":[2],"d":3},"sub":{"global":{}}}"#),
            // A user's null removes a default, a chart's own null stays.
            (
                "a: 1\nb: null\nc: {d: 1, e: null}",
                "",
                "a: null\nc: {d: null}\nz: null",
                r#"{"b":null,"c":{"e":null},"sub":{"global":{}},"z":null}"#,
            ),
            ("sub: {x: top}", "x: sub\nq: sub", "sub: {q: user}", r#"{"sub":{"global":{},"q":"user","x":"top"}}"#),
            ("sub: {x: null}", "x: sub\nq: sub", "", r#"{"sub":{"global":{},"q":"sub"}}"#),
            ("", "x: {y: 1, z: 2}", "sub: {x: {y: null}}", r#"{"sub":{"global":{},"x":{"z":2}}}"#),
            ("global: {g: 1}", "global: {g: 2, h: 3}", "", r#"{"global":{"g":1},"sub":{"global":{"g":1,"h":3}}}"#),
            (
                "global: {a: {b: {c: 1}}}",
                "global: {a: {b: {d: 2}, e: 3}}",
                "",
                r#"{"global":{"a":{"b":{"c":1,"d":2}}},"sub":{"global":{"a":{"b":{"c":1,"d":2},"e":3}}}}"#,
            ),
            ("a: {b: 1}", "", "a: text", r#"{"a":"text","sub":{"global":{}}}"#),
            ("a: text", "", "a: {b: 1}", r#"{"a":{"b":1},"sub":{"global":{}}}"#),
        ];
        for (top, sub, user, expected) in cases {
            assert_eq!(coalesced(top, sub, user), expected, "{top:?} {sub:?} {user:?}");
        }
    }

    #[test]
    fn values_of_a_subchart_must_be_a_table() {
        let chart = chart(&[("values.yaml", "sub: 1")]);
        let error = coalesce(&chart, Values::new(), Nulls::Remove, &mut Warnings::new()).unwrap_err();
        assert_eq!(error.to_string(), "values of subchart `sub` in chart `top` must be a table, they are a number");
    }

    #[test]
    fn later_layers_win() {
        let file = |name: &str, text: &str| ValuesFile { name: name.into(), text: text.into() };
        let mut layers = ValueLayers {
            files: vec![file("one", "a: 1\nb: {c: 1, d: 1}\ne: 1"), file("two", "b: {c: 2}\ne: null")],
            set_json: vec!["b.c=3".into()],
            set: vec!["x=set".into()],
            set_string: vec!["x=string".into()],
            set_file: vec!["x=path".into(), "f=path".into()],
            set_file_contents: BTreeMap::from([("path".to_owned(), Arc::from("content"))]),
            ..ValueLayers::default()
        };
        let json = |layers: &ValueLayers| with_plain_numbers(&Value::Object(user_values(layers, HelmCompat::Three).unwrap())).to_string();
        assert_eq!(json(&layers), r#"{"a":1,"b":{"c":3,"d":1},"e":null,"f":"content","x":"set"}"#);
        layers.precedence = Precedence::Helm;
        layers.set_literal = vec!["a=lit,eral".into()];
        assert_eq!(json(&layers), r#"{"a":"lit,eral","b":{"c":3,"d":1},"e":null,"f":"content","x":"content"}"#);
        assert_eq!(paths_of("a.b=one,c=two").unwrap(), ["one", "two"]);
    }

    #[test]
    fn wrong_layers_are_named() {
        let file = ValuesFile { name: "prod.yaml".into(), text: "- a".into() };
        let error = user_values(&ValueLayers { files: vec![file], ..ValueLayers::default() }, HelmCompat::Three).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the values of `prod.yaml`");
        let error = user_values(&ValueLayers { set: vec!["a".into()], ..ValueLayers::default() }, HelmCompat::Three).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `--set a`");
        let file = ValuesFile { name: "secret.yaml".into(), text: "a: 1000".into() };
        let error = user_values(&ValueLayers { secret_files: vec![file], ..ValueLayers::default() }, HelmCompat::Three).unwrap_err();
        assert_eq!(error.to_string(), "`secret.yaml` is encrypted and there is no secret key");
    }
}
