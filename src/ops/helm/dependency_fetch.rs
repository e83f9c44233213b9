//! An archive for `charts/`: where it comes from, and the fetching of it.

use miette::Diagnostic;
use thiserror::Error;

use super::verify::UNSIGNED;
use crate::chart::{self, Chart};
use crate::chart_repository::{Access, Found, Store};
use crate::error::Result;
use crate::registry::Reference;

/// A file for `charts/`.
pub struct Archive {
    /// What the file is called.
    pub name: String,
    /// The archive.
    pub bytes: Vec<u8>,
    /// Who signed it.
    pub provenance: Provenance,
}

/// The provenance file of an archive.
pub enum Provenance {
    /// Nobody wants to know.
    Unasked,
    /// The file.
    Found(Vec<u8>),
    /// There is none, and why.
    Missing(String),
}

/// Where an archive comes from.
pub enum Planned {
    /// A directory.
    Local(Box<Chart>),
    /// A repository.
    Http {
        /// The version.
        found: Found,
        /// How the repository is spoken to.
        access: Access,
    },
    /// A registry.
    Registry {
        /// What the file is called.
        name: String,
        /// The version.
        reference: Reference,
    },
}

impl Planned {
    /// What two that come from the same place have in common.
    pub fn place(&self) -> String {
        match self {
            Planned::Local(chart) => chart.path.to_string(),
            Planned::Http { found, .. } => found.url.clone(),
            Planned::Registry { reference, .. } => reference.to_string(),
        }
    }

    /// Fetches the archive, and its provenance file where it must be signed.
    pub async fn fetch(&self, store: &Store, signed: bool) -> Result<Archive> {
        match self {
            Planned::Local(chart) => {
                let name = format!("{}-{}.tgz", chart.name(), chart.metadata.version);
                let bytes = chart::archive(chart, now()).map_err(|cause| Unpackable { name: name.clone(), cause })?;
                Ok(Archive { name, bytes, provenance: Provenance::Unasked })
            }
            Planned::Http { found, access } => {
                let bytes = store.archive(found, access).await?;
                let (doing, place) = (format!("download the provenance file of chart `{}`", found.name), format!("{}.prov", found.url));
                let provenance = match signed {
                    true => store
                        .file(&doing, &place, &found.repository, access)
                        .await
                        .map_or_else(|error| Provenance::Missing(error.to_string()), Provenance::Found),
                    false => Provenance::Unasked,
                };
                Ok(Archive { name: found.file_name(), bytes, provenance })
            }
            Planned::Registry { name, reference } => {
                let pulled = store.pull(reference.clone()).await?;
                let provenance = match pulled.provenance {
                    _ if !signed => Provenance::Unasked,
                    Some(bytes) => Provenance::Found(bytes.to_vec()),
                    None => Provenance::Missing(UNSIGNED.into()),
                };
                Ok(Archive { name: name.clone(), bytes: pulled.archive.to_vec(), provenance })
            }
        }
    }
}

fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}

#[derive(Debug, Error, Diagnostic)]
#[error("chart {name} cannot be packed")]
struct Unpackable {
    name: String,
    #[source]
    cause: std::io::Error,
}
