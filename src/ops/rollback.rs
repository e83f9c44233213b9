//! `werf rollback`: brings an earlier revision of the release back.

use super::converge::holder;
use super::{DeployOptions, KubeOptions, ProjectOptions, ReleaseOptions, Run, project, release};
use crate::deploy::cluster::{self, Outcome};
use crate::error::{Error, Result};

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
}

/// Deploys the objects of an earlier revision as a new one, and gives its notes. No image is built or asked for.
pub async fn run(options: Options, run: Run) -> Result<Option<String>> {
    let project = project::open(&options.project, false, &run)?;
    let owner = project.checked(&[], release::owner(&project, &options.release))?;
    let client = release::connect(&options.kube, &run).await?;
    let deploy = cluster::DeployOptions {
        timeout: options.deploy.timeout,
        history_limit: options.deploy.history_max as usize,
        holder: holder(),
        pod_logs: options.deploy.pod_logs,
        ..cluster::DeployOptions::default()
    };
    let _held = run.held.hold("the change of the release");
    let rolled = cluster::rollback(&client, &owner, options.revision, &deploy, &run.events, &run.cancel).await;
    let (outcome, notes) = rolled.map_err(|error| Error::new(error.kind(), error))?;
    let is_told = options.deploy.notes && matches!(outcome, Outcome::Deployed { .. }) && !notes.trim().is_empty();
    Ok(is_told.then_some(notes))
}
