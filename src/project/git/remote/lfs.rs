//! Git LFS: files are brought from a server into the local store (the batch API, git-lfs/docs/api/batch.md, with its `basic` transfers).
//!
//! Which files are LFS's, and what their pointers say, is for others to tell. The server is that of the repository: beside it over HTTP, or
//! where the program `git-lfs-authenticate` of an ssh server sends to; or one that is named. What comes is written piece by piece and
//! is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::StreamExt;
use futures::stream;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::address::{Address, Login, cache_key, parse, shown};
use super::arrival::Arrival;
use super::cache::Entry;
use super::credentials::Helpers;
use super::error::RemoteError;
use super::http::{Http, failed, header_line};
use super::progress::Progress;
use super::ssh::Ssh;
use super::wire::printable;
use super::{Access, Credentials, blocking};
use crate::event::Event;
use crate::net::{Answer, origin};
use crate::project::git::Pointer;

/// How many files one request names, as in `git lfs`.
const BATCH: usize = 100;

/// How many files come at once, as in `git lfs`.
const AT_ONCE: usize = 8;

/// How often files are asked for: addresses get too old, connections break.
const ROUNDS: usize = 2;

/// The longest answer to a batch, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// Where files of Git LFS come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LfsServer {
    /// The server of a repository, by the repository's URL.
    Of(String),
    /// A server that the user names: `lfs.url` of Git's configuration.
    User(String),
    /// A server that a commit names in its `.lfsconfig`, and the URL of the repository. It gets credentials of the user only where it
    /// is at the repository's own host; elsewhere it is asked by HTTPS and without any.
    Commit {
        /// Its URL.
        url: String,
        /// The repository's.
        repository: String,
    },
}

impl LfsServer {
    /// The URL that names it.
    pub(super) fn url(&self) -> &str {
        match self {
            LfsServer::Of(url) | LfsServer::User(url) | LfsServer::Commit { url, .. } => url,
        }
    }
}

/// Brings the files that a store, such as `.git/lfs`, lacks.
///
/// # Errors
/// Those of the server, and one that names all files that it lacks. Files are in the store whole or not at all.
pub async fn fetch_lfs(
    access: &Access,
    server: &LfsServer,
    login: Option<&Login>,
    objects: &[Pointer],
    store: &Path,
) -> Result<(), RemoteError> {
    let mut lacking: Vec<&Pointer> = objects.iter().filter(|object| !is_there(object, store)).collect();
    lacking.sort();
    lacking.dedup();
    if lacking.is_empty() {
        return Ok(());
    }
    let begun = Instant::now();
    let (files, bytes) = (lacking.len(), lacking.iter().map(|object| object.size).sum());
    let server = match Server::find(access, server, login).await? {
        Found::Local { url, store: theirs } => {
            let objects: Vec<Pointer> = lacking.into_iter().cloned().collect();
            let (store, shown) = (store.to_owned(), url.clone());
            blocking(move || local(&theirs, &objects, &store, &shown)).await?;
            access.events.emit(Event::ContentFetched { server: url, files, bytes, took: begun.elapsed() });
            return Ok(());
        }
        Found::Server(server) => server,
    };
    let progress = Progress::new(shown(&server.base), access.events.clone());
    let mut session = Session { access, server, store, progress };
    let mut refused = Vec::new();
    for round in 1..=ROUNDS {
        let mut failures = Vec::new();
        for batch in lacking.chunks(BATCH) {
            let (missing, failed) = session.bring(batch).await?;
            refused.extend(missing);
            failures.extend(failed);
        }
        match failures.into_iter().next() {
            None => break,
            Some(error) if round == ROUNDS || matches!(error, RemoteError::Pack { .. } | RemoteError::Cache { .. }) => return Err(error),
            Some(_) => {}
        }
        let is_refused = |object: &Pointer| refused.iter().any(|(oid, _)| *oid == object.oid);
        lacking.retain(|object| !is_there(object, store) && !is_refused(object));
    }
    let url = shown(&session.server.base);
    if refused.is_empty() {
        access.events.emit(Event::ContentFetched { server: url, files, bytes, took: begun.elapsed() });
        return Ok(());
    }
    Err(RemoteError::NoObjects { url, objects: refused.into_iter().map(|(oid, said)| format!("{oid} ({said})")).collect() })
}

fn is_there(object: &Pointer, store: &Path) -> bool {
    fs::metadata(object.place(store)).is_ok_and(|metadata| metadata.len() == object.size)
}

/// What a server of files turned out to be.
enum Found {
    /// A repository of this machine, whose store is read.
    Local { url: String, store: PathBuf },
    /// A server of the batch API.
    Server(Box<Server>),
}

/// A server of the batch API, and who asks.
struct Server {
    base: String,
    http: Http,
    /// What an ssh server wants every request to have.
    headers: HeaderMap,
    /// It is named by a commit and may have none of the user's credentials.
    is_foreign: bool,
}

impl Server {
    async fn find(access: &Access, server: &LfsServer, login: Option<&Login>) -> Result<Found, RemoteError> {
        match server {
            LfsServer::Of(url) => {
                let address = parse(&access.settings.rewritten(url), &access.base_dir)?;
                match beside(&address) {
                    Beside::Http(base, of_url) => Self::open(access, &address, base, login.cloned().or(of_url), HeaderMap::new(), false),
                    Beside::Ssh { destination, port, path } => {
                        let (base, headers) = authenticated(access, url, destination, port, path).await?;
                        Self::open(access, &address, base, None, headers, false)
                    }
                    Beside::Local(path) => {
                        let git_dir = if path.join(".git").is_dir() { path.join(".git") } else { path.to_owned() };
                        Ok(Found::Local { url: shown(url), store: git_dir.join("lfs") })
                    }
                }
            }
            LfsServer::User(url) => match parse(&access.settings.rewritten(url), &access.base_dir)? {
                address @ Address::Http { .. } => {
                    let Address::Http { base, login: of_url } = &address else { return Err(not_http(url)) };
                    Self::open(access, &address, base.clone(), of_url.clone(), HeaderMap::new(), false)
                }
                _ => Err(not_http(url)),
            },
            LfsServer::Commit { url, repository } => {
                let Address::Http { base, .. } = parse(url, &access.base_dir)? else { return Err(not_http(url)) };
                let own = match parse(&access.settings.rewritten(repository), &access.base_dir)? {
                    Address::Http { base: own, login } if origin(&own) == origin(&base) => Some(login),
                    _ => None,
                };
                let address = Address::Http { base: base.clone(), login: None };
                match own {
                    Some(of_url) => Self::open(access, &address, base, login.cloned().or(of_url), HeaderMap::new(), false),
                    None if base.starts_with("https://") => {
                        let access = Access { credentials: Credentials::None, ..access.clone() };
                        Self::open(&access, &address, base, None, HeaderMap::new(), true)
                    }
                    None => Err(RemoteError::Unencrypted { url: shown(url) }),
                }
            }
        }
    }

    fn open(
        access: &Access,
        address: &Address,
        base: String,
        login: Option<Login>,
        headers: HeaderMap,
        is_foreign: bool,
    ) -> Result<Found, RemoteError> {
        // Helpers are asked from a directory without configuration of anyone.
        let entry = Entry::new(&access.cache_dir, &cache_key(address), &shown(&base));
        entry.prepare()?;
        let http = Http::new(base.clone(), login, access, Helpers { git_dir: entry.dir().to_owned() })?;
        Ok(Found::Server(Box::new(Server { base, http, headers, is_foreign })))
    }

    /// What a refusal of this server means.
    fn refusal(&self, error: RemoteError) -> RemoteError {
        match error {
            RemoteError::NotFound { url, said } => RemoteError::NoLfsServer { url, said },
            RemoteError::Unauthorized { url, .. } | RemoteError::Forbidden { url, .. } if self.is_foreign => RemoteError::Foreign { url },
            error => error,
        }
    }
}

/// The server that a repository has beside it.
enum Beside<'a> {
    /// Over HTTP, and the login of the repository's URL.
    Http(String, Option<Login>),
    /// Where the program of an ssh server sends to.
    Ssh { destination: &'a str, port: Option<u16>, path: &'a str },
    /// The store of a repository of this machine.
    Local(&'a Path),
}

fn beside(address: &Address) -> Beside<'_> {
    let server = |base: &str| if base.ends_with(".git") { format!("{base}/info/lfs") } else { format!("{base}.git/info/lfs") };
    match address {
        Address::Http { base, login } => Beside::Http(server(base), login.clone()),
        Address::Git { host, path, .. } => Beside::Http(server(&format!("https://{host}/{}", path.trim_matches('/'))), None),
        Address::Ssh { destination, port, path } => Beside::Ssh { destination, port: *port, path },
        Address::Local(path) => Beside::Local(path),
    }
}

/// Asks an ssh server where its files are (git-lfs/docs/api/authentication.md).
async fn authenticated(
    access: &Access,
    url: &str,
    destination: &str,
    port: Option<u16>,
    path: &str,
) -> Result<(String, HeaderMap), RemoteError> {
    let ssh = Ssh::new(&access.settings, access.variable, &access.ssh_keys);
    let path = path.strip_prefix('/').unwrap_or(path);
    let said = ssh.ask(&shown(url), destination, port, &["git-lfs-authenticate", path, "download"], access.silence).await?;
    let told: Option<Value> = serde_json::from_slice(&said).ok();
    let base = told.as_ref().and_then(|told| told["href"].as_str()).unwrap_or_default().trim_end_matches('/');
    if !base.starts_with("https://") && !base.starts_with("http://") {
        let problem = "its `git-lfs-authenticate` names no server of Git LFS".to_owned();
        return Err(RemoteError::NotGit { url: shown(url), problem });
    }
    Ok((base.to_owned(), told.as_ref().map(|told| headers(&told["header"])).unwrap_or_default()))
}

fn not_http(url: &str) -> RemoteError {
    RemoteError::Address { url: shown(url), problem: "a server of Git LFS is named by `https://`".into() }
}

/// One fetch from one server.
struct Session<'a> {
    access: &'a Access,
    server: Box<Server>,
    store: &'a Path,
    progress: Progress,
}

/// Files that a server does not give, with what it says of each.
type Refused = Vec<(String, String)>;

impl Session<'_> {
    /// Asks for files in one request and brings them. What the server does not give, and what did not come, is told beside.
    async fn bring(&mut self, batch: &[&Pointer]) -> Result<(Refused, Vec<RemoteError>), RemoteError> {
        let base = self.server.base.clone();
        let named: Vec<Value> = batch.iter().map(|object| json!({"oid": object.oid, "size": object.size})).collect();
        let body = json!({"operation": "download", "transfers": ["basic"], "hash_algo": "sha256", "objects": named});
        let asked = self.server.http.batch(body.to_string().into_bytes(), &self.server.headers).await;
        let answer = asked.map_err(|error| self.server.refusal(error))?;
        let odd = |problem: String| RemoteError::NotGit { url: shown(&base), problem };
        let answer: Value = serde_json::from_slice(&whole(answer, &base, self.access).await?)
            .map_err(|error| odd(format!("its answer is no JSON: {error}")))?;
        if let Some(transfer) = answer["transfer"].as_str().filter(|transfer| *transfer != "basic") {
            return Err(odd(format!("it gives files by `{}` alone, not by `basic`", printable(transfer))));
        }
        let (mut downloads, mut refused) = (Vec::new(), Refused::new());
        for object in batch {
            let told = answer["objects"].as_array().into_iter().flatten().find(|told| told["oid"] == object.oid.as_str());
            let action = told.map(|told| &told["actions"]["download"]);
            match action.and_then(|action| Some((action["href"].as_str()?, headers(&action["header"])))) {
                Some((href, headers)) => downloads.push((*object, href.to_owned(), headers)),
                None => {
                    let said = told.and_then(|told| told["error"]["message"].as_str()).unwrap_or("nothing said");
                    refused.push((object.oid.clone(), printable(said)));
                }
            }
        }
        let (http, this) = (&self.server.http, &*self);
        let coming = downloads.into_iter().map(|(object, href, headers)| async move {
            let answer = http.download(&href, headers).await?;
            this.keep(answer, object, &href).await
        });
        let came: Vec<Result<(), RemoteError>> = stream::iter(coming).buffer_unordered(AT_ONCE).collect().await;
        Ok((refused, came.into_iter().filter_map(Result::err).collect()))
    }

    /// Takes in a file that comes.
    async fn keep(&self, mut answer: Answer, object: &Pointer, url: &str) -> Result<(), RemoteError> {
        let mut arrival = Arrival::begin(object, self.store)?;
        while let Some(piece) = piece(&mut answer, url, self.access).await? {
            self.progress.add(piece.len());
            arrival.write_all(&piece).map_err(|cause| arrival.unwritable(cause))?;
            if arrival.is_too_long() {
                break;
            }
        }
        arrival.end(url)
    }
}

/// Copies from the store of a repository of this machine.
fn local(theirs: &Path, lacking: &[Pointer], store: &Path, url: &str) -> Result<(), RemoteError> {
    let mut missing = Vec::new();
    for object in lacking {
        let copied = File::open(object.place(theirs)).map(|mut file| {
            let mut arrival = Arrival::begin(object, store)?;
            io::copy(&mut file, &mut arrival).map_err(|cause| arrival.unwritable(cause))?;
            arrival.end(url)
        });
        match copied {
            Ok(copied) => copied?,
            Err(error) => missing.push(format!("{} ({error})", object.oid)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(RemoteError::NoObjects { url: url.to_owned(), objects: missing }) }
}

fn headers(told: &Value) -> HeaderMap {
    let lines = told.as_object().into_iter().flatten().filter_map(|(name, value)| header_line(&format!("{name}: {}", value.as_str()?)));
    lines.collect()
}

async fn whole(mut answer: Answer, url: &str, access: &Access) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = Vec::new();
    while let Some(piece) = piece(&mut answer, url, access).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_ANSWER {
            return Err(RemoteError::NotGit { url: shown(url), problem: format!("its answer is longer than {MAX_ANSWER} bytes") });
        }
    }
    Ok(bytes)
}

async fn piece(answer: &mut Answer, url: &str, access: &Access) -> Result<Option<hyper::body::Bytes>, RemoteError> {
    match timeout(access.silence, answer.piece()).await {
        Ok(piece) => piece.map_err(|failure| failed(&shown(url), failure, access.silence)),
        Err(_) => Err(RemoteError::TimedOut { url: shown(url), seconds: access.silence.as_secs() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_as_git_lfs_finds_them() {
        for (url, expect) in [
            ("https://u:p@host/a", "https://host/a.git/info/lfs"),
            ("https://host/a.git", "https://host/a.git/info/lfs"),
            ("git://host/group/a", "https://host/group/a.git/info/lfs"),
        ] {
            let address = parse(url, Path::new("/")).unwrap();
            let Beside::Http(base, _) = beside(&address) else { panic!("{url}") };
            assert_eq!(base, expect);
        }
    }
}
