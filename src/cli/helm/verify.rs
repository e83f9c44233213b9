//! `werf helm verify`.

use std::path::PathBuf;

use super::told;
use crate::cli::args::LogArgs;
use crate::cli::env;
use crate::ops::helm::verify;

/// Arguments of `werf helm verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive; its provenance file lies beside it
    #[arg(value_name = "PATH")]
    archive: PathBuf,
    /// File of public keys; pubring.gpg of GnuPG by default
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = verify::Options { archive: args.archive, keyring: args.keyring.unwrap_or_else(env::keyring) };
    told(look, |run| verify::run(options, run))
}
