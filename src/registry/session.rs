//! The conversation with one host: scheme, challenge, tokens, redirects and patience. Turns failures into [`RegistryError`].
//!
//! The first request goes out as it is; only a 401 makes us look for credentials, and what we learn serves every later request
//! to the host. A token is asked for once per scope however many requests want it at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::Stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Bytes;
use tokio::sync::Mutex;

use super::auth::{self, Challenge, Scope, TokenRequest};
use super::credentials::{Credentials, DockerConfig, Secret};
use super::error::{Exchange, RegistryError, redact, server_message};
use super::reference::{DEFAULT_REGISTRY, Repository, is_loopback};
use crate::net::{Answer, Failure, Patience, Reply, Request, Setback, Transport, Tries, origin, resolve};

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// What is known of one host.
#[derive(Debug)]
pub struct Host {
    name: String,
    tls: AtomicBool,
    scheme_may_change: bool,
    answered: AtomicBool,
    opened: Mutex<bool>,
    login: Mutex<Login>,
}

#[derive(Debug, Default)]
struct Login {
    challenge: Option<Challenge>,
    credentials: HashMap<String, Credentials>,
    headers: HashMap<Scope, Secret>,
}

/// One wish to a registry.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// For messages: `check image …`.
    pub doing: &'a str,
    /// Which repository.
    pub repository: &'a Repository,
    /// What a token must allow.
    pub access: auth::Access,
    /// Another repository of the registry that a token must let us read.
    pub source: Option<&'a Repository>,
    /// Method.
    pub method: Method,
    /// Absolute URL, or a path from the host's root.
    pub target: String,
    /// Headers of our own.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// The longest answer that is read, in bytes.
    pub limit: usize,
}

impl Call<'_> {
    fn scope(&self) -> Scope {
        let source = self.source.map(|source| source.path().to_owned());
        Scope { path: self.repository.path().to_owned(), access: self.access, source }
    }
}

/// What a conversation needs besides the host.
#[derive(Debug)]
pub struct Context {
    /// Connections.
    pub transport: Transport,
    /// Credentials.
    pub credentials: DockerConfig,
    /// Patience.
    pub patience: Patience,
}

impl Host {
    /// A host of which nothing is known. Loopback hosts begin with plain HTTP and change to HTTPS if that is what they speak.
    pub fn new(name: &str, insecure: bool) -> Self {
        let loopback = is_loopback(name);
        Host {
            name: name.to_owned(),
            tls: AtomicBool::new(!insecure && !loopback),
            scheme_may_change: loopback && !insecure,
            answered: AtomicBool::new(false),
            opened: Mutex::new(false),
            login: Mutex::default(),
        }
    }

    fn url(&self, target: &str) -> String {
        if target.contains("://") {
            return target.to_owned();
        }
        let scheme = if self.tls.load(Ordering::Relaxed) { "https" } else { "http" };
        let authority = if self.name == DEFAULT_REGISTRY { "registry-1.docker.io" } else { &self.name };
        format!("{scheme}://{authority}{target}")
    }
}

/// Gets an answer to a call: 2xx, 404 and 405 are the caller's, everything else is an error.
pub async fn converse(context: &Context, host: &Host, call: &Call<'_>) -> Result<Reply, RegistryError> {
    let scope = call.scope();
    let mut shown = authorization(context, host, call, &scope, None).await?;
    let mut renewed = false;
    // Only deletion is asked for under different names.
    let mut other_actions = if call.access == auth::Access::Delete { call.access.less() } else { &[] }.iter();
    loop {
        let (reply, exchange) = ask(context, host, call, shown.as_ref()).await?;
        match reply.status {
            StatusCode::UNAUTHORIZED if !renewed => {
                learn(host, &reply).await;
                let fresh = authorization(context, host, call, &scope, shown.as_ref()).await?;
                if fresh.is_none() {
                    return Err(refused(context, host, call, &reply, exchange, shown.as_ref()).await);
                }
                shown = fresh;
                renewed = true;
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match other_token(context, host, call, &scope, &mut other_actions).await? {
                Some(token) if shown.is_some() => shown = Some(token),
                _ => return Err(refused(context, host, call, &reply, exchange, shown.as_ref()).await),
            },
            status if status.is_success() || matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => return Ok(reply),
            _ => return Err(failed_exchange(host, call, exchange)),
        }
    }
}

/// Remembers what the host asks for.
async fn learn(host: &Host, reply: &Reply) {
    let offers = reply.headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenge = auth::parse_challenge(&offers.collect::<Vec<_>>().join(", "));
    if challenge.is_some() {
        host.login.lock().await.challenge = challenge;
    }
}

/// The `Authorization` header for a scope, made at most once at a time; `stale` is one that the host no longer takes.
/// `None` where the host has not asked yet, or where we have nothing to show.
async fn authorization(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    scope: &Scope,
    stale: Option<&Secret>,
) -> Result<Option<Secret>, RegistryError> {
    let mut login = host.login.lock().await;
    let Some(challenge) = login.challenge.clone() else { return Ok(None) };
    if let Some(header) = login.headers.get(scope)
        && Some(header) != stale
    {
        return Ok(Some(header.clone()));
    }
    // What was right a while ago may have been renewed since: helpers and other programs do so.
    let known = login.credentials.get(call.repository.path()).filter(|_| stale.is_none());
    let credentials = match known {
        Some(credentials) => credentials.clone(),
        None => {
            let ask = context.credentials.credentials_for_repository(call.repository, stale.is_some());
            let found = context.transport.slow().watch("the program that keeps credentials", &wish(host), ask).await;
            let found = found.map_err(|source| RegistryError::Credentials { doing: call.doing.to_owned(), source })?;
            login.credentials.insert(call.repository.path().to_owned(), found.clone());
            found
        }
    };
    let header = match (challenge, &credentials) {
        (_, Credentials::RegistryToken(token)) => Some(Secret::new(format!("Bearer {}", token.reveal()))),
        (Challenge::Basic, Credentials::Basic { username, password }) => Some(auth::basic_header(username, password)),
        (Challenge::Basic, _) => None,
        (Challenge::Bearer { realm, service }, credentials) => Some(
            token_for(context, host, call, scope, credentials, |actions| {
                auth::token_request(&realm, service.as_deref(), scope, actions, credentials)
            })
            .await?,
        ),
    };
    match &header {
        Some(header) => login.headers.insert(scope.clone(), header.clone()),
        None => login.headers.remove(scope),
    };
    // What has just been refused is not worth showing again.
    Ok(header.filter(|header| Some(header) != stale))
}

/// A token for a scope, or for the most of it that the service gives: services differ in the actions that they know, and some refuse
/// what is for a repository that does not exist. A login that is right gets at least a token for nothing.
async fn token_for(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    scope: &Scope,
    credentials: &Credentials,
    request: impl Fn(Option<&str>) -> TokenRequest,
) -> Result<Secret, RegistryError> {
    let may_ask_less = *credentials != Credentials::Anonymous && !scope.path.is_empty();
    let less = may_ask_less.then(|| scope.access.less().iter().map(|actions| Some(*actions)).chain([None])).into_iter().flatten();
    let mut refused = None;
    for actions in [Some(scope.access.actions())].into_iter().chain(less) {
        match fetch_token(context, host, call, request(actions)).await? {
            Ok(token) => return Ok(token),
            // The first refusal is of what was wanted.
            Err(exchange) => refused = refused.or(Some(exchange)),
        }
    }
    Err(match refused {
        Some(exchange) => refusal(context, host, call, exchange, credentials, false),
        None => malformed(host, call, "its token service was not asked".into()),
    })
}

/// A token for the next of some other actions that mean the same: a service that does not know an action may leave it out of its token and
/// say nothing. It is remembered in place of the one that was refused.
async fn other_token(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    scope: &Scope,
    actions: &mut std::slice::Iter<'_, &'static str>,
) -> Result<Option<Secret>, RegistryError> {
    let mut login = host.login.lock().await;
    let Some(Challenge::Bearer { realm, service }) = login.challenge.clone() else { return Ok(None) };
    let credentials = login.credentials.get(call.repository.path()).cloned().unwrap_or_default();
    for actions in actions {
        let request = auth::token_request(&realm, service.as_deref(), scope, Some(actions), &credentials);
        if let Ok(token) = fetch_token(context, host, call, request).await? {
            login.headers.insert(scope.clone(), token.clone());
            return Ok(Some(token));
        }
    }
    Ok(None)
}

/// Asks a token service once; a refusal is an answer too.
async fn fetch_token(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    request: TokenRequest,
) -> Result<Result<Secret, Exchange>, RegistryError> {
    let mut headers = HeaderMap::new();
    let (method, url, body) = match request {
        TokenRequest::Get { url, authorization } => {
            if let Some(authorization) = &authorization {
                headers.insert(header::AUTHORIZATION, secret_header(authorization));
            }
            (Method::GET, url, Bytes::new())
        }
        TokenRequest::Post { url, form } => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            (Method::POST, url, Bytes::from(form.reveal().to_owned()))
        }
    };
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(malformed(host, call, format!("its token service `{}` is not an HTTP URL", redact(&url))));
    }
    let token_call = Call { method, target: url, headers, body, limit: 1 << 20, ..call.clone() };
    let (reply, exchange) = ask(context, host, &token_call, None).await?;
    match reply.status {
        status if status.is_success() => match auth::parse_token(&reply.body) {
            Some(token) => Ok(Ok(Secret::new(format!("Bearer {}", token.reveal())))),
            None => Err(malformed(host, call, format!("the answer of its token service {} has no token", exchange.url))),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Ok(Err(exchange)),
        _ => Err(failed_exchange(host, call, exchange)),
    }
}

/// What a program that keeps credentials is asked for.
fn wish(host: &Host) -> String {
    format!("find the credentials for registry `{}`", host.name)
}

/// Asks until there is an answer that is worth having, following redirects.
async fn ask(context: &Context, host: &Host, call: &Call<'_>, shown: Option<&Secret>) -> Result<(Reply, Exchange), RegistryError> {
    // A blob's upload session is not to be begun twice; everything else says the same again.
    let repeatable = call.method != Method::POST || call.target.contains("://");
    let mut tries = Tries::new(context.patience, host.answered.load(Ordering::Relaxed));
    loop {
        let timeout = tries.begin(call.body.len());
        let (pause, why) = match follow(context, host, call, shown, timeout).await {
            Ok((reply, url)) => {
                host.answered.store(true, Ordering::Relaxed);
                // who says when to come again has begun nothing
                let pause = match repeatable || reply.headers.contains_key(header::RETRY_AFTER) {
                    true => tries.pause_after(Setback::Answer(reply.status, &reply.headers)),
                    false => None,
                };
                match pause {
                    Some(pause) => (pause, reply.status.to_string()),
                    None => {
                        let said = server_message(&reply.body);
                        let (method, url) = (call.method.to_string(), redact(&url));
                        let exchange = Exchange { method, url, status: reply.status, said, tries: tries.made() };
                        return Ok((reply, exchange));
                    }
                }
            }
            Err(Failure::NotHttp(_)) if host.scheme_may_change && !host.tls.swap(true, Ordering::Relaxed) => continue,
            Err(failure) => match tries.pause_after(Setback::Failure(&failure)).filter(|_| repeatable) {
                Some(pause) => (pause, failure.to_string()),
                None => return Err(no_answer(context, host, call, failure, tries.made())),
            },
        };
        context.transport.slow().again(&name_of(host, call), call.doing, &why, pause);
        tokio::time::sleep(pause).await;
    }
}

async fn follow(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    shown: Option<&Secret>,
    timeout: Duration,
) -> Result<(Reply, String), Failure> {
    let mut request = request(host, call, shown, timeout);
    for _ in 0..MAX_REDIRECTS {
        let reply = exchange(context, host, &request).await?;
        if !redirected(&mut request, reply.status, &reply.headers) {
            return Ok((reply, request.url));
        }
    }
    Err(too_many_redirects())
}

/// The request of a call.
fn request(host: &Host, call: &Call<'_>, shown: Option<&Secret>, timeout: Duration) -> Request {
    let mut request = Request {
        doing: call.doing.to_owned(),
        method: call.method.clone(),
        url: host.url(&call.target),
        headers: call.headers.clone(),
        body: call.body.clone(),
        timeout,
        limit: call.limit,
    };
    request.headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("werf/", env!("CARGO_PKG_VERSION"))));
    // An upload may be sent to another server, which must not see who we are here.
    if let Some(shown) = shown
        && origin(&request.url) == origin(&host.url("/"))
    {
        request.headers.insert(header::AUTHORIZATION, secret_header(shown));
    }
    request
}

/// Whether an answer leads elsewhere; then the request goes there.
fn redirected(request: &mut Request, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_safe = matches!(request.method, Method::GET | Method::HEAD);
    match (status.as_u16(), headers.get(header::LOCATION).and_then(|location| location.to_str().ok())) {
        (301 | 302 | 303 | 307 | 308, Some(location)) if is_safe => {
            let next = resolve(&request.url, location);
            // Storage behind a registry has its own signature in the URL and refuses a second authorization.
            if origin(&next) != origin(&request.url) {
                request.headers.remove(header::AUTHORIZATION);
            }
            request.url = next;
            true
        }
        _ => false,
    }
}

fn too_many_redirects() -> Failure {
    Failure::Unusable(format!("it redirects more than {MAX_REDIRECTS} times"))
}

/// Begins to read what is too long to be read whole. It is tried once: the caller knows what to do again. Of the host a request for the same
/// repository was answered before, so that what it wants to see is known.
pub async fn open(context: &Context, host: &Host, call: &Call<'_>) -> Result<Answer, RegistryError> {
    let scope = call.scope();
    let mut shown = authorization(context, host, call, &scope, None).await?;
    let mut renewed = false;
    let mut request = request(host, call, shown.as_ref(), context.patience.timeout);
    for _ in 0..MAX_REDIRECTS {
        let answer = context.transport.open(&request).await.map_err(|failure| no_answer(context, host, call, failure, 1))?;
        match answer.status {
            _ if redirected(&mut request, answer.status, &answer.headers) => {}
            StatusCode::UNAUTHORIZED if !renewed && request.url == host.url(&call.target) => {
                shown = authorization(context, host, call, &scope, shown.as_ref()).await?;
                renewed = true;
                request = self::request(host, call, shown.as_ref(), context.patience.timeout);
            }
            status if status.is_success() => return Ok(answer),
            status => return Err(answered(host, call, status, Bytes::new())),
        }
    }
    Err(no_answer(context, host, call, too_many_redirects(), 1))
}

/// Sends what is too long to be sent whole, `length` bytes in all; once, as with [`open`].
pub async fn upload(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    length: u64,
    pieces: impl Stream<Item = Result<Bytes, Failure>> + Send + 'static,
) -> Result<(), RegistryError> {
    let shown = authorization(context, host, call, &call.scope(), None).await?;
    let time = Tries::new(context.patience, true).begin(usize::try_from(length).unwrap_or(usize::MAX));
    let request = request(host, call, shown.as_ref(), time);
    match context.transport.send_pieces(&request, length, pieces).await {
        Ok(reply) if reply.status.is_success() => Ok(()),
        Ok(reply) => Err(answered(host, call, reply.status, reply.body)),
        Err(failure) => Err(no_answer(context, host, call, failure, 1)),
    }
}

/// The error for a status that was not wanted, of a request that was made once.
fn answered(host: &Host, call: &Call<'_>, status: StatusCode, body: Bytes) -> RegistryError {
    let reply = Reply { status, headers: HeaderMap::new(), body };
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => unwanted(host, call, &reply),
        _ => failed_exchange(host, call, exchange_of(host, call, &reply)),
    }
}

/// Lets the first HTTPS request to a host open its connection alone, so that those beside it share it by HTTP/2.
async fn exchange(context: &Context, host: &Host, request: &Request) -> Result<Reply, Failure> {
    if request.url.starts_with("https:") {
        let mut opened = host.opened.lock().await;
        if !*opened {
            let result = context.transport.exchange(request).await;
            *opened = true;
            return result;
        }
    }
    context.transport.exchange(request).await
}

fn secret_header(secret: &Secret) -> HeaderValue {
    // A secret with control characters cannot be sent; the registry then answers 401, which tells the user where to look.
    let mut value = HeaderValue::from_str(secret.reveal()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

async fn refused(
    context: &Context,
    host: &Host,
    call: &Call<'_>,
    reply: &Reply,
    exchange: Exchange,
    shown: Option<&Secret>,
) -> RegistryError {
    let (challenge, credentials) = {
        let login = host.login.lock().await;
        (login.challenge.clone(), login.credentials.get(call.repository.path()).cloned().unwrap_or_default())
    };
    let known = match (challenge, &credentials) {
        (_, Credentials::Anonymous | Credentials::RegistryToken(_)) => false,
        // The service has made a token for us; a registry that doubts the token itself says so (RFC 6750 §3.1).
        (Some(Challenge::Bearer { .. }), _) => shown.is_some() && !says_invalid_token(reply),
        // Where no service tells, the root does: it is shown to whoever is known.
        (Some(Challenge::Basic), _) => {
            let root = Call { method: Method::GET, target: "/v2/".into(), headers: HeaderMap::new(), body: Bytes::new(), ..call.clone() };
            shown.is_some() && ask(context, host, &root, shown).await.is_ok_and(|(reply, _)| reply.status.is_success())
        }
        (None, _) => false,
    };
    refusal(context, host, call, exchange, &credentials, known)
}

fn says_invalid_token(reply: &Reply) -> bool {
    let offers = reply.headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    offers.into_iter().any(|offer| offer.contains("invalid_token"))
}

/// The error for a refusal; `known` says that the credentials are right all the same.
fn refusal(context: &Context, host: &Host, call: &Call<'_>, exchange: Exchange, credentials: &Credentials, known: bool) -> RegistryError {
    let (doing, host, exchange) = (call.doing.to_owned(), host.name.clone(), Box::new(exchange));
    let who = || match credentials {
        Credentials::Anonymous => "those who are not logged in".to_owned(),
        other => other.who(),
    };
    match (exchange.status, credentials) {
        _ if known && call.access == auth::Access::Pull => RegistryError::Hidden { doing, host, who: who(), exchange },
        _ if known => RegistryError::Forbidden { doing, host, who: who(), exchange },
        (StatusCode::FORBIDDEN, _) => RegistryError::Forbidden { doing, host, who: who(), exchange },
        (_, Credentials::Anonymous) => {
            let place = context.credentials.path().map_or("this command".to_owned(), |path| format!("`{}`", path.display()));
            RegistryError::LoginRequired { doing, host, place, exchange }
        }
        _ => RegistryError::LoginRefused { doing, host, who: who(), exchange },
    }
}

fn failed_exchange(host: &Host, call: &Call<'_>, exchange: Exchange) -> RegistryError {
    let (doing, host, exchange) = (call.doing.to_owned(), host.name.clone(), Box::new(exchange));
    match exchange.status {
        StatusCode::TOO_MANY_REQUESTS => RegistryError::RateLimited { doing, host, exchange },
        // Some say so by other numbers (OCI distribution: UNSUPPORTED).
        StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED
            if call.method == Method::DELETE && exchange.said.as_ref().is_some_and(|said| said.starts_with("UNSUPPORTED")) =>
        {
            RegistryError::DeletionDisabled { doing, host, exchange }
        }
        status if status.is_server_error() => RegistryError::ServerFailed { doing, host, exchange },
        _ => RegistryError::Rejected { doing, host, exchange },
    }
}

/// The error for a 404 or 405 that the caller did not want.
pub fn unwanted(host: &Host, call: &Call<'_>, reply: &Reply) -> RegistryError {
    let exchange = Box::new(exchange_of(host, call, reply));
    let (doing, name) = (call.doing.to_owned(), host.name.clone());
    match reply.status {
        StatusCode::NOT_FOUND => RegistryError::NotFound { doing, host: name, exchange },
        StatusCode::METHOD_NOT_ALLOWED if call.method == Method::DELETE => RegistryError::DeletionDisabled { doing, host: name, exchange },
        _ => RegistryError::Rejected { doing, host: name, exchange },
    }
}

/// A request that was made once, and what came back.
fn exchange_of(host: &Host, call: &Call<'_>, reply: &Reply) -> Exchange {
    Exchange {
        method: call.method.to_string(),
        url: redact(&host.url(&call.target)),
        status: reply.status,
        said: server_message(&reply.body),
        tries: 1,
    }
}

/// The error for a manifest that is there, and that the registry does not find when it is to be deleted.
pub fn undeletable(host: &Host, call: &Call<'_>, reply: &Reply) -> RegistryError {
    match unwanted(host, call, reply) {
        RegistryError::NotFound { doing, host, exchange } => RegistryError::DeletionDisabled { doing, host, exchange },
        other => other,
    }
}

/// The error for an answer that breaks the specification.
pub fn malformed(host: &Host, call: &Call<'_>, problem: String) -> RegistryError {
    RegistryError::Malformed { doing: call.doing.to_owned(), host: host.name.clone(), problem }
}

/// Who is asked: a token service or a store elsewhere has a name of its own.
fn name_of(host: &Host, call: &Call<'_>) -> String {
    match call.target.contains("://") {
        true => origin(&call.target).split("://").last().unwrap_or(&host.name).to_owned(),
        false => host.name.clone(),
    }
}

pub fn no_answer(context: &Context, host: &Host, call: &Call<'_>, failure: Failure, tries: u32) -> RegistryError {
    let (doing, host) = (call.doing.to_owned(), name_of(host, call));
    match failure {
        Failure::Unreachable(source) => RegistryError::Unreachable { doing, host, source },
        Failure::Broken(source) => RegistryError::Broken { doing, host, tries, source },
        Failure::NotTls(source) => RegistryError::PlainHttp { doing, host, source },
        Failure::NotHttp(source) => RegistryError::Https { doing, host, source },
        Failure::Certificate(source) => RegistryError::Certificate { doing, host, source },
        Failure::TimedOut => RegistryError::TimedOut { doing, host, seconds: context.patience.timeout.as_secs(), tries },
        Failure::Unusable(problem) => RegistryError::Malformed { doing, host, problem },
    }
}
