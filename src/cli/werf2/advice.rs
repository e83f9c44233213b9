//! What is said of a flag or a command that is not here.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::names::{flags, is_command};

/// Says of an unknown flag or command that werf 2 has it. `args` is the command line with the program's name.
pub fn advised(mut error: clap::Error, command: &clap::Command, args: &[std::ffi::OsString]) -> clap::Error {
    let words: Vec<&str> = args.iter().skip(1).filter_map(|arg| arg.to_str()).collect();
    let (command, path) = asked_for(command, &words);
    let advice = match (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag)), _) => of_flag(flag, &path),
        (ErrorKind::InvalidSubcommand, _, Some(ContextValue::String(name))) => of_command(name, &path, &words),
        _ => None,
    };
    if let Some(advice) = advice {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(advice)]));
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        // clap's own shows the flag that it takes for the meant one
        error.insert(ContextKind::Usage, ContextValue::StyledStr(command.clone().render_usage()));
    }
    error
}

/// The command of a command line, as far as it is known here, with its name: `helm template`.
fn asked_for<'c>(program: &'c clap::Command, words: &[&str]) -> (&'c clap::Command, String) {
    let (mut here, mut path) = (program, Vec::new());
    for word in words.iter().filter(|word| !word.starts_with('-')) {
        match here.find_subcommand(word) {
            Some(inner) => {
                path.push(inner.get_name());
                here = inner;
            }
            None => break,
        }
    }
    (here, path.join(" "))
}

fn of_flag(flag: &str, command: &str) -> Option<String> {
    let name = flag.strip_prefix("--")?.split('=').next()?;
    let flag = flags().find(|flag| flag.name == name)?;
    if flag.is_of(command) {
        return Some("werf 2 has this flag, and it is not supported here yet".into());
    }
    let few: Vec<String> = flag.commands().take(3).map(|command| format!("`{command}`")).collect();
    let more = if flag.commands().count() > few.len() { " and others" } else { "" };
    Some(format!("in werf 2 it is a flag of {}{more}, not of `{command}`", few.join(", ")))
}

/// The longest name that werf 2 knows counts: of `helm secret values edit x` all but the last word.
fn of_command(name: &str, path: &str, words: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| *word == name)?;
    let after = words[at..].iter().take_while(|word| !word.starts_with('-'));
    let mut full = path.to_owned();
    let mut known = None;
    for word in after {
        full = if full.is_empty() { (*word).to_owned() } else { format!("{full} {word}") };
        known = if is_command(&full) { Some(full.clone()) } else { break };
    }
    Some(format!("werf 2 has the command `{}`, and it is not supported here yet", known?))
}
