//! `werf completion`, and what the scripts that it prints ask.
//!
//! A script knows nothing but the program: at each TAB it runs `COMPLETE=SHELL werf -- WORDS…`, which knows commands, flags and values.

use std::ffi::OsString;
use std::sync::Arc;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};

use super::{Cli, env, suggestions};
use crate::ui;

/// Arguments of `werf completion`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell to write for, as --shell has it
    #[arg(value_name = "SHELL")]
    of: Option<Shell>,
    /// Shell to write for
    #[arg(long, env = "WERF_SHELL", value_name = "SHELL", default_value = "bash", conflicts_with = "of")]
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args) -> u8 {
    let shell = args.of.unwrap_or(args.shell).to_string();
    let mut script = Vec::new();
    let written =
        Shells::builtins().completer(&shell).map(|shell| shell.write_registration(env::COMPLETE, "werf", "werf", "werf", &mut script));
    debug_assert!(matches!(written, Some(Ok(()))), "every shell that is named has a script, and memory takes it");
    ui::data(&String::from_utf8_lossy(&script));
    0
}

/// Answers a script: what the last of the words may become.
pub fn answer(args: &[OsString]) -> u8 {
    let words = Arc::new(args.iter().skip_while(|word| *word != "--").skip(1).cloned().collect::<Vec<_>>());
    let program = || {
        let mut command = Cli::command();
        command.build();
        suggestions::given(command, &words)
    };
    #[allow(clippy::disallowed_methods)] // paths that somebody begins to write count from there
    let here = std::env::current_dir().ok();
    match CompleteEnv::with_factory(program).var(env::COMPLETE).completer("werf").try_complete(args.to_vec(), here.as_deref()) {
        Ok(_) => 0,
        Err(error) => super::usage(&error),
    }
}
