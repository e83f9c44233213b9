//! `werf converge`.

use super::args::{BuildArgs, DeployArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs, ReleaseArgs, RepoArgs, ValidateArgs, ValuesArgs};
use crate::ops;

/// Arguments of `werf converge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images to build; all final ones by default
    images: Vec<String>,
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
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::converge::Options {
        images: args.images,
        project: args.project.options(),
        registry: args.repo.options(),
        build: args.build.options(),
        values: args.values.options(),
        release: args.release.options(),
        kube: args.kube.options(),
        deploy: args.deploy.options(),
        metadata: args.metadata.options(),
        validate: args.validate.options(),
    };
    super::run::run(look, |run| ops::converge::run(options, run), |notes| notes.map_or(0, |text| super::printed(&text)))
}
