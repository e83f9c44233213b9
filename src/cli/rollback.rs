//! `werf rollback`.

use super::args::{DeployArgs, KubeArgs, LogArgs, ProjectArgs, ReleaseArgs, whole};
use crate::ops;

/// Arguments of `werf rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Revision to go back to; by default the one that was deployed well before the newest
    #[arg(long, env = "WERF_REVISION", value_name = "N", value_parser = whole::<u32>)]
    revision: Option<u32>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    deploy: DeployArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::rollback::Options {
        revision: args.revision.filter(|&revision| revision > 0),
        project: args.project.options(),
        release: args.release.options(),
        kube: args.kube.options(),
        deploy: args.deploy.options(),
    };
    super::run::run(look, |run| ops::rollback::run(options, run), |notes| super::told(&notes.unwrap_or_default()))
}
