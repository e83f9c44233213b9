//! What can go wrong between us and a cluster, before any question of deployment.

use std::time::Duration;

use miette::Diagnostic;

use crate::deploy::resource::ResourceId;

/// A failure to reach the cluster or a request that it refused.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ClusterError {
    /// There is no configuration at all.
    #[error("no Kubernetes configuration found{}", looked_for(.tried))]
    #[diagnostic(help(
        "name a kubeconfig with `--kube-config PATH` or `WERF_KUBE_CONFIG`, give its content in `--kube-config-base64`, or run inside a pod with a service account"
    ))]
    NoConfig {
        /// Files that were looked for.
        tried: Vec<String>,
    },

    /// A kubeconfig that cannot be read or understood.
    #[error("cannot use the kubeconfig {path}: {message}")]
    BadConfig {
        /// Where it came from.
        path: String,
        /// The reason.
        message: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The file of the certificate authority is no such thing.
    #[error("cannot use {path} as the CA of the Kubernetes API server: {message}")]
    #[diagnostic(help(
        "`--kube-ca-path` (WERF_KUBE_CA_PATH) names a file with PEM certificates, `--kube-ca-data` has them, in base64 or as they are"
    ))]
    BadAuthority {
        /// The file.
        path: String,
        /// The reason.
        message: String,
    },

    /// The address of the proxy is none.
    #[error("`{value}` is no address of a proxy: {message}")]
    #[diagnostic(help("`--kube-proxy-url` (WERF_KUBE_PROXY_URL) takes an address such as http://proxy.example.org:3128"))]
    BadProxy {
        /// The text.
        value: String,
        /// The reason.
        message: String,
    },

    /// Nobody says which context is meant.
    #[error("the kubeconfig {path} has no current context")]
    NoContext {
        /// Where the kubeconfig came from.
        path: String,
        /// What to do.
        #[help]
        help: String,
    },

    /// `--kube-context` names nothing.
    #[error("the kubeconfig {path} has no context `{name}`")]
    UnknownContext {
        /// Where the kubeconfig came from.
        path: String,
        /// As asked for.
        name: String,
        /// Which contexts there are, and the one that was perhaps meant.
        #[help]
        help: String,
    },

    /// A value such as `--kube-api-server` that is no URL.
    #[error("`{value}` is no address of an API server: {message}")]
    #[diagnostic(help("an address looks like https://10.0.0.1:6443"))]
    BadServer {
        /// As given.
        value: String,
        /// The reason.
        message: String,
    },

    /// Nobody answers.
    #[error("cannot reach the Kubernetes API server {server}: {cause}")]
    Unreachable {
        /// URL.
        server: String,
        /// The operating system's or the protocol's words.
        cause: String,
        /// What to do.
        #[help]
        help: String,
    },

    /// It takes the request and does not answer, or the time for all is over.
    #[error("the Kubernetes API server {server} did not answer {method} {path} within {} s", .after.as_secs())]
    #[diagnostic(help("{help}"))]
    Silent {
        /// URL.
        server: String,
        /// HTTP method.
        method: String,
        /// Path.
        path: String,
        /// How long it had.
        after: Duration,
        /// What to do.
        help: &'static str,
    },

    /// The server's certificate is not trusted, or ours is not accepted.
    #[error("no secure connection to the Kubernetes API server {server}: {cause}")]
    #[diagnostic(help(
        "check `certificate-authority-data` and `tls-server-name` of the cluster in the kubeconfig, or give the authority's file with `--kube-ca-path`"
    ))]
    Tls {
        /// URL.
        server: String,
        /// The TLS library's words.
        cause: String,
    },

    /// 401.
    #[error("the Kubernetes API server {server} does not accept the credentials (401): {message}")]
    #[diagnostic(help(
        "the token or client certificate of the kubeconfig's user may have expired; `kubectl auth whoami` asks the same question"
    ))]
    Unauthorized {
        /// URL.
        server: String,
        /// The server's words.
        message: String,
    },

    /// 403.
    #[error("the Kubernetes API server {server} forbids to {verb} {resource} (403): {message}")]
    Forbidden {
        /// URL.
        server: String,
        /// RBAC verb.
        verb: &'static str,
        /// `configmaps`, `deployments.apps`.
        resource: String,
        /// The server's words.
        message: String,
        /// What to do.
        #[help]
        help: String,
    },

    /// Credentials that a helper program should have given.
    #[error("cannot obtain credentials for {server}: {message}")]
    #[diagnostic(help("the kubeconfig's user names a token file or a login provider: see `kubectl config view --minify`"))]
    Credentials {
        /// URL.
        server: String,
        /// The reason.
        message: String,
    },

    /// The credential program of the kubeconfig's user gave none.
    #[error("cannot get credentials for {server} from `{program}`: {message}")]
    ExecPlugin {
        /// Its name or path.
        program: String,
        /// URL.
        server: String,
        /// The reason.
        message: String,
        /// What to do.
        #[help]
        help: String,
    },

    /// A provider of OpenID Connect gave no token.
    #[error("no token from {issuer} for the Kubernetes API server: {message}")]
    #[diagnostic(help("the kubeconfig's user logs in there: do it once more as you did the first time"))]
    Oidc {
        /// URL of the provider.
        issuer: String,
        /// The reason.
        message: String,
    },

    /// A kind that the server does not know.
    #[error("the cluster knows no kind `{kind}` in `{api_version}`{}", of(.id, .path))]
    UnknownKind {
        /// `apiVersion`.
        api_version: String,
        /// `kind`.
        kind: String,
        /// The resource that asked for it.
        id: Box<ResourceId>,
        /// The template that it came from.
        path: String,
        /// Which kinds or versions there are instead.
        #[help]
        help: String,
    },

    /// Any other refusal.
    #[error("{method} {path} was refused by the Kubernetes API server {server} ({code}{}): {message}", spaced(.reason))]
    Refused {
        /// URL.
        server: String,
        /// HTTP method.
        method: String,
        /// Path without query.
        path: String,
        /// HTTP status.
        code: u16,
        /// Kubernetes' machine-readable reason, such as `Invalid`, or empty.
        reason: String,
        /// The server's words.
        message: String,
        /// What to do.
        #[help]
        help: Option<&'static str>,
    },

    /// An answer that is no Kubernetes answer.
    #[error("the answer of {server} to {method} {path} makes no sense: {message}")]
    #[diagnostic(help("is this the address of a Kubernetes API server?"))]
    Garbled {
        /// URL.
        server: String,
        /// HTTP method.
        method: String,
        /// Path without query.
        path: String,
        /// What is wrong with it.
        message: String,
    },

    /// Somebody else has the lock of the release that was being changed, because the cluster did not hear from us.
    #[error("lost the lock of release `{release}` in namespace `{namespace}` to {holder}: nothing more is changed")]
    #[diagnostic(help(
        "the API server did not hear from this werf for longer than the lock lasts, ten seconds; run the command again when the other one has ended"
    ))]
    LockLost {
        /// Release.
        release: String,
        /// Namespace.
        namespace: String,
        /// Who has it.
        holder: String,
    },

    /// The lock of the release that was being changed is perhaps no longer ours.
    #[error("the lock of release `{release}` in namespace `{namespace}` could not be renewed for {} s: {problem}; changes waited, and were not made", .waited.as_secs())]
    #[diagnostic(help("another werf may deploy the release now; run the command again when the API server answers"))]
    LockUncertain {
        /// Release.
        release: String,
        /// Namespace.
        namespace: String,
        /// How long changes waited.
        waited: Duration,
        /// Why it was not renewed.
        problem: String,
    },

    /// A release record that cannot be decoded.
    #[error("the release record {name} in namespace {namespace} cannot be read: {message}")]
    #[diagnostic(help("`kubectl delete secret {name} -n {namespace}` removes it; earlier revisions stay"))]
    BadRecord {
        /// Name of the Secret.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The reason.
        message: String,
    },
}

impl ClusterError {
    /// HTTP status of a refusal.
    pub fn http_status(&self) -> Option<u16> {
        match self {
            ClusterError::Unauthorized { .. } => Some(401),
            ClusterError::Forbidden { .. } => Some(403),
            ClusterError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the object or the path does not exist.
    pub fn is_not_found(&self) -> bool {
        self.http_status() == Some(404)
    }

    /// Whether somebody else changed or created the object meanwhile.
    pub fn is_conflict(&self) -> bool {
        self.http_status() == Some(409)
    }

    /// Whether the same request may work a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            ClusterError::Unreachable { .. } => true,
            ClusterError::Refused { code, message, .. } => {
                match code {
                    // What an API server cannot do stays so, but for what it says while it starts.
                    500 => message.contains("etcdserver"),
                    403 => message.contains("not yet ready"),
                    code => http::StatusCode::from_u16(*code).is_ok_and(crate::net::is_passing),
                }
            }
            _ => false,
        }
    }

    /// The server's own words about the refusal, without ours.
    pub fn server_message(&self) -> String {
        match self {
            ClusterError::Unauthorized { message, .. }
            | ClusterError::Forbidden { message, .. }
            | ClusterError::Refused { message, .. } => message.clone(),
            other => other.to_string(),
        }
    }
}

fn looked_for(files: &[String]) -> String {
    match files {
        [] => String::new(),
        files => format!(" (looked for {})", files.join(", ")),
    }
}

fn spaced(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" {reason}") }
}

fn of(id: &ResourceId, path: &str) -> String {
    if path.is_empty() { format!(", wanted by {id}") } else { format!(", wanted by {id} of {path}") }
}
