//! `werf dismiss`: deletes the release from the cluster.

use miette::Diagnostic;

use super::{DeployOptions, KubeOptions, ProjectOptions, ReleaseOptions, Run, project, release};
use crate::deploy::cluster::{self, DeployError};
use crate::error::{Error, Result};
use crate::event::Event;

/// What `dismiss` is asked.
#[derive(Clone)]
pub struct Options {
    /// Delete the namespace too.
    pub with_namespace: bool,
    /// Delete the objects of hooks too.
    pub with_hooks: bool,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Which release.
    pub release: ReleaseOptions,
    /// Which cluster.
    pub kube: KubeOptions,
    /// How long to wait.
    pub deploy: DeployOptions,
}

/// Deletes the release's resources, those of its hooks, and its records.
pub async fn run(options: Options, run: Run) -> Result<()> {
    let project = project::open(&options.project, false, &run)?;
    let owner = project.checked(&[], release::owner(&project, &options.release))?;
    let client = release::connect(&options.kube, &run).await?;
    let deploy =
        cluster::DeployOptions { timeout: options.deploy.timeout, pod_logs: options.deploy.pod_logs, ..cluster::DeployOptions::default() };
    let _held = run.held.hold("the deletion of the release");
    let dismissed = cluster::dismiss(&client, &owner, options.with_hooks, &deploy, &run.events, &run.cancel).await;
    match dismissed {
        Ok(()) => {}
        // What shall be gone is gone.
        Err(error @ DeployError::NoRelease { .. }) => {
            run.events
                .emit(Event::Warned { message: format!("{error}: nothing to dismiss"), help: error.help().map(|help| help.to_string()) });
        }
        Err(error) => return Err(Error::new(error.kind(), error)),
    }
    if options.with_namespace {
        cluster::delete_namespace(&client, &owner.namespace).await?;
    }
    Ok(())
}
