//! `werf init`.

use std::path::PathBuf;

use super::args::LogArgs;
use crate::ops;

/// Arguments of `werf init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Project directory inside the Git repository; the current directory by default
    #[arg(long, env = "WERF_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let options = ops::init::Options { dir: args.dir };
    super::run::run_light(args.log.look(), |_| std::future::ready(ops::init::run(&options)), |text| super::told(&text))
}
