//! `werf helm package`.

use std::path::PathBuf;

use super::args::ReachArgs;
use super::told;
use crate::cli::args::LogArgs;
use crate::ops::helm::package;

/// Arguments of `werf helm package`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directories of charts
    #[arg(value_name = "CHART_PATH", required = true)]
    charts: Vec<String>,
    /// Directory for the archives
    #[arg(long, short = 'd', value_name = "DIR", default_value = ".")]
    destination: PathBuf,
    /// Version for the charts
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// appVersion for the charts
    #[arg(long, value_name = "VERSION")]
    app_version: Option<String>,
    /// Bring charts/ up to date before, as `dependency update` does
    #[arg(long, short = 'u')]
    dependency_update: bool,
    /// Sign the archives: not possible yet
    #[arg(long)]
    sign: bool,
    /// Key to sign with: taken for Helm's sake
    #[arg(long, value_name = "NAME", hide = true)]
    key: Option<String>,
    /// Keys: taken for Helm's sake
    #[arg(long, value_name = "FILE", hide = true)]
    keyring: Option<PathBuf>,
    /// Passphrase of the key: taken for Helm's sake
    #[arg(long, value_name = "FILE", hide = true)]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = package::Options {
        charts: args.charts,
        reach: args.reach.options(),
        dependency_update: args.dependency_update,
        version: args.version,
        app_version: args.app_version,
        destination: args.destination,
        sign: args.sign,
    };
    told(look, |run| package::run(options, run))
}
