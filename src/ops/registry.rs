//! The registry as operations need it: a client with the user's credentials, and the repository that was asked for.

use std::path::Path;
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;
use tokio::runtime::Handle;

use super::{ChartOptions, RegistryOptions, Run};
use crate::error::Result;
use crate::images::buildkit::session::{self, CredentialSource, ServeError};
use crate::registry::{Client, Credentials, DockerConfig, Mirror, Options, Reason, ReferenceError, Repository, Scheme, Secret, Verify};

/// A client with the user's credentials. Nothing is sent.
pub fn client(options: &RegistryOptions, run: &Run) -> Result<Client> {
    let credentials = match &options.docker_config {
        Some(path) => DockerConfig::load(path)?,
        None => DockerConfig::default(),
    };
    let mirror = |text: &String| Mirror::parse(text).map_err(|error| BadMirror { text: text.clone(), reason: error.reason });
    let mirrors = options.mirrors.iter().map(mirror).collect::<Result<_, _>>()?;
    Ok(with_credentials(options, credentials, mirrors, run))
}

/// A client that shows one login to every registry. Nothing is sent.
pub fn client_as(options: &RegistryOptions, username: &str, password: &Secret, run: &Run) -> Client {
    with_credentials(options, DockerConfig::everywhere(username, password.clone()), Vec::new(), run)
}

fn with_credentials(options: &RegistryOptions, credentials: DockerConfig, mirrors: Vec<Mirror>, run: &Run) -> Client {
    Client::new(Options {
        scheme: if options.insecure { Scheme::Insecure } else { Scheme::Secure },
        tls: if options.skip_tls_verify { Verify::Nothing } else { Verify::System }.into(),
        proxies: options.proxies.clone(),
        credentials,
        events: run.events.clone(),
        mirrors,
        ..Options::default()
    })
}

/// A client for charts: with Helm's credentials, and Docker's where those know nothing of a host.
pub fn client_for_charts(charts: &ChartOptions, options: &RegistryOptions, run: &Run) -> Result<Client> {
    let options = &RegistryOptions {
        insecure: options.insecure || charts.insecure,
        skip_tls_verify: options.skip_tls_verify || charts.skip_tls_verify,
        ..options.clone()
    };
    Ok(with_credentials(options, credentials_for_charts(charts, options.docker_config.as_deref())?, Vec::new(), run))
}

/// Helm's credentials for registries, and Docker's where those know nothing of a host.
pub fn credentials_for_charts(charts: &ChartOptions, docker_config: Option<&Path>) -> Result<DockerConfig> {
    let credentials = DockerConfig::load(&charts.registry_config)?;
    Ok(match docker_config {
        Some(path) => credentials.or(DockerConfig::load(path)?),
        None => credentials,
    })
}

/// The repository for images; an error where the command needs one and none was given.
pub fn repository(options: &RegistryOptions) -> Result<Repository> {
    named("--repo", options.repo.as_deref().ok_or(NoRepo)?)
}

/// The repository that a flag names.
pub fn named(flag: &'static str, text: &str) -> Result<Repository> {
    let parsed = Repository::parse(text);
    parsed.map_err(|ReferenceError { text, reason, .. }| {
        let help = match reason {
            Reason::Scheme => "leave the scheme out; `--insecure-registry` asks for plain HTTP",
            Reason::NotARepository => "leave tag and digest out: the tags of images are made from their content",
            _ => "the form is `HOST[:PORT]/PATH`, such as `registry.example.org/team/app`",
        };
        BadRepo { flag, text, reason, help }.into()
    })
}

#[derive(Debug, Error, Diagnostic)]
#[error("{flag}: `{text}` is not the name of a repository: {reason}")]
struct BadRepo {
    flag: &'static str,
    text: String,
    reason: Reason,
    #[help]
    help: &'static str,
}

#[derive(Debug, Error, Diagnostic)]
#[error("--container-registry-mirror: `{text}` is not the name of a registry: {reason}")]
#[diagnostic(help("the form is `HOST[:PORT][/PATH]`, such as `mirror.gcr.io`; `--insecure-registry` asks for plain HTTP"))]
struct BadMirror {
    text: String,
    reason: Reason,
}

#[derive(Debug, Error, Diagnostic)]
#[error("no repository for the images was given")]
#[diagnostic(help("name it with `--repo registry.example.org/team/app` or in WERF_REPO"))]
struct NoRepo;

/// The user's credentials, for a BuildKit daemon that asks while it pulls and pushes.
pub struct ForBuilder {
    client: Client,
    runtime: Handle,
}

impl ForBuilder {
    /// Must be called within the runtime that later looks credentials up.
    pub fn new(client: Client) -> Arc<Self> {
        Arc::new(ForBuilder { client, runtime: Handle::current() })
    }
}

impl CredentialSource for ForBuilder {
    fn credentials(&self, host: &str) -> Result<Option<session::Credentials>, ServeError> {
        let basic = |username: &str, password: &str| {
            Some(session::Credentials { username: username.to_owned(), password: session::Secret::new(password.as_bytes()) })
        };
        Ok(match self.runtime.block_on(self.client.credentials_for(host))? {
            Credentials::Anonymous => None,
            Credentials::Basic { username, password } => basic(&username, password.reveal()),
            // BuildKit takes a password without a user name for an identity token
            Credentials::IdentityToken(token) | Credentials::RegistryToken(token) => basic("", token.reveal()),
        })
    }
}
