//! `werf cleanup`: deletes the images that nothing uses.
//!
//! What is to be known is gathered first: the images of the registry, what workloads use, the whole history. Then each image's fate is
//! decided, and only then anything is deleted. Where something cannot be known, the command ends before that.

mod alike;
mod contents;
mod deletion;
mod origin;
mod usage;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::project::{self, Project};
use super::{KubeOptions, ProjectOptions, RegistryOptions, Run, registry};
use crate::cleanup::{Decision, History, Input, KeepList, Published, Record, Use, decide};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::file_tree::ObjectId;
use crate::project::config::hours_long;
use crate::project::config::meta::Cleanup;
use crate::project::git;
use crate::registry::{Client, Repository, Tag, TaggedImage};

/// Requests to the registry at once.
const AT_ONCE: usize = 32;

/// What `cleanup` is asked.
#[derive(Clone)]
pub struct Options {
    /// Delete nothing; tell each image's fate.
    pub dry_run: bool,
    /// The cluster is not asked.
    pub without_kube: bool,
    /// Overrides `keepImagesBuiltWithinLastNHours`; 0 switches the rule off.
    pub keep_hours: Option<u64>,
    /// File with tags or references to keep, one a line.
    pub keep_list: Option<PathBuf>,
    /// Where workloads are looked for; everywhere where empty.
    pub namespaces: Vec<String>,
    /// Workloads are looked for in the namespace of the kubeconfig's context.
    pub context_namespace_only: bool,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Where images are.
    pub registry: RegistryOptions,
    /// Platform of all images instead of werf.yaml's: a part of their names.
    pub platform: Option<String>,
    /// Which cluster; those of all contexts where none is named.
    pub kube: KubeOptions,
}

/// Decides each image's fate and deletes those that go. With `dry_run` the fates are the result's text.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let decided = async {
        let work = Work::begin(&options, &run)?;
        let stock = work.stock().await?;
        let (decision, lost) = work.decide(&stock).await?;
        Result::<_>::Ok((work, stock, decision, lost))
    };
    let (work, stock, decision, lost) = tokio::select! {
        decided = decided => decided?,
        () = run.cancel.cancelled() => return Err(stopped()),
    };
    if options.dry_run {
        return Ok(decision.to_string());
    }
    deletion::delete(&work.client, &work.repository, &decision, &run).await?;
    deletion::drop_records(&work, &stock, &decision, &lost).await?;
    Ok(String::new())
}

/// What there is in the registry.
struct Stock {
    images: Vec<Published>,
    /// The tags of records, with what they record.
    records: Vec<(Tag, Record)>,
    /// What is labelled, for what labels tell beside the origin.
    tagged: Vec<TaggedImage>,
}

/// One cleanup.
struct Work<'a> {
    options: &'a Options,
    run: &'a Run,
    project: Arc<Project>,
    client: Client,
    repository: Repository,
    config: Cleanup,
    keep_list: KeepList,
}

impl<'a> Work<'a> {
    fn begin(options: &'a Options, run: &'a Run) -> Result<Self> {
        let project = project::open(&options.project, options.registry.insecure, run)?;
        let repository = project.checked(&[], registry::repository(&options.registry))?;
        let client = registry::client(&options.registry, run)?;
        let config = settings(&project, options.keep_hours);
        let keep_list = options.keep_list.as_deref().map(keep_list).transpose()?.unwrap_or_default();
        Ok(Work { options, run, project, client, repository, config, keep_list })
    }

    async fn stock(&self) -> Result<Stock> {
        let tags = self.client.tags(&self.repository).await?;
        let (records, tags): (Vec<Tag>, Vec<Tag>) = tags.into_iter().partition(|tag| Record::parse(tag).is_some());
        let records = records.into_iter().filter_map(|tag| Some((tag.clone(), Record::parse(&tag)?))).collect();
        let tagged = self.client.images(&self.repository, tags, AT_ONCE).await?;
        let name = &self.project.config.meta.project;
        let published = |image: &TaggedImage| Published {
            parts: image.parts.clone(),
            doubt: image.doubt.clone(),
            ..Published::new(name, image.tag.clone(), image.digest.clone(), &image.labels, image.created)
        };
        let images: Vec<Published> = tagged.iter().map(published).collect();
        for (line, text) in self.keep_list.idle(&images) {
            self.run.events.emit(Event::Warned {
                message: format!("--keep-list: line {line} names no image of `{}`: `{text}`", self.repository),
                help: Some("write a tag, a digest, or a reference with one of them".into()),
            });
        }
        Ok(Stock { images, records, tagged })
    }

    /// Each image's fate, and the commits of records that are no more.
    async fn decide(&self, stock: &Stock) -> Result<(Decision, HashSet<ObjectId>)> {
        let by_git = !self.config.disable && !self.config.disable_git_history_based_policy;
        let history = async {
            match by_git && stock.images.iter().any(|image| image.origin.is_some()) {
                true => origin::history(&self.project, self.options, self.run).await,
                false => Ok(origin::Past::none(&self.project)),
            }
        };
        let (past, used) = futures::future::try_join(history, usage::of_clusters(self)).await?;
        let records: Vec<Record> = stock.records.iter().map(|(_, record)| record.clone()).collect();
        let mut contents = contents::FromFiles::new(self, &past, stock);
        let mut judged = self.judge(stock, &past, &records, used.as_ref(), &mut contents);
        if contents.lacks_objects() && past.may_fetch_objects() {
            let past = origin::everything(&self.project, self.options, self.run).await?;
            let mut contents = contents::FromFiles::new(self, &past, stock);
            judged = self.judge(stock, &past, &records, used.as_ref(), &mut contents);
        }
        let is_lost = |commit: &ObjectId| past.is_whole() && !git::has_commit(&past.repository, *commit);
        let lost = records.iter().map(|record| record.commit).filter(is_lost).collect();
        Ok((judged?, lost))
    }

    fn judge(
        &self,
        stock: &Stock,
        past: &origin::Past,
        records: &[Record],
        used: Option<&Use>,
        contents: &mut contents::FromFiles<'_>,
    ) -> Result<Decision> {
        let history = History { graph: &past.graph, references: &past.references, records };
        let input = Input {
            repository: &self.repository,
            images: &stock.images,
            config: &self.config,
            used,
            history,
            keep_list: &self.keep_list,
            now: Timestamp::now(),
        };
        tokio::task::block_in_place(|| decide(input, contents))
    }
}

/// `cleanup` of werf.yaml with the flags over it.
fn settings(project: &Project, keep_hours: Option<u64>) -> Cleanup {
    let mut config = project.config.meta.cleanup.clone();
    if let Some(hours) = keep_hours {
        config.keep_images_built_within = hours_long(hours);
        config.disable_built_within_last_n_hours_policy = hours == 0;
    }
    config
}

fn keep_list(path: &Path) -> Result<KeepList> {
    let text = std::fs::read_to_string(path).map_err(|cause| NoKeepList { path: path.to_owned(), cause })?;
    Ok(KeepList::parse(&text))
}

/// The user or the system asked to stop.
fn stopped() -> Error {
    Error::new(Kind::Interrupted, Stopped)
}

#[derive(Debug, Error, Diagnostic)]
#[error("interrupted")]
#[diagnostic(help("nothing was deleted that was not told; run the same command again"))]
struct Stopped;

#[derive(Debug, Error, Diagnostic)]
#[error("--keep-list: cannot read `{}`", .path.display())]
#[diagnostic(help("name a file with one tag or reference a line; nothing was deleted"))]
struct NoKeepList {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}
