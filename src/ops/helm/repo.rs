//! `werf helm repo …`: the repositories that a user has added, in Helm's own files.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::stream;
use miette::Diagnostic;
use serde_json::{Value, json};
use thiserror::Error;

use super::source::ReachOptions;
use super::table;
use crate::chart::{self, Defaults};
use crate::chart_repository::{self, Entry, Index, IndexError, Repositories, SourceError, Store};
use crate::error::{Error, Result, root_cause};
use crate::ops::Run;
use crate::ops::files::{Unreadable, Unwritable};
use crate::ops::whole_file;
use crate::yaml;

/// Repositories that are asked at once.
const AT_ONCE: usize = 8;

/// What `repo add` is asked.
#[derive(Clone, Debug)]
pub struct AddOptions {
    /// What the repository is called here.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// How it is reached.
    pub reach: ReachOptions,
    /// A repository of the same name is replaced.
    pub force_update: bool,
    /// Repositories that were taken away for ever are no error.
    pub allow_deprecated: bool,
}

/// Adds a repository, once its index could be read.
pub async fn add(options: AddOptions, run: Run) -> Result<String> {
    let options = AddOptions { reach: options.reach.telling(&run), ..options };
    let AddOptions { name, url, reach, .. } = &options;
    if name.contains('/') {
        return Err(RepoError::Name { name: name.clone() }.into());
    }
    if let Some(now) = moved(url).filter(|_| !options.allow_deprecated) {
        return Err(RepoError::Moved { url: url.clone(), now }.into());
    }
    let _lock = chart_repository::lock(&reach.charts.repository_config)?;
    let mut store = reach.store()?;
    let file = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let entry = Entry {
        name: name.clone(),
        url: url.clone(),
        username: reach.username.clone().unwrap_or_default(),
        password: reach.password.clone().unwrap_or_default(),
        cert_file: file(&reach.cert_file),
        key_file: file(&reach.key_file),
        ca_file: file(&reach.ca_file),
        skip_tls_verify: reach.skip_tls_verify,
        pass_credentials: reach.pass_credentials,
    };
    match store.repositories.by_name(name) {
        Some(known) if !options.force_update && *known == entry => {
            return Ok(format!("\"{name}\" already exists with the same configuration, skipping\n"));
        }
        Some(known) if !options.force_update => return Err(RepoError::Exists { name: name.clone(), url: known.url.clone() }.into()),
        _ => {}
    }
    store.update(&entry).await?;
    store.repositories.put(entry);
    store.save()?;
    Ok(format!("\"{name}\" has been added to your repositories\n"))
}

/// Where the first public repositories went.
fn moved(url: &str) -> Option<&'static str> {
    [
        ("//kubernetes-charts.storage.googleapis.com", "https://charts.helm.sh/stable"),
        ("//kubernetes-charts-incubator.storage.googleapis.com", "https://charts.helm.sh/incubator"),
    ]
    .into_iter()
    .find_map(|(old, new)| url.contains(old).then_some(new))
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Lists the repositories; a table with a head or without.
pub async fn list(reach: ReachOptions, format: Format, head: bool, _run: Run) -> Result<String> {
    let Repositories { repositories, .. } = reach.store()?.repositories;
    let shown = |entry: &Entry| crate::chart_repository::url::split_login(&entry.url).0;
    let values: Value = repositories.iter().map(|entry| json!({"name": entry.name, "url": shown(entry)})).collect();
    match format {
        Format::Table if repositories.is_empty() => Err(RepoError::None.into()),
        Format::Table => {
            let head = head.then(|| ["NAME", "URL"].map(str::to_owned));
            let rows = repositories.iter().map(|entry| [entry.name.clone(), shown(entry)]);
            Ok(table::text(&head.into_iter().chain(rows).collect::<Vec<_>>(), None))
        }
        Format::Json => Ok(format!("{values}\n")),
        Format::Yaml => Ok(yaml::emit(&values)),
    }
}

/// What `repo update` is asked.
#[derive(Clone, Debug)]
pub struct UpdateOptions {
    /// Names; all where empty.
    pub names: Vec<String>,
    /// Where Helm's files are.
    pub reach: ReachOptions,
    /// One that cannot be read is an error.
    pub fail: bool,
}

/// Reads the indexes of added repositories.
pub async fn update(options: UpdateOptions, run: Run) -> Result<String> {
    let options = UpdateOptions { reach: options.reach.telling(&run), ..options };
    let store = options.reach.store()?;
    if store.repositories.repositories.is_empty() {
        return Err(RepoError::None.into());
    }
    for name in &options.names {
        store.named(name)?;
    }
    let (text, failed) = updated(&store, &options.names).await;
    match failed {
        Some(error) if options.fail => Err(error),
        _ => Ok(text),
    }
}

/// Reads the indexes of repositories, all where no name is given, and says how each went; also the first failure.
pub async fn updated(store: &Store, names: &[String]) -> (String, Option<Error>) {
    let wanted = store.repositories.repositories.iter().filter(|entry| names.is_empty() || names.contains(&entry.name));
    let results: Vec<(&Entry, Result<Index, SourceError>)> =
        stream::iter(wanted.map(async |entry| (entry, store.update(entry).await))).buffered(AT_ONCE).collect().await;
    let mut text = "Hang tight while we grab the latest from your chart repositories...\n".to_owned();
    let mut failed = None;
    for (entry, result) in results {
        match result {
            Ok(_) => text.push_str(&format!("...Successfully got an update from the \"{}\" chart repository\n", entry.name)),
            Err(error) => {
                text.push_str(&unable(&format!("\"{}\" chart repository ({})", entry.name, entry.url), &error));
                failed.get_or_insert(error.into());
            }
        }
    }
    (text + "Update Complete. ⎈Happy Helming!⎈\n", failed)
}

/// The line for a repository whose index cannot be read.
pub fn unable(what: &str, error: &SourceError) -> String {
    let cause = root_cause(error).to_string();
    let cause = if cause == error.to_string() { String::new() } else { format!(": {cause}") };
    format!("...Unable to get an update from the {what}:\n\t{error}{cause}\n")
}

/// Removes repositories and what is cached of them.
pub async fn remove(reach: ReachOptions, names: Vec<String>, _run: Run) -> Result<String> {
    let _lock = chart_repository::lock(&reach.charts.repository_config)?;
    let mut store = reach.store()?;
    let mut text = String::new();
    for name in names {
        store.named(&name)?;
        store.repositories.repositories.retain(|entry| entry.name != name);
        store.save()?;
        store.forget(&name)?;
        text.push_str(&format!("\"{name}\" has been removed from your repositories\n"));
    }
    Ok(text)
}

/// What `repo index` is asked.
#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// The directory with archives.
    pub dir: PathBuf,
    /// URL that goes before their names.
    pub url: String,
    /// An index whose charts are taken over.
    pub merge: Option<PathBuf>,
    /// JSON instead of YAML.
    pub json: bool,
}

/// Writes `index.yaml` for the archives of a directory and of the directories in it.
pub async fn index(options: IndexOptions, _run: Run) -> Result<String> {
    let now = jiff::Timestamp::now().to_string();
    let mut index = Index::default();
    for (inner, path) in archives(&options.dir)? {
        let bytes = std::fs::read(&path).map_err(|cause| unreadable(&path, cause))?;
        // what is no chart is left out
        let Ok(chart) = chart::load_archive(&bytes, &path.display().to_string(), &Defaults::default()) else { continue };
        let Ok(Value::Object(metadata)) = serde_json::to_value(&chart.metadata) else { continue };
        let place = if options.url.is_empty() { inner } else { format!("{}/{inner}", options.url.trim_end_matches('/')) };
        index.add(metadata, place, chart_repository::sha256(&bytes), &now);
    }
    if let Some(path) = &options.merge {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let other = Index::parse(&text).map_err(|cause| RepoError::Merge { path: path.clone(), cause })?;
                index.merge(other);
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => write(path, &Index::default().value(&now), options.json)?,
            Err(cause) => return Err(unreadable(path, cause).into()),
        }
    }
    index.sort();
    write(&options.dir.join("index.yaml"), &index.value(&now), options.json)?;
    Ok(String::new())
}

fn write(path: &Path, value: &Value, json: bool) -> Result<(), Unwritable> {
    let text = if json { format!("{value:#}") } else { yaml::emit(value) };
    whole_file::write(path, text.as_bytes()).map_err(|cause| Unwritable { path: path.to_owned(), cause })
}

/// The archives of a directory and of the directories in it, with their paths in it.
fn archives(dir: &Path) -> Result<Vec<(String, PathBuf)>, Unreadable> {
    let (mut found, mut inner) = (Vec::new(), Vec::new());
    for (name, path) in entries(dir)? {
        match path.is_dir() {
            true => inner.extend(entries(&path)?.into_iter().map(|(file, path)| (format!("{name}/{file}"), path))),
            false => found.push((name, path)),
        }
    }
    found.extend(inner);
    found.retain(|(name, path)| name.ends_with(".tgz") && path.is_file());
    Ok(found)
}

fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, Unreadable> {
    let read = || -> std::io::Result<Vec<(String, PathBuf)>> {
        std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))).collect()
    };
    let mut entries = read().map_err(|cause| unreadable(dir, cause))?;
    entries.sort();
    Ok(entries)
}

fn unreadable(path: &Path, cause: std::io::Error) -> Unreadable {
    Unreadable { path: path.to_owned(), cause }
}

#[derive(Debug, Error, Diagnostic)]
enum RepoError {
    #[error("the name of a repository has no slash: `{name}`")]
    #[diagnostic(help("the slash is for charts: REPOSITORY/CHART"))]
    Name { name: String },
    #[error("the charts of {url} are gone from there")]
    #[diagnostic(help("they are at {now} now; `--allow-deprecated-repos` adds the old place all the same"))]
    Moved { url: String, now: &'static str },
    #[error("there is a repository `{name}` with other settings: {url}")]
    #[diagnostic(help("choose another name, or replace it with `--force-update`"))]
    Exists { name: String, url: String },
    #[error("no repositories were added")]
    #[diagnostic(help("add one: `werf helm repo add NAME URL`"))]
    None,
    #[error("{} is no index to merge with", .path.display())]
    #[diagnostic(help("`--merge` names what `helm repo index` wrote before, or a file that is not there"))]
    Merge {
        path: PathBuf,
        #[source]
        #[diagnostic_source]
        cause: IndexError,
    },
}
