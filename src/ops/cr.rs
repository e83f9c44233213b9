//! `werf cr …`: Docker's credentials for registries.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::logins::{self, Login};
use super::{RegistryOptions, Run, Secret, registry};
use crate::error::Result;

/// The registry where none is named, as to Docker.
const DOCKER_HUB: &str = "docker.io";

/// What `cr login` is asked.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// The registry; Docker Hub where `None`.
    pub host: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Password or token.
    pub password: Option<Secret>,
    /// How it is reached, and where the login is kept.
    pub registry: RegistryOptions,
}

/// Keeps a login once the registry has taken it.
pub async fn login(options: LoginOptions, run: Run) -> Result<String> {
    let host = logins::host(options.host.as_deref().unwrap_or(DOCKER_HUB))?;
    let config = options.registry.docker_config.clone().ok_or(NoPlace)?;
    let username = options.username.ok_or_else(|| Missing { host: host.clone(), what: "a user name" })?;
    let password = options.password.ok_or_else(|| Missing { host: host.clone(), what: "a password" })?;
    let client = registry::client_as(&options.registry, &username, &password, &run);
    logins::log_in(Login { host: &host, username: &username, password: &password }, &client, &config).await?;
    Ok("Successful login\n".to_owned())
}

/// Forgets a login; that there is none is fine.
pub async fn logout(host: Option<String>, docker_config: Option<PathBuf>, _run: Run) -> Result<String> {
    let host = logins::host(host.as_deref().unwrap_or(DOCKER_HUB))?;
    logins::log_out(&host, &docker_config.ok_or(NoPlace)?).await?;
    Ok("Successful logout\n".to_owned())
}

#[derive(Debug, Error, Diagnostic)]
#[error("{what} is missing for the login to {host}")]
#[diagnostic(help("pass `--username NAME`, and `--password-stdin` with the password on standard input"))]
struct Missing {
    host: String,
    what: &'static str,
}

#[derive(Debug, Error, Diagnostic)]
#[error("there is no place for logins: neither HOME nor DOCKER_CONFIG is set")]
#[diagnostic(help("name a directory with `--docker-config`"))]
struct NoPlace;
