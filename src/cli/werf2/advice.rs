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
    let is_far = advice.is_none() && forget_far_names(&mut error);
    if advice.is_some() || is_far {
        // clap's own shows the flag that it takes for the meant one
        error.insert(ContextKind::Usage, ContextValue::StyledStr(command.clone().render_usage()));
    }
    if let Some(advice) = advice {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(advice)]));
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
    }
    error
}

/// Beginnings of flags that turn a protection off: nobody is led to one.
const UNPROTECTED: &[&str] = &["skip-", "insecure-", "loose-", "no-", "allow-", "force-", "ignore-", "without-", "with-namespace"];

/// Takes away what clap takes for similar where it is not near, or would turn a protection off. Whether a flag was among it.
fn forget_far_names(error: &mut clap::Error) -> bool {
    let text = |value: Option<&ContextValue>| match value {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let name = |flag: &str| flag.trim_start_matches('-').split(['=', ' ', '[']).next().unwrap_or_default().to_owned();
    let wanted = name(&text(error.get(ContextKind::InvalidArg)));
    let is_meant = |flag: &str| is_near(&wanted, flag) && !UNPROTECTED.iter().any(|beginning| flag.starts_with(beginning));
    let is_far = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => !is_meant(&name(flag)),
        _ => false,
    };
    if is_far {
        error.remove(ContextKind::SuggestedArg);
    }
    let wanted = text(error.get(ContextKind::InvalidSubcommand));
    if let Some(ContextValue::Strings(names)) = error.get(ContextKind::SuggestedSubcommand) {
        let near: Vec<String> = names.iter().filter(|name| is_near(&wanted, name)).cloned().collect();
        error.remove(ContextKind::SuggestedSubcommand);
        if !near.is_empty() {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(near));
        }
    }
    is_far
}

/// Whether one name may be a slip for another: one slip for each four letters, or what is lacking is the end.
fn is_near(wanted: &str, known: &str) -> bool {
    let slips = wanted.chars().count().div_ceil(4);
    strsim::osa_distance(wanted, known) <= slips || (wanted.len() >= 4 && known.starts_with(wanted))
}

/// The command of a command line, as far as it is known here, with its name: `helm template`.
pub fn asked_for<'c>(program: &'c clap::Command, words: &[&str]) -> (&'c clap::Command, String) {
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

/// What is done otherwise here: a flag, the commands that lack it, and how.
const OTHERWISE: &[(&str, &[&str], &str)] = &[
    ("dry-run", &["converge", "render"], "`werf plan` says what would change, and changes nothing"),
    ("dry-run", &["build"], "`werf build --explain` says what an image is made of, and builds nothing"),
    ("wait", &["converge", "rollback", "dismiss"], "it always waits until all is done; `--timeout` says how long at most"),
    ("atomic", &["rollback", "plan"], "`werf converge --auto-rollback` brings the last good revision back where a deployment fails"),
];

fn of_flag(flag: &str, command: &str) -> Option<String> {
    let name = flag.strip_prefix("--")?.split('=').next()?;
    if let Some((.., advice)) = OTHERWISE.iter().find(|(flag, commands, _)| *flag == name && commands.contains(&command)) {
        return Some((*advice).to_owned());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        for (wanted, known) in [("rpo", "repo"), ("reop", "repo"), ("converg", "converge"), ("time-out", "timeout"), ("name", "namespace")]
        {
            assert!(is_near(wanted, known), "{wanted} {known}");
        }
        for (wanted, known) in [("init", "lint"), ("set", "loose-giterminism"), ("converg", "config"), ("wait", "dev"), ("log", "logs-all")]
        {
            assert!(!is_near(wanted, known), "{wanted} {known}");
        }
    }
}
