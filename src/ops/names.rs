//! What there is to name, for those who begin to write a name.

use super::release::{self, connect};
use super::{KubeOptions, ProjectOptions, Run, config, project};
use crate::deploy::cluster;
use crate::error::Result;

/// The images of the project.
pub async fn images(options: ProjectOptions, run: Run) -> Result<Vec<String>> {
    Ok(config::list(options, false, run).await?.lines().map(str::to_owned).collect())
}

/// The contexts of the kubeconfig.
pub async fn contexts(options: &KubeOptions) -> Result<Vec<String>> {
    release::contexts(options, true).await
}

/// The namespaces of the cluster, sorted.
pub async fn namespaces(options: &KubeOptions, run: &Run) -> Result<Vec<String>> {
    Ok(cluster::namespaces(&connect(options, run).await?).await?)
}

/// The releases of a namespace, or of all, sorted.
pub async fn releases(options: &KubeOptions, namespace: Option<&str>, run: &Run) -> Result<Vec<String>> {
    Ok(cluster::releases(&connect(options, run).await?, namespace).await?)
}

/// The environments that the project has releases for, where these are named as usual (`[[ project ]]-[[ env ]]`), sorted.
pub async fn environments(options: &ProjectOptions, kube: &KubeOptions, run: &Run) -> Result<Vec<String>> {
    let begin = format!("{}-", project::read(options, false, run)?.config.meta.project);
    let releases = releases(kube, None, run).await?;
    Ok(releases.iter().filter_map(|release| release.strip_prefix(&begin)).map(str::to_owned).collect())
}
