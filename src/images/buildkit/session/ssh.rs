//! The SSH agent's socket.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::metadata;
use crate::images::buildkit::proto::moby::sshforward::v1::ssh_server;
use crate::images::buildkit::proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};

/// The service.
pub struct Ssh(BTreeMap<String, PathBuf>);

impl Ssh {
    pub fn new(agents: BTreeMap<String, PathBuf>) -> Self {
        Ssh(agents)
    }

    fn socket(&self, id: &str) -> Result<&PathBuf, Status> {
        let id = if id.is_empty() { "default" } else { id };
        self.0.get(id).ok_or_else(|| Status::not_found(format!("no SSH agent `{id}` is declared for this build")))
    }
}

#[tonic::async_trait]
impl ssh_server::Ssh for Ssh {
    type ForwardAgentStream = ReceiverStream<Result<BytesMessage, Status>>;

    async fn check_agent(&self, request: Request<CheckAgentRequest>) -> Result<Response<CheckAgentResponse>, Status> {
        self.socket(&request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let socket = self.socket(metadata(&request, "buildkit.ssh.id").unwrap_or_default())?;
        let agent = UnixStream::connect(socket).await.map_err(|error| Status::unavailable(format!("SSH agent: {error}")))?;
        let (mut reader, mut writer) = agent.into_split();
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = incoming.next().await {
                if writer.write_all(&message.data).await.is_err() {
                    break;
                }
            }
        });
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let mut buffer = vec![0; 32 << 10];
            while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                if sender.send(Ok(BytesMessage { data: buffer[..count].to_vec() })).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
