//! What goes wrong between us and a registry.
//!
//! A message says what we wanted, which registry it was and what happened; the exchange that proves it is its cause.

use std::fmt;

use super::credentials::CredentialsError;
pub use crate::net::{Cause, redact};

/// A registry did not do what we asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RegistryError {
    /// 401 and we have nothing to show.
    #[error("cannot {doing}: registry `{host}` wants credentials, and {place} has none for it")]
    #[diagnostic(help("log in with `werf cr login {host}`, or point DOCKER_CONFIG at a directory whose config.json has its credentials"))]
    LoginRequired {
        /// What we wanted, such as `check image …`.
        doing: String,
        /// The registry's host.
        host: String,
        /// Where credentials were looked for.
        place: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 401 although we showed something.
    #[error("cannot {doing}: registry `{host}` does not accept {who}")]
    #[diagnostic(help("the password or token may be wrong or expired; log in again with `werf cr login {host}`"))]
    LoginRefused {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// As whom we came.
        who: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 401 or 403 to somebody whom the registry knows: many show nothing that does not exist.
    #[error("cannot {doing}: registry `{host}` knows {who} and does not show it")]
    #[diagnostic(help("the repository does not exist, or this account lacks the right to see it"))]
    Hidden {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// As whom we came.
        who: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 403.
    #[error("cannot {doing}: registry `{host}` forbids it to {who}")]
    #[diagnostic(help("give this account the right to do so, or log in as another one with `werf cr login {host}`"))]
    Forbidden {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// As whom we came.
        who: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 404.
    #[error("cannot {doing}: registry `{host}` has no such thing")]
    #[diagnostic(help("check the name; some registries also answer so where an account lacks the right to see it"))]
    NotFound {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 405 to a DELETE.
    #[error("cannot {doing}: deletion is switched off in registry `{host}`")]
    #[diagnostic(help("switch it on in the registry's configuration (distribution: `storage.delete.enabled: true`)"))]
    DeletionDisabled {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 429, again and again.
    #[error("cannot {doing}: registry `{host}` lets us ask no more for now ({} tries)", exchange.tries)]
    #[diagnostic(help("wait and run the same command again; most registries give accounts that are logged in a higher limit"))]
    RateLimited {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// 5xx.
    #[error("cannot {doing}: registry `{host}` failed ({} {})", exchange.tries, if exchange.tries == 1 { "try" } else { "tries" })]
    #[diagnostic(help("the fault is the registry's: see its log, then run the same command again"))]
    ServerFailed {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// Another status that we did not expect.
    #[error("cannot {doing}: registry `{host}` rejected the request")]
    #[diagnostic(help("is a registry at this address? A proxy or a login page between may answer in its place"))]
    Rejected {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// The last exchange.
        #[source]
        exchange: Box<Exchange>,
    },
    /// We spoke TLS and it did not.
    #[error("cannot {doing}: registry `{host}` speaks plain HTTP, and we tried HTTPS")]
    #[diagnostic(help("if plain HTTP is meant, pass `--insecure-registry`"))]
    PlainHttp {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// What TLS said.
        source: Cause,
    },
    /// We spoke plain HTTP and it wants TLS.
    #[error("cannot {doing}: registry `{host}` speaks HTTPS, and we tried plain HTTP")]
    #[diagnostic(help("leave `--insecure-registry` out; for a certificate that cannot be verified there is `--skip-tls-verify-registry`"))]
    Https {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// What we saw.
        source: Cause,
    },
    /// The certificate does not convince.
    #[error("cannot {doing}: the certificate of registry `{host}` cannot be verified")]
    #[diagnostic(help(
        "add its authority to the system's certificates (SSL_CERT_FILE names another bundle), or pass `--skip-tls-verify-registry`"
    ))]
    Certificate {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// What TLS said.
        source: Cause,
    },
    /// There is no connection.
    #[error("cannot {doing}: registry `{host}` cannot be reached")]
    #[diagnostic(help("check the registry's name and port in `--repo`, that it runs, and that this machine's network reaches it"))]
    Unreachable {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// Why.
        source: Cause,
    },
    /// The connection broke, again and again.
    #[error("cannot {doing}: the connection to registry `{host}` broke ({tries} {})", if *tries == 1 { "try" } else { "tries" })]
    #[diagnostic(help("run the same command again; what was done is kept"))]
    Broken {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// How often we tried.
        tries: u32,
        /// Why.
        source: Cause,
    },
    /// No answer in time.
    #[error("cannot {doing}: registry `{host}` did not answer within {seconds} s ({tries} {})", if *tries == 1 { "try" } else { "tries" })]
    #[diagnostic(help("run the same command again; if it stays so, see the registry's load and the network between"))]
    TimedOut {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// How long we waited each time.
        seconds: u64,
        /// How often we tried.
        tries: u32,
    },
    /// An answer that is not what the specification says.
    #[error("cannot {doing}: registry `{host}` gave an answer that we do not understand: {problem}")]
    #[diagnostic(help("is a registry at this address? A proxy or a login page between may answer in its place"))]
    Malformed {
        /// What we wanted.
        doing: String,
        /// The registry's host.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An index without the wanted platform.
    #[error("cannot {doing}: it has no image for {platform}")]
    #[diagnostic(help("it has: {available}"))]
    NoPlatform {
        /// What we wanted.
        doing: String,
        /// The platform.
        platform: String,
        /// What there is.
        available: String,
    },
    /// Credentials could not be had.
    #[error("cannot {doing}: {source}")]
    Credentials {
        /// What we wanted.
        doing: String,
        /// Why.
        #[diagnostic_source]
        source: CredentialsError,
    },
}

impl RegistryError {
    /// Whether the same request may succeed later with nothing changed by us.
    pub fn is_transient(&self) -> bool {
        use RegistryError::*;
        matches!(self, RateLimited { .. } | ServerFailed { .. } | Broken { .. } | TimedOut { .. } | Unreachable { .. })
    }

    /// The error of what was tried so often.
    pub(super) fn after(mut self, count: u32) -> Self {
        use RegistryError::*;
        match &mut self {
            Broken { tries, .. } | TimedOut { tries, .. } => *tries = count,
            RateLimited { exchange, .. } | ServerFailed { exchange, .. } => exchange.tries = count,
            _ => {}
        }
        self
    }
}

/// One request and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `HEAD`.
    pub method: String,
    /// The URL without user, password and query.
    pub url: String,
    /// HTTP status.
    pub status: http::StatusCode,
    /// The server's code and message, if it gave any.
    pub said: Option<String>,
    /// How often we asked.
    pub tries: u32,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} answered {}", self.method, self.url, self.status)?;
        match &self.said {
            Some(said) => write!(f, ", {said}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Exchange {}

/// The code and message of an OCI error answer, else the first line of a short plain text.
pub fn server_message(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Answer {
        errors: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    if let Ok(answer) = serde_json::from_slice::<Answer>(body) {
        let texts = answer.errors.iter().map(|entry| match (entry.code.is_empty(), entry.message.is_empty()) {
            (false, false) => format!("{}: {}", entry.code, entry.message),
            _ => format!("{}{}", entry.code, entry.message),
        });
        let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        return if text.is_empty() { None } else { Some(clean(&text)) };
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    let line = text.lines().next()?.trim();
    if line.is_empty() || line.starts_with('<') || line.len() > 300 { None } else { Some(clean(line)) }
}

/// Keeps control characters of a foreign server off the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_messages() {
        for (body, expect) in [
            (r#"{"errors":[{"code":"DENIED","message":"no rights"},{"code":"X"}]}"#, Some("DENIED: no rights; X")),
            (r#"{"errors":[]}"#, None),
            ("bad gateway\nmore", Some("bad gateway")),
            ("\u{1b}[31mred", Some(" [31mred")),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(server_message(body.as_bytes()).as_deref(), expect, "{body}");
        }
    }
}
