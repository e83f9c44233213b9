//! One image, from its stages to the registry.
//!
//! What can be compiled at once is one solve. Where the graph depends on what lies in the file systems that files go into, or the
//! configuration on what a Dockerfile makes of it, the build is made in steps; what was learnt of images of a registry is kept for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;

use super::builder::Builder;
use super::folders;
use super::ground;
use super::images::Images;
use super::layers::Store;
use super::project::Project;
use super::{Run, absent_source, base_platform, history, registry, triggers};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::file_tree::FileTree;
use crate::images::buildkit::session::Attachments;
use crate::images::buildkit::{self, Bridge, ImageExport, Made, SolveError, SolveRequest};
use crate::images::image::ground::Ground;
use crate::images::image::{self, Base, CompileError, Compiled, Next, Node, Published, STORE, Solve, Surroundings};
use crate::images::llb::SourceFile;
use crate::platform::Platform;
use crate::registry::{self as oci, Client, Reference};

/// What all builds of one run share.
pub struct Work<'a> {
    pub images: &'a Images,
    pub project: &'a Arc<Project>,
    pub client: &'a Client,
    pub builder: &'a Builder,
    pub bases: BTreeMap<Platform, Bases>,
    /// Where else images are fetched from than by their names.
    pub moved: BTreeMap<String, String>,
    /// The trees that files are in.
    pub trees: Vec<Arc<dyn FileTree>>,
    pub run: &'a Run,
}

/// External bases by their references as written.
pub type Bases = BTreeMap<String, Base>;

/// Why a build in steps ends.
enum Stop {
    Solve(SolveError),
    Other(Error),
}

impl From<SolveError> for Stop {
    fn from(error: SolveError) -> Self {
        Stop::Solve(error)
    }
}

impl Work<'_> {
    /// Builds and publishes an image, and gives its manifest digest. `unpublished` are images that are not in the registry yet.
    pub async fn build(&self, name: &str, unpublished: &BTreeSet<String>) -> Result<Option<String>> {
        let began = Instant::now();
        let Some(reference) = self.images.reference(name) else { return Ok(None) };
        for doubt in self.images.tree.node(name).map(image::doubts).transpose()?.unwrap_or_default() {
            self.run.events.emit(Event::Warned { message: format!("image {name}: {}", doubt.problem), help: Some(doubt.help) });
        }
        let mut one = One { work: self, name, published: self.published_needs(name, unpublished).await?, ground: Ground::default() };
        let mut compiled = tokio::task::block_in_place(|| one.compile())?;
        let rights = self.images.tree.rights(name, unpublished);
        let store = Arc::new(Store::new(self.trees.clone(), self.project.layer_cache.clone()));
        store.add(&compiled);
        let session = self.builder.client().open_session(Attachments {
            shared_key: self.project.config.meta.project.clone(),
            credentials: Some(registry::ForBuilder::new(self.client.clone())),
            secrets: self.project.secrets_of(&rights.secrets)?,
            directories: folders::sources(self.project, &rights.folders, self.run)?,
            stores: BTreeMap::from([(STORE.to_owned(), store.clone() as _)]),
            ..Attachments::default()
        });
        let session = session.await?;
        let node = self.images.tree.node(name);
        let clear_history = node.and_then(Node::image_spec).is_some_and(|spec| spec.clear_history);
        let (pushed_as, attrs) = match clear_history {
            true => (reference.repository.to_string(), BTreeMap::from([("push-by-digest".to_owned(), "true".to_owned())])),
            false => (reference.to_string(), BTreeMap::new()),
        };
        let export = ImageExport {
            references: vec![pushed_as],
            push: true,
            attrs,
            insecure: self.project.insecure_registry,
            // cleanup keeps what was published lately; the config's `created` is the age of the newest layer, which may come from a cache
            annotations: BTreeMap::from([(oci::CREATED.to_owned(), Timestamp::now().to_string())]),
            ..ImageExport::default()
        };
        let (client, run) = (self.builder.client(), self.run);
        let entitlements = if rights.host_network { vec!["network.host".to_owned()] } else { Vec::new() };
        let moved = self.moved.clone();
        let held = run.held.hold(format!("the build of image {name}"));
        let solved = match whole(&compiled) {
            Some((build, config)) => {
                let export = ImageExport { config, ..export };
                let request = SolveRequest { entitlements, moved, ..SolveRequest::new(name, build, Some(export)) };
                client.solve(&session, request, &run.events, &run.cancel).await.map_err(Stop::Solve)
            }
            None => {
                let request = SolveRequest { entitlements, moved, ..SolveRequest::new(name, (), Some(export)) };
                let steps = async |bridge: &Bridge| one.steps(bridge, &mut compiled, &store).await;
                client.solve_in_steps(&session, request, &run.events, &run.cancel, steps).await
            }
        };
        drop(held);
        let solved = match solved {
            Ok(solved) => solved,
            Err(Stop::Other(error)) => return Err(error),
            Err(Stop::Solve(error)) => {
                if let Some(digest) = self.published_by_others(&reference, &error).await {
                    self.run.events.emit(Event::ImageFound { image: name.to_owned(), reference: reference.to_string() });
                    return Ok(Some(digest));
                }
                let bases = node.map(Node::bases).unwrap_or_default();
                base_platform::explained(self.client, name, bases, &self.images.platform(name), &error, run).await?;
                if let Some((image, _)) = self.images.tree.get(name)
                    && let Some(absent) = absent_source::explained(&error, image, &*self.project.image_files())?
                {
                    return Err(absent.into());
                }
                return Err(self.explain(error, &compiled));
            }
        };
        let digest = match clear_history {
            true => history::publish_without(self.client, &reference, &solved.manifest_digest).await?,
            false => solved.manifest_digest,
        };
        self.run.events.emit(Event::ImagePublished {
            image: name.to_owned(),
            reference: reference.to_string(),
            digest: digest.clone(),
            took: began.elapsed(),
        });
        Ok(Some(digest))
    }

    /// The digest of an image that is there although its build here came to nothing: another run has published the same meanwhile, and where
    /// tags are immutable ours was refused; or the builder went away after it had pushed.
    async fn published_by_others(&self, reference: &Reference, error: &SolveError) -> Option<String> {
        if matches!(error, SolveError::Process { .. } | SolveError::Cancelled { .. }) {
            return None;
        }
        let found = self.client.head(reference).await.ok()??;
        let noted = triggers::noted(self.client, reference, &found).await.ok()?;
        noted.is_none().then(|| found.digest.to_string())
    }

    /// A failed command of werf.yaml is shown at its line; steps of a Dockerfile point at their own lines already.
    fn explain(&self, error: SolveError, compiled: &Compiled) -> Error {
        let (SolveError::Process { step, output, .. } | SolveError::Step { step, output, .. }) = &error else { return error.into() };
        match compiled.command_failure(&self.images.tree, step, output) {
            Some(failure) => failure.into(),
            None => error.into(),
        }
    }

    /// Digests and configs of published images that this one is built from.
    async fn published_needs(&self, name: &str, unpublished: &BTreeSet<String>) -> Result<BTreeMap<String, Published>> {
        let platform = self.images.platform(name);
        let mut published = BTreeMap::new();
        for need in self.images.tree.needs_of([name], unpublished).into_iter().filter(|need| !unpublished.contains(*need)) {
            let Some(reference) = self.images.reference(need) else { continue };
            let config = self.client.config(&reference, &platform).await?;
            let found =
                Published { digest: config.manifest.digest.to_string(), config_digest: config.digest.to_string(), config: config.json };
            published.insert(need.to_owned(), found);
        }
        Ok(published)
    }
}

/// One image of the run.
struct One<'a> {
    work: &'a Work<'a>,
    name: &'a str,
    published: BTreeMap<String, Published>,
    ground: Ground,
}

impl One<'_> {
    /// Compiles as far as what is known without the builder goes.
    fn compile(&mut self) -> std::result::Result<Compiled, CompileError> {
        loop {
            let compiled = self.compile_once()?;
            let Next::Look(look) = &compiled.next else { return Ok(compiled) };
            if !ground::recall(&*self.work.project.layer_cache, look, &mut self.ground) {
                return Ok(compiled);
            }
        }
    }

    fn compile_once(&self) -> std::result::Result<Compiled, CompileError> {
        let (project, images) = (self.work.project, self.work.images);
        let (platform, none) = (images.platform(self.name), Bases::new());
        let around = Surroundings {
            project: &project.config.meta.project,
            repo: &images.repository.as_ref().map(ToString::to_string).unwrap_or_default(),
            commit: &project.commit.id.to_string(),
            bases: self.work.bases.get(&platform).unwrap_or(&none),
            platform,
            published: &self.published,
            ground: &self.ground,
            source: Arc::new(SourceFile { name: "werf.yaml".into(), text: project.config.rendered.to_string(), language: "YAML".into() }),
            trees: &self.work.trees,
            cache: &*project.layer_cache,
            threads: 2,
        };
        image::compile(&images.tree, self.name, &around)
    }

    /// Answers questions and compiles again until the image is whole.
    async fn steps(&mut self, bridge: &Bridge, compiled: &mut Compiled, store: &Store) -> std::result::Result<Made, Stop> {
        loop {
            match &compiled.next {
                Next::Look(look) => {
                    let made = bridge.solve(buildkit::Build::Llb(look.state.marshal())).await?;
                    ground::learn(bridge, &made, look, &*self.work.project.layer_cache, &mut self.ground).await?;
                }
                Next::Solve(Solve::Llb { definition, config }) => {
                    let mut made = bridge.solve(buildkit::Build::Llb(definition.clone())).await?;
                    made.config = Some(config.clone());
                    return Ok(made);
                }
                Next::Solve(Solve::Dockerfile { attrs, inputs, spec }) => {
                    let mut made = bridge.solve(frontend(attrs, inputs)).await?;
                    if let (Some(spec), Some(config)) = (spec, &made.config) {
                        let mut document: Value =
                            serde_json::from_slice(config).map_err(|error| Stop::Other(NoConfig::of(self.name, error)))?;
                        image::change_config(self.name, spec, &mut document).map_err(|error| Stop::Other(error.into()))?;
                        made.config = Some(document.to_string().into_bytes());
                    }
                    return Ok(made);
                }
            }
            *compiled = tokio::task::block_in_place(|| self.compile()).map_err(|error| Stop::Other(error.into()))?;
            store.add(compiled);
        }
    }
}

/// What is one solve, with its configuration.
fn whole(compiled: &Compiled) -> Option<(buildkit::Build, Option<String>)> {
    match &compiled.next {
        Next::Solve(Solve::Llb { definition, config }) => {
            Some((buildkit::Build::Llb(definition.clone()), Some(String::from_utf8_lossy(config).into_owned())))
        }
        Next::Solve(Solve::Dockerfile { attrs, inputs, spec: None }) => Some((frontend(attrs, inputs), None)),
        Next::Solve(Solve::Dockerfile { .. }) | Next::Look(_) => None,
    }
}

fn frontend(attrs: &BTreeMap<String, String>, inputs: &BTreeMap<String, crate::images::llb::Definition>) -> buildkit::Build {
    buildkit::Build::Frontend { name: "dockerfile.v0".into(), attrs: attrs.clone(), inputs: inputs.clone() }
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("image `{image}`: the builder gave no image configuration that can be read")]
#[diagnostic(help("check the version of buildkitd, and that `# syntax=` names a Dockerfile frontend"))]
struct NoConfig {
    image: String,
    #[source]
    cause: serde_json::Error,
}

impl NoConfig {
    fn of(image: &str, cause: serde_json::Error) -> Error {
        NoConfig { image: image.to_owned(), cause }.into()
    }
}
