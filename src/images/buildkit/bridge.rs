//! A build whose graph is made in steps: the client looks into what was made so far before it says how to go on.
//!
//! The build is a solve with neither graph nor frontend. While it waits, calls of the gateway service (`moby.buildkit.v1.frontend`,
//! those of a frontend that runs outside the daemon) name it by their metadata; `Return` ends the steps, and the solve exports what was
//! returned. What the steps are is decided elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Response, Status};

use super::client::{Client, MESSAGE_LIMIT};
use super::error::SolveError;
use super::go_mode::{DIRECTORY, SETGID, SETUID, STICKY, SYMLINK};
use super::progress::Follower;
use super::proto::google::rpc;
use super::proto::moby::buildkit::v1::frontend as proto;
use super::proto::moby::buildkit::v1::frontend::llb_bridge_client::LlbBridgeClient;
use super::session::Session;
use super::solve::{Build, CacheEntry, SolveRequest, Solved, message};
use super::told::Told;
use crate::event::Events;
use crate::file_tree::{bytes_of_text, text_of_bytes};

/// Where an image's configuration is in the metadata of what was made.
const CONFIG: &str = "containerimage.config";
/// The daemon waits 3 seconds for the build that a call names; a busy one may begin it later.
const PINGS: usize = 10;
/// How long a build may take to end after its client gave it up.
const END: Duration = Duration::from_secs(5);

/// The calls of one build that is made in steps.
pub struct Bridge {
    client: Client,
    build: AsciiMetadataValue,
    image: String,
    cache_from: Vec<CacheEntry>,
    follower: Arc<Follower>,
    cancel: CancellationToken,
}

/// What a step made: a directory at the daemon, and what its frontend says about it. It lives as long as its build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The daemon's name for the directory; `None` for the empty one.
    reference: Option<String>,
    /// The OCI image config as JSON, where a frontend gave one. The exporter writes what is here, with layers and their history added.
    pub config: Option<Vec<u8>>,
    /// What else the frontend said.
    metadata: BTreeMap<String, Vec<u8>>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Name in its directory, as [`text_of_bytes`] writes it.
    pub name: String,
    /// Mode as Go's `os.FileMode` has it, see [`Stat::is_dir`], [`Stat::is_link`] and [`Stat::permissions`].
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Target of a symbolic link, as [`text_of_bytes`] writes it; empty for anything else.
    pub link: String,
}

impl Stat {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & DIRECTORY != 0
    }

    /// Whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.mode & SYMLINK != 0
    }

    /// The permission bits as the kernel has them, 0 to 0o7777.
    pub fn permissions(&self) -> u32 {
        let special = [(SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000)];
        special.into_iter().filter(|(bit, _)| self.mode & bit != 0).fold(self.mode & 0o777, |bits, (_, kernel)| bits | kernel)
    }
}

impl Client {
    /// Builds one image as [`Client::solve`] does, from what `make` made in the end. An error of `make` ends the build at the daemon and
    /// is returned as it is.
    pub async fn solve_in_steps<F, E>(
        &self,
        session: &Session,
        request: SolveRequest<()>,
        events: &Events,
        cancel: &CancellationToken,
        make: F,
    ) -> Result<Solved, E>
    where
        F: AsyncFnOnce(&Bridge) -> Result<Made, E>,
        E: From<SolveError>,
    {
        let image = request.image.clone();
        let export = request.export.is_some();
        let reference = uuid::Uuid::new_v4().simple().to_string();
        let follower = Arc::new(Follower::new(image.clone(), self.endpoint.to_string(), events.clone()));
        let bridge = Bridge {
            client: self.clone(),
            build: header(&reference),
            image: image.clone(),
            cache_from: request.cache_from.clone(),
            follower: follower.clone(),
            cancel: cancel.clone(),
        };
        let ((), message) = message(request, reference.clone(), session.id());
        let mut control = self.control();
        let mut given_up = None;
        let build = async {
            let mut solve = std::pin::pin!(control.solve(message));
            let made = tokio::select! {
                made = async { bridge.begin().await?; make(&bridge).await } => made,
                // The build ends before its steps do: it was refused, or the daemon is gone.
                outcome = &mut solve => return outcome,
            };
            match made {
                Ok(made) => tokio::select! {
                    outcome = &mut solve => outcome,
                    returned = bridge.finish(Ok(made)) => match returned {
                        Ok(()) => solve.await,
                        Err(status) => Err(status),
                    },
                },
                Err(error) => {
                    given_up = Some(error);
                    let end = async { bridge.finish(Err("the client gave the build up")).await.and(solve.await) };
                    tokio::time::timeout(END, end).await.unwrap_or_else(|_| Err(Status::aborted("the client gave the build up")))
                }
            }
        };
        let outcome = tokio::select! {
            outcome = follower.follow(build, self.status(reference)) => outcome,
            status = self.falls_silent() => Err(status),
            _ = cancel.cancelled() => return Err(SolveError::Cancelled { image }.into()),
        };
        match (given_up, outcome) {
            (Some(error), _) => Err(error),
            (None, Ok(response)) => Ok(self.solved(image, export, response)?),
            (None, Err(_)) if cancel.is_cancelled() => Err(SolveError::Cancelled { image }.into()),
            (None, Err(status)) => Err(self.with_log_of_lost(follower.error(status)).into()),
        }
    }
}

impl Bridge {
    /// Makes a graph and answers when it is made: a step that fails is an error here.
    pub async fn solve(&self, build: Build) -> Result<Made, SolveError> {
        let mut message =
            proto::SolveRequest { allow_result_return: true, allow_result_array_ref: true, evaluate: true, ..Default::default() };
        match build {
            Build::Llb(definition) => {
                message.definition = Some(definition.into_message());
                let entry = |entry: &CacheEntry| proto::CacheOptionsEntry { r#type: entry.kind.clone(), attrs: entry.attrs.clone() };
                message.cache_imports = self.cache_from.iter().map(entry).collect();
            }
            Build::Frontend { name, attrs, inputs } => {
                self.follower.given(&attrs);
                message.frontend = name;
                message.frontend_opt = attrs;
                message.frontend_inputs = inputs.into_iter().map(|(name, input)| (name, input.into_message())).collect();
            }
        }
        let answer = self.calls().solve(self.of_build(message)).await;
        let result = self.answer(answer).await?.result.unwrap_or_default();
        self.made(result)
    }

    /// The entries of a directory, or of its entries the one with this name; `None` where there is no such directory. Symbolic links in
    /// its path, the last one too, lead where they would in a container.
    pub async fn read_dir(&self, at: &Made, dir: &str, only: Option<&str>) -> Result<Option<Vec<Stat>>, SolveError> {
        let Some(reference) = at.reference.clone() else {
            return Ok(dir.split('/').all(|part| part.is_empty() || part == ".").then(Vec::new));
        };
        let message = proto::ReadDirRequest {
            r#ref: reference,
            dir_path: bytes_of_text(dir).into_owned(),
            // A pattern where the name means itself in it; other names are picked out here.
            include_pattern: only.filter(|name| is_plain(name)).unwrap_or_default().to_owned(),
        };
        let answer = self.calls().read_dir(self.of_build(message)).await;
        let Some(answer) = self.present(answer).await? else { return Ok(None) };
        let entries = answer.entries.into_iter().map(|entry| {
            let mut stat = Stat {
                name: text_of_bytes(&entry.path).into_owned(),
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                link: String::new(),
            };
            // A second name of a file has the first one there.
            if stat.is_link() {
                stat.link = text_of_bytes(&entry.linkname).into_owned();
            }
            stat
        });
        Ok(Some(entries.filter(|entry| only.is_none_or(|name| entry.name == name)).collect()))
    }

    /// The content of a file, of 16 MiB at most; `None` where there is no such file. Symbolic links lead where they would in a container.
    pub async fn read_file(&self, at: &Made, path: &str) -> Result<Option<Vec<u8>>, SolveError> {
        let Some(reference) = at.reference.clone() else { return Ok(None) };
        let message = proto::ReadFileRequest { r#ref: reference, file_path: bytes_of_text(path).into_owned() };
        let answer = self.calls().read_file(self.of_build(message)).await;
        Ok(self.present(answer).await?.map(|answer| answer.data))
    }

    /// Waits until the daemon knows the build.
    async fn begin(&self) -> Result<(), SolveError> {
        let mut pings = 1;
        loop {
            match self.calls().ping(self.of_build(proto::PingRequest {})).await {
                Err(status) if pings < PINGS && status.message().contains("no such job") => pings += 1,
                answer => return self.answer(answer).await.map(|_| ()),
            }
        }
    }

    /// Ends the steps: the build goes on with what was made, or ends.
    async fn finish(&self, made: Result<Made, &str>) -> Result<(), Status> {
        let message = match made {
            Ok(Made { reference, config, mut metadata }) => {
                metadata.extend(config.map(|config| (CONFIG.to_owned(), config)));
                let reference = proto::result::Result::Ref(proto::Ref { id: reference.unwrap_or_default() });
                proto::ReturnRequest { result: Some(proto::Result { result: Some(reference), metadata }), error: None }
            }
            Err(message) => {
                let error = rpc::Status { code: Code::Aborted.into(), message: message.into(), details: Vec::new() };
                proto::ReturnRequest { result: None, error: Some(error) }
            }
        };
        self.calls().r#return(self.of_build(message)).await.map(|_| ())
    }

    /// The one image of a result; its platform's name is taken from the names of its metadata.
    fn made(&self, result: proto::Result) -> Result<Made, SolveError> {
        let mut metadata = result.metadata;
        let id = match result.result {
            None => String::new(),
            Some(proto::result::Result::Ref(reference)) => reference.id,
            Some(proto::result::Result::Refs(mut refs)) => match (refs.refs.pop_first(), refs.refs.is_empty()) {
                (None, _) => String::new(),
                (Some((platform, reference)), true) => {
                    let own = metadata.remove(&format!("{CONFIG}/{platform}"));
                    metadata = own.map(|config| (CONFIG.to_owned(), config)).into_iter().collect();
                    reference.id
                }
                (Some(_), false) => {
                    let message = "its frontend made images for several platforms".to_owned();
                    return Err(SolveError::Refused { image: self.image.clone(), message, source_code: None, span: None, help: None });
                }
            },
        };
        Ok(Made { reference: Some(id).filter(|id| !id.is_empty()), config: metadata.remove(CONFIG), metadata })
    }

    fn calls(&self) -> LlbBridgeClient<Told> {
        let calls = LlbBridgeClient::new(self.client.channel.clone());
        calls.max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT)
    }

    fn of_build<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("buildkit-controlapi-buildid", self.build.clone());
        request
    }

    async fn answer<T>(&self, answer: Result<Response<T>, Status>) -> Result<T, SolveError> {
        match answer {
            Ok(answer) => Ok(answer.into_inner()),
            Err(_) if self.cancel.is_cancelled() => Err(SolveError::Cancelled { image: self.image.clone() }),
            Err(status) => Err(self.client.with_log_of_lost(self.follower.error_once_told(status).await)),
        }
    }

    /// As [`Bridge::answer`]; `None` where what was asked for is not there. The daemon says so in the kernel's words alone.
    async fn present<T>(&self, answer: Result<Response<T>, Status>) -> Result<Option<T>, SolveError> {
        const ABSENT: [&str; 4] = ["no such file or directory", "not a directory", "is a directory", "not a regular file"];
        match answer {
            Err(status) if ABSENT.iter().any(|words| status.message().ends_with(words)) => Ok(None),
            answer => self.answer(answer).await.map(Some),
        }
    }
}

/// Hexadecimal digits are a header as they are.
fn header(reference: &str) -> AsciiMetadataValue {
    reference.parse().unwrap_or_else(|_| AsciiMetadataValue::from_static(""))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_go_are_read() {
        for (mode, dir, link, permissions) in [
            (0o644, false, false, 0o644),
            (0x8000_01ed, true, false, 0o755),
            (0x0800_01ff, false, true, 0o777),
            (0x8010_01ff, true, false, 0o1777),
            (0x0080_01ed, false, false, 0o4755),
            (0x8040_01e8, true, false, 0o2750),
        ] {
            let stat = Stat { name: "a".into(), mode, uid: 0, gid: 0, link: String::new() };
            assert_eq!((stat.is_dir(), stat.is_link(), stat.permissions()), (dir, link, permissions), "{mode:o}");
        }
    }
}
