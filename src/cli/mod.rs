//! The command line: one file per command turns its arguments into an options struct and makes one call into `ops`.
//!
//! Flags and environment variables are read here and nowhere else. Each flag `--foo-bar` has the variable `WERF_FOO_BAR`; a list flag
//! also takes every `WERF_FOO_BAR_*`, in the order of their names ([`mod@env`]). Command line: <https://werf.io/docs/v2/reference/cli/>.

mod args;
mod build;
mod ci_env;
mod cleanup;
mod completion;
mod config;
mod converge;
mod cr;
mod dismiss;
mod env;
mod follow;
mod helm;
mod help;
mod includes;
mod init;
mod late;
mod lint;
mod logs;
mod password;
mod plan;
mod render;
mod rollback;
mod run;
mod status;
mod suggestions;
mod time_layout;
mod version;
mod werf2;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::late::Late;
use crate::error::Kind;

/// What to do first.
const FIRST: &str = "\
First steps, in a Git repository:
  werf init                                        writes a small werf.yaml and chart
  git add . && git commit -m 'Deploy with werf'    files come from the commit
  werf plan --repo registry.example.org/app        says what would change
  werf converge --repo registry.example.org/app    does it
`werf COMMAND -h` has the flags of the day, `werf COMMAND --help` all of them.";

/// Takes an application from a Git commit to a healthy release in Kubernetes.
#[derive(Debug, Parser)]
#[command(
    name = "werf",
    version,
    propagate_version = false,
    arg_required_else_help = true,
    after_help = FIRST,
    max_term_width = 110
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a small werf.yaml and chart for the Dockerfiles that are here
    Init(Late<init::Args>),
    /// Build what is missing, apply the chart, wait until everything works
    Converge(Late<converge::Args>),
    /// Build and publish the images that the registry lacks
    Build(Late<build::Args>),
    /// Print the manifests that `converge` would apply
    Render(Late<render::Args>),
    /// Say what is wrong or doubtful in the chart
    Lint(Late<lint::Args>),
    /// Print what `converge` would change in the cluster
    Plan(Late<plan::Args>),
    /// Say how the release and its resources fare
    Status(Late<status::Args>),
    /// Print what the containers of the release write
    Logs(Late<logs::Args>),
    /// Bring an earlier revision of the release back
    Rollback(Late<rollback::Args>),
    /// Delete the release from the cluster
    Dismiss(Late<dismiss::Args>),
    /// Delete the images that nothing uses
    Cleanup(Late<cleanup::Args>),
    /// Work on any chart as Helm does
    #[command(subcommand)]
    Helm(Late<helm::Command>),
    /// Print the variables of werf for a CI job
    CiEnv(Late<ci_env::Args>),
    /// Log in to registries
    #[command(subcommand)]
    Cr(Late<cr::Command>),
    /// Look at the configuration
    #[command(subcommand)]
    Config(Late<config::Command>),
    /// Look at the files of other repositories that belong to the project
    #[command(subcommand)]
    Includes(Late<includes::Command>),
    /// Print the version
    Version,
    /// Print a completion script for a shell
    Completion(Late<completion::Args>),
}

/// Runs the program with these arguments; returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    if env::text(env::COMPLETE).is_some() {
        return completion::answer(&args);
    }
    let mut command = Cli::command();
    let parsed = command.try_get_matches_from_mut(&args).and_then(|mut matches| {
        werf2::variables::check(&mut command, &matches)?;
        if let Some(dir) = leaf(&matches).try_get_one::<PathBuf>("home_dir").ok().flatten() {
            env::use_home_dir(dir.clone());
        }
        Cli::from_arg_matches_mut(&mut matches)
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return help(&error, &command, &args),
        Err(error) if error.kind() == ErrorKind::InvalidUtf8 => return usage(&without_text(error, &mut command)),
        Err(error) => return usage(&werf2::advice::advised(named_by_variable(error, &command, &args), &command, &args)),
    };
    match cli.command {
        Command::Init(Late(args)) => init::run(*args),
        Command::Converge(Late(args)) => converge::run(*args),
        Command::Build(Late(args)) => build::run(*args),
        Command::Render(Late(args)) => render::run(*args),
        Command::Lint(Late(args)) => lint::run(*args),
        Command::Plan(Late(args)) => plan::run(*args),
        Command::Status(Late(args)) => status::run(*args),
        Command::Logs(Late(args)) => logs::run(*args),
        Command::Rollback(Late(args)) => rollback::run(*args),
        Command::Dismiss(Late(args)) => dismiss::run(*args),
        Command::Cleanup(Late(args)) => cleanup::run(*args),
        Command::Helm(Late(command)) => helm::run(*command),
        Command::CiEnv(Late(args)) => ci_env::run(*args),
        Command::Cr(Late(command)) => cr::run(*command),
        Command::Config(Late(command)) => config::run(*command),
        Command::Includes(Late(command)) => includes::run(*command),
        Command::Version => version::run(),
        Command::Completion(Late(args)) => completion::run(&args),
    }
}

/// What was given to the command that is asked for.
fn leaf(matches: &clap::ArgMatches) -> &clap::ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| leaf(inner))
}

/// Gives the flags of a command what all flags of the program have in common, and those that werf 2 has and that have nothing to do here.
/// `path` is the command's name, such as `config render`.
fn prepared(command: clap::Command, path: &str) -> clap::Command {
    let command = werf2::variables::second_names(without_empty_variables(switches(command)));
    werf2::nothing::accepted(command, path)
}

/// A switch may carry a value (`--dev=false`, `WERF_DEV=1`), read as Go's `ParseBool` does.
fn switches(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        // values of variables are long, and may be secret (WERF_SET_…)
        let arg = arg.hide_env_values(true);
        if !matches!(arg.get_action(), ArgAction::SetTrue) {
            return arg;
        }
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true)
            .value_name("BOOL")
            .value_parser(go_bool)
    });
    command.mut_subcommands(switches)
}

/// An empty variable counts as none, as in werf.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let is_empty =
            arg.get_env().and_then(|name| name.to_str()).is_some_and(|name| env::lookup(name).is_some_and(|text| text.is_empty()));
        if is_empty { arg.env(None::<&'static str>) } else { arg }
    });
    command.mut_subcommands(without_empty_variables)
}

/// A wrong value that came from a variable is blamed on the variable.
fn named_by_variable(mut error: clap::Error, command: &clap::Command, args: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    let long = flag.trim_start_matches("--").split([' ', '[', '=']).next().unwrap_or_default().to_owned();
    let given = |arg: &OsString| arg.to_str().is_some_and(|arg| arg.split('=').next() == Some(&format!("--{long}")));
    let variable = variable_of(command, &long).filter(|name| env::text(name).is_some() && !args.iter().any(given));
    if let Some(variable) = variable {
        error.insert(ContextKind::InvalidArg, ContextValue::String(format!("{variable}, the variable of --{long}")));
    }
    error
}

/// Something is not UTF-8: the variable, where it is one. What `check` has found has its name already.
fn without_text(error: clap::Error, command: &mut clap::Command) -> clap::Error {
    match env::no_text_of_werf().first() {
        Some(name) if !error.to_string().contains("WERF_") => werf2::variables::no_text(command, name),
        _ => error,
    }
}

fn variable_of(command: &clap::Command, long: &str) -> Option<String> {
    let own = command.get_arguments().find(|arg| arg.get_long() == Some(long));
    let name = own.and_then(|arg| arg.get_env()).and_then(|name| name.to_str());
    name.map(str::to_owned).or_else(|| command.get_subcommands().find_map(|command| variable_of(command, long)))
}

fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

/// Writes data to standard output; the command went well.
fn printed(text: &str) -> u8 {
    crate::ui::data(text);
    0
}

/// The same for what people read and secret values have no place in.
fn told(text: &str) -> u8 {
    crate::ui::masked_data(text);
    0
}

/// The help that is asked for.
fn help(error: &clap::Error, command: &clap::Command, args: &[OsString]) -> u8 {
    let words: Vec<&str> = args.iter().skip(1).filter_map(|arg| arg.to_str()).filter(|word| *word != "help").collect();
    let (asked, path) = werf2::advice::asked_for(command, &words);
    help::asked_for(asked, &path, args).map_or_else(|| usage(error), |text| printed(&text))
}

/// Help and version go to standard output and succeed; a wrong command line goes to standard error and exits 2.
fn usage(error: &clap::Error) -> u8 {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => Kind::Usage.exit_code(),
    }
}

#[cfg(test)]
mod tests;
