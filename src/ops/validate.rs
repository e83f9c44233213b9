//! `--validate`: every manifest of a rendered chart held against Kubernetes' schemas, all problems together.
//!
//! Schemas come from the cluster, from files of the disk (`--validate-schemas`), and from the chart's own CustomResourceDefinitions, which
//! win: they are what the cluster will have.

use std::collections::BTreeSet;
use std::path::PathBuf;

use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::{Run, schema_files};
use crate::chart::{self, PrintOptions, Rendered, Written};
use crate::deploy::cluster::{self, Client};
use crate::deploy::resource::GroupVersionKind;
use crate::deploy::schema::{self, SchemaError, Schemas, Text};
use crate::error::{Problems, Result};
use crate::event::Event;

/// What manifests are held against. Nothing by default.
#[derive(Clone, Debug, Default)]
pub struct ValidateOptions {
    /// The cluster's schemas.
    pub cluster: bool,
    /// Directories with schemas.
    pub schemas: Vec<PathBuf>,
    /// This user's cache directory.
    pub cache_dir: PathBuf,
}

impl ValidateOptions {
    /// Whether manifests are looked at.
    pub fn is_wanted(&self) -> bool {
        self.cluster || !self.schemas.is_empty()
    }
}

/// Holds what is printed of a chart against the schemas; `client` is there where the cluster's are wanted.
pub async fn check(rendered: &Rendered, how: &PrintOptions, options: &ValidateOptions, client: Option<&Client>, run: &Run) -> Result<()> {
    if !options.is_wanted() {
        return Ok(());
    }
    let problems: Vec<_> = found(rendered, how, options, client, run).await?.into_iter().map(|(_, problem)| problem).collect();
    let headline = match problems.len() {
        0 => return Ok(()),
        1 => "one thing in the chart's manifests is not what Kubernetes takes".to_owned(),
        several => format!("{several} things in the chart's manifests are not what Kubernetes takes"),
    };
    Err(Problems::new(headline, problems).into())
}

/// A problem for people.
pub type Problem = Box<dyn Diagnostic + Send + Sync>;

/// What is wrong in the manifests, each with its object, `Kind/name`.
pub async fn found(
    rendered: &Rendered,
    how: &PrintOptions,
    options: &ValidateOptions,
    client: Option<&Client>,
    run: &Run,
) -> Result<Vec<(String, Problem)>> {
    let crds = rendered.crds(how.include_crds)?;
    let crds = crds.iter().flat_map(|crd| {
        let documents = chart::split(&crd.text, rendered.compat);
        documents.into_iter().map(|text| Text { path: &crd.path, text })
    });
    let hooks = rendered.hooks.iter().filter(|hook| how.shows(hook)).map(|hook| &hook.manifest);
    let manifests = rendered.resources().chain(hooks).map(|manifest| Text { path: &manifest.path, text: &manifest.text });
    let texts: Vec<Text<'_>> = crds.chain(manifests).collect();

    let mut schemas = Schemas::default();
    // those of `crds/` count even where they are not printed: whoever installs the chart installs them
    for (_, object) in chart::definitions(rendered)? {
        schemas.add_definition(&object);
    }
    rendered.resources().for_each(|manifest| schemas.add_definition(&manifest.object));
    let wanted: BTreeSet<GroupVersionKind> = texts.iter().flat_map(|text| schema::kinds(text.text)).collect();
    let unknown = |schemas: &Schemas| wanted.iter().filter(|kind| !schemas.has(kind)).cloned().collect::<BTreeSet<_>>();
    let missing = unknown(&schemas);
    schema_files::add(&mut schemas, &options.schemas, &missing)?;
    let mut served = BTreeSet::new();
    if let Some(client) = client {
        let versions = unknown(&schemas).iter().map(GroupVersionKind::api_version).collect();
        for document in cluster::openapi(client, &versions, &options.cache_dir.join("openapi")).await? {
            schemas.add_document(document);
        }
        if !unknown(&schemas).is_empty() {
            served = cluster::served(client).await?;
        }
    }
    for kind in unknown(&schemas).intersection(&served) {
        let message = format!("the cluster has {} {} but no schema of it: its objects are not checked", kind.api_version(), kind.kind);
        run.events.emit(Event::Warned { message, help: None });
    }
    let found = texts.iter().flat_map(|text| schema::check(*text, &schemas, &served).into_iter().map(|error| (*text, error)));
    Ok(found.map(|(text, error)| (error.object.clone(), located(error, text, rendered))).collect())
}

/// The problem with the place of the template that wrote it, where that is known.
fn located(error: SchemaError, text: Text<'_>, rendered: &Rendered) -> Problem {
    match error.place().and_then(|place| rendered.writer(text.path, text.text, place)) {
        Some(written) => Box::new(Located { error, written }),
        None => Box::new(error),
    }
}

/// A problem that is shown in the template and in what it wrote.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct Located {
    error: SchemaError,
    written: Written,
}

impl Diagnostic for Located {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.written.template.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.written.template.labels()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let lines: Vec<&str> = self.error.help.iter().chain(&self.written.chain).map(String::as_str).collect();
        (!lines.is_empty()).then(|| Box::new(lines.join("\n")) as _)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let rendered = || Box::new(std::iter::once(&self.written.rendered as &dyn Diagnostic)) as _;
        (!self.written.is_copied()).then(rendered)
    }
}
