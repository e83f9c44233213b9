//! Who we are to a registry: what Docker's `config.json` and the helper programs that it names have.
//!
//! Reads `auths` (with identity and registry tokens), `credHelpers` and `credsStore`. Where the file is, is the caller's to say. Nothing
//! is asked before a registry wants credentials, and then once per host.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::helper;
use super::reference::{DEFAULT_REGISTRY, Repository};

/// The key under which Docker keeps the credentials of `docker.io`.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A text that prints as `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// Gives the text out, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a registry or its token service is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing is known for the host.
    #[default]
    Anonymous,
    /// A user and a password.
    Basic {
        /// User name.
        username: String,
        /// Password or access token.
        password: Secret,
    },
    /// An OAuth2 refresh token, to be exchanged at the token service.
    IdentityToken(Secret),
    /// A bearer token that is used as it is.
    RegistryToken(Secret),
}

impl Credentials {
    /// Who this is, for messages: never a secret.
    pub fn who(&self) -> String {
        match self {
            Credentials::Anonymous => "nobody".into(),
            Credentials::Basic { username, .. } => format!("user `{username}`"),
            Credentials::IdentityToken(_) => "the owner of an identity token".into(),
            Credentials::RegistryToken(_) => "the owner of a registry token".into(),
        }
    }
}

/// Docker's configuration file, as far as it tells credentials. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DockerConfig(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    path: Option<PathBuf>,
    auths: BTreeMap<String, Credentials>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
    any: Option<Credentials>,
    otherwise: Option<DockerConfig>,
}

/// A `config.json` as it is written.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawConfig {
    #[serde(deserialize_with = "or_none")]
    auths: BTreeMap<String, RawAuth>,
    #[serde(deserialize_with = "or_none")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_none")]
    creds_store: String,
}

/// To Docker null is as good as nothing.
fn or_none<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase", default)]
struct RawAuth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl RawConfig {
    /// Reads a file; one that is not there is an empty one.
    pub(super) fn load(path: &Path) -> Result<Self, CredentialsError> {
        parse(&read(path)?, path)
    }

    /// The same with all that is in it.
    pub(super) fn load_whole(path: &Path) -> Result<Map<String, Value>, CredentialsError> {
        let bytes = read(path)?;
        parse::<RawConfig>(&bytes, path)?;
        parse(&bytes, path)
    }

    /// The helper program that keeps the credentials for a host.
    pub(super) fn helper_for(&self, host: &str) -> Option<&str> {
        let own = self.cred_helpers.iter().find(|(key, _)| normal_key(key) == normal_key(host)).map(|(_, helper)| helper);
        own.or(Some(&self.creds_store)).map(String::as_str).filter(|helper| !helper.is_empty())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| CredentialsError::Unreadable { path: path.to_owned(), source: error }),
    }
}

fn parse<T: for<'de> Deserialize<'de> + Default>(bytes: &[u8], path: &Path) -> Result<T, CredentialsError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(bytes).map_err(|error| CredentialsError::Malformed { path: path.to_owned(), source: error })
}

impl DockerConfig {
    /// Reads a `config.json`; a file that is not there is an empty one.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        DockerConfig::parse(&read(path)?, path)
    }

    /// Parses the bytes of a `config.json` that came from `path`.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, CredentialsError> {
        let raw: RawConfig = parse(bytes, path)?;
        let mut auths = BTreeMap::new();
        for (key, auth) in raw.auths {
            let credentials =
                auth.credentials().ok_or_else(|| CredentialsError::MalformedAuth { path: path.to_owned(), key: key.clone() })?;
            if credentials != Credentials::Anonymous {
                auths.insert(normal_key(&key), credentials);
            }
        }
        let helpers = raw.cred_helpers.into_iter().map(|(key, helper)| (normal_key(&key), helper)).collect();
        let store = Some(raw.creds_store).filter(|store| !store.is_empty());
        Ok(DockerConfig(Arc::new(Inner { path: Some(path.to_owned()), auths, helpers, store, ..Inner::default() })))
    }

    /// The same, where another configuration is asked for hosts that this one knows nothing of.
    pub fn or(self, otherwise: DockerConfig) -> Self {
        let Inner { path, auths, helpers, store, .. } = &*self.0;
        let (path, auths, helpers, store) = (path.clone(), auths.clone(), helpers.clone(), store.clone());
        DockerConfig(Arc::new(Inner { path, auths, helpers, store, otherwise: Some(otherwise), ..Inner::default() }))
    }

    /// One login for every host.
    pub fn everywhere(username: &str, password: Secret) -> Self {
        let login = Credentials::Basic { username: username.to_owned(), password };
        DockerConfig(Arc::new(Inner { any: Some(login), ..Inner::default() }))
    }

    /// Where the configuration came from, for messages.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The credentials for a registry's host, such as `docker.io` or `127.0.0.1:5000`. May run a helper program. `anew` reads the
    /// files once more, which others may have renewed.
    pub async fn credentials_for(&self, host: &str, anew: bool) -> Result<Credentials, CredentialsError> {
        self.or_renewed(&normal_key(host), "", anew).await
    }

    /// The credentials for a repository: an entry for a part of its path is preferred to one for its whole host.
    pub async fn credentials_for_repository(&self, repository: &Repository, anew: bool) -> Result<Credentials, CredentialsError> {
        self.or_renewed(repository.registry(), repository.path(), anew).await
    }

    async fn or_renewed(&self, host: &str, path: &str, anew: bool) -> Result<Credentials, CredentialsError> {
        let Some(renewed) = self.renewed().filter(|_| anew) else { return self.look_up(host, path).await };
        match renewed.look_up(host, path).await? {
            // whoever logs out while we work does not log us out; a helper has been asked just now
            Credentials::Anonymous if self.0.store.is_none() && self.0.helpers.is_empty() => self.look_up(host, path).await,
            found => Ok(found),
        }
    }

    /// The same files as they are now; `None` where there is none that can be read.
    fn renewed(&self) -> Option<DockerConfig> {
        let own = self.path().filter(|path| path.exists()).and_then(|path| DockerConfig::load(path).ok())?;
        Some(match &self.0.otherwise {
            Some(otherwise) => own.or(otherwise.renewed().unwrap_or_else(|| otherwise.clone())),
            None => own,
        })
    }

    async fn look_up(&self, host: &str, path: &str) -> Result<Credentials, CredentialsError> {
        let Inner { auths, helpers, store, any, .. } = &*self.0;
        if let Some(any) = any {
            return Ok(any.clone());
        }
        if let Some(helper) = helpers.get(host).filter(|helper| !helper.is_empty()) {
            return helper::get(helper, host).await;
        }
        let mut key = if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") };
        loop {
            if let Some(credentials) = auths.get(&key) {
                return Ok(credentials.clone());
            }
            match key.rfind('/') {
                Some(end) => key.truncate(end),
                None => break,
            }
        }
        let found = match store {
            Some(helper) => helper::get(helper, host).await?,
            None => Credentials::Anonymous,
        };
        match &self.0.otherwise {
            Some(otherwise) if found == Credentials::Anonymous => Box::pin(otherwise.look_up(host, path)).await,
            _ => Ok(found),
        }
    }
}

impl RawAuth {
    /// `None` where `auth` is not base64 of `user:password`.
    fn credentials(self) -> Option<Credentials> {
        if !self.registrytoken.is_empty() {
            return Some(Credentials::RegistryToken(Secret::new(self.registrytoken)));
        }
        if !self.identitytoken.is_empty() {
            return Some(Credentials::IdentityToken(Secret::new(self.identitytoken)));
        }
        if !self.username.is_empty() {
            return Some(Credentials::Basic { username: self.username, password: Secret::new(self.password) });
        }
        if self.auth.is_empty() {
            return Some(Credentials::Anonymous);
        }
        let engine = base64::engine::GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            base64::engine::GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
        );
        let decoded = String::from_utf8(engine.decode(self.auth.trim()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        // Docker for Windows pads passwords with NUL bytes.
        Some(Credentials::Basic { username: username.to_owned(), password: Secret::new(password.trim_end_matches('\0')) })
    }
}

/// Brings the spellings of a registry in `config.json` to `host[:port][/path]`.
pub(super) fn normal_key(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    match bare {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY.to_owned(),
        other => other.to_owned(),
    }
}

/// The name under which Docker keeps a registry's login.
pub(super) fn docker_key(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB_KEY,
        other => other,
    }
}

/// Credentials could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CredentialsError {
    /// The file is there and cannot be read.
    #[error("cannot read the registry credentials in {}", path.display())]
    #[diagnostic(help("make the file readable, or name another directory with DOCKER_CONFIG"))]
    Unreadable {
        /// The configuration file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what Docker writes.
    #[error("the registry credentials in {} are not a Docker configuration", path.display())]
    #[diagnostic(help("the file is JSON with `auths`, `credHelpers` and `credsStore`, as `docker login` writes it"))]
    Malformed {
        /// The configuration file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file cannot be changed.
    #[error("cannot change the registry credentials in {}", path.display())]
    #[diagnostic(help("make the file's directory writable, or name another one for credentials"))]
    Unwritable {
        /// The configuration file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An entry's `auth` is not base64 of `user:password`.
    #[error("the credentials of `{key}` in {} are unreadable: `auth` is not base64 of `user:password`", path.display())]
    #[diagnostic(help("log in again with `werf cr login {key}`"))]
    MalformedAuth {
        /// The configuration file.
        path: PathBuf,
        /// The entry.
        key: String,
    },
    /// The helper program is not there.
    #[error("cannot run `{program}`, which is configured to keep the credentials of registry `{host}`")]
    #[diagnostic(help("put `{program}` on PATH, or remove it from `credHelpers` and `credsStore` and log in again"))]
    HelperMissing {
        /// The program.
        program: String,
        /// The registry.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// The helper program did not keep or forget a login.
    #[error("`{program} {verb}` failed for registry `{host}`: {reason}")]
    #[diagnostic(help("see that its store is open, or remove it from `credHelpers` and `credsStore`: then logins are kept in the file"))]
    HelperRefused {
        /// The program.
        program: String,
        /// `store` or `erase`.
        verb: String,
        /// The registry.
        host: String,
        /// What it said.
        reason: String,
    },
    /// The helper program gave no answer.
    #[error("`{program}` gave no credentials for registry `{host}`: {reason}")]
    #[diagnostic(help("run `echo {host} | {program} get` to see what it says, then log in again"))]
    HelperFailed {
        /// The program.
        program: String,
        /// The registry.
        host: String,
        /// What it said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<DockerConfig, CredentialsError> {
        DockerConfig::parse(text.as_bytes(), Path::new("/home/me/.docker/config.json"))
    }

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.into(), password: Secret::new(password) }
    }

    #[tokio::test]
    async fn entries_are_found_under_every_spelling() {
        let config = config(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOnB3"},
                "https://r.io/v2/": {"auth": "cjpwOnc="},
                "plain.io:5000": {"username": "u", "password": "p"},
                "token.io": {"auth": "eDp5", "identitytoken": "refresh"},
                "bearer.io": {"registrytoken": "ready"},
                "r.io/team": {"auth": "dGVhbTpwdw"},
                "empty.io": {}
            }}"#,
        )
        .unwrap();
        for (name, expect) in [
            ("nginx", basic("hub", "pw")),
            ("r.io/other/app", basic("r", "p:w")),
            ("r.io/team/app", basic("team", "pw")),
            ("r.io/teamwork/app", basic("r", "p:w")),
            ("plain.io:5000/app", basic("u", "p")),
            ("plain.io/app", Credentials::Anonymous),
            ("token.io/app", Credentials::IdentityToken(Secret::new("refresh"))),
            ("bearer.io/app", Credentials::RegistryToken(Secret::new("ready"))),
            ("empty.io/app", Credentials::Anonymous),
        ] {
            let repository = Repository::parse(name).unwrap();
            assert_eq!(config.credentials_for_repository(&repository, false).await.unwrap(), expect, "{name}");
        }
        assert_eq!(config.credentials_for("registry-1.docker.io", false).await.unwrap(), basic("hub", "pw"));
    }

    #[test]
    fn secrets_never_print() {
        let config =
            config(r#"{"auths": {"r.io": {"username": "u", "password": "hidden"}, "t.io": {"identitytoken": "hidden"}}}"#).unwrap();
        let printed = format!("{config:?} {}", Secret::new("hidden"));
        assert!(!printed.contains("hidden") && printed.contains("***"), "{printed}");
    }

    #[test]
    fn wrong_files_say_where() {
        let cases = [
            ("{", "the registry credentials in /home/me/.docker/config.json are not a Docker configuration"),
            (r#"{"auths": []}"#, "the registry credentials in /home/me/.docker/config.json are not a Docker configuration"),
            (
                r#"{"auths": {"r.io": {"auth": "!!"}}}"#,
                "the credentials of `r.io` in /home/me/.docker/config.json are unreadable: `auth` is not base64 of `user:password`",
            ),
        ];
        for (text, expect) in cases {
            assert_eq!(config(text).unwrap_err().to_string(), expect);
        }
    }

    #[tokio::test]
    async fn logins_that_others_renew_are_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        let write = |password: &str| {
            std::fs::write(&file, format!(r#"{{"auths": {{"r.io": {{"username": "u", "password": "{password}"}}}}}}"#)).unwrap();
        };
        write("old");
        let config = DockerConfig::load(&file).unwrap();
        write("new");
        assert_eq!(config.credentials_for("r.io", false).await.unwrap(), basic("u", "old"));
        assert_eq!(config.credentials_for("r.io", true).await.unwrap(), basic("u", "new"));
        for text in ["{", "{}"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(config.credentials_for("r.io", true).await.unwrap(), basic("u", "old"), "{text}");
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(config.credentials_for("r.io", true).await.unwrap(), basic("u", "old"));
    }

    #[tokio::test]
    async fn configurations_are_asked_one_after_the_other() {
        let first = config(r#"{"auths": {"a.io": {"username": "a", "password": "1"}}}"#).unwrap();
        let second =
            config(r#"{"auths": {"a.io": {"username": "x", "password": "2"}, "b.io": {"username": "b", "password": "3"}}}"#).unwrap();
        let both = first.or(second);
        for (host, expect) in [("a.io", basic("a", "1")), ("b.io", basic("b", "3")), ("c.io", Credentials::Anonymous)] {
            assert_eq!(both.credentials_for(host, false).await.unwrap(), expect, "{host}");
        }
        assert_eq!(DockerConfig::everywhere("u", Secret::new("p")).credentials_for("c.io", false).await.unwrap(), basic("u", "p"));
    }

    #[tokio::test]
    async fn a_missing_file_knows_nobody() {
        let config = DockerConfig::load(Path::new("/nonexistent/config.json")).unwrap();
        assert_eq!(config.credentials_for("r.io", false).await.unwrap(), Credentials::Anonymous);
    }

    #[tokio::test]
    async fn a_missing_helper_is_named() {
        let config = config(r#"{"credHelpers": {"r.io": "surely-absent"}}"#).unwrap();
        let error = config.credentials_for("r.io", false).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot run `docker-credential-surely-absent`, which is configured to keep the credentials of registry `r.io`"
        );
    }
}
