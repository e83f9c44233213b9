//! `werf helm secret rotate-secret-key`: all files of the project's chart, and those that are named, from an old key to a new one.
//!
//! Nothing is written before everything is known to decrypt and stands on the disk under the new key. What ends the command in between
//! leaves some files with the old key and some with the new one, each whole: the same command again does the rest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::{Form, KeyOptions, key, random, text};
use crate::error::{Problems, Result};
use crate::ops::files::{Unreadable, Unwritable};
use crate::ops::{ProjectOptions, Run, project, whole_file};
use crate::secret::{Rotation, SecretError};

/// Which files, from which key to which.
pub struct Options {
    /// Which project. Its chart's files are those of the work tree.
    pub project: ProjectOptions,
    /// Where the new key is looked for; the directory is the project's.
    pub key: KeyOptions,
    /// The key that is replaced.
    pub old_key: Option<String>,
    /// Files of values beside the chart's own.
    pub values: Vec<PathBuf>,
}

/// Encrypts anew; tells each file and how many there are.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.project, false, &run)?;
    project.checked(&[], Ok(()))?;
    let directory = project::directory(&project.repository);
    let new = key::required(&KeyOptions { dir: Some(directory.to_owned()), ..options.key })?;
    let old = key::old(options.old_key.as_deref())?;
    let chart = directory.join(&project.config.meta.deploy.helm_chart_dir);
    let files = files_of(&chart, options.values)?;
    let mut rotation = Rotation { old: &old, new: &new, iv: &mut random };
    let (mut rotated, mut problems) = (Vec::new(), Vec::new());
    let mut same = 0;
    for file in files {
        let bytes = fs::read(&file.path).map_err(|cause| Unreadable { path: file.path.clone(), cause })?;
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        match file.rotated(&bytes, &mut rotation) {
            Ok(Some(bytes)) => rotated.push((file, bytes)),
            Ok(None) => same += 1,
            Err(cause) => problems.push(Box::new(Unrotatable { path: shown(&file.path), cause }) as Box<_>),
        }
    }
    if !problems.is_empty() {
        return Err(Problems::new("the key cannot be rotated, and no file was changed", problems).into());
    }
    let unwritable = |file: &SecretFile, cause| Unwritable { path: file.path.clone(), cause };
    let staged = rotated.iter().map(|(file, bytes)| whole_file::stage(&file.path, bytes).map_err(|cause| unwritable(file, cause)));
    let staged = staged.collect::<Result<Vec<_>, _>>()?;
    for ((file, _), staged) in rotated.iter().zip(staged) {
        staged.commit().map_err(|cause| unwritable(file, cause))?;
    }
    Ok(told(&rotated.into_iter().map(|(file, _)| file).collect::<Vec<_>>(), same))
}

fn told(rotated: &[SecretFile], same: usize) -> String {
    let lines: String = rotated.iter().map(|file| format!("Regenerating file {:?}\n", shown(&file.path))).collect();
    let files = |count| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let already = if same == 0 { String::new() } else { format!(", {} had it before", files(same)) };
    format!("{lines}{} encrypted with the new key{already}\n", files(rotated.len()))
}

/// An encrypted file.
struct SecretFile {
    path: PathBuf,
    form: Form,
}

impl SecretFile {
    /// Its content under the new key; `None` where nothing changes.
    fn rotated(&self, bytes: &[u8], rotation: &mut Rotation<'_>) -> Result<Option<Vec<u8>>, SecretError> {
        let rotated = match self.form {
            Form::Bytes => rotation.blob(&String::from_utf8_lossy(bytes)).map(|blob| blob.map(|blob| blob + "\n")),
            Form::Values => text(bytes).and_then(|text| rotation.values(text)),
        };
        rotated.map(|text| text.map(String::into_bytes))
    }
}

/// The chart's secret files and values, and those that were named, each once.
fn files_of(chart: &Path, values: Vec<PathBuf>) -> Result<Vec<SecretFile>> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    let secret = chart.join("secret");
    if secret.is_dir() {
        walk(&secret, &mut seen, &mut files)?;
    }
    let own = Some(chart.join("secret-values.yaml")).filter(|path| path.symlink_metadata().is_ok());
    for path in own.into_iter().chain(values) {
        let place = fs::canonicalize(&path).map_err(|cause| Unreadable { path: path.clone(), cause })?;
        if seen.insert(place) {
            files.push(SecretFile { path, form: Form::Values });
        }
    }
    Ok(files)
}

/// All files below a directory in the order of their names; links are followed, and nothing comes twice.
fn walk(directory: &Path, seen: &mut BTreeSet<PathBuf>, files: &mut Vec<SecretFile>) -> Result<()> {
    let unreadable = |path: &Path, cause| Unreadable { path: path.to_owned(), cause };
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> = entries.map_err(|cause| unreadable(directory, cause))?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let place = fs::canonicalize(&path).map_err(|cause| unreadable(&path, cause))?;
        if !seen.insert(place) {
            continue;
        }
        if path.is_dir() {
            walk(&path, seen, files)?;
        } else {
            files.push(SecretFile { path, form: Form::Bytes });
        }
    }
    Ok(())
}

/// A path as people see it: from the directory that they are in.
fn shown(path: &Path) -> String {
    let here = fs::canonicalize(".").unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string().trim_start_matches("./").to_owned()
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot decrypt `{path}`")]
struct Unrotatable {
    path: String,
    #[source]
    #[diagnostic_source]
    cause: SecretError,
}
