//! What goes wrong between us and a daemon.

use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

use crate::error::root_cause;

/// A cause in the words of the layer below.
pub type Cause = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// No daemon could be reached or started.
#[derive(Clone, Debug, Error, Diagnostic)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error("`{address}` is no address of a BuildKit daemon: {problem}")]
    #[diagnostic(help("give `unix:///path/to/socket` or `tcp://host:port`, or leave it out to use the embedded daemon"))]
    Malformed {
        /// As given.
        address: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody listens there.
    #[error("no BuildKit daemon answers at {endpoint}")]
    Unreachable {
        /// Address.
        endpoint: String,
        /// Why.
        #[source]
        cause: Cause,
        /// What to do.
        #[help]
        help: &'static str,
    },
    /// TLS could not be set up or agreed upon.
    #[error("TLS with the BuildKit daemon at {endpoint} failed")]
    #[diagnostic(help(
        "`--buildkit-tls-ca` names the authority that signed the daemon's certificate, and `--buildkit-tls-server-name` a name that it bears"
    ))]
    Tls {
        /// Address.
        endpoint: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The daemon ended the connection after the handshake: it wants another client certificate.
    #[error("the BuildKit daemon at {endpoint} {}", if *.shown { "does not accept the client certificate" } else { "asks for a client certificate" })]
    #[diagnostic(help(
        "`--buildkit-tls-cert` and `--buildkit-tls-key` name a certificate that the daemon's own CA has signed, and its key"
    ))]
    ClientRefused {
        /// Address.
        endpoint: String,
        /// Whether we showed a certificate.
        shown: bool,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A TLS file cannot be read.
    #[error("cannot read {what} for the BuildKit daemon from `{}`", path.display())]
    TlsFile {
        /// `the CA`, `the client certificate`, `the client key`.
        what: &'static str,
        /// Path.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Arc<std::io::Error>,
    },
    /// A certificate without a key or the other way round.
    #[error("the client certificate and the client key for the BuildKit daemon go together, and one of them is missing")]
    #[diagnostic(help("name both files, or neither for a daemon that asks for none"))]
    HalfIdentity,
    /// Something else than a BuildKit daemon answered.
    #[error("what answers at {endpoint} is no BuildKit daemon")]
    #[diagnostic(help("check the address; a Docker engine's socket is not a BuildKit daemon's"))]
    Foreign {
        /// Address.
        endpoint: String,
        /// The answer.
        #[source]
        cause: Cause,
    },
    /// The daemon lacks what we need.
    #[error("the BuildKit daemon at {endpoint} is too old: it is {version}, and werf needs {minimum} or later")]
    #[diagnostic(help("upgrade buildkitd, or leave the address out to use the embedded daemon"))]
    TooOld {
        /// Address.
        endpoint: String,
        /// Its version.
        version: String,
        /// The oldest version that will do.
        minimum: &'static str,
    },
    /// The daemon has no worker.
    #[error("the BuildKit daemon at {endpoint} has no worker")]
    #[diagnostic(help("see the daemon's log for why its worker did not start"))]
    NoWorker {
        /// Address.
        endpoint: String,
    },
    /// The session could not be opened.
    #[error("the BuildKit daemon at {endpoint} refused our session")]
    Session {
        /// Address.
        endpoint: String,
        /// Why.
        #[source]
        cause: Cause,
    },
}

/// An image could not be built or published.
#[derive(Clone, Debug, Error, Diagnostic)]
pub enum SolveError {
    /// A process ended badly.
    #[error("image `{image}`: step `{step}` failed with exit code {exit_code}{}", indented(.output))]
    Process {
        /// Name in werf.yaml.
        image: String,
        /// The step's name.
        step: String,
        /// Exit code of the process; 137 often means that memory ran out.
        exit_code: u32,
        /// Last lines of its output.
        output: Vec<String>,
        /// Where the step comes from.
        #[source_code]
        source_code: Option<Arc<NamedSource<String>>>,
        /// The lines of the step.
        #[label("this step")]
        span: Option<SourceSpan>,
        /// What to do.
        #[help]
        help: Option<&'static str>,
    },
    /// A step failed otherwise: an image that cannot be pulled, a file that is missing.
    #[error("image `{image}`: step `{step}` failed: {message}{}", indented(.output))]
    Step {
        /// Name in werf.yaml.
        image: String,
        /// The step's name.
        step: String,
        /// The daemon's words.
        message: String,
        /// Last lines of its output.
        output: Vec<String>,
        /// Where the step comes from.
        #[source_code]
        source_code: Option<Arc<NamedSource<String>>>,
        /// The lines of the step.
        #[label("this step")]
        span: Option<SourceSpan>,
        /// What to do.
        #[help]
        help: Option<&'static str>,
    },
    /// The definition or the Dockerfile was refused before any step ran.
    #[error("image `{image}` cannot be built: {message}")]
    Refused {
        /// Name in werf.yaml.
        image: String,
        /// The daemon's words.
        message: String,
        /// The file it speaks of.
        #[source_code]
        source_code: Option<Arc<NamedSource<String>>>,
        /// The lines it speaks of.
        #[label("here")]
        span: Option<SourceSpan>,
        /// What to do.
        #[help]
        help: Option<&'static str>,
    },
    /// The daemon lacks a feature that the build uses.
    #[error("image `{image}`: the BuildKit daemon at {endpoint} is too old for this build: {message}")]
    #[diagnostic(help("upgrade buildkitd, or leave the address out to use the embedded daemon"))]
    TooOld {
        /// Name in werf.yaml.
        image: String,
        /// Address.
        endpoint: String,
        /// The daemon's words.
        message: String,
    },
    /// The daemon went away while it built.
    #[error("image `{image}`: the BuildKit daemon at {endpoint} went away during the build{}", tail(.log))]
    #[diagnostic(help("run the command again: finished steps are in the daemon's cache, and nothing half-published is used"))]
    Lost {
        /// Name in werf.yaml.
        image: String,
        /// Address.
        endpoint: String,
        /// Why, as the transport says it.
        #[source]
        cause: Cause,
        /// End of the daemon's log where it is ours.
        log: Option<String>,
    },
    /// The caller cancelled the build.
    #[error("image `{image}`: the build was cancelled")]
    Cancelled {
        /// Name in werf.yaml.
        image: String,
    },
    /// The daemon said it was done but not what it made.
    #[error("image `{image}`: the BuildKit daemon at {endpoint} named no digest for the image it pushed")]
    NoDigest {
        /// Name in werf.yaml.
        image: String,
        /// Address.
        endpoint: String,
    },
}

/// The root cause as a cause of its own; of a status its message alone.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> Cause {
    let root = root_cause(error);
    let text = root.downcast_ref::<tonic::Status>().map_or_else(|| root.to_string(), |status| status.message().to_owned());
    Arc::new(std::io::Error::other(text))
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  │ {line}")).collect()
}

fn tail(log: &Option<String>) -> String {
    log.as_ref().map(|log| indented(&log.lines().map(str::to_owned).collect::<Vec<_>>())).unwrap_or_default()
}
