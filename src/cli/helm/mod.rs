//! `werf helm …`: Helm's own commands, one file each, with Helm's arguments and flags.
//!
//! Flags without a werf variable are Helm's: a variable that is meant for the project's chart must not reach another one.

mod template;

/// Subcommands of `werf helm`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the manifests of any chart as `helm template` does
    Template(Box<template::Args>),
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Template(args) => template::run(*args),
    }
}
