//! `werf helm registry …`: Helm's credentials for registries, kept as Docker keeps its own.

use miette::Diagnostic;
use thiserror::Error;

use super::source::ReachOptions;
use crate::error::Result;
use crate::ops::Run;
use crate::ops::logins::{self, Login};

/// What `registry login` is asked.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// The registry: `host[:port]`.
    pub host: String,
    /// Who we are, and how it is reached.
    pub reach: ReachOptions,
}

/// Keeps credentials once the registry has taken them.
pub async fn login(options: LoginOptions, run: Run) -> Result<String> {
    let LoginOptions { host, reach } = options;
    let reach = reach.telling(&run);
    let host = logins::host(&host)?;
    let (Some(username), Some(password)) = (&reach.username, &reach.password) else {
        return Err(Nobody { host }.into());
    };
    let login = Login { host: &host, username, password };
    logins::log_in(login, reach.store()?.registry(), &reach.charts.registry_config).await?;
    Ok("Login Succeeded\n".to_owned())
}

/// Forgets credentials.
pub async fn logout(host: String, reach: ReachOptions, _run: Run) -> Result<String> {
    let host = logins::host(&host)?;
    logins::log_out(&host, &reach.charts.registry_config).await?;
    Ok(format!("Removing login credentials for {host}\n"))
}

#[derive(Debug, Error, Diagnostic)]
#[error("nobody is to be logged in to {host}")]
#[diagnostic(help("say who: `werf helm registry login {host} --username … --password-stdin`"))]
struct Nobody {
    host: String,
}
