mod log_page;
mod page;

use super::*;

/// Variables that are not made from the flag's name, as in werf.
const IRREGULAR: &[(&str, &str)] = &[
    ("filter", "WERF_INCLUDES_LIST_FILTER"),
    ("git-work-tree", "WERF_WORK_TREE"),
    ("home-dir", "WERF_HOME"),
    ("output", "WERF_RENDER_OUTPUT"),
];

/// Flags for what werf 2 does not do.
const OURS: &str = "buildkit-host buildkit-tls-ca buildkit-tls-cert buildkit-tls-key buildkit-tls-server-name buildkitd debug deterministic explain helm-compat json log-folds log-format strict tail validate-schemas";

fn each_flag(check: &mut dyn FnMut(&str, &clap::Arg)) {
    fn walk(command: &clap::Command, check: &mut dyn FnMut(&str, &clap::Arg)) {
        let is_own = |arg: &&clap::Arg| {
            let is_accepted = arg.get_help().is_some_and(|help| help.to_string().starts_with("No effect: "));
            !arg.is_positional() && !matches!(arg.get_id().as_str(), "help" | "version") && !is_accepted
        };
        for arg in command.get_arguments().filter(is_own) {
            check(command.get_name(), arg);
        }
        // flags of `werf helm` are Helm's own
        command.get_subcommands().filter(|command| command.get_name() != "helm").for_each(|command| walk(command, check));
    }
    let mut command = Cli::command();
    command.build();
    command.clone().debug_assert();
    walk(&command, check);
}

/// Flags whose variable has the command in its name. Pipelines of werf 2 say by `WERF_TIMEOUT` how long a deployment waits: it must not cut
/// their builds and cleanups short. By `WERF_FOLLOW` they say that commands run for each commit: those who read logs use the flag otherwise.
fn is_its_own(command: &str, flag: &str) -> bool {
    [("build", "timeout"), ("cleanup", "timeout"), ("logs", "follow")].contains(&(command, flag))
}

#[test]
fn every_flag_has_help_and_the_variable_of_its_name() {
    each_flag(&mut |command, arg| {
        let long = arg.get_long().unwrap_or_else(|| panic!("{command}: {} has no long name", arg.get_id()));
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.len() > 5 && !help.ends_with('.'), "{command} --{long}: `{help}`");
        let regular = format!("WERF_{}", long.replace('-', "_").to_uppercase());
        let expected = IRREGULAR.iter().find(|(flag, _)| *flag == long).map_or(regular.as_str(), |(_, variable)| variable);
        // werf 2 has no variable for it either
        let expected = (long != "config-render-path").then_some(expected);
        let own = format!("WERF_{}_{}", command.to_uppercase(), long.to_uppercase());
        let expected = if is_its_own(command, long) { Some(own.as_str()) } else { expected };
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), expected, "{command} --{long}");
    });
}

#[test]
fn every_flag_is_one_of_werf_or_for_what_werf_does_not_do() {
    let ours: Vec<&str> = OURS.split_whitespace().collect();
    let mut used = std::collections::BTreeSet::new();
    let mut unknown = std::collections::BTreeSet::new();
    each_flag(&mut |_, arg| {
        let long = arg.get_long().unwrap_or_default().to_owned();
        if !ours.contains(&long.as_str()) && !werf2::names::flags().any(|flag| flag.name == long) {
            unknown.insert(long.clone());
        }
        used.insert(long);
    });
    assert!(unknown.is_empty(), "neither werf's nor ours: {unknown:?}");
    let gone: Vec<&&str> = ours.iter().filter(|name| !used.contains(**name)).collect();
    assert!(gone.is_empty(), "no command has: {gone:?}");
}

#[test]
fn one_name_means_one_thing_in_all_commands() {
    let mut seen = std::collections::BTreeMap::new();
    each_flag(&mut |command, arg| {
        let long = arg.get_long().unwrap_or_default().to_owned();
        if is_its_own(command, &long) {
            return;
        }
        let meaning = (arg.get_help().map(ToString::to_string), arg.get_short(), arg.get_env().map(std::ffi::OsStr::to_owned));
        let (first, known) = seen.entry(long.clone()).or_insert_with(|| (command.to_owned(), meaning.clone()));
        assert_eq!(*known, meaning, "--{long} of {first} and of {command}");
    });
}
