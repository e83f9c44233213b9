//! Where a clone came from, and who brings from there what it lacks when somebody wants it ([`Provider`]).
//!
//! A clone's own `.git/config` is the user's: its remote, its `submodule.*.url` and what it says of HTTP count, the last for that remote's
//! host alone. What a commit says (`.gitmodules`, `.lfsconfig`) decides what is fetched, and never who gets the user's credentials.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gix::bstr::ByteSlice;
use tokio::runtime::Handle;

use super::address::{Address, Login, parse, shown};
use super::error::RemoteError;
use super::lfs::{LfsServer, fetch_lfs};
use super::objects::fetch_objects;
use super::{Access, Credentials, Revision, resolve};
use crate::file_tree::ObjectId;
use crate::project::git::provider::{Binding, NotBrought, Provider};
use crate::project::git::repository::promisor;
use crate::project::git::{Pointer, Repository, lfs};

/// Makes what servers are reached with, when it is needed.
type MakeAccess = dyn Fn() -> Result<Access, RemoteError> + Send + Sync;

/// How servers are reached, which most runs never have to know.
struct Reach {
    make: Box<MakeAccess>,
    made: OnceLock<Result<Access, RemoteError>>,
    runtime: Handle,
}

impl Reach {
    fn known(access: Access, runtime: Handle) -> Arc<Self> {
        Arc::new(Reach { make: Box::new(move || Ok(access.clone())), made: OnceLock::new(), runtime })
    }
}

/// Where a clone came from.
#[derive(Clone, Debug)]
enum Source {
    /// What the clone's own configuration says.
    Configured,
    /// A URL, and the login for it.
    Url(String, Option<Login>),
}

/// Brings what one clone lacks, one thing at a time.
pub struct Upstream {
    reach: Arc<Reach>,
    source: Source,
    turn: Mutex<()>,
}

impl Upstream {
    /// For a clone whose own configuration says where it came from. Must be made in the runtime that fetches; its methods may be called from any
    /// thread that may block, and from the workers of a runtime that has several.
    pub fn of_clone(access: impl Fn() -> Result<Access, RemoteError> + Send + Sync + 'static) -> Self {
        let reach = Reach { make: Box::new(access), made: OnceLock::new(), runtime: Handle::current() };
        Upstream::new(Arc::new(reach), Source::Configured)
    }

    /// For a clone of a URL.
    pub(super) fn of_url(access: &Access, url: &str, login: Option<&Login>) -> Self {
        Upstream::new(Reach::known(access.clone(), Handle::current()), Source::Url(url.to_owned(), login.cloned()))
    }

    fn new(reach: Arc<Reach>, source: Source) -> Self {
        Upstream { reach, source, turn: Mutex::new(()) }
    }

    /// What all other servers are reached with.
    fn plain_access(&self) -> Result<Access, RemoteError> {
        self.reach.made.get_or_init(&*self.reach.make).clone()
    }

    /// What the server that the clone came from is reached with.
    /// `is_own`: it is asked for the clone's own repository.
    fn access(&self, repository: &Repository, is_own: bool) -> Result<Access, RemoteError> {
        let access = self.plain_access()?;
        match self.source {
            Source::Url(..) => Ok(access),
            Source::Configured => {
                let settings =
                    repository.with(|repo| access.settings.with_clone(repo.config_snapshot().plumbing(), repository.place(), is_own))?;
                Ok(Access { settings: Arc::new(settings), ..access })
            }
        }
    }

    /// The URL that the clone came from, as written.
    fn url(&self, repository: &Repository) -> Result<String, RemoteError> {
        match &self.source {
            Source::Url(url, _) => Ok(url.clone()),
            Source::Configured => {
                let url = repository.with(|repo| configured(repo, "url"));
                url.ok_or_else(|| RemoteError::NoRemote { repository: repository.place().to_owned() })
            }
        }
    }

    fn login(&self) -> Option<&Login> {
        match &self.source {
            Source::Url(_, login) => login.as_ref(),
            Source::Configured => None,
        }
    }

    /// Waits for a fetch, or for the user's wish to stop.
    fn wait<T>(&self, access: &Access, work: impl Future<Output = Result<T, RemoteError>>, url: &str) -> Result<T, RemoteError> {
        let interruptible = async {
            let done = access.cancel.run_until_cancelled(work).await;
            done.unwrap_or_else(|| Err(RemoteError::Interrupted { url: shown(url) }))
        };
        tokio::task::block_in_place(|| self.reach.runtime.block_on(interruptible))
    }

    fn bring_content(&self, repository: &Repository, named: Option<&str>, wanted: &[Pointer]) -> Result<(), RemoteError> {
        let access = self.access(repository, true)?;
        let (user, stores) = repository.with(|repo| {
            let named = repo.config_snapshot().string("lfs.url").map(|url| url.to_string());
            (named.or_else(|| configured(repo, "lfsurl")).filter(|url| !url.is_empty()), lfs::stores(repo))
        });
        let store = stores.into_iter().next().unwrap_or_else(|| PathBuf::from("lfs"));
        let (server, credentials) = match (user, named) {
            // What the clone's configuration keeps for its remote is not for another host.
            (Some(url), _) => match self.url(repository).is_ok_and(|own| access.is_same_host(&own, &url)) {
                true => (LfsServer::User(url), Credentials::All),
                false => (LfsServer::User(url), Credentials::OfHost),
            },
            (None, Some(url)) => (LfsServer::Commit { url: url.to_owned(), repository: self.url(repository)? }, access.credentials),
            (None, None) => (LfsServer::Of(self.url(repository)?), access.credentials),
        };
        let access = Access { credentials, ..access };
        self.wait(&access, fetch_lfs(&access, &server, self.login(), wanted, &store), server.url())
    }

    fn bring_objects(&self, repository: &Repository, wanted: &[ObjectId]) -> Result<(), RemoteError> {
        // Somebody may have brought some meanwhile.
        let absent = repository.promised(wanted.iter().copied());
        if absent.is_empty() {
            return Ok(());
        }
        let access = self.access(repository, true)?;
        let (promisor, git_dir) = repository.with(|repo| {
            let url = promisor(repo).and_then(|name| value_of(repo, &name, "url"));
            (url, repo.common_dir().to_owned())
        });
        let url = promisor.map_or_else(|| self.url(repository), Ok)?;
        self.wait(&access, fetch_objects(&access, &url, self.login(), absent, &git_dir), &url)
    }

    fn bring_submodule(&self, above: &Repository, wanted: &Binding) -> Result<(Arc<Repository>, Arc<dyn Provider>), RemoteError> {
        let set = above.with(|repo| {
            let config = repo.config_snapshot();
            config.plumbing().string_by("submodule", Some(wanted.name.as_bytes().as_bstr()), "url").map(|url| url.to_string())
        });
        let is_users = set.is_some();
        let url = set.or_else(|| wanted.url.clone()).ok_or_else(|| RemoteError::NoUrl { name: wanted.name.clone() })?;
        let is_relative = url.starts_with("./") || url.starts_with("../");
        // A clone without a remote is its own, as for Git.
        let base = || self.url(above).unwrap_or_else(|_| above.place().display().to_string());
        let url = if is_relative { relative(&base(), &url)? } else { url };
        // At the clone's own server.
        let access = if is_relative { self.access(above, false)? } else { self.plain_access()? };
        if !is_users && !is_relative && matches!(parse(&access.settings.rewritten(&url), &access.base_dir)?, Address::Local(_)) {
            return Err(RemoteError::OfThisMachine { url: shown(&url), name: wanted.name.clone() });
        }
        let login = self.login().filter(|_| is_relative);
        let credentials = if is_users { Credentials::All } else { Credentials::OfHost };
        let access = Access { credentials, ..access };
        let revision = Revision::Commit(wanted.commit.to_string());
        let remote = self.wait(&access, resolve(&access, &url, &revision, login), &url)?;
        let reach = Reach::known(access, self.reach.runtime.clone());
        Ok((remote.repository, Arc::new(Upstream::new(reach, Source::Url(url, login.cloned())))))
    }
}

impl Provider for Upstream {
    fn content(&self, repository: &Repository, named: Option<&str>, wanted: &[Pointer]) -> Result<(), NotBrought> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.bring_content(repository, named, wanted).map_err(NotBrought::new)
    }

    fn objects(&self, repository: &Repository, wanted: &[ObjectId]) -> Result<(), NotBrought> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.bring_objects(repository, wanted).map_err(NotBrought::new)
    }

    fn submodule(&self, above: &Repository, wanted: &Binding) -> Result<(Arc<Repository>, Arc<dyn Provider>), NotBrought> {
        self.bring_submodule(above, wanted).map_err(NotBrought::new)
    }

    fn inner(&self) -> Arc<dyn Provider> {
        Arc::new(Upstream::new(self.reach.clone(), Source::Configured))
    }
}

/// A value of the remote that a clone is fetched from: that of the branch, else `origin`, else the only one.
fn configured(repo: &gix::Repository, key: &str) -> Option<String> {
    let config = repo.config_snapshot();
    let config = config.plumbing();
    let names: Vec<String> = config
        .sections_by_name("remote")
        .into_iter()
        .flatten()
        .filter_map(|section| section.header().subsection_name().map(|name| name.to_string()))
        .collect();
    let branch = repo.head_name().ok().flatten().map(|name| name.shorten().to_string());
    let of_branch = branch.and_then(|branch| config.string_by("branch", Some(branch.as_bytes().as_bstr()), "remote"));
    let of_branch = of_branch.map(|name| name.to_string()).filter(|name| names.contains(name));
    let name = of_branch.or_else(|| names.iter().find(|name| *name == "origin").or(names.first()).cloned())?;
    value_of(repo, &name, key)
}

/// A value of a remote.
fn value_of(repo: &gix::Repository, name: &str, key: &str) -> Option<String> {
    let value = repo.config_snapshot().plumbing().string_by("remote", Some(name.as_bytes().as_bstr()), key)?;
    Some(value.to_string()).filter(|value| !value.is_empty())
}

/// A URL relative to another, as `git submodule` reads it: `../` takes a part of the path away.
fn relative(base: &str, url: &str) -> Result<String, RemoteError> {
    let outside = || RemoteError::Address { url: url.to_owned(), problem: format!("it leads out of `{}`", shown(base)) };
    let base = base.trim_end_matches('/');
    // The host is no part that may be taken away.
    let root = match base.split_once("://") {
        Some((scheme, rest)) => scheme.len() + 3 + rest.find('/').unwrap_or(rest.len()),
        None => base.find(':').filter(|at| !base[..*at].contains('/')).map_or(0, |at| at + 1),
    };
    let (mut end, mut rest) = (base.len(), url);
    loop {
        if let Some(inner) = rest.strip_prefix("./") {
            rest = inner;
        } else if let Some(inner) = rest.strip_prefix("../") {
            if end <= root {
                return Err(outside());
            }
            end = root + base[root..end].rfind('/').unwrap_or(0);
            rest = inner;
        } else {
            break;
        }
    }
    let rest = rest.trim_end_matches('/');
    if rest.split('/').any(|part| part == "..") {
        return Err(outside());
    }
    let above = &base[..end];
    let joint = if above.len() == root && root > 0 && !base.contains("://") { "" } else { "/" };
    Ok(format!("{above}{joint}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_are_read_as_git_submodule_reads_them() {
        for (base, url, expect) in [
            ("https://t@host/group/app.git", "../lib.git", Some("https://t@host/group/lib.git")),
            ("https://host/group/app.git/", "../../other/lib/", Some("https://host/other/lib")),
            ("https://host/app", "./lib", Some("https://host/app/lib")),
            ("https://host/app", "../lib", Some("https://host/lib")),
            ("https://host/app", "../../evil.example/lib", None),
            ("https://host/app", "./a/../../../lib", None),
            ("git@host:group/app.git", "../lib.git", Some("git@host:group/lib.git")),
            ("git@host:app.git", "../lib.git", Some("git@host:lib.git")),
            ("git@host:app.git", "../../lib.git", None),
            ("ssh://git@host:22/a/b", "../c", Some("ssh://git@host:22/a/c")),
            ("/srv/git/app", "../lib", Some("/srv/git/lib")),
        ] {
            assert_eq!(relative(base, url).ok().as_deref(), expect, "{base} {url}");
        }
    }
}
