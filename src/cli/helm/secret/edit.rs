//! `werf helm secret file edit` and `values edit`.

use std::path::PathBuf;

use super::args::KeyArgs;
use crate::cli::args::LogArgs;
use crate::cli::{env, run};
use crate::error::Error;
use crate::ops::secret::{EditorOptions, Form, edit};
use crate::ui::{self, Look, prompt};

/// Arguments of `edit`. The editor is that of `EDITOR`, else vim, vi or nano.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The encrypted file, which is made where it is not there
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args, form: Form) -> u8 {
    let look = args.log.look();
    let editor = EditorOptions { command: env::text("EDITOR"), path: env::path() };
    let temporary = args.key.temporary();
    let options = edit::Options { key: args.key.options(), form, file: args.file, editor, temporary };
    run::run(look.clone(), |run| edit::run(options, run, async |error| ask(look.clone(), error).await), |()| 0)
}

async fn ask(look: Look, error: &Error) -> edit::Answer {
    ui::error(&look, error);
    match prompt::answer("Edit the text again? `n` gives it up (Y/n) ", look.style).await {
        None => edit::Answer::Nobody,
        Some(line) if line.trim().is_empty() || line.trim_start().starts_with(['y', 'Y']) => edit::Answer::Again,
        Some(_) => edit::Answer::GiveUp,
    }
}
