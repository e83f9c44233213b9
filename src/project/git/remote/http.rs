//! Git's smart HTTP (gitprotocol-http(5)) over [`crate::transport`]: who asks, where a server sends us, and what its refusals mean.

use std::time::Duration;

use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::address::{Login, shown};
use super::credentials::Helpers;
use super::error::RemoteError;
use super::settings::Settings;
use super::wire::printable;
use crate::transport::{Answer, Failure, Proxies, Request, Tls, Transport, Verify, origin, resolve};

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
    helpers: Helpers,
    silence: Duration,
}

impl Http {
    /// With what the user's configuration says of the URL. `login` is that of the URL or of werf.yaml.
    pub fn new(
        base: String,
        login: Option<Login>,
        settings: &Settings,
        proxies: &Proxies,
        helpers: Helpers,
        silence: Duration,
    ) -> Result<Self, RemoteError> {
        let is_off = |value: String| matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0" | "");
        let verify = if settings.http(&base, "sslVerify").is_some_and(is_off) { Verify::Nothing } else { Verify::System };
        let authorities = match settings.http(&base, "sslCAInfo").filter(|path| !path.is_empty()) {
            Some(path) => Some(
                std::fs::read(&path)
                    .map_err(|error| RemoteError::Settings { problem: format!("http.sslCAInfo `{path}`: {error}") })?
                    .into(),
            ),
            None => None,
        };
        let proxies = match settings.http(&base, "proxy") {
            // an empty one means none
            Some(proxy) => Proxies { http: Some(proxy.clone()), https: Some(proxy), direct: proxies.direct.clone() },
            None => proxies.clone(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in settings.http_all(&base, "extraHeader").iter().filter_map(|line| header_line(line)) {
            headers.append(name, value);
        }
        let transport = Transport::new(Tls { verify, authorities, identity: None }, proxies);
        Ok(Http { transport, base, headers, login, helped: false, helpers, silence })
    }

    /// The first request: the server's greeting.
    pub async fn discover(&mut self) -> Result<Answer, RemoteError> {
        let answer = self.ask(Method::GET, DISCOVERY, Vec::new()).await?;
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-git-upload-pack-advertisement") {
            let kind = if kind.is_empty() { "nothing of a kind".to_owned() } else { format!("`{}`", printable(kind)) };
            return Err(RemoteError::NotGit { url: shown(&self.base), problem: format!("it answers {kind}, not a Git server's greeting") });
        }
        Ok(answer)
    }

    /// One request of the protocol.
    pub async fn post(&mut self, body: Vec<u8>) -> Result<Answer, RemoteError> {
        self.ask(Method::POST, "/git-upload-pack", body).await
    }

    async fn ask(&mut self, method: Method, suffix: &str, body: Vec<u8>) -> Result<Answer, RemoteError> {
        for _ in 0..=REDIRECTS {
            let request = self.request(&method, suffix, &body);
            let answer = self.transport.open(&request).await.map_err(|failure| failed(&shown(&self.base), failure, self.silence))?;
            match answer.status {
                StatusCode::OK => {
                    if let Some(login) = self.login.as_ref().filter(|_| std::mem::take(&mut self.helped)) {
                        self.helpers.tell(&self.base, login, true).await;
                    }
                    return Ok(answer);
                }
                status if status.is_redirection() && method == Method::GET => self.follow(&request.url, &answer)?,
                StatusCode::UNAUTHORIZED if self.is_helped().await => {}
                _ => return Err(self.refusal(answer).await),
            }
        }
        Err(RemoteError::NotGit { url: shown(&self.base), problem: "the server sends from place to place".into() })
    }

    fn request(&self, method: &Method, suffix: &str, body: &[u8]) -> Request {
        let mut headers = self.headers.clone();
        let fixed = [(header::USER_AGENT, "git/werf"), (HeaderName::from_static("git-protocol"), "version=2")];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if method == Method::POST {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-git-upload-pack-request"));
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/x-git-upload-pack-result"));
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
        Request { method: method.clone(), url, headers, body, timeout: self.silence, limit: usize::MAX }
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
        if self.helped {
            if let Some(login) = &self.login {
                self.helpers.tell(&self.base, login, false).await;
            }
            self.helped = false;
            return false;
        }
        if self.login.as_ref().is_some_and(|login| login.password.is_some()) {
            return false;
        }
        let username = self.login.as_ref().map(|login| login.username.clone());
        match self.helpers.fill(&self.base, username.as_deref()).await {
            Some(login) => {
                self.login = Some(login);
                self.helped = true;
                true
            }
            None => false,
        }
    }

    async fn refusal(&self, mut answer: Answer) -> RemoteError {
        let (url, status) = (shown(&self.base), answer.status);
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

/// The same host by HTTPS.
fn is_upgrade(from: &str, to: &str) -> bool {
    matches!((from.strip_prefix("http://"), to.strip_prefix("https://")), (Some(from), Some(to)) if from == to)
}

/// `Name: value`, never printed.
fn header_line(line: &str) -> Option<(HeaderName, HeaderValue)> {
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
