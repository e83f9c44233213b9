//! From a chart and values to manifests: the pipeline.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::manifest::{self, Hook, Manifest};
use super::post_render;
use crate::chart::compat::HelmCompat;
use crate::chart::files::model::{Chart, File, Values};
use crate::chart::files::numbers;
use crate::chart::files::{table, versions};
use crate::chart::render::execute::{self};
use crate::chart::render::functions::DebugLog;
use crate::chart::render::input::RenderInput;
use crate::chart::render::output::Output;
use crate::chart::render::service;
use crate::chart::values::coalesce::{Nulls, Warnings, coalesce};
use crate::chart::values::dependency;
use crate::chart::values::error::{RenderError, Written};
use crate::chart::values::layers::{self, SecretAccess, ValueLayers};
use crate::chart::values::origin::{self, ValueOrigins};
use crate::chart::values::schema;
use crate::yaml::{self, YamlError};

/// A rendered chart.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Every document that is no hook, in the order of installation; those of comments only included.
    pub manifests: Vec<Manifest>,
    /// The hooks, in the order of installation by kind; weights are the deployment's business.
    pub hooks: Vec<Hook>,
    /// NOTES.txt.
    pub notes: Option<String>,
    /// The values that templates saw.
    pub values: Values,
    /// What the caller set: the `config` of a release record.
    pub user_values: Values,
    /// The chart, without the subcharts that are disabled.
    pub chart: Chart,
    /// Things that deserve attention but stop nothing.
    pub warnings: Warnings,
    /// What the debug functions wrote.
    pub debug: Vec<String>,
    /// Which Helm's ways were followed.
    pub compat: HelmCompat,
    /// What the templates wrote, where that was asked for.
    traced: Vec<Output>,
}

impl Rendered {
    /// What wrote a place of a document, where [`RenderOptions::traced`](crate::chart::RenderOptions::traced) has asked for it. `path` and `document` are those of a manifest.
    pub fn writer(&self, path: &str, document: &str, place: Range<usize>) -> Option<Written> {
        let file = self.traced.iter().find(|file| file.path == path)?;
        let text = file.text.as_str()?;
        let at = text.find(document)? + place.start;
        Written::new(path, document, place, &file.trace.as_ref()?.writers(text, at), |name| origin::path_of(&self.chart, name))
    }

    /// The files below `crds/` of the chart and its subcharts, as written, where they are wanted; megabytes in some charts.
    ///
    /// # Errors
    /// One that is no UTF-8.
    pub fn crds(&self, wanted: bool) -> Result<Vec<Manifest>, YamlError> {
        let mut crds = Vec::new();
        if wanted {
            collect_crds(&self.chart, self.chart.name(), &mut crds)?;
        }
        Ok(crds)
    }

    /// The documents that have an object, hooks left out.
    pub fn resources(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter().filter(|manifest| !manifest.object.is_null())
    }

    /// The `chart` of a Helm 3 release record.
    pub fn chart_record(&self) -> Value {
        record(&self.chart)
    }
}

/// For how many documents that are no YAML the templates are executed again, to find what wrote them.
const LOCATED: usize = 10;

/// Renders a chart.
pub fn render(chart: &Chart, input: &RenderInput<'_>) -> Result<Rendered, RenderError> {
    execute(chart, input)?.sorted(input)
}

/// A chart whose templates were executed; what they wrote is not read yet.
#[derive(Clone, Debug)]
pub struct Executed {
    files: Vec<Output>,
    /// Whether the files are what the templates wrote.
    is_original: bool,
    /// Everything but manifests and hooks.
    rendered: Rendered,
}

/// The first half of [`render`].
pub fn execute(chart: &Chart, input: &RenderInput<'_>) -> Result<Executed, RenderError> {
    if chart.is_library() && !input.options.lint {
        return Err(RenderError::Library { chart: chart.name().to_owned() });
    }
    let compat = input.options.compat;
    let nulls = Nulls::of(compat);
    dependency::check(chart)?;
    let mut warnings = Warnings::new();
    let mut chart = chart.clone();
    decrypt_defaults(&mut chart, &input.values.secret_key)?;

    let user_values = layers::user_values(input.values, compat)?;
    let mut over = user_values.clone();
    if let Some(service) = input.service {
        table::overlay(&mut over, service::tables(service));
    }
    dependency::resolve(&mut chart, &over, nulls, &mut warnings)?;
    let mut values = coalesce(&chart, over, nulls, &mut warnings)?;
    dependency::export(&chart, &mut values, &mut warnings);
    if !input.options.skip_schema {
        schema::validate(&chart, &values, input.host).map_err(|error| with_origins(error, &chart, input.values))?;
    }
    let constraint = &chart.metadata.kube_version;
    let kube_version = &input.capabilities.kube_version;
    if !constraint.is_empty() && !versions::is_compatible(constraint, input.capabilities.compared_version(compat)) {
        return Err(RenderError::KubeVersion { constraint: constraint.clone(), version: kube_version.clone() });
    }

    let debug: Option<DebugLog> = input.options.debug_templates.then(|| Arc::new(Mutex::new(Vec::new())));
    let mut files = execute::execute(&chart, &values, input, debug.clone())?;
    let notes = take_notes(&mut files, &chart, input.options.sub_notes);
    let debug = debug.map(|log| std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner))).unwrap_or_default();
    let (manifests, hooks) = Default::default();
    let rendered = Rendered { manifests, hooks, notes, chart, values, user_values, warnings, debug, compat, traced: Vec::new() };
    Ok(Executed { files, is_original: true, rendered })
}

impl Executed {
    /// All documents as Helm 4 gives them to a post-renderer.
    pub fn merged(&self) -> Result<String, RenderError> {
        post_render::merge(&self.files)
    }

    /// The same chart with the documents that a post-renderer of Helm 4 has made of [`merged`](Self::merged).
    pub fn post_rendered(self, text: &str) -> Result<Self, RenderError> {
        Ok(Executed { files: post_render::take_apart(text)?, is_original: false, ..self })
    }

    /// The second half of [`render`]: reads the documents and sorts them.
    pub fn sorted(self, input: &RenderInput<'_>) -> Result<Rendered, RenderError> {
        let Executed { files, is_original, mut rendered } = self;
        let sorted = manifest::sort(&files, rendered.compat, &mut rendered.warnings);
        (rendered.manifests, rendered.hooks) = sorted.map_err(|mut problems| {
            input.options.keep(&files);
            if is_original {
                let shown = problems.len().min(LOCATED);
                execute::locate(&mut problems[..shown], &rendered.chart, &rendered.values, input);
            }
            RenderError::together(problems.into_iter().map(|problem| RenderError::Manifest(Box::new(problem))).collect())
        })?;
        if input.options.traced {
            rendered.traced = files;
        }
        Ok(rendered)
    }
}

/// Says of values that break a schema which file or flag set them.
fn with_origins(mut error: RenderError, chart: &Chart, layers: &ValueLayers) -> RenderError {
    if let RenderError::Schema { places, help, .. } = &mut error {
        let origins = ValueOrigins { chart, layers, values: crate::template::value::Map::new() };
        let line = |place: &Vec<String>| {
            // of an item of a list the list is what a file is known to set
            let (path, origin) = (1..=place.len())
                .rev()
                .find_map(|length| Some((&place[..length], origins.of_path(&place[..length]).into_iter().next()?)))?;
            Some(format!("`{}` is set by {}", path.join("."), origin.place))
        };
        let mut lines: Vec<String> = places.iter().filter_map(line).collect();
        lines.dedup();
        *help = (!lines.is_empty()).then(|| lines.join("\n"));
    }
    error
}

/// Lays each chart's secret values over its values.
fn decrypt_defaults(chart: &mut Chart, access: &SecretAccess) -> Result<(), RenderError> {
    if let Some(text) = &chart.secret_values {
        let name = if chart.path.is_empty() { "secret-values.yaml".to_owned() } else { format!("{}/secret-values.yaml", chart.path) };
        if let Some(table) = layers::decrypt_table(&name, text, access)? {
            table::overlay(Arc::make_mut(&mut chart.values), table);
        }
    }
    chart.dependencies.iter_mut().try_for_each(|subchart| decrypt_defaults(subchart, access))
}

fn take_notes(files: &mut Vec<Output>, chart: &Chart, sub_notes: bool) -> Option<String> {
    let own = format!("{}/templates/NOTES.txt", chart.name());
    let mut notes: Vec<String> = Vec::new();
    let jinja = chart.is_jinja().then(|| format!("{own}.j2"));
    files.retain_mut(|file| {
        let is_own = file.path == own || jinja.as_ref() == Some(&file.path);
        if !is_own && !file.path.ends_with("NOTES.txt") {
            return true;
        }
        if is_own || sub_notes {
            notes.push(file.text.shown().into_owned());
        }
        false
    });
    (!notes.is_empty()).then(|| notes.join("\n"))
}

fn collect_crds(chart: &Chart, path: &str, out: &mut Vec<Manifest>) -> Result<(), YamlError> {
    let is_manifest = |file: &&File| {
        let extension = file.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        file.name.starts_with("crds/") && matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
    };
    for file in chart.files.iter().filter(is_manifest) {
        let path = format!("{path}/{}", file.name);
        let text = yaml::text(&file.data).map_err(|error| error.with_name(&path))?.to_owned();
        out.push(Manifest { path, text, object: Value::Null });
    }
    chart.dependencies.iter().try_for_each(|subchart| collect_crds(subchart, &format!("{path}/charts/{}", subchart.name()), out))
}

/// The chart as Helm 3 stores it in a release record.
fn record(chart: &Chart) -> Value {
    use base64::Engine;
    let encode = |data: &[u8]| base64::engine::general_purpose::STANDARD.encode(data);
    let files = |files: &[File]| -> Value { files.iter().map(|file| json!({ "name": &*file.name, "data": encode(&file.data) })).collect() };
    json!({
        "metadata": chart.metadata,
        "lock": chart.lock,
        "templates": files(&chart.templates),
        "values": numbers::with_plain_numbers(&Value::Object(Map::clone(&chart.values))),
        "schema": chart.schema.as_deref().map(encode),
        "files": files(&chart.files),
    })
}
