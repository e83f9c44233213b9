//! The one network floor: connections, TLS, proxies, time limits, patience, and what sort of failure it was. Knows nothing of who is
//! spoken to: protocols stand on it.
//!
//! Registries, chart repositories and Git servers exchange over a [`Transport`]. The cluster's client asks and follows over a
//! [`Multiplexed`] one, which kube's layers for credentials stand on, and has from here how long everything may take ([`Limits`]), what is
//! tried again and what is told. BuildKit's is tonic's: a daemon ends connections that are
//! asked too often whether they are there, so its silence is found by a question of its protocol.
//!
//! What waits elsewhere waits for something else than an answer, and so has a measure of its own: a lock for its holder, a watch for as
//! long as its deployment goes on, an object for a webhook or a definition of the same release, a client for a builder that starts.
//!
//! Connections are kept and shared. System certificates are read at the first HTTPS request, so plain HTTP never pays for them.
//! Nothing waits for ever: an answer begins in the time that its request allows, and a body that stops coming, or that comes too slowly
//! ever to end, is a failure. What takes long is told ([`slow`]), what may pass is tried again ([`mod@patience`]), and only so much is asked at once
//! ([`bounds`]).

mod asked;
mod bounds;
mod limits;
mod multiplexed;
mod patience;
mod proxy;
mod slow;

pub use asked::Asked;
pub use bounds::at_once;
use bounds::{Bounds, Place};
pub use limits::{Limits, TimeUp};
pub use multiplexed::{Dialing, Multiplexed};
pub use patience::{Patience, Setback, Tries, is_passing};
use proxy::{Connector, ProxyError};
pub use proxy::{Proxies, Route};
pub use slow::Slow;

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::{Stream, TryStreamExt};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::root_cause;
use crate::event::Events;

/// How long a TCP connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a body may bring nothing, and how long it may take in all beside what its length allows. A request with less patience for the
/// beginning of its answer has less for the rest too.
const BODY: Duration = Duration::from_secs(20);

/// The slowest body that is waited for, in bytes a second.
const SLOWEST: usize = 16 << 10;

/// How often the other end of a connection is asked whether it is there, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Whether a server's certificate must convince us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// By the system's authorities.
    #[default]
    System,
    /// Not at all.
    Nothing,
}

/// How both sides of a TLS connection prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether the server must prove itself.
    pub verify: Verify,
    /// Authorities instead of the system's, as PEM.
    pub authorities: Option<Arc<[u8]>>,
    /// Who we are.
    pub identity: Option<Identity>,
}

/// A client's certificate with its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and those that lead to its authority.
    pub certificate: Arc<[u8]>,
    /// The private key.
    pub key: Arc<[u8]>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl From<Verify> for Tls {
    fn from(verify: Verify) -> Self {
        Tls { verify, ..Tls::default() }
    }
}

/// The body of a request: bytes that are there, or that come while they are sent.
type Payload = UnsyncBoxBody<Bytes, Failure>;

type PlainClient = Client<Connector, Payload>;
type SecureClient = Client<HttpsConnector<Connector>, Payload>;

/// The connections of one process.
#[derive(Debug)]
pub struct Transport {
    plain: OnceLock<Result<PlainClient, String>>,
    secure: OnceLock<Result<SecureClient, String>>,
    tls: Tls,
    route: Arc<Route>,
    bounds: Bounds,
    slow: Slow,
}

/// A request with everything in it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is for, as an infinitive: `check image …`.
    pub doing: String,
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// How long the answer may take to begin.
    pub timeout: Duration,
    /// The longest answer that is read, in bytes.
    pub limit: usize,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
    secure: bool,
    /// Until the body has ended.
    place: Option<Place>,
}

impl Answer {
    /// The next piece of the body; `None` at its end. How long that may take is the caller's to say.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.body.frame().await {
                None => {
                    self.place = None;
                    return Ok(None);
                }
                Some(Err(error)) => return Err(classify(&error, false, self.secure)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// There was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The name is unknown, or nobody listens.
    #[error("it cannot be reached: {0}")]
    Unreachable(Cause),
    /// An open connection broke.
    #[error("the connection broke: {0}")]
    Broken(Cause),
    /// TLS was answered by something else.
    #[error("it does not speak TLS: {0}")]
    NotTls(Cause),
    /// Plain HTTP was answered by something else.
    #[error("it does not speak HTTP: {0}")]
    NotHttp(Cause),
    /// The certificate does not convince.
    #[error("its certificate cannot be verified: {0}")]
    Certificate(Cause),
    /// Time is up.
    #[error("it did not answer in time")]
    TimedOut,
    /// The answer is longer than the limit, or the request could not be made.
    #[error("{0}")]
    Unusable(String),
}

impl Transport {
    /// Makes a transport; opens nothing.
    pub fn new(tls: Tls, proxies: Proxies) -> Self {
        let route = Arc::new(Route::Named(proxies));
        Transport { plain: OnceLock::new(), secure: OnceLock::new(), tls, route, bounds: Bounds::default(), slow: Slow::default() }
    }

    /// The same, which tells what takes long.
    pub fn telling(self, events: &Events) -> Self {
        Transport { slow: Slow::new(events), ..self }
    }

    /// Who tells what takes long.
    pub fn slow(&self) -> &Slow {
        &self.slow
    }

    /// Sends a request and reads the whole answer. Redirects are the caller's.
    pub async fn exchange(&self, request: &Request) -> Result<Reply, Failure> {
        self.slow.watch(host(&request.url), &request.doing, self.whole(request, payload(request))).await
    }

    /// The same with a body that comes piece by piece in place of the request's own, `length` bytes in all. What its source fails by is the
    /// failure.
    pub async fn send_pieces(
        &self,
        request: &Request,
        length: u64,
        pieces: impl Stream<Item = Result<Bytes, Failure>> + Send + 'static,
    ) -> Result<Reply, Failure> {
        let mut request = request.clone();
        request.headers.insert(header::CONTENT_LENGTH, length.into());
        let payload = StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync();
        self.slow.watch(host(&request.url), &request.doing, self.whole(&request, payload)).await
    }

    /// Sends a request and returns when the answer begins: its body is read piece by piece and has no limit. Redirects are the caller's.
    pub async fn open(&self, request: &Request) -> Result<Answer, Failure> {
        let mut answer = self.slow.watch(host(&request.url), &request.doing, self.begun(request, payload(request))).await?;
        answer.place = answer.place.map(Place::of_stream);
        Ok(answer)
    }

    /// The same, and again where what came may pass: for requests that may be made twice.
    pub async fn open_patiently(&self, request: &Request, patience: Patience) -> Result<Answer, Failure> {
        let mut tries = Tries::new(patience, false);
        loop {
            let request = Request { timeout: tries.begin(request.body.len()), ..request.clone() };
            let outcome = self.open(&request).await;
            let (pause, why) = match &outcome {
                Ok(answer) => (tries.pause_after(Setback::Answer(answer.status, &answer.headers)), answer.status.to_string()),
                Err(failure) => (tries.pause_after(Setback::Failure(failure)), failure.to_string()),
            };
            let Some(pause) = pause else { return outcome };
            self.slow.again(host(&request.url), &request.doing, &why, pause);
            tokio::time::sleep(pause).await;
        }
    }

    async fn begun(&self, request: &Request, payload: Payload) -> Result<Answer, Failure> {
        let place = self.bounds.enter(&request.url).await;
        let asked = Asked::new(&request.doing, &request.method, redact(&request.url));
        let answer = match tokio::time::timeout(request.timeout, self.send(request, payload)).await.unwrap_or(Err(Failure::TimedOut)) {
            Ok(answer) => answer,
            Err(failure) => {
                asked.ended(&failure);
                return Err(failure);
            }
        };
        asked.answered(answer.status(), answer.headers());
        let (head, body) = answer.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body, secure: request.url.starts_with("https:"), place: Some(place) })
    }

    async fn whole(&self, request: &Request, payload: Payload) -> Result<Reply, Failure> {
        let mut answer = self.begun(request, payload).await?;
        let body = all(&mut answer, request).await?;
        if !answer.secure && wants_tls(request, &answer, &body) {
            let said = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
            return Err(Failure::NotHttp(Cause(if said.is_empty() { format!("it answered {}", answer.status) } else { said })));
        }
        Ok(Reply { status: answer.status, headers: answer.headers, body })
    }

    async fn send(&self, request: &Request, payload: Payload) -> Result<http::Response<Incoming>, Failure> {
        let secure = request.url.starts_with("https:");
        let mut message = http::Request::new(payload);
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = request.url.parse().map_err(|error| Failure::Unusable(format!("the URL is malformed: {error}")))?;
        *message.headers_mut() = request.headers.clone();
        if let Some(authorization) = self.route.authorization(message.uri()) {
            message.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let response = if secure { self.secure()?.request(message).await } else { self.plain()?.request(message).await };
        response.map_err(|error| classify(&error, error.is_connect(), secure))
    }

    fn plain(&self) -> Result<&PlainClient, Failure> {
        let made = self.plain.get_or_init(|| {
            let tls = if self.route.wants_tls() { Some(Arc::new(tls_config(&self.tls)?)) } else { None };
            let mut direct = tcp();
            direct.enforce_http(true);
            Ok(pool().build(Connector { direct, route: self.route.clone(), tls }))
        });
        made.as_ref().map_err(|problem| Failure::Unusable(problem.clone()))
    }

    fn secure(&self) -> Result<&SecureClient, Failure> {
        let made = self.secure.get_or_init(|| {
            let tls = tls_config(&self.tls)?;
            let connector = Connector { direct: tcp(), route: self.route.clone(), tls: Some(Arc::new(tls.clone())) };
            let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_all_versions();
            Ok(pool().build(https.wrap_connector(connector)))
        });
        made.as_ref().map_err(|problem| Failure::Unusable(problem.clone()))
    }
}

/// A request's own body.
fn payload(request: &Request) -> Payload {
    Full::new(request.body.clone()).map_err(|never| match never {}).boxed_unsync()
}

/// Reads a whole body.
async fn all(answer: &mut Answer, request: &Request) -> Result<Bytes, Failure> {
    let (began, limit, patience) = (Instant::now(), request.limit, BODY.min(request.timeout));
    let mut first = None;
    let mut rest = Vec::new();
    loop {
        let length = first.as_ref().map_or(0, Bytes::len) + rest.len();
        let allowed = patience + Duration::from_secs((length / SLOWEST) as u64);
        let left = allowed.saturating_sub(began.elapsed()).min(patience);
        let piece = tokio::time::timeout(left, answer.piece()).await.unwrap_or(Err(Failure::TimedOut))?;
        let Some(piece) = piece else { break };
        if length + piece.len() > limit {
            return Err(Failure::Unusable(format!("it is longer than {limit} bytes")));
        }
        match &first {
            None => first = Some(piece),
            Some(_) => rest.extend_from_slice(&piece),
        }
    }
    let first = first.unwrap_or_default();
    // most answers come in one piece
    Ok(if rest.is_empty() { first } else { [&first[..], &rest].concat().into() })
}

/// A pool of connections that are kept for a while.
fn pool() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(Duration::from_secs(60)).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    builder.pool_max_idle_per_host(bounds::TO_ONE_SERVER);
    builder.http2_keep_alive_interval(KEEP_ALIVE).http2_keep_alive_timeout(KEEP_ALIVE);
    builder
}

/// Opens TCP connections in bounded time, whose other end is asked by the system whether it is there.
fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEP_ALIVE));
    connector.set_keepalive_interval(Some(KEEP_ALIVE));
    connector.set_keepalive_retries(Some(2));
    connector.enforce_http(false);
    connector
}

fn tls_config(tls: &Tls) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone());
    // Cannot fail: the provider has suites for all the versions that rustls itself names.
    #[allow(clippy::expect_used)]
    let builder = builder.with_safe_default_protocol_versions().expect("ring serves rustls' default versions");
    let builder = match tls.verify {
        Verify::System => builder.with_root_certificates(roots(tls.authorities.as_deref())?),
        Verify::Nothing => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
    };
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|error| format!("the client's key is unusable: {error}"))?;
            let chain =
                certificates(&identity.certificate).map_err(|problem| format!("the client's certificate is unusable: {problem}"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("the client's certificate and key do not fit: {error}"))
        }
    }
}

/// The authorities of a PEM bundle, else the system's.
fn roots(bundle: Option<&[u8]>) -> Result<rustls::RootCertStore, String> {
    let mut roots = rustls::RootCertStore::empty();
    match bundle {
        // A system without certificates shows itself by a failed verification, with its help.
        None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        Some(bundle) => roots.add_parsable_certificates(
            certificates(bundle).map_err(|problem| format!("the bundle of authorities is unusable: {problem}"))?,
        ),
    };
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err("it has no certificate in PEM".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Go's and nginx's servers answer plain HTTP on a TLS port with 400 and a sentence. A HEAD has no sentence; there the missing mark of
/// registries tells.
fn wants_tls(request: &Request, head: &Answer, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(1000)]);
    let told = text.contains("HTTP request to an HTTPS server") || text.contains("sent to HTTPS port");
    let silent = request.method == Method::HEAD && !head.headers.contains_key("docker-distribution-api-version");
    head.status == StatusCode::BAD_REQUEST && (told || silent)
}

fn classify(error: &(dyn StdError + 'static), connecting: bool, secure: bool) -> Failure {
    // a body that comes from elsewhere fails by its source
    if let Some(of_source) = find::<Failure>(error) {
        return of_source.clone();
    }
    let cause = Cause::of(error);
    if let Some(proxy) = find::<ProxyError>(error) {
        return Failure::Unreachable(Cause(proxy.to_string()));
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return match tls {
            rustls::Error::InvalidCertificate(_) => Failure::Certificate(Cause(tls.to_string())),
            rustls::Error::InvalidMessage(_) => Failure::NotTls(Cause(tls.to_string())),
            _ => Failure::Broken(Cause(tls.to_string())),
        };
    }
    if let Some(http) = find::<hyper::Error>(error) {
        // A TLS server answers plain HTTP with a TLS alert, which is no HTTP.
        if http.is_parse() && !secure {
            return Failure::NotHttp(cause);
        }
    }
    if let Some(io) = find::<std::io::Error>(error)
        && io.kind() == std::io::ErrorKind::TimedOut
    {
        return if connecting { Failure::Unreachable(Cause::root(error)) } else { Failure::TimedOut };
    }
    let reset = find::<std::io::Error>(error).is_some_and(|io| {
        use std::io::ErrorKind::*;
        matches!(io.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
    });
    if connecting && !reset { Failure::Unreachable(Cause::root(error)) } else { Failure::Broken(cause) }
}

/// Finds an error of a type among the causes; `io::Error` hides the one that it wraps, so that is looked into too.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = current.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref())
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// Accepts every certificate, for registries that the user trusts by other means; signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _server_name: &rustls::pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A cause below HTTP, with its own causes joined into one text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cause(pub String);

impl Cause {
    /// Joins an error and its causes. The HTTP client's own words for the step it was at are left out, and a cause whose text is a part
    /// of what stands already.
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = String::new();
        let mut next = Some(error);
        while let Some(cause) = next {
            let more = cause.to_string();
            next = cause.source();
            if text.contains(&more) || (more.starts_with("client error (") && next.is_some()) {
                continue;
            }
            text = if text.is_empty() { more } else { format!("{text}: {more}") };
        }
        Cause(text)
    }

    /// The innermost cause alone: what the system said.
    pub fn root(error: &(dyn std::error::Error + 'static)) -> Self {
        Cause(root_cause(error).to_string())
    }
}

/// A URL as messages show it: without user, password and query, which may hold secrets.
pub fn redact(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => bare.to_owned(),
    }
}

/// Scheme and authority of a URL.
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

/// The authority of a URL, for messages: without a user.
pub fn host(url: &str) -> &str {
    let authority = origin(url).split("://").last().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Resolves a `Location` against the URL that it answers.
pub fn resolve(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = base.split("://").next().unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    if location.starts_with('/') {
        return format!("{}{location}", origin(base));
    }
    let bare = base.split(['?', '#']).next().unwrap_or_default();
    let folder = bare.rfind('/').map_or(bare, |at| &bare[..at]);
    format!("{folder}/{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_resolve() {
        for (base, location, expect) in [
            ("http://a:1/v2/x", "/y?z", "http://a:1/y?z"),
            ("http://a:1/v2/x?q", "y", "http://a:1/v2/y"),
            ("https://a/v2", "//b/c", "https://b/c"),
            ("https://a/v2", "http://b/c", "http://b/c"),
        ] {
            assert_eq!(resolve(base, location), expect);
        }
        assert_eq!(origin("https://a:1?x"), "https://a:1");
    }

    #[test]
    fn urls_lose_what_may_be_secret() {
        for (url, expect) in [
            ("https://u:p@r.io:5000/v2/a?X-Amz-Signature=s#f", "https://r.io:5000/v2/a"),
            ("http://r.io", "http://r.io"),
            ("http://r.io/a@b", "http://r.io/a@b"),
            ("/v2/x?y", "/v2/x"),
        ] {
            assert_eq!(redact(url), expect);
        }
    }
}
