//! The execution of a chart's templates, each with its text or its failure.
//!
//! Templates run deepest path first, then in reverse alphabetical order, as in Helm.

use std::sync::Arc;

use super::context::{self, Template};
use super::functions::{self, DebugLog};
use super::input::RenderInput;
use super::output::Output;
use crate::chart::files::model::{Chart, Values};
use crate::chart::values::error::{ManifestError, RenderError};
use crate::chart::values::origin::ValueOrigins;

use super::side_by_side;
use crate::template::{Failure, JinjaFile, Options, Origins, ParseError, Templates, Trace};

/// Bytes that all files of a chart may have together when they are rendered.
const MAX_OUTPUT: usize = 256 << 20;

/// Executes every template of a chart and its subcharts; the results are sorted by path. Texts of debug functions go to `debug`.
///
/// Files that do not parse are told of together; so are templates that fail, where none changes what the others see.
pub fn execute(chart: &Chart, values: &Values, input: &RenderInput<'_>, debug: Option<DebugLog>) -> Result<Vec<Output>, RenderError> {
    let scene = Scene::new(chart, values, input, debug)?;
    let mut outputs = Vec::new();
    let (mut problems, mut broken) = (Vec::new(), Vec::new());
    let (mut places, mut total) = (Vec::new(), 0);
    for template in scene.executed() {
        let executed = match input.options.traced {
            false => scene.templates.execute(&template.path, &template.data(), input.host).map(|text| (text, None)),
            true => {
                let traced = scene.templates.execute_traced(&template.path, &template.data(), input.host);
                traced.map(|(text, trace)| (text, Some(trace)))
            }
        };
        match executed {
            Ok((text, trace)) => {
                total += text.len();
                if total > MAX_OUTPUT {
                    return Err(RenderError::TooLarge { chart: chart.name().to_owned(), limit: MAX_OUTPUT });
                }
                outputs.push(Output { path: template.path.clone(), text, trace });
            }
            Err(error) => {
                broken.push(Output::new(template.path.clone(), error.partial()));
                let place = error.places().last().map(|place| place.location());
                if place.is_none() || !places.contains(&place) {
                    problems.push(RenderError::Execute(Box::new(Failure::new(*error, &scene.origins))));
                    places.push(place);
                }
                if CHANGES.iter().any(|word| chart.mentions(word)) {
                    break;
                }
            }
        }
    }
    outputs.sort_by(|a, b| a.path.cmp(&b.path));
    if problems.is_empty() {
        return Ok(outputs);
    }
    input.options.keep(outputs.iter().chain(&broken));
    Err(RenderError::together(problems))
}

/// Functions that change values which other templates see: after the first failure nobody knows what they would have done.
const CHANGES: [&str; 6] = ["set .", "set $", "set (", "set(", "merge", "Merge"];

/// Points documents that are no YAML at the lines of the templates that wrote them, by executing the templates once more.
pub fn locate(errors: &mut [ManifestError], chart: &Chart, values: &Values, input: &RenderInput<'_>) {
    let Ok(scene) = Scene::new(chart, values, input, None) else { return };
    for template in scene.executed() {
        let data = template.data();
        let mut own = errors.iter_mut().filter(|error| error.path == template.path).peekable();
        if own.peek().is_none() {
            let _ = scene.templates.execute(&template.path, &data, input.host);
            continue;
        }
        let Ok((text, trace)) = scene.templates.execute_traced(&template.path, &data, input.host) else { continue };
        // random functions may give another text, which still has the same lines
        let text = text.outline();
        for error in own.filter(|error| error.file_length == text.len()) {
            error.point_at(&trace.writers(&text, error.visible_offset(&text)), &scene.origins);
        }
    }
}

/// The same as [`execute`], with what wrote what; slower. Wanted by linting alone.
pub fn execute_traced(chart: &Chart, values: &Values, input: &RenderInput<'_>) -> Result<Vec<(Output, Trace)>, RenderError> {
    let scene = Scene::new(chart, values, input, None)?;
    let traced = |template: &Template<'_>| match scene.templates.execute_traced(&template.path, &template.data(), input.host) {
        Ok((text, trace)) => Ok((Output::new(template.path.clone(), text), trace)),
        Err(error) => Err(RenderError::Execute(Box::new(Failure::new(*error, &scene.origins)))),
    };
    scene.executed().map(traced).collect()
}

/// Parsed templates with the data that they see.
struct Scene<'c> {
    templates: Templates,
    found: Vec<Template<'c>>,
    origins: ValueOrigins<'c>,
}

impl<'c> Scene<'c> {
    fn new(chart: &'c Chart, values: &Values, input: &RenderInput<'c>, debug: Option<DebugLog>) -> Result<Self, RenderError> {
        let mut table = functions::table(chart, input.service, &input.values.secret_key, debug);
        if input.options.lint {
            functions::lenient(&mut table);
        }
        let root = context::root(values, input.options.compat);
        let origins = ValueOrigins { chart, layers: input.values, values: root.clone() };
        let mut found = context::templates(chart, root, input);
        let depth = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
        found.sort_by(|a, b| depth(&b.path).cmp(&depth(&a.path)).then_with(|| b.path.cmp(&a.path)));

        let mut templates = Templates::new(Arc::new(table), Options::helm());
        let mut problems = Vec::new();
        let mut wrong = |cause: ParseError| {
            let path = origins.path(cause.file());
            problems.push(RenderError::Parse(Box::new(cause.named(path))));
        };
        let go: Vec<&Template<'_>> = found.iter().filter(|template| !template.is_jinja).collect();
        let parse = |template: &&Template<'_>| templates.parse_only(&template.path, template.text);
        for parsed in side_by_side::map(&go, |template| template.text.len(), parse) {
            match parsed {
                Ok(parsed) => templates.add(&parsed),
                Err(cause) => wrong(cause),
            }
        }
        let mut jinja: Vec<JinjaFile<'_>> = Vec::new();
        for one in found.iter().filter(|template| template.is_jinja) {
            let text = std::str::from_utf8(one.text).map_err(|error| {
                let line = one.text[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
                RenderError::NotText { path: origins.path(&one.path), line, byte: one.text[error.valid_up_to()] }
            })?;
            jinja.push(JinjaFile { name: &one.path, folder: &one.base_path, text });
        }
        if !jinja.is_empty() {
            templates.set_jinja(&jinja).unwrap_or_else(|causes| causes.into_iter().for_each(wrong));
        }
        if problems.is_empty() { Ok(Scene { templates, found, origins }) } else { Err(RenderError::together(problems)) }
    }

    /// The templates that give a text, in the order of their execution.
    fn executed(&self) -> impl Iterator<Item = &Template<'c>> {
        self.found.iter().filter(|template| !template.is_partial())
    }
}
