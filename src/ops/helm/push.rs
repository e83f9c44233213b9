//! `werf helm push`: an archive goes into a registry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::source::ReachOptions;
use crate::chart::{self, Defaults, Maintainer, Metadata};
use crate::chart_repository::oci::{self, Push};
use crate::error::Result;
use crate::ops::Run;
use crate::ops::files::Unreadable;

/// What `push` is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The archive.
    pub archive: PathBuf,
    /// The repository that the chart's own is below: `oci://…`.
    pub remote: String,
    /// How it is reached.
    pub reach: ReachOptions,
}

/// Pushes the chart, with its provenance file if there is one beside it.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let Options { archive: path, remote, reach } = &Options { reach: options.reach.telling(&run), ..options };
    if !remote.starts_with("oci://") {
        return Err(PushError::Remote { remote: remote.clone() }.into());
    }
    if path.is_dir() {
        return Err(PushError::Directory { path: path.clone() }.into());
    }
    let unreadable = |cause| Unreadable { path: path.clone(), cause };
    let archive = std::fs::read(path).map_err(unreadable)?;
    let written = std::fs::metadata(path).and_then(|found| found.modified()).map_err(unreadable)?;
    let written = Timestamp::try_from(written).unwrap_or_default();
    let metadata = chart::load_archive(&archive, &path.display().to_string(), &Defaults::default())?.metadata;
    let (repository, ..) = oci::parse(&format!("{}/{}", remote.trim_end_matches('/'), metadata.name))?;
    let reference = oci::reference(&repository, &metadata.version)?;
    let mut provenance = path.clone().into_os_string();
    provenance.push(".prov");
    let push = Push {
        archive: archive.into(),
        provenance: std::fs::read(provenance).ok().map(Into::into),
        config: chart::go_json(&metadata),
        annotations: annotations(&metadata, written),
    };
    let store = reach.store()?;
    let digest = oci::push(store.registry(), &reference, push).await?;
    Ok(format!("Pushed: {reference}\nDigest: {digest}\n"))
}

/// What the manifest says of the chart: the chart's own annotations, and those that the OCI image specification names.
fn annotations(metadata: &Metadata, written: Timestamp) -> BTreeMap<String, String> {
    let author = |Maintainer { name, email, .. }: &Maintainer| match email.is_empty() {
        true => name.clone(),
        false => format!("{name} ({email})"),
    };
    let authors: Vec<String> = metadata.maintainers.iter().map(author).collect();
    let named = [
        ("description", metadata.description.clone()),
        ("title", metadata.name.clone()),
        ("version", metadata.version.clone()),
        ("url", metadata.home.clone()),
        ("created", written.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("source", metadata.sources.first().cloned().unwrap_or_default()),
        ("authors", authors.join(", ")),
    ];
    let named = named.into_iter().map(|(name, text)| (format!("org.opencontainers.image.{name}"), text));
    let mut all: BTreeMap<String, String> = named.filter(|(_, text)| !text.trim().is_empty()).collect();
    for (name, text) in &metadata.annotations {
        let is_fixed = ["title", "version"].iter().any(|fixed| *name == format!("org.opencontainers.image.{fixed}"));
        if !is_fixed {
            all.insert(name.clone(), text.as_str().unwrap_or_default().to_owned());
        }
    }
    all
}

#[derive(Debug, Error, Diagnostic)]
enum PushError {
    #[error("`{remote}` is no place for a chart")]
    #[diagnostic(help("charts are pushed into registries: oci://HOST[:PORT]/PATH"))]
    Remote { remote: String },
    #[error("{} is a directory", .path.display())]
    #[diagnostic(help("archives are pushed: run `werf helm package {}` first", .path.display()))]
    Directory { path: PathBuf },
}
