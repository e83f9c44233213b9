//! `werf ci-env`.

use std::path::PathBuf;

use super::args::{LogArgs, PlatformArgs, ProjectArgs, RegistryArgs};
use super::{env, printed, run};
use crate::ops::ci_env::{CiEnvOptions, Format, System};

/// Arguments of `werf ci-env`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("tmp_dir", |arg| arg.hide(false)), mut_arg("platform", |arg| arg.hide(true)))]
pub struct Args {
    /// The CI system: gitlab or github
    #[arg(value_name = "CI_SYSTEM", value_parser = system)]
    system: System,
    /// Write a script and print its path: `. $(werf ci-env gitlab --as-file)`
    #[arg(long, env = "WERF_AS_FILE")]
    as_file: bool,
    /// Write a .env file and print its path
    #[arg(long, env = "WERF_AS_ENV_FILE")]
    as_env_file: bool,
    /// Write to this file, and print nothing
    #[arg(long, short = 'o', env = "WERF_OUTPUT_FILE_PATH", value_name = "FILE")]
    output_file_path: Option<PathBuf>,
    /// Shell to write for
    #[arg(long, env = "WERF_SHELL", value_name = "default|cmdexe|powershell", default_value = "default", value_parser = shell)]
    shell: Format,
    /// Log in to the CI system's own registry; false leaves that out
    #[arg(long, env = "WERF_LOGIN_TO_REGISTRY", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_parser = super::go_bool, hide_possible_values = true)]
    login_to_registry: bool,
    /// Make the job's Docker configuration from DOCKER_AUTH_CONFIG; by default it is a copy of the user's
    #[arg(long, env = "WERF_USE_DOCKER_AUTH_CONFIG")]
    use_docker_auth_config: bool,
    #[command(flatten)]
    _without_effect: PlatformArgs,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let tmp_dir = args.project.tmp_dir().map_or_else(std::env::temp_dir, PathBuf::from);
    let options = CiEnvOptions {
        system: args.system,
        environment: env::all(),
        format: if args.as_env_file { Format::EnvFile } else { args.shell },
        echoes: args.log.is_verbose(),
        to_file: args.as_file || args.as_env_file,
        output: args.output_file_path,
        login: args.login_to_registry,
        auth_config: args.use_docker_auth_config,
        tmp_dir,
        project: args.project.options(),
        registry: args.registry.options(),
    };
    run::run_light(look, |run| crate::ops::ci_env::run(options, run), |text| printed(&text))
}

fn system(text: &str) -> Result<System, String> {
    match text {
        "gitlab" => Ok(System::Gitlab),
        "github" => Ok(System::Github),
        _ => Err("the CI systems are gitlab and github".to_owned()),
    }
}

fn shell(text: &str) -> Result<Format, String> {
    match text {
        "" | "default" => Ok(Format::Shell),
        "cmdexe" => Ok(Format::Cmd),
        "powershell" => Ok(Format::PowerShell),
        other => Err(format!("`{other}` is none of default, cmdexe, powershell")),
    }
}
