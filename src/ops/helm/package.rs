//! `werf helm package`: directories become archives.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::dependency;
use super::source::ReachOptions;
use crate::chart::{self, HelmCompat};
use crate::error::Result;
use crate::ops::files::Unwritable;
use crate::ops::{Run, chart_files, whole_file};
use crate::template::functions::Version;

/// What `package` is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directories.
    pub charts: Vec<String>,
    /// How repositories are reached.
    pub reach: ReachOptions,
    /// Dependencies are brought up to date before.
    pub dependency_update: bool,
    /// Version instead of the chart's.
    pub version: Option<String>,
    /// `appVersion` instead of the chart's.
    pub app_version: Option<String>,
    /// The directory for the archives.
    pub destination: PathBuf,
    /// They are to be signed.
    pub sign: bool,
}

/// Packs the charts.
pub async fn run(options: Options, run: Run) -> Result<String> {
    if options.sign {
        return Err(PackageError::Sign.into());
    }
    let mut text = String::new();
    for path in &options.charts {
        if options.dependency_update {
            let update = dependency::Options { chart: path.clone(), reach: options.reach.clone(), skip_refresh: false, keyring: None };
            dependency::update(update, run.clone()).await?;
        }
        let file = pack(path, &options)?;
        text.push_str(&format!("Successfully packaged chart and saved it to: {}\n", file.display()));
    }
    Ok(text)
}

fn pack(path: &str, options: &Options) -> Result<PathBuf> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
        return Err(PackageError::NoDirectory { path: path.to_owned() }.into());
    }
    let mut chart = chart_files::load_chart(path, HelmCompat::default())?;
    if let Some(version) = &options.version {
        Version::parse(version).map_err(|problem| PackageError::Version { version: version.clone(), problem })?;
        chart.metadata.version.clone_from(version);
    }
    if let Some(version) = &options.app_version {
        chart.metadata.app_version.clone_from(version);
    }
    chart::check_dependencies(&chart)?;
    let name = format!("{}-{}.tgz", chart.name(), chart.metadata.version);
    // Helm says where the working directory is, and other directories as they were given
    let dir = if options.destination.as_os_str() == "." { std::path::absolute(".") } else { Ok(options.destination.clone()) };
    let unwritable = |cause| Unwritable { path: options.destination.join(&name), cause };
    let file = dir.map_err(unwritable)?.join(&name);
    let time = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    chart::archive(&chart, time).and_then(|bytes| whole_file::write(&file, &bytes)).map_err(unwritable)?;
    Ok(file)
}

#[derive(Debug, Error, Diagnostic)]
enum PackageError {
    #[error("--sign is not possible yet: charts are not signed here")]
    #[diagnostic(help("leave it out, and sign with `helm package --sign`"))]
    Sign,
    #[error("--version: `{version}` is no version: {problem}")]
    #[diagnostic(help("write it as 1.2.3 or 1.2.3-rc.1"))]
    Version { version: String, problem: String },
    #[error("`{path}` is no directory")]
    #[diagnostic(help("only a chart's directory can be packed"))]
    NoDirectory { path: String },
}
