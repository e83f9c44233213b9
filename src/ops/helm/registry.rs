//! `werf helm registry …`: Helm's credentials for registries, kept as Docker keeps its own.

use std::fs;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::source::ReachOptions;
use crate::chart_repository::write_private;
use crate::error::Result;
use crate::ops::Run;
use crate::registry::DockerConfig;
use crate::registry::credentials::{with_login, without_login};

/// What `registry login` is asked.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// The registry: `host[:port]`.
    pub host: String,
    /// Who we are, and how it is reached.
    pub reach: ReachOptions,
}

/// Keeps credentials once the registry has taken them.
pub async fn login(options: LoginOptions, _run: Run) -> Result<String> {
    let LoginOptions { host, reach } = options;
    let host = bare(&host);
    let (Some(username), Some(password)) = (&reach.username, &reach.password) else {
        return Err(LoginError::Nobody { host: host.to_owned() }.into());
    };
    reach.store()?.registry().check_login(host).await?;
    let path = &reach.charts.registry_config;
    if DockerConfig::load(path)?.keep_with_helper(host, username, password).await? {
        return Ok("Login Succeeded\n".to_owned());
    }
    let changed = with_login(&read(path)?, host, username, password).map_err(|problem| malformed(path, problem))?;
    write_private(path, &changed)?;
    Ok("Login Succeeded\n".to_owned())
}

/// Forgets credentials.
pub async fn logout(host: String, reach: ReachOptions, _run: Run) -> Result<String> {
    let (host, path) = (bare(&host), &reach.charts.registry_config);
    DockerConfig::load(path)?.forget_with_helper(host).await?;
    let text = read(path)?;
    if let Some(changed) = without_login(&text, host).map_err(|problem| malformed(path, problem))? {
        write_private(path, &changed)?;
    }
    Ok(format!("Removing login credentials for {host}\n"))
}

/// A host without a scheme and a path.
fn bare(host: &str) -> &str {
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    host.split('/').next().unwrap_or(host)
}

fn read(path: &Path) -> Result<String, LoginError> {
    match fs::read_to_string(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|cause| LoginError::Unreadable { path: path.to_owned(), cause }),
    }
}

fn malformed(path: &Path, problem: String) -> LoginError {
    LoginError::Malformed { path: path.to_owned(), problem }
}

#[derive(Debug, Error, Diagnostic)]
enum LoginError {
    #[error("nobody is to be logged in to {host}")]
    #[diagnostic(help("say who: `werf helm registry login {host} --username … --password-stdin`"))]
    Nobody { host: String },
    #[error("cannot read the credentials in {}", .path.display())]
    #[diagnostic(help("check the path and its permissions"))]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("the credentials in {} are not a Docker configuration: {problem}", .path.display())]
    #[diagnostic(help("the file is JSON with `auths`; remove it and log in anew"))]
    Malformed { path: PathBuf, problem: String },
}
