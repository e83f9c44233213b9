//! `werf converge`: from a commit to a healthy release.
//!
//! The names of all images are known before anything is built, so the chart is rendered and compared with the cluster while missing
//! images are built: a broken chart or a cluster out of reach ends the command at once. Only applying waits for the images.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::project::Project;
use super::release::Marks;
use super::triggers::{self, Settling, Triggers};
use super::validate::Problem;
use super::{
    BuildOptions, DeployOptions, GraphOptions, KubeOptions, MetadataOptions, ProjectOptions, RegistryOptions, ReleaseOptions, Run,
    ValidateOptions, ValuesOptions,
};
use super::{dependencies, images, lookups, project, registry, rejected, release, report, standing};
use crate::chart::{Chart, ServiceValues, ValueLayers};
use crate::deploy::cluster::{self, DeployError, Outcome, Prepared};
use crate::deploy::resource::Owner;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::images::image::View;

/// What `converge` and `plan` are asked.
#[derive(Clone)]
pub struct Options {
    /// Names or globs of images; all where empty.
    pub images: Vec<String>,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Where images are.
    pub registry: RegistryOptions,
    /// Who builds.
    pub build: BuildOptions,
    /// Values for the chart.
    pub values: ValuesOptions,
    /// Which release.
    pub release: ReleaseOptions,
    /// Which cluster.
    pub kube: KubeOptions,
    /// How it is deployed.
    pub deploy: DeployOptions,
    /// Marks for every resource.
    pub metadata: MetadataOptions,
    /// What manifests are held against before anything is compared.
    pub validate: ValidateOptions,
    /// Where graphs of what is done go.
    pub graphs: GraphOptions,
    /// References of images are stand-ins: of a plan alone.
    pub stub_tags: bool,
    /// Where the report of what was changed goes.
    pub report: Option<PathBuf>,
}

/// Builds what is missing, applies what differs, and watches until everything works. Returns the chart's notes if a revision was made.
pub async fn run(options: Options, run: Run) -> Result<Option<String>> {
    let begun = Instant::now();
    if options.values.deterministic {
        run.events.emit(Event::Warned {
            message: "--deterministic: passwords and keys that the chart's templates make can be worked out by whoever knows the chart"
                .into(),
            help: Some("it is for reviews and tests; leave it out where the release is used".into()),
        });
    }
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let ready = ready(&options, &project, ForImages::Publish, &run).await?;
    let [create, update, recreate, delete] = ready.prepared.plan.counts();
    if !ready.prepared.plan.is_empty() {
        run.events.emit(Event::PlanMade { create, update, recreate, delete, unchanged: ready.prepared.plan.unchanged.len() });
    }
    let deploy = cluster::DeployOptions {
        timeout: options.deploy.timeout,
        auto_rollback: options.deploy.auto_rollback,
        history_limit: options.deploy.history_max as usize,
        holder: holder(),
        pod_logs: options.deploy.pod_logs,
        final_tracking: options.deploy.final_tracking,
        propagation: options.deploy.propagation,
        create_namespace: options.deploy.create_namespace,
        restored: Marks::new(&project, &options.metadata)?.restored(),
        begun,
        ..cluster::DeployOptions::default()
    };
    options.graphs.of_deployment(&ready.prepared.plan.as_carried_out(options.deploy.final_tracking))?;
    let owner = ready.prepared.desired.owner.clone();
    let doors = standing::doors(&ready.prepared.desired.resources);
    let _held = run.held.hold("the change of the release");
    let outcome = cluster::deploy(&ready.client, ready.prepared, &deploy, &run.events, &run.cancel).await;
    options.graphs.of_automatic_rollback(&deploy.ledger, &run.events);
    // in a namespace that was not there the cluster has its say only now
    let ended = match outcome {
        Err(DeployError::NoPlan { problems }) if rejected::is_any(&problems) => {
            return Err(rejected::explained(problems, located(&options, &project, &run).await));
        }
        outcome => outcome.map(|outcome| (outcome, ())),
    };
    let (outcome, ()) = report::saved(options.report.as_deref(), &owner, &deploy.ledger, ended, &run.events)?;
    Ok(match outcome {
        Outcome::Unchanged { .. } => None,
        Outcome::Deployed { revision } => {
            let (env, context) = (options.project.env.as_deref(), options.kube.context.as_deref());
            let next = standing::Next { env, release: &options.release, context };
            standing::tell(&ready.client, &doors, &owner.namespace, &next, revision, &run.events).await;
            ready.notes.filter(|_| options.deploy.notes)
        }
    })
}

/// What the cluster's schemas say of the chart; nothing where that cannot be found out.
async fn located(options: &Options, project: &Arc<Project>, run: &Run) -> Vec<(String, Problem)> {
    let run = Run { events: Events::none(), ..run.clone() };
    let found = async {
        let planning = planning(options, project, &Triggers::new(), &run).await?;
        let client = planning.connect(options, project, &run).await?;
        Result::<_>::Ok(release::located(&planning.scene(options, &client, &planning.service), &run).await)
    };
    found.await.unwrap_or_default()
}

/// A commit whose images are published and whose plan is made.
pub struct Ready {
    /// The cluster.
    pub client: cluster::Client,
    /// The plan with what it was made from.
    pub prepared: Prepared,
    /// The chart's notes.
    pub notes: Option<String>,
}

/// What happens to images while a plan is made.
#[derive(Clone, Copy)]
enum ForImages {
    /// What is missing is built and published.
    Publish,
    /// Nothing: they are taken for published.
    Assume,
}

/// Makes the plan alone: nothing is built, images are taken for published.
pub async fn planned(options: &Options, run: &Run) -> Result<Ready> {
    let project = project::open(&options.project, options.registry.insecure, run)?;
    ready(options, &project, ForImages::Assume, run).await
}

/// Makes the plan and does what is to be done for the images at once; the first failure of either ends both. Where it turns out that names of
/// images depend on triggers of their bases, all is done again with these.
async fn ready(options: &Options, project: &Arc<Project>, images: ForImages, run: &Run) -> Result<Ready> {
    let work = async |triggers: &Triggers| {
        let planning = planning(options, project, triggers, run).await?;
        let client = planning.connect(options, project, run).await?;
        // what only looks is bounded as a whole; a deployment is from its first apply on
        client.bound(options.deploy.timeout.filter(|_| matches!(images, ForImages::Assume)));
        let registry = registry::client(&options.registry, run)?;
        let unanswered = std::cell::Cell::new(None);
        let published = async {
            let Some(known) = &planning.images else { return Ok(Default::default()) };
            match images {
                ForImages::Publish => known.published(project, &registry, &options.build, run).await,
                ForImages::Assume => {
                    // a plan can do without: that is told below it, not beside what is wrong with the plan
                    Ok(known.known(&registry, run).await.unwrap_or_else(|error| {
                        unanswered.set(Some(error));
                        Default::default()
                    }))
                }
            }
        };
        let early = planning.scene(options, &client, &planning.service);
        let early = async {
            let drawn = release::draw(&early, run).await?;
            // What is only known of published images is not there yet; that the chart can be rendered is.
            if planning.images.is_some() && drawn.is_provisional(&planning.chart, &planning.service) {
                return Ok(None);
            }
            Ok(Some(release::compare(&early, drawn, run).await?))
        };
        let work = futures::future::try_join(published, early);
        let ((digests, triggers), early) = planning.compared(project, work).await?;
        if !triggers.is_empty() {
            return Ok(Settling::Found(triggers));
        }
        let (prepared, notes) = match early {
            Some(done) => done,
            None => {
                let digests = match (images, &planning.images) {
                    (ForImages::Publish, Some(images)) => images.with_others(&registry, digests).await?,
                    _ => digests,
                };
                let service = planning.service.with_digests(&digests);
                let scene = planning.scene(options, &client, &service);
                release::compare(&scene, release::draw(&scene, run).await?, run).await?
            }
        };
        if let Some(error) = unanswered.take() {
            let message = format!("which images are to be built is not known: {}", error.diagnostic());
            run.events.emit(Event::Warned { message, help: None });
        }
        Ok(Settling::Done(Ready { client, prepared, notes }))
    };
    triggers::settled(work).await
}

/// All that a plan needs beside the cluster. A request is made only for charts that were never fetched before.
struct Planning {
    /// `None` where a saved report says where they are, or nobody.
    images: Option<images::Images>,
    owner: Owner,
    chart: Chart,
    layers: ValueLayers,
    service: ServiceValues,
    marks: Marks,
}

async fn planning(options: &Options, project: &Arc<Project>, triggers: &Triggers, run: &Run) -> Result<Planning> {
    let owner = release::owner(project, &options.release)?;
    let report = options.build.used_report.as_deref().filter(|_| !options.project.without_images && !options.stub_tags);
    let images = match report.is_some() || options.stub_tags {
        true => Ok(None),
        false => {
            let looked_up = lookups::look_up(project, &options.registry, triggers, run).await?;
            images::of(project, &options.registry, &options.build, &options.images, &looked_up).map(Some)
        }
    };
    let chart = release::load_chart(project, &options.values);
    let layers = release::value_layers(project, &options.values);
    if project.is_breached() || images.is_err() || chart.is_err() || layers.is_err() {
        project.checked(images.as_ref().map_or(&[], |images| views(images.as_ref())), Ok(()))?;
    }
    let (images, mut chart, layers) = (images?, chart?, layers?);
    let added = dependencies::add_remote(&mut chart, &options.project, &options.registry, options.values.compat(), run).await;
    if added.is_err() {
        project.checked(views(images.as_ref()), Ok(()))?;
    }
    added?;
    let service = match (&images, report) {
        (Some(images), _) => release::service_values_of(project, images, &owner),
        (None, Some(report)) => release::reported_values(project, &options.registry, &options.build, report, &owner)?,
        (None, None) => release::stand_ins(project, &owner),
    };
    let service = release::with_docker_config(service, &options.values, &options.registry)?;
    Ok(Planning { images, owner, chart, layers, service, marks: Marks::new(project, &options.metadata)? })
}

/// What images see of the commit.
fn views(images: Option<&images::Images>) -> &[View] {
    images.map_or(&[], |images| images.tree.views())
}

impl Planning {
    /// Does the work, and compares all that the commit gives with the work tree.
    async fn compared<T>(&self, project: &Arc<Project>, work: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.images {
            Some(images) => images::compared(project, &images.tree, work).await,
            None => project.checked(&[], Ok(work))?.await,
        }
    }

    /// A client for the cluster. A work tree that differs is told before a cluster that is not there.
    async fn connect(&self, options: &Options, project: &Project, run: &Run) -> Result<cluster::Client> {
        release::connect(&options.kube, run).await.or_else(|error| project.checked(views(self.images.as_ref()), Err(error)))
    }

    fn scene<'a>(&'a self, options: &'a Options, client: &'a cluster::Client, service: &'a ServiceValues) -> release::PlanScene<'a> {
        release::PlanScene {
            owner: &self.owner,
            chart: &self.chart,
            layers: &self.layers,
            compat: options.values.compat(),
            service,
            client,
            deploy: &options.deploy,
            marks: &self.marks,
            deterministic: options.values.deterministic,
            dns: options.values.allow_dns,
            validate: &options.validate,
            proxies: &options.registry.proxies,
        }
    }
}

/// Who we are, for others who wait for the release.
pub(super) fn holder() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host} (pid {})", std::process::id())
}
