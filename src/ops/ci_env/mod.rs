//! `werf ci-env`: the variables of werf for a CI job, and a Docker configuration of the job's own.

mod docker_config;
mod source_file;

use std::path::PathBuf;

use self::docker_config::JobConfig;
use super::logins::{self, Login};
use super::{ProjectOptions, RegistryOptions, Run, Secret, project, registry};
pub use crate::ci::{Environment, Format, System};
use crate::ci::{Job, Script};
use crate::error::Result;
use crate::event::Event;
use crate::project::config::{self, ConfigError};

/// What `ci-env` is asked.
pub struct CiEnvOptions {
    /// Who runs the job.
    pub system: System,
    /// The job's variables.
    pub environment: Environment,
    /// Who reads the variables.
    pub format: Format,
    /// Whether the text tells what it sets when it runs.
    pub echoes: bool,
    /// They go to a file whose path is printed.
    pub to_file: bool,
    /// Which file; one of its own where `None`. Then nothing is printed.
    pub output: Option<PathBuf>,
    /// Whether the job logs in to its own registry.
    pub login: bool,
    /// Docker's configuration is what DOCKER_AUTH_CONFIG holds, not a copy of the user's.
    pub auth_config: bool,
    /// Where the job's Docker configuration is to be.
    pub tmp_dir: PathBuf,
    /// The project, whose name GitHub's repositories have.
    pub project: ProjectOptions,
    /// How registries are spoken to, and the Docker configuration of the user.
    pub registry: RegistryOptions,
}

/// The text for standard output.
pub async fn run(options: CiEnvOptions, run: Run) -> Result<String> {
    let script = Script { format: options.format, echoes: options.echoes, environment: &options.environment };
    let text = variables(&options, &script, &run).await;
    if !options.to_file {
        if options.output.is_some() {
            run.events.emit(Event::Warned {
                message: "no file is written: the variables go to standard output".into(),
                help: Some("pass `--as-file` or `--as-env-file` too".into()),
            });
        }
        // what runs the text must not go on as if nothing had happened
        return text.map_err(|error| {
            let stop = script.failure(&error.diagnostic().to_string());
            error.with_output(stop)
        });
    }
    match &options.output {
        Some(path) => source_file::write(path, &text?).map(|()| String::new()),
        None => {
            let path = source_file::create(&options.project.cache_dir, &options.tmp_dir, options.format, &text?)?;
            Ok(format!("{}\n", path.display()))
        }
    }
}

async fn variables(options: &CiEnvOptions, script: &Script<'_>, run: &Run) -> Result<String> {
    let job = Job { system: options.system, environment: &options.environment };
    let project = if job.wants_project() { project_name(&options.project, run)? } else { None };
    let docker = match options.auth_config {
        true => JobConfig::of_text(&options.tmp_dir, options.environment.get("DOCKER_AUTH_CONFIG").map_or("", String::as_str))?,
        false => JobConfig::copy(&options.tmp_dir, options.registry.docker_config.as_deref())?,
    };
    if let Some(login) = job.login().filter(|_| options.login) {
        let (host, password) = (logins::host(login.registry)?, Secret::new(login.password));
        let client = registry::client_as(&options.registry, login.username, &password, run);
        logins::log_in(Login { host: &host, username: login.username, password: &password }, &client, &docker.file()).await?;
    }
    let text = script.text(&job.variables(&docker.directory().to_string_lossy(), project.as_deref()))?;
    docker.keep();
    Ok(text)
}

/// The project's name; `None` where there is no werf.yaml.
fn project_name(options: &ProjectOptions, run: &Run) -> Result<Option<String>> {
    let opened = project::open_commit(options, run)?;
    let loaded = config::load(&project::ConfigWords::new(&opened).input(options, &opened));
    let name = match loaded {
        Err(ConfigError::NotFound { .. }) if options.config.is_none() => None,
        loaded => Some(loaded?.meta.project.clone()),
    };
    opened.giterminism.finish()?;
    Ok(name)
}
