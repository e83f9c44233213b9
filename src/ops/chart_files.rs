//! Charts and values files that lie on the disk, outside of any project: Helm's way of reading them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::deploy::chart::{self, Chart, ChartError, Defaults, HelmCompat, Precedence, ValueLayers, ValuesFile};
use crate::error::Result;
use crate::file_tree::ReadError;

/// The chart in a directory, or in a `.tgz` archive.
pub fn load_chart(path: &str, compat: HelmCompat) -> Result<Chart> {
    load(path, Defaults { compat, ..Defaults::default() })
}

/// The same, where Chart.yaml may lack name and version: a project's own chart takes them from elsewhere.
pub fn load_any_chart(path: &str) -> Result<Chart> {
    load_chart(path, HelmCompat::default()).or_else(|error| {
        let named = Defaults { name: Some("project".to_owned()), ..Defaults::default() };
        let has_metadata = Path::new(path).join("Chart.yaml").exists();
        if has_metadata { load(path, named) } else { Err(error) }
    })
}

fn load(path: &str, defaults: Defaults) -> Result<Chart> {
    Ok(try_load(path, defaults)??)
}

/// The chart at a path; the inner error is of a chart that is there and cannot be loaded.
pub fn try_load(path: &str, defaults: Defaults) -> Result<Result<Chart, ChartError>> {
    let found = std::fs::metadata(path);
    if found.as_ref().is_ok_and(|found| found.is_dir()) {
        let mut files = Vec::new();
        walk(Path::new(path), "", &mut files)?;
        if files.is_empty() {
            return Err(DiskError::NoChart { path: path.to_owned() }.into());
        }
        return Ok(chart::load_files(files, path.trim_end_matches('/'), |file| read(file), &defaults));
    }
    match found.and_then(|_| std::fs::read(path)) {
        Ok(archive) => Ok(chart::load_archive(&archive, path, &defaults)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Err(DiskError::NoChart { path: path.to_owned() }.into()),
        Err(cause) => Err(DiskError::Unreadable { path: path.to_owned(), cause }.into()),
    }
}

/// Lists the files of a directory by their names in the chart. Links are followed wherever they lead, as Helm follows them.
fn walk(dir: &Path, inside: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), ReadError> {
    for entry in std::fs::read_dir(dir).map_err(|cause| unreadable(dir, cause))? {
        let entry = entry.map_err(|cause| unreadable(dir, cause))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        let found = std::fs::metadata(&path).map_err(|cause| unreadable(&path, cause))?;
        if found.is_dir() {
            walk(&path, &name, files)?;
        } else {
            files.push((name, path));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Arc<[u8]>, ReadError> {
    let regular = std::fs::metadata(path).and_then(|found| match found.is_file() {
        true => std::fs::read(path),
        false => Err(std::io::Error::other("it is no regular file")),
    });
    regular.map(Arc::from).map_err(|cause| unreadable(path, cause))
}

fn unreadable(path: &Path, cause: std::io::Error) -> ReadError {
    let help = Some("check the path and its permissions, or name it in `.helmignore`".to_owned());
    ReadError { path: path.display().to_string(), origin: "the disk".into(), cause: Arc::new(cause), help }
}

/// Values as Helm's flags give them.
#[derive(Clone, Debug, Default)]
pub struct HelmValues {
    /// `--values`: files, or `-` for standard input.
    pub files: Vec<String>,
    /// `--set`.
    pub set: Vec<String>,
    /// `--set-string`.
    pub set_string: Vec<String>,
    /// `--set-file`.
    pub set_file: Vec<String>,
    /// `--set-json`.
    pub set_json: Vec<String>,
    /// `--set-literal`.
    pub set_literal: Vec<String>,
    /// What was fetched for those of `files` that are URLs.
    pub texts: BTreeMap<String, String>,
}

/// Reads the files that value flags name.
pub fn value_layers(values: HelmValues) -> Result<ValueLayers> {
    let text = |name: &String| values.texts.get(name).map_or_else(|| read_text(name), |text| Ok(text.clone()));
    let file = |name: &String| Ok(ValuesFile { name: name.clone(), text: text(name)?.into() });
    let mut contents = BTreeMap::new();
    for setting in &values.set_file {
        // a setting that does not parse is reported where all settings are
        for path in chart::paths_of(setting).unwrap_or_default() {
            contents.insert(path.clone(), Arc::from(read_text(&path)?));
        }
    }
    Ok(ValueLayers {
        files: values.files.iter().map(file).collect::<Result<_>>()?,
        set_json: values.set_json,
        set: values.set,
        set_string: values.set_string,
        set_file: values.set_file,
        set_file_contents: contents,
        set_literal: values.set_literal,
        precedence: Precedence::Helm,
        ..ValueLayers::default()
    })
}

fn read_text(path: &str) -> Result<String> {
    let bytes = match path {
        "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        path => std::fs::read(path),
    };
    let bytes = bytes.map_err(|cause| DiskError::Unreadable { path: path.to_owned(), cause })?;
    String::from_utf8(bytes).map_err(|_| DiskError::NotText { path: path.to_owned() }.into())
}

#[derive(Debug, Error, Diagnostic)]
enum DiskError {
    #[error("there is no chart at `{path}`")]
    #[diagnostic(help(
        "name a chart's directory or `.tgz` archive, REPOSITORY/CHART, oci://HOST/PATH/CHART, the URL of an archive, or CHART with `--repo URL`"
    ))]
    NoChart { path: String },
    #[error("cannot read `{path}`")]
    #[diagnostic(help("check the path and its permissions"))]
    Unreadable {
        path: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("values file `{path}` is not UTF-8 text")]
    #[diagnostic(help("values files are YAML in UTF-8"))]
    NotText { path: String },
}
