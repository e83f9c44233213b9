//! A connection to a daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Target, Identity};

use super::endpoint::{Endpoint, TlsOptions};
use super::error::{ConnectError, innermost};
use super::proto::moby::buildkit::v1::control_client::ControlClient;
use super::proto::moby::buildkit::v1::{InfoRequest, ListWorkersRequest};
use super::told::Told;
use crate::platform::Platform;

/// The oldest daemon that will do: the first that can set the times of files in an image for reproducible digests.
pub const MINIMUM_VERSION: &str = "v0.13.0";

/// A daemon's message may hold a definition with source files in it.
pub(super) const MESSAGE_LIMIT: usize = 64 << 20;

/// Between two looks whether a daemon that builds still answers.
const LOOK: Duration = Duration::from_secs(5);

/// How long it may say nothing then.
const SILENCE: Duration = Duration::from_secs(25);

/// How long a daemon may take to begin with a session.
pub(super) const SESSION: Duration = Duration::from_secs(25);

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub struct ConnectOptions {
    /// Longest time for the daemon to answer, all attempts together.
    pub timeout: Duration,
    /// Whether a daemon that does not listen yet is waited for.
    pub wait: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        ConnectOptions { timeout: Duration::from_secs(10), wait: false }
    }
}

/// What a daemon says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// `v0.34.2`; `v0.0.0+unknown` in builds that were not stamped.
    pub version: String,
    /// Platforms that its workers build for, the native one first.
    pub platforms: Vec<Platform>,
    /// Name of the snapshotter, `overlayfs`; empty if unknown.
    pub snapshotter: String,
}

/// A connection to a daemon. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) channel: Told,
    pub(super) endpoint: Arc<str>,
    daemon: Arc<Daemon>,
    log: Option<Arc<Path>>,
}

impl Client {
    /// The daemon at the other end.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Its address, for people.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The same client; where the daemon is ours, errors show the end of its log.
    pub(super) fn with_log(self, log: PathBuf) -> Self {
        Client { log: Some(log.into()), ..self }
    }

    pub(super) fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }

    /// Comes back where the daemon answers no more, though the connection is open: it is asked for nothing but a word, now and then.
    pub(super) async fn falls_silent(&self) -> tonic::Status {
        loop {
            tokio::time::sleep(LOOK).await;
            // a refusal is an answer, and a connection that breaks shows by itself
            if tokio::time::timeout(SILENCE, self.control().info(InfoRequest {})).await.is_err() {
                return tonic::Status::unavailable(format!("it has not answered for {} s", SILENCE.as_secs()));
            }
        }
    }

    pub(super) fn control(&self) -> ControlClient<Told> {
        control(self.channel.clone())
    }
}

fn control(channel: Told) -> ControlClient<Told> {
    ControlClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT)
}

/// Reaches a daemon and checks that it will do.
pub async fn connect(endpoint: &Endpoint, options: ConnectOptions) -> Result<Client, ConnectError> {
    let deadline = Instant::now() + options.timeout;
    let mut pause = Duration::from_millis(2);
    loop {
        let attempt = tokio::time::timeout_at(deadline.into(), attempt(endpoint)).await;
        let error = match attempt {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(_) => return Err(unreachable(endpoint, &io::Error::from(io::ErrorKind::TimedOut))),
        };
        if !options.wait || !matches!(error, ConnectError::Unreachable { .. }) || Instant::now() + pause >= deadline {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

async fn attempt(endpoint: &Endpoint) -> Result<Client, ConnectError> {
    let address: Arc<str> = endpoint.to_string().into();
    let channel = Told::new(channel(endpoint).await?, address.clone());
    let mut control = control(channel.clone());
    let (info, workers) = {
        let mut other = control.clone();
        tokio::join!(control.info(InfoRequest {}), other.list_workers(ListWorkersRequest::default()))
    };
    let workers = workers.map_err(|status| classify(endpoint, status))?.into_inner();
    // `Info` came with 0.11: a daemon that lists workers but lacks it is a daemon, only an old one.
    let info = match info {
        Err(status) if status.code() == Code::Unimplemented => return Err(too_old(endpoint, "older than v0.11.0".into())),
        info => info.map_err(|status| classify(endpoint, status))?.into_inner(),
    };
    let version = info.buildkit_version.map(|version| version.version).unwrap_or_default();
    if !will_do(&version) {
        return Err(too_old(endpoint, version));
    }
    let Some(worker) = workers.record.first() else {
        return Err(ConnectError::NoWorker { endpoint: endpoint.to_string() });
    };
    let snapshotter = worker.labels.get("org.mobyproject.buildkit.worker.snapshotter").cloned().unwrap_or_default();
    let platforms = workers.record.iter().flat_map(|worker| &worker.platforms);
    let platforms = platforms.map(|platform| Platform::new(&platform.os, &platform.architecture, &platform.variant));
    let daemon = Daemon { version, platforms: platforms.collect(), snapshotter };
    Ok(Client { channel, endpoint: address, daemon: Arc::new(daemon), log: None })
}

async fn channel(endpoint: &Endpoint) -> Result<Channel, ConnectError> {
    let failed = |error: tonic::transport::Error| classify_transport(endpoint, error);
    let alive = Duration::from_secs(10);
    let tuned = |target: Target| target.initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
    match endpoint {
        Endpoint::Unix(path) => {
            let path = path.clone();
            let connector = tower::service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            });
            // The authority of a socket: what it is has no effect.
            tuned(Target::from_static("http://localhost")).connect_with_connector(connector).await.map_err(failed)
        }
        Endpoint::Tcp { host, port, tls } => {
            let scheme = if tls.is_some() { "https" } else { "http" };
            let target = Target::from_shared(format!("{scheme}://{host}:{port}")).map_err(failed)?;
            let target = tuned(target).tcp_nodelay(true).tcp_keepalive(Some(alive)).tcp_keepalive_interval(Some(alive));
            let target = match tls {
                Some(tls) => target.tls_config(tls_config(host, tls)?).map_err(failed)?,
                None => target,
            };
            target.connect().await.map_err(failed)
        }
    }
}

fn tls_config(host: &str, tls: &TlsOptions) -> Result<ClientTlsConfig, ConnectError> {
    let read = |what: &'static str, path: &Path| {
        std::fs::read(path).map_err(|cause| ConnectError::TlsFile { what, path: path.to_owned(), cause: Arc::new(cause) })
    };
    let name = tls.server_name.clone().unwrap_or_else(|| host.trim_matches(['[', ']']).to_owned());
    let mut config = ClientTlsConfig::new().domain_name(name).assume_http2(true);
    config = match &tls.ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(read("the CA", ca)?)),
        None => config.with_native_roots(),
    };
    match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            let identity = Identity::from_pem(read("the client certificate", cert)?, read("the client key", key)?);
            Ok(config.identity(identity))
        }
        (None, None) => Ok(config),
        _ => Err(ConnectError::HalfIdentity),
    }
}

fn classify_transport(endpoint: &Endpoint, error: tonic::transport::Error) -> ConnectError {
    let tls = matches!(endpoint, Endpoint::Tcp { tls: Some(_), .. });
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut refused = false;
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::*;
            // rustls hides behind InvalidData.
            refused |= matches!(error.kind(), ConnectionRefused | NotFound | PermissionDenied | TimedOut | HostUnreachable);
        }
        refused |= error.to_string().contains("dns error");
        cause = error.source();
    }
    if tls && !refused {
        return ConnectError::Tls { endpoint: endpoint.to_string(), cause: innermost(&error) };
    }
    unreachable(endpoint, &error)
}

fn classify(endpoint: &Endpoint, status: tonic::Status) -> ConnectError {
    match status.code() {
        Code::Unimplemented => ConnectError::Foreign { endpoint: endpoint.to_string(), cause: Arc::new(status) },
        // A daemon that wants a client certificate ends the connection only after the handshake, at the first request.
        _ if let Endpoint::Tcp { tls: Some(tls), .. } = endpoint => {
            ConnectError::ClientRefused { endpoint: endpoint.to_string(), shown: tls.cert.is_some(), cause: innermost(&status) }
        }
        // A daemon that speaks TLS hangs up on plain words.
        Code::Unknown if std::error::Error::source(&status).is_some() => unreachable(endpoint, &status),
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => unreachable(endpoint, &status),
        _ => ConnectError::Foreign { endpoint: endpoint.to_string(), cause: Arc::new(status) },
    }
}

fn unreachable(endpoint: &Endpoint, error: &(dyn std::error::Error + 'static)) -> ConnectError {
    let help = match endpoint {
        Endpoint::Unix(_) => "start buildkitd, check that the socket's owner is you, or leave the address out to use the embedded daemon",
        Endpoint::Tcp { tls: None, .. } => {
            "check the address and that buildkitd runs there; a daemon that listens with TLS needs the CA, a certificate and a key"
        }
        Endpoint::Tcp { .. } => "check the address and that buildkitd runs there",
    };
    ConnectError::Unreachable { endpoint: endpoint.to_string(), cause: innermost(error), help }
}

fn too_old(endpoint: &Endpoint, version: String) -> ConnectError {
    ConnectError::TooOld { endpoint: endpoint.to_string(), version, minimum: MINIMUM_VERSION }
}

/// Whether a version will do. Unstamped and foreign builds pass: their missing capabilities are named by the solve.
fn will_do(version: &str) -> bool {
    fn numbers(version: &str) -> Option<(u32, u32)> {
        let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
    match (numbers(version), numbers(MINIMUM_VERSION)) {
        (Some((0, 0)) | None, _) => true,
        (have, need) => have >= need,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (version, expect) in [
            ("v0.34.2", true),
            ("0.13.0", true),
            ("v0.13.0-rc1", true),
            ("v0.12.5", false),
            ("v0.9.3", false),
            ("v1.0.0", true),
            ("v0.0.0+unknown", true),
            ("", true),
            ("master", true),
        ] {
            assert_eq!(will_do(version), expect, "{version}");
        }
    }
}
