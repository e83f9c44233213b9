//! Who we are to a registry: Docker's `config.json` and its credential helpers.
//!
//! Reads `auths` (with identity and registry tokens), `credHelpers` and `credsStore`; helpers are programs named
//! `docker-credential-NAME` that speak JSON over standard streams. Where the file is, is the caller's to say. Nothing is asked
//! before a registry wants credentials, and then once per host.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;

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

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawConfig {
    auths: BTreeMap<String, RawAuth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    #[serde(default)]
    username: String,
    secret: String,
}

impl DockerConfig {
    /// Reads a `config.json`; a file that is not there is an empty one.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        match std::fs::read(path) {
            Ok(bytes) => DockerConfig::parse(&bytes, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(DockerConfig(Arc::new(Inner { path: Some(path.to_owned()), ..Inner::default() })))
            }
            Err(error) => Err(CredentialsError::Unreadable { path: path.to_owned(), source: error }),
        }
    }

    /// Parses the bytes of a `config.json` that came from `path`.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, CredentialsError> {
        let raw: RawConfig =
            serde_json::from_slice(bytes).map_err(|error| CredentialsError::Malformed { path: path.to_owned(), source: error })?;
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

    /// Keeps a login with the helper program that is configured for a host; false where there is none.
    pub async fn keep_with_helper(&self, host: &str, username: &str, password: &Secret) -> Result<bool, CredentialsError> {
        let Some(helper) = self.helper_for(host) else { return Ok(false) };
        let login = serde_json::json!({"ServerURL": docker_key(host), "Username": username, "Secret": password.reveal()});
        tell_helper(helper, "store", host, &login.to_string()).await.map(|()| true)
    }

    /// Makes the helper program that is configured for a host forget it; false where there is none.
    pub async fn forget_with_helper(&self, host: &str) -> Result<bool, CredentialsError> {
        let Some(helper) = self.helper_for(host) else { return Ok(false) };
        tell_helper(helper, "erase", host, docker_key(host)).await.map(|()| true)
    }

    fn helper_for(&self, host: &str) -> Option<&str> {
        self.0.helpers.get(&normal_key(host)).or(self.0.store.as_ref()).map(String::as_str)
    }

    /// Where the configuration came from, for messages.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The credentials for a registry's host, such as `docker.io` or `127.0.0.1:5000`. May run a helper program.
    pub async fn credentials_for(&self, host: &str) -> Result<Credentials, CredentialsError> {
        self.look_up(&normal_key(host), "").await
    }

    /// The credentials for a repository: an entry for a part of its path is preferred to one for its whole host.
    pub async fn credentials_for_repository(&self, repository: &Repository) -> Result<Credentials, CredentialsError> {
        self.look_up(repository.registry(), repository.path()).await
    }

    async fn look_up(&self, host: &str, path: &str) -> Result<Credentials, CredentialsError> {
        let Inner { auths, helpers, store, any, .. } = &*self.0;
        if let Some(any) = any {
            return Ok(any.clone());
        }
        if let Some(helper) = helpers.get(host) {
            return ask_helper(helper, host).await;
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
            Some(helper) => ask_helper(helper, host).await?,
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
fn normal_key(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    match bare {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY.to_owned(),
        other => other.to_owned(),
    }
}

/// A configuration's text with one more login; the rest stays. The error is the text of a problem.
pub fn with_login(text: &str, host: &str, username: &str, password: &Secret) -> Result<String, String> {
    let mut config = object(text)?;
    let auths = config.entry("auths").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(auths) = auths else { return Err("`auths` is no mapping".into()) };
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{}", password.reveal()));
    auths.insert(docker_key(host).to_owned(), serde_json::json!({"auth": auth}));
    Ok(with_tabs(&config))
}

/// A configuration's text without a login; `None` where it has none.
pub fn without_login(text: &str, host: &str) -> Result<Option<String>, String> {
    let mut config = object(text)?;
    let auths = config.get_mut("auths").and_then(Value::as_object_mut);
    let removed = auths.and_then(|auths| auths.remove(docker_key(host)));
    Ok(removed.map(|_| with_tabs(&config)))
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The name under which Docker keeps a registry's login.
fn docker_key(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB_KEY,
        other => other,
    }
}

/// JSON as Docker writes it.
fn with_tabs(config: &Map<String, Value>) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, serde_json::ser::PrettyFormatter::with_indent(b"\t"));
    // a map of JSON values always has a JSON text
    let _ = config.serialize(&mut writer);
    String::from_utf8_lossy(&text).into_owned()
}

async fn ask_helper(name: &str, host: &str) -> Result<Credentials, CredentialsError> {
    let (program, output) = run_helper(name, "get", host, docker_key(host)).await?;
    let answer = read_answer(output.status.success(), &output.stdout, &output.stderr);
    answer.map_err(|reason| CredentialsError::HelperFailed { program, host: host.to_owned(), reason })
}

/// Gives a helper something to keep or to forget.
async fn tell_helper(name: &str, verb: &str, host: &str, what: &str) -> Result<(), CredentialsError> {
    let (program, output) = run_helper(name, verb, host, what).await?;
    if output.status.success() {
        return Ok(());
    }
    let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    let reason = String::from_utf8_lossy(said).trim().to_owned();
    Err(CredentialsError::HelperRefused { program, verb: verb.to_owned(), host: host.to_owned(), reason })
}

/// Runs a helper with a text on standard input; gives its name too.
async fn run_helper(name: &str, verb: &str, host: &str, input: &str) -> Result<(String, std::process::Output), CredentialsError> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| CredentialsError::HelperFailed { program: program.clone(), host: host.to_owned(), reason };
    let mut child = tokio::process::Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CredentialsError::HelperMissing { program: program.clone(), host: host.to_owned(), source: error })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper may answer without reading; then the pipe is closed and that is no failure.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|error| failed(error.to_string()))?;
    Ok((program, output))
}

/// Reads what a helper printed; the error never has what may be a secret.
fn read_answer(success: bool, stdout: &[u8], stderr: &[u8]) -> Result<Credentials, String> {
    if !success {
        let said = String::from_utf8_lossy(if stdout.is_empty() { stderr } else { stdout }).trim().to_owned();
        // The helpers' protocol has this sentence for «none», not a code.
        return match said.as_str() {
            said if said.contains("credentials not found") => Ok(Credentials::Anonymous),
            "" => Err("it failed and said nothing".to_owned()),
            said => Err(said.to_owned()),
        };
    }
    let answer: HelperAnswer =
        serde_json::from_slice(stdout).map_err(|_| "its answer is not JSON with `Username` and `Secret`".to_owned())?;
    Ok(match answer.username.as_str() {
        "<token>" => Credentials::IdentityToken(Secret::new(answer.secret)),
        _ if answer.secret.is_empty() => Credentials::Anonymous,
        _ => Credentials::Basic { username: answer.username, password: Secret::new(answer.secret) },
    })
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
    /// An entry's `auth` is not base64 of `user:password`.
    #[error("the credentials of `{key}` in {} are unreadable: `auth` is not base64 of `user:password`", path.display())]
    #[diagnostic(help("log in again with `docker login {key}`"))]
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
            assert_eq!(config.credentials_for_repository(&repository).await.unwrap(), expect, "{name}");
        }
        assert_eq!(config.credentials_for("registry-1.docker.io").await.unwrap(), basic("hub", "pw"));
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
    async fn logins_come_and_go_and_leave_the_rest() {
        let text = with_login(r#"{"credsStore": "", "auths": {"a": {"auth": "YTpi"}}}"#, "r.io:5000", "u", &Secret::new("p")).unwrap();
        assert_eq!(
            text,
            "{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n\t\t\"r.io:5000\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t},\n\t\"credsStore\": \"\"\n}"
        );
        assert_eq!(config(&text).unwrap().credentials_for("r.io:5000").await.unwrap(), basic("u", "p"));
        let without = without_login(&text, "r.io:5000").unwrap().unwrap();
        assert_eq!(config(&without).unwrap().credentials_for("r.io:5000").await.unwrap(), Credentials::Anonymous);
        assert_eq!(without_login(&without, "r.io:5000"), Ok(None));
        let hub = with_login("", "docker.io", "u", &Secret::new("p")).unwrap();
        assert!(hub.contains(DOCKER_HUB_KEY), "{hub}");
        assert!(with_login("[]", "a", "u", &Secret::new("p")).is_err());
        assert!(with_login(r#"{"auths": 1}"#, "a", "u", &Secret::new("p")).is_err());
    }

    #[tokio::test]
    async fn configurations_are_asked_one_after_the_other() {
        let first = config(r#"{"auths": {"a.io": {"username": "a", "password": "1"}}}"#).unwrap();
        let second =
            config(r#"{"auths": {"a.io": {"username": "x", "password": "2"}, "b.io": {"username": "b", "password": "3"}}}"#).unwrap();
        let both = first.or(second);
        for (host, expect) in [("a.io", basic("a", "1")), ("b.io", basic("b", "3")), ("c.io", Credentials::Anonymous)] {
            assert_eq!(both.credentials_for(host).await.unwrap(), expect, "{host}");
        }
        assert_eq!(DockerConfig::everywhere("u", Secret::new("p")).credentials_for("c.io").await.unwrap(), basic("u", "p"));
    }

    #[tokio::test]
    async fn a_missing_file_knows_nobody() {
        let config = DockerConfig::load(Path::new("/nonexistent/config.json")).unwrap();
        assert_eq!(config.credentials_for("r.io").await.unwrap(), Credentials::Anonymous);
    }

    #[test]
    fn helpers_answers() {
        let answer = |success, stdout: &str, stderr: &str| read_answer(success, stdout.as_bytes(), stderr.as_bytes());
        for (success, stdout, stderr, expect) in [
            (true, r#"{"ServerURL": "r.io", "Username": "u", "Secret": "p"}"#, "", Ok(basic("u", "p"))),
            (true, r#"{"Username": "<token>", "Secret": "t"}"#, "", Ok(Credentials::IdentityToken(Secret::new("t")))),
            (true, r#"{"Username": "", "Secret": ""}"#, "", Ok(Credentials::Anonymous)),
            (false, "credentials not found in native keychain\n", "", Ok(Credentials::Anonymous)),
            (false, "", "no session bus\n", Err("no session bus".to_owned())),
            (false, "", "", Err("it failed and said nothing".to_owned())),
            (true, r#"{"Secret": 1"#, "", Err("its answer is not JSON with `Username` and `Secret`".to_owned())),
        ] {
            assert_eq!(answer(success, stdout, stderr), expect, "{stdout}");
        }
    }

    #[tokio::test]
    async fn a_missing_helper_is_named() {
        let config = config(r#"{"credHelpers": {"r.io": "surely-absent"}}"#).unwrap();
        let error = config.credentials_for("r.io").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot run `docker-credential-surely-absent`, which is configured to keep the credentials of registry `r.io`"
        );
    }
}
