//! Arguments that are described when their command is asked for.
//!
//! All commands together have over a thousand flags. Describing them takes longer than rendering a small chart, so a run describes
//! the flags of one command.

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

use super::prepared;

/// A command's arguments or subcommands.
#[derive(Debug)]
pub struct Late<T>(pub Box<T>);

/// Adds the arguments; what the command is said to be stays.
fn described(command: Command, augment: fn(Command) -> Command) -> Command {
    let (about, long) = (Resettable::from(command.get_about().cloned()), Resettable::from(command.get_long_about().cloned()));
    let path = command.get_bin_name().and_then(|name| name.split_once(' ')).map(|(_, path)| path.to_owned());
    prepared(augment(command).about(about).long_about(long), path.as_deref().unwrap_or_default())
}

impl<T: FromArgMatches> FromArgMatches for Late<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(|found| Late(Box::new(found)))
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(|found| Late(Box::new(found)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Args> Args for Late<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_args))
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_args_for_update))
    }
}

impl<T: Subcommand> Subcommand for Late<T> {
    fn augment_subcommands(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_subcommands))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_subcommands_for_update))
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}
