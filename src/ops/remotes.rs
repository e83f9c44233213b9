//! Other repositories that `git` of werf.yaml names: what their revisions are now, each asked once in a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use thiserror::Error;
use tokio::sync::Mutex;

use super::project::{self, Project, SecretError};
use super::{ProjectOptions, Run};
use crate::error::{Problems, Result};
use crate::images::image::RemoteCommit;
use crate::project::config::Config;
use crate::project::config::image::{GitMapping, Recipe, Remote, Revision, SecretSource};
use crate::project::git::remote::{self as git, Access, Credentials, Login, RemoteError, SILENCE, Settings, Upstream};
use crate::project::git::{Provider, Repository};

/// Repositories that are asked at once.
const AT_ONCE: usize = 8;

/// What is known of other repositories.
pub struct Remotes {
    options: ProjectOptions,
    known: Mutex<Commits>,
}

/// Who brings what the project's clone lacks. Nothing is looked up before something is wanted.
pub fn upstream(options: &ProjectOptions, repository: &Repository, run: &Run) -> Arc<dyn Provider> {
    // The tree may be kept by an error, for which the display must not wait.
    let run = Run { events: run.events.lent(), ..run.clone() };
    let (options, directory) = (options.clone(), project::directory(repository));
    Arc::new(Upstream::of_clone(move || access(&options, &directory, &run)))
}

/// How servers are reached.
pub(super) fn access(options: &ProjectOptions, directory: &Path, run: &Run) -> Result<Access, RemoteError> {
    let place = |key: &String| project::at_home(options.env_lookup, key).unwrap_or_else(|| PathBuf::from(key));
    let ssh_keys: Vec<PathBuf> = options.ssh_keys.iter().map(place).collect();
    if let Some(key) = ssh_keys.iter().find(|key| !key.is_file()) {
        return Err(RemoteError::NoKey { path: key.clone() });
    }
    Ok(Access {
        cache_dir: options.cache_dir.clone(),
        base_dir: directory.to_owned(),
        ssh_keys,
        settings: Arc::new(Settings::load()?),
        variable: options.env_lookup,
        proxies: options.charts.proxies.clone(),
        silence: SILENCE,
        credentials: Credentials::All,
        events: run.events.lent(),
        cancel: run.cancel.clone(),
    })
}

/// Commits of other repositories, by URL and revision as written.
pub type Commits = BTreeMap<(String, Revision), RemoteCommit>;

impl Remotes {
    /// Nothing is known yet.
    pub fn new(options: &ProjectOptions) -> Arc<Self> {
        Arc::new(Remotes { options: options.clone(), known: Mutex::default() })
    }

    /// The commits of all revisions that a configuration names. One without remote mappings costs nothing.
    pub async fn of(&self, project: &Project, run: &Run) -> Result<Commits> {
        let (trees, mut problems) = self.ask(project, run).await?;
        match problems.len() {
            0 => Ok(trees),
            1 => Err(problems.remove(0).into()),
            count => {
                let problems = problems.into_iter().map(|problem| Box::new(problem) as _).collect();
                Err(Problems::new(format!("{count} mappings of other repositories are not to be had"), problems).into())
            }
        }
    }

    /// The same for a configuration of the past: `None` where a revision is no more. A server that does not answer is an error.
    pub async fn of_the_past(&self, project: &Project, run: &Run) -> Result<Option<Commits>> {
        let (trees, problems) = self.ask(project, run).await?;
        let is_gone = |problem: &Problem| matches!(problem, Problem::Remote(at) if matches!(at.error, RemoteError::NoRevision { .. } | RemoteError::NoCommit { .. }));
        let any = !problems.is_empty();
        match problems.into_iter().find(|problem| !is_gone(problem)) {
            Some(problem) => Err(problem.into()),
            None if any => Ok(None),
            None => Ok(Some(trees)),
        }
    }

    async fn ask(&self, project: &Project, run: &Run) -> Result<(Commits, Vec<Problem>)> {
        let wanted = wanted(&project.config);
        if wanted.is_empty() {
            return Ok(Default::default());
        }
        // Held while others are asked, so that nothing is asked twice.
        let mut known = self.known.lock().await;
        let lacking: Vec<_> = wanted.iter().filter(|(key, _)| !known.contains_key(key)).collect();
        let mut problems = Vec::new();
        if !lacking.is_empty() {
            let access = access(&self.options, &project::directory(&project.repository), run)?;
            let asked = lacking.into_iter().map(|((url, revision), mapping)| resolve(&access, project, (url, revision), mapping));
            let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
            for answer in answers {
                match answer {
                    Ok((key, tree)) => drop(known.insert(key, tree)),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        let trees = wanted.into_keys().filter_map(|key| Some((key.clone(), known.get(&key)?.clone()))).collect();
        Ok((trees, problems))
    }

    /// How the project's own origin is reached. A relative URL is relative to the work tree.
    pub fn access_of_origin(&self, project: &Project, run: &Run) -> Result<Access, RemoteError> {
        let own = project::directory(&project.repository);
        access(&self.options, project.repository.work_tree().unwrap_or(&own), run)
    }
}

type Key = (String, Revision);

/// The revisions that a configuration names, each with the first mapping that does.
fn wanted(config: &Config) -> BTreeMap<Key, &GitMapping> {
    let mut wanted = BTreeMap::new();
    for mapping in mappings(config) {
        if let Some(Remote { url, revision, .. }) = &mapping.remote {
            wanted.entry((url.clone(), revision.clone())).or_insert(mapping);
        }
    }
    wanted
}

fn mappings(config: &Config) -> impl Iterator<Item = &GitMapping> {
    let mappings = config.images.iter().map(|image| match &image.recipe {
        Recipe::Stapel(stapel) => stapel.git.as_slice(),
        Recipe::Dockerfile(_) => &[],
    });
    mappings.flatten()
}

async fn resolve(access: &Access, project: &Project, key: (&str, &Revision), mapping: &GitMapping) -> Result<(Key, RemoteCommit), Problem> {
    let (url, revision) = key;
    let login = match mapping.remote.as_ref().and_then(|remote| remote.basic_auth.as_ref()) {
        Some(auth) => Some(Login { username: auth.username.clone(), password: Some(project.password(&auth.password)?) }),
        None => None,
    };
    let asked = match revision {
        Revision::Branch(name) => git::Revision::Branch(name.clone()),
        Revision::Tag(name) => git::Revision::Tag(name.clone()),
        Revision::Commit(id) => git::Revision::Commit(id.clone()),
    };
    let found = git::resolve(access, url, &asked, login.as_ref()).await;
    let found = found.map_err(|error| AtMapping::new(&project.config, mapping, error))?;
    let commit = RemoteCommit { url: git::shown(url), commit: found.commit.id.to_string(), tree: found.tree };
    Ok(((url.to_owned(), revision.clone()), commit))
}

#[derive(Debug, Error, Diagnostic)]
enum Problem {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Remote(#[from] AtMapping),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Password(#[from] SecretError),
}

/// A problem of another repository, with the mapping that names it.
#[derive(Debug, Error)]
#[error("{error}")]
struct AtMapping {
    error: RemoteError,
    source_code: NamedSource<Arc<str>>,
    span: miette::SourceSpan,
}

impl AtMapping {
    fn new(config: &Config, mapping: &GitMapping, error: RemoteError) -> Self {
        let name = if mapping.at.file.is_empty() { "werf.yaml" } else { &mapping.at.file };
        let source_code = NamedSource::new(name, Arc::from(without_secrets(config)));
        let start = mapping.at.span.start.min(config.rendered.len());
        let line = config.rendered[start..].find('\n').map_or(config.rendered.len(), |length| start + length);
        AtMapping { error, source_code, span: (start..line.min(mapping.at.span.end.max(start))).into() }
    }
}

/// The configuration with stars in place of logins and passwords that are written in it.
fn without_secrets(config: &Config) -> String {
    let mut text = config.rendered.to_string();
    for remote in mappings(config).filter_map(|mapping| mapping.remote.as_ref()) {
        let login = remote.url.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@')).map(|(login, _)| login);
        let password = remote.basic_auth.as_ref().and_then(|auth| match &auth.password.source {
            SecretSource::Value(value) => Some(value.as_str()),
            SecretSource::Env(_) | SecretSource::File(_) => None,
        });
        for secret in login.into_iter().chain(password).filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, &"*".repeat(secret.len()));
        }
    }
    text
}

impl Diagnostic for AtMapping {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.error.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new([LabeledSpan::new_with_span(Some("named here".into()), self.span)].into_iter()))
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.error.diagnostic_source()
    }
}
