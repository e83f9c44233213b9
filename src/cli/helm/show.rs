//! `werf helm show …`.

use super::args::SourceArgs;
use super::{Late, told};
use crate::cli::args::{LogArgs, helm_version};
use crate::ops::helm::show::{self, Part};

/// Subcommands of `werf helm show`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All of a chart
    All(Late<Args>),
    /// Its Chart.yaml
    Chart(Late<Args>),
    /// Its values.yaml
    Values(Late<Args>),
    /// Its readme
    Readme(Late<Args>),
    /// The files of its crds directory
    Crds(Late<Args>),
}

/// Arguments of all of them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory, a .tgz archive, REPOSITORY/CHART, oci://… or the URL of an archive
    #[arg(value_name = "CHART")]
    chart: String,
    /// Whose ways are followed: those of Helm 3 or 4
    #[arg(long, env = "WERF_HELM_COMPAT", value_name = "3|4", default_value_t = 3, value_parser = helm_version)]
    helm_compat: u8,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    let (part, args) = match command {
        Command::All(Late(args)) => (Part::All, args),
        Command::Chart(Late(args)) => (Part::Chart, args),
        Command::Values(Late(args)) => (Part::Values, args),
        Command::Readme(Late(args)) => (Part::Readme, args),
        Command::Crds(Late(args)) => (Part::Crds, args),
    };
    let look = args.log.look();
    let helm_4 = args.helm_compat == 4;
    let options = show::Options { part, chart: args.chart, source: args.source.options(), helm_4 };
    told(look, |run| show::run(options, run))
}
