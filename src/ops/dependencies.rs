//! The charts that a project's chart depends on and that are not below `charts/`: they come from the commit (`file://`) or from where
//! Chart.lock says, each checked against what is declared and locked.
//!
//! What a lock file means is kept, so the network is needed once for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use miette::Diagnostic;
use thiserror::Error;

use super::chart_store;
use super::{ChartOptions, ProjectOptions, RegistryOptions, Run};
use crate::chart::{self, Chart, ChartError, Defaults, Dependency, HelmCompat, Lock, is_compatible};
use crate::chart_repository::{self, Access, Index, Pin, SourceError, Store, oci, url};
use crate::error::{Error, Problems, Result};
use crate::event::Event;
use crate::file_tree::FileTree;

/// Downloads under way at once.
pub const AT_ONCE: usize = 8;

/// Adds the charts that the commit itself has elsewhere: `file://` with a path from the chart's directory.
pub fn add_local(chart: &mut Chart, files: &dyn FileTree, dir: &str, compat: HelmCompat) -> Result<()> {
    for Wanted { dependency: wanted, .. } in missing(chart) {
        let Some(path) = wanted.repository.strip_prefix("file://") else { continue };
        let wrong =
            |problem: &'static str| DependencyError::Local { name: wanted.name.clone(), repository: wanted.repository.clone(), problem };
        let place = inside(dir, path).ok_or_else(|| wrong("its path leads out of the repository"))?;
        let found = match chart::load(files, &place, &Defaults { compat, ..Defaults::default() }) {
            Err(ChartError::NoChart { .. }) => return Err(wrong("the commit has no such directory").into()),
            found => found?,
        };
        add(chart, found, &wanted, &wanted.version)?;
    }
    Ok(())
}

/// A path from a directory of the commit; `None` where it leads out of it.
fn inside(dir: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Adds the charts of repositories and registries, by what Chart.lock says. Asks nobody where all of them are at hand.
pub async fn add_remote(
    chart: &mut Chart,
    options: &ProjectOptions,
    registry: &RegistryOptions,
    compat: HelmCompat,
    run: &Run,
) -> Result<()> {
    let wanted: Vec<Wanted> = missing(chart).into_iter().filter(|wanted| !wanted.dependency.repository.is_empty()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let (lock, bytes) = lock(chart, &wanted, run)?;
    let names = Names::of(chart);
    let locked: Vec<&Dependency> = together(wanted.iter().map(|wanted| locked(&lock, wanted, &names, &chart.path)).collect())?;
    let store = chart_store::open(&options.charts, registry, run)?;
    let pin = |locked: &Dependency| Pin::new(&bytes, &locked.name, &locked.version, &locked.repository);
    let at_hand: Vec<Option<Vec<u8>>> = locked.iter().map(|locked| store.archives.pinned(&pin(locked))).collect();
    let absent = locked.iter().zip(&at_hand).filter(|(_, archive)| archive.is_none()).map(|(locked, _)| *locked).collect();
    let ChartOptions { skip_refresh, skip_tls_verify, .. } = options.charts;
    let fetching = Fetching { store, indexes: BTreeMap::new(), skip_refresh, skip_tls_verify };
    let fetched = run.cancel.run_until_cancelled(fetching.all(absent)).await;
    let (store, fetched) = fetched.ok_or(DependencyError::Cancelled)??;
    let mut fetched = fetched.into_iter();
    for ((wanted, locked), at_hand) in wanted.iter().zip(&locked).zip(at_hand) {
        let is_new = at_hand.is_none();
        let Some(archive) = at_hand.or_else(|| fetched.next()) else { break };
        let path = format!("{}/charts/{}-{}.tgz", chart.path, locked.name, locked.version);
        let found = chart::load_archive(&archive, &path, &Defaults { compat, ..Defaults::default() })?;
        add(chart, found, &wanted.dependency, &locked.version)?;
        if is_new {
            // only what turned out to be the chart is kept as such
            store.archives.pin(&pin(locked), &archive);
            let Dependency { name, version, repository, .. } = Dependency::clone(locked);
            run.events.emit(Event::ChartFetched { name, version, repository: shown(&repository) });
        }
    }
    Ok(())
}

/// The chart's lock, parsed and as it is kept apart from others.
fn lock(chart: &Chart, wanted: &[Wanted], run: &Run) -> Result<(Lock, Vec<u8>)> {
    let Names { lock: file, declared } = Names::of(chart);
    let Some(written) = &chart.lock else {
        let list = wanted.iter().map(|one| format!("`{}`", one.dependency.name)).collect::<Vec<_>>().join(", ");
        return Err(DependencyError::NoLock { list, chart: chart.path.to_string(), lock: file }.into());
    };
    let lock = Lock::read(written).map_err(|problem| DependencyError::Lock { chart: chart.path.to_string(), lock: file, problem })?;
    // a chart of its own range and repository was locked for each: that is enough to go on
    let fits = wanted.iter().all(|wanted| lock.entry(wanted.place, &wanted.dependency).is_some());
    if fits && !lock.is_for(&chart.metadata.dependencies) {
        run.events.emit(Event::Warned {
            message: format!("{file} was made for other dependencies than {declared} declares; what is locked fits all the same"),
            help: Some(format!("run `werf helm dependency update {}` and commit {file}", chart.path)),
        });
    }
    Ok((lock, written.to_string().into_bytes()))
}

/// A URL without user and password.
fn shown(repository: &str) -> String {
    url::split_login(repository).0
}

/// A declared dependency that is missing, and its place among the declared ones.
struct Wanted {
    place: usize,
    dependency: Dependency,
}

/// Declared dependencies that no chart below `charts/` is.
fn missing(chart: &Chart) -> Vec<Wanted> {
    let is = |present: &Chart, wanted: &Dependency| {
        present.name() == wanted.name && (wanted.version.is_empty() || is_compatible(&wanted.version, &present.metadata.version))
    };
    let absent = |(_, wanted): &(usize, &Dependency)| !chart.dependencies.iter().any(|present| is(present, wanted));
    let declared = chart.metadata.dependencies.iter().enumerate().filter(absent);
    declared.map(|(place, wanted)| Wanted { place, dependency: wanted.clone() }).collect()
}

/// Adds a chart where it would stand below `charts/`.
fn add(chart: &mut Chart, found: Chart, wanted: &Dependency, version: &str) -> Result<(), DependencyError> {
    let fits = version.is_empty() || found.metadata.version == version || is_compatible(version, &found.metadata.version);
    if found.name() != wanted.name || !fits {
        let (name, repository) = (wanted.name.clone(), shown(&wanted.repository));
        let found = format!("`{}` {}", found.name(), found.metadata.version);
        return Err(DependencyError::Other { name, version: version.to_owned(), repository, found });
    }
    let same = |one: &Chart| one.name() == found.name() && one.metadata.version == found.metadata.version;
    if !chart.dependencies.iter().any(same) {
        chart.dependencies.push(found);
        chart.dependencies.sort_by(|one, other| one.path.cmp(&other.path));
    }
    Ok(())
}

/// What the files of a chart are called.
#[derive(Clone, Copy)]
struct Names {
    declared: &'static str,
    lock: &'static str,
}

impl Names {
    fn of(chart: &Chart) -> Names {
        match chart.metadata.api_version.as_str() {
            "v1" => Names { declared: "requirements.yaml", lock: "requirements.lock" },
            _ => Names { declared: "Chart.yaml", lock: "Chart.lock" },
        }
    }
}

fn locked<'l>(lock: &'l Lock, wanted: &Wanted, names: &Names, chart: &str) -> Result<&'l Dependency> {
    let Wanted { place, dependency: wanted } = wanted;
    let out_of_sync = || {
        let same: Vec<&Dependency> = lock.dependencies.iter().filter(|locked| locked.name == wanted.name).collect();
        let has = match same.first() {
            None => "has no such chart".to_owned(),
            Some(locked) => format!("has version {} from {}", locked.version, shown(&locked.repository)),
        };
        DependencyError::OutOfSync {
            name: wanted.name.clone(),
            version: if wanted.version.is_empty() { "any version".into() } else { format!("`{}`", wanted.version) },
            repository: shown(&wanted.repository),
            has,
            declared: names.declared,
            lock: names.lock,
            chart: chart.to_owned(),
        }
    };
    lock.entry(*place, wanted).ok_or_else(|| out_of_sync().into())
}

/// The values, or all the errors at once.
pub fn together<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(values),
        1 => Err(errors.remove(0)),
        n => Err(Problems::new(
            format!("{n} dependencies of the chart cannot be had"),
            errors.into_iter().map(Error::into_diagnostic).collect(),
        )
        .into()),
    }
}

/// Repositories whose indexes were read for this command.
struct Fetching {
    store: Store,
    indexes: BTreeMap<String, Arc<Index>>,
    skip_refresh: bool,
    skip_tls_verify: bool,
}

impl Fetching {
    /// The archives of these, side by side; gives the store back.
    async fn all(self, wanted: Vec<&Dependency>) -> Result<(Store, Vec<Vec<u8>>)> {
        let this = self.with_indexes(&wanted).await?;
        let fetches = stream::iter(wanted.into_iter().map(|locked| this.fetch(locked)));
        let archives = together(fetches.buffered(AT_ONCE).collect().await)?;
        Ok((this.store, archives))
    }

    /// Reads each index that is needed, all at once.
    async fn with_indexes(mut self, wanted: &[&Dependency]) -> Result<Fetching> {
        let places = wanted.iter().map(|one| one.repository.clone());
        let places: BTreeSet<String> = places.filter(|place| !place.starts_with("oci://")).collect();
        let read = |place: String| {
            let this = &self;
            async move {
                let index = this.index(&place).await?;
                Ok((place, Arc::new(index)))
            }
        };
        let indexes = together(stream::iter(places.into_iter().map(read)).buffered(AT_ONCE).collect().await)?;
        self.indexes = indexes.into_iter().collect();
        Ok(self)
    }

    async fn index(&self, place: &str) -> Result<Index, SourceError> {
        match self.store.repositories.by_url(place) {
            Some(entry) if self.skip_refresh => self.store.cached_index(entry),
            _ => self.store.index(place, &self.access(place)).await,
        }
    }

    /// How a repository is reached: as it was added, with what the user says now.
    fn access(&self, place: &str) -> Access {
        let mut access = self.store.access(place);
        access.tls.skip_verify |= self.skip_tls_verify;
        access
    }

    async fn fetch(&self, locked: &Dependency) -> Result<Vec<u8>> {
        let Dependency { name, version, repository, .. } = locked;
        if repository.starts_with("oci://") {
            let (repository, ..) = oci::parse(&format!("{}/{name}", repository.trim_end_matches('/')))?;
            let reference = oci::reference(&repository, version)?;
            return Ok(self.store.pull(reference).await?.archive.to_vec());
        }
        let index = self.indexes.get(repository).cloned().unwrap_or_default();
        let found = chart_repository::find(&index, repository, name, version)?;
        Ok(self.store.archive(&found, &self.access(repository)).await?)
    }
}

#[derive(Debug, Error, Diagnostic)]
enum DependencyError {
    #[error("the fetching of charts was cancelled")]
    Cancelled,
    #[error(
        "{chart} depends on {list}, which {chart}/charts lacks, and the commit has no {chart}/{lock} that says which versions are meant"
    )]
    #[diagnostic(help(
        "run `werf helm dependency update {chart}` and commit {lock}; the archives in {chart}/charts need not be committed"
    ))]
    NoLock { list: String, chart: String, lock: &'static str },
    #[error("{chart}/{lock} cannot be read: {problem}")]
    #[diagnostic(help("run `werf helm dependency update {chart}` and commit {lock}"))]
    Lock { chart: String, lock: &'static str, problem: String },
    #[error("{lock} does not fit {declared}: `{name}` is declared with {version} from {repository}, the lock {has}")]
    #[diagnostic(help("run `werf helm dependency update {chart}` and commit {lock}"))]
    OutOfSync { name: String, version: String, repository: String, has: String, declared: &'static str, lock: &'static str, chart: String },
    #[error("dependency `{name}` cannot come from {repository}: {problem}")]
    #[diagnostic(help("the path is relative to the chart's directory and stays in the commit, such as `file://../common`"))]
    Local { name: String, repository: String, problem: &'static str },
    #[error("what {repository} has as `{name}` {version} is chart {found}")]
    #[diagnostic(help("declare it by the name and version of its Chart.yaml"))]
    Other { name: String, version: String, repository: String, found: String },
}
