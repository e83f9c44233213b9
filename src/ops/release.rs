//! The release: its name, its chart rendered for one commit, and the plan that compares it with the cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use super::build_report::{self, Reported};
use super::custom_tags::CustomTags;
use super::dependencies;
use super::gates::{self, Gates};
use super::images::Images;
use super::project::{self, Project};
use super::rejected;
use super::secret::{KeyOptions, key};
use super::validate::{self, Problem, ValidateOptions};
use super::{
    BuildOptions, DeployOptions, KubeOptions, MetadataOptions, ProjectOptions, Proxies, RegistryOptions, ReleaseOptions, Run, ValuesOptions,
};
use crate::chart::{
    self, Capabilities, Chart, Commit, Defaults, Executed, HelmCompat, ImageReference, Operation, PrintOptions, Release, RenderInput,
    RenderOptions, Rendered, SecretAccess, ServiceValues, ValueLayers, ValuesFile,
};
use crate::concealed;
use crate::deploy::cluster::{self, Additions, Client, ConnectOptions, DeployError, Desired, History, Origin, Prepared, Revision};
use crate::deploy::resource::{self, Action, Owner, Resource};
use crate::error::{Problems, Result};
use crate::event::{Event, Events};
use crate::file_tree::{FileTree, text_of_bytes};
use crate::images::image::ImageTree;
use crate::project::config::image::NAMELESS;
use crate::project::slug;

/// The release and its namespace: flags, else werf.yaml, else `project-env`.
pub fn owner(project: &Project, options: &ReleaseOptions) -> Result<Owner> {
    let (deploy, name) = (&project.config.meta.deploy, &project.config.meta.project);
    let namespace = slug::namespace_name(deploy, name, &project.env, options.namespace.as_deref())?;
    let release = slug::release_name(deploy, name, &project.env, &namespace, options.release.as_deref())?;
    Ok(Owner { release, namespace })
}

/// The same for commands that need nothing else of the project: where flags name both, it is not looked at.
pub fn owner_alone(project: &ProjectOptions, options: &ReleaseOptions, run: &Run) -> Result<(Owner, Option<Arc<Project>>)> {
    if let (Some(release), Some(namespace)) = (&options.release, &options.namespace) {
        return Ok((named(release, namespace)?, None));
    }
    let project = project::open(project, false, run)?;
    let owner = project.checked(&[], owner(&project, options))?;
    Ok((owner, Some(project)))
}

/// A release and a namespace that were given by hand.
pub fn named(release: &str, namespace: &str) -> Result<Owner> {
    let namespace = slug::checked_namespace(namespace, "pass another `--namespace`")?;
    Ok(Owner { release: slug::checked_release(release, "pass another `--release`")?, namespace })
}

/// The kubeconfig files that are looked at.
pub fn kubeconfigs(options: &KubeOptions) -> Vec<PathBuf> {
    match &options.kubeconfig {
        Some(path) => std::env::split_paths(path).collect(),
        None => options.home.iter().map(|home| home.join(".kube/config")).collect(),
    }
}

/// A client for the cluster. Nothing is sent.
pub async fn connect(options: &KubeOptions, run: &Run) -> Result<Client> {
    let client = cluster::connect(&connect_options(options), &run.events).await?;
    client.tell(&run.events);
    Ok(client)
}

/// The contexts of the kubeconfig, one for each cluster and user, or all if `each` namespace counts; none where there is no kubeconfig.
pub async fn contexts(options: &KubeOptions, each: bool) -> Result<Vec<String>> {
    Ok(cluster::contexts(&connect_options(options), each).await?)
}

fn connect_options(options: &KubeOptions) -> ConnectOptions {
    ConnectOptions {
        kubeconfigs: kubeconfigs(options),
        kubeconfig_base64: options.kubeconfig_base64.clone(),
        context: options.context.clone(),
        server: options.api_server.clone(),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
        identity: options.identity.clone(),
        ca: options.ca.clone(),
        proxy_url: options.proxy_url.clone(),
        proxies: options.proxies.clone(),
        tls_server_name: options.tls_server_name.clone(),
        skip_tls_verify: options.skip_tls_verify,
        parallelism: options.parallelism,
        request_timeout: options.request_timeout,
    }
}

/// The chart of the commit, without the dependencies that lie elsewhere ([`dependencies::add_remote`]). Whether the work tree differs from it shows in [`Project::checked`].
pub fn load_chart(project: &Project, values: &ValuesOptions) -> Result<Chart> {
    let deploy = &project.config.meta.deploy;
    let defaults =
        Defaults { name: Some(project.config.meta.project.clone()), app_version: deploy.app_version.clone(), compat: values.compat() };
    let files = project.chart_files();
    let mut chart = chart::load(&files, &deploy.helm_chart_dir, &defaults)?;
    dependencies::add_local(&mut chart, &files, &deploy.helm_chart_dir, values.compat())?;
    if values.disable_default_values {
        chart.values = Default::default();
    }
    if values.disable_default_secret_values {
        chart.secret_values = None;
    }
    Ok(chart)
}

/// What a chart is rendered for, beside the chart.
pub struct Scene<'a> {
    /// The release.
    pub owner: &'a Owner,
    /// The caller's values.
    pub layers: &'a ValueLayers,
    /// Which Helm's ways are followed.
    pub compat: HelmCompat,
    /// werf's values.
    pub service: &'a ServiceValues,
    /// What the cluster is.
    pub capabilities: Capabilities,
    /// The revision that is about to be made.
    pub revision: u32,
    /// What is done to the release.
    pub operation: Operation,
    /// The cluster for `lookup`; `None` answers as Helm does without one.
    pub cluster: Option<&'a Client>,
    /// Clock and randomness of templates come from names and the commit.
    pub deterministic: bool,
    /// Templates may ask for names of hosts.
    pub dns: bool,
    /// A failure brings what was rendered before it.
    pub debug: bool,
    /// What wrote what is kept.
    pub traced: bool,
    /// What is between us and the servers that schemas refer to.
    pub proxies: &'a Proxies,
}

/// Renders the chart.
pub fn render(chart: &Chart, scene: &Scene<'_>, run: &Run) -> Result<Rendered> {
    with_input(chart, scene, |input| rendered(chart, input, run))
}

/// Does something with what the chart is rendered for.
pub fn with_input<T>(chart: &Chart, scene: &Scene<'_>, work: impl FnOnce(&RenderInput<'_>) -> T) -> T {
    let Owner { release: name, namespace } = scene.owner.clone();
    let release = Release { name, namespace, revision: scene.revision, operation: scene.operation };
    let gates = Gates::new(scene.cluster.cloned(), scene.proxies).with_dns(scene.dns);
    let time = scene.service.commit.as_ref().map_or(gates::FIXED_TIME, |commit| commit.date_unix);
    let determined = scene.deterministic.then(|| gates::determined(&gates, &release, chart.name(), time));
    let input = RenderInput {
        release,
        values: scene.layers,
        service: Some(scene.service),
        capabilities: &scene.capabilities,
        options: RenderOptions {
            compat: scene.compat,
            partial: scene.debug.then(Default::default),
            traced: scene.traced,
            ..RenderOptions::default()
        },
        host: determined.as_ref().map_or(&gates, |determined| determined),
    };
    work(&input)
}

/// Renders a chart and tells its warnings. What was rendered up to a failure is in the error, where the options keep it.
pub fn rendered(chart: &Chart, input: &RenderInput<'_>, run: &Run) -> Result<Rendered> {
    sorted(executed(chart, input)?, input, run)
}

/// The first half of [`rendered`].
pub fn executed(chart: &Chart, input: &RenderInput<'_>) -> Result<Executed> {
    concealed::conceal(chart::secret_texts(chart, input.values).iter().map(|text| text.as_str().into()));
    // templates may wait for the cluster, and schemas for servers
    tokio::task::block_in_place(|| chart::execute(chart, input)).map_err(|error| with_words(error, chart, input))
}

/// The second half of [`rendered`].
pub fn sorted(executed: Executed, input: &RenderInput<'_>, run: &Run) -> Result<Rendered> {
    let rendered = tokio::task::block_in_place(|| executed.sorted(input)).map_err(|error| with_partial(error, input))?;
    tell_warnings(&rendered, run);
    Ok(rendered)
}

/// Tells what deserves attention in a rendered chart.
pub fn tell_warnings(rendered: &Rendered, run: &Run) {
    for message in &rendered.warnings {
        run.events.emit(Event::Warned { message: message.clone(), help: None });
    }
}

/// The error, with what was rendered before it where the options keep that.
fn with_partial(error: chart::RenderError, input: &RenderInput<'_>) -> crate::error::Error {
    let partial = input.options.partial.as_ref().map(|partial| partial.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone());
    crate::error::Error::from(error).with_output(partial.unwrap_or_default())
}

/// The same with what Helm says of it, for those who look for its words elsewhere.
fn with_words(error: chart::RenderError, chart: &Chart, input: &RenderInput<'_>) -> crate::error::Error {
    let compat = input.options.compat;
    let words = if input.options.partial.is_some() && !chart.knows_jinja() { error.helm_text(compat) } else { None };
    let version = if compat == HelmCompat::Four { 4 } else { 3 };
    let postscript = words.map(|words| format!("Helm {version} says: {words}\n")).unwrap_or_default();
    with_partial(error, input).with_postscript(postscript)
}

/// What the cluster is, asked only where the chart wants to know.
pub async fn capabilities(chart: &Chart, client: &Client) -> Result<Capabilities> {
    // `tpl` renders values, which may ask too
    let asks = ["Capabilities", "tpl"].iter().any(|word| chart.mentions(word)) || !chart.metadata.kube_version.is_empty();
    if !asks {
        return Ok(Capabilities::default());
    }
    let (version, api_versions) = tokio::try_join!(cluster::server_version(client), cluster::api_versions(client))?;
    Ok(Capabilities { kube_version: version.git_version, api_versions })
}

/// The chart as it is rendered for the next revision.
pub struct Drawn {
    history: History,
    rendered: Rendered,
}

impl Drawn {
    /// Whether it may have something of images that is only known when they are published.
    pub fn is_provisional(&self, chart: &Chart, service: &ServiceValues) -> bool {
        service.is_provisional_in(chart, &self.rendered)
    }
}

/// Renders the chart for the next revision, and holds it against schemas.
pub async fn draw(scene: &PlanScene<'_>, run: &Run) -> Result<Drawn> {
    let &PlanScene { client, deploy, validate, .. } = scene;
    let drawn = drawn(scene, validate.is_wanted(), run).await?;
    validate::check(&drawn.rendered, &printed(deploy), validate, Some(client).filter(|_| validate.cluster), run).await?;
    Ok(drawn)
}

/// What of a chart is held against schemas.
fn printed(deploy: &DeployOptions) -> PrintOptions {
    PrintOptions { include_crds: deploy.install_crds, skip_tests: true, no_hooks: false }
}

/// Renders the chart for the next revision; `traced` keeps what wrote what.
async fn drawn(scene: &PlanScene<'_>, traced: bool, run: &Run) -> Result<Drawn> {
    let &PlanScene { owner, chart, layers, compat, service, client, deterministic, dns, proxies, .. } = scene;
    let (history, capabilities) = futures::future::try_join(
        async { Ok(cluster::load_history(client, &owner.namespace, &owner.release).await?) },
        capabilities(chart, client),
    )
    .await?;
    let revision = history.newest() + 1;
    let operation = if history.next_action() == Action::Install { Operation::Install } else { Operation::Upgrade };
    let cluster = Some(client);
    let debug = false;
    let scene =
        Scene { owner, layers, compat, service, capabilities, revision, operation, cluster, deterministic, dns, debug, traced, proxies };
    // warnings are told of what is compared
    let quiet = Run { events: Events::none(), ..run.clone() };
    let rendered = render(chart, &scene, &quiet)?;
    Ok(Drawn { history, rendered })
}

/// Compares what is rendered with the cluster. Changes nothing.
pub async fn compare(scene: &PlanScene<'_>, drawn: Drawn, run: &Run) -> Result<(Prepared, Option<String>)> {
    let &PlanScene { owner, client, deploy, marks, service, .. } = scene;
    let Drawn { history, rendered } = drawn;
    tell_warnings(&rendered, run);
    let notes = rendered.notes.clone().filter(|notes| !notes.trim().is_empty());
    let desired = desired(owner, rendered, marks, deploy, origin(service))?;
    for warning in desired.resources.iter().flat_map(|resource| &resource.warnings) {
        run.events.emit(Event::Warned { message: warning.clone(), help: None });
    }
    match cluster::prepare(client, desired, history).await {
        Ok(prepared) => Ok((prepared, notes)),
        Err(DeployError::NoPlan { problems }) if rejected::is_any(&problems) => {
            Err(rejected::explained(problems, located(scene, run).await))
        }
        Err(error) => Err(error.into()),
    }
}

/// What schemas of the cluster say of the chart's manifests, by object, at their places in templates. What cannot be found out is left out.
pub async fn located(scene: &PlanScene<'_>, run: &Run) -> Vec<(String, Problem)> {
    let options = ValidateOptions { cluster: true, ..scene.validate.clone() };
    let quiet = Run { events: Events::none(), ..run.clone() };
    let found = async {
        let drawn = drawn(scene, true, &quiet).await?;
        validate::found(&drawn.rendered, &printed(scene.deploy), &options, Some(scene.client), &quiet).await
    };
    found.await.unwrap_or_default()
}

/// What a plan is made from.
pub struct PlanScene<'a> {
    /// The release.
    pub owner: &'a Owner,
    /// The chart.
    pub chart: &'a Chart,
    /// The caller's values.
    pub layers: &'a ValueLayers,
    /// Which Helm's ways are followed.
    pub compat: HelmCompat,
    /// werf's values.
    pub service: &'a ServiceValues,
    /// The cluster.
    pub client: &'a Client,
    /// How it is deployed.
    pub deploy: &'a DeployOptions,
    /// Annotations and labels for every resource.
    pub marks: &'a Marks,
    /// Clock and randomness of templates come from names and the commit.
    pub deterministic: bool,
    /// Templates may ask for names of hosts.
    pub dns: bool,
    /// What manifests are held against before anything is compared.
    pub validate: &'a ValidateOptions,
    /// What is between us and the servers that schemas refer to.
    pub proxies: &'a Proxies,
}

/// What the next revision is made from.
fn origin(service: &ServiceValues) -> Origin {
    let images = service.images.iter().filter(|_| !service.is_stub);
    Origin {
        commit: service.commit.as_ref().map(|commit| commit.hash.clone()).unwrap_or_default(),
        images: images.map(|(name, image)| (name.clone(), format!("{}:{}", image.repo, image.tag))).collect(),
    }
}

/// Every object of the chart as a checked resource, and what the release's record keeps.
fn desired(owner: &Owner, rendered: Rendered, marks: &Marks, deploy: &DeployOptions, origin: Origin) -> Result<Desired> {
    let revision = Revision {
        manifest: chart::release_manifest(&rendered, false)?,
        notes: rendered.notes.clone().unwrap_or_default(),
        config: chart::with_plain_numbers(&Value::Object(rendered.user_values.clone())),
        chart: rendered.chart_record(),
        labels: marks.0.release_labels.clone(),
        origin,
    };
    // definitions are shared by all releases that bring them: none writes its name onto them
    let definitions = if deploy.install_crds { chart::definitions(&rendered)? } else { Vec::new() };
    let hooks = rendered.hooks.into_iter().filter(|hook| !hook.is_test()).map(|hook| hook.manifest);
    let marked = rendered.manifests.into_iter().chain(hooks).map(|mut manifest| {
        if !manifest.object.is_null() {
            marks.write(&mut manifest.object);
        }
        (manifest.path, manifest.object)
    });
    let mut resources: Vec<Resource> = Vec::new();
    let mut problems = Vec::new();
    for (path, object) in definitions.into_iter().chain(marked).filter(|(_, object)| !object.is_null()) {
        match resource::parse(object, &path, &owner.namespace) {
            Ok(parsed) => resources.extend(parsed),
            Err(found) => problems.extend(found.into_iter().map(|problem| Box::new(problem) as _)),
        }
    }
    if !problems.is_empty() {
        return Err(Problems::new("the chart's manifests cannot be deployed", problems).into());
    }
    Ok(Desired { owner: owner.clone(), resources, revision, force_adoption: deploy.force_adoption })
}

/// Annotations and labels that every resource gets, and labels of the release's record.
pub struct Marks(Additions);

impl Marks {
    /// Those of the caller alone.
    pub fn of_caller(options: &MetadataOptions) -> Result<Self> {
        let (annotations, labels) = (pairs("--add-annotation", &options.annotations)?, pairs("--add-label", &options.labels)?);
        Ok(Marks(Additions { annotations, labels, release_labels: pairs("--release-label", &options.release_labels)? }))
    }

    /// Those of the project with the caller's over them.
    pub fn new(project: &Project, options: &MetadataOptions) -> Result<Self> {
        Marks::of_project(&project.config.meta.project, &project.env, options)
    }

    /// The same where the project's name may be unknown.
    pub fn of_project(name: &str, env: &str, options: &MetadataOptions) -> Result<Self> {
        let mut annotations = BTreeMap::from([
            ("werf.io/version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("project.werf.io/name".to_owned(), name.to_owned()),
            ("project.werf.io/env".to_owned(), env.to_owned()),
        ]);
        let Marks(own) = Marks::of_caller(options)?;
        annotations.extend(pairs("--runtime-annotations", &options.runtime_annotations)?);
        annotations.extend(own.annotations);
        let mut labels = pairs("--runtime-labels", &options.runtime_labels)?;
        labels.extend(own.labels);
        Ok(Marks(Additions { annotations, labels, ..own }))
    }

    /// For what is brought back: an earlier revision has marks and labels of its own.
    pub fn restored(&self) -> Additions {
        self.0.clone()
    }

    /// Puts them on what is printed.
    pub fn print_on(&self, rendered: &mut Rendered) -> Result<()> {
        Ok(chart::mark(rendered, &self.0.annotations, &self.0.labels)?)
    }

    fn write(&self, object: &mut Value) {
        self.0.write(object);
    }
}

fn pairs(flag: &'static str, given: &[String]) -> Result<BTreeMap<String, String>> {
    let split = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(NotAPair { flag, text: text.clone() }.into()),
    };
    given.iter().map(split).collect()
}

/// What werf tells the chart where images have a repository.
pub fn service_values(project: &Project, tree: &ImageTree, tags: &CustomTags, repo: &str, owner: &Owner) -> ServiceValues {
    let image = |name: &str| {
        let own = tree.tag(name)?;
        Some(ImageReference::to_be_published(repo, &tags.used(name, &own).unwrap_or(own)))
    };
    let images = tree.iter().filter(|(spec, _)| spec.is_final);
    let images = images.filter_map(|(spec, _)| Some((key(&spec.name), image(&spec.name)?)));
    service(project, images.collect(), Some(repo), owner)
}

/// What werf tells the chart where references of images are stand-ins.
pub fn stand_ins(project: &Project, owner: &Owner) -> ServiceValues {
    let images = project.config.images.iter().filter(|image| image.is_final);
    service(project, images.map(|image| (key(&image.name), ImageReference::stub(""))).collect(), None, owner)
}

/// What charts call an image: the one without a name has none.
fn key(name: &str) -> String {
    if name == NAMELESS { String::new() } else { name.to_owned() }
}

fn service(project: &Project, images: BTreeMap<String, ImageReference>, repo: Option<&str>, owner: &Owner) -> ServiceValues {
    let commit = &project.commit;
    ServiceValues {
        project: project.config.meta.project.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        repo: repo.unwrap_or_default().to_owned(),
        namespace: owner.namespace.clone(),
        env: project.env.clone(),
        commit: Some(Commit { hash: commit.id.to_string(), date_human: commit.authored.human(), date_unix: commit.authored.seconds }),
        images,
        is_stub: repo.is_none(),
        docker_config_json: None,
    }
}

/// The same where a saved report says where images are.
pub fn reported_values(
    project: &Project,
    registry: &RegistryOptions,
    build: &BuildOptions,
    report: &Path,
    owner: &Owner,
) -> Result<ServiceValues> {
    let reported = build_report::read(report)?;
    let names: Vec<&str> = reported.keys().map(String::as_str).collect();
    let tags = CustomTags::read(build, project, &names)?;
    let repo = registry.deployed_repo().map(str::to_owned).or_else(|| Some(reported.values().next()?.docker_repo.clone()));
    let image = |(name, image): (String, Reported)| {
        let tag = tags.used(&name, &image.docker_tag).unwrap_or(image.docker_tag);
        let digest = Some(image.docker_image_digest).filter(|digest| !digest.is_empty());
        (key(&name), ImageReference { repo: image.docker_repo, tag, digest })
    };
    Ok(service(project, reported.into_iter().map(image).collect(), repo.as_deref(), owner))
}

/// The same for images that have a repository.
pub fn service_values_of(project: &Project, images: &Images, owner: &Owner) -> ServiceValues {
    match images.others.last.as_ref().or(images.repository.as_ref()) {
        Some(repo) => service_values(project, &images.tree, &images.custom_tags, &repo.to_string(), owner),
        None => stand_ins(project, owner),
    }
}

/// The same with the Docker configuration, where the chart is to have it.
pub fn with_docker_config(service: ServiceValues, values: &ValuesOptions, registry: &RegistryOptions) -> Result<ServiceValues> {
    if !values.docker_config {
        return Ok(service);
    }
    let path = registry.docker_config.clone().ok_or(NoDockerConfig)?;
    let bytes = std::fs::read(&path).map_err(|cause| UnreadableDockerConfig { path: path.display().to_string(), cause })?;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    concealed::conceal([text.as_str().into()]);
    Ok(ServiceValues { docker_config_json: Some(text), ..service })
}

#[derive(Debug, Error, Diagnostic)]
#[error("--set-docker-config-json-value: there is no Docker configuration, for there is no home directory")]
#[diagnostic(help("name its directory with `--docker-config`"))]
struct NoDockerConfig;

#[derive(Debug, Error, Diagnostic)]
#[error("--set-docker-config-json-value: cannot read `{path}`")]
#[diagnostic(help("`werf cr login` writes it; `--docker-config` names another directory"))]
struct UnreadableDockerConfig {
    path: String,
    #[source]
    cause: std::io::Error,
}

/// Reads the files that value flags name, and the secret key. Whether the work tree differs shows in [`Project::checked`].
pub fn value_layers(project: &Project, options: &ValuesOptions) -> Result<ValueLayers> {
    let file = |path: &String| Ok(ValuesFile { name: path.clone(), text: read_text(project, path)? });
    let mut contents = BTreeMap::new();
    for setting in &options.set_file {
        for path in chart::paths_of(setting).map_err(|cause| ValuesError::BadSetting { setting: setting.clone(), cause })? {
            contents.insert(path.clone(), text_of_bytes(&read(project, &path)?).into());
        }
    }
    Ok(ValueLayers {
        files: options.values.iter().map(file).collect::<Result<_>>()?,
        secret_files: options.secret_values.iter().map(file).collect::<Result<_>>()?,
        set_json: options.set_json.clone(),
        set: options.set.clone(),
        set_string: options.set_string.clone(),
        set_file: options.set_file.clone(),
        set_file_contents: contents,
        set_literal: options.set_literal.clone(),
        secret_key: secret_access(project, options)?,
        ..ValueLayers::default()
    })
}

fn read_text(project: &Project, path: &str) -> Result<Arc<str>> {
    String::from_utf8(read(project, path)?).map(Arc::from).map_err(|_| ValuesError::NotText { path: path.to_owned() }.into())
}

/// A file of values: inside the project it comes from the commit, elsewhere from the disk.
fn read(project: &Project, path: &str) -> Result<Vec<u8>> {
    let inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
    Ok(if inside {
        let files = project.chart_files();
        let name = path.trim_start_matches("./");
        let found = files.read(name)?;
        found.ok_or_else(|| ValuesError::NotCommitted { path: path.to_owned(), commit: project.commit.short() })?.to_vec()
    } else {
        std::fs::read(path).map_err(|cause| ValuesError::Unreadable { path: path.to_owned(), cause })?
    })
}

fn secret_access(project: &Project, options: &ValuesOptions) -> Result<SecretAccess> {
    if options.ignore_secret_key {
        return Ok(SecretAccess::Ignore);
    }
    let project_dir = project.repository.work_tree().map(|root| root.join(project.repository.project_prefix()));
    let places = KeyOptions { given: options.secret_key.clone(), dir: project_dir, home: options.werf_home.clone() };
    Ok(key::find(&places)?.map_or(SecretAccess::NoKey, SecretAccess::Key))
}

#[derive(Debug, Error, Diagnostic)]
#[error("{flag}: `{text}` is not of the form name=value")]
#[diagnostic(help("write `{flag} name=value`"))]
struct NotAPair {
    flag: &'static str,
    text: String,
}

#[derive(Debug, Error, Diagnostic)]
enum ValuesError {
    #[error("values file `{path}` is not in commit {commit}")]
    #[diagnostic(help("commit it, or run with `--dev`; files outside the project are named by an absolute path"))]
    NotCommitted { path: String, commit: String },
    #[error("cannot read values file `{path}`")]
    #[diagnostic(help("check the path and its permissions"))]
    Unreadable {
        path: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("values file `{path}` is not UTF-8 text")]
    #[diagnostic(help("values files are YAML in UTF-8"))]
    NotText { path: String },
    #[error("--set-file: `{setting}` cannot be read")]
    #[diagnostic(help("write it as `--set-file key.path=file`"))]
    BadSetting {
        setting: String,
        #[source]
        cause: chart::SetError,
    },
}
