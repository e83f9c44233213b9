//! Sends requests to the API server and understands its refusals.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::TryStreamExt;
use futures::io::AsyncBufRead;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::{Body, ConfigExt};
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use tower::{BoxError, ServiceBuilder};

use super::error::ClusterError;
use super::fence::Fence;
use super::kind::Kinds;
use super::login::Login;
use crate::error::root_cause;
use crate::event::Events;
use crate::net::{Asked, Limits, Multiplexed, Patience, Setback, Slow, TimeUp, Tries, host, is_passing, redact};

/// How a request is tried again while the server is away or overloaded: one that restarts is away for some time.
const PATIENCE: Patience =
    Patience { tries: 12, pause: Duration::from_millis(100), timeout: ANSWER_TO_WRITE, budget: Duration::from_secs(30) };

/// How long a server may think before it answers, and be silent in the middle of an answer. Writes may wait for admission webhooks, each
/// of which has up to 30 s.
const ANSWER: Duration = Duration::from_secs(30);

/// The same for writes: the server's own limit.
const ANSWER_TO_WRITE: Duration = Duration::from_secs(60);

/// A client of one cluster. Clones share connection, discovery and counters.
#[derive(Clone)]
pub struct Client {
    kube: kube::Client,
    inner: Arc<Inner>,
    /// What changes must pass.
    fence: Option<Arc<Fence>>,
}

struct Inner {
    server: String,
    origin: String,
    namespace: String,
    connected: AtomicBool,
    requests: AtomicUsize,
    permits: Semaphore,
    limits: Limits,
    /// How long one request may take in all.
    request_timeout: Option<Duration>,
    /// Who gives credentials that do not last.
    login: Option<Login>,
    /// Who tells of requests that wait for long.
    slow: OnceLock<Slow>,
    pub(super) kinds: Mutex<Kinds>,
}

/// One request with the words that describe it in a message.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// RBAC verb.
    pub(super) verb: &'static str,
    /// `deployments.apps`, for messages.
    pub(super) resource: String,
    pub(super) content_type: &'static str,
    pub(super) accept: &'static str,
    pub(super) body: Vec<u8>,
}

/// Why a try came to nothing, and the headers of the answer where there was one.
struct Refusal {
    error: ClusterError,
    headers: HeaderMap,
}

impl From<ClusterError> for Refusal {
    fn from(error: ClusterError) -> Self {
        Refusal { error, headers: HeaderMap::new() }
    }
}

impl Call {
    pub(super) fn new(method: Method, verb: &'static str, resource: impl Into<String>, path: String) -> Self {
        Call {
            method,
            path,
            verb,
            resource: resource.into(),
            content_type: "application/json",
            accept: "application/json",
            body: Vec::new(),
        }
    }

    pub(super) fn get(resource: impl Into<String>, path: String) -> Self {
        Call::new(Method::GET, "get", resource, path)
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    /// What it is for, as an infinitive.
    fn doing(&self) -> String {
        let namespace = self.namespace().map(|namespace| format!(" in namespace `{namespace}`")).unwrap_or_default();
        format!("{} {}{namespace}", self.verb, self.resource)
    }

    fn namespace(&self) -> Option<&str> {
        self.path_only().split_once("/namespaces/")?.1.split('/').next()
    }

    fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

impl Client {
    pub(super) fn new(
        transport: Multiplexed<Body>,
        config: &kube::Config,
        login: Option<Login>,
        (server, origin): (String, String),
        namespace: String,
        parallelism: usize,
        request_timeout: Option<Duration>,
    ) -> Result<Self, kube::Error> {
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(config.auth_layer()?)
            // whom to act as
            .layer(config.extra_headers_layer()?)
            .map_err(BoxError::from)
            .service(transport);
        Ok(Client {
            kube: kube::Client::new(service, namespace.clone()),
            inner: Arc::new(Inner {
                server,
                origin,
                namespace,
                connected: AtomicBool::new(false),
                requests: AtomicUsize::new(0),
                permits: Semaphore::new(parallelism),
                limits: Limits::default(),
                request_timeout,
                login,
                slow: OnceLock::new(),
                kinds: Mutex::new(Kinds::default()),
            }),
            fence: None,
        })
    }

    /// The same client, whose changes must pass a fence.
    pub(super) fn fenced(&self, fence: Arc<Fence>) -> Self {
        Client { fence: Some(fence), ..self.clone() }
    }

    /// Tells of requests that wait for long. Only the first call counts.
    pub fn tell(&self, events: &Events) {
        let _ = self.inner.slow.set(Slow::new(events));
    }

    /// Bounds all requests from now on together; `None` lifts the bound.
    pub fn bound(&self, limit: Option<Duration>) {
        self.inner.limits.bound(limit);
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// Namespace of the kubeconfig's context, `default` where it names none.
    pub fn default_namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// How many requests were sent so far, watches included.
    pub fn requests(&self) -> usize {
        self.inner.requests.load(Ordering::Relaxed)
    }

    pub(super) fn kinds(&self) -> &Mutex<Kinds> {
        &self.inner.kinds
    }

    /// Sends a request and reads a JSON answer. Tries again while the server is away for a moment.
    pub(super) async fn call(&self, call: Call) -> Result<Value, ClusterError> {
        let bytes = self.call_bytes(&call).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.garbled(&call, error.to_string()))
    }

    /// The same, where an object that does not exist is no error.
    pub(super) async fn find(&self, call: Call) -> Result<Option<Value>, ClusterError> {
        match self.call(call).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn call_bytes(&self, call: &Call) -> Result<Vec<u8>, ClusterError> {
        let mut tries = Tries::new(PATIENCE, false);
        loop {
            if let Some(fence) = self.fence.as_ref().filter(|_| call.method != Method::GET) {
                fence.pass().await?;
            }
            tries.begin(call.body.len());
            // boxed, for everything that asks the cluster holds one
            let setback = match self.told(call, Box::pin(self.try_call(call))).await {
                Ok(bytes) => return Ok(bytes),
                Err(setback) => setback,
            };
            let pause = self.pause_after(&mut tries, &setback).filter(|pause| self.inner.limits.allow(*pause));
            let Some(pause) = pause else { return Err(setback.error) };
            if let Some(slow) = self.inner.slow.get() {
                slow.again(host(&self.inner.server), &call.doing(), &setback.error.to_string(), pause);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// How long to wait before another try, where one may come to more.
    fn pause_after(&self, tries: &mut Tries, setback: &Refusal) -> Option<Duration> {
        // a server that has answered is on its way back; an address where nobody has is a wrong one
        let is_known = self.inner.connected.load(Ordering::Relaxed);
        if !is_known || !setback.error.is_transient() {
            return None;
        }
        let status = setback.error.http_status().and_then(|code| StatusCode::from_u16(code).ok());
        tries.pause_after(match status {
            Some(status) if is_passing(status) => Setback::Answer(status, &setback.headers),
            _ => Setback::Passing(&setback.headers),
        })
    }

    async fn try_call(&self, call: &Call) -> Result<Vec<u8>, Refusal> {
        // The semaphore is never closed; without a permit the request would simply go unthrottled.
        let _permit = self.inner.permits.acquire().await.ok();
        self.limited(call, async {
            let mut body = self.answer(call).await?.into_body();
            let mut bytes = Vec::new();
            while let Some(frame) = self.in_time(call, body.frame()).await? {
                if let Ok(data) = frame.map_err(|error| self.unreachable(&error))?.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            Ok(bytes)
        })
        .await
    }

    /// Does what belongs to one request, and gives it no more time than the user gives each.
    async fn limited<T>(&self, call: &Call, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        let Some(limit) = self.inner.request_timeout else { return work.await };
        let help = "`--kube-request-timeout` says how long a request may take";
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(self.silent(call, limit, help).into()))
    }

    fn silent(&self, call: &Call, after: Duration, help: &'static str) -> ClusterError {
        let (server, method) = (self.inner.server.clone(), call.method.to_string());
        ClusterError::Silent { server, method, path: call.path_only().into(), after, help }
    }

    /// Does the work, and tells where it waits for long.
    async fn told<T>(&self, call: &Call, work: impl Future<Output = T>) -> T {
        match self.inner.slow.get() {
            Some(slow) => slow.watch(host(&self.inner.server), &call.doing(), work).await,
            None => work.await,
        }
    }

    /// Waits for a part of an answer, and no longer than the server may think or all requests have.
    async fn in_time<T>(&self, call: &Call, part: impl Future<Output = T>) -> Result<T, ClusterError> {
        let allowed = if call.method == Method::GET { ANSWER } else { ANSWER_TO_WRITE };
        self.inner.limits.within(allowed, part).await.map_err(|TimeUp { after, of_all }| {
            let help = match of_all {
                true => "`--timeout` says how long the command may take",
                false => {
                    "it takes connections: see whether a proxy or a load balancer stands in between; `kubectl version` asks the same server"
                }
            };
            self.silent(call, after, help)
        })
    }

    /// Opens a watch or a log stream: the body arrives as it comes, and nothing is tried again.
    pub(super) async fn stream(&self, call: &Call) -> Result<impl AsyncBufRead + Unpin + Send + use<>, ClusterError> {
        let response = self.told(call, self.limited(call, self.answer(call))).await.map_err(|refusal| refusal.error)?;
        Ok(response.into_body().into_data_stream().map_err(std::io::Error::other).into_async_read())
    }

    /// Sends a request, and waits until its answer begins. Credentials that the server does not take are renewed once, where they can be.
    async fn answer(&self, call: &Call) -> Result<Response<Body>, Refusal> {
        let Some(login) = &self.inner.login else { return self.in_time(call, self.open(call, None)).await? };
        let (token, version) = login.token().await?;
        match self.in_time(call, self.open(call, token)).await? {
            Err(refusal) if matches!(refusal.error, ClusterError::Unauthorized { .. }) && login.refused(version).await? => {
                let (token, _) = login.token().await?;
                self.in_time(call, self.open(call, token)).await?
            }
            answer => answer,
        }
    }

    async fn open(&self, call: &Call, token: Option<HeaderValue>) -> Result<Response<Body>, Refusal> {
        let request = Request::builder()
            .method(call.method.clone())
            .uri(&call.path)
            .header(http::header::ACCEPT, call.accept)
            .header(http::header::USER_AGENT, concat!("werf/", env!("CARGO_PKG_VERSION")));
        let request = if call.body.is_empty() { request } else { request.header(http::header::CONTENT_TYPE, call.content_type) };
        let request = match token {
            Some(token) => request.header(http::header::AUTHORIZATION, token),
            None => request,
        };
        let request = request.body(Body::from(call.body.clone())).map_err(|error| self.garbled(call, error.to_string()))?;
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let asked = Asked::new(&call.doing(), &call.method, format!("{}{}", redact(&self.inner.server), call.path));
        let response = match self.kube.send(request).await {
            Ok(response) => response,
            Err(error) => {
                let error = self.unsent(error);
                asked.ended(&error);
                return Err(error.into());
            }
        };
        asked.answered(response.status(), response.headers());
        self.inner.connected.store(true, Ordering::Relaxed);
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        Err(Refusal { error: self.refused(call, head.status, &body), headers: head.headers })
    }

    fn refused(&self, call: &Call, status: StatusCode, body: &[u8]) -> ClusterError {
        let parsed: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(body);
        let message = parsed["message"].as_str().map_or_else(|| text.trim().chars().take(300).collect::<String>(), String::from);
        let server = self.inner.server.clone();
        match status {
            StatusCode::UNAUTHORIZED => ClusterError::Unauthorized { server, message },
            // A server that is starting, or a namespace that is going, answers 403 too; neither is a question of rights.
            StatusCode::FORBIDDEN
                if parsed["details"]["causes"][0]["reason"] != "NamespaceTerminating"
                    && !message.contains("exceeded quota")
                    && !message.contains("not yet ready") =>
            {
                let help = format!(
                    "a Role with verb `{}` on `{}` is needed; `kubectl auth can-i {} {}{}` asks the same question",
                    call.verb,
                    call.resource,
                    call.verb,
                    call.resource,
                    call.namespace().map(|namespace| format!(" -n {namespace}")).unwrap_or_default()
                );
                ClusterError::Forbidden { server, verb: call.verb, resource: call.resource.clone(), message, help }
            }
            status => ClusterError::Refused {
                server,
                method: call.method.to_string(),
                path: call.path_only().into(),
                code: status.as_u16(),
                reason: parsed["reason"].as_str().unwrap_or_default().into(),
                message,
                help: status.is_server_error().then_some("the fault is the cluster's: see its API server, then run the same command again"),
            },
        }
    }

    pub(super) fn garbled(&self, call: &Call, message: String) -> ClusterError {
        ClusterError::Garbled { server: self.inner.server.clone(), method: call.method.to_string(), path: call.path_only().into(), message }
    }

    fn unsent(&self, error: kube::Error) -> ClusterError {
        match error {
            kube::Error::Auth(error) => {
                ClusterError::Credentials { server: self.inner.server.clone(), message: root_cause(&error).to_string() }
            }
            error => self.unreachable(&error),
        }
    }

    fn unreachable(&self, error: &(dyn StdError + 'static)) -> ClusterError {
        let server = self.inner.server.clone();
        let mut next = Some(error);
        while let Some(error) = next {
            let tls = tls_error(error);
            if let Some(tls) = tls {
                return ClusterError::Tls { server, cause: tls.to_string() };
            }
            next = error.source();
        }
        let cause = root_cause(error).to_string();
        let help = if cause.contains("InvalidMessage") || cause.contains("corrupt") {
            format!("{server} does not speak TLS; should the address begin with http://?")
        } else {
            format!("the address comes from {}; `kubectl version` asks the same server", self.inner.origin)
        };
        ClusterError::Unreachable { server, cause, help }
    }
}

/// The TLS library's error, however many I/O errors are wrapped around it: they do not show it as their source.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let inner = |error: &'a std::io::Error| error.get_ref().and_then(|inner| tls_error(inner));
    error.downcast_ref::<rustls::Error>().or_else(|| error.downcast_ref::<std::io::Error>().and_then(inner))
}
