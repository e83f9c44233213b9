//! `werf dismiss`: deletes the release from the cluster.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::{DeployOptions, KubeOptions, ProjectOptions, ReleaseOptions, Run, release, report};
use crate::deploy::cluster::{self, DeployError};
use crate::error::{Error, Kind, Result};
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
    /// The report of a deployment, which says which release it was.
    pub report: Option<PathBuf>,
}

/// Deletes the release's resources, those of its hooks, and its records.
pub async fn run(options: Options, run: Run) -> Result<()> {
    let owner = match &options.report {
        None => release::owner_alone(&options.project, &options.release, &run)?.0,
        Some(path) if options.release == ReleaseOptions::default() => report::owner_of(path)?,
        Some(_) => return Err(Error::new(Kind::Usage, TwoReleases)),
    };
    let client = release::connect(&options.kube, &run).await?;
    let deploy = cluster::DeployOptions {
        timeout: options.deploy.timeout,
        pod_logs: options.deploy.pod_logs,
        final_tracking: options.deploy.final_tracking,
        ..cluster::DeployOptions::default()
    };
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

#[derive(Debug, ThisError, Diagnostic)]
#[error("`--use-deploy-report` says which release it is, and so does `--release` or `--namespace`")]
#[diagnostic(help("leave one of them out; the variables WERF_RELEASE and WERF_NAMESPACE count too"))]
struct TwoReleases;
