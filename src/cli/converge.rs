//! `werf converge`.

use super::args::{BuildArgs, DeployArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs, ReleaseArgs, RepoArgs, ValidateArgs, ValuesArgs};
use crate::ops;

/// Arguments of `werf converge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images to build; all final ones by default
    images: Vec<String>,
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What is deployed, from where, and how.
#[derive(Debug, clap::Args)]
pub struct DeploymentArgs {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    values: ValuesArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    deploy: DeployArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    validate: ValidateArgs,
}

impl DeploymentArgs {
    /// As operations take it.
    pub fn options(self, images: Vec<String>) -> ops::converge::Options {
        ops::converge::Options {
            images,
            project: self.project.options(),
            registry: self.repo.options(),
            build: self.build.options(),
            values: self.values.options(),
            release: self.release.options(),
            kube: self.kube.options(),
            deploy: self.deploy.options(),
            metadata: self.metadata.options(),
            validate: self.validate.options(),
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = args.deployment.options(args.images);
    super::run::run(look, |run| ops::converge::run(options, run), |notes| notes.map_or(0, |text| super::told(&text)))
}
