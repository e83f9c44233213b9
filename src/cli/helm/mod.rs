//! `werf helm …`: Helm's own commands, one file each, with Helm's arguments and flags; `secret` is werf's.
//!
//! Flags without a werf variable are Helm's: a variable that is meant for the project's chart must not reach another one.

mod args;
mod dependency;
mod lint;
mod package;
mod pull;
mod push;
mod registry;
mod repo;
mod secret;
mod show;
mod template;
mod verify;

use super::late::Late;
use super::{printed, run};
use crate::error::Result;
use crate::ops::Run;
use crate::ui::Look;

/// Subcommands of `werf helm`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the manifests of any chart as `helm template` does
    Template(Late<template::Args>),
    /// Say what is wrong with charts, or could be better
    Lint(Late<lint::Args>),
    /// Look after the charts that a chart depends on
    #[command(subcommand, visible_alias = "dep", alias = "dependencies")]
    Dependency(Late<dependency::Command>),
    /// Look after the repositories that charts come from
    #[command(subcommand)]
    Repo(Late<repo::Command>),
    /// Fetch a chart
    #[command(alias = "fetch")]
    Pull(Late<pull::Args>),
    /// Show what a chart is
    #[command(subcommand, alias = "inspect")]
    Show(Late<show::Command>),
    /// Pack a chart's directory into an archive
    Package(Late<package::Args>),
    /// Push an archive into a registry
    Push(Late<push::Args>),
    /// Check who signed an archive
    Verify(Late<verify::Args>),
    /// Log in to registries
    #[command(subcommand)]
    Registry(Late<registry::Command>),
    /// Encrypt and decrypt what a chart keeps secret
    #[command(subcommand)]
    Secret(Late<secret::Command>),
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Template(Late(args)) => template::run(*args),
        Command::Lint(Late(args)) => lint::run(*args),
        Command::Dependency(Late(command)) => dependency::run(*command),
        Command::Repo(Late(command)) => repo::run(*command),
        Command::Pull(Late(args)) => pull::run(*args),
        Command::Show(Late(command)) => show::run(*command),
        Command::Package(Late(args)) => package::run(*args),
        Command::Push(Late(args)) => push::run(*args),
        Command::Verify(Late(args)) => verify::run(*args),
        Command::Registry(Late(command)) => registry::run(*command),
        Command::Secret(Late(command)) => secret::run(*command),
    }
}

/// Runs an operation and writes what it says to standard output. Nothing has to be cleaned up, so that Ctrl-C ends it at once.
fn told<F>(look: Look, operation: impl FnOnce(Run) -> F) -> u8
where
    F: Future<Output = Result<String>>,
{
    let operation = async |run: Run| {
        let cancel = run.cancel.clone();
        cancel.run_until_cancelled(operation(run)).await.unwrap_or(Ok(String::new()))
    };
    run::run_light(look, operation, |text| printed(&text))
}
