//! The embedded daemon: a private buildkitd for the command.
//!
//! [`start`] gives a client of a daemon with its own socket in a private directory and a cache that stays. Commands that run at
//! once share it, and the last one ends it: a keeper process (our own binary again, see [`reexec`]) starts buildkitd as its
//! child and waits for the lock that every user holds a share of. The kernel gives shares back however a process ends, so
//! nothing is left behind when a command is killed; and buildkitd asks for a signal on its parent's death, so nothing is left
//! behind when the keeper is.
//!
//! As root the daemon runs in a mount namespace of its own. As another user it runs in a user namespace: with the user's
//! subordinate ids where `newuidmap` and `newgidmap` can map them, else with a single id; then an OCI runtime wrapper (our own
//! binary once more) takes back what a single id cannot have.

mod config;
mod error;
mod find;
mod ids;
mod keeper;
mod launch;
mod leftovers;
mod lock;
mod plan;
mod runtime;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::EmbeddedError;

use super::client::{Client, ConnectOptions, connect};
use super::endpoint::Endpoint;
use crate::event::{Event, Events};
use lock::{Hold, Lock};
use plan::{Namespace, Plan};

/// How long a daemon may take until it answers. A large cache on a slow disk takes seconds to open.
const PATIENCE: Duration = Duration::from_secs(60);

/// A start that takes this long is told.
const SLOW: Duration = Duration::from_secs(4);

/// Where things are. `cli` fills it from the environment.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedOptions {
    /// A buildkitd to use whatever else there is (`WERF_BUILDKITD`).
    pub daemon: Option<PathBuf>,
    /// Our own binary: the keeper runs it, and programs beside it come before those of `path`.
    pub own_binary: PathBuf,
    /// Directories to search for programs (`PATH`).
    pub path: OsString,
    /// Directory for the cache that stays (`~/.cache/werf`); absolute.
    pub cache_dir: PathBuf,
    /// Directory for sockets (`XDG_RUNTIME_DIR`); `None` for a private one under `/run` or `/tmp`.
    pub runtime_dir: Option<PathBuf>,
    /// Registries, `host:port`, that have no valid TLS or none at all. Loopback addresses need not be named.
    pub insecure_registries: Vec<String>,
    /// The variables that the daemon sees, besides `PATH`: it may outlive the command, and serves others of the same user.
    pub environment: Vec<(OsString, OsString)>,
}

/// A running daemon; this command's share in it ends when this is dropped.
#[derive(Debug)]
pub struct Embedded {
    client: Client,
    run: Run,
    users: Option<Lock>,
    keeper: Option<Child>,
}

impl Embedded {
    /// The connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Gives up the share and, where it was the last, waits for the daemon's end. Dropping does the same.
    pub fn stop(self) {}
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.users.take());
        let deadline = Instant::now() + Duration::from_secs(15);
        while Instant::now() < deadline && self.is_ending() {
            std::thread::sleep(Duration::from_millis(2));
        }
        // A keeper of ours that still serves others is theirs now; init reaps it.
        if let Some(mut keeper) = self.keeper.take() {
            let _ = keeper.try_wait();
        }
    }
}

impl Embedded {
    /// Whether the keeper still runs though nobody uses it any more.
    fn is_ending(&mut self) -> bool {
        if let Some(keeper) = &mut self.keeper
            && matches!(keeper.try_wait(), Ok(Some(_)))
        {
            return false;
        }
        let alive = matches!(Lock::open(&self.run.keeper_lock()).and_then(|lock| lock.try_take(Hold::Alone)), Ok(None));
        // A share can be had only while other commands hold theirs and the keeper waits for them.
        let nobody = || matches!(Lock::open(&self.run.users_lock()).and_then(|lock| lock.try_take(Hold::Alone)), Ok(Some(_)));
        let others = || matches!(Lock::open(&self.run.users_lock()).and_then(|lock| lock.try_take(Hold::Shared)), Ok(Some(_)));
        alive && (nobody() || !others())
    }
}

/// The files of one daemon, all in one private directory.
#[derive(Clone, Debug)]
struct Run {
    dir: PathBuf,
}

impl Run {
    fn start_lock(&self) -> PathBuf {
        self.dir.join("start.lock")
    }

    fn users_lock(&self) -> PathBuf {
        self.dir.join("users.lock")
    }

    fn keeper_lock(&self) -> PathBuf {
        self.dir.join("keeper.lock")
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("buildkitd.sock")
    }
}

/// Joins the daemon of this cache, or starts it.
pub async fn start(options: &EmbeddedOptions, events: &Events) -> Result<Embedded, EmbeddedError> {
    let began = Instant::now();
    let _wait = events.wait("the builder", "start");
    let options = options.clone();
    let told = events.clone();
    // gone where nobody waits for the daemon any more
    let wanted = Arc::new(());
    let is_wanted = Arc::downgrade(&wanted);
    let prepared = tokio::task::spawn_blocking(move || prepare(&options, &told, &|| is_wanted.strong_count() > 0)).await;
    drop(wanted);
    let mut prepared = prepared.map_err(|error| EmbeddedError::io("start", Path::new("buildkitd"), std::io::Error::other(error)))??;

    let endpoint = Endpoint::Unix(prepared.run.socket());
    let deadline = Instant::now() + PATIENCE;
    let mut slow = Waiting::new(events, "buildkitd", "open its cache and listen");
    let client = loop {
        let options = ConnectOptions { timeout: Duration::from_secs(2), wait: false };
        match connect(&endpoint, options).await {
            Ok(client) => break client,
            Err(cause) if !prepared.is_alive() || Instant::now() > deadline => {
                return Err(EmbeddedError::failed(&prepared.log, cause));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(3)).await,
        }
        slow.look(began.elapsed());
    };
    drop(slow);
    let client = client.with_log(prepared.log.clone());
    events.emit(Event::BuilderReady { endpoint: "embedded buildkitd".into(), took: began.elapsed() });
    Ok(Embedded { client, run: prepared.run, users: Some(prepared.users), keeper: prepared.keeper })
}

/// A daemon that is about to listen, or does already.
struct Prepared {
    run: Run,
    log: PathBuf,
    users: Lock,
    keeper: Option<Child>,
}

impl Prepared {
    fn is_alive(&mut self) -> bool {
        match &mut self.keeper {
            Some(keeper) => matches!(keeper.try_wait(), Ok(None)),
            None => matches!(Lock::open(&self.run.keeper_lock()).and_then(|lock| lock.try_take(Hold::Alone)), Ok(None)),
        }
    }
}

/// Says of a wait that it takes long, once, and when it is over.
struct Waiting<'a> {
    events: &'a Events,
    whom: &'static str,
    doing: &'static str,
    is_told: bool,
}

impl<'a> Waiting<'a> {
    fn new(events: &'a Events, whom: &'static str, doing: &'static str) -> Self {
        Waiting { events, whom, doing, is_told: false }
    }

    fn look(&mut self, since: Duration) {
        if !self.is_told && since > SLOW {
            self.is_told = true;
            self.events.emit(Event::Slow { whom: self.whom.to_owned(), doing: self.doing.to_owned(), since });
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_told {
            self.events.emit(Event::SlowOver { whom: self.whom.to_owned() });
        }
    }
}

/// `is_wanted` says whether anybody still waits for the daemon.
fn prepare(options: &EmbeddedOptions, events: &Events, is_wanted: &dyn Fn() -> bool) -> Result<Prepared, EmbeddedError> {
    let uid = rustix::process::geteuid().as_raw();
    let search = find::Search::new(options);
    let daemon = search.daemon()?;
    let oci_runtime = search.oci_runtime()?;
    let name = config::name(&options.insecure_registries);
    let root = options.cache_dir.join(&name);
    fs::create_dir_all(&root).map_err(|cause| EmbeddedError::io("create", &root, cause))?;
    let run = run_dir(options, &root, uid)?;
    let log = options.cache_dir.join(format!("{name}.log"));

    let locked = |path: &Path, hold, whom, doing| {
        let mut waiting = Waiting::new(events, whom, doing);
        let watch = |since| {
            waiting.look(since);
            is_wanted()
        };
        Lock::open(path).and_then(|lock| lock.take_watched(hold, watch)).map_err(|cause| EmbeddedError::io("lock", path, cause))
    };
    let starting = locked(&run.start_lock(), Hold::Alone, "another command", "start the builder that both use")?;
    // Waits here while a keeper ends its daemon; with our share it will not begin to.
    let users = locked(&run.users_lock(), Hold::Shared, "a builder that ends", "start it again")?;
    let keeper_lock = Lock::open(&run.keeper_lock()).and_then(|lock| lock.try_take(Hold::Alone));
    let keeper_lock = keeper_lock.map_err(|cause| EmbeddedError::io("lock", &run.keeper_lock(), cause))?;
    let Some(keeper_lock) = keeper_lock else {
        return Ok(Prepared { run, log, users, keeper: None });
    };

    for dir in leftovers::remove(&root) {
        events.emit(Event::Warned {
            message: format!("{} was left half-made by a builder that was killed, and cannot be removed", dir.display()),
            help: Some(format!("if builds fail with \"file exists\", remove it, or all of {}", root.display())),
        });
    }
    let namespace = ids::namespace(uid, &search);
    if matches!(namespace, Namespace::SingleId { .. }) {
        events.emit(Event::Warned {
            message: "buildkitd runs with a single user id: images whose files belong to other users cannot be unpacked".into(),
            help: Some("install newuidmap and newgidmap (package uidmap) and give the user a range in /etc/subuid and /etc/subgid".into()),
        });
    }
    let plan = Plan {
        daemon,
        config: run.dir.join("buildkitd.toml"),
        log: log.clone(),
        users_lock: run.users_lock(),
        runtime_dir: run.dir.clone(),
        path: search.path(),
        own_binary: options.own_binary.clone(),
        namespace,
    };
    let oci_runtime = match plan.namespace {
        Namespace::SingleId { .. } => runtime::install(&run.dir, &options.own_binary, &oci_runtime)?,
        _ => oci_runtime,
    };
    let rootless = !matches!(plan.namespace, Namespace::Root);
    let text = config::render(&root, &run.dir, &oci_runtime, rootless, &options.insecure_registries);
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(|cause| EmbeddedError::io("write", path, cause));
    write(&plan.config, &text)?;
    write(&run.dir.join(plan::FILE), &plan.to_json())?;
    let _ = fs::remove_file(run.socket());
    let keeper = spawn_keeper(&plan, &run, keeper_lock, &options.environment)?;
    drop(starting);
    Ok(Prepared { run, log, users, keeper: Some(keeper) })
}

/// Starts the keeper; it inherits the lock as its standard input and so holds it as long as it lives.
fn spawn_keeper(plan: &Plan, run: &Run, lock: Lock, environment: &[(OsString, OsString)]) -> Result<Child, EmbeddedError> {
    let log = File::create(&plan.log).map_err(|cause| EmbeddedError::io("create", &plan.log, cause))?;
    let mut command = Command::new(&plan.own_binary);
    command.args([OsStr::new(REEXEC), OsStr::new("keep"), run.dir.as_os_str()]);
    // the command's own variables may be secrets of its job
    command.env_clear().env("PATH", &plan.path).envs(environment.iter().map(|(name, value)| (name, value)));
    command.current_dir("/").stdin(Stdio::from(lock.into_file())).stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(|cause| EmbeddedError::io("run", &plan.own_binary, cause))
}

/// A directory that only we can enter, one per cache.
fn run_dir(options: &EmbeddedOptions, root: &Path, uid: u32) -> Result<Run, EmbeddedError> {
    let root = fs::canonicalize(root).map_err(|cause| EmbeddedError::io("resolve", root, cause))?;
    let id = &blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex()[..12];
    let base = match &options.runtime_dir {
        Some(dir) if dir.is_dir() => dir.join("werf"),
        _ if uid == 0 && Path::new("/run").is_dir() => PathBuf::from("/run/werf"),
        _ => PathBuf::from(format!("/tmp/werf-{uid}")),
    };
    for dir in [base.clone(), base.join(id)] {
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Err(cause) if cause.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(EmbeddedError::io("create", &dir, cause));
            }
            _ => {}
        }
        // In /tmp somebody else may have been first.
        let meta = fs::symlink_metadata(&dir).map_err(|cause| EmbeddedError::io("read", &dir, cause))?;
        if !meta.is_dir() || meta.uid() != uid {
            return Err(EmbeddedError::Foreign { path: dir });
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(|cause| EmbeddedError::io("protect", &dir, cause))?;
    }
    Ok(Run { dir: base.join(id) })
}

/// First argument of our binary when it is one of the embedded daemon's helpers.
const REEXEC: &str = "__buildkitd";

/// Runs as a helper of the embedded daemon if the arguments say so; `None` for an ordinary command.
///
/// Call it first thing in `main`, before any thread starts: a user namespace can be entered only by a process without threads.
pub fn reexec(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let program = Path::new(args.first()?);
    if program.file_name() == Some(OsStr::new(runtime::NAME)) {
        return Some(runtime::run(program, &args[1..]));
    }
    if args.get(1)? != REEXEC {
        return None;
    }
    let dir = args.get(3).map(PathBuf::from)?;
    match args.get(2)?.to_str()? {
        "keep" => Some(keeper::keep(&dir)),
        "launch" => Some(launch::launch(&dir)),
        _ => None,
    }
}

/// What a daemon's log says of trouble: the last lines above mere information.
pub(super) fn log_tail(path: &Path) -> Option<String> {
    // Said at every start, and harmless.
    const USUAL: [&str; 5] = ["level=info", "level=debug", "using host network", "fsverity", "only the default worker"];
    let text = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !USUAL.iter().any(|usual| line.contains(usual))).collect();
    let tail = lines[lines.len().saturating_sub(10)..].join("\n");
    Some(tail).filter(|tail| !tail.is_empty())
}
