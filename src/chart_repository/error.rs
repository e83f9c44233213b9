//! What goes wrong on the way to a chart.

use std::path::PathBuf;
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use super::index::IndexError;
use crate::net::Cause;
use crate::registry::error::Exchange;
use crate::registry::{ReferenceError, RegistryError};

/// A file could not be had over HTTP. `doing` is what we wanted, such as `download chart …`.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "fields are what the messages say")]
pub enum FetchError {
    /// 401 and we showed nothing.
    #[error("cannot {doing}: {host} wants a user name and a password")]
    #[diagnostic(help("add the repository with them: `werf helm repo add NAME URL --username … --password …`"))]
    LoginRequired {
        doing: String,
        host: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// 401 from a host that is not the repository's.
    #[error("cannot {doing}: {host} wants a user name and a password, and those of {home} are not shown to other hosts")]
    #[diagnostic(help("if they are meant for it too, say `--pass-credentials`, also at `werf helm repo add`"))]
    LoginKept {
        doing: String,
        host: String,
        home: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// 401 although we showed something.
    #[error("cannot {doing}: {host} does not accept user `{username}` with this password")]
    #[diagnostic(help("the password may be wrong or expired; `werf helm repo add … --force-update` replaces it"))]
    LoginRefused {
        doing: String,
        host: String,
        username: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// 403.
    #[error("cannot {doing}: {host} forbids it")]
    #[diagnostic(help("give the account the right to read it, or come as another one"))]
    Forbidden {
        doing: String,
        host: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// 404.
    #[error("cannot {doing}: {host} has no such file")]
    #[diagnostic(help("check the repository's URL: its index is at URL/index.yaml; a chart that was taken away needs another version"))]
    NotFound {
        doing: String,
        host: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// 5xx or 429, again and again.
    #[error("cannot {doing}: {host} failed ({} {})", exchange.tries, if exchange.tries == 1 { "try" } else { "tries" })]
    #[diagnostic(help("the fault is the server's: run the same command again later"))]
    ServerFailed {
        doing: String,
        host: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// Another status.
    #[error("cannot {doing}: {host} rejected the request")]
    #[diagnostic(help("is a chart repository at this address? A proxy or a login page between may answer in its place"))]
    Rejected {
        doing: String,
        host: String,
        #[source]
        exchange: Box<Exchange>,
    },
    /// We spoke TLS and it did not.
    #[error("cannot {doing}: {host} speaks plain HTTP, and we tried HTTPS")]
    #[diagnostic(help("write the repository's URL with `http://`"))]
    PlainHttp { doing: String, host: String, source: Cause },
    /// We spoke plain HTTP and it wants TLS.
    #[error("cannot {doing}: {host} speaks HTTPS, and we tried plain HTTP")]
    #[diagnostic(help("write the repository's URL with `https://`"))]
    Https { doing: String, host: String, source: Cause },
    /// The certificate does not convince.
    #[error("cannot {doing}: the certificate of {host} cannot be verified")]
    #[diagnostic(help("name its authority with `--ca-file`, also at `werf helm repo add`, or pass `--insecure-skip-tls-verify`"))]
    Certificate { doing: String, host: String, source: Cause },
    /// There is no connection.
    #[error("cannot {doing}: {host} cannot be reached")]
    #[diagnostic(help("check the repository's URL, and that this machine's network reaches it"))]
    Unreachable { doing: String, host: String, source: Cause },
    /// The connection broke, again and again.
    #[error("cannot {doing}: the connection to {host} broke ({tries} {})", if *tries == 1 { "try" } else { "tries" })]
    #[diagnostic(help("run the same command again"))]
    Broken { doing: String, host: String, tries: u32, source: Cause },
    /// No answer in time.
    #[error("cannot {doing}: {host} did not answer within {seconds} s ({tries} {})", if *tries == 1 { "try" } else { "tries" })]
    #[diagnostic(help("run the same command again; if it stays so, see the network between"))]
    TimedOut { doing: String, host: String, seconds: u64, tries: u32 },
    /// Something that cannot be used.
    #[error("cannot {doing}: {host} cannot be spoken to: {problem}")]
    #[diagnostic(help("check the repository's URL and the files of its TLS flags"))]
    Unusable { doing: String, host: String, problem: String },
    /// A scheme that is none of ours.
    #[error("cannot {doing}: `{url}` is no HTTP URL")]
    #[diagnostic(help("chart repositories have URLs with `https://` or `http://`, charts in registries `oci://`"))]
    NotHttp { doing: String, url: String },
    /// A certificate or key that cannot be read.
    #[error("cannot read {}", .path.display())]
    #[diagnostic(help("it is named as a file of certificates or a key for a chart repository: check the path and its permissions"))]
    TlsFile {
        path: PathBuf,
        #[source]
        cause: Arc<std::io::Error>,
    },
}

/// A chart could not be had from where it is said to be.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "fields are what the messages say")]
pub enum SourceError {
    /// Over HTTP.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(Box<FetchError>),
    /// In a registry.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(Box<RegistryError>),
    /// What is at index.yaml is none.
    #[error("{place} is no chart repository's index")]
    #[diagnostic(help("check the repository's URL: what is at URL/index.yaml must be what `helm repo index` makes"))]
    Index {
        place: String,
        #[source]
        #[diagnostic_source]
        cause: IndexError,
    },
    /// The repository has no chart of the name.
    #[error("repository {repository} has no chart `{name}`")]
    NoChart {
        repository: String,
        name: String,
        #[help]
        help: String,
    },
    /// The repository has no version in the range.
    #[error("repository {repository} has no version of chart `{name}` that fits `{wanted}`")]
    NoVersion {
        repository: String,
        name: String,
        wanted: String,
        #[help]
        help: String,
    },
    /// The index says of no place.
    #[error("repository {repository} does not say where chart `{name}` {version} is")]
    #[diagnostic(help("its index has no `urls` for it: tell the repository's owner"))]
    NoUrl { repository: String, name: String, version: String },
    /// The bytes are others than those that the index promises.
    #[error("chart `{name}` from {url} is not what the repository's index says: it has SHA-256 {actual}, {expected} is promised")]
    #[diagnostic(help(
        "someone may have changed it on its way; or it was published anew under the same version: `werf helm repo update` reads the index again"
    ))]
    Digest { name: String, url: String, expected: String, actual: String },
    /// No repository has the name.
    #[error("no repository is called `{name}` here")]
    UnknownRepository {
        name: String,
        #[help]
        help: String,
    },
    /// The index of a repository was never read here.
    #[error("the index of repository `{name}` is not in the cache ({})", .path.display())]
    #[diagnostic(help("run `werf helm repo update {name}`"))]
    NotCached { name: String, path: PathBuf },
    /// repositories.yaml is something else.
    #[error("{} is no list of chart repositories: {problem}", .path.display())]
    #[diagnostic(help("it is what `helm repo add` writes; HELM_REPOSITORY_CONFIG names another one"))]
    Config { path: PathBuf, problem: String },
    /// A name of a registry's repository that is none.
    #[error("`{text}` is not the name of a chart in a registry")]
    #[diagnostic(help("the form is oci://HOST[:PORT]/PATH/CHART"))]
    Reference {
        text: String,
        #[source]
        cause: ReferenceError,
    },
    /// An image where a chart is expected.
    #[error("{reference} is no chart: {problem}")]
    #[diagnostic(help("charts come into registries by `helm push`"))]
    NotAChart { reference: String, problem: String },
    /// A file of ours.
    #[error("cannot {doing} {}", .path.display())]
    #[diagnostic(help("check the path and its permissions"))]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
}

impl From<FetchError> for SourceError {
    fn from(error: FetchError) -> Self {
        SourceError::Fetch(Box::new(error))
    }
}

impl From<RegistryError> for SourceError {
    fn from(error: RegistryError) -> Self {
        SourceError::Registry(Box::new(error))
    }
}

/// Advice where no version fits.
pub fn versions_help(versions: &[&str]) -> String {
    match versions {
        [] => "it has no versions at all".to_owned(),
        versions => format!("its newest versions: {}", versions.join(", ")),
    }
}
