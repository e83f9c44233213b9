//! `werf rollback`: brings an earlier revision of the release back.

use std::path::PathBuf;

use super::converge::holder;
use super::release::Marks;
use super::{DeployOptions, GraphOptions, KubeOptions, MetadataOptions, ProjectOptions, ReleaseOptions, Run, release, report};
use crate::deploy::cluster::{self, Outcome};
use crate::error::Result;

/// What `rollback` is asked.
#[derive(Clone)]
pub struct Options {
    /// The revision to go back to; the one that was deployed well before the newest where `None`.
    pub revision: Option<u32>,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Which release.
    pub release: ReleaseOptions,
    /// Which cluster.
    pub kube: KubeOptions,
    /// How it is deployed.
    pub deploy: DeployOptions,
    /// Marks for every resource.
    pub metadata: MetadataOptions,
    /// Where the report of what was changed goes.
    pub report: Option<PathBuf>,
    /// Where the graph of what is done goes.
    pub graphs: GraphOptions,
}

/// Deploys the objects of an earlier revision as a new one, and gives its notes. No image is built or asked for.
pub async fn run(options: Options, run: Run) -> Result<Option<String>> {
    let (owner, project) = release::owner_alone(&options.project, &options.release, &run)?;
    let name = project.as_ref().map_or("", |project| project.config.meta.project.as_str());
    let marks = Marks::of_project(name, options.project.env.as_deref().unwrap_or_default(), &options.metadata)?;
    let client = release::connect(&options.kube, &run).await?;
    let deploy = cluster::DeployOptions {
        timeout: options.deploy.timeout,
        history_limit: options.deploy.history_max as usize,
        holder: holder(),
        pod_logs: options.deploy.pod_logs,
        final_tracking: options.deploy.final_tracking,
        propagation: options.deploy.propagation,
        restored: marks.restored(),
        ..cluster::DeployOptions::default()
    };
    let _held = run.held.hold("the change of the release");
    let rolled = cluster::rollback(&client, &owner, options.revision, &deploy, &run.events, &run.cancel).await;
    if rolled.is_err() {
        options.graphs.of_automatic_rollback(&deploy.ledger, &run.events);
    }
    let (outcome, notes) = report::saved(options.report.as_deref(), &owner, &deploy.ledger, rolled, &run.events)?;
    options.graphs.of_rollback(&deploy.ledger)?;
    let is_told = options.deploy.notes && matches!(outcome, Outcome::Deployed { .. }) && !notes.trim().is_empty();
    Ok(is_told.then_some(notes))
}
