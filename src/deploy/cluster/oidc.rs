//! Tokens of an OpenID Connect provider: `auth-provider` with the name `oidc` of a kubeconfig's user.
//!
//! A token that has expired is renewed by the refresh token (OpenID Connect Core, §12), at the endpoint that the provider's metadata name
//! (Discovery, §4). What came is written into the kubeconfig as kubectl does: many providers take a refresh token once only, and whoever
//! uses the file next needs the new one. The kube library does neither that, nor know clients without a secret, authorities and proxies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use kube::config::AuthProviderConfig;
use serde_json::Value;
use tokio::sync::Mutex;

use super::authorization::{bearer, sensitive};
use super::error::ClusterError;
use crate::event::{Event, Events};
use crate::net::{Proxies, Reply, Request, Tls, Transport};
use crate::words::percent::{form_encoded, percent_encoded};
use crate::{private_file, yaml};

/// How long the provider may think.
const PATIENCE: Duration = Duration::from_secs(20);

/// A token counts as expired so long before it is.
const MARGIN: i64 = 10;

/// The longest answer of a provider, in bytes.
const LONGEST: usize = 1 << 20;

/// How often, and with which pause, somebody else's lock of a kubeconfig is looked at.
const LOCK_TRIES: (u32, Duration) = (20, Duration::from_millis(50));

/// A login at a provider. Clones share it.
#[derive(Clone)]
pub(super) struct Oidc(Arc<Inner>);

struct Inner {
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    place: Option<Place>,
    transport: Transport,
    events: Events,
    tokens: Mutex<Tokens>,
}

/// Where the tokens come from.
pub(super) struct Place {
    /// The kubeconfig.
    pub path: PathBuf,
    /// The user's name in it.
    pub user: String,
}

struct Tokens {
    id: String,
    refresh: Option<String>,
}

impl Oidc {
    /// Reads the settings of a user; nothing is sent.
    pub fn new(config: &AuthProviderConfig, place: Option<Place>, proxies: Proxies, events: &Events) -> Result<Oidc, ClusterError> {
        let setting = |name: &str| config.config.get(name).filter(|value| !value.is_empty()).cloned();
        let issuer = setting("idp-issuer-url").unwrap_or_default();
        let bad = |message: String| failure(&issuer, message);
        let authorities = match (setting("idp-certificate-authority-data"), setting("idp-certificate-authority")) {
            (Some(data), _) => Some(STANDARD.decode(data).map_err(|_| bad("idp-certificate-authority-data is not base64".into()))?),
            (None, Some(path)) => Some(fs::read(&path).map_err(|error| bad(format!("cannot read {path}: {error}")))?),
            (None, None) => None,
        };
        let tls = Tls { authorities: authorities.map(Into::into), ..Tls::default() };
        let tokens = Tokens { id: setting("id-token").unwrap_or_default(), refresh: setting("refresh-token") };
        Ok(Oidc(Arc::new(Inner {
            client_id: setting("client-id").unwrap_or_default(),
            client_secret: setting("client-secret"),
            place,
            transport: Transport::new(tls, proxies).telling(events),
            events: events.lent(),
            tokens: Mutex::new(tokens),
            issuer,
        })))
    }

    /// The header for a request; a token that has expired is renewed before.
    pub async fn token(&self) -> Result<HeaderValue, ClusterError> {
        let mut tokens = self.0.tokens.lock().await;
        if is_over(&tokens.id) {
            self.0.renew(&mut tokens).await.map_err(|message| failure(&self.0.issuer, message))?;
        }
        bearer(&tokens.id).ok_or_else(|| failure(&self.0.issuer, "the token has characters that no header may have".into()))
    }
}

impl Inner {
    async fn renew(&self, tokens: &mut Tokens) -> Result<(), String> {
        let refresh = tokens.refresh.as_deref().ok_or("the token has expired, and the kubeconfig has no refresh-token")?;
        let endpoint = self.endpoint().await?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let reply = match &self.client_secret {
            // public clients have nothing to prove
            None => self.post(&endpoint, &[&form[..], &[("client_id", &self.client_id)]].concat(), HeaderMap::new()).await?,
            // providers take the secret in a header or in the form, and some only the one or the other
            Some(secret) => {
                let mut headers = HeaderMap::new();
                let login = STANDARD.encode(format!("{}:{}", percent_encoded(&self.client_id), percent_encoded(secret)));
                headers.extend(sensitive(&format!("Basic {login}")).map(|value| (AUTHORIZATION, value)));
                match self.post(&endpoint, &form, headers).await? {
                    refused if refused.status.is_client_error() => {
                        let form = [&form[..], &[("client_id", &self.client_id), ("client_secret", secret)]].concat();
                        self.post(&endpoint, &form, HeaderMap::new()).await?
                    }
                    reply => reply,
                }
            }
        };
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if !reply.status.is_success() {
            let said = answer["error_description"].as_str().or_else(|| answer["error"].as_str()).unwrap_or_default();
            return Err(format!("the provider refuses to renew the token ({}){}", reply.status.as_u16(), after_colon(said)));
        }
        let id = answer["id_token"].as_str().ok_or("the provider's answer has no id_token")?;
        id.clone_into(&mut tokens.id);
        if let Some(next) = answer["refresh_token"].as_str() {
            tokens.refresh = Some(next.to_owned());
        }
        if let Some(place) = &self.place
            && let Err(error) = place.write(tokens)
        {
            self.events.emit(Event::Warned {
                message: format!("the renewed login could not be written into {}: {error}", place.path.display()),
                help: Some("the provider may take the old refresh-token no more: log in again before the file is used next".into()),
            });
        }
        Ok(())
    }

    /// Where tokens are renewed.
    async fn endpoint(&self) -> Result<String, String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let reply = self.exchange(Method::GET, &url, HeaderMap::new(), String::new()).await?;
        if !reply.status.is_success() {
            return Err(format!("{url} answers {}", reply.status));
        }
        let metadata: Value = serde_json::from_slice(&reply.body).map_err(|_| format!("{url} is no JSON"))?;
        let endpoint = metadata["token_endpoint"].as_str().ok_or_else(|| format!("{url} names no token_endpoint"))?;
        if self.issuer.starts_with("https:") && !endpoint.starts_with("https:") {
            return Err(format!("{url} names an endpoint that is not secure: {endpoint}"));
        }
        Ok(endpoint.to_owned())
    }

    async fn post(&self, url: &str, form: &[(&str, &str)], mut headers: HeaderMap) -> Result<Reply, String> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.exchange(Method::POST, url, headers, form_encoded(form)).await
    }

    async fn exchange(&self, method: Method, url: &str, headers: HeaderMap, body: String) -> Result<Reply, String> {
        let doing = format!("renew the login at {}", self.issuer);
        let request = Request { doing, method, url: url.into(), headers, body: body.into(), timeout: PATIENCE, limit: LONGEST };
        self.transport.exchange(&request).await.map_err(|failure| format!("{url}: {failure}"))
    }
}

impl Place {
    /// Writes tokens into the kubeconfig, under the lock that kubectl takes too.
    fn write(&self, tokens: &Tokens) -> io::Result<()> {
        let _lock = Locked::take(&self.path)?;
        let bad = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
        let node = yaml::parse(&fs::read_to_string(&self.path)?).map_err(|error| bad(error.to_string()))?;
        let mut config = yaml::to_json(&node).map_err(|error| bad(error.to_string()))?;
        let user = config["users"].as_array_mut().and_then(|users| users.iter_mut().find(|user| user["name"] == *self.user));
        let settings = user.and_then(|user| user.pointer_mut("/user/auth-provider/config")?.as_object_mut());
        let settings = settings.ok_or_else(|| bad(format!("it has no user `{}` with an auth-provider", self.user)))?;
        settings.insert("id-token".into(), tokens.id.clone().into());
        settings.extend(tokens.refresh.clone().map(|token| ("refresh-token".into(), token.into())));
        private_file::write(&self.path, yaml::emit(&config).as_bytes())
    }
}

/// The file that keeps kubectl from changing a kubeconfig meanwhile.
struct Locked(PathBuf);

impl Locked {
    fn take(path: &Path) -> io::Result<Locked> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        let (tries, pause) = LOCK_TRIES;
        let mut left = tries;
        loop {
            match fs::OpenOptions::new().write(true).create_new(true).open(&name) {
                Ok(_) => return Ok(Locked(name)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && left > 0 => {
                    left -= 1;
                    std::thread::sleep(pause);
                }
                Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", name.display()))),
            }
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether a token has expired, by its own words (RFC 7519, `exp`). One that does not say is for the server to judge; none is none.
fn is_over(token: &str) -> bool {
    if token.is_empty() {
        return true;
    }
    let claims = || -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let expires = claims().and_then(|claims| claims["exp"].as_f64());
    expires.is_some_and(|expires| (Timestamp::now().as_second() + MARGIN) as f64 >= expires)
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn failure(issuer: &str, message: String) -> ClusterError {
    ClusterError::Oidc { issuer: issuer.to_owned(), message }
}
