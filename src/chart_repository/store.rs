//! All that this machine and this user know of charts elsewhere: added repositories, their indexes, archives that were fetched before.
//!
//! Files lie where Helm has them and look as Helm writes them; archives are also kept under their digests ([`Cache`]).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::cache::{Cache, sha256};
use super::error::{SourceError, versions_help};
use super::fetch::{Access, Fetcher};
use super::index::Index;
use super::oci::{self, Pulled};
use super::repositories::{Entry, Repositories};
use super::url;
use crate::event::Events;
use crate::registry::{Client, Patience, Proxies, Reference};
use crate::words::quoted::quoted;
use crate::{cache_file, private_file};

/// Where Helm's files are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// repositories.yaml.
    pub config: PathBuf,
    /// The directory of indexes.
    pub cache: PathBuf,
    /// The directory of archives under their digests.
    pub archives: PathBuf,
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    /// The repositories that were added.
    pub repositories: Repositories,
    /// Archives under their digests.
    pub archives: Cache,
    places: Places,
    fetcher: Fetcher,
    registry: Client,
}

/// A version of a chart, and where its archive is.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// URL of the archive.
    pub url: String,
    /// SHA-256 of the archive in hex, if the index tells.
    pub digest: Option<String>,
    /// URL of the repository.
    pub repository: String,
}

impl Found {
    /// What the archive's file is called: as in the URL, where that is the name of an archive.
    pub fn file_name(&self) -> String {
        match url::file_name(&self.url) {
            name if name.ends_with(".tgz") || self.version.is_empty() => name.to_owned(),
            _ => format!("{}-{}.tgz", self.name, self.version),
        }
    }
}

impl Store {
    /// Reads repositories.yaml; one that is not there is empty. Nothing is sent.
    pub fn open(places: Places, registry: Client, patience: Patience, proxies: Proxies, events: &Events) -> Result<Store, SourceError> {
        let repositories = match fs::read_to_string(&places.config) {
            Ok(text) => Repositories::parse(&text).map_err(|problem| SourceError::Config { path: places.config.clone(), problem })?,
            Err(cause) if cause.kind() == ErrorKind::NotFound => Repositories::default(),
            Err(cause) => return Err(SourceError::File { doing: "read", path: places.config, cause }),
        };
        let archives = Cache::new(places.archives.clone());
        Ok(Store { repositories, archives, places, fetcher: Fetcher::new(patience, proxies, events), registry })
    }

    /// The client for registries.
    pub fn registry(&self) -> &Client {
        &self.registry
    }

    /// Writes repositories.yaml.
    pub fn save(&self) -> Result<(), SourceError> {
        let path = &self.places.config;
        let written = private_file::write(path, self.repositories.text().as_bytes());
        written.map_err(|cause| SourceError::File { doing: "write", path: path.clone(), cause })
    }

    /// How a repository is spoken to: as it was added, else as anybody.
    pub fn access(&self, repository: &str) -> Access {
        self.repositories.by_url(repository).map(Entry::access).unwrap_or_default()
    }

    /// Reads the index of a repository from its server.
    pub async fn index(&self, repository: &str, access: &Access) -> Result<Index, SourceError> {
        Ok(self.index_text(repository, access).await?.0)
    }

    /// Reads the index of an added repository from its server and keeps it in Helm's cache.
    pub async fn update(&self, entry: &Entry) -> Result<Index, SourceError> {
        let (index, text) = self.index_text(&entry.url, &entry.access()).await?;
        let names: String = index.charts.keys().map(|name| format!("{name}\n")).collect();
        for (path, text) in [(self.charts_path(&entry.name), &names), (self.index_path(&entry.name), &text)] {
            cache_file::write(&path, text.as_bytes()).map_err(|cause| SourceError::File { doing: "write", path, cause })?;
        }
        Ok(index)
    }

    async fn index_text(&self, repository: &str, access: &Access) -> Result<(Index, String), SourceError> {
        let bare = url::split_login(repository).0;
        let doing = format!("read the index of chart repository {bare}");
        let place = url::join(repository, "index.yaml");
        let bytes = self.fetcher.get(&doing, &place, repository, access).await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match Index::parse(&text) {
            Ok(index) => Ok((index, text)),
            Err(cause) => Err(SourceError::Index { place: url::split_login(&place).0, cause }),
        }
    }

    /// The index of an added repository as it was read last.
    pub fn cached_index(&self, entry: &Entry) -> Result<Index, SourceError> {
        let path = self.index_path(&entry.name);
        match fs::read_to_string(&path) {
            Ok(text) => Index::parse(&text).map_err(|cause| SourceError::Index { place: path.display().to_string(), cause }),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Err(SourceError::NotCached { name: entry.name.clone(), path }),
            Err(cause) => Err(SourceError::File { doing: "read", path, cause }),
        }
    }

    /// Takes an added repository's files out of Helm's cache.
    pub fn forget(&self, name: &str) -> Result<(), SourceError> {
        for path in [self.charts_path(name), self.index_path(name)] {
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(SourceError::File { doing: "remove", path, cause }),
                _ => {}
            }
        }
        Ok(())
    }

    fn index_path(&self, name: &str) -> PathBuf {
        self.places.cache.join(format!("{name}-index.yaml"))
    }

    fn charts_path(&self, name: &str) -> PathBuf {
        self.places.cache.join(format!("{name}-charts.txt"))
    }

    /// The repository of a name that somebody wrote.
    pub fn named(&self, name: &str) -> Result<&Entry, SourceError> {
        self.repositories.by_name(name).ok_or_else(|| {
            let names = self.repositories.names();
            let help = match names.as_slice() {
                [] => format!("none was added yet: `werf helm repo add {name} URL`"),
                names => format!("there are {}; `werf helm repo add {name} URL` adds another one", quoted(names)),
            };
            SourceError::UnknownRepository { name: name.to_owned(), help }
        })
    }

    /// The archive of a chart, whole and as the index promises. One that is at hand is not fetched again.
    pub async fn archive(&self, found: &Found, access: &Access) -> Result<Vec<u8>, SourceError> {
        if let Some(archive) = found.digest.as_deref().and_then(|digest| self.archives.archive(digest)) {
            return Ok(archive);
        }
        let doing = format!("download chart `{}` {}", found.name, found.version);
        let archive = self.fetcher.get(&doing, &found.url, &found.repository, access).await?.to_vec();
        let actual = sha256(&archive);
        match &found.digest {
            Some(expected) if *expected != actual => Err(SourceError::Digest {
                name: found.name.clone(),
                url: url::split_login(&found.url).0,
                expected: expected.clone(),
                actual,
            }),
            _ => {
                self.archives.keep(&archive);
                Ok(archive)
            }
        }
    }

    /// A file beside an archive or of values, as it is.
    pub async fn file(&self, doing: &str, place: &str, repository: &str, access: &Access) -> Result<Vec<u8>, SourceError> {
        Ok(self.fetcher.get(doing, place, repository, access).await?.to_vec())
    }

    /// A chart of a registry. An archive that is at hand is not fetched again.
    pub async fn pull(&self, reference: Reference) -> Result<Pulled, SourceError> {
        let pulled = oci::pull(&self.registry, reference, |digest| self.archives.archive(digest)).await?;
        self.archives.keep(&pulled.archive);
        Ok(pulled)
    }
}

/// Finds a chart in an index by an exact version or a range.
pub fn find(index: &Index, repository: &str, name: &str, wanted: &str) -> Result<Found, SourceError> {
    let place = url::split_login(repository).0;
    let Some(published) = index.find(name, wanted) else {
        return Err(match index.charts.contains_key(name) {
            false => {
                let near = index.names_near(name);
                let help = match near.as_slice() {
                    [] => format!("it has {} charts; none has a name like this", index.charts.len()),
                    near => format!("did you mean {}?", quoted(near)),
                };
                SourceError::NoChart { repository: place, name: name.to_owned(), help }
            }
            true => SourceError::NoVersion {
                repository: place,
                name: name.to_owned(),
                wanted: if wanted.is_empty() { "*" } else { wanted }.to_owned(),
                help: versions_help(&index.versions(name, 8)),
            },
        });
    };
    let Some(reference) = published.urls.first() else {
        return Err(SourceError::NoUrl { repository: place, name: name.to_owned(), version: published.version.clone() });
    };
    Ok(Found {
        name: name.to_owned(),
        version: published.version.clone(),
        url: url::join(repository, reference),
        digest: published.digest.clone(),
        repository: repository.to_owned(),
    })
}

/// Keeps other commands, Helm's too, from changing repositories.yaml until it is dropped.
pub fn lock(config: &Path) -> Result<fs::File, SourceError> {
    let path = config.with_extension("lock");
    private_file::lock(&path).map_err(|cause| SourceError::File { doing: "lock", path, cause })
}
