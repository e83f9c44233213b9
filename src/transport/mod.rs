//! One HTTP exchange: connections, TLS, time limits, and what sort of failure it was. Knows nothing of who is spoken to.
//!
//! Connections are kept and shared. System certificates are read at the first HTTPS request, so plain HTTP never pays for them.

mod proxy;

use proxy::ProxyError;
pub use proxy::{Connector, Proxies, percent_decoded};

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::root_cause;

/// How long a TCP connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

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

type SecureClient = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// The connections of one process.
#[derive(Debug)]
pub struct Transport {
    plain: Client<Connector, Full<Bytes>>,
    secure: OnceLock<Result<SecureClient, String>>,
    tls: Tls,
    proxies: Arc<Proxies>,
}

/// A request with everything in it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// How long the whole exchange may take.
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
}

impl Answer {
    /// The next piece of the body; `None` at its end. How long that may take is the caller's.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name is unknown, or nobody listens.
    Unreachable(Cause),
    /// An open connection broke.
    Broken(Cause),
    /// TLS was answered by something else.
    NotTls(Cause),
    /// Plain HTTP was answered by something else.
    NotHttp(Cause),
    /// The certificate does not convince.
    Certificate(Cause),
    /// Time is up.
    TimedOut,
    /// The answer is longer than the limit, or the request could not be made.
    Unusable(String),
}

impl Transport {
    /// Makes a transport; opens nothing.
    pub fn new(tls: Tls, proxies: Proxies) -> Self {
        let proxies = Arc::new(proxies);
        Transport { plain: builder().build(connector(false, &proxies)), secure: OnceLock::new(), tls, proxies }
    }

    /// Sends a request and reads the whole answer. Redirects are the caller's.
    pub async fn exchange(&self, request: &Request) -> Result<Reply, Failure> {
        match tokio::time::timeout(request.timeout, self.unlimited(request)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Sends a request and returns when the answer begins: its body is read piece by piece and has no limit. `timeout` is for the
    /// beginning alone. Redirects are the caller's.
    pub async fn open(&self, request: &Request) -> Result<Answer, Failure> {
        match tokio::time::timeout(request.timeout, self.send(request)).await {
            Ok(result) => {
                let (head, body) = result?.into_parts();
                Ok(Answer { status: head.status, headers: head.headers, body, secure: request.url.starts_with("https:") })
            }
            Err(_) => Err(Failure::TimedOut),
        }
    }

    async fn send(&self, request: &Request) -> Result<http::Response<Incoming>, Failure> {
        let secure = request.url.starts_with("https:");
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = request.url.parse().map_err(|error| Failure::Unusable(format!("the URL is malformed: {error}")))?;
        *message.headers_mut() = request.headers.clone();
        let authorization = self.proxies.authorization(message.uri()).and_then(|value| HeaderValue::from_str(&value).ok());
        if let Some(mut authorization) = authorization {
            authorization.set_sensitive(true);
            message.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let response = if secure { self.secure()?.request(message).await } else { self.plain.request(message).await };
        response.map_err(|error| classify(&error, error.is_connect(), secure))
    }

    async fn unlimited(&self, request: &Request) -> Result<Reply, Failure> {
        let secure = request.url.starts_with("https:");
        let (head, body) = self.send(request).await?.into_parts();
        let body = match Limited::new(body, request.limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Failure::Unusable(format!("it is longer than {} bytes", request.limit)));
            }
            Err(error) => return Err(classify(error.as_ref(), false, secure)),
        };
        if !secure && wants_tls(request, &head, &body) {
            let said = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
            return Err(Failure::NotHttp(Cause(if said.is_empty() { format!("it answered {}", head.status) } else { said })));
        }
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    fn secure(&self) -> Result<&SecureClient, Failure> {
        let made = self.secure.get_or_init(|| {
            let https = HttpsConnectorBuilder::new().with_tls_config(tls_config(&self.tls)?).https_only().enable_all_versions();
            Ok(builder().build(https.wrap_connector(connector(true, &self.proxies))))
        });
        made.as_ref().map_err(|problem| Failure::Unusable(problem.clone()))
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(Duration::from_secs(60)).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    builder
}

fn connector(secure: bool, proxies: &Arc<Proxies>) -> Connector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector.enforce_http(!secure);
    Connector { direct: connector, proxies: proxies.clone() }
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
fn wants_tls(request: &Request, head: &http::response::Parts, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(1000)]);
    let told = text.contains("HTTP request to an HTTPS server") || text.contains("sent to HTTPS port");
    let silent = request.method == Method::HEAD && !head.headers.contains_key("docker-distribution-api-version");
    head.status == StatusCode::BAD_REQUEST && (told || silent)
}

fn classify(error: &(dyn StdError + 'static), connecting: bool, secure: bool) -> Failure {
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
