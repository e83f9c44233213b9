//! `werf cr login` and `werf cr logout`.

use clap::error::ErrorKind;

use super::args::{DockerConfigArgs, LogArgs, RegistryArgs};
use super::late::Late;
use super::{password, printed, run};
use crate::ops::{Secret, cr};

/// Subcommands of `werf cr`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Keep credentials for a registry
    Login(Late<LoginArgs>),
    /// Forget credentials for a registry
    Logout(Late<LogoutArgs>),
}

/// Arguments of `werf cr login`.
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// The registry: HOST or HOST:PORT; Docker Hub by default
    #[arg(value_name = "REGISTRY")]
    registry: Option<String>,
    /// User name
    #[arg(long, short = 'u', env = "WERF_USERNAME", value_name = "NAME")]
    username: Option<String>,
    /// Password or token; others on this machine may see it
    #[arg(long, short = 'p', env = "WERF_PASSWORD", value_name = "PASSWORD")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long, env = "WERF_PASSWORD_STDIN")]
    password_stdin: bool,
    #[command(flatten)]
    reach: RegistryArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Arguments of `werf cr logout`.
#[derive(Debug, clap::Args)]
pub struct LogoutArgs {
    /// The registry: HOST or HOST:PORT; Docker Hub by default
    #[arg(value_name = "REGISTRY")]
    registry: Option<String>,
    #[command(flatten)]
    config: DockerConfigArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(command: Command) -> u8 {
    match command {
        Command::Login(Late(args)) => login(*args),
        Command::Logout(Late(args)) => {
            let LogoutArgs { registry, config, log } = *args;
            run::run_light(log.look(), |run| cr::logout(registry, config.file(), run), |text| printed(&text))
        }
    }
}

fn login(args: LoginArgs) -> u8 {
    let given = args.password.filter(|password| !password.is_empty()).map(Secret::new);
    let password = match (given, args.password_stdin) {
        (Some(_), true) => {
            let problem = "the password is given twice: pass either --password (WERF_PASSWORD) or --password-stdin\n";
            return super::usage(&clap::Error::raw(ErrorKind::ArgumentConflict, problem));
        }
        (None, true) => Some(password::of_stdin()),
        (given, false) => given,
    };
    let options = cr::LoginOptions {
        host: args.registry,
        username: args.username.filter(|name| !name.is_empty()),
        password: password.filter(|password| !password.reveal().is_empty()),
        registry: args.reach.options(),
    };
    run::run_light(args.log.look(), |run| cr::login(options, run), |text| printed(&text))
}
