//! Connections to the API server: one for what a command asks, and one for what it follows, watches and logs.
//!
//! Over TLS the server chooses HTTP/2. What is followed has a connection of its own: a server takes only about a hundred streams on each,
//! and these stay; and a container that prints faster than its lines are shown must not hold up what is asked.
//! A server or a proxy that speaks HTTP/1.1 only gets a pool of keep-alive connections instead.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use tokio::sync::Mutex;
use tower::{BoxError, Service, ServiceExt};

use crate::net::{self, Connector, Proxies};

/// Answers requests over one HTTP/2 connection, or over an HTTP/1.1 pool where the server has nothing better.
#[derive(Clone)]
pub(super) struct Transport {
    connector: HttpsConnector<Connector>,
    pool: hyper_util::client::legacy::Client<HttpsConnector<Connector>, Body>,
    requests: Arc<Mutex<State>>,
    followed: Arc<Mutex<State>>,
    connect_timeout: Duration,
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

enum State {
    Unknown,
    Http2(SendRequest<Body>),
    Http1,
}

impl Transport {
    /// Prepares TLS from the kubeconfig's certificates. Connects at the first request, through a proxy where one is named.
    pub(super) fn new(config: &kube::Config, proxies: Proxies) -> Result<Self, kube::Error> {
        let tls = config.rustls_client_config()?;
        let tcp = Connector { direct: net::tcp(), proxies: Arc::new(proxies) };
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let connector = match &config.tls_server_name {
            Some(name) => {
                let name = name.clone().try_into().map_err(|error| kube::Error::Service(Box::new(error)))?;
                builder.with_server_name_resolver(FixedServerNameResolver::new(name)).enable_all_versions().wrap_connector(tcp)
            }
            None => builder.enable_all_versions().wrap_connector(tcp),
        };
        let pool = net::pool().build(connector.clone());
        let connect_timeout = config.connect_timeout.unwrap_or(Duration::from_secs(30));
        let unknown = || Arc::new(Mutex::new(State::Unknown));
        Ok(Transport { connector, pool, requests: unknown(), followed: unknown(), connect_timeout })
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Incoming>, BoxError> {
        match self.connection(request.uri()).await? {
            Some(mut connection) => {
                connection.ready().await?;
                let (mut parts, body) = request.into_parts();
                parts.version = Version::HTTP_2;
                Ok(connection.send_request(Request::from_parts(parts, body)).await?)
            }
            None => Ok(self.pool.request(request).await?),
        }
    }

    /// The HTTP/2 connection for a request, made anew if it went away; `None` where the pool must serve.
    async fn connection(&self, uri: &Uri) -> Result<Option<SendRequest<Body>>, BoxError> {
        if uri.scheme_str() != Some("https") {
            return Ok(None);
        }
        let is_watch = uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
        let is_followed = is_watch || uri.path().ends_with("/log");
        let (state, windows) = if is_followed { (&self.followed, Windows::FOLLOWED) } else { (&self.requests, Windows::LISTS) };
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
            .keep_alive_interval(net::KEEP_ALIVE)
            .keep_alive_timeout(net::KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .handshake(stream)
            .await?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "the connection to the API server ended");
            }
        });
        *state = State::Http2(connection.clone());
        Ok(Some(connection))
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}
