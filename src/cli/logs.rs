//! `werf logs`.

use super::args::{KubeArgs, LogArgs, ProjectArgs, ReleaseArgs};
use crate::ops;

/// Arguments of `werf logs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images of werf.yaml, and resources such as Deployment/web; all by default
    #[arg(value_name = "IMAGE|KIND/NAME")]
    of: Vec<String>,
    /// Go on with what the containers write
    #[arg(long, short = 'f', env = "WERF_LOGS_FOLLOW")]
    follow: bool,
    /// How many lines of each container; -1 for all
    #[arg(long, env = "WERF_TAIL", value_name = "N", default_value = "100", value_parser = lines, allow_negative_numbers = true)]
    tail: u64,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    log: LogArgs,
}

fn lines(text: &str) -> Result<u64, String> {
    if text == "-1" { Ok(u64::MAX) } else { text.parse().map_err(|_| "it is neither a number of lines nor -1".into()) }
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::logs::Options {
        of: args.of,
        follow: args.follow,
        tail: args.tail,
        project: args.project.options(),
        release: args.release.options(),
        kube: args.kube.options(),
    };
    super::run::run_light(look, |run| ops::logs::run(options, crate::ui::masked_data, run), |()| 0)
}
