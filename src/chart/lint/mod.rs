//! What is wrong with a chart, or could be better: Helm's rules for `helm lint`, in its order and words.
//!
//! Where a template fails, the text is that of rendering here, which tells more than Helm's.

mod deprecated;
mod manifest;
mod metadata;
mod names;
mod project;
mod reads;

use std::collections::BTreeSet;
use std::fmt;

use miette::Diagnostic;

use crate::chart::compat::HelmCompat;
use crate::chart::files::error::{ChartError, TableError};
use crate::chart::files::model::{Chart, File, Values};
use crate::chart::files::table;
use crate::chart::render::execute;
use crate::chart::render::input::RenderInput;
use crate::chart::values::coalesce::{Nulls, Warnings, coalesce};
use crate::chart::values::dependency;
use crate::chart::values::error::RenderError;
use crate::chart::values::layers;
use crate::chart::values::schema;

pub use project::lint_project;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Against what is usual.
    Warning,
    /// The chart will not work.
    Error,
}

/// One finding. Prints as Helm's line.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file in the chart, or the chart's own path.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "INFO",
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        };
        write!(out, "[{severity}] {}: {}", self.path, self.problem)
    }
}

/// What stands where a directory of the chart may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// A chart to look at: some of its files as they are written, and what loading gave.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where the chart stands, for findings about the whole of it.
    pub path: &'a str,
    /// What the user calls the chart: what errors of loading begin their paths with.
    pub given: &'a str,
    /// Chart.yaml.
    pub chart_yaml: &'a str,
    /// values.yaml.
    pub values_yaml: Option<&'a str>,
    /// values.schema.json.
    pub schema: Option<&'a [u8]>,
    /// `templates/`.
    pub templates: Found,
    /// `crds/`.
    pub crds: Found,
    /// The loaded chart.
    pub chart: Result<&'a Chart, &'a ChartError>,
}

/// Looks at a chart. Values that cannot be read are an error of their own.
pub fn lint(subject: &Subject<'_>, input: &RenderInput<'_>) -> Result<Vec<Finding>, RenderError> {
    let compat = input.options.compat;
    let user = layers::user_values(input.values, compat)?;
    let mut lines = Lines::default();
    metadata::check(subject.chart_yaml, compat, &mut lines);
    check_values(subject, &user, input, &mut lines);
    check_templates(subject, &user, input, &mut lines);
    check_dependencies(subject, compat, &mut lines);
    if compat == HelmCompat::Four {
        check_definitions(subject, compat, &mut lines);
    }
    Ok(lines.0)
}

/// The findings so far.
#[derive(Default)]
struct Lines(Vec<Finding>);

impl Lines {
    fn add(&mut self, severity: Severity, path: &str, problem: String) {
        self.0.push(Finding { severity, path: path.to_owned(), problem });
    }
}

fn check_values(subject: &Subject<'_>, user: &Values, input: &RenderInput<'_>, lines: &mut Lines) {
    const PATH: &str = "values.yaml";
    let Some(text) = subject.values_yaml else { return lines.add(Severity::Info, PATH, "file does not exist".into()) };
    // Helm reads the first document here, whatever its version
    let mut all = match table::parse_table(text, HelmCompat::Three) {
        Ok(table) => table,
        Err(cause) => return lines.add(Severity::Error, PATH, format!("unable to parse YAML: {}", told_of_table(&cause))),
    };
    table::overlay(&mut all, user.clone());
    let skips = input.options.skip_schema && input.options.compat == HelmCompat::Four;
    let problems = subject.schema.filter(|schema| !schema.is_empty() && !skips).map(|schema| schema::problems(schema, &all, input.host));
    if let Some(problems) = problems.filter(|problems| !problems.is_empty()) {
        lines.add(Severity::Error, PATH, problems.join("\n") + "\n");
    }
}

/// The name of what a template gives: of `web.yaml.j2` in a chart that opts in, `web.yaml`.
fn given<'f>(chart: &Chart, file: &'f File) -> &'f str {
    file.name.strip_suffix(".j2").filter(|_| chart.is_jinja_file(file)).unwrap_or(&file.name)
}

fn check_templates(subject: &Subject<'_>, user: &Values, input: &RenderInput<'_>, lines: &mut Lines) {
    const PATH: &str = "templates/";
    let compat = input.options.compat;
    let (severity, problem) = match (subject.templates, compat) {
        (Found::Nothing, HelmCompat::Four) => (Severity::Warning, "directory does not exist"),
        (Found::Other, HelmCompat::Four) => (Severity::Error, "not a directory"),
        (Found::Other, HelmCompat::Three) => (Severity::Warning, "not a directory"),
        _ => (Severity::Info, ""),
    };
    if !problem.is_empty() {
        return lines.add(severity, PATH, problem.into());
    }
    let chart = match subject.chart {
        Ok(chart) => chart,
        Err(cause) => return lines.add(Severity::Error, PATH, told_of_chart(cause, subject, compat)),
    };
    // problems of values and dependencies are told elsewhere
    let Ok((chart, values)) = prepared(chart, user, compat) else { return };
    let checked = if input.options.skip_schema { Ok(()) } else { schema::validate(&chart, &values, input.host) };
    let outputs = match checked.and_then(|()| execute::execute(&chart, &values, input, None)) {
        Ok(outputs) => outputs,
        Err(RenderError::Several { problems, .. }) => {
            return problems.iter().for_each(|problem| lines.add(Severity::Error, PATH, told_of_render(problem)));
        }
        Err(problem) => return lines.add(Severity::Error, PATH, told_of_render(&problem)),
    };
    for file in &chart.templates {
        let given = given(&chart, file);
        manifest::source(file, given, compat, lines);
        let path = format!("{}/{}", chart.name(), file.name);
        let output = outputs.iter().find(|output| output.path == path && manifest::is_manifest(given, compat));
        let Some(output) = output.filter(|output| !output.is_blank()) else { continue };
        if !manifest::rendered(&file.name, &output.text, compat, input.capabilities, lines) {
            return;
        }
    }
}

/// The chart with the subcharts that take part, and the values that templates see.
fn prepared(chart: &Chart, user: &Values, compat: HelmCompat) -> Result<(Chart, Values), RenderError> {
    let (nulls, mut warnings) = (Nulls::of(compat), Warnings::new());
    let mut chart = chart.clone();
    dependency::resolve(&mut chart, user, nulls, &mut warnings)?;
    let values = coalesce(&chart, user.clone(), nulls, &mut warnings)?;
    Ok((chart, values))
}

fn check_dependencies(subject: &Subject<'_>, compat: HelmCompat, lines: &mut Lines) {
    let chart = match subject.chart {
        Ok(chart) => chart,
        Err(cause) => return lines.add(Severity::Error, "", format!("unable to load chart\n\t{}", told_of_chart(cause, subject, compat))),
    };
    let declared: Vec<&str> = chart.metadata.dependencies.iter().map(|wanted| wanted.name.as_str()).collect();
    let present: Vec<&str> = chart.dependencies.iter().map(Chart::name).collect();
    let missing = |from: &[&str], wanted: &[&str]| {
        let from: BTreeSet<&str> = from.iter().copied().collect();
        wanted.iter().filter(|name| !from.contains(*name)).copied().collect::<Vec<_>>().join(",")
    };
    let undeclared = missing(&declared, &present);
    if !undeclared.is_empty() {
        lines.add(Severity::Error, subject.path, format!("chart metadata is missing these dependencies: {undeclared}"));
    }
    let absent = missing(&present, &declared);
    if !absent.is_empty() {
        lines.add(Severity::Warning, subject.path, format!("chart directory is missing these dependencies: {absent}"));
    }
}

fn check_definitions(subject: &Subject<'_>, compat: HelmCompat, lines: &mut Lines) {
    const PATH: &str = "crds/";
    match (subject.crds, subject.chart) {
        (Found::Nothing, _) => {}
        (Found::Other, _) => lines.add(Severity::Error, PATH, "not a directory".into()),
        (Found::Directory, Err(cause)) => lines.add(Severity::Error, PATH, told_of_chart(cause, subject, compat)),
        (Found::Directory, Ok(chart)) => {
            manifest::definitions(chart, compat, lines);
        }
    }
}

/// Why a chart could not be loaded, in Helm's words where it has them; of a subchart with its file, which Helm leaves out.
fn told_of_chart(error: &ChartError, subject: &Subject<'_>, compat: HelmCompat) -> String {
    let file = |path: &str| path.strip_prefix(subject.given).unwrap_or(path).trim_start_matches('/').to_owned();
    match error {
        ChartError::Metadata { path, problem, .. } if problem.starts_with('`') => format!("cannot load {}: {problem}", file(path)),
        ChartError::Metadata { path, problem, .. } if file(path).starts_with("charts/") => format!("{}: {problem}", file(path)),
        ChartError::Metadata { problem, .. } => format!("validation: {problem}"),
        ChartError::Yaml { path, cause } => {
            let document = compat == HelmCompat::Four && path.ends_with("values.yaml");
            let document = if document { "cannot unmarshal yaml document: " } else { "" };
            format!("cannot load {}: {document}{}", file(path), told_of_table(cause))
        }
        other => chain(other),
    }
}

fn told_of_table(error: &TableError) -> String {
    match error {
        TableError::Yaml(cause) => format!("error converting YAML to JSON: {}", cause.helm_message),
        other => other.to_string(),
    }
}

/// Why a chart could not be rendered, with the place in the template.
fn told_of_render(error: &RenderError) -> String {
    let place = || {
        let label = error.labels()?.next()?;
        let at = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
        Some(format!("{}:{}:{}: ", at.name()?, at.line() + 1, at.column() + 1))
    };
    place().unwrap_or_default() + &chain(error)
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let texts: Vec<String> = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    texts.join(": ")
}
