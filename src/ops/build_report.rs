//! The report of a build, which says where images are: JSON, or lines of variables, in the form of werf 2.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use super::images::{Images, Took};
use super::whole_file;
use crate::error::Result;
use crate::project::config::image::{NAMELESS, Recipe};
use crate::registry::{Client, Content};

/// The label of an image that names the commit it was built from.
const COMMIT: &str = "werf-project-repo-commit";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    runtime: Runtime,
    images: BTreeMap<String, Record>,
    images_by_platform: BTreeMap<String, Record>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    backend: &'static str,
    in_container: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    werf_image_name: String,
    config_type: &'static str,
    docker_repo: String,
    docker_tag: String,
    #[serde(rename = "DockerImageID")]
    docker_image_id: String,
    docker_image_digest: String,
    docker_image_name: String,
    target_platform: String,
    rebuilt: bool,
    #[serde(rename = "Final")]
    is_final: bool,
    size: u64,
    build_time: String,
    commit: String,
    /// Stages are no images of their own.
    stages: Vec<()>,
}

/// Writes the report of all images that were wanted or built; the registry is asked for what they are.
///
/// # Errors
/// The registry does not tell, the file cannot be written.
pub async fn save(path: &Path, images: &Images, took: &Took, client: &Client) -> Result<()> {
    let mut records = BTreeMap::new();
    for name in images.names.iter().filter(|name| images.wanted.contains(*name) || took.contains_key(*name)) {
        if let Some(record) = record(name, images, took, client).await? {
            records.insert(record.werf_image_name.clone(), record);
        }
    }
    let text = if path.extension().is_some_and(|extension| extension == "env") { variables(&records) } else { json(records) };
    whole_file::write(path, text.as_bytes()).map_err(|cause| Unwritable { path: path.to_owned(), cause })?;
    Ok(())
}

async fn record(name: &str, images: &Images, took: &Took, client: &Client) -> Result<Option<Record>> {
    let (Some((image, _)), Some(reference)) = (images.tree.get(name), images.deployed_reference(name)) else { return Ok(None) };
    let platform = images.platform(name);
    let config = client.config(&reference, &platform).await?;
    let manifest = client.manifest(&reference).await?;
    let size = match manifest.content() {
        Ok(Content::Image { config, layers, .. }) => config.size + layers.iter().map(|layer| layer.size).sum::<u64>(),
        _ => 0,
    };
    Ok(Some(Record {
        werf_image_name: if name == NAMELESS { String::new() } else { name.to_owned() },
        config_type: match image.recipe {
            Recipe::Dockerfile(_) => "dockerfile",
            Recipe::Stapel(_) => "stapel",
        },
        docker_repo: reference.repository.to_string(),
        docker_tag: reference.identifier().to_owned(),
        docker_image_id: config.digest.to_string(),
        docker_image_digest: manifest.digest.to_string(),
        docker_image_name: reference.to_string(),
        target_platform: platform.to_string(),
        rebuilt: took.contains_key(name),
        is_final: image.is_final,
        size,
        build_time: format!("{:.2}", took.get(name).copied().unwrap_or_default().as_secs_f64()),
        commit: config.labels().get(COMMIT).cloned().unwrap_or_default(),
        stages: Vec::new(),
    }))
}

fn json(images: BTreeMap<String, Record>) -> String {
    let runtime = Runtime { backend: "buildkit", in_container: false };
    let report = Report { runtime, images, images_by_platform: BTreeMap::new() };
    let mut text = Vec::new();
    let mut printer = serde_json::Serializer::with_formatter(&mut text, serde_json::ser::PrettyFormatter::with_indent(b"\t"));
    // texts and numbers always print
    let _ = report.serialize(&mut printer);
    format!("{}\n", String::from_utf8_lossy(&text))
}

/// `WERF_<IMAGE>_DOCKER_IMAGE_NAME=…` and the like.
fn variables(images: &BTreeMap<String, Record>) -> String {
    let mut text = String::new();
    for (name, record) in images {
        let prefix =
            if name.is_empty() { "WERF_".to_owned() } else { format!("WERF_{}_", name.to_uppercase().replace(['/', '-', '.'], "_")) };
        let lines = [
            ("DOCKER_IMAGE_NAME", &record.docker_image_name),
            ("DOCKER_IMAGE_ID", &record.docker_image_id),
            ("DOCKER_IMAGE_DIGEST", &record.docker_image_digest),
            ("DOCKER_REPO", &record.docker_repo),
            ("DOCKER_TAG", &record.docker_tag),
            ("WERF_IMAGE_NAME", &record.werf_image_name),
            ("FINAL", &record.is_final.to_string()),
        ];
        for (key, value) in lines {
            let _ = writeln!(text, "{prefix}{key}={value}");
        }
    }
    text
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot write the report `{}`", .path.display())]
#[diagnostic(help("the images are published; check the path, its permissions and the space on its disk, and run again"))]
struct Unwritable {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}
