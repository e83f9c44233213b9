//! An API server in process: stores objects, applies, lists, watches, and fails on demand. Speaks plain HTTP/1.1 on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use werf::deploy::cluster::{Client, ConnectOptions, connect};
use werf::event::Events;

type Body = UnsyncBoxBody<Bytes, Infallible>;
type OnWrite = Box<dyn Fn(&mut Value) + Send>;

/// A running fake. Its objects live in memory under their paths.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    changes: broadcast::Sender<(String, Value)>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    requests: Vec<String>,
    rules: Vec<Rule>,
    logs: BTreeMap<String, String>,
    floods: BTreeMap<String, (usize, Arc<AtomicUsize>)>,
    on_write: Option<OnWrite>,
    version: u64,
}

/// How long each line of a flood is.
pub const FLOOD_LINE: usize = 60_000;

struct Rule {
    line: String,
    status: u16,
    body: String,
    times: usize,
    retry_after: Option<&'static str>,
}

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Fake { address: listener.local_addr().unwrap(), state: Arc::default(), changes: broadcast::channel(1000).0 };
        let server = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = server.clone();
                let service = hyper::service::service_fn(move |request| {
                    let fake = fake.clone();
                    async move { Ok::<_, Infallible>(fake.answer(request).await) }
                });
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service).into_future());
            }
        });
        fake
    }

    pub async fn client(&self) -> Client {
        connect(&ConnectOptions { server: Some(format!("http://{}", self.address)), ..Default::default() }, &Events::none()).await.unwrap()
    }

    /// Answers requests whose `METHOD path` begins so with a failure, this many times.
    pub fn fail(&self, line: &str, status: u16, message: &str, times: usize) {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}).to_string();
        self.state.lock().unwrap().rules.push(Rule { line: line.into(), status, body, times, retry_after: None });
    }

    /// Refuses the next request whose `METHOD path` begins so, and says when to come again, in seconds.
    pub fn busy(&self, line: &str, retry_after: &'static str) {
        let body = json!({"kind": "Status", "message": "too many requests", "code": 429}).to_string();
        let rule = Rule { line: line.into(), status: 429, body, times: 1, retry_after: Some(retry_after) };
        self.state.lock().unwrap().rules.push(rule);
    }

    /// Answers requests whose `METHOD path` begins so with this text.
    pub fn say(&self, line: &str, status: u16, body: &str) {
        self.state.lock().unwrap().rules.push(Rule { line: line.into(), status, body: body.into(), times: usize::MAX, retry_after: None });
    }

    /// What a container printed, by `pod/container`; `pod/container/before` is the run before.
    pub fn log(&self, container: &str, text: &str) {
        self.state.lock().unwrap().logs.insert(container.into(), text.into());
    }

    /// A container, by `pod/container`, prints so many lines of [`FLOOD_LINE`] bytes that begin with their number, as fast as they are
    /// taken. Gives how many were taken so far.
    pub fn flood(&self, container: &str, lines: usize) -> Arc<AtomicUsize> {
        let sent = Arc::new(AtomicUsize::new(0));
        self.state.lock().unwrap().floods.insert(container.into(), (lines, sent.clone()));
        sent
    }

    /// Changes each object as it is written: the part of the controllers.
    pub fn on_write(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.state.lock().unwrap().on_write = Some(Box::new(change));
    }

    pub fn put(&self, path: &str, object: Value) {
        let mut state = self.state.lock().unwrap();
        let object = state.store(path, object);
        drop(state);
        let _ = self.changes.send((path.into(), json!({"type": "MODIFIED", "object": object})));
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    /// `METHOD path` of every request so far, sorted within nothing: as they came.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    pub fn forget_requests(&self) {
        self.state.lock().unwrap().requests.clear();
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&body.collect().await.map(|body| body.to_bytes()).unwrap_or_default()).unwrap_or_default();
        let dry = query.contains("dryRun=All");
        let line = format!(
            "{} {path}{}",
            if dry { "DRYRUN".to_owned() } else { parts.method.to_string() },
            if query.contains("watch=true") { "?watch" } else { "" }
        );
        let mut state = self.state.lock().unwrap();
        state.requests.push(line.clone());
        if let Some(rule) = state.rules.iter_mut().find(|rule| rule.times > 0 && line.starts_with(&rule.line)) {
            rule.times = rule.times.saturating_sub(1);
            let mut refusal = text(rule.status, rule.body.clone());
            refusal.headers_mut().extend(rule.retry_after.map(|wish| (http::header::RETRY_AFTER, wish.parse().unwrap())));
            return refusal;
        }
        if path == "/api" || path == "/apis" {
            return text(200, json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": if path == "/api" { "none" } else { "apps" }},
                "versions": [{"version": "v1", "resources": [{"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced"}]}]}]}).to_string().replace("\"deployments\"", if path == "/api" { "null" } else { "\"deployments\"" }));
        }
        if let Some(pod) = path.strip_suffix("/log") {
            let container = query.split('&').find_map(|part| part.strip_prefix("container=")).unwrap_or_default();
            let before = if query.contains("previous=true") { "/before" } else { "" };
            let key = format!("{}/{container}{before}", pod.rsplit('/').next().unwrap_or_default());
            if let Some((lines, sent)) = state.floods.get(&key).cloned() {
                return flood(lines, sent);
            }
            if !before.is_empty() && !state.logs.contains_key(&key) {
                return text(400, "previous terminated container not found".to_owned());
            }
            let log = state.logs.get(&key).cloned().unwrap_or_default();
            let tail = query.split('&').find_map(|part| part.strip_prefix("tailLines=")?.parse::<usize>().ok()).unwrap_or(usize::MAX);
            let passed = log.lines().count().saturating_sub(tail);
            let log: String = log.split_inclusive('\n').skip(passed).collect();
            let stamped: String = log.lines().map(|line| format!("2026-01-01T00:00:00.000000001Z {line}\n")).collect();
            return text(200, if query.contains("timestamps=true") { stamped } else { log });
        }
        let is_collection = is_collection(&path);
        match parts.method {
            Method::GET if query.contains("watch=true") => {
                drop(state);
                self.watch(path)
            }
            Method::GET if is_collection => {
                let items: Vec<&Value> = state
                    .objects
                    .iter()
                    .filter(|(key, _)| key.rsplit_once('/').is_some_and(|(parent, _)| parent == path))
                    .map(|(_, object)| object)
                    .collect();
                let name = query.split('&').find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
                let owner = query.contains("labelSelector=owner%3Dhelm");
                let items: Vec<&Value> = items
                    .into_iter()
                    .filter(|item| name.is_none_or(|name| item["metadata"]["name"] == name))
                    .filter(|item| !owner || item["metadata"]["labels"]["owner"] == "helm")
                    .collect();
                text(200, json!({"kind": "List", "metadata": {"resourceVersion": state.version.to_string()}, "items": items}).to_string())
            }
            Method::GET => match state.objects.get(&path) {
                Some(object) => text(200, object.to_string()),
                None => missing(&path),
            },
            Method::POST => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap_or_default());
                if state.objects.contains_key(&path) {
                    return refuse(409, &format!("{path} already exists"));
                }
                let object = state.store(&path, body);
                text(201, object.to_string())
            }
            Method::PUT => {
                let old = state.objects.get(&path).cloned().unwrap_or_default();
                let version = &body["metadata"]["resourceVersion"];
                if version.is_string() && *version != old["metadata"]["resourceVersion"] {
                    return refuse(409, "the object has been modified");
                }
                let object = state.store(&path, body);
                text(200, object.to_string())
            }
            Method::PATCH => {
                let old = state.objects.get(&path).cloned();
                let mut object = old.clone().unwrap_or_default();
                let fields = fields(&body);
                merge(&mut object, &body);
                object["metadata"]["managedFields"] = json!([{"manager": "helm", "operation": "Apply", "apiVersion": body["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields}]);
                if let Some(change) = &state.on_write {
                    change(&mut object);
                }
                if dry {
                    return text(200, object.to_string());
                }
                let object = state.store(&path, object);
                drop(state);
                let kind = if old.is_some() { "MODIFIED" } else { "ADDED" };
                let _ = self.changes.send((path, json!({"type": kind, "object": object})));
                text(200, object.to_string())
            }
            Method::DELETE => match state.objects.remove(&path) {
                Some(object) => {
                    drop(state);
                    let _ = self.changes.send((path, json!({"type": "DELETED", "object": object})));
                    text(200, "{}".into())
                }
                None => missing(&path),
            },
            _ => refuse(405, "no such method"),
        }
    }

    fn watch(&self, path: String) -> Response<Body> {
        let changes = tokio_stream::wrappers::BroadcastStream::new(self.changes.subscribe());
        let lines = futures::StreamExt::filter_map(changes, move |change| {
            let line = change.ok().filter(|(key, _)| key.rsplit_once('/').is_some_and(|(parent, _)| parent == path));
            futures::future::ready(line.map(|(_, event)| Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{event}\n"))))))
        });
        Response::new(BodyExt::boxed_unsync(StreamBody::new(lines)))
    }
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if !object["metadata"]["uid"].is_string() {
            object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        }
        self.objects.insert(path.into(), object.clone());
        object
    }
}

/// Whether a path ends in a kind's plural and not in a name.
fn is_collection(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let rest = parts.get(if parts[0] == "api" { 2 } else { 3 }..).unwrap_or_default();
    let rest = if rest.first() == Some(&"namespaces") && rest.len() > 2 { &rest[2..] } else { rest };
    rest.len() == 1
}

fn text(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(BodyExt::boxed_unsync(Full::new(Bytes::from(body))));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn flood(lines: usize, sent: Arc<AtomicUsize>) -> Response<Body> {
    let pieces = futures::stream::iter((0..lines).map(move |number| {
        sent.fetch_add(1, Ordering::Relaxed);
        let line = format!("{number} ");
        let line = format!("2026-01-01T00:00:00.000000001Z {line}{}\n", "x".repeat(FLOOD_LINE - line.len()));
        Ok::<_, Infallible>(Frame::data(Bytes::from(line)))
    }));
    Response::new(BodyExt::boxed_unsync(StreamBody::new(pieces)))
}

fn refuse(status: u16, message: &str) -> Response<Body> {
    text(status, json!({"kind": "Status", "message": message, "code": status}).to_string())
}

fn missing(path: &str) -> Response<Body> {
    refuse(404, &format!("{path} not found"))
}

/// Field set of an applied object: maps by their keys, everything else as a whole.
fn fields(object: &Value) -> Value {
    let skip = ["apiVersion", "kind", "name", "namespace"];
    let entries = object.as_object().into_iter().flatten().filter(|(key, _)| !skip.contains(&key.as_str()));
    Value::Object(entries.map(|(key, value)| (format!("f:{key}"), if value.is_object() { fields(value) } else { json!({}) })).collect())
}

fn merge(into: &mut Value, from: &Value) {
    match (into.as_object_mut(), from.as_object()) {
        (Some(into), Some(from)) => from.iter().for_each(|(key, value)| merge(into.entry(key.clone()).or_insert(Value::Null), value)),
        _ => *into = from.clone(),
    }
}
