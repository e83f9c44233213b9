//! `werf helm template`: a chart of the disk, rendered as Helm renders it. No project, no werf values, no cluster.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use super::post_renderer::{PostRenderer, PostRendererOptions};
use super::source::{self, ReachOptions, SourceOptions};
use super::{HelmValues, dependency};
use crate::chart::{self, Chart, HelmCompat, Manifest, Operation, PrintOptions, Release, RenderInput, RenderOptions, Rendered};
use crate::deploy::cluster;
use crate::error::Result;
use crate::ops::chart_files::value_layers;
use crate::ops::files::Unwritable;
use crate::ops::gates::{self, Gates};
use crate::ops::render::{only, with_versions};
use crate::ops::{KubeOptions, Run, ValidateOptions, release, validate};
use crate::project::slug;
use crate::template::host::NoHost;
use crate::template::value::Value;
use crate::template::{self, Failure, ParseError, Templates};

/// The release's name where nobody gives one.
const UNNAMED: &str = "release-name";

/// What `helm template` is asked.
#[derive(Clone)]
pub struct Options {
    /// Name of the release.
    pub name: Option<String>,
    /// Template of that name instead.
    pub name_template: Option<String>,
    /// What the user calls the chart.
    pub chart: String,
    /// Namespace; that of the kubeconfig's context where `None`.
    pub namespace: Option<String>,
    /// For the namespace, and for `validate`.
    pub kube: KubeOptions,
    /// Values.
    pub values: HelmValues,
    /// Kubernetes version for `.Capabilities`.
    pub kube_version: Option<String>,
    /// More API versions for `.Capabilities`.
    pub api_versions: Vec<String>,
    /// `.Release.IsUpgrade` holds instead of `.Release.IsInstall`.
    pub is_upgrade: bool,
    /// Also the CRDs of the chart's crds directory.
    pub include_crds: bool,
    /// Test hooks are left out.
    pub skip_tests: bool,
    /// All hooks are left out.
    pub no_hooks: bool,
    /// Templates whose manifests are wanted; all where empty.
    pub show_only: Vec<String>,
    /// As Helm 4 does, not as Helm 3.
    pub helm_4: bool,
    /// Clock and randomness of templates come from names.
    pub deterministic: bool,
    /// Templates may ask for names of hosts.
    pub allow_dns: bool,
    /// values.schema.json is not looked at.
    pub skip_schema: bool,
    /// A failure prints what was rendered before it.
    pub debug: bool,
    /// What the manifests are held against. With the cluster's schemas `.Capabilities` are the cluster's too.
    pub validate: ValidateOptions,
    /// `lookup` asks the cluster (`--dry-run=server`).
    pub server: bool,
    /// A program that the manifests go through.
    pub post_renderer: Option<PostRendererOptions>,
    /// Write files below a directory instead of returning the text.
    pub output_dir: Option<PathBuf>,
    /// A directory named for the release lies between.
    pub release_dir: bool,
    /// Where the chart is from.
    pub source: SourceOptions,
    /// Dependencies that are missing are fetched into the chart's directory.
    pub dependency_update: bool,
}

/// Renders and prints the chart.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let options = Options { source: options.source.telling(&run), ..options };
    let release = Release {
        name: release_name(&options)?,
        namespace: namespace(options.namespace.as_deref(), &options.kube).await,
        revision: 1,
        operation: if options.is_upgrade { Operation::Upgrade } else { Operation::Install },
    };
    let compat = HelmCompat::with_helm_4(options.helm_4);
    let post_renderer = options.post_renderer.as_ref().map(|wanted| PostRenderer::find(wanted, compat)).transpose()?;
    let (chart, said) = chart(&options, compat, &run).await?;
    let layers = value_layers(with_urls(options.values, &options.source.reach).await?)?;
    let asks = options.validate.cluster || options.server;
    let client = if asks { Some(release::connect(&options.kube, &run).await?) } else { None };
    // the cluster's own answer to what it is wins over flags; Helm 3 wants it for `--validate` alone, and there without `lookup`
    let capabilities = match &client {
        Some(client) if options.validate.cluster || options.helm_4 => release::capabilities(&chart, client).await?,
        _ => with_versions(compat, options.kube_version.as_deref(), &options.api_versions)?,
    };
    let gates = Gates::new(client.clone().filter(|_| options.server || options.helm_4), &options.source.reach.charts.proxies);
    let gates = gates.with_dns(options.allow_dns);
    let determined = options.deterministic.then(|| gates::determined(&gates, &release, chart.name(), gates::FIXED_TIME));
    let input = RenderInput {
        release,
        values: &layers,
        service: None,
        capabilities: &capabilities,
        options: RenderOptions {
            skip_schema: options.skip_schema,
            compat,
            partial: options.debug.then(Default::default),
            traced: options.validate.is_wanted(),
            ..RenderOptions::default()
        },
        host: determined.as_ref().map_or(&gates, |determined| determined),
    };
    let mut executed = release::executed(&chart, &input)?;
    if let Some(program) = post_renderer.as_ref().filter(|_| options.helm_4) {
        let changed = program.run(executed.merged()?).await?;
        executed = executed.post_rendered(&changed)?;
    }
    let rendered = release::sorted(executed, &input, &run)?;
    let how = PrintOptions { include_crds: options.include_crds, no_hooks: options.no_hooks, skip_tests: options.skip_tests };
    let shown = PrintOptions { include_crds: true, ..how.clone() };
    validate::check(&rendered, &shown, &options.validate, client.as_ref().filter(|_| options.validate.cluster), &run).await?;
    // what goes into files is no text any more, and the post-renderer has nothing to read
    let manifests = if options.output_dir.is_none() { chart::release_manifest(&rendered, how.include_crds)? } else { String::new() };
    let manifests = match post_renderer.filter(|_| !options.helm_4) {
        Some(program) => program.change(manifests, &run).await?,
        None => manifests,
    };
    let text = match options.output_dir {
        None => only(chart::with_hooks(&manifests, &rendered, &how), compat, &options.show_only)?,
        Some(dir) => {
            let inner = if options.release_dir { dir.join(&input.release.name) } else { dir.clone() };
            format!("{}{}\n", write_files(&rendered, &how, &dir, &inner)?, manifests.trim())
        }
    };
    Ok(said + &text)
}

/// The chart, with what is said of fetching its dependencies.
async fn chart(options: &Options, compat: HelmCompat, run: &Run) -> Result<(Chart, String)> {
    let chart = source::load(&options.chart, &options.source, compat).await?;
    if !options.dependency_update || chart::check_dependencies(&chart).is_ok() {
        return Ok((chart, String::new()));
    }
    let reach = options.source.reach.clone();
    let update = dependency::Options { chart: options.chart.clone(), reach, skip_refresh: false, keyring: None };
    let said = dependency::update(update, run.clone()).await?;
    Ok((source::load(&options.chart, &options.source, compat).await?, said))
}

/// Reads the values that lie at URLs.
pub(super) async fn with_urls(mut values: HelmValues, reach: &ReachOptions) -> Result<HelmValues> {
    for name in &values.files {
        if name.contains("://") && !Path::new(name).exists() && !values.texts.contains_key(name) {
            let text = source::values(name, reach).await?;
            values.texts.insert(name.clone(), text);
        }
    }
    Ok(values)
}

fn release_name(options: &Options) -> Result<String> {
    let name = match (&options.name, &options.name_template) {
        (Some(_), Some(_)) => return Err(HelmError::TwoNames.into()),
        (Some(name), None) => name.clone(),
        (None, Some(text)) => named_by_template(text)?,
        (None, None) => UNNAMED.to_owned(),
    };
    Ok(slug::checked_release(&name, "it is the first argument, or what `--name-template` renders")?)
}

fn named_by_template(text: &str) -> Result<String> {
    const NAME: &str = "name-template";
    let mut templates = Templates::new(Arc::new(template::functions::sprig()), template::Options::go(NAME));
    templates.parse(NAME, text).map_err(|cause| HelmError::NameSyntax(cause.into()))?;
    let rendered = templates.execute(NAME, &Value::Nil, &NoHost).map_err(|cause| HelmError::NameTemplate(Failure::from(*cause).into()))?;
    Ok(rendered.shown().into_owned())
}

/// The namespace that was given, or that of the kubeconfig's context.
pub(super) async fn namespace(given: Option<&str>, kube: &KubeOptions) -> String {
    match given.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => namespace.to_owned(),
        None => {
            let kubeconfigs = release::kubeconfigs(kube);
            cluster::context_namespace(&kubeconfigs, kube.context.as_deref()).await.unwrap_or_else(|| "default".to_owned())
        }
    }
}

/// Writes each manifest into the file of its template; says which.
fn write_files(rendered: &Rendered, how: &PrintOptions, top: &std::path::Path, inner: &std::path::Path) -> Result<String> {
    let mut said = String::new();
    let mut written = BTreeSet::new();
    let crds = rendered.crds(how.include_crds)?;
    let crds = crds.iter().map(|manifest| (top, manifest));
    let hooks = rendered.hooks.iter().filter(|hook| how.shows(hook)).map(|hook| &hook.manifest);
    let manifests = rendered.manifests.iter().chain(hooks).map(|manifest| (inner, manifest));
    for (dir, Manifest { path, text, .. }) in crds.chain(manifests) {
        let file = dir.join(path);
        let is_first = written.insert(file.clone());
        let write = || {
            std::fs::create_dir_all(file.parent().unwrap_or(dir))?;
            let mut open = std::fs::OpenOptions::new().create(true).write(true).truncate(is_first).append(!is_first).open(&file)?;
            open.write_all(format!("---\n# Source: {path}\n{text}\n").as_bytes())
        };
        write().map_err(|cause| Unwritable { path: file.clone(), cause })?;
        let _ = writeln!(said, "wrote {}", file.display());
    }
    Ok(said)
}

#[derive(Debug, Error, Diagnostic)]
enum HelmError {
    #[error("the release has two names: an argument and `--name-template`")]
    #[diagnostic(help("leave one of them out"))]
    TwoNames,
    #[error(transparent)]
    #[diagnostic(transparent)]
    NameSyntax(Box<ParseError>),
    #[error(transparent)]
    #[diagnostic(transparent)]
    NameTemplate(Box<Failure>),
}
