//! Credentials that somebody else gives and that do not last: a program's, or an OpenID Connect provider's.

use http::HeaderValue;

use super::error::ClusterError;
use super::exec_plugin::ExecPlugin;
use super::oidc::Oidc;

/// Who gives them.
#[derive(Clone)]
pub(super) enum Login {
    Program(ExecPlugin),
    Oidc(Oidc),
}

impl Login {
    /// The header for a request, where there is a token, and which one it is; what expires is renewed before.
    pub async fn token(&self) -> Result<(Option<HeaderValue>, u64), ClusterError> {
        match self {
            Login::Program(plugin) => plugin.token().await,
            Login::Oidc(oidc) => Ok((Some(oidc.token().await?), 0)),
        }
    }

    /// The server did not take a token. Whether there is another one to try.
    pub async fn refused(&self, version: u64) -> Result<bool, ClusterError> {
        match self {
            Login::Program(plugin) => plugin.refused(version).await,
            // a provider's token says itself how long it is good: another one would be refused too
            Login::Oidc(_) => Ok(false),
        }
    }
}
