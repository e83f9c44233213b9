//! Where values come from: the file and line, or the flag, that a map or an entry of `.Values` was written in. Wanted only by errors.

use super::layers::ValueLayers;
use super::set::{self, Form};
use crate::chart::files::model::{Chart, Values};
use crate::template::value::{Map, Str, Value};
use crate::template::{Origin, Origins};
use crate::yaml::{self, Node};

/// Deeper than this nobody looks for a map: it may hold itself.
const MAX_DEPTH: usize = 64;

/// The values of a chart and all that they are made of.
pub struct ValueOrigins<'a> {
    /// The root chart, its dependencies resolved.
    pub chart: &'a Chart,
    /// The caller's values.
    pub layers: &'a ValueLayers,
    /// `.Values` of the root chart.
    pub values: Map,
}

impl Origins for ValueOrigins<'_> {
    fn path(&self, file: &str) -> String {
        path_of(self.chart, file).unwrap_or_else(|| file.to_owned())
    }

    fn of_map(&self, map: &Map) -> Option<Origin> {
        let path = locate(&self.values, map, 0).filter(|path| !path.is_empty())?;
        let found = self.of_path(&path);
        let places: Vec<&str> = found.iter().map(|origin| origin.place.as_str()).collect();
        (!places.is_empty())
            .then(|| Origin { place: format!("from {}", places.join(", ")), is_plain: found.iter().all(|one| one.is_plain) })
    }

    fn of_entry(&self, map: &Map, key: &str) -> Option<Origin> {
        let mut path = locate(&self.values, map, 0)?;
        path.push(key.to_owned());
        let found = self.of_path(&path).into_iter().next()?;
        // a template may have put something else there, which is nobody's to show
        let is_changed = map.get(key).is_some_and(|value| value.as_str().is_some_and(|text| !self.is_written(&path, text)));
        Some(Origin { is_plain: found.is_plain && !is_changed, ..found })
    }
}

/// The user's path of a template: `.helm/charts/redis/templates/x.yaml` for `app/charts/redis/templates/x.yaml`.
pub fn path_of(chart: &Chart, file: &str) -> Option<String> {
    let inner = file.strip_prefix(chart.name())?.strip_prefix('/')?;
    let below = inner.strip_prefix("charts/").and_then(|inner| chart.dependencies.iter().find_map(|subchart| path_of(subchart, inner)));
    Some(below.unwrap_or_else(|| if chart.path.is_empty() { inner.to_owned() } else { format!("{}/{inner}", chart.path) }))
}

/// The keys that lead from one map to another, found as the same object.
fn locate(from: &Map, wanted: &Map, depth: usize) -> Option<Vec<String>> {
    if from.same(wanted) {
        return Some(Vec::new());
    }
    let inner = |(key, value): (Str, Value)| {
        let mut path = locate(value.as_map()?, wanted, depth + 1)?;
        path.insert(0, key.letters().into_owned());
        Some(path)
    };
    if depth < MAX_DEPTH { from.entries().into_iter().find_map(inner) } else { None }
}

impl ValueOrigins<'_> {
    /// Whether a file of values has this text at a path, in the root's values or in those of the subchart that the path leads into.
    fn is_written(&self, path: &[String], text: &str) -> bool {
        let has = |file: &str, path: &[String]| {
            yaml::parse(file).is_ok_and(|root| find(&root, path).is_some_and(|(_, node)| node.text() == Some(text)))
        };
        let (mut chart, mut rest) = (self.chart, path);
        let mut is_written = self.layers.files.iter().any(|file| has(&file.text, path));
        loop {
            is_written |= chart.values_text().is_some_and(|file| has(file, rest));
            let Some((first, inner)) = rest.split_first() else { return is_written };
            let Some(subchart) = chart.dependencies.iter().find(|subchart| subchart.name() == first) else { return is_written };
            (chart, rest) = (subchart, inner);
        }
    }

    /// Everything that writes the value at a path of the root's values, what wins first.
    pub fn of_path(&self, path: &[String]) -> Vec<Origin> {
        let layers = self.layers;
        let flags = [
            ("--set-literal", &layers.set_literal, Form::Literal),
            ("--set-file", &layers.set_file, Form::Text),
            ("--set-string", &layers.set_string, Form::Text),
            ("--set", &layers.set, Form::Typed),
            ("--set-json", &layers.set_json, Form::Json),
        ];
        let mut found = Vec::new();
        for (flag, settings, form) in flags {
            let mut table = Values::new();
            if settings.iter().any(|setting| set::set(setting, &form, &mut table).is_ok() && holds(&table, path)) {
                found.push(Origin { place: format!("{flag} {}", path.join(".")), is_plain: false });
            }
        }
        let in_file = |name: &str, text: &str, path: &[String], is_plain: bool| {
            line_of(text, path).map(|line| Origin { place: format!("{name}:{line}"), is_plain })
        };
        found.extend(layers.secret_files.iter().rev().filter_map(|file| in_file(&file.name, &file.text, path, false)));
        found.extend(layers.files.iter().rev().filter_map(|file| in_file(&file.name, &file.text, path, true)));
        let (mut chart, mut rest) = (self.chart, path);
        loop {
            let name = |file: &str| if chart.path.is_empty() { file.to_owned() } else { format!("{}/{file}", chart.path) };
            found.extend(chart.secret_values.as_ref().and_then(|text| in_file(&name("secret-values.yaml"), text, rest, false)));
            found.extend(chart.values_text().and_then(|text| in_file(&name("values.yaml"), text, rest, true)));
            let Some((first, inner)) = rest.split_first() else { break };
            let Some(subchart) = chart.dependencies.iter().find(|subchart| subchart.name() == first) else { break };
            (chart, rest) = (subchart, inner);
        }
        if found.is_empty() && path.len() > 1 && path.first().is_some_and(|first| first != "global") {
            // what a subchart has below `global` comes from the charts above it
            return match path.iter().position(|key| key == "global") {
                Some(at) => self.of_path(&path[at..]),
                None => found,
            };
        }
        found
    }
}

fn holds(table: &Values, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    match table.get(first) {
        Some(serde_json::Value::Object(inner)) => holds(inner, rest),
        found => found.is_some() && rest.is_empty(),
    }
}

/// The line of the key at a path of a YAML text.
fn line_of(text: &str, path: &[String]) -> Option<usize> {
    find(&yaml::parse(text).ok()?, path).map(|(line, _)| line)
}

/// The line of the key at a path, and its value.
fn find<'n>(mut node: &'n Node, path: &[String]) -> Option<(usize, &'n Node)> {
    let mut line = None;
    for key in path {
        let (name, value) = node.as_mapping()?.iter().find(|(name, _)| name.text() == Some(key))?;
        line = Some(name.line);
        node = value;
    }
    Some((line?, node))
}
