//! `werf status`.

use super::args::{KubeArgs, LogArgs, ProjectArgs, ReleaseArgs};
use crate::ops;

/// Arguments of `werf status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long, env = "WERF_JSON")]
    json: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::status::Options {
        json: args.json,
        project: args.project.options(),
        release: args.release.options(),
        kube: args.kube.options(),
    };
    super::run::run_light(look, |run| ops::status::run(options, run), |text| super::told(&text))
}
