//! `encrypt` and `decrypt`, of files and of standard input.

use std::io::IsTerminal;
use std::path::PathBuf;

use super::args::KeyArgs;
use crate::cli::args::LogArgs;
use crate::cli::run;
use crate::error::Result;
use crate::ops::secret::{Form, Options, Source, decrypt, encrypt};
use crate::ui::{self, Look, prompt};

/// Arguments of `encrypt` and `decrypt`.
#[derive(Debug, clap::Args)]
pub struct PipeArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments of the same for files and values.
#[derive(Debug, clap::Args)]
pub struct FileArgs {
    /// What is read; standard input where it is left out
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where the result goes, and with which key it is made.
#[derive(Debug, clap::Args)]
struct OutputArgs {
    /// Write to this file instead of standard output
    // no variable: werf 2's WERF_OUTPUT_FILE_PATH is that of ci-env, and must not take a secret
    #[arg(long, short = 'o', value_name = "FILE")]
    output_file_path: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs `encrypt`.
pub fn encrypt(args: PipeArgs) -> u8 {
    let look = args.output.log.look();
    told(look.clone(), encrypt::run(args.output.options(Form::Bytes, typed_or_piped(look))), false)
}

/// Runs `decrypt`.
pub fn decrypt(args: PipeArgs) -> u8 {
    let look = args.output.log.look();
    told(look.clone(), decrypt::run(args.output.options(Form::Bytes, typed_or_piped(look))), true)
}

/// Runs `file encrypt` and `values encrypt`.
pub fn encrypt_file(args: FileArgs, form: Form) -> u8 {
    told(args.output.log.look(), encrypt::run(args.output.options(form, named_or_piped(args.file))), false)
}

/// Runs `file decrypt` and `values decrypt`.
pub fn decrypt_file(args: FileArgs, form: Form) -> u8 {
    told(args.output.log.look(), decrypt::run(args.output.options(form, named_or_piped(args.file))), true)
}

impl OutputArgs {
    fn options(self, form: Form, source: Source) -> Options {
        let output = self.output_file_path.filter(|path| !path.as_os_str().is_empty());
        Options { key: self.key.options(), form, source, output }
    }
}

fn typed_or_piped(look: Look) -> Source {
    if std::io::stdin().is_terminal() {
        Source::Input(Box::pin(prompt::hidden("Enter secret: ", look.style)))
    } else {
        Source::Input(Box::pin(prompt::input()))
    }
}

fn named_or_piped(file: Option<PathBuf>) -> Source {
    match file.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Source::File(path),
        None if std::io::stdin().is_terminal() => Source::Nothing,
        None => Source::Input(Box::pin(prompt::input())),
    }
}

/// Runs the operation and writes what is left for standard output, ending with a line break on a terminal where `line_break` says so.
fn told(look: Look, operation: impl Future<Output = Result<Vec<u8>>>, line_break: bool) -> u8 {
    let until_signal = async |run: crate::ops::Run| run.cancel.run_until_cancelled(operation).await.unwrap_or(Ok(Vec::new()));
    run::run_light(look, until_signal, |mut bytes| {
        if line_break && std::io::stdout().is_terminal() && bytes.last().is_some_and(|&last| last != b'\n') {
            bytes.push(b'\n');
        }
        ui::bytes(&bytes);
        0
    })
}
