//! `werf includes`: the lock of what is included of other repositories, and what the project has with it.

use std::collections::BTreeMap;

use miette::Diagnostic;
use thiserror::Error;

use super::{ProjectOptions, Run, project, whole_file};
use crate::error::Result;
use crate::event::Event;
use crate::file_tree::{FileTree, shown};
use crate::glob::{self, Globs};
use crate::project::giterminism::Purpose;
use crate::project::includes::LOCK_FILE;
use crate::words::near::nearest;

/// What the project's own files are called in lists.
const LOCAL: &str = "local";

/// Writes the commits of all revisions as they are now into `werf-includes.lock` of the work tree.
pub async fn update(options: ProjectOptions, run: Run) -> Result<()> {
    let opened = project::open_own(&options, &run)?;
    let (lock, warnings) = opened.includer.lock(&opened.giterminism)?;
    project::warn(&run, &warnings);
    let path = project::directory(&opened.repository).join(LOCK_FILE);
    let is_same = std::fs::read(&path).is_ok_and(|there| there == lock.text().as_bytes());
    if !is_same {
        whole_file::write(&path, lock.text().as_bytes()).map_err(|cause| Unwritable { path: path.display().to_string(), cause })?;
    }
    run.events.emit(Event::IncludesLocked { revisions: lock.0.len(), is_new: !is_same });
    Ok(())
}

/// The project's files with the repository that each is from, as a table. Files are those that a glob matches, and of the sources that
/// `filter` names: `source=local,…`, where a part of a repository's URL is enough.
pub async fn ls_files(options: ProjectOptions, globs: &[String], filter: Option<&str>, run: Run) -> Result<String> {
    let sources = filter.map(sources).transpose()?;
    for text in globs {
        glob::check(text).map_err(|problem| Wrong::Glob { glob: text.clone(), problem: problem.to_string() })?;
    }
    let opened = project::open_own(&options, &run)?;
    let (rules, includer) = (&opened.giterminism, &opened.includer);
    let found = includer.find(rules)?;
    rules.finish()?;
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    if let Some(found) = &found {
        project::warn(&run, &found.warnings);
        rows.extend(found.files.names().map(|(path, source)| (path.to_owned(), source.to_owned())));
    }
    rows.extend(rules.own_files()?.iter().map(|entry| (entry.path.clone(), LOCAL.to_owned())));
    let wanted = Globs::new(globs);
    rows.retain(|path, source| {
        let is_source = sources.as_ref().is_none_or(|sources| {
            sources.iter().any(|wanted| if source == LOCAL { wanted == LOCAL } else { source.contains(wanted.as_str()) })
        });
        is_source && (globs.is_empty() || wanted.matches(path))
    });
    let width = rows.keys().map(|path| shown(path).chars().count()).chain([4]).max().unwrap_or_default() + 2;
    let lines = rows.iter().map(|(path, source)| format!("{:width$}{source}\n", shown(path)));
    Ok(format!("{:width$}SOURCE\n", "PATH") + &lines.collect::<String>())
}

fn sources(filter: &str) -> Result<Vec<String>> {
    match filter.split_once('=') {
        Some(("source", names)) => Ok(names.split(',').map(|name| name.trim().to_owned()).collect()),
        _ => Err(Wrong::Filter { filter: filter.to_owned() }.into()),
    }
}

/// The bytes that the project has at a path.
pub async fn get_file(options: ProjectOptions, path: &str, run: Run) -> Result<Vec<u8>> {
    let opened = project::open_commit(&options, &run)?;
    let rules = &opened.giterminism;
    let files = rules.files(Purpose::TemplateFile);
    let bytes = files.read(path.trim_start_matches("./"))?;
    rules.finish()?;
    if let Some(bytes) = bytes {
        return Ok(bytes.to_vec());
    }
    let all = files.list("")?;
    let near = nearest(path, all.iter().map(|entry| entry.path.as_str())).map(|near| format!("did you mean `{}`? ", shown(near)));
    Err(Wrong::NoFile { path: path.to_owned(), near: near.unwrap_or_default() }.into())
}

#[derive(Debug, Error, Diagnostic)]
enum Wrong {
    #[error("`--filter={filter}` is no filter")]
    #[diagnostic(help("write `--filter=source=local` or a part of the URL of a repository, several with commas between"))]
    Filter { filter: String },
    #[error("`{glob}` is not a glob: {problem}")]
    #[diagnostic(help("`*` stays within a directory, `**` crosses them"))]
    Glob { glob: String, problem: String },
    #[error("neither the project nor what it includes has the file `{path}`")]
    #[diagnostic(help("{near}`werf includes ls-files` lists all files"))]
    NoFile { path: String, near: String },
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot write `{path}`")]
#[diagnostic(help("check the directory's permissions and the space on its disk"))]
struct Unwritable {
    path: String,
    #[source]
    cause: std::io::Error,
}
