//! What a session serves, asked for as a daemon does: by an HTTP/2 connection inside the stream.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use anyhow::{Context, Result};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::{Channel, Endpoint as Target, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use werf::images::buildkit::proto::containerd::services::content::v1::content_client::ContentClient;
use werf::images::buildkit::proto::containerd::services::content::v1::{InfoRequest as BlobInfo, ReadContentRequest};
use werf::images::buildkit::proto::fsutil::types::Packet;
use werf::images::buildkit::proto::fsutil::types::packet::PacketType;
use werf::images::buildkit::proto::moby::buildkit::secrets::v1::GetSecretRequest;
use werf::images::buildkit::proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use werf::images::buildkit::proto::moby::buildkit::v1::control_server::{Control, ControlServer};
use werf::images::buildkit::proto::moby::buildkit::v1::types::{BuildkitVersion, WorkerRecord};
use werf::images::buildkit::proto::moby::buildkit::v1::*;
use werf::images::buildkit::proto::moby::filesync::v1::auth_client::AuthClient;
use werf::images::buildkit::proto::moby::filesync::v1::file_sync_client::FileSyncClient;
use werf::images::buildkit::proto::moby::filesync::v1::{CredentialsRequest, GetTokenAuthorityRequest};
use werf::images::buildkit::session::{ContentStore, CredentialSource, Credentials, FileKind, FileSource, FileStat, Secret, ServeError};
use werf::images::buildkit::{Attachments, ConnectOptions, Endpoint, Session, connect};

type Opened = (Channel, Vec<(String, String)>);

/// A daemon that only takes a session and hands its connection to the test.
struct Taker(Mutex<Option<oneshot::Sender<Opened>>>);

#[tonic::async_trait]
impl Control for Taker {
    type PruneStream = ReceiverStream<Result<UsageRecord, Status>>;
    type StatusStream = ReceiverStream<Result<StatusResponse, Status>>;
    type SessionStream = ReceiverStream<Result<BytesMessage, Status>>;

    async fn session(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Self::SessionStream>, Status> {
        let headers = request.metadata().iter().filter_map(|pair| match pair {
            tonic::metadata::KeyAndValueRef::Ascii(name, value) => Some((name.to_string(), value.to_str().ok()?.to_owned())),
            _ => None,
        });
        let headers = headers.collect();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (mut reader, mut writer) = tokio::io::split(theirs);
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                if writer.write_all(&message.data).await.is_err() {
                    break;
                }
            }
        });
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut buffer = vec![0; 1 << 15];
            while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                let _ = sender.send(Ok(BytesMessage { data: buffer[..count].to_vec() })).await;
            }
        });
        let mut io = Some(ours);
        let connector = tower::service_fn(move |_| {
            let io = io.take().ok_or_else(|| io::Error::other("one connection only"));
            async move { io.map(TokioIo::new) }
        });
        let channel = Target::from_static("http://session").connect_with_connector_lazy(connector);
        if let Some(test) = self.0.lock().await.take() {
            let _ = test.send((channel, headers));
        }
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let version = BuildkitVersion { version: "v0.34.2".into(), ..Default::default() };
        Ok(Response::new(InfoResponse { buildkit_version: Some(version) }))
    }

    async fn list_workers(&self, _: Request<ListWorkersRequest>) -> Result<Response<ListWorkersResponse>, Status> {
        Ok(Response::new(ListWorkersResponse { record: vec![WorkerRecord::default()] }))
    }

    async fn solve(&self, _: Request<SolveRequest>) -> Result<Response<SolveResponse>, Status> {
        Err(Status::unimplemented("solve"))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<Self::StatusStream>, Status> {
        Err(Status::unimplemented("status"))
    }

    async fn disk_usage(&self, _: Request<DiskUsageRequest>) -> Result<Response<DiskUsageResponse>, Status> {
        Err(Status::unimplemented("disk usage"))
    }

    async fn prune(&self, _: Request<PruneRequest>) -> Result<Response<Self::PruneStream>, Status> {
        Err(Status::unimplemented("prune"))
    }
}

struct Here;

impl CredentialSource for Here {
    fn credentials(&self, host: &str) -> Result<Option<Credentials>, ServeError> {
        match host {
            "broken:1" => Err("the helper failed".into()),
            "known:1" => Ok(Some(Credentials { username: "ann".into(), password: Secret::new("pa55") })),
            _ => Ok(None),
        }
    }
}

impl ContentStore for Here {
    fn size(&self, digest: &str) -> Result<Option<u64>, ServeError> {
        Ok((digest == "sha256:blob").then_some(BLOB))
    }

    fn read(&self, _: &str, offset: u64, size: u64) -> Result<Vec<u8>, ServeError> {
        Ok((offset..BLOB.min(offset + size)).map(byte).collect())
    }
}

impl FileSource for Here {
    fn list(&self) -> Result<Vec<FileStat>, ServeError> {
        let file = |path: &str, kind, size| FileStat { path: path.into(), kind, size, version: 5 };
        Ok(vec![
            file("run.sh", FileKind::Executable, 2_500_000),
            file("dir/link", FileKind::Symlink("../run.sh".into()), 0),
            file("dir/empty", FileKind::File, 0),
        ])
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, ServeError> {
        match path {
            "run.sh" => Ok((0..2_500_000).map(byte).collect()),
            "dir/empty" => Ok(Vec::new()),
            _ => Err(format!("nobody asks for {path}").into()),
        }
    }
}

const BLOB: u64 = 2_500_000;

fn byte(at: u64) -> u8 {
    (at % 251) as u8
}

/// Opens a session that serves everything and gives the daemon's end of it.
async fn open() -> Result<(Session, Channel, Vec<(String, String)>, tempfile::TempDir)> {
    let dir = tempfile::tempdir()?;
    let socket = dir.path().join("s");
    let incoming = UnixListenerStream::new(UnixListener::bind(&socket)?);
    let (sender, receiver) = oneshot::channel();
    let service = ControlServer::new(Taker(Mutex::new(Some(sender)))).max_decoding_message_size(64 << 20);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    let client = connect(&Endpoint::Unix(socket), ConnectOptions::default()).await?;
    let session = client
        .open_session(Attachments {
            shared_key: "my project".into(),
            credentials: Some(Arc::new(Here)),
            secrets: BTreeMap::from([("token".to_owned(), Secret::new("s3cret"))]),
            directories: BTreeMap::from([("context".to_owned(), Arc::new(Here) as Arc<dyn FileSource>)]),
            stores: BTreeMap::from([("tree".to_owned(), Arc::new(Here) as Arc<dyn ContentStore>)]),
            ssh_agents: BTreeMap::new(),
        })
        .await?;
    let (channel, headers) = receiver.await.context("no session came")?;
    Ok((session, channel, headers, dir))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_what_it_offers() -> Result<()> {
    let (session, _, headers, _dir) = open().await?;
    let values = |name: &str| headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    assert_eq!(values("x-docker-expose-session-uuid"), [session.id()]);
    assert_eq!(values("x-docker-expose-session-sharedkey"), ["my_project"]);
    assert_eq!(
        values("x-docker-expose-session-grpc-method"),
        [
            "/grpc.health.v1.Health/Check",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.filesync.v1.Auth/GetTokenAuthority",
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
            "/moby.filesync.v1.FileSync/DiffCopy",
            "/containerd.services.content.v1.Content/Info",
            "/containerd.services.content.v1.Content/Read",
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_and_secrets_are_given_by_name() -> Result<()> {
    let (_session, channel, ..) = open().await?;
    let mut auth = AuthClient::new(channel.clone());
    let known = auth.credentials(CredentialsRequest { host: "known:1".into() }).await?.into_inner();
    assert_eq!((known.username.as_str(), known.secret.as_str()), ("ann", "pa55"));
    let unknown = auth.credentials(CredentialsRequest { host: "unknown:1".into() }).await?.into_inner();
    assert_eq!((unknown.username.as_str(), unknown.secret.as_str()), ("", ""));
    let broken = auth.credentials(CredentialsRequest { host: "broken:1".into() }).await.expect_err("the helper failed");
    assert_eq!(broken.message(), "the helper failed");
    let authority = auth.get_token_authority(GetTokenAuthorityRequest::default()).await.expect_err("not offered");
    assert_eq!(authority.code(), Code::Unimplemented);

    let mut secrets = SecretsClient::new(channel);
    let token = secrets.get_secret(GetSecretRequest { id: "token".into(), ..Default::default() }).await?;
    assert_eq!(token.into_inner().data, b"s3cret");
    let missing = secrets.get_secret(GetSecretRequest { id: "other".into(), ..Default::default() }).await.expect_err("no such");
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(format!("{:?}", Secret::new("s3cret")), "***");
    Ok(())
}

fn in_store<T>(store: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("buildkit-attachable-store-id", tonic::metadata::AsciiMetadataValue::from_static(store));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_read_from_any_offset() -> Result<()> {
    let (_session, channel, ..) = open().await?;
    let mut content = ContentClient::new(channel).max_decoding_message_size(16 << 20);
    let info = content.info(in_store("oci:tree", BlobInfo { digest: "sha256:blob".into() })).await?.into_inner();
    assert_eq!(info.info.context("no info")?.size, BLOB as i64);

    // (offset, size asked for, bytes given); 0 asks for all that follows.
    for (offset, size, given) in [(0, 0, BLOB), (10, 5, 5), (BLOB - 3, 100, 3), (BLOB, 0, 0), (1 << 20, 1 << 20, 1 << 20)] {
        let request = ReadContentRequest { digest: "sha256:blob".into(), offset: offset as i64, size: size as i64 };
        let mut stream = content.read(in_store("oci:tree", request)).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(message) = stream.message().await? {
            assert_eq!(message.offset as u64, offset + bytes.len() as u64);
            bytes.extend(message.data);
        }
        assert!(bytes == (offset..offset + given).map(byte).collect::<Vec<_>>(), "{offset} {size}");
    }

    let code = |error: Status| error.code();
    let missing = content.info(in_store("oci:tree", BlobInfo { digest: "sha256:no".into() })).await.map(|_| ()).map_err(code);
    assert_eq!(missing, Err(Code::NotFound));
    let other = content.info(in_store("oci:other", BlobInfo { digest: "sha256:blob".into() })).await.map(|_| ()).map_err(code);
    assert_eq!(other, Err(Code::NotFound));
    let beyond = ReadContentRequest { digest: "sha256:blob".into(), offset: BLOB as i64 + 1, size: 1 };
    assert_eq!(content.read(in_store("oci:tree", beyond)).await.map(|_| ()).map_err(code), Err(Code::OutOfRange));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_sent_as_stats_and_the_content_asked_for() -> Result<()> {
    let (_session, channel, ..) = open().await?;
    let (sender, receiver) = mpsc::channel(16);
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.metadata_mut().insert("dir-name", "context".parse()?);
    let mut files = FileSyncClient::new(channel).max_decoding_message_size(16 << 20);
    let mut stream = files.diff_copy(request).await?.into_inner();

    let mut stats = Vec::new();
    while let Some(stat) = stream.message().await?.and_then(|packet| packet.stat) {
        stats.push((String::from_utf8(stat.path)?, stat.mode, stat.size, String::from_utf8(stat.linkname)?));
    }
    let directory = 1 << 31 | 0o755;
    let expect = [
        ("dir", directory, 0, ""),
        ("dir/empty", 0o644, 0, ""),
        ("dir/link", 1 << 27 | 0o777, 0, "../run.sh"),
        ("run.sh", 0o755, 2_500_000, ""),
    ];
    let expect = expect.map(|(path, mode, size, link)| (path.to_owned(), mode, size, link.to_owned()));
    assert_eq!(stats, expect);

    for (id, size) in [(3, 2_500_000), (1, 0)] {
        sender.send(Packet { r#type: PacketType::PacketReq.into(), id, ..Packet::default() }).await?;
        let mut bytes = Vec::new();
        loop {
            let packet = stream.message().await?.context("the stream ended")?;
            assert_eq!((packet.r#type(), packet.id), (PacketType::PacketData, id));
            assert!(packet.encoded_len() < 4 << 20, "beyond the usual limit of a message");
            if packet.data.is_empty() {
                break;
            }
            bytes.extend(packet.data);
        }
        assert!(bytes == (0..size).map(byte).collect::<Vec<_>>(), "file {id}");
    }
    sender.send(Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() }).await?;
    let last = stream.message().await?.context("no answer to the end")?;
    assert_eq!(last.r#type(), PacketType::PacketFin);
    Ok(())
}
