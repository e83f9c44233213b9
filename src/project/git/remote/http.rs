//! Git's smart HTTP (gitprotocol-http(5)) over [`crate::net`]: who asks, where a server sends us, and what its refusals mean.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::address::{Login, shown};
use super::credentials::Helpers;
use super::error::RemoteError;
use super::wire::printable;
use super::{Access, Credentials};
use crate::net::{Answer, Failure, Identity, Patience, Proxies, Request, Tls, Transport, Verify, origin, resolve};

/// What follows the URL of a repository in the first request.
const DISCOVERY: &str = "/info/refs?service=git-upload-pack";

/// How often a server may send us elsewhere, as curl does in Git.
const REDIRECTS: usize = 20;

/// Who asks which repository.
pub(super) struct Http {
    transport: Transport,
    base: String,
    headers: HeaderMap,
    login: Option<Login>,
    /// The login came from a helper that has not heard yet whether it was right.
    helped: bool,
    /// Who may know a login; nobody is asked for a server that may have none of the user's.
    helpers: Option<Helpers>,
    silence: Duration,
}

impl Http {
    /// With what the user's configuration and variables say of the URL, and the credentials that it may have. `login` is that of the URL
    /// or of werf.yaml.
    pub fn new(base: String, login: Option<Login>, access: &Access, helpers: Helpers) -> Result<Self, RemoteError> {
        let set = |name: &str| (access.variable)(name).filter(|value| !value.is_empty());
        let setting = |key| access.settings.http(&base, key);
        let is_off = |value: String| matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0" | "");
        let is_unchecked = set("GIT_SSL_NO_VERIFY").is_some() || setting("sslVerify").is_some_and(is_off);
        let authorities = match set("GIT_SSL_CAINFO").or_else(|| setting("sslCAInfo").filter(|path| !path.is_empty())) {
            Some(path) => {
                let unreadable = |error| RemoteError::Settings { problem: format!("the authorities of http.sslCAInfo, `{path}`: {error}") };
                Some(std::fs::read(access.at_home(&path)).map_err(unreadable)?.into())
            }
            None => None,
        };
        let identity = match access.credentials {
            Credentials::None => None,
            Credentials::All | Credentials::OfHost => {
                identity(access, set("GIT_SSL_CERT").or_else(|| setting("sslCert")), || set("GIT_SSL_KEY").or_else(|| setting("sslKey")))?
            }
        };
        let tls = Tls { verify: if is_unchecked { Verify::Nothing } else { Verify::System }, authorities, identity };
        let proxies = match setting("proxy") {
            // an empty one means none
            Some(proxy) => Proxies { http: Some(proxy.clone()), https: Some(proxy), direct: access.proxies.direct.clone() },
            None => access.proxies.clone(),
        };
        let headers = HeaderMap::new();
        let is_named = access.credentials == Credentials::OfHost;
        let mut http = Http {
            transport: Transport::new(tls, proxies).telling(&access.events),
            base,
            headers,
            login,
            helped: false,
            helpers: None,
            silence: access.silence,
        };
        if access.credentials != Credentials::None {
            for (name, value) in access.settings.http_all(&http.base, "extraHeader", is_named).iter().filter_map(|line| header_line(line)) {
                http.headers.append(name, value);
            }
            http.login = http.login.or_else(|| super::credentials::netrc(&http.base, &access.netrc()?, is_named));
            http.helpers = Some(helpers);
        }
        Ok(http)
    }

    /// The first request: the server's greeting.
    pub async fn discover(&mut self) -> Result<Answer, RemoteError> {
        let answer = self.ask(Method::GET, DISCOVERY, None, Vec::new()).await?;
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-git-upload-pack-advertisement") {
            let kind = if kind.is_empty() { "nothing of a kind".to_owned() } else { format!("`{}`", printable(kind)) };
            return Err(RemoteError::NotGit { url: shown(&self.base), problem: format!("it answers {kind}, not a Git server's greeting") });
        }
        Ok(answer)
    }

    /// One request of the protocol.
    pub async fn post(&mut self, body: Vec<u8>) -> Result<Answer, RemoteError> {
        let kinds = ["application/x-git-upload-pack-request", "application/x-git-upload-pack-result"];
        self.ask(Method::POST, "/git-upload-pack", Some(kinds), body).await
    }

    /// One request of Git LFS, whose server is the base, with headers that it wants.
    pub async fn batch(&mut self, body: Vec<u8>, headers: &HeaderMap) -> Result<Answer, RemoteError> {
        headers.iter().for_each(|(name, value)| drop(self.headers.insert(name, value.clone())));
        self.ask(Method::POST, "/objects/batch", Some(["application/vnd.git-lfs+json"; 2]), body).await
    }

    /// A file that the server named, with the headers that it wants for it. Its own login goes to its own host alone.
    pub async fn download(&self, url: &str, headers: HeaderMap) -> Result<Answer, RemoteError> {
        let (mut url, mut headers) = (url.to_owned(), headers);
        for _ in 0..=REDIRECTS {
            let mut all =
                if origin(&url) == origin(&self.base) { self.request(&Method::GET, "", None, &[]).headers } else { HeaderMap::new() };
            all.extend(headers.clone());
            let request = Request {
                doing: "download a file of Git LFS".into(),
                method: Method::GET,
                url: url.clone(),
                headers: all,
                body: Vec::new().into(),
                timeout: self.silence,
                limit: usize::MAX,
            };
            let answer = self.open(&request).await.map_err(|failure| failed(&shown(&url), failure, self.silence))?;
            match answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) {
                Some(location) if answer.status.is_redirection() => {
                    let next = resolve(&url, location);
                    if url.starts_with("https:") && !next.starts_with("https:") {
                        let problem = format!("the server sends from HTTPS to `{}`", shown(&next));
                        return Err(RemoteError::NotGit { url: shown(&url), problem });
                    }
                    if origin(&next) != origin(&url) {
                        headers.clear();
                    }
                    url = next;
                }
                _ if answer.status == StatusCode::OK => return Ok(answer),
                _ => return Err(self.refusal(&url, answer).await),
            }
        }
        Err(RemoteError::NotGit { url: shown(&url), problem: "the server sends from place to place".into() })
    }

    async fn ask(&mut self, method: Method, suffix: &str, kinds: Option<[&'static str; 2]>, body: Vec<u8>) -> Result<Answer, RemoteError> {
        for _ in 0..=REDIRECTS {
            let request = self.request(&method, suffix, kinds, &body);
            let answer = self.open(&request).await.map_err(|failure| failed(&shown(&self.base), failure, self.silence))?;
            match answer.status {
                StatusCode::OK => {
                    if let (Some(login), Some(helpers), true) = (&self.login, &self.helpers, std::mem::take(&mut self.helped)) {
                        helpers.tell(&self.base, login, true).await;
                    }
                    return Ok(answer);
                }
                status if status.is_redirection() && method == Method::GET => self.follow(&request.url, &answer)?,
                StatusCode::UNAUTHORIZED if self.is_helped().await => {}
                _ => return Err(self.refusal(&self.base, answer).await),
            }
        }
        Err(RemoteError::NotGit { url: shown(&self.base), problem: "the server sends from place to place".into() })
    }

    /// Every request of these protocols only reads, and may be made twice.
    async fn open(&self, request: &Request) -> Result<Answer, Failure> {
        self.transport.open_patiently(request, Patience { timeout: self.silence, budget: self.silence, ..Patience::default() }).await
    }

    /// `kinds` are those of the body and of the answer.
    fn request(&self, method: &Method, suffix: &str, kinds: Option<[&'static str; 2]>, body: &[u8]) -> Request {
        let mut headers = self.headers.clone();
        let fixed = [(header::USER_AGENT, "git/werf"), (HeaderName::from_static("git-protocol"), "version=2")];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some([sent, wanted]) = kinds {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(sent));
            headers.insert(header::ACCEPT, HeaderValue::from_static(wanted));
        }
        if let Some(login) = &self.login {
            let encoded = format!("{}:{}", login.username, login.password.as_deref().unwrap_or_default());
            let encoded = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(encoded));
            if let Ok(mut value) = HeaderValue::from_str(&encoded) {
                value.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, value);
            }
        }
        let (url, body) = (format!("{}{suffix}", self.base), body.to_vec().into());
        let doing = format!("fetch from `{}`", shown(&self.base));
        Request { doing, method: method.clone(), url, headers, body, timeout: self.silence, limit: usize::MAX }
    }

    /// Goes where the server sends us. A login and headers stay with the host that they are for.
    fn follow(&mut self, asked: &str, answer: &Answer) -> Result<(), RemoteError> {
        let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let target = resolve(asked, location);
        let problem = |problem: String| RemoteError::NotGit { url: shown(&self.base), problem };
        let Some(base) = target.strip_suffix(DISCOVERY).filter(|base| base.starts_with("http://") || base.starts_with("https://")) else {
            return Err(problem(format!("the server sends to `{}`", shown(&target))));
        };
        if self.base.starts_with("https:") && base.starts_with("http:") {
            return Err(problem(format!("the server sends from HTTPS to `{}`", shown(base))));
        }
        if origin(base) != origin(&self.base) && !is_upgrade(origin(&self.base), origin(base)) {
            self.login = None;
            self.headers.clear();
        }
        self.base = base.to_owned();
        Ok(())
    }

    /// Whether a helper knows a login, after the server asked for one.
    async fn is_helped(&mut self) -> bool {
        let Some(helpers) = &self.helpers else { return false };
        if self.helped {
            if let Some(login) = &self.login {
                helpers.tell(&self.base, login, false).await;
            }
            self.helped = false;
            return false;
        }
        if self.login.as_ref().is_some_and(|login| login.password.is_some()) {
            return false;
        }
        let username = self.login.as_ref().map(|login| login.username.clone());
        match helpers.fill(&self.base, username.as_deref()).await {
            Some(login) => {
                self.login = Some(login);
                self.helped = true;
                true
            }
            None => false,
        }
    }

    async fn refusal(&self, url: &str, mut answer: Answer) -> RemoteError {
        let (url, status) = (shown(url), answer.status);
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut said = String::new();
        if kind.starts_with("text/plain")
            && let Ok(Ok(Some(piece))) = tokio::time::timeout(self.silence, answer.piece()).await
        {
            let text = printable(&String::from_utf8_lossy(&piece[..piece.len().min(300)]));
            said = if text.is_empty() { text } else { format!(": {}", self.without_secrets(text)) };
        }
        match status {
            StatusCode::UNAUTHORIZED => RemoteError::Unauthorized { url, said },
            StatusCode::FORBIDDEN => RemoteError::Forbidden { url, said },
            StatusCode::NOT_FOUND | StatusCode::GONE => RemoteError::NotFound { url, said },
            status => RemoteError::Status { url, status: status.to_string(), said },
        }
    }

    fn without_secrets(&self, text: String) -> String {
        let secrets = self.login.iter().flat_map(|login| login.password.as_deref().into_iter().chain([login.username.as_str()]));
        secrets.filter(|secret| secret.len() > 3).fold(text, |text, secret| text.replace(secret, "***"))
    }
}

/// The client's certificate and key, where the user names a certificate.
fn identity(access: &Access, certificate: Option<String>, key: impl Fn() -> Option<String>) -> Result<Option<Identity>, RemoteError> {
    let Some(certificate) = certificate.filter(|path| !path.is_empty()) else { return Ok(None) };
    let read = |path: &str| {
        let unreadable = |error| RemoteError::Settings { problem: format!("the client's certificate of http.sslCert, `{path}`: {error}") };
        std::fs::read(access.at_home(path)).map(Arc::from).map_err(unreadable)
    };
    let key = key().filter(|path| !path.is_empty()).unwrap_or_else(|| certificate.clone());
    Ok(Some(Identity { certificate: read(&certificate)?, key: read(&key)? }))
}

/// The same host by HTTPS.
fn is_upgrade(from: &str, to: &str) -> bool {
    matches!((from.strip_prefix("http://"), to.strip_prefix("https://")), (Some(from), Some(to)) if from == to)
}

/// `Name: value`, never printed.
pub(super) fn header_line(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
}

/// There was no answer.
pub(super) fn failed(url: &str, failure: Failure, silence: Duration) -> RemoteError {
    let url = url.to_owned();
    match failure {
        Failure::Unreachable(cause) => RemoteError::Unreachable { url, problem: cause.to_string() },
        Failure::Broken(cause) => RemoteError::Broken { url, problem: cause.to_string() },
        Failure::Certificate(cause) => RemoteError::Certificate { url, problem: cause.to_string() },
        Failure::NotTls(_) => RemoteError::NotGit { url, problem: "it does not speak TLS".into() },
        Failure::NotHttp(_) => RemoteError::NotGit { url, problem: "it does not speak HTTP".into() },
        Failure::TimedOut => RemoteError::TimedOut { url, seconds: silence.as_secs() },
        Failure::Unusable(problem) => RemoteError::NotGit { url, problem },
    }
}
