//! The page "Configuration" has each flag of werf 2 for the commands that exist here, with what becomes of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;

use super::super::Cli;
use super::super::werf2::{names, nothing};

const BEGIN: &str = "<!-- flags: made by the tests of `src/cli` with UPDATE_DOCS=1 -->\n";
const END: &str = "<!-- end of flags -->\n";

#[test]
fn the_page_has_every_flag() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = std::fs::read_to_string(&path).expect("docs/configuration.md");
    let (head, rest) = page.split_once(BEGIN).expect("the begin of the flags");
    let (_, tail) = rest.split_once(END).expect("the end of the flags");
    let made = format!("{head}{BEGIN}{}{END}{tail}", table());
    if super::env::text("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("a page that can be written");
    }
    let line = |(made, page): &(&str, &str)| made != page;
    let first = made.lines().zip(page.lines()).find(line);
    assert!(made == page, "docs/configuration.md is not up to date, first at {first:?}: run this test with UPDATE_DOCS=1");
}

fn table() -> String {
    let commands = commands();
    let mut text = String::from("| flag | variable | commands |\n| --- | --- | --- |\n");
    for flag in names::flags().filter(|flag| !flag.name.is_empty()) {
        let mut told: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (path, has) in commands.iter().filter(|(path, _)| flag.is_of(path)) {
            let standing = match has.get(flag.name) {
                None => "not yet".to_owned(),
                Some(true) => "yes".to_owned(),
                Some(false) => format!("no effect, for {}", nothing::why(&flag, path).unwrap_or_default()),
            };
            told.entry(standing).or_default().push(path);
        }
        if told.is_empty() {
            continue;
        }
        let one = told.len() == 1;
        let standing = |(standing, paths): (&String, &Vec<&str>)| match one {
            true => standing.clone(),
            false => format!("{standing}: {}", paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" ")),
        };
        let told: Vec<String> = told.iter().map(standing).collect();
        let variables: Vec<String> = flag.variables.iter().map(|name| format!("`{name}`")).collect();
        writeln!(text, "| `--{}` | {} | {} |", flag.name, variables.join(" "), told.join("; ")).expect("a text");
    }
    text
}

/// The commands that exist here, but for those of `werf helm`, which have Helm's flags: each with its long flags and whether they have an effect.
fn commands() -> Vec<(String, BTreeMap<String, bool>)> {
    fn walk(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for inner in command.get_subcommands().filter(|inner| !matches!(inner.get_name(), "help" | "helm")) {
            let path = if path.is_empty() { inner.get_name().to_owned() } else { format!("{path} {}", inner.get_name()) };
            found.push(path.clone());
            walk(inner, &path, found);
        }
    }
    let (mut program, mut paths) = (Cli::command(), Vec::new());
    program.build();
    walk(&program, "", &mut paths);
    paths.into_iter().map(|path| (path.clone(), flags(&path))).collect()
}

/// The flags of a command as they are when it is asked for.
fn flags(path: &str) -> BTreeMap<String, bool> {
    let mut program = Cli::command();
    // the error is its help
    let _ = program.try_get_matches_from_mut(["werf"].into_iter().chain(path.split(' ')).chain(["--help"]));
    let command = path.split(' ').try_fold(&program, |command, name| command.find_subcommand(name)).expect("a command that exists");
    let names = |arg: &clap::Arg| {
        let has_effect = !arg.get_help().is_some_and(|help| help.to_string().starts_with("No effect: "));
        let names = arg.get_long().into_iter().chain(arg.get_all_aliases().into_iter().flatten());
        names.map(|name| (name.to_owned(), has_effect)).collect::<Vec<_>>()
    };
    command.get_arguments().flat_map(names).collect()
}
