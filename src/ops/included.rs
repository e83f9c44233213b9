//! Files of other repositories that belong to the project: from `werf-includes.yaml` to the tree that stands below the project's own files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::stream;
use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;
use tokio::runtime::Handle;

use super::project;
use super::{ProjectOptions, Run, remotes};
use crate::error::Result;
use crate::file_tree::FileTree;
use crate::project::config::image::{BasicAuth, Revision, SecretSource};
use crate::project::document::{self, Warning};
use crate::project::git::Repository;
use crate::project::git::remote::{self as git, Access, Login, Remote, RemoteError};
use crate::project::giterminism::Giterminism;
use crate::project::includes::{CONFIG_FILE, Include, Included, LOCK_FILE, Lock, Locked, Source, parse};

/// Repositories that are asked at once.
const AT_ONCE: usize = 8;

/// Who asks other repositories for what is included, each revision once in a run.
pub struct Includer {
    options: ProjectOptions,
    directory: PathBuf,
    run: Run,
    known: Mutex<BTreeMap<(String, Revision), Remote>>,
}

/// What is included, and what deserves attention in the file that says so.
pub struct Found {
    /// The files.
    pub files: Arc<Included>,
    /// What deserves attention.
    pub warnings: Vec<Warning>,
}

impl Includer {
    /// Nothing is asked yet.
    pub fn new(options: &ProjectOptions, repository: &Repository, run: &Run) -> Arc<Self> {
        // It is kept by the project, for which the display must not wait.
        let run = Run { events: run.events.lent(), ..run.clone() };
        Arc::new(Includer { options: options.clone(), directory: project::directory(repository), run, known: Mutex::default() })
    }

    /// Whether revisions are taken as they are now, whatever the lock says.
    pub fn is_latest(&self) -> bool {
        self.options.allow_includes_update
    }

    /// What a commit includes; `None` where it includes nothing. Waits for servers.
    ///
    /// # Errors
    /// The files are wrong, differ from the commit, or a repository is not to be had.
    pub fn find(&self, rules: &Giterminism) -> Result<Option<Found>> {
        if self.is_latest() && !rules.allows(|policy| policy.includes_update) {
            return Err(Problem::NotAllowed.into());
        }
        let Some(Said { includes, text, warnings }) = read(rules)? else { return Ok(None) };
        if includes.is_empty() {
            return Ok(Some(Found { files: Arc::default(), warnings }));
        }
        let wanted = if self.is_latest() { of_now(&includes) } else { self.locked(rules, &includes, &text)? };
        // What they do not say alike would be fetched for nothing.
        rules.finish()?;
        let remotes = self.resolve(&text, wanted)?;
        Ok(Some(Found { files: Arc::new(files(&includes, &remotes, &text)?), warnings }))
    }

    /// The commits of all revisions as they are now, in the order of the includes.
    ///
    /// # Errors
    /// There is no `werf-includes.yaml`, it is wrong, or a repository is not to be had.
    pub fn lock(&self, rules: &Giterminism) -> Result<(Lock, Vec<Warning>)> {
        let read = read(rules)?;
        rules.finish()?;
        let Some(Said { includes, text, warnings }) = read else {
            return Err(Problem::NoConfig { commit: rules.commit().to_owned() }.into());
        };
        let remotes = self.resolve(&text, of_now(&includes))?;
        let mut lock = Lock::default();
        for (include, remote) in includes.into_iter().zip(remotes) {
            let locked = Locked { commit: remote.commit.id.to_string(), git: include.git, revision: include.revision };
            if lock.commit(&locked.git, &locked.revision).is_none() {
                lock.0.push(locked);
            }
        }
        Ok((lock, warnings))
    }

    /// The commits that the lock has for the includes.
    fn locked<'i>(&self, rules: &Giterminism, includes: &'i [Include], text: &str) -> Result<Vec<(&'i Include, Revision)>> {
        let bytes = rules.own_file(LOCK_FILE)?;
        rules.finish()?;
        let bytes = bytes.ok_or_else(|| Problem::NoLock { commit: rules.commit().to_owned() })?;
        let lock = Lock::parse(&String::from_utf8_lossy(&bytes)).map_err(|problems| Problem::Wrong { file: LOCK_FILE, problems })?;
        let commit = |include: &'i Include| match lock.commit(&include.git, &include.revision) {
            Some(commit) => Ok((include, Revision::Commit(commit.to_owned()))),
            None => {
                let help = format!("run `werf includes update` and commit `{LOCK_FILE}`");
                Err(Problem::at(include, text, format!("`{LOCK_FILE}` has no commit for {}", named(include)), Some(help)))
            }
        };
        collect(includes.iter().map(commit))
    }

    /// The commits of revisions, in their order.
    fn resolve(&self, text: &str, wanted: Vec<(&Include, Revision)>) -> Result<Vec<Remote>> {
        let access = remotes::access(&self.options, &self.directory, &self.run)?;
        let answers = async {
            let asked = wanted.iter().map(|(include, revision)| self.ask(&access, include, revision, text));
            stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await
        };
        let stoppable = self.run.cancel.run_until_cancelled(answers);
        match tokio::task::block_in_place(|| Handle::current().block_on(stoppable)) {
            Some(answers) => collect(answers.into_iter()),
            None => Err(Problem::Interrupted.into()),
        }
    }

    async fn ask(&self, access: &Access, include: &Include, revision: &Revision, text: &str) -> Result<Remote, Problem> {
        let key = (include.git.clone(), revision.clone());
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let password = |auth: &BasicAuth| {
            let value = project::secret_value(&auth.password, self.options.env_lookup, &self.directory);
            value.map(|bytes| String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
        };
        let login = match &include.basic_auth {
            Some(auth) => {
                let password = password(auth).map_err(|error| Problem::of_diagnostic(include, text, &error))?;
                Some(Login { username: auth.username.clone(), password: Some(password) })
            }
            None => None,
        };
        let url = project::at_home(self.options.env_lookup, &include.git);
        let url = url.map_or_else(|| include.git.clone(), |path| path.to_string_lossy().into_owned());
        let asked = match revision {
            Revision::Branch(name) => git::Revision::Branch(name.clone()),
            Revision::Tag(name) => git::Revision::Tag(name.clone()),
            Revision::Commit(id) => git::Revision::Commit(id.clone()),
        };
        let found = git::resolve(access, &url, &asked, login.as_ref()).await;
        let found = found.map_err(|error| Problem::of_server(include, text, &error))?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }
}

/// What `werf-includes.yaml` says.
struct Said {
    includes: Vec<Include>,
    /// Its text, for errors.
    text: String,
    warnings: Vec<Warning>,
}

/// What a commit includes; `None` where there is no file.
fn read(rules: &Giterminism) -> Result<Option<Said>> {
    let Some(bytes) = rules.own_file(CONFIG_FILE)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (includes, warnings) = parse(&text).map_err(|problems| Problem::Wrong { file: CONFIG_FILE, problems })?;
    Ok(Some(Said { includes, text, warnings }))
}

fn of_now(includes: &[Include]) -> Vec<(&Include, Revision)> {
    includes.iter().map(|include| (include, include.revision.clone())).collect()
}

fn files(includes: &[Include], remotes: &[Remote], text: &str) -> Result<Included> {
    let mut files = Included::default();
    for (include, remote) in includes.iter().zip(remotes) {
        let source = Source { name: git::shown(&include.git), tree: remote.tree.clone() as Arc<dyn FileTree> };
        if files.add(include, source)? == 0 {
            let message = format!("nothing of `{}` at commit {} is included", git::shown(&include.git), remote.commit.short());
            let help = "`add` is a path from its root; `includePaths` and `excludePaths` count from there";
            return Err(Problem::at(include, text, message, Some(help.to_owned())).into());
        }
    }
    Ok(files)
}

fn named(include: &Include) -> String {
    let revision = match &include.revision {
        Revision::Branch(name) => format!("branch `{name}`"),
        Revision::Tag(name) => format!("tag `{name}`"),
        Revision::Commit(id) => format!("commit `{id}`"),
    };
    format!("{revision} of `{}`", git::shown(&include.git))
}

/// All values, or all problems.
fn collect<T>(results: impl Iterator<Item = Result<T, Problem>>) -> Result<Vec<T>> {
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    match problems.len() {
        0 => Ok(values),
        1 => Err(problems.remove(0).into()),
        _ => Err(Problem::Several { problems }.into()),
    }
}

/// Files of other repositories cannot be included.
#[derive(Debug, Error, Diagnostic)]
pub enum Problem {
    #[error("{file} has {} problem{}", .problems.len(), if .problems.len() == 1 { "" } else { "s" })]
    Wrong {
        file: &'static str,
        #[related]
        problems: Vec<document::Problem>,
    },
    #[error("commit {commit} has no `{CONFIG_FILE}`")]
    #[diagnostic(help("it names the repositories whose files belong to the project: write it, commit it, and run again"))]
    NoConfig { commit: String },
    #[error("commit {commit} has `{CONFIG_FILE}` and no `{LOCK_FILE}`")]
    #[diagnostic(help("run `werf includes update`, which writes the commits of the other repositories into it, and commit the file"))]
    NoLock { commit: String },
    #[error("giterminism does not allow `--allow-includes-update`")]
    #[diagnostic(help(
        "it makes the result depend on more than the commit; if that is wanted, commit `includes: {{allowIncludesUpdate: true}}` in werf-giterminism.yaml"
    ))]
    NotAllowed,
    #[error("interrupted")]
    Interrupted,
    #[error("{message}")]
    AtInclude {
        message: String,
        #[help]
        help: Option<String>,
        #[source_code]
        source_code: NamedSource<Arc<str>>,
        #[label("named here")]
        span: SourceSpan,
        /// Whether another answer of its server may come another time.
        may_change: bool,
    },
    #[error("{} includes are not to be had", .problems.len())]
    Several {
        #[related]
        problems: Vec<Problem>,
    },
}

impl Problem {
    /// Whether it may go away by itself: a server cannot be asked.
    pub fn may_change(&self) -> bool {
        match self {
            Problem::AtInclude { may_change, .. } => *may_change,
            Problem::Several { problems } => problems.iter().any(Problem::may_change),
            Problem::Interrupted => true,
            _ => false,
        }
    }

    fn at(include: &Include, text: &str, message: String, help: Option<String>) -> Self {
        let source_code = NamedSource::new(CONFIG_FILE, Arc::from(without_secrets(include, text))).with_language("yaml");
        Problem::AtInclude { message, help, source_code, span: include.span.clone().into(), may_change: false }
    }

    fn of_diagnostic(include: &Include, text: &str, error: &dyn Diagnostic) -> Self {
        Problem::at(include, text, error.to_string(), error.help().map(|help| help.to_string()))
    }

    fn of_server(include: &Include, text: &str, error: &RemoteError) -> Self {
        let is_gone = matches!(error, RemoteError::NoRevision { .. } | RemoteError::NoCommit { .. } | RemoteError::BadCommit { .. });
        match Problem::of_diagnostic(include, text, error) {
            Problem::AtInclude { message, help, source_code, span, .. } => {
                Problem::AtInclude { message, help, source_code, span, may_change: !is_gone }
            }
            other => other,
        }
    }
}

/// The text with stars in place of the login and the password that an include has in it.
fn without_secrets(include: &Include, text: &str) -> String {
    let login = include.git.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@')).map(|(login, _)| login);
    let password = include.basic_auth.as_ref().and_then(|auth| match &auth.password.source {
        SecretSource::Value(value) => Some(value.as_str()),
        SecretSource::Env(_) | SecretSource::File(_) => None,
    });
    let secrets = login.into_iter().chain(password).filter(|secret| !secret.is_empty());
    secrets.fold(text.to_owned(), |text, secret| text.replace(secret, &"*".repeat(secret.len())))
}
