//! Proxies between us and servers: which one is meant for a server, and a connection through it.
//!
//! Follows Go's reading of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`: what is on this machine is not asked through a proxy of them.
//! Proxies are asked for a tunnel (`CONNECT`), over TLS where their URL says `https`, or by SOCKS 5 (RFC 1928), for which the library has
//! the words.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tower::{BoxError, Service};

use crate::words::percent::percent_decoded;

/// The longest answer to a CONNECT, in bytes.
const MAX_ANSWER: usize = 8 << 10;

/// The proxies that the environment names. Prints without passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://`.
    pub http: Option<String>,
    /// For `https://`.
    pub https: Option<String>,
    /// Hosts, domains, addresses and networks that are asked directly.
    pub direct: String,
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |url: &Option<String>| url.as_deref().map(super::redact);
        f.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("direct", &self.direct)
            .finish()
    }
}

impl Proxies {
    /// The proxy for a URL.
    fn of(&self, uri: &Uri) -> Option<Proxy> {
        let is_secure = uri.scheme_str() == Some("https");
        let proxy = if is_secure { &self.https } else { &self.http }.as_deref().filter(|url| !url.is_empty())?;
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_lowercase();
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        if self.is_direct(&host, port) { None } else { Some(Proxy::read(proxy)) }
    }

    fn is_direct(&self, host: &str, port: u16) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        self.direct.split(',').map(|entry| entry.trim().to_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
            if entry == "*" {
                return true;
            }
            if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
                return is_within(address, network, bits);
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => (name.to_owned(), port.parse().ok()),
                _ => (entry.clone(), None),
            };
            let name = name.strip_prefix('*').unwrap_or(&name).to_owned();
            let fits = match name.strip_prefix('.') {
                Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
                None => host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.') && address.is_none()),
            };
            fits && wanted.is_none_or(|wanted: u16| wanted == port)
        })
    }
}

/// Whether an address is in a network such as `10.0.0.0/8`.
fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let ((one, width), (other, other_width)) = (number(address), number(network));
    width == other_width && bits <= width && (bits == 0 || (one ^ other) >> (128 - bits) == 0)
}

/// How servers are reached. Prints without passwords.
#[derive(Clone)]
pub enum Route {
    /// As the proxies of the environment say.
    Named(Proxies),
    /// All of them through this one, what is on this machine too: it may be another one's name for itself.
    Through(String),
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Route::Named(proxies) => proxies.fmt(f),
            Route::Through(url) => super::redact(url).fmt(f),
        }
    }
}

impl Route {
    fn proxy(&self, uri: &Uri) -> Option<Proxy> {
        match self {
            Route::Named(proxies) => proxies.of(uri),
            Route::Through(url) => Some(Proxy::read(url)),
        }
    }

    /// What a proxy wants to see in a request that it passes on itself, never to be printed; one in a tunnel it does not see.
    pub fn authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        let proxy = self.proxy(uri).filter(|proxy| uri.scheme_str() != Some("https") && !proxy.is_socks())?;
        let mut value = HeaderValue::from_str(&proxy.authorization()?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether a proxy that is spoken to over TLS may be asked.
    pub fn wants_tls(&self) -> bool {
        let urls = match self {
            Route::Named(proxies) => [proxies.http.as_deref(), proxies.https.as_deref()],
            Route::Through(url) => [Some(url.as_str()), None],
        };
        urls.into_iter().flatten().any(|url| url.starts_with("https://"))
    }
}

/// One proxy.
struct Proxy {
    /// `http://host:port`.
    url: String,
    /// User and password.
    login: Option<(String, String)>,
}

impl Proxy {
    /// Reads `[http://][user:password@]host[:port]`.
    fn read(text: &str) -> Proxy {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let rest = rest.split('/').next().unwrap_or_default();
        let (login, host) = rest.rsplit_once('@').map_or((None, rest), |(login, host)| (Some(login), host));
        let login = login.map(|login| login.split_once(':').unwrap_or((login, "")));
        let login = login.map(|(user, password)| (percent_decoded(user), percent_decoded(password)));
        Proxy { url: format!("{scheme}://{host}"), login }
    }

    /// One that carries whatever goes over it and knows nothing of HTTP.
    fn is_socks(&self) -> bool {
        self.url.starts_with("socks5://") || self.url.starts_with("socks5h://")
    }

    fn is_tls(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Where to connect: the connector knows only HTTP's ports. The error is the text of a problem.
    fn dialed(&self) -> Result<Uri, String> {
        let malformed = || "has a malformed URL".to_owned();
        let address: Uri = self.url.parse().map_err(|_| malformed())?;
        let port = match address.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ if self.is_socks() => 1080,
            _ => return Err("is none of http://, https:// and socks5://, and others cannot be used".into()),
        };
        let host = address.host().ok_or_else(malformed)?;
        format!("http://{host}:{}", address.port_u16().unwrap_or(port)).parse().map_err(|_| malformed())
    }

    /// The value of `Proxy-Authorization`.
    fn authorization(&self) -> Option<String> {
        let (user, password) = self.login.as_ref()?;
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))))
    }
}

/// A proxy did not do what we asked.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy} {problem}")]
pub struct ProxyError {
    proxy: String,
    problem: String,
}

/// Opens TCP connections, through a proxy where one is meant.
#[derive(Clone)]
pub struct Connector {
    /// Without one.
    pub direct: HttpConnector,
    /// Through whom.
    pub route: Arc<Route>,
    /// How proxies that are spoken to over TLS are known, where there may be some.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let proxy = self.route.proxy(&uri);
        let (mut direct, tls) = (self.direct.clone(), self.tls.clone());
        Box::pin(async move {
            let Some(proxy) = proxy else { return Ok(Stream::new(direct.call(uri).await?.into_inner(), false)) };
            let failed = |problem: String| ProxyError { proxy: proxy.url.clone(), problem };
            let address = proxy.dialed().map_err(failed)?;
            let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
            let opened = direct.call(address).await;
            let io = opened.map_err(|error| failed(format!("cannot be reached: {}", crate::error::root_cause(&error))))?;
            if proxy.is_socks() {
                let io = through_socks(io, proxy.login.clone(), &uri).await.map_err(failed)?;
                return Ok(Stream::new(io.into_inner(), false));
            }
            let io = match tls.filter(|_| proxy.is_tls()) {
                None => Either::Left(io.into_inner()),
                Some(tls) => {
                    let name = ServerName::try_from(host).map_err(|_| failed("has a malformed URL".into()))?;
                    let secured = TlsConnector::from(tls).connect(name, io.into_inner()).await;
                    Either::Right(secured.map_err(|error| failed(format!("cannot be spoken to over TLS: {error}")))?)
                }
            };
            if uri.scheme_str() != Some("https") {
                return Ok(Stream { io: TokioIo::new(io), is_proxied: true });
            }
            let io = tunnel(io, &uri, proxy.authorization().as_deref()).await.map_err(failed)?;
            Ok(Stream { io: TokioIo::new(io), is_proxied: false })
        })
    }
}

/// What a connection goes over: TCP, or TLS that only a proxy takes off.
type Wire = Either<TcpStream, TlsStream<TcpStream>>;

/// Asks a SOCKS proxy for a connection to the server of a URL, whose name the proxy looks up. The error is the text of a problem.
async fn through_socks(io: TokioIo<TcpStream>, login: Option<(String, String)>, uri: &Uri) -> Result<TokioIo<TcpStream>, String> {
    let server = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let malformed = |error: http::Error| error.to_string();
    let target = Uri::builder().scheme("socks5").authority(format!("{server}:{port}")).path_and_query("/").build().map_err(malformed)?;
    let mut io = Some(io);
    let connected = tower::service_fn(move |_: Uri| std::future::ready(io.take().ok_or(std::io::ErrorKind::NotConnected)));
    let mut socks = SocksV5::new(target.clone(), connected);
    if let Some((user, password)) = login {
        socks = socks.with_auth(user, password);
    }
    let told = |error: String| format!("gave no connection to {server}:{port}: {}", error.trim_start_matches("SOCKS error: "));
    socks.call(target).await.map_err(|error| told(error.to_string()))
}

/// Asks for a tunnel to the server of a URL. The error is the text of a problem.
async fn tunnel(mut io: Wire, uri: &Uri, authorization: Option<&str>) -> Result<Wire, String> {
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(443));
    let login = authorization.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
    let broke = |error: std::io::Error| format!("broke the connection: {error}");
    io.write_all(request.as_bytes()).await.map_err(broke)?;
    io.flush().await.map_err(broke)?;
    let mut answer = Vec::new();
    // byte by byte, since what follows the head is the server's
    while !answer.ends_with(b"\r\n\r\n") {
        match io.read_u8().await {
            Ok(byte) if answer.len() < MAX_ANSWER => answer.push(byte),
            Ok(_) => return Err("gave an answer without an end".into()),
            Err(error) => return Err(broke(error)),
        }
    }
    let head = String::from_utf8_lossy(&answer);
    let status = head.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some(code) if code.starts_with('2') => Ok(io),
        _ => Err(format!("refused a tunnel to {host}:{port}: {status}")),
    }
}

/// A connection, and whether requests on it are for a proxy.
#[derive(Debug)]
pub struct Stream {
    io: TokioIo<Wire>,
    is_proxied: bool,
}

impl Stream {
    fn new(io: TcpStream, is_proxied: bool) -> Self {
        Stream { io: TokioIo::new(Either::Left(io)), is_proxied }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_the_proxy_of_their_scheme_or_none() {
        let proxies = Proxies {
            http: Some("proxy:3128".into()),
            https: Some("http://me:p%40ss@secure:8080/".into()),
            direct: "example.org, .sub.example.com,10.1.0.0/16,192.0.2.7,host:8443,*.wild.io, fd00::/8".into(),
        };
        let proxy = |url: &str| proxies.of(&url.parse().unwrap()).map(|proxy| proxy.url);
        for (url, expected) in [
            ("http://a.io/x", Some("http://proxy:3128")),
            ("https://a.io/x", Some("http://secure:8080")),
            ("https://localhost:5000", None),
            ("http://127.9.9.9", None),
            ("http://[::1]:5000", None),
            ("https://example.org", None),
            ("https://charts.example.org", None),
            ("https://notexample.org", Some("http://secure:8080")),
            ("https://sub.example.com", Some("http://secure:8080")),
            ("https://a.sub.example.com", None),
            ("http://10.1.2.3", None),
            ("http://10.2.2.3", Some("http://proxy:3128")),
            ("http://192.0.2.7:81", None),
            ("https://host:8443", None),
            ("https://host", Some("http://secure:8080")),
            ("https://a.wild.io", None),
            ("http://[fd12::1]", None),
        ] {
            assert_eq!(proxy(url).as_deref(), expected, "{url}");
        }
        let authorization = proxies.of(&"https://a.io".parse().unwrap()).unwrap().authorization();
        assert_eq!(authorization.as_deref(), Some("Basic bWU6cEBzcw=="));
        let login = Route::Named(Proxies { http: Some("http://a:b@proxy".into()), ..Proxies::default() });
        let shown = |url: &str| login.authorization(&url.parse().unwrap());
        assert_eq!((shown("http://a.io"), shown("https://a.io")), (HeaderValue::from_str("Basic YTpi").ok(), None));
        assert!(!format!("{:?}", shown("http://a.io")).contains("YTpi"));
        assert!(!format!("{proxies:?}").contains("p%40ss"));
        let all = Proxies { direct: "*".into(), ..proxies };
        assert!(all.of(&"https://a.io".parse().unwrap()).is_none());
        assert!(Proxies::default().of(&"https://a.io".parse().unwrap()).is_none());
    }
}
