//! The variables of werf 2's flags.

use clap::error::ErrorKind;

use super::names::{Flag, flags};
use crate::cli::env;

/// Looks for variables that stand for flags which werf 2 has for the command that is asked for, and which are not here.
///
/// # Errors
/// The first of them, and the first that is read as a text and is none.
pub fn check(program: &mut clap::Command, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
    let (mut command, mut matches, mut path) = (program, matches, String::new());
    while let Some((name, inner)) = matches.subcommand() {
        path = if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
        matches = inner;
        match command.find_subcommand_mut(name) {
            Some(found) => command = found,
            None => return Ok(()),
        }
    }
    // Helm's own commands read no variables of werf here.
    if path.starts_with("helm") {
        return Ok(());
    }
    // what clap reads by itself it has judged already: files may have any names
    let is_clap = |name: &String| command.get_arguments().any(|arg| arg.get_env().is_some_and(|known| known == name.as_str()));
    if let Some(name) = env::no_text_of_werf().iter().find(|name| !is_clap(name) && flag_of(name, &path).is_some()) {
        return Err(no_text(command, name));
    }
    let found = env::of_werf().into_iter().find_map(|(name, value)| {
        let flag = flag_of(&name, &path).filter(|flag| !flag.is_default(&value) && !has(command, flag.name))?;
        Some((name, flag))
    });
    let Some((variable, flag)) = found else { return Ok(()) };
    let message = format!(
        "{variable} is set: it is the variable of --{}, which werf 2 has for this command and which is not supported here yet\n\n  \
         tip: unset it where its effect is not wanted",
        flag.name
    );
    Err(command.error(ErrorKind::UnknownArgument, message))
}

/// A variable's value cannot be taken as it is.
pub fn no_text(command: &mut clap::Command, variable: &str) -> clap::Error {
    let message = format!(
        "the value of {variable} is not UTF-8\n\n  \
         tip: write it in UTF-8; bytes of any kind come into the chart from a file (--set-file)"
    );
    command.error(ErrorKind::InvalidUtf8, message)
}

/// The flag of a command that a variable stands for in werf 2.
fn flag_of(variable: &str, command: &str) -> Option<Flag> {
    let fitting = flags().filter(|flag| flag.is_of(command)).filter_map(|flag| Some((flag.variable_fits(variable)?, flag)));
    fitting.max_by_key(|(length, _)| *length).map(|(_, flag)| flag)
}

fn has(command: &clap::Command, flag: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(flag) || arg.get_all_aliases().unwrap_or_default().contains(&flag))
}

/// Gives flags that have second names in werf 2 the variable of such a name, where it is the one that is set: `WERF_ATOMIC` is the
/// variable of `--atomic`, which is `--auto-rollback`.
pub fn second_names(command: clap::Command) -> clap::Command {
    let set = env::of_werf();
    command.mut_args(|arg| {
        let Some(aliases) = arg.get_all_aliases().filter(|_| !set.is_empty()) else { return arg };
        let is_set = |name: &str| set.iter().any(|(known, value)| known == name && !value.is_empty());
        let own = arg.get_env().and_then(|name| name.to_str()).unwrap_or_default();
        let second = aliases.iter().map(|alias| format!("WERF_{}", alias.replace('-', "_").to_uppercase())).find(|name| is_set(name));
        match second {
            Some(second) if !is_set(own) => arg.env(second),
            _ => arg,
        }
    })
}
