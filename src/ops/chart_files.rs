//! Charts and values files that lie on the disk, outside of any project: Helm's way of reading them.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::chart::{self, Chart, ChartError, Defaults, HelmCompat, Precedence, ValueLayers, ValuesFile};
use crate::error::Result;
use crate::file_tree::{ReadError, text_of_bytes};

/// Files of a chart on the disk.
const MAX_FILES: usize = 50_000;
/// Directories of a chart, those counted several times that links lead to several times.
const MAX_DIRECTORIES: usize = 20_000;
/// Directories inside of one another.
const MAX_DEPTH: usize = 100;

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
        let mut walk = Walk::default();
        walk.collect(Path::new(path), "")?;
        let files = walk.files;
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

/// Lists the files of a directory by their names in the chart. Links are followed wherever they lead, as Helm follows them, but not in
/// circles.
#[derive(Default)]
struct Walk {
    files: Vec<(String, PathBuf)>,
    /// Device and number of the directories on the way.
    above: Vec<(u64, u64)>,
    directories: usize,
}

impl Walk {
    fn collect(&mut self, dir: &Path, inside: &str) -> Result<(), ReadError> {
        let problem = |text: String| {
            let help = Some("remove the link, or make it lead elsewhere".to_owned());
            ReadError { help, ..unreadable(dir, std::io::Error::other(text)) }
        };
        let own = std::fs::metadata(dir).map(|found| (found.dev(), found.ino())).map_err(|cause| unreadable(dir, cause))?;
        if self.above.contains(&own) {
            return Err(problem("a link leads to a directory that it lies in".to_owned()));
        }
        self.above.push(own);
        self.directories += 1;
        if self.above.len() > MAX_DEPTH || self.directories > MAX_DIRECTORIES {
            return Err(problem(format!(
                "a chart has at most {MAX_DIRECTORIES} directories, {MAX_DEPTH} in one another: links multiply them"
            )));
        }
        for entry in std::fs::read_dir(dir).map_err(|cause| unreadable(dir, cause))? {
            let entry = entry.map_err(|cause| unreadable(dir, cause))?;
            let (path, name) = (entry.path(), text_of_bytes(entry.file_name().as_bytes()).into_owned());
            let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            let found = std::fs::metadata(&path).map_err(|cause| unreadable(&path, cause))?;
            if found.is_dir() {
                self.collect(&path, &name)?;
            } else {
                self.files.push((name, path));
            }
            if self.files.len() > MAX_FILES {
                return Err(problem(format!("a chart has at most {MAX_FILES} files: links multiply them")));
            }
        }
        self.above.pop();
        Ok(())
    }
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
            contents.insert(path.clone(), text_of_bytes(&read_bytes(&path)?).into());
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
    String::from_utf8(read_bytes(path)?).map_err(|_| DiskError::NotText { path: path.to_owned() }.into())
}

fn read_bytes(path: &str) -> Result<Vec<u8>> {
    let bytes = match path {
        "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        path => std::fs::read(path),
    };
    bytes.map_err(|cause| DiskError::Unreadable { path: path.to_owned(), cause }.into())
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
