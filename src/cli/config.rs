//! `werf config render` and `werf config list`.

use super::args::{LogArgs, ProjectArgs};
use super::late::Late;
use crate::ops;

/// Subcommands of `werf config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print werf.yaml as its templates render it
    Render(Late<Args>),
    /// Print the names of the images
    List(Late<ListArgs>),
}

/// Arguments of `werf config render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images whose documents are printed; the whole file by default
    images: Vec<String>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `werf config list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only images that go to the chart
    #[arg(long, env = "WERF_FINAL_IMAGES_ONLY")]
    final_images_only: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Render(Late(args)) => {
            let (options, images) = (args.project.options(), args.images);
            super::run::run(
                args.log.look(),
                |run| async move { ops::config::render(options, &images, run).await },
                |text| super::printed(&text),
            )
        }
        Command::List(Late(args)) => {
            let (options, only_final) = (args.project.options(), args.final_images_only);
            super::run::run(args.log.look(), |run| ops::config::list(options, only_final, run), |text| super::printed(&text))
        }
    }
}
