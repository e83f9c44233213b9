//! An HTTP/2 server whose connection is a stream of byte messages.

use std::io;
use std::sync::Arc;

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Status, Streaming};

use crate::images::buildkit::client::{Client, SESSION};
use crate::images::buildkit::error::ConnectError;
use crate::images::buildkit::proto::moby::buildkit::v1::BytesMessage;

/// Bytes between the server and the stream.
const BUFFER: usize = 1 << 20;
/// Bytes of one message.
const CHUNK: usize = 256 << 10;

/// Opens the stream and serves on it; gives the tasks to abort at the end.
pub async fn open(
    client: &Client,
    routes: Routes,
    headers: &[(AsciiMetadataKey, AsciiMetadataValue)],
) -> Result<Vec<JoinHandle<()>>, ConnectError> {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (reader, writer) = tokio::io::split(theirs);
    let (sender, receiver) = mpsc::channel(4);
    let outgoing = tokio::spawn(send(reader, sender));

    let mut request = Request::new(ReceiverStream::new(receiver));
    for (name, value) in headers {
        request.metadata_mut().append(name, value.clone());
    }
    // The server's first bytes must be under way before the daemon answers.
    let one = futures::stream::once(async { Ok::<_, io::Error>(ours) }).chain(futures::stream::pending());
    let server = Server::builder().initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
    let serving = tokio::spawn(async move {
        let mut server = server;
        let _ = server.add_routes(routes).serve_with_incoming(one).await;
    });
    let begun = tokio::time::timeout(SESSION, async { client.control().session(request).await }).await;
    let silent = || Status::deadline_exceeded(format!("it did not answer within {} s", SESSION.as_secs()));
    let incoming = match begun.unwrap_or_else(|_| Err(silent())) {
        Ok(response) => tokio::spawn(receive(response.into_inner(), writer)),
        Err(status) => {
            outgoing.abort();
            serving.abort();
            return Err(ConnectError::Session { endpoint: client.endpoint().to_owned(), cause: Arc::new(status) });
        }
    };
    Ok(vec![outgoing, serving, incoming])
}

async fn send(mut reader: ReadHalf<DuplexStream>, sender: mpsc::Sender<BytesMessage>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        if sender.send(BytesMessage { data: buffer[..count].to_vec() }).await.is_err() {
            break;
        }
    }
}

async fn receive(mut stream: Streaming<BytesMessage>, mut writer: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = stream.message().await {
        if writer.write_all(&message.data).await.is_err() {
            break;
        }
    }
    let _ = writer.shutdown().await;
}
