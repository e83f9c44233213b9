//! `werf render`: the manifests that `converge` would apply.

use std::path::PathBuf;
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use super::files::Unwritable;
use super::project::Project;
use super::release::Marks;
use super::triggers::{self, Settling, Triggers};
use super::whole_file;
use super::{
    BuildOptions, KubeOptions, MetadataOptions, ProjectOptions, RegistryOptions, ReleaseOptions, Run, ValidateOptions, ValuesOptions,
    dependencies, images, lookups, project, registry, release, validate,
};
use crate::chart::{self, Capabilities, Chart, HelmCompat, Operation, PrintOptions, Rendered, ServiceValues, ValueLayers};
use crate::deploy::resource::Owner;
use crate::error::Result;
use crate::event::Events;
use crate::images::image::ImageTree;

/// What `render` is asked.
#[derive(Clone)]
pub struct Options {
    /// File to write to instead of returning the text.
    pub output: Option<PathBuf>,
    /// Templates whose manifests are wanted; all where empty.
    pub show_only: Vec<String>,
    /// Also the CRDs of the chart's crds directory.
    pub include_crds: bool,
    /// A failure prints what was rendered before it.
    pub debug: bool,
    /// References of images are stand-ins, whatever the repository.
    pub stub_tags: bool,
    /// Kubernetes version for `.Capabilities`.
    pub kube_version: Option<String>,
    /// More API versions for `.Capabilities`.
    pub api_versions: Vec<String>,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Where images are; without a repository references are stand-ins.
    pub registry: RegistryOptions,
    /// Names or globs of images that must be published; all where empty.
    pub images: Vec<String>,
    /// Who builds what is missing, and for which platform.
    pub build: BuildOptions,
    /// Values for the chart.
    pub values: ValuesOptions,
    /// Which release.
    pub release: ReleaseOptions,
    /// Marks for every resource; rendered text shows manifests as the chart writes them.
    pub metadata: MetadataOptions,
    /// What manifests are held against.
    pub validate: ValidateOptions,
    /// The cluster whose schemas are wanted.
    pub kube: KubeOptions,
}

impl Options {
    /// What werf tells the chart where a saved report says where images are, and stand-ins are not wanted.
    fn reported(&self, project: &Project, owner: &Owner) -> Result<Option<ServiceValues>> {
        let report = self.build.used_report.as_deref().filter(|_| !self.stub_tags && !self.project.without_images);
        report.map(|report| release::reported_values(project, &self.registry, &self.build, report, owner)).transpose()
    }
}

/// Renders and prints the chart. With a repository, images that it lacks are built and published first, so that all that is named is there;
/// the cluster is asked for nothing but schemas.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let marks = Marks::of_caller(&options.metadata)?;
    let mut rendered = match (options.registry.repo.is_some(), options.stub_tags || options.build.used_report.is_some()) {
        (true, false) => triggers::settled(async |triggers: &Triggers| with_images(&options, &project, triggers, &run).await).await?,
        _ => without_images(&options, &project, &run).await?,
    };
    hold_against_schemas(&rendered, &options, &run).await?;
    marks.print_on(&mut rendered)?;
    let how = PrintOptions { include_crds: options.include_crds, ..PrintOptions::default() };
    let text = only(chart::print(&rendered, &how)?, rendered.compat, &options.show_only)?;
    match options.output {
        None => Ok(text),
        Some(path) => whole_file::write(&path, text.as_bytes()).map(|()| String::new()).map_err(|cause| Unwritable { path, cause }.into()),
    }
}

/// The chart with references of images as a saved report has them, or with stand-ins; of images nothing is asked.
async fn without_images(options: &Options, project: &Arc<Project>, run: &Run) -> Result<Rendered> {
    let loaded = Loaded::new(options, project);
    project.checked(&[], Ok(()))?;
    let loaded = loaded?.complete(options, run).await?;
    let service = match options.reported(project, &loaded.owner)? {
        Some(service) => service,
        None => release::stand_ins(project, &loaded.owner),
    };
    let service = release::with_docker_config(service, &options.values, &options.registry)?;
    release::render(&loaded.chart, &loaded.scene(options, &service)?, run)
}

/// The chart with references of images, which are published first. A chart that cannot be rendered is told before anything is built.
async fn with_images(options: &Options, project: &Arc<Project>, triggers: &Triggers, run: &Run) -> Result<Settling<Rendered>> {
    let looked_up = lookups::look_up(project, &options.registry, triggers, run).await?;
    let images = images::of(project, &options.registry, &options.build, &options.images, &looked_up);
    let loaded = Loaded::new(options, project);
    if project.is_breached() || images.is_err() || loaded.is_err() {
        project.checked(images.as_ref().map_or(&[], |images| images.tree.views()), Ok(()))?;
    }
    let (images, loaded) = (images?, loaded?.complete(options, run).await?);
    let service = release::service_values_of(project, &images, &loaded.owner);
    let service = release::with_docker_config(service, &options.values, &options.registry)?;
    let quiet = Run { events: Events::none(), ..run.clone() };
    let early = release::render(&loaded.chart, &loaded.scene(options, &service)?, &quiet)?;
    let registry = registry::client(&options.registry, run)?;
    let published = images.published(project, &registry, &options.build, run);
    let (digests, triggers) = images::compared(project, &images.tree, published).await?;
    if !triggers.is_empty() {
        return Ok(Settling::Found(triggers));
    }
    if !service.is_provisional_in(&loaded.chart, &early) {
        release::tell_warnings(&early, run);
        return Ok(Settling::Done(early));
    }
    let service = service.with_digests(&images.with_others(&registry, digests).await?);
    Ok(Settling::Done(release::render(&loaded.chart, &loaded.scene(options, &service)?, run)?))
}

/// Loads the chart of the commit with all that it is rendered for, and its images, none of which is built.
pub(super) async fn with_scene<T>(
    options: &Options,
    project: &Arc<Project>,
    run: &Run,
    work: impl FnOnce(&Chart, &release::Scene<'_>, &ImageTree) -> Result<T>,
) -> Result<T> {
    let looked_up = lookups::look_up(project, &options.registry, &Triggers::new(), run).await?;
    let tree = images::tree(project, options.build.platform.as_deref(), &looked_up);
    let loaded = Loaded::new(options, project);
    project.checked(tree.as_ref().map_or(&[], |tree| tree.views()), Ok(()))?;
    let (tree, loaded) = (tree?, loaded?.complete(options, run).await?);
    let tags = images::custom_tags(project, &options.build, &tree)?;
    let repo = options.registry.deployed_repo().filter(|_| !options.stub_tags);
    let service = match (options.reported(project, &loaded.owner)?, repo) {
        (Some(service), _) => service,
        (None, Some(repo)) => release::service_values(project, &tree, &tags, repo, &loaded.owner),
        (None, None) => release::stand_ins(project, &loaded.owner),
    };
    let service = release::with_docker_config(service, &options.values, &options.registry)?;
    work(&loaded.chart, &loaded.scene(options, &service)?, &tree)
}

/// What a chart is rendered from, of the commit.
struct Loaded {
    owner: Owner,
    chart: Chart,
    layers: ValueLayers,
}

impl Loaded {
    /// Whether the work tree differs shows in [`Project::checked`].
    fn new(options: &Options, project: &Project) -> Result<Self> {
        let owner = release::owner(project, &options.release)?;
        let (chart, layers) = (release::load_chart(project, &options.values), release::value_layers(project, &options.values));
        Ok(Loaded { owner, chart: chart?, layers: layers? })
    }

    /// With the dependencies that lie elsewhere.
    async fn complete(mut self, options: &Options, run: &Run) -> Result<Self> {
        let compat = options.values.compat();
        dependencies::add_remote(&mut self.chart, &options.project, &options.registry, compat, run).await?;
        Ok(self)
    }

    fn scene<'a>(&'a self, options: &'a Options, service: &'a ServiceValues) -> Result<release::Scene<'a>> {
        Ok(release::Scene {
            owner: &self.owner,
            layers: &self.layers,
            compat: options.values.compat(),
            service,
            capabilities: with_versions(options.values.compat(), options.kube_version.as_deref(), &options.api_versions)?,
            revision: 1,
            operation: Operation::Install,
            cluster: None,
            deterministic: options.values.deterministic,
            dns: options.values.allow_dns,
            debug: options.debug,
            traced: options.validate.is_wanted(),
            proxies: &options.registry.proxies,
        })
    }
}

/// Checks all manifests, definitions included, where `--validate` or `--validate-schemas` asks for it.
pub(super) async fn hold_against_schemas(rendered: &Rendered, options: &Options, run: &Run) -> Result<()> {
    let all = PrintOptions { include_crds: true, ..PrintOptions::default() };
    let client = if options.validate.cluster { Some(release::connect(&options.kube, run).await?) } else { None };
    validate::check(rendered, &all, &options.validate, client.as_ref(), run).await
}

/// The manifests of some templates, of all that is printed; all where none is named.
pub fn only(all: String, compat: HelmCompat, templates: &[String]) -> Result<String> {
    match templates {
        [] => Ok(all),
        only => chart::print_only(&all, compat, only).map_err(|pattern| RenderError::NoTemplate { pattern }.into()),
    }
}

/// `--kube-version` and `--api-versions` over what is assumed without them.
pub fn with_versions(compat: HelmCompat, kube_version: Option<&str>, api_versions: &[String]) -> Result<Capabilities> {
    let mut capabilities = Capabilities::assumed(compat);
    if let Some(version) = kube_version {
        capabilities =
            capabilities.with_kube_version(version, compat).ok_or_else(|| RenderError::NoVersion { text: version.to_owned() })?;
    }
    Ok(capabilities.with_api_versions(api_versions.iter().cloned()))
}

#[derive(Debug, Error, Diagnostic)]
enum RenderError {
    #[error("--show-only: no template of the chart fits `{pattern}`")]
    #[diagnostic(help("patterns are paths in the chart, such as templates/web.yaml"))]
    NoTemplate { pattern: String },
    #[error("--kube-version: `{text}` is no version")]
    #[diagnostic(help("write it as 1.33 or v1.33.2"))]
    NoVersion { text: String },
}
