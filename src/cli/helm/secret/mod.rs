//! `werf helm secret …`: keys, encrypted files and values.

mod args;
mod edit;
mod transform;

use std::path::PathBuf;

use super::Late;
use crate::cli::args::{LogArgs, ProjectArgs};
use crate::cli::{env, printed, run};
use crate::ops::secret::{Form, KeyOptions, generate_secret_key, rotate_secret_key};

/// Subcommands of `werf helm secret`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a new key
    GenerateSecretKey(Late<KeylessArgs>),
    /// Encrypt what is typed or piped in
    Encrypt(Late<transform::PipeArgs>),
    /// Decrypt what is typed or piped in
    Decrypt(Late<transform::PipeArgs>),
    /// Work on files of secret values
    #[command(subcommand)]
    Values(Late<FormCommand>),
    /// Work on secret files
    #[command(subcommand)]
    File(Late<FormCommand>),
    /// Encrypt the project's secret files and values with a new key
    RotateSecretKey(Late<RotateArgs>),
}

/// What is done with a file.
#[derive(Debug, clap::Subcommand)]
pub enum FormCommand {
    /// Encrypt a file, or what is piped in
    Encrypt(Late<transform::FileArgs>),
    /// Decrypt a file, or what is piped in
    Decrypt(Late<transform::FileArgs>),
    /// Edit an encrypted file, or make one
    Edit(Late<edit::Args>),
}

/// Arguments of `generate-secret-key`.
#[derive(Debug, clap::Args)]
pub struct KeylessArgs {
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `rotate-secret-key`. The old key is that of `WERF_OLD_SECRET_KEY`.
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// Files of secret values beside the chart's own secret-values.yaml
    #[arg(value_name = "FILE")]
    values: Vec<PathBuf>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::GenerateSecretKey(Late(args)) => super::told(args.log.look(), async |_| Ok(generate_secret_key::run())),
        Command::Encrypt(Late(args)) => transform::encrypt(*args),
        Command::Decrypt(Late(args)) => transform::decrypt(*args),
        Command::Values(Late(command)) => form(*command, Form::Values),
        Command::File(Late(command)) => form(*command, Form::Bytes),
        Command::RotateSecretKey(Late(args)) => {
            let look = args.log.look();
            let options = args.options();
            run::run(look, |run| rotate_secret_key::run(options, run), |text| printed(&text))
        }
    }
}

fn form(command: FormCommand, form: Form) -> u8 {
    match command {
        FormCommand::Encrypt(Late(args)) => transform::encrypt_file(*args, form),
        FormCommand::Decrypt(Late(args)) => transform::decrypt_file(*args, form),
        FormCommand::Edit(Late(args)) => edit::run(*args, form),
    }
}

impl RotateArgs {
    fn options(self) -> rotate_secret_key::Options {
        rotate_secret_key::Options {
            project: self.project.options(),
            key: KeyOptions { given: env::text("WERF_SECRET_KEY"), dir: None, home: env::werf_home() },
            old_key: env::text("WERF_OLD_SECRET_KEY"),
            values: self.values,
        }
    }
}
