//! How a table is completed with the defaults of a chart and its subcharts, and how `global` is shared.
//!
//! Follows Helm 3.22. A user's value wins over a chart's default, tables merge, everything else replaces, and a user's null removes a
//! chart's default. A chart's own null stays where nobody sets the key.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::RenderError;
use crate::chart::compat::HelmCompat;
use crate::chart::files::model::{Chart, Values};
use crate::chart::files::table::kind_of;

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

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::files::numbers::with_plain_numbers;
    use crate::chart::files::table::parse_table;
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
}
