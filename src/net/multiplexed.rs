//! Requests that run side by side over HTTP/2: one connection for what is asked, and one for what is followed.
//!
//! Over TLS the server chooses HTTP/2. What is followed has a connection of its own: a server takes only about a hundred streams on each,
//! and these stay; and who prints faster than it is shown must not hold up what is asked.
//! A server or a proxy that speaks HTTP/1.1 only gets a pool of keep-alive connections instead.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response, Uri, Version};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::sync::Mutex;
use tower::{BoxError, Service, ServiceExt};

use super::proxy::Connector;
use super::{KEEP_ALIVE, Route};

/// Answers requests over HTTP/2 connections, or over an HTTP/1.1 pool where the server has nothing better. Clones share them.
pub struct Multiplexed<B> {
    connector: HttpsConnector<Connector>,
    pool: hyper_util::client::legacy::Client<HttpsConnector<Connector>, B>,
    route: Arc<Route>,
    requests: Arc<Mutex<State<B>>>,
    followed: Arc<Mutex<State<B>>>,
    is_followed: fn(&Uri) -> bool,
    connect_timeout: Duration,
}

impl<B> Clone for Multiplexed<B> {
    fn clone(&self) -> Self {
        let (requests, followed) = (self.requests.clone(), self.followed.clone());
        Multiplexed { connector: self.connector.clone(), pool: self.pool.clone(), route: self.route.clone(), requests, followed, ..*self }
    }
}

/// How many bytes may be on their way before somebody reads them.
struct Windows {
    stream: u32,
    connection: u32,
}

impl Windows {
    /// The usual 64 KiB would cost a round trip per 64 KiB of a long list.
    const LISTS: Windows = Windows { stream: 2 << 20, connection: 8 << 20 };
    /// Every line of a log is a frame of its own, of about 50 bytes. The HTTP/2 library ends a connection on which small frames wait
    /// whose number of bytes to a full 256 each is more than half the connection's window: of 60 logs that nobody reads, full windows of
    /// 64 KiB come to 27 MiB.
    const FOLLOWED: Windows = Windows { stream: 64 << 10, connection: 64 << 20 };
}

enum State<B> {
    Unknown,
    Http2(SendRequest<B>),
    Http1,
}

/// How a server is connected to.
pub struct Dialing {
    /// Certificates.
    pub tls: rustls::ClientConfig,
    /// The name that the server's certificate must have, where that is not its host's.
    pub server_name: Option<ServerName<'static>>,
    /// Through whom.
    pub route: Route,
    /// How long a connection may take, TLS and proxies included.
    pub timeout: Duration,
}

impl<B> Multiplexed<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Connects at the first request. `is_followed` tells which answers go on for long.
    pub fn new(dialing: Dialing, is_followed: fn(&Uri) -> bool) -> Self {
        let Dialing { tls, server_name, route, timeout } = dialing;
        let route = Arc::new(route);
        let tcp = Connector { direct: super::tcp(), route: route.clone(), tls: Some(Arc::new(tls.clone())) };
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let connector = match server_name {
            Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)).enable_all_versions().wrap_connector(tcp),
            None => builder.enable_all_versions().wrap_connector(tcp),
        };
        let pool = super::pool().build(connector.clone());
        let unknown = || Arc::new(Mutex::new(State::Unknown));
        Multiplexed { connector, pool, route, requests: unknown(), followed: unknown(), is_followed, connect_timeout: timeout }
    }

    async fn answer(self, mut request: Request<B>) -> Result<Response<Incoming>, BoxError> {
        match self.connection(request.uri()).await? {
            Some(mut connection) => {
                connection.ready().await?;
                let (mut parts, body) = request.into_parts();
                parts.version = Version::HTTP_2;
                Ok(connection.send_request(Request::from_parts(parts, body)).await?)
            }
            None => {
                if let Some(authorization) = self.route.authorization(request.uri()) {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
                }
                Ok(self.pool.request(request).await?)
            }
        }
    }

    /// The HTTP/2 connection for a request, made anew if it went away; `None` where the pool must serve.
    async fn connection(&self, uri: &Uri) -> Result<Option<SendRequest<B>>, BoxError> {
        if uri.scheme_str() != Some("https") {
            return Ok(None);
        }
        let (state, windows) = if (self.is_followed)(uri) { (&self.followed, Windows::FOLLOWED) } else { (&self.requests, Windows::LISTS) };
        let mut state = state.lock().await;
        match &*state {
            State::Http1 => return Ok(None),
            State::Http2(connection) if !connection.is_closed() => return Ok(Some(connection.clone())),
            State::Http2(_) | State::Unknown => {}
        }
        let stream = tokio::time::timeout(self.connect_timeout, self.connector.clone().oneshot(uri.clone()))
            .await
            .map_err(|_| std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {:?}", self.connect_timeout)))??;
        if !stream.connected().is_negotiated_h2() {
            *state = State::Http1;
            return Ok(None);
        }
        let (connection, driver) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(windows.stream)
            .initial_connection_window_size(windows.connection)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .handshake(stream)
            .await?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an HTTP/2 connection ended");
            }
        });
        *state = State::Http2(connection.clone());
        Ok(Some(connection))
    }
}

impl<B> Service<Request<B>> for Multiplexed<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}
