//! OCI layouts: blobs that the daemon reads when it needs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{ServeError, blocking, chain, metadata};
use crate::images::buildkit::proto::containerd::services::content::v1::content_server;
use crate::images::buildkit::proto::containerd::services::content::v1::{
    Info, InfoRequest, InfoResponse, ReadContentRequest, ReadContentResponse,
};

/// Bytes of one answer: the daemon reads layers in requests of this size.
const CHUNK: u64 = 1 << 20;

/// Blobs by digest. Calls may block: they run on threads of their own.
///
/// The daemon reads a manifest and its config first, and a layer only when a step or a push needs its bytes: then in pieces of
/// 1 MiB, in order, several layers at once. So a blob may be made at its first read.
pub trait ContentStore: Send + Sync {
    /// Size of a blob in bytes, `None` where there is no such blob. `digest` is `sha256:…`.
    fn size(&self, digest: &str) -> Result<Option<u64>, ServeError>;

    /// Bytes of a blob from an offset, at most `size` of them; fewer only at the end of the blob.
    fn read(&self, digest: &str, offset: u64, size: u64) -> Result<Vec<u8>, ServeError>;
}

/// The service.
pub struct Content(BTreeMap<String, Arc<dyn ContentStore>>);

impl Content {
    pub fn new(stores: BTreeMap<String, Arc<dyn ContentStore>>) -> Self {
        Content(stores)
    }

    fn store<T>(&self, request: &Request<T>) -> Result<Arc<dyn ContentStore>, Status> {
        let id = metadata(request, "buildkit-attachable-store-id").unwrap_or_default();
        let id = id.strip_prefix("oci:").unwrap_or(id);
        self.0.get(id).cloned().ok_or_else(|| Status::not_found(format!("no content store `{id}` in this session")))
    }
}

async fn size(store: &Arc<dyn ContentStore>, digest: &str) -> Result<u64, Status> {
    let (store, name) = (store.clone(), digest.to_owned());
    let size = blocking(move || store.size(&name)).await?.map_err(|error| Status::internal(chain(&*error)))?;
    size.ok_or_else(|| Status::not_found(format!("no blob {digest}")))
}

#[tonic::async_trait]
impl content_server::Content for Content {
    type ReadStream = ReceiverStream<Result<ReadContentResponse, Status>>;

    async fn info(&self, request: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let store = self.store(&request)?;
        let digest = request.into_inner().digest;
        let size = size(&store, &digest).await? as i64;
        Ok(Response::new(InfoResponse { info: Some(Info { digest, size, ..Info::default() }) }))
    }

    async fn read(&self, request: Request<ReadContentRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let store = self.store(&request)?;
        let ReadContentRequest { digest, offset, size: wanted } = request.into_inner();
        let size = size(&store, &digest).await?;
        let range = |value: i64| u64::try_from(value).map_err(|_| Status::out_of_range(format!("{value} in blob {digest}")));
        let (offset, wanted) = (range(offset)?, range(wanted)?);
        if offset > size {
            return Err(Status::out_of_range(format!("offset {offset} of blob {digest}, which has {size} bytes")));
        }
        let end = if wanted == 0 { size } else { size.min(offset.saturating_add(wanted)) };
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let mut at = offset;
            while at < end {
                let (store, name) = (store.clone(), digest.clone());
                let answer = match blocking(move || store.read(&name, at, CHUNK.min(end - at))).await {
                    Ok(Ok(data)) if data.is_empty() => Err(Status::data_loss(format!("blob {digest} ends at {at}, not at {end}"))),
                    Ok(Ok(data)) => Ok(ReadContentResponse { offset: at as i64, data }),
                    Ok(Err(error)) => Err(Status::internal(chain(&*error))),
                    Err(status) => Err(status),
                };
                at = answer.as_ref().map_or(end, |answer| at + answer.data.len() as u64);
                if sender.send(answer).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
