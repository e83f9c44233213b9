//! `werf render`: the manifests that `converge` would apply.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::files::Unwritable;
use super::project::Project;
use super::triggers::Triggers;
use super::{
    KubeOptions, MetadataOptions, ProjectOptions, RegistryOptions, ReleaseOptions, Run, ValidateOptions, ValuesOptions, dependencies,
    images, lookups, project, release, validate,
};
use crate::deploy::chart::{self, Capabilities, Chart, HelmCompat, PrintOptions, Rendered};
use crate::error::Result;
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
    /// Platform of all images instead of werf.yaml's.
    pub platform: Option<String>,
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

/// Renders and prints the chart. The images' registry is not asked, and the cluster for nothing but schemas.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let rendered = with_scene(&options, &project, &run, |chart, scene, _| release::render(chart, scene, &run)).await?;
    hold_against_schemas(&rendered, &options, &run).await?;
    let how = PrintOptions { include_crds: options.include_crds, ..PrintOptions::default() };
    let text = only(chart::print(&rendered, &how), rendered.compat, &options.show_only)?;
    match options.output {
        None => Ok(text),
        Some(path) => std::fs::write(&path, text).map(|()| String::new()).map_err(|cause| Unwritable { path, cause }.into()),
    }
}

/// Loads the chart of the commit with all that it is rendered for.
pub(super) async fn with_scene<T>(
    options: &Options,
    project: &Project,
    run: &Run,
    work: impl FnOnce(&Chart, &release::Scene<'_>, &ImageTree) -> Result<T>,
) -> Result<T> {
    let owner = release::owner(project, &options.release)?;
    let looked_up = lookups::look_up(project, &options.registry, &Triggers::new(), run).await?;
    let tree = images::tree(project, options.platform.as_deref(), &looked_up);
    let chart = release::load_chart(project, &options.values);
    let layers = release::value_layers(project, &options.values);
    project.checked(tree.as_ref().map_or(&[], |tree| tree.views()), Ok(()))?;
    let (tree, mut chart, layers) = (tree?, chart?, layers?);
    dependencies::add_remote(&mut chart, &options.project, &options.registry, options.values.compat(), run).await?;
    let repo = options.registry.repo.as_deref().filter(|_| !options.stub_tags);
    let service = release::service_values(project, &tree, repo, &owner);
    let scene = release::Scene {
        owner: &owner,
        layers: &layers,
        compat: options.values.compat(),
        service: &service,
        capabilities: with_versions(options.values.compat(), options.kube_version.as_deref(), &options.api_versions)?,
        revision: 1,
        cluster: None,
        deterministic: options.values.deterministic,
        debug: options.debug,
        traced: options.validate.is_wanted(),
        proxies: &options.registry.proxies,
    };
    work(&chart, &scene, &tree)
}

/// Checks all manifests, definitions included, where `--validate` or `--validate-schemas` asks for it.
pub(super) async fn hold_against_schemas(rendered: &Rendered, options: &Options, run: &Run) -> Result<()> {
    let all = PrintOptions { include_crds: true, ..PrintOptions::default() };
    let client = if options.validate.cluster { Some(release::connect(&options.kube).await?) } else { None };
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
