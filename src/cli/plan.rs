//! `werf plan`.

use super::args::LogArgs;
use super::converge::DeploymentArgs;
use crate::ops;

/// Exit code of `--exit-code` where something would change.
const CHANGES: u8 = 2;

/// Arguments of `werf plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 2 where something would change
    #[arg(long, env = "WERF_EXIT_CODE")]
    exit_code: bool,
    /// Print JSON
    #[arg(long, env = "WERF_JSON")]
    json: bool,
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let (exit_code, json) = (args.exit_code, args.json);
    let options = args.deployment.options(Vec::new());
    super::run::run(
        look,
        |run| ops::plan::run(options, json, run),
        |plan| {
            super::told(&plan.text);
            if exit_code && plan.changes { CHANGES } else { 0 }
        },
    )
}
