//! From a kubeconfig to a client.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::client::ConfigExt;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use rustls::pki_types::ServerName;

use super::client::Client;
use super::error::ClusterError;
use super::exec_plugin::ExecPlugin;
use super::login::Login;
use super::oidc::{Oidc, Place};
use crate::error::root_cause;
use crate::event::Events;
use crate::net::{Dialing, Multiplexed, Proxies, Route, at_once};
use crate::words::near::nearest;
use crate::words::quoted::quoted;

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
    /// The cluster of the kubeconfig instead of the context's.
    pub cluster: Option<String>,
    /// The user of the kubeconfig instead of the context's.
    pub user: Option<String>,
    /// Who asks, over what the kubeconfig says.
    pub identity: Identity,
    /// The certificate authority.
    pub ca: Option<Pem>,
    /// The proxy before the API server, over what the kubeconfig says.
    pub proxy_url: Option<String>,
    /// The proxies that count where neither says any.
    pub proxies: Proxies,
    /// Name that the server's certificate must have.
    pub tls_server_name: Option<String>,
    /// Whether any certificate of the server is accepted.
    pub skip_tls_verify: bool,
    /// How many requests run at once, watches and logs apart; 30 where `None`.
    pub parallelism: Option<usize>,
    /// How long one request may take in all, watches and logs apart.
    pub request_timeout: Option<Duration>,
}

/// Who asks the API server. What is absent is as the kubeconfig has it.
#[derive(Clone, Default)]
pub struct Identity {
    /// Bearer token; all else that the kubeconfig says of the user counts no more.
    pub token: Option<String>,
    /// File with the bearer token, read again when it changes; as [`Identity::token`].
    pub token_file: Option<PathBuf>,
    /// User name of basic authentication.
    pub username: Option<String>,
    /// Password of basic authentication.
    pub password: Option<String>,
    /// Client certificate.
    pub certificate: Option<Pem>,
    /// Key of the client certificate.
    pub key: Option<Pem>,
    /// User to act as.
    pub impersonate: Option<String>,
    /// Id of the user to act as.
    pub impersonate_uid: Option<String>,
    /// Groups to act as.
    pub impersonate_groups: Vec<String>,
}

/// Nothing of it is printed: most of it is secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(***)")
    }
}

/// A certificate or key.
#[derive(Clone, Debug)]
pub enum Pem {
    /// In a file.
    File(PathBuf),
    /// As text: PEM itself, or base64 of it.
    Text(String),
}

/// How many requests are under way at once, unless the options say. Over HTTP/1.1 each has a connection.
const PARALLELISM: usize = 30;

/// How long a connection may take where the library's configuration does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the configuration, asks the credential program that it names, and prepares a client. The first request connects.
pub async fn connect(options: &ConnectOptions, events: &Events) -> Result<Client, ClusterError> {
    let Loaded { mut config, origin, mut proxy, user } = load(options).await?;
    if let Some(server) = &options.server {
        config.cluster_url = server
            .parse()
            .map_err(|error: http::uri::InvalidUri| ClusterError::BadServer { value: server.clone(), message: error.to_string() })?;
        if config.cluster_url.scheme().is_none() || config.cluster_url.host().is_none() {
            return Err(ClusterError::BadServer { value: server.clone(), message: "it has no scheme or no host".into() });
        }
    }
    options.identity.put_on(&mut config.auth_info);
    if let Some(ca) = &options.ca {
        let bad = |message: String| ClusterError::BadAuthority { path: ca.place(), message };
        let bytes = ca.read().await.map_err(bad)?;
        config.root_cert = Some(certificates(&bytes).ok_or_else(|| bad("it holds no PEM certificate".into()))?);
        config.root_cert_file = None;
    }
    if let Some(url) = &options.proxy_url {
        let bad = |error: http::uri::InvalidUri| ClusterError::BadProxy { value: url.clone(), message: error.to_string() };
        url.parse::<http::Uri>().map_err(bad)?;
        proxy = Some(url.clone());
    }
    let route = proxy.map_or_else(|| Route::Named(options.proxies.clone()), Route::Through);
    if let Some(name) = &options.tls_server_name {
        config.tls_server_name = Some(name.clone());
    }
    config.accept_invalid_certs |= options.skip_tls_verify;

    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let login = login(&mut config.auth_info, &server, user.as_deref(), options, events).await?;
    let bad = |error: kube::Error| bad_config(&origin, &error);
    let namespace = config.default_namespace.clone();
    let server_name = config.tls_server_name.clone().map(ServerName::try_from).transpose();
    let dialing = Dialing {
        tls: config.rustls_client_config().map_err(bad)?,
        server_name: server_name.map_err(|error| bad_config(&origin, &error))?,
        route,
        timeout: config.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
    };
    let transport = Multiplexed::new(dialing, is_followed);
    let source = if origin.is_empty() { "the flags".to_owned() } else { format!("the kubeconfig {origin}") };
    let parallelism = options.parallelism.unwrap_or_else(|| at_once(PARALLELISM)).max(1);
    Client::new(transport, &config, login, (server, source), namespace, parallelism, options.request_timeout).map_err(bad)
}

/// Watches and logs go on for as long as the deployment does.
fn is_followed(uri: &http::Uri) -> bool {
    let is_watch = uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
    is_watch || uri.path().ends_with("/log")
}

/// Who gives credentials that do not last, where the user names somebody and nothing else says who asks. It is taken out: the library
/// would ask in its own way. A certificate of a program takes the place of the user's.
async fn login(
    user: &mut AuthInfo,
    server: &str,
    name: Option<&str>,
    options: &ConnectOptions,
    events: &Events,
) -> Result<Option<Login>, ClusterError> {
    let is_known = user.token.is_some() || user.token_file.is_some() || user.username.is_some();
    if let Some(provider) = user.auth_provider.take_if(|provider| provider.name == "oidc" && !is_known) {
        let place = name.and_then(|name| Some(Place { path: file_of(options, name)?, user: name.to_owned() }));
        return Ok(Some(Login::Oidc(Oidc::new(&provider, place, options.proxies.clone(), events)?)));
    }
    let Some(mut exec) = user.exec.take().filter(|_| !is_known && user.auth_provider.is_none()) else { return Ok(None) };
    if let Some(cluster) = &mut exec.cluster {
        cluster.server = Some(server.to_owned());
    }
    let plugin = ExecPlugin::ask(exec, server, events).await?;
    if let Some((certificate, key)) = plugin.certificate().await {
        (user.client_certificate, user.client_certificate_data) = (None, Some(STANDARD.encode(certificate)));
        (user.client_key, user.client_key_data) = (None, Some(STANDARD.encode(key).into()));
    }
    Ok(Some(Login::Program(plugin)))
}

/// The kubeconfig that says who a user is: the first one that has the name.
fn file_of(options: &ConnectOptions, user: &str) -> Option<PathBuf> {
    let has = |path: &&PathBuf| {
        Kubeconfig::read_from(path.as_path()).is_ok_and(|config| config.auth_infos.iter().any(|known| known.name == user))
    };
    options.kubeconfigs.iter().filter(|_| options.kubeconfig_base64.is_none()).find(has).cloned()
}

/// The namespace that a context of the kubeconfigs names, read as Helm reads it: files that cannot be used say nothing.
pub async fn context_namespace(kubeconfigs: &[PathBuf], context: Option<&str>) -> Option<String> {
    let (kubeconfig, _) = from_files(kubeconfigs).await.ok()?;
    let kubeconfig = kubeconfig?;
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let named = kubeconfig.contexts.iter().find(|context| context.name == name)?;
    named.context.as_ref()?.namespace.clone().filter(|namespace| !namespace.is_empty())
}

/// The names of the kubeconfig's contexts: of those with the same cluster and user the first, the current one before others, unless `each`
/// counts. None where there is no kubeconfig.
pub async fn contexts(options: &ConnectOptions, each: bool) -> Result<Vec<String>, ClusterError> {
    let (Some(kubeconfig), _) = given(options).await? else { return Ok(Vec::new()) };
    let current = kubeconfig.current_context.as_deref();
    let mut named: Vec<_> = kubeconfig.contexts.iter().collect();
    named.sort_by_key(|context| Some(context.name.as_str()) != current);
    let mut known = std::collections::HashSet::new();
    named.retain(|context| each || known.insert(context.context.as_ref().map(|context| (&context.cluster, &context.user))));
    Ok(named.into_iter().map(|context| context.name.clone()).collect())
}

/// The kubeconfig and where it came from.
async fn given(options: &ConnectOptions) -> Result<(Option<Kubeconfig>, String), ClusterError> {
    match &options.kubeconfig_base64 {
        Some(text) => {
            let origin = IN_BASE64.to_owned();
            let bytes = STANDARD.decode(text.trim()).map_err(|_| bad_config(&origin, &NotBase64))?;
            let text = String::from_utf8(bytes).map_err(|error| bad_config(&origin, &error))?;
            Ok((Some(Kubeconfig::from_yaml(&text).map_err(|error| bad_config(&origin, &error))?), origin))
        }
        None => from_files(&options.kubeconfigs).await,
    }
}

/// A configuration that was found.
struct Loaded {
    config: kube::Config,
    /// Where it came from, for messages.
    origin: String,
    /// The proxy that it names for the cluster.
    proxy: Option<String>,
    /// The name of its user that is chosen.
    user: Option<String>,
}

async fn load(options: &ConnectOptions) -> Result<Loaded, ClusterError> {
    let (kubeconfig, origin) = given(options).await?;
    let Some(kubeconfig) = kubeconfig else {
        if let Some(server) = &options.server {
            let url = server
                .parse()
                .map_err(|error: http::uri::InvalidUri| ClusterError::BadServer { value: server.clone(), message: error.to_string() })?;
            return Ok(Loaded { config: kube::Config::new(url), origin: String::new(), proxy: None, user: None });
        }
        let tried = options.kubeconfigs.iter().map(|path| path.display().to_string()).collect();
        return match kube::Config::incluster() {
            Ok(config) => Ok(Loaded { config, origin: "of the pod's service account".into(), proxy: None, user: None }),
            Err(_) => Err(ClusterError::NoConfig { tried }),
        };
    };
    if let Some(name) = &options.context
        && !kubeconfig.contexts.iter().any(|context| &context.name == name)
    {
        return Err(unknown_context(&kubeconfig, &origin, name));
    }
    let select = KubeConfigOptions { context: options.context.clone(), cluster: options.cluster.clone(), user: options.user.clone() };
    match kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &select).await {
        Ok(config) => {
            let (proxy, user) = (proxy_of(&kubeconfig, options), user_of(&kubeconfig, options));
            Ok(Loaded { config, origin, proxy, user })
        }
        Err(KubeconfigError::LoadContext(name)) if !name.is_empty() => Err(unknown_context(&kubeconfig, &origin, &name)),
        Err(KubeconfigError::CurrentContextNotSet | KubeconfigError::LoadContext(_)) => {
            Err(ClusterError::NoContext { path: origin, help: format!("choose one with `--kube-context`: {}", names_of(&kubeconfig)) })
        }
        Err(error) => Err(bad_config(&origin, &error)),
    }
}

/// The context that is chosen.
fn context_of<'a>(kubeconfig: &'a Kubeconfig, options: &ConnectOptions) -> Option<&'a kube::config::Context> {
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    kubeconfig.contexts.iter().find(|known| &known.name == context)?.context.as_ref()
}

/// `proxy-url` of the cluster that is chosen.
fn proxy_of(kubeconfig: &Kubeconfig, options: &ConnectOptions) -> Option<String> {
    let of_context = || context_of(kubeconfig, options).map(|context| context.cluster.clone());
    let cluster = options.cluster.clone().or_else(of_context)?;
    kubeconfig.clusters.iter().find(|known| known.name == cluster)?.cluster.as_ref()?.proxy_url.clone().filter(|url| !url.is_empty())
}

/// The user that is chosen.
fn user_of(kubeconfig: &Kubeconfig, options: &ConnectOptions) -> Option<String> {
    options.user.clone().or_else(|| context_of(kubeconfig, options)?.user.clone())
}

impl Identity {
    fn put_on(&self, known: &mut AuthInfo) {
        let Identity { token, token_file, username, password, certificate, key, impersonate, impersonate_uid, impersonate_groups } =
            self.clone();
        if token.is_some() || token_file.is_some() {
            *known = AuthInfo::default();
            known.token = token.map(Into::into);
            known.token_file = token_file.map(|path| path.display().to_string());
        }
        if username.is_some() {
            (known.username, known.password) = (username, password.map(Into::into));
        }
        if let Some(certificate) = certificate {
            (known.client_certificate, known.client_certificate_data) = certificate.as_kubeconfig();
        }
        if let Some(key) = key {
            let (file, data) = key.as_kubeconfig();
            (known.client_key, known.client_key_data) = (file, data.map(Into::into));
        }
        known.impersonate = impersonate.or(known.impersonate.take());
        known.impersonate_uid = impersonate_uid.or(known.impersonate_uid.take());
        if !impersonate_groups.is_empty() {
            known.impersonate_groups = Some(impersonate_groups);
        }
    }
}

impl Pem {
    /// A file's path and data in base64, of which one is there.
    fn as_kubeconfig(&self) -> (Option<String>, Option<String>) {
        match self {
            Pem::File(path) => (Some(path.display().to_string()), None),
            Pem::Text(text) if text.trim_start().starts_with("-----BEGIN") => (None, Some(STANDARD.encode(text))),
            Pem::Text(text) => (None, Some(text.trim().to_owned())),
        }
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Pem::File(path) => tokio::fs::read(path).await.map_err(|error| error.to_string()),
            Pem::Text(text) if text.trim_start().starts_with("-----BEGIN") => Ok(text.clone().into_bytes()),
            Pem::Text(text) => STANDARD.decode(text.trim()).map_err(|_| "it is neither PEM nor base64".to_owned()),
        }
    }

    /// Where it is, for messages.
    fn place(&self) -> String {
        match self {
            Pem::File(path) => path.display().to_string(),
            Pem::Text(_) => "given as data".to_owned(),
        }
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
    let help = match nearest(name, kubeconfig.contexts.iter().map(|context| context.name.as_str())) {
        Some(best) => format!("did you mean `{best}`? Contexts: {}", names_of(kubeconfig)),
        None => format!("contexts: {}", names_of(kubeconfig)),
    };
    ClusterError::UnknownContext { path: origin.into(), name: name.into(), help }
}

fn names_of(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    if names.is_empty() { "none".into() } else { quoted(&names) }
}

fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem).filter_map(|item| item.ok().map(|der| der.to_vec())).collect();
    (!found.is_empty()).then_some(found)
}
