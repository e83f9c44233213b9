//! Which subcharts take part, under which names, and what they give to their parent.
//!
//! Follows Helm 3.22: a dependency of Chart.yaml is matched with a chart below `charts/` by name and version, tags of the root and then
//! conditions switch it, `import-values` lifts values of a subchart below the parent's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::coalesce::{Nulls, Warnings, coalesce, merge_tables};
use super::error::RenderError;
use crate::chart::files::model::{Chart, Dependency, Values};
use crate::chart::files::{table, versions};

/// Refuses a chart whose declared dependencies are not all below `charts/`.
pub fn check(chart: &Chart) -> Result<(), RenderError> {
    let present: BTreeSet<&str> = chart.dependencies.iter().map(Chart::name).collect();
    let missing: Vec<String> =
        chart.metadata.dependencies.iter().map(|wanted| &wanted.name).filter(|name| !present.contains(name.as_str())).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(RenderError::MissingDependencies { missing }) }
}

/// Renames, switches off and imports, in place, for the given user's values.
pub fn resolve(chart: &mut Chart, user: &Values, nulls: Nulls, warnings: &mut Warnings) -> Result<(), RenderError> {
    switch(chart, user, "", nulls, warnings)?;
    import(chart, warnings)
}

fn switch(chart: &mut Chart, values: &Values, path: &str, nulls: Nulls, warnings: &mut Warnings) -> Result<(), RenderError> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let present = std::mem::take(&mut chart.dependencies);
    let is_for = |subchart: &Chart, wanted: &Dependency| {
        subchart.name() == wanted.name && versions::is_compatible(&wanted.version, &subchart.metadata.version)
    };
    let undeclared = present.iter().filter(|subchart| !chart.metadata.dependencies.iter().any(|wanted| is_for(subchart, wanted)));
    let mut resolved: Vec<Chart> = undeclared.cloned().collect();
    for wanted in &mut chart.metadata.dependencies {
        if let Some(subchart) = present.iter().find(|subchart| is_for(subchart, wanted)) {
            let mut subchart = subchart.clone();
            if !wanted.alias.is_empty() {
                subchart.metadata.name.clone_from(&wanted.alias);
            }
            resolved.push(subchart);
        }
        if !wanted.alias.is_empty() {
            wanted.name.clone_from(&wanted.alias);
        }
        wanted.enabled = true;
    }
    chart.dependencies = resolved;

    let effective = coalesce(chart, values.clone(), nulls, warnings)?;
    for wanted in &mut chart.metadata.dependencies {
        switch_by_tags(wanted, &effective, warnings);
        switch_by_condition(wanted, &effective, path, warnings);
    }
    let off: BTreeSet<String> =
        chart.metadata.dependencies.iter().filter(|wanted| !wanted.enabled).map(|wanted| wanted.name.clone()).collect();
    chart.dependencies.retain(|subchart| !off.contains(subchart.name()));
    chart.metadata.dependencies.retain(|wanted| wanted.enabled);
    for subchart in &mut chart.dependencies {
        let path = format!("{path}{}.", subchart.name());
        switch(subchart, &effective, &path, nulls, warnings)?;
    }
    Ok(())
}

fn switch_by_tags(wanted: &mut Dependency, values: &Values, warnings: &mut Warnings) {
    let Some(Value::Object(tags)) = values.get("tags") else { return };
    let (mut on, mut off) = (false, false);
    for tag in &wanted.tags {
        match tags.get(tag) {
            None => {}
            Some(Value::Bool(true)) => on = true,
            Some(Value::Bool(false)) => off = true,
            Some(_) => {
                warnings.insert(format!("Tag '{tag}' for chart {} returned non-bool value", wanted.name));
            }
        }
    }
    wanted.enabled = on || !off;
}

fn switch_by_condition(wanted: &mut Dependency, values: &Values, path: &str, warnings: &mut Warnings) {
    for condition in wanted.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
        match table::scalar_at(values, &format!("{path}{condition}")) {
            None => {}
            Some(Value::Bool(enabled)) => {
                wanted.enabled = *enabled;
                return;
            }
            Some(_) => {
                warnings.insert(format!("Condition path '{condition}' for chart {} returned non-bool value", wanted.name));
            }
        }
    }
}

fn import(chart: &mut Chart, warnings: &mut Warnings) -> Result<(), RenderError> {
    for subchart in &mut chart.dependencies {
        import(subchart, warnings)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let mut own = coalesce(chart, Values::new(), Nulls::Keep, warnings)?;
    let mut imported = Values::new();
    for wanted in &mut chart.metadata.dependencies {
        let mut normal = Vec::new();
        for rule in &wanted.import_values {
            let (child, parent) = match rule {
                Value::String(name) => (format!("exports.{name}"), ".".to_owned()),
                Value::Object(pair) => (path_of(pair, "child"), path_of(pair, "parent")),
                _ => continue,
            };
            normal.push(serde_json::json!({ "child": child, "parent": parent }));
            match table::table_at(&own, &format!("{}.{child}", wanted.name)) {
                Some(table) => merge_tables(&mut imported, nest(&parent, table.clone()), "", Nulls::Keep, warnings),
                None => {
                    warnings.insert(format!("ImportValues missing table `{child}` of chart {}", wanted.name));
                }
            }
        }
        wanted.import_values = normal;
    }
    merge_tables(&mut own, imported, "", Nulls::Keep, warnings);
    chart.values = Arc::new(own);
    Ok(())
}

/// The text of a rule's path, `<nil>` where it is missing, as Helm has it.
fn path_of(pair: &Map<String, Value>, key: &str) -> String {
    match pair.get(key) {
        Some(Value::String(path)) => path.clone(),
        Some(other) => other.to_string(),
        None => "<nil>".to_owned(),
    }
}

fn nest(path: &str, table: Values) -> Values {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, name| Map::from_iter([(name.to_owned(), Value::Object(inner))]))
}

/// Pushes tables of the parents into their subcharts (werf's `export-values`), over whatever the subcharts have.
pub fn export(chart: &Chart, values: &mut Values, warnings: &mut Warnings) {
    for wanted in &chart.metadata.dependencies {
        for rule in &wanted.export_values {
            let (parent, child) = match rule {
                Value::String(path) => (path.clone(), ".".to_owned()),
                Value::Object(pair) => (path_of(pair, "parent"), path_of(pair, "child")),
                _ => continue,
            };
            let Some(table) = table::table_at(values, &parent) else {
                warnings.insert(format!("export-values of chart {}: there is no table `{parent}`", wanted.name));
                continue;
            };
            let pushed = nest(&format!("{}{}", wanted.name, if child == "." { String::new() } else { format!(".{child}") }), table.clone());
            table::overlay(values, pushed);
        }
    }
    for subchart in &chart.dependencies {
        if let Some(Value::Object(scope)) = values.get_mut(subchart.name()) {
            export(subchart, scope, warnings);
        }
    }
}
