//! `werf helm dependency list`: which dependencies a chart has, and in which state they are below `charts/`.

use std::path::{Path, PathBuf};

use super::table;
use crate::chart::{Chart, Dependency, HelmCompat};
use crate::chart_repository::index::is_strict;
use crate::error::Result;
use crate::ops::{Run, chart_files};
use crate::template::functions::{Constraint, Version};

/// Says which dependencies a chart has and whether they are below `charts/`, in columns of bounded width.
pub async fn list(path: String, widest: usize, _run: Run) -> Result<String> {
    let chart = chart_files::load_any_chart(&path)?;
    let charts = Path::new(&path).join("charts");
    if chart.metadata.dependencies.is_empty() {
        return Ok(format!("WARNING: no dependencies at {}\n", charts.display()));
    }
    let head = ["NAME", "VERSION", "REPOSITORY", "STATUS"].map(str::to_owned);
    let row = |wanted: &Dependency| {
        let Dependency { name, version, repository, .. } = wanted.clone();
        [name, version, repository, status(&charts, wanted, &chart).to_owned()]
    };
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(chart.metadata.dependencies.iter().map(row)).collect();
    let mut text = table::text(&rows, Some(widest)) + "\n";
    for file in sorted_entries(&charts).unwrap_or_default() {
        if !file.is_dir() && file.extension().is_none_or(|extension| extension != "tgz") {
            continue;
        }
        match chart_files::load_chart(&file.to_string_lossy(), HelmCompat::default()) {
            Err(_) => text.push_str(&format!("WARNING: \"{}\" is not a chart.\n", file.display())),
            Ok(found) if chart.metadata.dependencies.iter().any(|wanted| wanted.name == found.name()) => {}
            Ok(_) => text.push_str(&format!("WARNING: \"{}\" is not in Chart.yaml.\n", file.display())),
        }
    }
    Ok(text)
}

/// Helm's word for what there is of a dependency.
fn status(charts: &Path, wanted: &Dependency, chart: &Chart) -> &'static str {
    let version_of = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(wanted.name.as_str())?.strip_prefix('-')?.strip_suffix(".tgz").map(str::to_owned)
    };
    let mut archives = sorted_entries(charts).unwrap_or_default();
    archives.retain(|path| version_of(path).is_some());
    if archives.len() > 1 {
        archives.retain(|path| version_of(path).is_some_and(|version| is_strict(&version)));
        if archives.len() > 1 {
            return "too many matches";
        }
    }
    if let Some(archive) = archives.first() {
        return match chart_files::load_chart(&archive.to_string_lossy(), HelmCompat::default()) {
            Err(_) => "corrupt",
            Ok(found) if found.name() != wanted.name => "misnamed",
            Ok(found) => version_status(&found, wanted).unwrap_or("ok"),
        };
    }
    match chart.dependencies.iter().rfind(|found| found.name() == wanted.name) {
        None => "missing",
        Some(found) => version_status(found, wanted).unwrap_or("unpacked"),
    }
}

fn version_status(found: &Chart, wanted: &Dependency) -> Option<&'static str> {
    if found.metadata.version == wanted.version {
        return None;
    }
    match (Constraint::parse(&wanted.version), Version::parse(&found.metadata.version)) {
        (Ok(range), Ok(version)) if range.allows(&version) => None,
        (Ok(_), Ok(_)) => Some("wrong version"),
        _ => Some("invalid version"),
    }
}

/// What is in a directory, by name.
pub fn sorted_entries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    entries.sort();
    Ok(entries)
}
