//! A daemon that speaks the control service over a socket and builds nothing.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use base64::Engine;
use prost::Message;
use prost_types::{Any, Timestamp};
use tokio::net::UnixListener;
use tokio::sync::{Barrier, Mutex, Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream, UnixListenerStream};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};
use werf::images::buildkit::Endpoint;
use werf::images::buildkit::proto::google::rpc;
use werf::images::buildkit::proto::grpc::health::v1::health_server::{Health, HealthServer};
use werf::images::buildkit::proto::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use werf::images::buildkit::proto::moby::buildkit::v1::control_server::{Control, ControlServer};
use werf::images::buildkit::proto::moby::buildkit::v1::frontend as steps;
use werf::images::buildkit::proto::moby::buildkit::v1::frontend::llb_bridge_server::{LlbBridge, LlbBridgeServer};
use werf::images::buildkit::proto::moby::buildkit::v1::types::{BuildkitVersion, WorkerRecord};
use werf::images::buildkit::proto::moby::buildkit::v1::*;
use werf::images::llb::pb;

use super::stage::Stage;

/// What a solve comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Solving {
    Succeeds,
    NamesNoDigest,
    FailsByExitCode(u32),
    Fails(&'static str),
    RefusesEarly(&'static str),
    LacksCapability,
    Dies,
    Hangs,
    WaitsForAnother,
    /// Of builds in steps: a step fails, and what it printed is told later.
    FailsBeforeItTells,
    /// Of builds in steps: the first calls come before the build.
    BeginsLate,
    /// Of builds in steps: what was made is not taken.
    TakesNoReturn,
}

/// How the daemon behaves.
pub struct Fake {
    /// `None` lacks the call that tells it.
    pub version: Option<&'static str>,
    pub workers: usize,
    pub solving: Solving,
    /// Who says what builds say, where a test does.
    pub stage: Option<Arc<Stage>>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake { version: Some("v0.34.2"), workers: 1, solving: Solving::Succeeds, stage: None }
    }
}

/// A listening fake; it ends when this is dropped.
pub struct Daemon {
    pub endpoint: Endpoint,
    shared: Arc<Shared>,
    _dir: tempfile::TempDir,
}

struct Shared {
    fake: Fake,
    last: Mutex<Option<SolveRequest>>,
    /// The build that each call of the gateway named.
    named: Mutex<Vec<String>>,
    returned: Mutex<Option<steps::ReturnRequest>>,
    ended: Notify,
    /// A solve that hangs has begun.
    begun: Notify,
    /// Somebody follows the status, and all of it has been sent.
    followed: Notify,
    dropped: Notify,
    die: Notify,
    both: Barrier,
}

impl Fake {
    pub fn listen(self) -> Result<Daemon> {
        let dir = tempfile::tempdir()?;
        let socket = dir.path().join("buildkitd.sock");
        self.listen_at(dir, &socket)
    }

    pub fn listen_at(self, dir: tempfile::TempDir, socket: &Path) -> Result<Daemon> {
        let shared = Arc::new(Shared {
            fake: self,
            last: Mutex::default(),
            named: Mutex::default(),
            returned: Mutex::default(),
            ended: Notify::new(),
            begun: Notify::new(),
            followed: Notify::new(),
            dropped: Notify::new(),
            die: Notify::new(),
            both: Barrier::new(2),
        });
        let listener = std::os::unix::net::UnixListener::bind(socket)?;
        listener.set_nonblocking(true)?;
        let service = ControlServer::new(Service(shared.clone()));
        let gateway = LlbBridgeServer::new(Service(shared.clone()));
        let dying = shared.clone();
        // A runtime of its own, so that its connections die with it as a process's would.
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                let Ok(listener) = UnixListener::from_std(listener) else { return };
                tokio::select! {
                    _ = Server::builder().add_service(service).add_service(gateway).serve_with_incoming(UnixListenerStream::new(listener)) => {}
                    () = dying.die.notified() => {}
                }
            });
        });
        Ok(Daemon { endpoint: Endpoint::Unix(socket.to_owned()), shared, _dir: dir })
    }
}

impl Daemon {
    pub async fn last_request(&self) -> SolveRequest {
        self.shared.last.lock().await.clone().unwrap_or_default()
    }

    /// What the client returned, and which builds its calls named.
    pub async fn steps(&self) -> (Option<steps::ReturnRequest>, Vec<String>) {
        (self.shared.returned.lock().await.clone(), self.shared.named.lock().await.clone())
    }

    /// Returns when a solve was given up by the client.
    pub async fn solve_dropped(&self) {
        self.shared.dropped.notified().await;
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.shared.die.notify_one();
    }
}

/// A gRPC server without the control service.
pub fn listen_without_control(socket: &Path) -> Result<JoinHandle<()>> {
    let incoming = UnixListenerStream::new(UnixListener::bind(socket)?);
    Ok(tokio::spawn(async move {
        let _ = Server::builder().add_service(HealthServer::new(Always)).serve_with_incoming(incoming).await;
    }))
}

struct Always;

#[tonic::async_trait]
impl Health for Always {
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse::default()))
    }
}

struct Service(Arc<Shared>);

type Stream<T> = ReceiverStream<Result<T, Status>>;
type Told = Pin<Box<dyn futures::Stream<Item = Result<StatusResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Control for Service {
    type PruneStream = Stream<UsageRecord>;
    type StatusStream = Told;
    type SessionStream = Stream<BytesMessage>;

    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let version = self.0.fake.version.ok_or_else(|| Status::unimplemented("unknown method Info"))?;
        let version = BuildkitVersion { version: version.into(), ..Default::default() };
        Ok(Response::new(InfoResponse { buildkit_version: Some(version) }))
    }

    async fn list_workers(&self, _: Request<ListWorkersRequest>) -> Result<Response<ListWorkersResponse>, Status> {
        let worker = WorkerRecord {
            platforms: vec![pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() }],
            ..Default::default()
        };
        Ok(Response::new(ListWorkersResponse { record: vec![worker; self.0.fake.workers] }))
    }

    async fn session(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Self::SessionStream>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(_)) = incoming.message().await {}
            drop(sender);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<Self::StatusStream>, Status> {
        if let Some(stage) = &self.0.fake.stage {
            let told = UnboundedReceiverStream::new(stage.follow(&request.into_inner().r#ref));
            return Ok(Response::new(Box::pin(told)));
        }
        let (sender, receiver) = mpsc::channel(16);
        let shared = self.0.clone();
        tokio::spawn(async move {
            if shared.fake.solving == Solving::FailsBeforeItTells {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            if shared.fake.solving == Solving::Hangs {
                shared.begun.notified().await;
            }
            for message in story(shared.fake.solving) {
                let _ = sender.send(Ok(message)).await;
            }
            shared.followed.notify_one();
            if matches!(shared.fake.solving, Solving::Hangs | Solving::Dies | Solving::FailsBeforeItTells) {
                sender.closed().await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn solve(&self, request: Request<SolveRequest>) -> Result<Response<SolveResponse>, Status> {
        let request = request.into_inner();
        if let Some(stage) = &self.0.fake.stage {
            let dockerfile = request.frontend_attrs.get("filename").cloned().unwrap_or_default();
            stage.build(&request.r#ref, &dockerfile).await;
            return Ok(Response::new(exported()));
        }
        let in_steps = request.definition.is_none() && request.frontend.is_empty();
        *self.0.last.lock().await = Some(request);
        let solving = self.0.fake.solving;
        if solving == Solving::Hangs {
            let _guard = OnDrop(self.0.clone());
            self.0.begun.notify_one();
            return std::future::pending().await;
        }
        match solving {
            Solving::RefusesEarly(_) => {}
            _ if in_steps => {
                self.0.ended.notified().await;
                let returned = self.0.returned.lock().await.clone().unwrap_or_default();
                return match returned.error {
                    Some(error) => Err(Status::new(Code::from_i32(error.code), error.message)),
                    None => Ok(Response::new(exported())),
                };
            }
            _ => {}
        }
        match solving {
            Solving::RefusesEarly(message) => return Err(Status::unknown(format!("failed to solve: {message}"))),
            Solving::LacksCapability => return Err(Status::unknown("failed to solve: unknown API capability mergeop")),
            Solving::WaitsForAnother => {
                self.0.both.wait().await;
            }
            _ => self.0.followed.notified().await,
        }
        match solving {
            Solving::FailsByExitCode(code) => Err(failure("process \"npm ci\" did not complete successfully", Some(code))),
            Solving::Fails(message) => Err(failure(message, None)),
            Solving::Dies => {
                // What was told is on its way first.
                tokio::time::sleep(Duration::from_millis(200)).await;
                self.0.die.notify_one();
                std::future::pending().await
            }
            Solving::NamesNoDigest => Ok(Response::new(SolveResponse::default())),
            _ => Ok(Response::new(exported())),
        }
    }

    async fn disk_usage(&self, _: Request<DiskUsageRequest>) -> Result<Response<DiskUsageResponse>, Status> {
        Ok(Response::new(DiskUsageResponse::default()))
    }

    async fn prune(&self, _: Request<PruneRequest>) -> Result<Response<Self::PruneStream>, Status> {
        Ok(Response::new(ReceiverStream::new(mpsc::channel(1).1)))
    }
}

#[tonic::async_trait]
impl LlbBridge for Service {
    async fn ping(&self, request: Request<steps::PingRequest>) -> Result<Response<steps::PongResponse>, Status> {
        self.call(&request).await;
        if self.0.fake.solving == Solving::BeginsLate && self.0.named.lock().await.len() < 3 {
            return Err(Status::not_found("forwarding Ping: no such job b1"));
        }
        if let Solving::RefusesEarly(_) = self.0.fake.solving {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(steps::PongResponse {}))
    }

    async fn solve(&self, request: Request<steps::SolveRequest>) -> Result<Response<steps::SolveResponse>, Status> {
        self.call(&request).await;
        match self.0.fake.solving {
            Solving::FailsBeforeItTells => return Err(failure("process \"npm ci\" did not complete successfully", Some(3))),
            Solving::LacksCapability => return Err(Status::unimplemented("unknown service")),
            Solving::Dies => {
                self.0.die.notify_one();
                std::future::pending().await
            }
            Solving::Hangs => std::future::pending().await,
            _ => {}
        }
        let asked = request.into_inner();
        assert!(asked.evaluate && asked.allow_result_return && asked.allow_result_array_ref);
        let reference = |id: &str| steps::Ref { id: id.into() };
        let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let several = |names: &[&str]| {
            let refs = names.iter().map(|name| ((*name).to_owned(), reference(name))).collect();
            steps::result::Result::Refs(steps::RefMap { refs })
        };
        // The frontend's name says how many platforms it makes.
        let (result, metadata) = match asked.frontend.as_str() {
            "" => (None, vec![]),
            "one.v0" => (Some(several(&["p1"])), vec![text("containerimage.config/p1", "{1}"), text("refs.platforms", "[p1]")]),
            "two.v0" => (Some(several(&["p1", "p2"])), vec![]),
            _ => (Some(steps::result::Result::Ref(reference("r1"))), vec![text("containerimage.config", "{}"), text("other", "kept")]),
        };
        let result = steps::Result { result, metadata: metadata.into_iter().collect() };
        Ok(Response::new(steps::SolveResponse { result: Some(result) }))
    }

    async fn read_file(&self, request: Request<steps::ReadFileRequest>) -> Result<Response<steps::ReadFileResponse>, Status> {
        self.call(&request).await;
        Err(Status::unknown("no such ref: r1"))
    }

    async fn read_dir(&self, request: Request<steps::ReadDirRequest>) -> Result<Response<steps::ReadDirResponse>, Status> {
        self.call(&request).await;
        Err(Status::unknown("lstat /tmp/buildkit-mount1/d: no such file or directory"))
    }

    async fn r#return(&self, request: Request<steps::ReturnRequest>) -> Result<Response<steps::ReturnResponse>, Status> {
        self.call(&request).await;
        if self.0.fake.solving == Solving::TakesNoReturn {
            return Err(Status::unknown("no such ref: r1"));
        }
        *self.0.returned.lock().await = Some(request.into_inner());
        self.0.ended.notify_one();
        Ok(Response::new(steps::ReturnResponse {}))
    }
}

impl Service {
    async fn call<T>(&self, request: &Request<T>) {
        let named = request.metadata().get("buildkit-controlapi-buildid").and_then(|name| name.to_str().ok());
        self.0.named.lock().await.push(named.unwrap_or_default().to_owned());
    }
}

fn exported() -> SolveResponse {
    let digests = [("containerimage.digest", "sha256:manifest"), ("containerimage.config.digest", "sha256:config")];
    SolveResponse { exporter_response: digests.map(|(name, value)| (name.to_owned(), value.to_owned())).into() }
}

struct OnDrop(Arc<Shared>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

/// The status messages of a solve.
fn story(solving: Solving) -> Vec<StatusResponse> {
    let time = |seconds, nanos| Some(Timestamp { seconds, nanos });
    let vertex = |completed, error: &str| Vertex {
        digest: "sha256:v1".into(),
        name: "[install] npm ci".into(),
        started: time(100, 0),
        completed,
        error: error.into(),
        ..Default::default()
    };
    let one = |vertex| StatusResponse { vertexes: vec![vertex], ..Default::default() };
    let started = one(vertex(None, ""));
    let progress = VertexStatus { id: "pushing layers".into(), vertex: "sha256:v1".into(), current: 1, total: 2, ..Default::default() };
    let log = VertexLog { vertex: "sha256:v1".into(), stream: 2, msg: b"one\ntwo".into(), ..Default::default() };
    let told_twice = StatusResponse { statuses: vec![progress.clone(), progress], logs: vec![log], ..Default::default() };
    let cached = Vertex {
        digest: "sha256:v2".into(),
        name: "base".into(),
        cached: true,
        started: time(100, 0),
        completed: time(100, 1),
        ..Default::default()
    };
    let warning = VertexWarning {
        short: b"do not".into(),
        detail: vec![b"why".into()],
        url: "https://rule".into(),
        info: Some(pb::SourceInfo { filename: "Dockerfile".into(), ..Default::default() }),
        ranges: vec![pb::Range { start: Some(pb::Position { line: 3, character: 0 }), end: None }],
        ..Default::default()
    };
    match solving {
        Solving::RefusesEarly(_) | Solving::LacksCapability => vec![],
        Solving::Hangs | Solving::Dies => vec![started],
        Solving::Fails(_) | Solving::FailsByExitCode(_) | Solving::FailsBeforeItTells => {
            vec![started, told_twice, one(vertex(time(101, 0), "did not complete"))]
        }
        _ => {
            let last = StatusResponse { vertexes: vec![cached], warnings: vec![warning], ..Default::default() };
            vec![started, told_twice, one(vertex(time(101, 500_000_000), "")), last]
        }
    }
}

/// A failure with the details that a daemon adds.
fn failure(message: &str, exit_code: Option<u32>) -> Status {
    let detail = |kind: &str, json: String| Any { type_url: format!("github.com/moby/buildkit/{kind}+json"), value: json.into() };
    let text = base64::engine::general_purpose::STANDARD.encode("install:\n  - npm ci\n");
    let source = format!(r#"{{"info":{{"filename":"werf.yaml","data":"{text}"}},"ranges":[{{"start":{{"line":2}},"end":{{"line":2}}}}]}}"#);
    let mut details = vec![detail("errdefs.Vertex", r#"{"digest":"sha256:v1"}"#.into()), detail("stack.Stack", "{}".into())];
    if let Some(code) = exit_code {
        details.push(detail("gatewayapi.ExitMessage", format!(r#"{{"Code":{code}}}"#)));
        details.push(detail("errdefs.Source", source));
    }
    let message = format!("failed to solve: {message}");
    let bytes = rpc::Status { code: Code::Unknown as i32, message: message.clone(), details }.encode_to_vec();
    Status::with_details(Code::Unknown, message, bytes.into())
}
