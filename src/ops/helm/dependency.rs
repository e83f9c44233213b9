//! `werf helm dependency …`: the charts below `charts/` of a chart on the disk, and its Chart.lock.
//!
//! Everything is fetched before anything is written, so a failure leaves the chart as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::stream;
use miette::Diagnostic;
use thiserror::Error;

use super::dependency_fetch::{Archive, Planned, Provenance};
use super::dependency_list::sorted_entries;
use super::repo::{unable, updated};
use super::source::ReachOptions;
use super::verify::{self, VerifyError};
use crate::chart::{self, Chart, Dependency, HelmCompat, Lock, is_alias, is_compatible};
use crate::chart_repository::{self, Index, SourceError, Store, oci, url};
use crate::error::Result;
use crate::ops::dependencies::{AT_ONCE, together};
use crate::ops::files::{Unreadable, Unwritable, checked_name};
use crate::ops::{Run, chart_files, whole_file};

/// What `dependency build` and `update` are asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The chart's directory.
    pub chart: String,
    /// How repositories are reached.
    pub reach: ReachOptions,
    /// Indexes are taken from the cache.
    pub skip_refresh: bool,
    /// Archives must be signed by a key of this file.
    pub keyring: Option<PathBuf>,
}

/// Brings `charts/` to the newest versions that Chart.yaml allows, and Chart.lock with them.
pub async fn update(options: Options, run: Run) -> Result<String> {
    let options = Options { reach: options.reach.telling(&run), ..options };
    let chart = directory(&options.chart)?;
    updated_chart(&chart, &options).await
}

/// Brings `charts/` to what Chart.lock says; without one as `update` does. Archives that are not signed at all are no error here.
pub async fn build(options: Options, run: Run) -> Result<String> {
    let options = Options { reach: options.reach.telling(&run), ..options };
    let chart = directory(&options.chart)?;
    let Some(written) = &chart.lock else { return updated_chart(&chart, &options).await };
    let (lock_file, declared_in) = files(&chart);
    let lock = Lock::read(written).map_err(|problem| DependencyError::Lock { path: options.chart.clone() + "/" + lock_file, problem })?;
    if !lock.is_for(&chart.metadata.dependencies) {
        return Err(DependencyError::OutOfSync { lock: lock_file, declared: declared_in, chart: options.chart.clone() }.into());
    }
    let mut work = Work { takes_unsigned: true, ..Work::new(&options)? };
    if !options.skip_refresh {
        work.refresh().await;
    }
    work.place(&lock.dependencies, &options).await?;
    Ok(work.text)
}

async fn updated_chart(chart: &Chart, options: &Options) -> Result<String> {
    let mut declared = chart.metadata.dependencies.clone();
    if declared.is_empty() {
        return Ok(String::new());
    }
    let mut work = Work::new(options)?;
    work.resolve_aliases(&mut declared)?;
    if !options.skip_refresh {
        work.read_others(&declared).await;
        work.refresh().await;
    }
    let mut locked = Vec::new();
    for wanted in &declared {
        locked.push(work.locked(wanted, options).await?);
    }
    work.place(&locked, options).await?;
    let digest = chart::lock_digest(&declared, &locked);
    let is_same = chart.lock.as_ref().and_then(|lock| Lock::read(lock).ok()).is_some_and(|lock| lock.digest == digest);
    if !is_same {
        let lock = Lock { dependencies: locked, digest, generated: jiff::Timestamp::now().to_string() };
        let path = Path::new(&options.chart).join(files(chart).0);
        if path.is_symlink() {
            return Err(DependencyError::Link { path }.into());
        }
        whole_file::write(&path, lock.text().as_bytes()).map_err(|cause| Unwritable { path, cause })?;
    }
    Ok(work.text)
}

fn directory(path: &str) -> Result<Chart> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(DependencyError::Packed { path: path.to_owned() }.into()),
        _ => chart_files::load_any_chart(path),
    }
}

/// The names of the lock and of the file with the declarations.
fn files(chart: &Chart) -> (&'static str, &'static str) {
    match chart.metadata.api_version.as_str() {
        "v1" => ("requirements.lock", "requirements.yaml"),
        _ => ("Chart.lock", "Chart.yaml"),
    }
}

struct Work {
    store: Store,
    indexes: BTreeMap<String, Index>,
    text: String,
    planned: BTreeSet<String>,
    takes_unsigned: bool,
}

impl Work {
    fn new(options: &Options) -> Result<Work> {
        Ok(Work {
            store: options.reach.store()?,
            indexes: BTreeMap::new(),
            text: String::new(),
            planned: BTreeSet::new(),
            takes_unsigned: false,
        })
    }

    fn say(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Puts URLs in the place of `@name` and `alias:name`.
    fn resolve_aliases(&self, declared: &mut [Dependency]) -> Result<()> {
        for wanted in declared.iter_mut() {
            if let Ok(Some(entry)) = self.store.repositories.by_alias(&wanted.repository) {
                wanted.repository = entry.url.clone();
            } else if is_alias(&wanted.repository) {
                self.store.named(wanted.repository.trim_start_matches('@').trim_start_matches("alias:"))?;
            } else if !wanted.repository.is_empty() && !wanted.repository.contains("://") {
                return Err(DependencyError::Repository { name: wanted.name.clone(), repository: wanted.repository.clone() }.into());
            }
        }
        Ok(())
    }

    /// Reads the indexes of repositories that were not added.
    async fn read_others(&mut self, declared: &[Dependency]) {
        let is_other = |wanted: &&Dependency| {
            let place = &wanted.repository;
            (place.starts_with("http://") || place.starts_with("https://")) && self.store.repositories.by_url(place).is_none()
        };
        let mut named = BTreeSet::new();
        let others: Vec<String> =
            declared.iter().filter(is_other).filter(|wanted| named.insert(&wanted.name)).map(|wanted| wanted.repository.clone()).collect();
        if others.is_empty() {
            return;
        }
        self.say("Getting updates for unmanaged Helm repositories...");
        let places: BTreeSet<&String> = others.iter().collect();
        let reads = places.into_iter().map(async |place| (place.clone(), self.store.index(place, &self.store.access(place)).await));
        let read: BTreeMap<String, Result<Index, SourceError>> = stream::iter(reads).buffered(AT_ONCE).collect().await;
        for place in others {
            let shown = url::split_login(&place).0;
            match &read[&place] {
                Ok(_) => self.say(format!("...Successfully got an update from the \"{shown}\" chart repository")),
                Err(error) => self.text.push_str(&unable(&format!("\"{shown}\" chart repository"), error)),
            }
        }
        self.indexes.extend(read.into_iter().filter_map(|(place, index)| Some((place, index.ok()?))));
    }

    /// Reads the indexes of all repositories that were added.
    async fn refresh(&mut self) {
        if !self.store.repositories.repositories.is_empty() {
            let (text, _) = updated(&self.store, &[]).await;
            self.text.push_str(&text);
        }
    }

    /// The index of a repository: that of this run, the cached one of an added repository, else it is read.
    async fn index(&mut self, place: &str) -> Result<&Index> {
        if !self.indexes.contains_key(place) {
            let index = match self.store.repositories.by_url(place) {
                Some(entry) => self.store.cached_index(entry)?,
                None => self.store.index(place, &self.store.access(place)).await?,
            };
            self.indexes.insert(place.to_owned(), index);
        }
        Ok(&self.indexes[place])
    }

    /// The exact version for a declared dependency.
    async fn locked(&mut self, wanted: &Dependency, options: &Options) -> Result<Dependency> {
        let Dependency { name, version, repository, .. } = wanted;
        let exact = if repository.is_empty() {
            let place = Path::new(&options.chart).join("charts").join(name);
            if !place.exists() {
                return Err(DependencyError::NoDirectory { name: name.clone(), path: place }.into());
            }
            version.clone()
        } else if repository.starts_with("file://") {
            local(&options.chart, wanted)?.metadata.version
        } else if repository.starts_with("oci://") {
            let (place, ..) = oci::parse(&format!("{}/{name}", repository.trim_end_matches('/')))?;
            oci::resolve(self.store.registry(), &place, version).await?
        } else {
            let index = self.index(repository).await?;
            chart_repository::find(index, repository, name, version)?.version
        };
        Ok(Dependency { name: name.clone(), version: exact, repository: repository.clone(), ..Dependency::default() })
    }

    /// Fetches what is locked, then puts it into `charts/` and takes away what is outdated there.
    async fn place(&mut self, locked: &[Dependency], options: &Options) -> Result<()> {
        self.say(format!("Saving {} charts", locked.len()));
        let mut planned: Vec<Planned> = Vec::new();
        for dependency in locked {
            let origin = self.plan(dependency, options).await?;
            planned.extend(origin);
        }
        let fetches = planned.iter().map(|planned| planned.fetch(&self.store, options.keyring.is_some()));
        let archives = together(stream::iter(fetches).buffered(AT_ONCE).collect().await)?;
        for archive in &archives {
            checked_name(&archive.name)?;
            if let Some(keyring) = &options.keyring {
                self.verify(archive, keyring)?;
            }
        }
        let charts = Path::new(&options.chart).join("charts");
        let unwritable = |path: PathBuf| move |cause| Unwritable { path, cause };
        fs::create_dir_all(&charts).map_err(unwritable(charts.clone()))?;
        for Archive { name, bytes, .. } in &archives {
            let path = charts.join(name);
            whole_file::write(&path, bytes).map_err(unwritable(path.clone()))?;
        }
        self.remove_outdated(&charts, &archives, locked)
    }

    /// Takes archives out of `charts/` that are neither new nor of a dependency that lives there.
    fn remove_outdated(&mut self, charts: &Path, archives: &[Archive], locked: &[Dependency]) -> Result<()> {
        self.say("Deleting outdated charts");
        let kept: BTreeSet<&str> = archives.iter().map(|archive| archive.name.as_str()).collect();
        let own: BTreeSet<&str> = locked.iter().filter(|one| one.repository.is_empty()).map(|one| one.name.as_str()).collect();
        for path in sorted_entries(charts).map_err(|cause| Unreadable { path: charts.to_owned(), cause })? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() || kept.contains(name.as_str()) {
                continue;
            }
            match chart_files::load_chart(&path.to_string_lossy(), HelmCompat::default()) {
                Ok(chart) if own.contains(chart.name()) => {}
                Ok(_) => fs::remove_file(&path).map_err(|cause| Unwritable { path: path.clone(), cause })?,
                Err(error) => self.say(format!("Could not verify {} for deletion: {} (Skipping)", path.display(), error.diagnostic())),
            }
        }
        Ok(())
    }

    /// Where the archive of a dependency comes from; `None` for one that lives in `charts/` or comes already.
    async fn plan(&mut self, wanted: &Dependency, options: &Options) -> Result<Option<Planned>> {
        let Dependency { name, version, repository, .. } = wanted;
        if repository.is_empty() {
            self.say(format!("Dependency {name} did not declare a repository. Assuming it exists in the charts directory"));
            let place = Path::new(&options.chart).join("charts").join(name);
            fits(&chart_files::load_chart(&place.to_string_lossy(), HelmCompat::default())?, wanted)?;
            return Ok(None);
        }
        if repository.starts_with("file://") {
            return Ok(Some(Planned::Local(Box::new(local(&options.chart, wanted)?))));
        }
        let planned = if repository.starts_with("oci://") {
            let (place, ..) = oci::parse(&format!("{}/{name}", repository.trim_end_matches('/')))?;
            Planned::Registry { name: format!("{name}-{version}.tgz"), reference: oci::reference(&place, version)? }
        } else {
            let found = chart_repository::find(self.index(repository).await?, repository, name, version)?;
            Planned::Http { found, access: self.store.access(repository) }
        };
        let is_new = self.planned.insert(planned.place());
        let verb = if is_new { "Downloading" } else { "Already downloaded" };
        self.say(format!("{verb} {name} from repo {}", url::split_login(repository).0));
        Ok(Some(planned).filter(|_| is_new))
    }

    fn verify(&mut self, archive: &Archive, keyring: &Path) -> Result<()> {
        match &archive.provenance {
            Provenance::Unasked => Ok(()),
            Provenance::Found(provenance) => {
                verify::verified(&archive.bytes, &archive.name, provenance, keyring).map(drop).map_err(Into::into)
            }
            Provenance::Missing(error) if self.takes_unsigned => {
                self.say(format!("WARNING: Verification not found for {}: {error}", archive.name));
                Ok(())
            }
            Provenance::Missing(reason) => Err(VerifyError::NoProvenance { name: archive.name.clone(), reason: reason.clone() }.into()),
        }
    }
}

/// The chart of a `file://` dependency, of a version that is allowed.
fn local(chart: &str, wanted: &Dependency) -> Result<Chart> {
    let path = wanted.repository.strip_prefix("file://").unwrap_or_default();
    let place = if path.starts_with('/') { PathBuf::from(path) } else { Path::new(chart).join(path) };
    if !place.exists() {
        return Err(DependencyError::NoDirectory { name: wanted.name.clone(), path: place }.into());
    }
    let found = chart_files::load_chart(&place.to_string_lossy(), HelmCompat::default())?;
    fits(&found, wanted)?;
    Ok(found)
}

fn fits(found: &Chart, wanted: &Dependency) -> Result<(), DependencyError> {
    let Dependency { version, .. } = wanted;
    if version.is_empty() || is_compatible(version, &found.metadata.version) || found.metadata.version == *version {
        return Ok(());
    }
    let (name, version) = (wanted.name.clone(), found.metadata.version.clone());
    Err(DependencyError::Version { name, version, wanted: wanted.version.clone(), path: found.path.to_string() })
}

#[derive(Debug, Error, Diagnostic)]
enum DependencyError {
    #[error("`{path}` is an archive: only the dependencies of unpacked charts can be changed")]
    #[diagnostic(help("unpack it first: `tar -xzf {path}`"))]
    Packed { path: String },
    #[error("{path} cannot be read: {problem}")]
    #[diagnostic(help("remove it and run `werf helm dependency update`, which makes it anew"))]
    Lock { path: String, problem: String },
    #[error("{lock} is out of sync with {declared}")]
    #[diagnostic(help("run `werf helm dependency update {chart}`"))]
    OutOfSync { lock: &'static str, declared: &'static str, chart: String },
    #[error("{} is a link", .path.display())]
    #[diagnostic(help("it would be written to: put a file in its place"))]
    Link { path: PathBuf },
    #[error("dependency `{name}`: `{repository}` is no repository")]
    #[diagnostic(help("repositories are URLs, or names of added ones with a leading `@`"))]
    Repository { name: String, repository: String },
    #[error("dependency `{name}`: there is no directory {}", .path.display())]
    #[diagnostic(help("a dependency without a repository lies in the chart's charts directory, `file://` is relative to the chart"))]
    NoDirectory { name: String, path: PathBuf },
    #[error("dependency `{name}`: {path} has version {version}, and {wanted} is declared")]
    #[diagnostic(help("change one of them"))]
    Version { name: String, version: String, wanted: String, path: String },
}
