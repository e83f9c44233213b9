//! `werf helm repo …`.

use std::path::PathBuf;

use super::args::{FilesArgs, ReachArgs};
use super::{Late, told};
use crate::cli::args::LogArgs;
use crate::cli::password;
use crate::ops::helm::repo;
use crate::ops::helm::source::ReachOptions;

/// Subcommands of `werf helm repo`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a repository
    Add(Late<AddArgs>),
    /// List the repositories that were added
    #[command(visible_alias = "ls")]
    List(Late<ListArgs>),
    /// Read the indexes of repositories anew
    #[command(visible_alias = "up")]
    Update(Late<UpdateArgs>),
    /// Remove repositories
    #[command(visible_alias = "rm")]
    Remove(Late<RemoveArgs>),
    /// Write the index of a directory with archives
    Index(Late<IndexArgs>),
}

/// Arguments of `add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// What the repository is called here
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is
    #[arg(value_name = "URL")]
    url: String,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Replace a repository of the same name
    #[arg(long)]
    force_update: bool,
    /// Taken for Helm's sake
    #[arg(long, hide = true)]
    no_update: bool,
    /// Add repositories too whose charts have moved for ever
    #[arg(long)]
    allow_deprecated_repos: bool,
    /// Show user name and password to all hosts that the repository leads to
    #[arg(long)]
    pass_credentials: bool,
    /// Taken for Helm's sake
    #[arg(long, value_name = "DURATION", hide = true)]
    timeout: Option<String>,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// What is printed: table, json or yaml
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table", value_parser = format)]
    output: repo::Format,
    /// Leave the head of the table out
    #[arg(long)]
    no_headers: bool,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `update`.
#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    /// Names of repositories; all where none is given
    #[arg(value_name = "REPO")]
    names: Vec<String>,
    /// Fail where a repository cannot be read
    #[arg(long)]
    fail_on_repo_update_fail: bool,
    /// Taken for Helm's sake
    #[arg(long, value_name = "DURATION", hide = true)]
    timeout: Option<String>,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `remove`.
#[derive(Debug, clap::Args)]
pub struct RemoveArgs {
    /// Names of repositories
    #[arg(value_name = "REPO", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `index`.
#[derive(Debug, clap::Args)]
pub struct IndexArgs {
    /// The directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// URL of the repository, to go before the archives' names
    #[arg(long, value_name = "URL", default_value = "")]
    url: String,
    /// An index whose charts are taken over
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    /// Write JSON instead of YAML
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Add(Late(args)) => told(args.log.look(), |run| repo::add(args.options(), run)),
        Command::List(Late(args)) => told(args.log.look(), |run| repo::list(args.files.reach(), args.output, !args.no_headers, run)),
        Command::Update(Late(args)) => told(args.log.look(), |run| repo::update(args.options(), run)),
        Command::Remove(Late(args)) => told(args.log.look(), |run| repo::remove(args.files.reach(), args.names, run)),
        Command::Index(Late(args)) => told(args.log.look(), |run| repo::index(args.options(), run)),
    }
}

impl AddArgs {
    fn options(self) -> repo::AddOptions {
        let mut reach = ReachOptions { pass_credentials: self.pass_credentials, ..self.reach.options() };
        if self.password_stdin && reach.password.is_none() {
            reach.password = Some(password::of_stdin());
        }
        repo::AddOptions {
            name: self.name,
            url: self.url,
            reach,
            force_update: self.force_update,
            allow_deprecated: self.allow_deprecated_repos,
        }
    }
}

impl UpdateArgs {
    fn options(self) -> repo::UpdateOptions {
        repo::UpdateOptions { names: self.names, reach: self.files.reach(), fail: self.fail_on_repo_update_fail }
    }
}

impl IndexArgs {
    fn options(self) -> repo::IndexOptions {
        repo::IndexOptions { dir: self.dir, url: self.url, merge: self.merge, json: self.json }
    }
}

fn format(text: &str) -> Result<repo::Format, String> {
    match text {
        "table" => Ok(repo::Format::Table),
        "json" => Ok(repo::Format::Json),
        "yaml" => Ok(repo::Format::Yaml),
        other => Err(format!("`{other}` is none of table, json, yaml")),
    }
}
