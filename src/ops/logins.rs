//! A login to a registry: tried first, then kept.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use crate::error::Result;
use crate::registry::{Client, Secret, logins};

/// Who logs in where.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The registry's host, as [`host`] gives it.
    pub host: &'a str,
    /// User name.
    pub username: &'a str,
    /// Password or token.
    pub password: &'a Secret,
}

/// Keeps a login in a `config.json`, or with the helper that it names, once the registry has taken it from `client`, which shows it.
pub async fn log_in(login: Login<'_>, client: &Client, config: &Path) -> Result<()> {
    client.check_login(login.host).await?;
    Ok(logins::keep(config, login.host, login.username, login.password).await?)
}

/// Forgets a login.
pub async fn log_out(host: &str, config: &Path) -> Result<()> {
    Ok(logins::forget(config, host).await?)
}

/// The host of a registry that a user names, with a scheme or a path or without; Docker Hub is `docker.io` under each of its names.
pub fn host(text: &str) -> Result<String, NoHost> {
    let bare = text.split_once("://").map_or(text, |(_, bare)| bare);
    let host = bare.split('/').next().unwrap_or(bare);
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    match host {
        "index.docker.io" | "registry-1.docker.io" => Ok("docker.io".to_owned()),
        host if is_host => Ok(host.to_owned()),
        _ => Err(NoHost { text: text.to_owned() }),
    }
}

/// A text names no host.
#[derive(Debug, Error, Diagnostic)]
#[error("`{text}` is not the address of a registry")]
#[diagnostic(help("the form is HOST or HOST:PORT, such as registry.example.org"))]
pub struct NoHost {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, expect) in [
            ("registry.example.org", Some("registry.example.org")),
            ("https://registry.example.org/v2/", Some("registry.example.org")),
            ("127.0.0.1:5000/team/app", Some("127.0.0.1:5000")),
            ("http://[::1]:5000", Some("[::1]:5000")),
            ("https://index.docker.io/v1/", Some("docker.io")),
            ("registry-1.docker.io", Some("docker.io")),
            ("docker.io", Some("docker.io")),
            ("", None),
            ("https://", None),
            ("me:pw@registry.example.org", None),
            ("a b", None),
            ("registry.example.org?x", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expect, "{text}");
        }
    }
}
