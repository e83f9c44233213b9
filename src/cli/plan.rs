//! `werf plan`.

use super::args::{BuildArgs, DeployArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs, ReleaseArgs, RepoArgs, ValidateArgs, ValuesArgs};
use crate::ops;

/// Exit code of `--exit-code` where something would change.
const CHANGES: u8 = 2;

/// Arguments of `werf plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 2 where something would change
    #[arg(long, env = "WERF_EXIT_CODE")]
    exit_code: bool,
    /// Print the plan as JSON
    #[arg(long, env = "WERF_JSON")]
    json: bool,
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
    let (exit_code, json) = (args.exit_code, args.json);
    let options = ops::converge::Options {
        images: Vec::new(),
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
    super::run::run(
        look,
        |run| ops::plan::run(options, json, run),
        |plan| {
            super::printed(&plan.text);
            if exit_code && plan.changes { CHANGES } else { 0 }
        },
    )
}
