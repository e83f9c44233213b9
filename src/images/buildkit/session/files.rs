//! File sync: a directory, file by file.
//!
//! The client sends what there is, sorted; the daemon compares with its copy by path, mode, size and time and asks for what
//! differs. So the time must follow from the content: with a constant one, a change of equal size would go unseen.

mod filter;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{ServeError, blocking, chain, metadata};
use crate::file_tree::{bytes_of_text, text_of_bytes};
use crate::images::buildkit::go_mode::{DIRECTORY, SYMLINK};
use crate::images::buildkit::proto::fsutil::types::packet::PacketType;
use crate::images::buildkit::proto::fsutil::types::{Packet, Stat};
use crate::images::buildkit::proto::moby::filesync::v1::file_sync_server::FileSync;
use filter::Filter;

/// Bytes of one packet.
const CHUNK: usize = 1 << 20;

/// One file of a source. Directories are made from paths; one that is empty stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Path from the source's root, `/`-separated; the text of its bytes, as everywhere ([`crate::file_tree::text_of_bytes`]).
    pub path: String,
    /// Kind.
    pub kind: FileKind,
    /// Bytes of its content; 0 for a symbolic link and a directory.
    pub size: u64,
    /// What stands for the content, such as the first bytes of its hash: equal versions mean equal content.
    pub version: u64,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Mode 0644.
    File,
    /// Mode 0755.
    Executable,
    /// A symbolic link with its target.
    Symlink(String),
    /// A directory, mode 0755.
    Directory,
}

/// A set of files. Calls may block: they run on threads of their own.
pub trait FileSource: Send + Sync {
    /// All files, in any order.
    fn list(&self) -> Result<Vec<FileStat>, ServeError>;

    /// The content of a file of the list.
    fn read(&self, path: &str) -> Result<Vec<u8>, ServeError>;
}

/// The service.
pub struct Files(BTreeMap<String, Arc<dyn FileSource>>);

impl Files {
    pub fn new(directories: BTreeMap<String, Arc<dyn FileSource>>) -> Self {
        Files(directories)
    }
}

type Outgoing = mpsc::Sender<Result<Packet, Status>>;

#[tonic::async_trait]
impl FileSync for Files {
    type DiffCopyStream = ReceiverStream<Result<Packet, Status>>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        let name = metadata(&request, "dir-name").unwrap_or_default();
        let source = self.0.get(name).cloned();
        let source = source.ok_or_else(|| Status::not_found(format!("no directory `{name}` in this session")))?;
        let filter = Filter::read(request.metadata());
        let (sender, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            if let Err(status) = copy(source, filter, request.into_inner(), &sender).await {
                let _ = sender.send(Ok(packet(PacketType::PacketErr, 0, status.message().as_bytes().to_vec()))).await;
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

async fn copy(source: Arc<dyn FileSource>, filter: Filter, mut incoming: Streaming<Packet>, out: &Outgoing) -> Result<(), Status> {
    let lister = source.clone();
    let stats = blocking(move || lister.list().map(|files| stats(files, &filter))).await?;
    let stats = Arc::new(stats.map_err(|error| Status::internal(chain(&*error)))?);

    // Files are asked for while the list is still being sent.
    let (listing, to_send) = (out.clone(), stats.clone());
    tokio::spawn(async move {
        for stat in to_send.iter() {
            if listing.send(Ok(Packet { stat: Some(stat.clone()), ..Packet::default() })).await.is_err() {
                return;
            }
        }
        let _ = listing.send(Ok(Packet::default())).await;
    });

    while let Some(message) = incoming.next().await {
        let message = message?;
        match message.r#type() {
            PacketType::PacketReq => {
                let id = message.id;
                let stat = stats.get(id as usize).ok_or_else(|| Status::invalid_argument(format!("no file {id}")))?;
                let path = text_of_bytes(&stat.path).into_owned();
                let (reader, asked) = (source.clone(), path.clone());
                let content = blocking(move || reader.read(&asked)).await?;
                let content = content.map_err(|error| Status::internal(format!("{path}: {}", chain(&*error))))?;
                for chunk in content.chunks(CHUNK) {
                    send(out, packet(PacketType::PacketData, id, chunk.to_vec())).await?;
                }
                send(out, packet(PacketType::PacketData, id, Vec::new())).await?;
            }
            PacketType::PacketFin => return send(out, packet(PacketType::PacketFin, 0, Vec::new())).await,
            PacketType::PacketErr => return Err(Status::aborted(String::from_utf8_lossy(&message.data).into_owned())),
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
    Ok(())
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet { r#type: kind.into(), id, data, stat: None }
}

async fn send(out: &Outgoing, packet: Packet) -> Result<(), Status> {
    out.send(Ok(packet)).await.map_err(|_| Status::cancelled("the daemon ended the transfer"))
}

/// The stats to send: what passes the filter and the directories above, in the order that the daemon demands.
fn stats(files: Vec<FileStat>, filter: &Filter) -> Vec<Stat> {
    let has_links = files.iter().any(|file| matches!(file.kind, FileKind::Symlink(_)));
    let files = files.into_iter().filter(|file| filter.passes(&file.path, has_links));
    let mut stats: Vec<Stat> = Vec::new();
    let mut directories = BTreeSet::new();
    for file in files {
        for (slash, _) in file.path.match_indices('/') {
            directories.insert(file.path[..slash].to_owned());
        }
        if file.kind == FileKind::Directory {
            directories.insert(file.path);
        } else {
            stats.push(stat(file));
        }
    }
    stats.extend(directories.into_iter().map(|path| stat(FileStat { path, kind: FileKind::Directory, size: 0, version: 0 })));
    // By parts, so that a directory comes right before what is in it: `a`, `a/b`, `a.b`.
    let parts = |stat: &Stat| stat.path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    stats.sort_by_cached_key(parts);
    stats
}

fn stat(file: FileStat) -> Stat {
    let (mode, linkname) = match file.kind {
        FileKind::File => (0o644, Vec::new()),
        FileKind::Executable => (0o755, Vec::new()),
        FileKind::Symlink(target) => (SYMLINK | 0o777, bytes(&target)),
        FileKind::Directory => (DIRECTORY | 0o755, Vec::new()),
    };
    let size = if linkname.is_empty() { file.size as i64 } else { 0 };
    Stat { path: bytes(&file.path), mode, size, mod_time: time(file.version), linkname, ..Stat::default() }
}

fn bytes(text: &str) -> Vec<u8> {
    bytes_of_text(text).into_owned()
}

/// A time that follows from the content: whole seconds, between 2001 and 2023, as some tools refuse the far past and future.
fn time(version: u64) -> i64 {
    (1_000_000_000 + (version % 700_000_000) as i64) * 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_right_before_their_files() {
        let file = |path: &str| FileStat { path: path.into(), kind: FileKind::File, size: 1, version: 1 };
        let directory = |path: &str| FileStat { path: path.into(), kind: FileKind::Directory, size: 0, version: 0 };
        let files = vec![file("a.b"), directory("a"), file("a/c/d"), directory("e/f"), file("a/b"), file("z")];
        let stats = stats(files, &Filter::default());
        let paths: Vec<_> = stats.iter().map(|stat| text_of_bytes(&stat.path)).collect();
        assert_eq!(paths, ["a", "a/b", "a/c", "a/c/d", "a.b", "e", "e/f", "z"]);
        assert_eq!((stats[0].mode, stats[6].mode, stats[6].mod_time), (DIRECTORY | 0o755, DIRECTORY | 0o755, time(0)));
    }

    #[test]
    fn times_follow_from_content_in_whole_seconds() {
        assert_ne!(time(1), time(2));
        assert_eq!(time(u64::MAX) % 1_000_000_000, 0);
    }
}
