//! `werf helm dependency …`.

use std::path::{Component, Path, PathBuf};

use super::args::{FilesArgs, ReachArgs};
use super::{Late, told};
use crate::cli::args::LogArgs;
use crate::cli::env;
use crate::ops::helm::{dependency, dependency_list};

/// Subcommands of `werf helm dependency`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Bring charts/ to what Chart.lock says
    Build(Late<Args>),
    /// Bring charts/ and Chart.lock to the newest versions that Chart.yaml allows
    #[command(visible_alias = "up")]
    Update(Late<Args>),
    /// Say which dependencies a chart has and whether they are in charts/
    #[command(visible_alias = "ls")]
    List(Late<ListArgs>),
}

/// Arguments of `build` and `update`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The chart's directory; the current one by default, or .helm where that has a Chart.yaml and the current one has none
    #[arg(value_name = "CHART")]
    chart: Option<String>,
    /// Take the indexes of repositories from the cache
    #[arg(long)]
    skip_refresh: bool,
    /// Take charts only if they are signed by a key of the keyring; `build` also takes those that are not signed at all
    #[arg(long)]
    verify: bool,
    /// File of public keys; pubring.gpg of GnuPG by default
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The chart: a directory or a .tgz archive; as for the others by default
    #[arg(value_name = "CHART")]
    chart: Option<String>,
    /// Width of the widest column
    #[arg(long, value_name = "COLUMNS", default_value_t = 80)]
    max_col_width: usize,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Build(Late(args)) => told(args.log.look(), |run| dependency::build(args.options(), run)),
        Command::Update(Late(args)) => told(args.log.look(), |run| dependency::update(args.options(), run)),
        Command::List(Late(args)) => {
            let (chart, widest) = (chart(args.chart), args.max_col_width);
            told(args.log.look(), |run| dependency_list::list(chart, widest, run))
        }
    }
}

impl Args {
    fn options(self) -> dependency::Options {
        dependency::Options {
            chart: chart(self.chart),
            reach: self.reach.options(),
            skip_refresh: self.skip_refresh,
            keyring: self.verify.then(|| self.keyring.unwrap_or_else(env::keyring)),
        }
    }
}

/// The chart's path without what changes nothing in it.
fn chart(given: Option<String>) -> String {
    let has_chart = |dir: &str| Path::new(dir).join("Chart.yaml").exists();
    let path = match given {
        Some(path) => PathBuf::from(path),
        None if !has_chart(".") && has_chart(".helm") => PathBuf::from(".helm"),
        None => PathBuf::from("."),
    };
    let tidy: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { ".".to_owned() } else { tidy.to_string_lossy().into_owned() }
}
