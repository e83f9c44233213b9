//! `werf helm push`.

use std::path::PathBuf;

use super::args::ReachArgs;
use super::told;
use crate::cli::args::LogArgs;
use crate::ops::helm::push;

/// Arguments of `werf helm push`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive
    #[arg(value_name = "CHART")]
    archive: PathBuf,
    /// Where it goes: oci://HOST/PATH; the chart's name comes behind it
    #[arg(value_name = "REMOTE")]
    remote: String,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = push::Options { archive: args.archive, remote: args.remote, reach: args.reach.options() };
    told(look, |run| push::run(options, run))
}
