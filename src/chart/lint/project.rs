//! What is doubtful in a chart of a project that renders: Helm's rules, and our own.
//!
//! Our own are warnings: a large number that prints as `1e+06`, functions that answer differently in each run, values that no template
//! reads, templates that nothing includes. They rather miss something than raise a false alarm.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::reads::{Reads, functions};
use super::{Finding, Lines, Severity, given, manifest, metadata};
use crate::chart::files::model::{Chart, File, Values};
use crate::chart::manifests::rendered::Rendered;
use crate::chart::render::execute;
use crate::chart::render::functions::table;
use crate::chart::render::input::RenderInput;
use crate::chart::render::output::Output;
use crate::chart::values::error::RenderError;
use crate::chart::values::origin::ValueOrigins;
use crate::template::lexer::Delimiters;
use crate::template::parser::{self, Parsed};
use crate::template::value::{Map, Value};
use crate::template::{Origins, Trace};
use crate::yaml;

/// Looks at a rendered chart. `chart_yaml` is its Chart.yaml, where it has one.
///
/// # Errors
/// The chart does not render a second time.
pub fn lint_project(rendered: &Rendered, chart_yaml: Option<&str>, input: &RenderInput<'_>) -> Result<Vec<Finding>, RenderError> {
    let (chart, compat) = (&rendered.chart, rendered.compat);
    let mut lines = Lines::default();
    chart_yaml.into_iter().for_each(|text| metadata::check(text, compat, &mut lines));
    let outputs = execute::execute_traced(chart, &rendered.values, input)?;
    for file in &chart.templates {
        let given = given(chart, file);
        manifest::source(file, given, compat, &mut lines);
        let path = format!("{}/{}", chart.name(), file.name);
        let output = outputs.iter().find(|(output, _)| output.path == path && manifest::is_manifest(given, compat));
        if let Some((output, _)) = output.filter(|(output, _)| !output.is_blank()) {
            manifest::rendered(&file.name, &output.text, compat, input.capabilities, &mut lines);
        }
    }
    for finding in &mut lines.0 {
        finding.path = in_chart(chart, &finding.path);
    }
    let origins = ValueOrigins { chart, layers: input.values, values: Map::new() };
    let own = trees(chart, chart.name(), input, chart);
    for (output, trace) in &outputs {
        check_numbers(output, trace, &origins, &rendered.values, &mut lines);
    }
    check_functions(&own, &origins, &mut lines);
    let mut all = Reads::default();
    own.iter().for_each(|trees| all.add(trees));
    add_subcharts(chart, chart.name(), input, chart, &mut all);
    add_texts(chart, &rendered.values, &mut all);
    if !chart.is_library() {
        check_templates(&own, chart, &origins, &all, &mut lines);
        check_values(rendered, &origins, &all, &mut lines);
    }
    Ok(lines.0)
}

/// A path in the chart as the user knows it.
fn in_chart(chart: &Chart, path: &str) -> String {
    if chart.path.is_empty() { path.to_owned() } else { format!("{}/{path}", chart.path) }
}

/// The parsed templates of one chart of the tree; those that do not parse have failed before.
fn trees(of: &Chart, path: &str, input: &RenderInput<'_>, root: &Chart) -> Vec<Parsed> {
    let table = table(root, input.service, &input.values.secret_key, None);
    let parse = |file: &File| parser::parse(&format!("{path}/{}", file.name), &file.data, &Delimiters::default(), &table).ok();
    of.templates.iter().filter(|file| !of.is_jinja_file(file)).filter_map(parse).collect()
}

fn add_subcharts(chart: &Chart, path: &str, input: &RenderInput<'_>, root: &Chart, reads: &mut Reads) {
    for subchart in &chart.dependencies {
        let path = format!("{path}/charts/{}", subchart.name());
        trees(subchart, &path, input, root).iter().for_each(|trees| reads.add(trees));
        add_subcharts(subchart, &path, input, root, reads);
    }
}

/// Texts beside templates that may read values: those that `tpl` could execute, and what Chart.yaml names.
fn add_texts(chart: &Chart, values: &Values, reads: &mut Reads) {
    let mut texts = Vec::new();
    values.values().for_each(|value| collect_templates(value, &mut texts));
    texts.iter().for_each(|text| reads.add_template(text));
    add_files(chart, reads);
}

fn add_files(chart: &Chart, reads: &mut Reads) {
    chart.templates.iter().filter(|file| chart.is_jinja_file(file)).for_each(|file| reads.add_template(&file.shown()));
    chart.files.iter().filter(|file| file.shown().contains("{{")).for_each(|file| reads.add_template(&file.shown()));
    for wanted in &chart.metadata.dependencies {
        reads.add_text(&wanted.condition);
        wanted.import_values.iter().chain(&wanted.export_values).for_each(|pair| reads.add_template(&pair.to_string()));
    }
    chart.dependencies.iter().for_each(|subchart| add_files(subchart, reads));
}

fn collect_templates<'v>(value: &'v Json, texts: &mut Vec<&'v str>) {
    match value {
        Json::String(text) if text.contains("{{") => texts.push(text),
        Json::Array(items) => items.iter().for_each(|item| collect_templates(item, texts)),
        Json::Object(map) => map.values().for_each(|value| collect_templates(value, texts)),
        _ => {}
    }
}

/// Numbers of values that were printed with an exponent.
fn check_numbers(output: &Output, trace: &Trace, origins: &ValueOrigins<'_>, values: &Values, lines: &mut Lines) {
    let mut told = BTreeSet::new();
    let text = output.text.outline();
    for (at, number) in exponents(&text) {
        let writers = trace.writers(&text, at);
        let Some(writer) = writers.last().filter(|writer| writer.is_action()) else { continue };
        let mut paths = Vec::new();
        values.iter().for_each(|(key, value)| numbers_like(number, value, vec![key.clone()], &mut paths));
        let place = format!("{}:{}", origins.path(writer.file()), writer.line());
        if !told.insert((place.clone(), number.to_owned())) {
            continue;
        }
        let told_of = |path: &Vec<String>| {
            let origin = origins.of_path(path).into_iter().next();
            let place = origin.map(|origin| format!(" ({})", origin.place)).unwrap_or_default();
            format!("`.Values.{}`{place}", path.join("."))
        };
        let whence = paths.iter().take(2).map(told_of).collect::<Vec<_>>().join(" or ");
        let whence = if whence.is_empty() { String::new() } else { format!(", which comes from {whence}") };
        let problem = format!("prints the number `{number}`{whence}: numbers of values are floats, `| int64` prints them whole");
        lines.add(Severity::Warning, &place, problem);
    }
}

/// The places and texts of numbers such as `1e+06` and `1.5e+07` that stand alone.
fn exponents(text: &str) -> Vec<(usize, &str)> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '+' | '-' | '_');
    let mut found = Vec::new();
    for (at, _) in text.match_indices("e+") {
        let start =
            text[..at].rfind(|letter| !part(letter)).map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
        let end = text[at..].find(|letter| !part(letter)).map_or(text.len(), |length| at + length);
        let word = &text[start..end];
        let is_number = word.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit()) && word.parse::<f64>().is_ok();
        if is_number {
            found.push((start, word));
        }
    }
    found
}

/// Paths of the values that print so.
fn numbers_like(number: &str, value: &Json, path: Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Json::Number(own) if own.as_f64().is_some_and(|own| Value::Float(own).to_text() == *number) => found.push(path),
        Json::Object(map) => {
            map.iter().for_each(|(key, value)| numbers_like(number, value, [path.clone(), vec![key.clone()]].concat(), found))
        }
        _ => {}
    }
}

/// Functions that answer differently in each run.
fn check_functions(own: &[Parsed], origins: &ValueOrigins<'_>, lines: &mut Lines) {
    const RANDOM: [&str; 21] = [
        "now",
        "ago",
        "uuidv4",
        "shuffle",
        "randInt",
        "randBytes",
        "randAlphaNum",
        "randAlpha",
        "randAscii",
        "randNumeric",
        "bcrypt",
        "htpasswd",
        "encryptAES",
        "genPrivateKey",
        "genCA",
        "genCAWithKey",
        "genSelfSignedCert",
        "genSelfSignedCertWithKey",
        "genSignedCert",
        "genSignedCertWithKey",
        "getHostByName",
    ];
    for tree in own.iter().flat_map(|trees| trees.values()) {
        functions(&tree.root, &mut |name, offset| {
            if RANDOM.contains(&name) {
                let (line, column) = tree.source.place(offset);
                let place = format!("{}:{line}:{}", origins.path(&tree.source.name), column + 1);
                lines.add(Severity::Warning, &place, format!("`{name}` gives something else in each run, so each deployment is a change"));
            }
        });
    }
}

/// Templates that the chart defines for nobody.
fn check_templates(own: &[Parsed], chart: &Chart, origins: &ValueOrigins<'_>, reads: &Reads, lines: &mut Lines) {
    if reads.computes_includes {
        return;
    }
    for tree in own.iter().flat_map(|trees| trees.values()).filter(|tree| tree.name != tree.source.name) {
        let quoted = format!("\"{}\"", tree.name);
        // a subchart that mentions the name may be who wants it
        if reads.quotes(&tree.name) || chart.dependencies.iter().any(|subchart| subchart.mentions(&tree.name)) {
            continue;
        }
        let (line, _) = tree.source.place(tree.source.text.find(&quoted).unwrap_or(0));
        let place = format!("{}:{line}", origins.path(&tree.source.name));
        lines.add(Severity::Warning, &place, format!("nothing includes the template `{}`", tree.name));
    }
}

/// Values of the user that no template reads.
fn check_values(rendered: &Rendered, origins: &ValueOrigins<'_>, reads: &Reads, lines: &mut Lines) {
    if reads.reads_whole("Values") {
        return;
    }
    let own = rendered.chart.values_text().and_then(|text| yaml::parse_json(text).ok());
    let own = own.as_ref().and_then(Json::as_object);
    let mut unread = Vec::new();
    for given in own.into_iter().chain([&rendered.user_values]) {
        walk(given, &mut Vec::new(), &rendered.chart, reads, &mut unread);
    }
    let placed = |path: Vec<String>| Some((origins.of_path(&path).into_iter().next()?.place, path));
    let mut placed: Vec<_> = unread.into_iter().filter(|path| !is_anchored(&path[0], origins)).filter_map(placed).collect();
    placed.sort_by_cached_key(|(place, _)| {
        match place.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<usize>().ok()?))) {
            Some((file, line)) => (false, file.to_owned(), line),
            None => (true, place.clone(), 0),
        }
    });
    placed.dedup();
    for (place, path) in placed {
        lines.add(Severity::Warning, &place, format!("no template reads `{}`", path.join(".")));
    }
}

/// The topmost entries below a path that are unread. Of a subchart the name is no reading, and one that is off is left alone.
fn walk(given: &Values, path: &mut Vec<String>, chart: &Chart, reads: &Reads, unread: &mut Vec<Vec<String>>) {
    const OTHERS: [&str; 3] = ["global", "werf", "tags"];
    for (key, value) in given {
        let is_subchart = chart.metadata.dependencies.iter().any(|wanted| wanted.name == *key || wanted.alias == *key)
            || chart.dependencies.iter().any(|subchart| subchart.name() == key);
        let inner = chart.dependencies.iter().find(|subchart| subchart.name() == key);
        path.push(key.clone());
        match (value, inner) {
            (Json::Object(map), Some(subchart)) => walk(map, path, subchart, reads, unread),
            _ if is_subchart || OTHERS.contains(&key.as_str()) => {}
            _ if !reads.reads(key) => unread.push(path.clone()),
            (Json::Object(map), None) if !reads.reads_whole(key) => walk(map, path, &Chart::default(), reads, unread),
            _ => {}
        }
        path.pop();
    }
}

/// Whether a file of values has an anchor in the block of this key, so that another one may be read through it.
fn is_anchored(key: &str, origins: &ValueOrigins<'_>) -> bool {
    let own = origins.chart.values_text();
    let mut texts = own.iter().map(|text| &**text).chain(origins.layers.files.iter().map(|file| &*file.text));
    let continues = |line: &&str| line.is_empty() || line.starts_with([' ', '#', '-']);
    texts.any(|text| {
        let mut lines = text.lines().skip_while(|line| !line.trim_start_matches(['"', '\'']).starts_with(key));
        let first = lines.next();
        first.into_iter().chain(lines.take_while(continues)).any(|line| line.contains('&'))
    })
}
