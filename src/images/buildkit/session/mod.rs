//! What the daemon may ask of us while it builds.
//!
//! A session is an HTTP/2 connection inside one stream of the control service, on which we are the server. What the builds need
//! is in [`Attachments`]; what is not attached is not offered. The daemon asks whichever session of a build answers, so ids of
//! secrets, directories and stores are per session: two builds that mean different things by one id need two sessions.

mod auth;
mod content;
mod files;
mod health;
mod secrets;
mod ssh;
mod tunnel;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::service::Routes;

pub use auth::{CredentialSource, Credentials};
pub use content::ContentStore;
pub use files::{FileKind, FileSource, FileStat};
pub use secrets::Secret;

use super::client::Client;
use super::error::ConnectError;
use super::proto::containerd::services::content::v1::content_server::ContentServer;
use super::proto::grpc::health::v1::health_server::HealthServer;
use super::proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use super::proto::moby::filesync::v1::auth_server::AuthServer;
use super::proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use super::proto::moby::sshforward::v1::ssh_server::SshServer;

/// A failure of something that a session serves, in the words of its owner.
pub type ServeError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What a session offers.
#[derive(Clone, Default)]
pub struct Attachments {
    /// Names the project, so that its local directories are told apart from other projects' at the daemon.
    pub shared_key: String,
    /// Credentials of registries; `None` for anonymous access.
    pub credentials: Option<Arc<dyn CredentialSource>>,
    /// Secrets by id.
    pub secrets: BTreeMap<String, Secret>,
    /// Directories by name.
    pub directories: BTreeMap<String, Arc<dyn FileSource>>,
    /// Content stores by id, for OCI layouts.
    pub stores: BTreeMap<String, Arc<dyn ContentStore>>,
    /// Sockets of SSH agents by id.
    pub ssh_agents: BTreeMap<String, PathBuf>,
}

/// An open session; it ends when this is dropped.
#[derive(Debug)]
pub struct Session {
    id: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Session {
    /// The id by which solves name it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Client {
    /// Opens a session that serves the attachments until it is dropped.
    pub async fn open_session(&self, attachments: Attachments) -> Result<Session, ConnectError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (routes, methods) = routes(&attachments);
        let mut headers = vec![
            ("x-docker-expose-session-uuid", id.clone()),
            ("x-docker-expose-session-name", "werf".to_owned()),
            ("x-docker-expose-session-sharedkey", header_text(&attachments.shared_key)),
        ];
        headers.extend(methods.into_iter().map(|method| ("x-docker-expose-session-grpc-method", method)));
        let tasks = tunnel::open(self, routes, &pairs(headers)).await?;
        Ok(Session { id, tasks })
    }
}

/// The services for what is attached, and their methods as `/package.Service/Method`.
fn routes(attachments: &Attachments) -> (Routes, Vec<String>) {
    const LIMIT: usize = super::client::MESSAGE_LIMIT;
    let mut methods = vec!["/grpc.health.v1.Health/Check".to_owned()];
    let mut routes = Routes::new(HealthServer::new(health::Always));
    let mut offer = |service: &str, names: &[&str]| methods.extend(names.iter().map(|name| format!("/{service}/{name}")));

    if let Some(source) = &attachments.credentials {
        // GetTokenAuthority answers Unimplemented: then the daemon fetches tokens itself, with the credentials that it is given.
        offer("moby.filesync.v1.Auth", &["Credentials", "GetTokenAuthority"]);
        routes = routes.add_service(AuthServer::new(auth::Auth::new(source.clone())));
    }
    if !attachments.secrets.is_empty() {
        offer("moby.buildkit.secrets.v1.Secrets", &["GetSecret"]);
        routes = routes.add_service(SecretsServer::new(secrets::Secrets::new(attachments.secrets.clone())));
    }
    if !attachments.directories.is_empty() {
        offer("moby.filesync.v1.FileSync", &["DiffCopy"]);
        routes = routes.add_service(FileSyncServer::new(files::Files::new(attachments.directories.clone())));
    }
    if !attachments.stores.is_empty() {
        offer("containerd.services.content.v1.Content", &["Info", "Read"]);
        let server = ContentServer::new(content::Content::new(attachments.stores.clone()));
        routes = routes.add_service(server.max_encoding_message_size(LIMIT));
    }
    if !attachments.ssh_agents.is_empty() {
        offer("moby.sshforward.v1.SSH", &["CheckAgent", "ForwardAgent"]);
        routes = routes.add_service(SshServer::new(ssh::Ssh::new(attachments.ssh_agents.clone())));
    }
    (routes, methods)
}

/// Header names and values; what is no valid header is left out.
fn pairs(headers: Vec<(&'static str, String)>) -> Vec<(AsciiMetadataKey, AsciiMetadataValue)> {
    headers.into_iter().filter_map(|(name, value)| Some((AsciiMetadataKey::from_static(name), value.parse().ok()?))).collect()
}

/// Printable ASCII, anything else as `_`: the shared key only has to differ between projects.
fn header_text(text: &str) -> String {
    text.chars().map(|char| if char.is_ascii_graphic() { char } else { '_' }).collect()
}

/// The first value of a metadata key.
fn metadata<'a, T>(request: &'a tonic::Request<T>, key: &str) -> Option<&'a str> {
    request.metadata().get(key)?.to_str().ok()
}

/// Runs work that may block away from the connection's own tasks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, tonic::Status> {
    tokio::task::spawn_blocking(work).await.map_err(|error| tonic::Status::internal(error.to_string()))
}

/// An error with its causes in one line, for the daemon to pass on.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
