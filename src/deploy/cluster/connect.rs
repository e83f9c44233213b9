//! From a kubeconfig to a client.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::client::Client;
use super::error::ClusterError;
use super::transport::Transport;
use crate::error::root_cause;

/// Where the cluster is and who we are. Empty fields leave the kubeconfig's word.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Kubeconfig files, merged as kubectl does (first wins). Missing files are passed over.
    pub kubeconfigs: Vec<PathBuf>,
    /// A whole kubeconfig in base64; wins over the files.
    pub kubeconfig_base64: Option<String>,
    /// Context to use instead of the current one.
    pub context: Option<String>,
    /// URL of the API server.
    pub server: Option<String>,
    /// Bearer token.
    pub token: Option<String>,
    /// File with the certificate authority.
    pub ca_file: Option<PathBuf>,
    /// Name that the server's certificate must have.
    pub tls_server_name: Option<String>,
    /// Whether any certificate of the server is accepted.
    pub skip_tls_verify: bool,
    /// How many requests run at once, watches and logs apart; 30 where `None`.
    pub parallelism: Option<usize>,
}

const PARALLELISM: usize = 30;

/// Reads the configuration and prepares a client. The first request connects.
pub async fn connect(options: &ConnectOptions) -> Result<Client, ClusterError> {
    let (mut config, origin) = load(options).await?;
    if let Some(server) = &options.server {
        config.cluster_url = server
            .parse()
            .map_err(|error: http::uri::InvalidUri| ClusterError::BadServer { value: server.clone(), message: error.to_string() })?;
        if config.cluster_url.scheme().is_none() || config.cluster_url.host().is_none() {
            return Err(ClusterError::BadServer { value: server.clone(), message: "it has no scheme or no host".into() });
        }
    }
    if let Some(token) = &options.token {
        config.auth_info = kube::config::AuthInfo { token: Some(token.clone().into()), ..Default::default() };
    }
    if let Some(path) = &options.ca_file {
        let bad = |message: String| ClusterError::BadAuthority { path: path.display().to_string(), message };
        let bytes = tokio::fs::read(path).await.map_err(|error| bad(error.to_string()))?;
        config.root_cert = Some(certificates(&bytes).ok_or_else(|| bad("it holds no PEM certificate".into()))?);
        config.root_cert_file = None;
    }
    if let Some(name) = &options.tls_server_name {
        config.tls_server_name = Some(name.clone());
    }
    config.accept_invalid_certs |= options.skip_tls_verify;

    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let bad = |error: kube::Error| bad_config(&origin, &error);
    let namespace = config.default_namespace.clone();
    let transport = Transport::new(&config).map_err(bad)?;
    let source = if origin.is_empty() { "the flags".to_owned() } else { format!("the kubeconfig {origin}") };
    let parallelism = options.parallelism.unwrap_or(PARALLELISM).max(1);
    Client::new(transport, &config, server, source, namespace, parallelism).map_err(bad)
}

/// The namespace that a context of the kubeconfigs names, read as Helm reads it: files that cannot be used say nothing.
pub async fn context_namespace(kubeconfigs: &[PathBuf], context: Option<&str>) -> Option<String> {
    let (kubeconfig, _) = from_files(kubeconfigs).await.ok()?;
    let kubeconfig = kubeconfig?;
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let named = kubeconfig.contexts.iter().find(|context| context.name == name)?;
    named.context.as_ref()?.namespace.clone().filter(|namespace| !namespace.is_empty())
}

/// The configuration and where it came from, for messages.
async fn load(options: &ConnectOptions) -> Result<(kube::Config, String), ClusterError> {
    let (kubeconfig, origin) = match &options.kubeconfig_base64 {
        Some(text) => {
            let origin = IN_BASE64.to_owned();
            let bytes = STANDARD.decode(text.trim()).map_err(|_| bad_config(&origin, &NotBase64))?;
            let text = String::from_utf8(bytes).map_err(|error| bad_config(&origin, &error))?;
            (Some(Kubeconfig::from_yaml(&text).map_err(|error| bad_config(&origin, &error))?), origin)
        }
        None => from_files(&options.kubeconfigs).await?,
    };
    let Some(kubeconfig) = kubeconfig else {
        if let Some(server) = &options.server {
            let url = server
                .parse()
                .map_err(|error: http::uri::InvalidUri| ClusterError::BadServer { value: server.clone(), message: error.to_string() })?;
            return Ok((kube::Config::new(url), String::new()));
        }
        let tried = options.kubeconfigs.iter().map(|path| path.display().to_string()).collect();
        return match kube::Config::incluster() {
            Ok(config) => Ok((config, "of the pod's service account".into())),
            Err(_) => Err(ClusterError::NoConfig { tried }),
        };
    };
    if let Some(name) = &options.context
        && !kubeconfig.contexts.iter().any(|context| &context.name == name)
    {
        return Err(unknown_context(&kubeconfig, &origin, name));
    }
    let select = KubeConfigOptions { context: options.context.clone(), ..Default::default() };
    match kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &select).await {
        Ok(config) => Ok((config, origin)),
        Err(KubeconfigError::LoadContext(name)) if !name.is_empty() => Err(unknown_context(&kubeconfig, &origin, &name)),
        Err(KubeconfigError::CurrentContextNotSet | KubeconfigError::LoadContext(_)) => {
            Err(ClusterError::NoContext { path: origin, help: format!("choose one with `--kube-context`: {}", contexts(&kubeconfig)) })
        }
        Err(error) => Err(bad_config(&origin, &error)),
    }
}

/// Where a kubeconfig that is no file came from.
const IN_BASE64: &str = "given in base64";

#[derive(Debug, thiserror::Error)]
#[error("it is not base64")]
struct NotBase64;

/// The error of a kubeconfig, in the first line of its reader's words.
fn bad_config(origin: &str, error: &(dyn std::error::Error + 'static)) -> ClusterError {
    let message = root_cause(error).to_string();
    let message = message.lines().next().unwrap_or_default().trim_start_matches("failed to parse kubeconfig YAML: ");
    let message = message.trim_start_matches("error: ").trim_end_matches('.').to_owned();
    let help = match origin {
        IN_BASE64 => "`--kube-config-base64` takes what `base64 -w0 FILE` prints for a kubeconfig".to_owned(),
        path => format!("check it with `kubectl config view --kubeconfig {path}`"),
    };
    ClusterError::BadConfig { path: origin.to_owned(), message, help }
}

async fn from_files(paths: &[PathBuf]) -> Result<(Option<Kubeconfig>, String), ClusterError> {
    let mut merged: Option<Kubeconfig> = None;
    let mut origin = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(bad_config(&name, &error)),
            Ok(_) => {}
        }
        let next = Kubeconfig::read_from(path).map_err(|error| bad_config(&name, &error))?;
        merged = Some(match merged {
            Some(first) => first.merge(next).map_err(|error| bad_config(&name, &error))?,
            None => next,
        });
        origin.push(name);
    }
    Ok((merged, origin.join(", ")))
}

fn unknown_context(kubeconfig: &Kubeconfig, origin: &str, name: &str) -> ClusterError {
    let best = kubeconfig
        .contexts
        .iter()
        .map(|context| (similar::TextDiff::from_chars(name, context.name.as_str()).ratio(), context.name.as_str()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(ratio, _)| *ratio > 0.6);
    let help = match best {
        Some((_, best)) => format!("did you mean `{best}`? Contexts: {}", contexts(kubeconfig)),
        None => format!("contexts: {}", contexts(kubeconfig)),
    };
    ClusterError::UnknownContext { path: origin.into(), name: name.into(), help }
}

fn contexts(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<String> = kubeconfig.contexts.iter().map(|context| format!("`{}`", context.name)).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem).filter_map(|item| item.ok().map(|der| der.to_vec())).collect();
    (!found.is_empty()).then_some(found)
}
