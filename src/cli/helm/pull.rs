//! `werf helm pull`.

use std::path::PathBuf;

use super::args::SourceArgs;
use super::told;
use crate::cli::args::LogArgs;
use crate::ops::helm::pull;

/// Arguments of `werf helm pull`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// REPOSITORY/CHART, oci://… or the URL of an archive
    #[arg(value_name = "CHART", required = true)]
    charts: Vec<String>,
    /// Directory for the archive
    #[arg(long, short = 'd', value_name = "DIR", default_value = ".")]
    destination: PathBuf,
    /// Unpack the archive
    #[arg(long)]
    untar: bool,
    /// Directory for what is unpacked
    #[arg(long, value_name = "DIR", default_value = ".")]
    untardir: PathBuf,
    /// Fetch the provenance file too
    #[arg(long)]
    prov: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = pull::Options {
        charts: args.charts,
        source: args.source.options(),
        destination: args.destination,
        untar: args.untar,
        untar_dir: args.untardir,
        provenance: args.prov,
    };
    told(look, |run| pull::run(options, run))
}
