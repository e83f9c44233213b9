//! `werf lint`.

use super::args::LogArgs;
use super::render::SceneArgs;
use crate::ops;

/// Arguments of `werf lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Warnings fail too
    #[arg(long, env = "WERF_STRICT")]
    strict: bool,
    #[command(flatten)]
    scene: SceneArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::lint::Options { strict: args.strict, render: args.scene.options() };
    super::run::run(look, |run| ops::lint::run(options, run), |text| super::told(&text))
}
