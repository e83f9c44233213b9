//! `werf helm registry …`.

use std::path::PathBuf;

use super::args::FilesArgs;
use super::{Late, told};
use crate::cli::args::LogArgs;
use crate::cli::password;
use crate::ops::helm::source::ReachOptions;
use crate::ops::helm::{Secret, registry};

/// Subcommands of `werf helm registry`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Keep credentials for a registry
    Login(Late<LoginArgs>),
    /// Forget credentials for a registry
    Logout(Late<LogoutArgs>),
}

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// The registry: HOST or HOST:PORT
    #[arg(value_name = "HOST")]
    host: String,
    /// User name
    #[arg(long, short = 'u', value_name = "NAME")]
    username: Option<String>,
    /// Password or token; others on this machine may see it
    #[arg(long, short = 'p', value_name = "PASSWORD")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Accept any TLS certificate of the registry
    #[arg(long)]
    insecure: bool,
    /// Certificates of authorities instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Client certificate
    #[arg(long, value_name = "FILE")]
    cert_file: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Talk plain HTTP to the registry
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `logout`.
#[derive(Debug, clap::Args)]
pub struct LogoutArgs {
    /// The registry: HOST or HOST:PORT
    #[arg(value_name = "HOST")]
    host: String,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Login(Late(args)) => told(args.log.look(), |run| registry::login(args.options(), run)),
        Command::Logout(Late(args)) => told(args.log.look(), |run| registry::logout(args.host, args.files.reach(), run)),
    }
}

impl LoginArgs {
    fn options(self) -> registry::LoginOptions {
        let password = if self.password_stdin { Some(password::of_stdin()) } else { self.password.map(Secret::new) };
        let reach = ReachOptions {
            username: self.username.filter(|name| !name.is_empty()),
            password,
            ca_file: self.ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
            skip_tls_verify: self.insecure,
            plain_http: self.plain_http,
            ..self.files.reach()
        };
        registry::LoginOptions { host: self.host, reach }
    }
}
