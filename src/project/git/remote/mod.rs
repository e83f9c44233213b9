//! Commits of other repositories: a revision is resolved to a commit, and the commit is there with all its files.
//!
//! [`resolve`] asks a server which commit a branch or tag is, and fetches what the cache lacks: the one commit without its history, as a
//! difference to what was fetched before. A commit that is named by its whole id and is in the cache needs no request; a
//! repository of this machine needs no clone.
//!
//! Git's protocol is spoken here ([`mod@protocol`]) over TCP, the user's `ssh` and [`crate::net`], and every wait has an end. Packs are
//! checked and indexed by gix. Files are read by [`super::commit_tree`] as those of any repository. What a remote repository's own
//! configuration says is never looked at, and of programs only the user's `ssh` and credential helpers run.
//! What a clone lacks of its submodules and of Git LFS is brought by its [`Upstream`] when somebody wants it.

mod address;
mod arrival;
mod cache;
mod credentials;
mod error;
mod history;
mod http;
mod lfs;
mod objects;
mod packet;
mod progress;
mod protocol;
mod settings;
mod ssh;
mod upstream;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use address::{Login, shown};
pub use error::RemoteError;
pub use history::{Extent, Whole, whole_history};
pub use lfs::{LfsServer, fetch_lfs};
pub use settings::Settings;
pub use upstream::Upstream;

use address::{Address, cache_key, parse};
use cache::{Entry, State};
use credentials::Helpers;
use http::Http;
use protocol::{Ref, Server, Want};
use ssh::Ssh;
use wire::{Link, Wire};

use super::{Commit, CommitTree, Repository, commit, commit_tree_with, discover};
use crate::error::root_cause;
use crate::event::{Event, Events};
use crate::file_tree::ObjectId;
use crate::net::{Proxies, origin};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may say nothing.
pub const SILENCE: Duration = Duration::from_secs(45);

/// Which revision of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// The commit that a branch is at.
    Branch(String),
    /// The commit that a tag leads to.
    Tag(String),
    /// A commit by its id.
    Commit(String),
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Revision::Branch(name) => write!(f, "branch {name}"),
            Revision::Tag(name) => write!(f, "tag {name}"),
            Revision::Commit(id) => write!(f, "commit {id}"),
        }
    }
}

/// Which of the user's credentials a server may get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// All that Git would send.
    #[default]
    All,
    /// Those that the user keeps for this very host: a commit names the server.
    OfHost,
    /// None.
    None,
}

/// How other repositories are reached from here.
#[derive(Clone, Debug)]
pub struct Access {
    /// The user's cache directory; clones are below `git`.
    pub cache_dir: PathBuf,
    /// What relative paths of repositories are relative to.
    pub base_dir: PathBuf,
    /// Keys for `ssh`.
    pub ssh_keys: Vec<PathBuf>,
    /// The user's Git configuration.
    pub settings: Arc<Settings>,
    /// Looks up a variable of the process: `GIT_SSH_COMMAND` and the like.
    pub variable: fn(&str) -> Option<String>,
    /// What is between us and HTTP servers.
    pub proxies: Proxies,
    /// How long a server may say nothing; [`SILENCE`] outside of tests.
    pub silence: Duration,
    /// Which of the user's credentials servers may get.
    pub credentials: Credentials,
    /// Where progress is told.
    pub events: Events,
    /// Cancelled when the user wants us to stop.
    pub cancel: CancellationToken,
}

impl Access {
    /// A path of Git's configuration: `~/…` is in the user's home.
    fn at_home(&self, path: &str) -> PathBuf {
        let inside = path.strip_prefix("~/").and_then(|rest| Some(PathBuf::from((self.variable)("HOME")?).join(rest)));
        inside.unwrap_or_else(|| PathBuf::from(path))
    }

    /// Whether two URLs of HTTP are at one host.
    fn is_same_host(&self, one: &str, other: &str) -> bool {
        let host = |url: &str| match parse(&self.settings.rewritten(url), &self.base_dir) {
            Ok(Address::Http { base, .. }) => Some(origin(&base).to_owned()),
            _ => None,
        };
        host(one).is_some_and(|one| host(other) == Some(one))
    }

    /// The text of the file of logins that curl reads for Git.
    fn netrc(&self) -> Option<String> {
        std::fs::read_to_string(PathBuf::from((self.variable)("HOME")?).join(".netrc")).ok()
    }
}

/// A commit of another repository, with its files.
#[derive(Clone)]
pub struct Remote {
    /// The repository: a clone in the cache, or the one on this machine.
    pub repository: Arc<Repository>,
    /// The commit.
    pub commit: Commit,
    /// Its files.
    pub tree: Arc<CommitTree>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("repository", &self.repository).field("commit", &self.commit.id).finish()
    }
}

/// The commit of a revision, now. `login` is for HTTP and goes before that of the URL.
pub async fn resolve(access: &Access, url: &str, revision: &Revision, login: Option<&Login>) -> Result<Remote, RemoteError> {
    let place = Place::find(access, url, login)?;
    if let Revision::Commit(id) = revision
        && (id.len() < 4 || id.len() > 40 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err(RemoteError::BadCommit { url: place.url, commit: id.clone() });
    }
    if let Address::Local(path) = &place.address {
        return local(access, url, path, revision);
    }
    let begun = Instant::now();
    let entry = &place.entry;
    entry.prepare()?;
    if let Revision::Commit(hex) = revision
        && let Some(id) = known(entry, hex)
    {
        return place.open(access, url, login, id);
    }
    let mut server = place.connect(access).await?;
    let wanted = wanted(&mut server, &place.url, revision).await?;
    if let Wanted::Object { commit, .. } = &wanted
        && entry.state(*commit) == State::Whole
    {
        return place.open(access, url, login, *commit);
    }
    let lock = match entry.lock(false)? {
        Some(lock) => lock,
        None => {
            // Another run is fetching, perhaps just this. Meanwhile the server would lose its patience with us.
            drop(server);
            let waiting = entry.clone();
            let lock = blocking(move || waiting.lock(true)).await?;
            if let Wanted::Object { commit, .. } = &wanted
                && entry.state(*commit) == State::Whole
            {
                return place.open(access, url, login, *commit);
            }
            server = place.connect(access).await?;
            lock.ok_or_else(|| RemoteError::Broken { url: place.url.clone(), problem: "the lock of the clone was lost".into() })?
        }
    };
    let id = place.fetch(access, server, &wanted, revision).await?;
    drop(lock);
    let revision = revision.to_string();
    access.events.emit(Event::RepositoryFetched { repository: place.url.clone(), revision, commit: id.to_string(), took: begun.elapsed() });
    place.open(access, url, login, id)
}

/// What a server is asked for.
enum Wanted {
    /// An object that leads to a commit: the commit itself, or an annotated tag.
    Object { ask: ObjectId, commit: ObjectId },
    /// A commit of which only the beginning of the id is known.
    Beginning(String),
}

/// A repository of another machine, and its clone.
struct Place {
    /// As messages show it.
    url: String,
    address: Address,
    entry: Entry,
}

impl Place {
    fn find(access: &Access, url: &str, login: Option<&Login>) -> Result<Self, RemoteError> {
        let mut address = parse(&access.settings.rewritten(url), &access.base_dir)?;
        if let (Address::Http { login: of_url, .. }, Some(login)) = (&mut address, login) {
            *of_url = Some(login.clone());
        }
        let shown = shown(url);
        let entry = Entry::new(&access.cache_dir, &cache_key(&address), &shown);
        Ok(Place { url: shown, address, entry })
    }

    /// The commit as it is in the clone.
    fn open(&self, access: &Access, url: &str, login: Option<&Login>, id: ObjectId) -> Result<Remote, RemoteError> {
        read(&self.url, self.entry.open()?, &id.to_string(), Upstream::of_url(access, url, login))
    }

    async fn connect(&self, access: &Access) -> Result<Server, RemoteError> {
        let link = match &self.address {
            Address::Git { host, port, .. } => self.dial(host, *port).await?,
            Address::Ssh { destination, port, path } => {
                let ssh = Ssh::new(&access.settings, access.variable, &access.ssh_keys);
                ssh.open(&self.url, destination, *port, path).await?
            }
            Address::Http { base, login } => {
                let helpers = Helpers { git_dir: self.entry.dir().to_owned() };
                let mut http = Http::new(base.clone(), login.clone(), access, helpers)?;
                let answer = Box::new(http.discover().await?);
                Link::Http { http: Box::new(http), answer }
            }
            Address::Local(path) => {
                return Err(RemoteError::NotGit { url: self.url.clone(), problem: format!("`{}` is no server", path.display()) });
            }
        };
        let mut wire = Wire::new(self.url.clone(), link, access.silence, access.events.clone());
        if let Address::Git { host, port, path } = &self.address {
            let port = if *port == 9418 { String::new() } else { format!(":{port}") };
            let greeting = format!("git-upload-pack {path}\0host={host}{port}\0\0version=2\0");
            wire.send(format!("{:04x}{greeting}", greeting.len() + 4).into_bytes()).await?;
        }
        Server::greet(wire).await
    }

    async fn dial(&self, host: &str, port: u16) -> Result<Link, RemoteError> {
        let unreachable = |problem: String| RemoteError::Unreachable { url: self.url.clone(), problem };
        let connected = timeout(CONNECT, TcpStream::connect((host, port))).await;
        let stream =
            connected.map_err(|_| unreachable("nobody answers".into()))?.map_err(|error| unreachable(root_cause(&error).to_string()))?;
        let (reader, writer) = stream.into_split();
        Ok(Link::Stream { reader: Box::new(reader), writer: Box::new(writer), process: None })
    }

    /// Brings the commit into the clone, whose lock is held.
    async fn fetch(&self, access: &Access, mut server: Server, wanted: &Wanted, revision: &Revision) -> Result<ObjectId, RemoteError> {
        let entry = &self.entry;
        entry.prepare()?;
        let no_commit = |commit: String| RemoteError::NoCommit { url: self.url.clone(), commit };
        if let Wanted::Object { ask, commit } = wanted {
            if entry.commits().into_iter().any(|id| entry.state(id) == State::Broken) {
                entry.wipe()?;
            }
            let mut have = entry.haves();
            while server.gives_any(*ask) {
                let is_alone = have.is_empty();
                let want = Want { ids: vec![*ask], is_shallow: true, have: std::mem::take(&mut have), ..Want::default() };
                match self.receive(&mut server, want, Some(*commit)).await {
                    Ok(_) => return Ok(*commit),
                    // What we have was not what it seemed: once more from nothing.
                    Err(RemoteError::Pack { .. } | RemoteError::Unreadable { .. }) if !is_alone => entry.wipe()?,
                    // Git's own server means by it that there is none, others that no reference points at it.
                    Err(RemoteError::Refused { said, .. }) if matches!(revision, Revision::Commit(_)) => {
                        if said.contains("not our ref") {
                            return Err(no_commit(commit.to_string()));
                        }
                        server = self.connect(access).await?;
                        break;
                    }
                    Err(error) => return Err(error),
                }
                server = self.connect(access).await?;
            }
        }
        // The whole history of all branches and tags: the commit is in it or nowhere.
        let refs = server.references(&["refs/heads/", "refs/tags/"]).await?;
        let mut ids: Vec<ObjectId> = refs.into_iter().map(|reference| reference.id).collect();
        ids.sort();
        ids.dedup();
        let hex = match wanted {
            Wanted::Object { commit, .. } => commit.to_string(),
            Wanted::Beginning(hex) => hex.clone(),
        };
        if ids.is_empty() {
            return Err(no_commit(hex));
        }
        self.receive(&mut server, Want { ids, ..Want::default() }, None).await?;
        let found = commit(&*entry.open()?, &hex).map_err(|_| no_commit(hex))?;
        let (entry, id) = (entry.clone(), found.id);
        blocking(move || entry.complete(id, &[])).await?;
        Ok(id)
    }

    /// Receives a pack and takes it in.
    async fn receive(&self, server: &mut Server, want: Want, commit: Option<ObjectId>) -> Result<(), RemoteError> {
        let incoming = self.entry.incoming()?;
        let unwritable = |cause| RemoteError::Cache { action: "write to the clone", path: incoming.clone(), cause: Arc::new(cause) };
        let mut file = tokio::fs::File::create(&incoming).await.map_err(unwritable)?;
        let shallow = server.fetch(&want, &mut file).await?;
        drop(file);
        let entry = self.entry.clone();
        blocking(move || {
            entry.take_in(&incoming)?;
            commit.map_or(Ok(()), |commit| entry.complete(commit, &shallow))
        })
        .await
    }
}

/// What must be asked for to have a revision.
async fn wanted(server: &mut Server, url: &str, revision: &Revision) -> Result<Wanted, RemoteError> {
    let (folder, kind, name) = match revision {
        Revision::Branch(name) => ("refs/heads/", "branch", name),
        Revision::Tag(name) => ("refs/tags/", "tag", name),
        Revision::Commit(hex) => {
            let whole = ObjectId::parse(hex).map(|id| Wanted::Object { ask: id, commit: id });
            return Ok(whole.unwrap_or_else(|| Wanted::Beginning(hex.to_ascii_lowercase())));
        }
    };
    let full = format!("{folder}{name}");
    let refs = server.references(&[&full]).await?;
    if let Some(Ref { id, peeled, .. }) = refs.iter().find(|reference| reference.name == full) {
        return Ok(Wanted::Object { ask: *id, commit: peeled.unwrap_or(*id) });
    }
    let refs = server.references(&["refs/heads/", "refs/tags/"]).await?;
    Err(no_revision(url, kind, name, &refs))
}

fn no_revision(url: &str, kind: &str, name: &str, refs: &[Ref]) -> RemoteError {
    let names = |folder: &str| -> Vec<&str> { refs.iter().filter_map(|reference| reference.name.strip_prefix(folder)).collect() };
    let (own, others, other) = match kind {
        "branch" => (names("refs/heads/"), names("refs/tags/"), "tag"),
        _ => (names("refs/tags/"), names("refs/heads/"), "branch"),
    };
    // A server may have a great many, and long ones.
    let start = |name: &str| name.chars().take(100).collect::<String>();
    let mut near: Vec<(usize, &str)> = own.iter().map(|own| (strsim::levenshtein(&start(name), &start(own)), *own)).collect();
    near.sort();
    let near: Vec<String> = near.into_iter().take(5).map(|(_, name)| format!("`{name}`")).collect();
    let help = match near.as_slice() {
        _ if others.contains(&name) => format!("there is a {other} of this name: write `{other}: {name}`"),
        [] => format!("it has no {kind} at all"),
        near => format!("nearest names: {}", near.join(", ")),
    };
    RemoteError::NoRevision { url: url.to_owned(), what: format!("{kind} `{name}`"), help }
}

/// A commit of the clone by its id or, where only one begins so, the beginning of it.
fn known(entry: &Entry, hex: &str) -> Option<ObjectId> {
    let found = match ObjectId::parse(hex) {
        Some(id) => vec![id],
        None => entry.commits().into_iter().filter(|id| id.to_string().starts_with(&hex.to_ascii_lowercase())).collect(),
    };
    let [id] = found.as_slice() else { return None };
    (entry.state(*id) == State::Whole).then_some(*id)
}

fn read(shown: &str, repository: Arc<Repository>, revision: &str, upstream: Upstream) -> Result<Remote, RemoteError> {
    let unreadable = |cause| RemoteError::Unreadable { url: shown.to_owned(), cause };
    let commit = commit(&repository, revision).map_err(unreadable)?;
    let tree = Arc::new(commit_tree_with(&repository, &commit, Arc::new(upstream)).map_err(unreadable)?);
    Ok(Remote { repository, commit, tree })
}

/// A repository of this machine is read where it is.
fn local(access: &Access, url: &str, path: &Path, revision: &Revision) -> Result<Remote, RemoteError> {
    let known = access.clone();
    let upstream = Upstream::of_clone(move || Ok(known.clone()));
    let url = &shown(url);
    let not_git = |problem: String| RemoteError::NotGit { url: url.to_owned(), problem };
    let opened = gix::open(path).map_err(|_| not_git(format!("`{}` is none", path.display())))?;
    let root = opened.workdir().unwrap_or(opened.git_dir()).to_owned();
    let repository = discover(&root, None).map_err(|cause| RemoteError::Unreadable { url: url.to_owned(), cause })?;
    let (kind, name, full) = match revision {
        Revision::Branch(name) => ("branch", name, format!("refs/heads/{name}")),
        Revision::Tag(name) => ("tag", name, format!("refs/tags/{name}")),
        Revision::Commit(hex) => {
            let found = commit(&repository, hex).map_err(|_| RemoteError::NoCommit { url: url.to_owned(), commit: hex.clone() })?;
            return read(url, repository, &found.id.to_string(), upstream);
        }
    };
    let mut refs = Vec::new();
    let all = opened.references().map_err(|error| not_git(error.to_string()))?;
    for mut reference in all.all().map_err(|error| not_git(error.to_string()))?.flatten() {
        let name = reference.name().as_bstr().to_string();
        if (name.starts_with("refs/heads/") || name.starts_with("refs/tags/"))
            && let Ok(id) = reference.peel_to_id()
        {
            refs.push(Ref { name, id: super::commit::to_id(&id), peeled: None });
        }
    }
    match refs.iter().find(|reference| reference.name == full) {
        Some(reference) => read(url, repository, &reference.id.to_string(), upstream),
        None => Err(no_revision(url, kind, name, &refs)),
    }
}

/// Work that waits for disks or the processor.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
