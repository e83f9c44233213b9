//! Charts in OCI registries: an image manifest with Chart.yaml as its configuration and the archive as its layer.
//!
//! A version's `+` is `_` in a tag, which has no `+`.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::error::{SourceError, versions_help};
use super::index::{in_range, is_strict};
use crate::registry::manifest::{Content, OCI_MANIFEST};
use crate::registry::{Client, Descriptor, Digest, Reference, Repository, Tag};
use crate::template::functions::Version;

const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const ARCHIVE: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const OLD_ARCHIVE: &str = "application/tar+gzip";
const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
/// The longest archive that is read, in bytes.
const MAX_ARCHIVE: usize = 256 << 20;

/// A chart of a registry.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The archive.
    pub archive: Bytes,
    /// Its provenance file, if it was pushed with one.
    pub provenance: Option<Bytes>,
    /// Digest of the manifest.
    pub digest: Digest,
    /// `host/path:tag`.
    pub reference: Reference,
}

/// Splits `oci://host/path[:version][@digest]`.
pub fn parse(text: &str) -> Result<(Repository, Option<String>, Option<Digest>), SourceError> {
    let wrong = |cause| SourceError::Reference { text: text.to_owned(), cause };
    let bare = text.strip_prefix("oci://").unwrap_or(text).trim_end_matches('/');
    let (rest, digest) = match bare.split_once('@') {
        Some((rest, digest)) => (rest, Some(Digest::parse(digest).map_err(wrong)?)),
        None => (bare, None),
    };
    let (name, version) = match rest.rsplit_once(':') {
        Some((name, version)) if !version.contains('/') => (name, Some(version.to_owned())),
        _ => (rest, None),
    };
    Ok((Repository::parse(name).map_err(wrong)?, version, digest))
}

/// The version in a range that a repository has, the newest first. An exact version is taken at its word: nothing is asked.
pub async fn resolve(client: &Client, repository: &Repository, wanted: &str) -> Result<String, SourceError> {
    if Version::parse(wanted).is_ok() {
        return Ok(wanted.to_owned());
    }
    let versions = versions(client, repository).await?;
    let exact = versions.iter().find(|version| *version == wanted);
    match exact.or_else(|| versions.iter().find(|version| in_range(version, wanted))) {
        Some(version) => Ok(version.clone()),
        None => {
            let newest: Vec<&str> = versions.iter().take(8).map(String::as_str).collect();
            let (place, name) = split(repository);
            let wanted = if wanted.is_empty() { "*" } else { wanted }.to_owned();
            Err(SourceError::NoVersion { repository: place, name, wanted, help: versions_help(&newest) })
        }
    }
}

/// The tags that are versions, the newest first.
async fn versions(client: &Client, repository: &Repository) -> Result<Vec<String>, SourceError> {
    let tags = client.tags(repository).await?;
    let version = |tag: &Tag| {
        let text = tag.as_str().replace('_', "+");
        Version::parse(&text).ok().filter(|_| is_strict(&text))
    };
    let mut versions: Vec<Version> = tags.iter().filter_map(version).collect();
    versions.sort_by(|one, other| other.compare(one));
    Ok(versions.into_iter().map(|version| version.original).collect())
}

/// The reference of a version.
pub fn reference(repository: &Repository, version: &str) -> Result<Reference, SourceError> {
    let tag = Tag::parse(&version.replace('+', "_"));
    let tag = tag.map_err(|cause| SourceError::Reference { text: format!("{repository}:{version}"), cause })?;
    Ok(repository.with_tag(tag))
}

/// Gets a chart. `known` gives archives that are at hand by their SHA-256.
pub async fn pull(client: &Client, reference: Reference, known: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Pulled, SourceError> {
    let wrong = |problem: String| SourceError::NotAChart { reference: reference.to_string(), problem };
    let manifest = client.manifest(&reference).await?;
    let (config, layers) = match manifest.content() {
        Ok(Content::Image { config, layers, .. }) => (config, layers),
        Ok(Content::Index(_)) => return Err(wrong("it is an index of images".into())),
        Err(error) => return Err(wrong(format!("its manifest is malformed: {error}"))),
    };
    if config.media_type != CONFIG {
        return Err(wrong(format!("its configuration is of type `{}`", config.media_type)));
    }
    let layer = |kinds: &[&str]| layers.iter().rev().find(|layer| kinds.contains(&layer.media_type.as_str()));
    let archive = layer(&[ARCHIVE, OLD_ARCHIVE]).ok_or_else(|| wrong("it has no archive among its layers".into()))?;
    let blob = async |layer: &Descriptor| client.blob(&reference.repository, &layer.digest, MAX_ARCHIVE).await;
    let at_hand = archive.digest.as_str().strip_prefix("sha256:").and_then(&known);
    Ok(Pulled {
        archive: match at_hand {
            Some(bytes) => bytes.into(),
            None => blob(archive).await?,
        },
        provenance: match layer(&[PROVENANCE]) {
            Some(layer) => Some(blob(layer).await?),
            None => None,
        },
        digest: manifest.digest,
        reference: reference.clone(),
    })
}

/// A chart for a registry.
#[derive(Clone, Debug)]
pub struct Push {
    /// The archive.
    pub archive: Bytes,
    /// Its provenance file.
    pub provenance: Option<Bytes>,
    /// Chart.yaml as JSON.
    pub config: String,
    /// What the manifest says of the chart.
    pub annotations: BTreeMap<String, String>,
}

/// Stores a chart and gives the manifest's digest.
pub async fn push(client: &Client, reference: &Reference, chart: Push) -> Result<Digest, SourceError> {
    let store = async |bytes: Bytes, media_type: &str| {
        let size = bytes.len();
        let digest = client.put_blob(&reference.repository, bytes).await?;
        Ok::<Value, SourceError>(json!({"mediaType": media_type, "digest": digest.as_str(), "size": size}))
    };
    let config = store(chart.config.into(), CONFIG).await?;
    let mut layers = vec![store(chart.archive, ARCHIVE).await?];
    if let Some(provenance) = chart.provenance {
        layers.push(store(provenance, PROVENANCE).await?);
    }
    layers.sort_by_key(|layer| layer["digest"].to_string());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": layers,
        "annotations": chart.annotations,
    });
    Ok(client.put_manifest(reference, OCI_MANIFEST, manifest.to_string().as_bytes()).await?)
}

fn split(repository: &Repository) -> (String, String) {
    let text = repository.to_string();
    let (place, name) = text.rsplit_once('/').unwrap_or(("", &text));
    (format!("oci://{place}"), name.to_owned())
}
