//! `werf includes`.

use super::args::{LogArgs, ProjectArgs};
use super::late::Late;
use crate::ops;

/// Subcommands of `werf includes`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the commits of what werf-includes.yaml names, as they are now, to werf-includes.lock
    Update(Late<UpdateArgs>),
    /// List the project's files with the repository that each is from
    LsFiles(Late<ListArgs>),
    /// Print a file as the project has it
    GetFile(Late<GetArgs>),
}

/// Arguments of `werf includes update`.
#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `werf includes ls-files`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Files to list: paths, directories or globs; all by default
    globs: Vec<String>,
    /// Whose files: source=local or a part of a repository's URL, several with commas between; all by default
    #[arg(long, env = "WERF_INCLUDES_LIST_FILTER", value_name = "source=NAMES")]
    filter: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `werf includes get-file`.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// The file's path from the project's directory
    file: String,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Update(Late(args)) => {
            let options = args.project.options();
            super::run::run(args.log.look(), |run| ops::includes::update(options, run), |()| 0)
        }
        Command::LsFiles(Late(args)) => {
            let ListArgs { globs, filter, project, log } = *args;
            let options = project.options();
            super::run::run(
                log.look(),
                |run| async move { ops::includes::ls_files(options, &globs, filter.as_deref(), run).await },
                |text| super::printed(&text),
            )
        }
        Command::GetFile(Late(args)) => {
            let (options, file) = (args.project.options(), args.file);
            super::run::run(
                args.log.look(),
                |run| async move { ops::includes::get_file(options, &file, run).await },
                |bytes| {
                    crate::ui::bytes(&bytes);
                    0
                },
            )
        }
    }
}
