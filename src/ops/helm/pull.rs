//! `werf helm pull`: a chart of a repository or a registry becomes a file, or a directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::source::{self, SourceOptions};
use crate::chart::{self, Defaults};
use crate::chart_repository::url;
use crate::error::Result;
use crate::file_tree::bytes_of_text;
use crate::ops::Run;
use crate::ops::files::{self, Unwritable};
use crate::ops::whole_file;

/// What `pull` is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the user calls the charts.
    pub charts: Vec<String>,
    /// Where they are from.
    pub source: SourceOptions,
    /// The directory for archives.
    pub destination: PathBuf,
    /// They are unpacked.
    pub untar: bool,
    /// The directory for what is unpacked.
    pub untar_dir: PathBuf,
    /// Their provenance files too.
    pub provenance: bool,
}

/// Fetches the charts.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let options = Options { source: options.source.telling(&run), ..options };
    let mut text = String::new();
    for chart in &options.charts {
        let fetched = source::fetch(chart, &options.source, options.provenance).await?;
        files::checked_name(&fetched.file_name)?;
        match options.untar {
            true => unpack(&fetched.archive, chart, &options)?,
            false => {
                write(&options.destination.join(&fetched.file_name), &fetched.archive)?;
                if let Some(provenance) = &fetched.provenance {
                    write(&options.destination.join(format!("{}.prov", fetched.file_name)), provenance)?;
                }
            }
        }
        text.push_str(&fetched.said);
    }
    Ok(text)
}

/// Writes the files of an archive below a directory named for the chart.
fn unpack(archive: &[u8], chart: &str, options: &Options) -> Result<()> {
    let dir = if options.untar_dir.is_absolute() { options.untar_dir.clone() } else { options.destination.join(&options.untar_dir) };
    let loaded = chart::load_archive(archive, chart, &Defaults::default())?;
    for name in [loaded.name(), url::file_name(chart)] {
        let place = dir.join(name);
        if place.exists() {
            return Err(Exists { place }.into());
        }
    }
    let top = dir.join(loaded.name());
    chart::unpack(archive, chart)?.iter().try_for_each(|file| write(&top.join(OsStr::from_bytes(&bytes_of_text(&file.name))), &file.data))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    whole_file::write(path, bytes).map_err(|cause| Unwritable { path: path.to_owned(), cause }.into())
}

#[derive(Debug, Error, Diagnostic)]
#[error("{} is there already", .place.display())]
#[diagnostic(help("name another directory with `--untardir`, or remove it"))]
struct Exists {
    place: PathBuf,
}
