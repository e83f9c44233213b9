//! The report of a build, which says where images are: JSON, or lines of variables, in the form of werf 2. It is written, and read in place
//! of asking for images.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
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

/// Where an image is that a report tells of.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct Reported {
    /// Its repository.
    pub docker_repo: String,
    /// Its tag.
    pub docker_tag: String,
    /// Its manifest digest; empty where it is not told.
    pub docker_image_digest: String,
    /// Whether charts name it; older versions do not tell.
    #[serde(rename = "Final")]
    is_final: Option<bool>,
}

/// The images by name that charts name, of a saved report.
///
/// # Errors
/// The file cannot be read, is no report, or does not tell where an image is.
pub fn read(path: &Path) -> Result<BTreeMap<String, Reported>> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Told {
        images: BTreeMap<String, Reported>,
    }
    let shown = || path.to_owned();
    let text = std::fs::read_to_string(path).map_err(|cause| ReadError::Unreadable { path: shown(), cause })?;
    let mut images = match path.extension().is_some_and(|extension| extension == "env") {
        true => of_variables(&text).map_err(|line| ReadError::NoLine { path: shown(), line })?,
        false => serde_json::from_str::<Told>(&text).map_err(|cause| ReadError::NotJson { path: shown(), cause })?.images,
    };
    images.retain(|_, image| image.is_final != Some(false));
    for (name, image) in &images {
        let missing = [("DockerRepo", &image.docker_repo), ("DockerTag", &image.docker_tag)].into_iter().find(|(_, text)| text.is_empty());
        if let Some((key, _)) = missing {
            return Err(ReadError::Incomplete { path: shown(), image: name.clone(), key }.into());
        }
    }
    if images.is_empty() { Err(ReadError::Empty { path: shown() }.into()) } else { Ok(images) }
}

/// The images of lines such as `WERF_FRONT_DOCKER_REPO=…`; the error is the number of a line that is none.
fn of_variables(text: &str) -> Result<BTreeMap<String, Reported>, usize> {
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let (key, value) = line.trim().split_once('=').ok_or(at + 1)?;
        values.insert(key, value);
    }
    let image = |prefix: &str| {
        let value = |key: &str| values.get(format!("{prefix}{key}").as_str()).copied();
        let text = |key: &str| value(key).unwrap_or_default().to_owned();
        let reported = Reported {
            docker_repo: text("DOCKER_REPO"),
            docker_tag: text("DOCKER_TAG"),
            docker_image_digest: text("DOCKER_IMAGE_DIGEST"),
            is_final: value("FINAL").map(|text| text == "true"),
        };
        (text("WERF_IMAGE_NAME"), reported)
    };
    Ok(values.keys().filter_map(|key| key.strip_suffix("DOCKER_IMAGE_NAME")).map(image).collect())
}

#[derive(Debug, Error, Diagnostic)]
enum ReadError {
    #[error("cannot read the report of images `{}`", .path.display())]
    #[diagnostic(help("`werf build --save-build-report` writes it; `--build-report-path` says where it is"))]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("`{}` is no report of images", .path.display())]
    #[diagnostic(help("`werf build --save-build-report` writes one"))]
    NotJson {
        path: PathBuf,
        #[source]
        cause: serde_json::Error,
    },
    #[error("`{}` is no report of images: line {line} has no `=`", .path.display())]
    #[diagnostic(help("`werf build --save-build-report` writes one"))]
    NoLine { path: PathBuf, line: usize },
    #[error("the report `{}` has no image that a chart may name", .path.display())]
    #[diagnostic(help("`werf build --save-build-report` writes one that has; where there are no images, leave `--use-build-report` out"))]
    Empty { path: PathBuf },
    #[error("the report `{}` does not tell `{key}` of image `{image}`", .path.display())]
    #[diagnostic(help("`werf build --save-build-report` writes one that does"))]
    Incomplete { path: PathBuf, image: String, key: &'static str },
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot write the report `{}`", .path.display())]
#[diagnostic(help("the images are published; check the path, its permissions and the space on its disk, and run again"))]
struct Unwritable {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}
