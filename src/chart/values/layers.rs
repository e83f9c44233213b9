//! What the user says of values: files, secret files, and the settings of the `--set` family, which wins over which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::error::RenderError;
use super::set::{self, Form, SetError};
use crate::chart::compat::HelmCompat;
use crate::chart::files::model::{Chart, Values};
use crate::chart::files::numbers::with_float_numbers;
use crate::chart::files::table::{overlay, parse_table, table_of};
use crate::secret;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::files::numbers::with_plain_numbers;

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
