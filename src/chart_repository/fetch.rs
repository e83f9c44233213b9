//! Gets a file over HTTP: logins, redirects and patience.
//!
//! A login is shown to the repository's own host and to no other, unless the user wants it to be shown everywhere.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Bytes;

use super::error::FetchError;
use super::url::split_login;
use crate::event::Events;
use crate::net::{
    Failure, Identity, Patience, Proxies, Reply, Request, Setback, Tls, Transport, Tries, Verify, host, origin, redact, resolve,
};
use crate::registry::Secret;
use crate::registry::error::{Exchange, server_message};

const MAX_REDIRECTS: usize = 10;
/// The longest file that is read, in bytes: indexes of big repositories have some ten million.
const MAX_FILE: usize = 256 << 20;

/// How a repository is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// As whom.
    pub login: Option<Login>,
    /// Hosts that the repository points to see the login too.
    pub everywhere: bool,
    /// How TLS proves who is who.
    pub tls: TlsFiles,
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Files and switches of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// Authorities instead of the system's, PEM.
    pub authorities: Option<PathBuf>,
    /// Our certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// Any certificate of the server is fine.
    pub skip_verify: bool,
}

impl TlsFiles {
    /// Reads the files. The error names the one that cannot be read.
    pub fn read(&self) -> Result<Tls, FetchError> {
        let file = |path: &PathBuf| {
            let bytes = std::fs::read(path);
            bytes.map(Arc::<[u8]>::from).map_err(|cause| FetchError::TlsFile { path: path.clone(), cause: Arc::new(cause) })
        };
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate: file(certificate)?, key: file(key)? }),
            _ => None,
        };
        Ok(Tls {
            verify: if self.skip_verify { Verify::Nothing } else { Verify::System },
            authorities: self.authorities.as_ref().map(file).transpose()?,
            identity,
        })
    }
}

/// The connections to repositories. One for a process.
#[derive(Debug, Default)]
pub struct Fetcher {
    transports: Mutex<HashMap<TlsFiles, Arc<Transport>>>,
    patience: Patience,
    proxies: Proxies,
    events: Events,
}

impl Fetcher {
    /// A fetcher that waits this long, and tells by these events what takes long; opens nothing.
    pub fn new(patience: Patience, proxies: Proxies, events: &Events) -> Self {
        Fetcher { transports: Mutex::default(), patience, proxies, events: events.lent() }
    }

    /// Gets a file. `doing` is what it is for, as `download chart …`; `home` is the URL of the repository that the login belongs to.
    pub async fn get(&self, doing: &str, url: &str, home: &str, access: &Access) -> Result<Bytes, FetchError> {
        let (url, own_login) = split_login(url);
        let (home, home_login) = split_login(home);
        let login = access.login.clone().or_else(|| {
            let written = own_login.or(home_login);
            written.map(|(username, password)| Login { username, password: Secret::new(password) })
        });
        let asked = Asked { doing, home: &home, login: login.as_ref(), everywhere: access.everywhere };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(FetchError::NotHttp { doing: doing.to_owned(), url: redact(&url) });
        }
        let transport = self.transport(&access.tls)?;
        let mut tries = Tries::new(self.patience, false);
        loop {
            let timeout = tries.begin(0);
            let (pause, place, why) = match self.follow(&transport, &asked, &url, timeout).await {
                Ok((reply, _)) if reply.status == StatusCode::OK => return Ok(reply.body),
                Ok((reply, place)) => match tries.pause_after(Setback::Answer(reply.status, &reply.headers)) {
                    Some(pause) => (pause, place, reply.status.to_string()),
                    None => return Err(asked.refused(&reply, &place, tries.made())),
                },
                Err((failure, place)) => match tries.pause_after(Setback::Failure(&failure)) {
                    Some(pause) => (pause, place, failure.to_string()),
                    None => return Err(asked.failed(failure, &place, tries.made(), self.patience.timeout)),
                },
            };
            transport.slow().again(host(&place), doing, &why, pause);
            tokio::time::sleep(pause).await;
        }
    }

    /// One try, with its redirects; also says where it ended.
    async fn follow(
        &self,
        transport: &Transport,
        asked: &Asked<'_>,
        url: &str,
        timeout: Duration,
    ) -> Result<(Reply, String), (Failure, String)> {
        let mut place = url.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let request = Request {
                doing: asked.doing.to_owned(),
                method: Method::GET,
                url: place.clone(),
                headers: asked.headers(&place),
                body: Bytes::new(),
                timeout,
                limit: MAX_FILE,
            };
            let reply = transport.exchange(&request).await.map_err(|failure| (failure, place.clone()))?;
            let location = reply.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
            match (reply.status.as_u16(), location) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => place = resolve(&place, location),
                _ => return Ok((reply, place)),
            }
        }
        Err((Failure::Unusable(format!("it redirects more than {MAX_REDIRECTS} times")), place))
    }

    fn transport(&self, files: &TlsFiles) -> Result<Arc<Transport>, FetchError> {
        let mut transports = self.transports.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(transport) = transports.get(files) {
            return Ok(transport.clone());
        }
        let transport = Arc::new(Transport::new(files.read()?, self.proxies.clone()).telling(&self.events));
        transports.insert(files.clone(), transport.clone());
        Ok(transport)
    }
}

struct Asked<'a> {
    doing: &'a str,
    home: &'a str,
    login: Option<&'a Login>,
    everywhere: bool,
}

impl Asked<'_> {
    fn headers(&self, url: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("werf/", env!("CARGO_PKG_VERSION"))));
        if let Some(Login { username, password }) = self.shown_to(url) {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{}", password.reveal()));
            let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).unwrap_or(HeaderValue::from_static(""));
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        headers
    }

    fn shown_to(&self, url: &str) -> Option<&Login> {
        self.login.filter(|_| self.everywhere || origin(url) == origin(self.home))
    }

    fn refused(&self, reply: &Reply, place: &str, tries: u32) -> FetchError {
        let exchange =
            Box::new(Exchange { method: "GET".into(), url: redact(place), status: reply.status, said: server_message(&reply.body), tries });
        let (doing, host) = (self.doing.to_owned(), host(place).to_owned());
        match (reply.status, self.shown_to(place)) {
            (StatusCode::UNAUTHORIZED, None) if self.login.is_some() => {
                FetchError::LoginKept { doing, host, home: redact(self.home), exchange }
            }
            (StatusCode::UNAUTHORIZED, None) => FetchError::LoginRequired { doing, host, exchange },
            (StatusCode::UNAUTHORIZED, Some(login)) => FetchError::LoginRefused { doing, host, username: login.username.clone(), exchange },
            (StatusCode::FORBIDDEN, _) => FetchError::Forbidden { doing, host, exchange },
            (StatusCode::NOT_FOUND | StatusCode::GONE, _) => FetchError::NotFound { doing, host, exchange },
            (status, _) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                FetchError::ServerFailed { doing, host, exchange }
            }
            _ => FetchError::Rejected { doing, host, exchange },
        }
    }

    fn failed(&self, failure: Failure, place: &str, tries: u32, timeout: Duration) -> FetchError {
        let (doing, host) = (self.doing.to_owned(), host(place).to_owned());
        match failure {
            Failure::Unreachable(source) => FetchError::Unreachable { doing, host, source },
            Failure::Broken(source) => FetchError::Broken { doing, host, tries, source },
            Failure::NotTls(source) => FetchError::PlainHttp { doing, host, source },
            Failure::NotHttp(source) => FetchError::Https { doing, host, source },
            Failure::Certificate(source) => FetchError::Certificate { doing, host, source },
            Failure::TimedOut => FetchError::TimedOut { doing, host, seconds: timeout.as_secs(), tries },
            Failure::Unusable(problem) => FetchError::Unusable { doing, host, problem },
        }
    }
}
