//! From what a user calls a chart to the chart: a path, `repo/chart`, `oci://…`, the URL of an archive, or a name with `--repo`.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::verify::{self, UNSIGNED, VerifyError};
use crate::chart::{self, Chart, Defaults, HelmCompat};
use crate::chart_repository::{self, Access, Found, Login, Store, TlsFiles, oci, url};
use crate::error::Result;
use crate::event::Events;
use crate::ops::{ChartOptions, Run, chart_files, chart_store, registry};
use crate::registry::{Client, DockerConfig, Options, Scheme, Secret};
use crate::yaml;

/// How repositories and registries are reached.
#[derive(Clone, Debug, Default)]
pub struct ReachOptions {
    /// Helm's files.
    pub charts: ChartOptions,
    /// Docker's config.json, for registries that Helm has no credentials for.
    pub docker_config: Option<PathBuf>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Authorities.
    pub ca_file: Option<PathBuf>,
    /// Client certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Any certificate of the server is fine.
    pub skip_tls_verify: bool,
    /// Registries are spoken to without TLS.
    pub plain_http: bool,
    /// Other hosts see the password too.
    pub pass_credentials: bool,
    /// Where waits and further tries are told.
    pub events: Events,
}

/// Which chart of a repository.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// How it is reached.
    pub reach: ReachOptions,
    /// Version or range; the newest release where empty.
    pub version: String,
    /// Prereleases count too, where no version is given.
    pub devel: bool,
    /// URL of the repository.
    pub repo: Option<String>,
    /// Archives must be signed by a key of this file.
    pub keyring: Option<PathBuf>,
}

impl SourceOptions {
    /// The same, which tells what takes long.
    pub fn telling(self, run: &Run) -> Self {
        SourceOptions { reach: self.reach.telling(run), ..self }
    }
}

impl ReachOptions {
    /// The same, which tells what takes long.
    pub fn telling(self, run: &Run) -> Self {
        ReachOptions { events: run.events.lent(), ..self }
    }

    /// Opens the store. Nothing is sent.
    pub fn store(&self) -> Result<Store> {
        chart_store::open_with(&self.charts, self.client()?, &self.events)
    }

    fn tls(&self) -> TlsFiles {
        TlsFiles {
            authorities: self.ca_file.clone(),
            certificate: self.cert_file.clone(),
            key: self.key_file.clone(),
            skip_verify: self.skip_tls_verify,
        }
    }

    fn client(&self) -> Result<Client> {
        let credentials = match (&self.username, &self.password) {
            (Some(username), Some(password)) => DockerConfig::everywhere(username, password.clone()),
            _ => registry::credentials_for_charts(&self.charts, self.docker_config.as_deref())?,
        };
        let scheme = if self.plain_http { Scheme::Insecure } else { Scheme::Secure };
        Ok(Client::new(Options {
            scheme,
            tls: self.tls().read()?,
            proxies: self.charts.proxies.clone(),
            credentials,
            events: self.events.clone(),
            ..Options::default()
        }))
    }

    /// How a repository is spoken to: as it was added, with what the flags say over it.
    pub fn access(&self, added: Option<Access>) -> Access {
        let added = added.unwrap_or_default();
        let login = self
            .username
            .as_ref()
            .map(|username| Login { username: username.clone(), password: self.password.clone().unwrap_or_default() });
        Access {
            login: login.or(added.login),
            everywhere: self.pass_credentials || added.everywhere,
            tls: if self.tls() == TlsFiles::default() { added.tls } else { self.tls() },
        }
    }
}

/// An archive that was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What its file is called.
    pub file_name: String,
    /// Its bytes.
    pub archive: Vec<u8>,
    /// Its provenance file, where it is asked for and there is one.
    pub provenance: Option<Vec<u8>>,
    /// What is told of a chart that came from a registry.
    pub said: String,
}

/// The chart that a user means.
pub async fn load(chart: &str, options: &SourceOptions, compat: HelmCompat) -> Result<Chart> {
    let chart = chart.trim();
    if Path::new(chart).exists() || Path::new(chart).is_absolute() || chart.starts_with('.') {
        if let Some(keyring) = &options.keyring {
            verify::on_disk(Path::new(chart), keyring)?;
        }
        return chart_files::load_chart(chart, compat);
    }
    if options.repo.is_none() && !chart.contains('/') {
        // the error tells what a chart may be
        return chart_files::load_chart(chart, compat);
    }
    let fetched = fetch(chart, options, false).await?;
    Ok(chart::load_archive(&fetched.archive, &fetched.file_name, &Defaults { compat, ..Defaults::default() })?)
}

/// Fetches a chart that is not on the disk, and verifies it if it must be signed.
pub async fn fetch(chart: &str, options: &SourceOptions, provenance: bool) -> Result<Fetched> {
    let mut fetched = fetched(chart, options, provenance || options.keyring.is_some()).await?;
    if let Some(keyring) = &options.keyring {
        let name = &fetched.file_name;
        let provenance =
            fetched.provenance.as_ref().ok_or_else(|| VerifyError::NoProvenance { name: name.clone(), reason: UNSIGNED.into() })?;
        fetched.said += &verify::text(&verify::verified(&fetched.archive, name, provenance, keyring)?);
    }
    Ok(fetched)
}

async fn fetched(chart: &str, options: &SourceOptions, provenance: bool) -> Result<Fetched> {
    let store = options.reach.store()?;
    let wanted = match options.version.trim() {
        "" if options.devel => ">0.0.0-0",
        version => version,
    };
    if chart.starts_with("oci://") {
        return from_registry(&store, chart, wanted, provenance).await;
    }
    let (found, access) = match &options.repo {
        Some(repository) => {
            let access = options.reach.access(store.repositories.by_url(repository).map(|entry| entry.access()));
            let index = store.index(repository, &access).await?;
            (chart_repository::find(&index, repository, chart, wanted)?, access)
        }
        None if chart.contains("://") => {
            let entry = store.repositories.above(chart);
            let home = entry.map_or(chart, |entry| &entry.url);
            let found = Found {
                name: url::file_name(chart).to_owned(),
                version: String::new(),
                url: chart.to_owned(),
                digest: None,
                repository: home.to_owned(),
            };
            (found, options.reach.access(entry.map(|entry| entry.access())))
        }
        None => {
            let (repository, name) = chart.split_once('/').ok_or_else(|| NoRepository { chart: chart.to_owned() })?;
            let entry = store.named(repository)?;
            let index = store.cached_index(entry)?;
            (chart_repository::find(&index, &entry.url, name, wanted)?, options.reach.access(Some(entry.access())))
        }
    };
    let archive = store.archive(&found, &access).await?;
    let doing = format!("download the provenance file of chart `{}`", found.name);
    let provenance = match provenance {
        true => Some(store.file(&doing, &format!("{}.prov", found.url), &found.repository, &access).await?),
        false => None,
    };
    Ok(Fetched { file_name: found.file_name(), archive, provenance, said: String::new() })
}

async fn from_registry(store: &Store, chart: &str, wanted: &str, provenance: bool) -> Result<Fetched> {
    let (repository, tagged, digest) = oci::parse(chart)?;
    if let Some(tagged) = tagged.as_deref().filter(|tagged| !wanted.is_empty() && *tagged != wanted) {
        return Err(TwoVersions { chart: chart.to_owned(), version: wanted.to_owned(), tagged: tagged.to_owned() }.into());
    }
    let wanted = tagged.as_deref().unwrap_or(wanted);
    let (reference, version) = match digest {
        Some(digest) => (repository.with_digest(digest), String::new()),
        None => {
            let version = oci::resolve(store.registry(), &repository, wanted).await?;
            (oci::reference(&repository, &version)?, version)
        }
    };
    let pulled = store.pull(reference).await?;
    let name = url::file_name(repository.path());
    let said = format!("Pulled: {}\nDigest: {}\n", pulled.reference, pulled.digest);
    let separator = if version.is_empty() { "" } else { "-" };
    Ok(Fetched {
        file_name: format!("{name}{separator}{version}.tgz"),
        archive: pulled.archive.to_vec(),
        provenance: pulled.provenance.filter(|_| provenance).map(|bytes| bytes.to_vec()),
        said,
    })
}

/// A file of values at a URL.
pub async fn values(place: &str, reach: &ReachOptions) -> Result<String> {
    let store = reach.store()?;
    let access = reach.access(store.repositories.above(place).map(|entry| entry.access()));
    let bytes = store.file(&format!("read the values at {}", url::split_login(place).0), place, place, &access).await?;
    Ok(yaml::text(&bytes).map_err(|error| error.with_name(url::split_login(place).0))?.to_owned())
}

#[derive(Debug, Error, Diagnostic)]
#[error("`{chart}` names no chart of a repository")]
#[diagnostic(help("the forms are REPOSITORY/CHART, oci://HOST/PATH/CHART, the URL of an archive, and CHART with `--repo URL`"))]
struct NoRepository {
    chart: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("`{chart}` is version {tagged}, and `--version` asks for {version}")]
#[diagnostic(help("leave one of them out"))]
struct TwoVersions {
    chart: String,
    version: String,
    tagged: String,
}
