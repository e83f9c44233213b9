//! An OCI registry in memory that speaks real HTTP on a loopback port, counts what it is asked, and misbehaves on demand.
//!
//! It knows manifests, blobs, tags with pages, uploads, deletion, Basic and Bearer authentication with its own token service, and
//! keeps the log of its requests, so that a test can say how many there were and what each carried.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use werf::registry::Digest;

/// What the registry wants to see.
#[derive(Clone, Debug, Default)]
pub enum Login {
    /// Nothing.
    #[default]
    Open,
    /// HTTP Basic of one user.
    Basic(&'static str, &'static str),
    /// A token of its own service, which gives it to one user (to everybody if the name is empty).
    Bearer(&'static str, &'static str),
    /// A token that only a refresh token buys.
    Identity(&'static str),
}

/// What goes wrong with requests whose method and path match.
#[derive(Clone, Debug)]
pub struct Fault {
    /// A part of `METHOD /path`.
    pub on: &'static str,
    /// How often it happens; then requests are served.
    pub times: usize,
    /// What happens.
    pub what: Trouble,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// An answer with a status and a body.
    Answer(u16, &'static str),
    /// 429 with `Retry-After`, in seconds.
    Wait(&'static str),
    /// A page that goes on elsewhere: the target of its link, and its body.
    Page(&'static str, &'static str),
    /// A redirect to a URL.
    Redirect(String),
    /// The connection is closed without an answer.
    Close,
    /// No answer ever.
    Hang,
    /// A pause of so many milliseconds, then the usual answer.
    Late(u64),
}

/// A registry in this process. It is gone when it is dropped.
pub struct FakeRegistry {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    login: Login,
    faults: Vec<Fault>,
    log: Vec<String>,
    connections: usize,
    under_way: usize,
    most: usize,
    manifests: HashMap<(String, String), (String, Bytes)>,
    tags: BTreeMap<(String, String), String>,
    blobs: HashMap<String, Bytes>,
    files: HashMap<String, Bytes>,
    page: usize,
    mounts: bool,
    no_digest_header: bool,
    no_content_type: bool,
    hidden: Option<(u16, &'static str)>,
    unknown_scope: Option<(&'static str, u16)>,
    tokens: usize,
    address: Option<SocketAddr>,
}

impl FakeRegistry {
    /// Starts a registry on a free port.
    pub async fn start(login: Login) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { login, page: 1000, address: Some(address), ..State::default() }));
        let served = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = served.clone();
                state.lock().unwrap().connections += 1;
                connections.spawn(async move {
                    let service = hyper::service::service_fn(|request| answer(state.clone(), request));
                    // An injected `Close` is an error of the service and ends the connection here.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        FakeRegistry { address, state, task }
    }

    /// `127.0.0.1:PORT/NAME`.
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Adds a fault.
    pub fn fault(&self, on: &'static str, times: usize, what: Trouble) {
        self.state.lock().unwrap().faults.push(Fault { on, times, what });
    }

    /// Bounds the tags of one page.
    pub fn page(&self, tags: usize) {
        self.state.lock().unwrap().page = tags;
    }

    /// Lets blobs be mounted from one repository to another.
    pub fn mount_blobs(&self) {
        self.state.lock().unwrap().mounts = true;
    }

    /// Leaves `Docker-Content-Digest` out of answers.
    pub fn hide_digests(&self) {
        self.state.lock().unwrap().no_digest_header = true;
    }

    /// Leaves `Content-Type` out of manifests' answers.
    pub fn hide_types(&self) {
        self.state.lock().unwrap().no_content_type = true;
    }

    /// Answers questions about repositories without images by a status, with an attribute in the challenge.
    pub fn hide_absent(&self, status: u16, attribute: &'static str) {
        self.state.lock().unwrap().hidden = Some((status, attribute));
    }

    /// Refuses tokens whose scope has a part.
    pub fn refuse_scope(&self, part: &'static str, status: u16) {
        self.state.lock().unwrap().unknown_scope = Some((part, status));
    }

    /// Makes all tokens that were given so far worthless.
    pub fn expire_tokens(&self) {
        self.state.lock().unwrap().tokens += 1;
    }

    /// The requests so far as `METHOD /path`, with ` as NAME` where they were authenticated; forgets them.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    /// Wants another login from now on.
    pub fn relogin(&self, login: Login) {
        self.state.lock().unwrap().login = login;
    }

    /// The most requests that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().most
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Stores a manifest under a tag and gives its digest.
    pub fn put(&self, repository: &str, tag: &str, media_type: &str, manifest: &str) -> Digest {
        let mut state = self.state.lock().unwrap();
        let digest = Digest::of(manifest.as_bytes());
        let stored = (media_type.to_owned(), Bytes::from(manifest.to_owned()));
        state.manifests.insert((repository.to_owned(), digest.to_string()), stored);
        state.tags.insert((repository.to_owned(), tag.to_owned()), digest.to_string());
        digest
    }

    /// Serves a file at a path that no registry has, as a chart repository does.
    pub fn file(&self, path: &str, bytes: impl Into<Bytes>) {
        self.state.lock().unwrap().files.insert(path.to_owned(), bytes.into());
    }

    /// Takes a file away.
    pub fn remove_file(&self, path: &str) {
        self.state.lock().unwrap().files.remove(path);
    }

    /// Stores a blob of text and gives its digest.
    pub fn blob(&self, text: &str) -> Digest {
        self.bytes(text.to_owned())
    }

    /// The bytes of a blob; `None` where it is not here.
    pub fn blob_of(&self, digest: &Digest) -> Option<Bytes> {
        self.state.lock().unwrap().blobs.get(digest.as_str()).cloned()
    }

    /// Stores a blob and gives its digest.
    pub fn bytes(&self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.state.lock().unwrap().blobs.insert(digest.to_string(), bytes);
        digest
    }

    /// Stores an image with a configuration and gives its manifest's digest.
    pub fn image(&self, repository: &str, tag: &str, config: &str) -> Digest {
        let config_digest = self.blob(config);
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{}}},"layers":[]}}"#,
            config.len()
        );
        self.put(repository, tag, "application/vnd.oci.image.manifest.v1+json", &manifest)
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that is no HTTP server: it answers the first bytes with others, or closes.
pub async fn raw_server(reply: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(reply).await;
        }
    });
    address
}

/// A server that begins an answer; then it keeps the connection open for ever, or closes it.
pub async fn partial_server(reply: &'static [u8], forever: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(reply).await;
            if forever {
                kept.push(stream);
            } else {
                let _ = stream.shutdown().await;
            }
        }
    });
    address
}

/// A server whose answer comes byte by byte and has no end.
pub async fn dripping_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n").await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            });
        }
    });
    address
}

type Reply = Result<Response<Full<Bytes>>, Closed>;

#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on demand")
    }
}

impl std::error::Error for Closed {}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let line = format!("{} {}", head.method, head.uri.path());
    let _under_way = UnderWay::begin(&state);
    let trouble = {
        let mut state = state.lock().unwrap();
        let shown = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let who = shown.map_or(String::new(), |shown| format!(" as {}", shown.split(' ').next().unwrap_or_default()));
        state.log.push(format!("{line}{who}"));
        let fault = state.faults.iter_mut().find(|fault| fault.times > 0 && line.contains(fault.on));
        fault.map(|fault| {
            fault.times -= 1;
            fault.what.clone()
        })
    };
    match trouble {
        Some(Trouble::Answer(status, body)) => Ok(reply(StatusCode::from_u16(status).unwrap(), body)),
        Some(Trouble::Wait(seconds)) => {
            let mut response = reply(StatusCode::TOO_MANY_REQUESTS, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.parse().unwrap());
            Ok(response)
        }
        Some(Trouble::Page(next, body)) => {
            let mut response = reply(StatusCode::OK, body);
            response.headers_mut().insert(header::LINK, format!("<{next}>; rel=\"next\"").parse().unwrap());
            Ok(response)
        }
        Some(Trouble::Redirect(url)) => {
            let mut response = reply(StatusCode::TEMPORARY_REDIRECT, "");
            response.headers_mut().insert(header::LOCATION, url.parse().unwrap());
            Ok(response)
        }
        Some(Trouble::Close) => Err(Closed),
        Some(Trouble::Hang) => {
            std::future::pending::<Infallible>().await;
            Err(Closed)
        }
        Some(Trouble::Late(milliseconds)) => {
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
            Ok(serve(&mut state.lock().unwrap(), &head, body))
        }
        None => Ok(serve(&mut state.lock().unwrap(), &head, body)),
    }
}

/// A request that is being answered.
struct UnderWay(Arc<Mutex<State>>);

impl UnderWay {
    fn begin(state: &Arc<Mutex<State>>) -> Self {
        let mut counted = state.lock().unwrap();
        counted.under_way += 1;
        counted.most = counted.most.max(counted.under_way);
        UnderWay(state.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().unwrap().under_way -= 1;
    }
}

fn serve(state: &mut State, head: &http::request::Parts, body: Bytes) -> Response<Full<Bytes>> {
    let path = head.uri.path();
    if path == "/token" {
        return token(state, head, &body);
    }
    if let Some(refusal) = refusal(state, head) {
        return refusal;
    }
    if let Some(bytes) = state.files.get(path) {
        return Response::new(Full::new(bytes.clone()));
    }
    if path == "/v2/" {
        return reply(StatusCode::OK, "{}");
    }
    let Some(rest) = path.strip_prefix("/v2/") else { return not_found("NAME_UNKNOWN") };
    let by = |separator: &str| rest.split_once(separator).map(|(name, last)| (name.to_owned(), last.to_owned()));
    if let Some((name, _)) = by("/tags/list") {
        return tags(state, &name, head.uri.query().unwrap_or_default());
    }
    if let Some((name, reference)) = by("/manifests/") {
        return manifest(state, head, &name, &reference, body);
    }
    if let Some((name, upload)) = by("/blobs/uploads/") {
        let query = head.uri.query().unwrap_or_default();
        let mounted = query.split('&').find_map(|pair| pair.strip_prefix("mount=")).filter(|_| state.mounts);
        return if mounted.is_some_and(|digest| state.blobs.contains_key(digest)) {
            reply(StatusCode::CREATED, "")
        } else if upload.is_empty() {
            let mut response = reply(StatusCode::ACCEPTED, "");
            response.headers_mut().insert(header::LOCATION, format!("/v2/{name}/blobs/uploads/1?state=x").parse().unwrap());
            response
        } else {
            let digest = Digest::of(&body).to_string();
            if !query.ends_with(&digest) {
                return reply(StatusCode::BAD_REQUEST, r#"{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}"#);
            }
            state.blobs.insert(digest, body);
            reply(StatusCode::CREATED, "")
        };
    }
    if let Some((_, digest)) = by("/blobs/") {
        return match state.blobs.get(&digest) {
            Some(bytes) => Response::new(Full::new(bytes.clone())),
            None => not_found("BLOB_UNKNOWN"),
        };
    }
    not_found("UNSUPPORTED")
}

fn manifest(state: &mut State, head: &http::request::Parts, name: &str, reference: &str, body: Bytes) -> Response<Full<Bytes>> {
    let key = |reference: &str| (name.to_owned(), reference.to_owned());
    let digest = state.tags.get(&key(reference)).cloned().unwrap_or_else(|| reference.to_owned());
    match head.method {
        Method::PUT => {
            let digest = Digest::of(&body).to_string();
            let media_type = head.headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
            state.manifests.insert(key(&digest), (media_type, body));
            state.tags.insert(key(reference), digest);
            reply(StatusCode::CREATED, "")
        }
        Method::DELETE => match state.manifests.remove(&key(&digest)) {
            Some(_) => {
                state.tags.retain(|(repository, _), target| repository != name || *target != digest);
                reply(StatusCode::ACCEPTED, "")
            }
            None => not_found("MANIFEST_UNKNOWN"),
        },
        _ => match state.manifests.get(&key(&digest)) {
            Some((media_type, bytes)) => {
                let mut response = Response::new(Full::new(bytes.clone()));
                if !state.no_content_type {
                    response.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
                }
                if !state.no_digest_header {
                    response.headers_mut().insert("docker-content-digest", digest.parse().unwrap());
                }
                response
            }
            None => not_found("MANIFEST_UNKNOWN"),
        },
    }
}

fn tags(state: &State, name: &str, query: &str) -> Response<Full<Bytes>> {
    let last = query.split('&').find_map(|pair| pair.strip_prefix("last=")).unwrap_or_default();
    let all: Vec<&str> =
        state.tags.keys().filter(|(repository, tag)| repository == name && tag.as_str() > last).map(|(_, tag)| tag.as_str()).collect();
    if all.is_empty() && last.is_empty() {
        return not_found("NAME_UNKNOWN");
    }
    let page: Vec<&str> = all.iter().copied().take(state.page).collect();
    let mut response = reply(StatusCode::OK, "");
    *response.body_mut() = Full::new(Bytes::from(serde_json::json!({"name": name, "tags": page}).to_string()));
    if page.len() < all.len() {
        // As distribution does, and as registries behind a proxy do: with a scheme and host of their own.
        let link = format!("<http://registry.internal/v2/{name}/tags/list?last={}&n={}>; rel=\"next\"", page[page.len() - 1], state.page);
        response.headers_mut().insert(header::LINK, link.parse().unwrap());
    }
    response
}

fn refusal(state: &State, head: &http::request::Parts) -> Option<Response<Full<Bytes>>> {
    let shown = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address = state.address?;
    let (wanted, challenge) = match &state.login {
        Login::Open => return None,
        Login::Basic(user, password) => (basic(user, password), "Basic realm=\"fake\"".to_owned()),
        Login::Bearer(..) | Login::Identity(_) => {
            (format!("Bearer t{}", state.tokens), format!("Bearer realm=\"http://{address}/token\",service=\"fake\""))
        }
    };
    if shown == wanted {
        let (status, attribute) = state.hidden?;
        let absent = |name: &str| !state.manifests.keys().any(|(repository, _)| repository == name);
        let name = ["/manifests/", "/tags/", "/blobs/"].iter().find_map(|part| head.uri.path().strip_prefix("/v2/")?.split_once(part));
        if !matches!(head.method, Method::GET | Method::HEAD) || !name.is_some_and(|(name, _)| absent(name)) {
            return None;
        }
        let mut response = reply(StatusCode::from_u16(status).unwrap(), r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, format!("{challenge}{attribute}").parse().unwrap());
        return Some(response);
    }
    let mut response = reply(StatusCode::UNAUTHORIZED, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
    Some(response)
}

fn token(state: &State, head: &http::request::Parts, body: &Bytes) -> Response<Full<Bytes>> {
    let shown = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = String::from_utf8_lossy(body);
    let granted = match &state.login {
        Login::Bearer("", _) => true,
        Login::Bearer(user, password) => shown == basic(user, password),
        Login::Identity(refresh) => head.method == Method::POST && form.contains(&format!("refresh_token={refresh}")),
        _ => false,
    };
    // a login names no scope, everything else that of a repository with a path
    let asked = format!("{}&{form}", head.uri.query().unwrap_or_default());
    if let Some((part, status)) = state.unknown_scope
        && granted
        && asked.contains(part)
    {
        return reply(StatusCode::from_u16(status).unwrap(), r#"{"errors":[{"code":"DENIED","message":"unknown scope"}]}"#);
    }
    let scoped = !asked.contains("scope=") || asked.contains("scope=repository%3A") && !asked.contains("scope=repository%3A%3A");
    match granted && scoped {
        true => reply(StatusCode::OK, &format!(r#"{{"token":"t{}","expires_in":300}}"#, state.tokens)),
        false => reply(StatusCode::UNAUTHORIZED, r#"{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}"#),
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

fn not_found(code: &str) -> Response<Full<Bytes>> {
    reply(StatusCode::NOT_FOUND, &format!(r#"{{"errors":[{{"code":"{code}","message":"unknown"}}]}}"#))
}

fn reply(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    response
}

/// Speaks TLS with a certificate that nobody has signed in front of a registry; plain HTTP gets the answer of Go's servers.
pub async fn tls_front(registry: &FakeRegistry) -> SocketAddr {
    certified_tls_front(registry).await.0
}

/// The same with its certificate as PEM.
pub async fn certified_tls_front(registry: &FakeRegistry) -> (SocketAddr, String) {
    tls_front_of(registry.address).await
}

/// The same in front of anything.
pub async fn tls_front_of(behind: SocketAddr) -> (SocketAddr, String) {
    let signed = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut first = [0; 1];
                let _ = stream.peek(&mut first).await;
                if first[0] != 0x16 {
                    let mut request = [0; 2048];
                    let _ = stream.read(&mut request).await;
                    let answer = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
                    let _ = stream.write_all(answer).await;
                    return;
                }
                let Ok(mut secure) = acceptor.accept(stream).await else { return };
                let Ok(mut plain) = tokio::net::TcpStream::connect(behind).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    let encoded = base64::engine::general_purpose::STANDARD.encode(signed.cert.der());
    (address, format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n"))
}

/// A proxy whose tunnels all end at one server; also the heads of the requests that it got.
pub async fn tunnel_proxy(behind: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        break;
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let answer = if head.contains("refused") { "403 Forbidden" } else { "200 Connection established" };
                seen.lock().unwrap().push(head);
                let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await;
                let Ok(mut server) = tokio::net::TcpStream::connect(behind).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (address, heads)
}

/// A repository that has every image that it is asked for, of one registry for the whole process.
pub fn full_repository() -> String {
    static ADDRESS: std::sync::OnceLock<std::net::SocketAddr> = std::sync::OnceLock::new();
    let address = ADDRESS.get_or_init(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(std::thread::spawn(move || has_it(stream)))));
        address
    });
    format!("{address}/app")
}

fn has_it(mut stream: std::net::TcpStream) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Write};
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let digest = format!("sha256:{}", "d".repeat(64));
    let kind = "application/vnd.oci.image.manifest.v1+json";
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\nContent-Type: {kind}\r\nDocker-Content-Digest: {digest}\r\n\r\n"
    )
}
