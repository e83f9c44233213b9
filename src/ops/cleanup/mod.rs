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
use super::repositories::Others;
use super::{KubeOptions, ProjectOptions, RegistryOptions, Run, registry};
use crate::cleanup::{Copies, Decision, History, Input, KeepList, Published, Record, Use, decide, decide_copies};
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
        let fates = work.decide(&stock).await?;
        Result::<_>::Ok((work, stock, fates))
    };
    let (work, stock, fates) = tokio::select! {
        decided = decided => decided?,
        () = run.cancel.cancelled() => return Err(stopped()),
    };
    if options.dry_run {
        let copies = work.others.last.as_ref().map(|repository| format!("copies in {repository}:\n{}", fates.copies));
        return Ok(format!("{}{}", fates.images, copies.unwrap_or_default()));
    }
    deletion::delete(&work, &fates, &run).await?;
    deletion::drop_records(&work, &stock, &fates).await?;
    Ok(String::new())
}

/// What happens to what there is.
struct Fates {
    images: Decision,
    /// What `--final-repo` has.
    copies: Decision,
    /// Commits of records that are no more.
    lost: HashSet<ObjectId>,
}

/// What there is in the registry.
struct Stock {
    images: Vec<Published>,
    /// What `--final-repo` has.
    copies: Vec<Published>,
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
    others: Others,
    config: Cleanup,
    keep_list: KeepList,
}

impl<'a> Work<'a> {
    fn begin(options: &'a Options, run: &'a Run) -> Result<Self> {
        let project = project::open(&options.project, options.registry.insecure, run)?;
        let repository = project.checked(&[], registry::repository(&options.registry))?;
        let others = Others::read(&options.registry, &repository)?;
        let client = registry::client(&options.registry, run)?;
        let config = settings(&project, options.keep_hours);
        let keep_list = options.keep_list.as_deref().map(keep_list).transpose()?.unwrap_or_default();
        Ok(Work { options, run, project, client, repository, others, config, keep_list })
    }

    async fn stock(&self) -> Result<Stock> {
        // before the originals: what is copied meanwhile is in neither list, or has its original in the second
        let copies = match &self.others.last {
            Some(repository) => self.client.images(repository, self.client.tags(repository).await?, AT_ONCE).await?,
            None => Vec::new(),
        };
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
        let copies: Vec<Published> = copies.iter().map(published).collect();
        for (line, text) in self.keep_list.idle(&[&images[..], &copies].concat()) {
            self.run.events.emit(Event::Warned {
                message: format!("--keep-list: line {line} names no image of `{}`: `{text}`", self.repository),
                help: Some("write a tag, a digest, or a reference with one of them".into()),
            });
        }
        Ok(Stock { images, copies, records, tagged })
    }

    async fn decide(&self, stock: &Stock) -> Result<Fates> {
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
        let images = judged?;
        let copies = match &self.others.last {
            Some(repository) => decide_copies(Copies {
                repository,
                images: &stock.copies,
                originals: &images,
                config: &self.config,
                used: used.as_ref(),
                keep_list: &self.keep_list,
                now: Timestamp::now(),
            }),
            None => Decision::default(),
        };
        Ok(Fates { images, copies, lost })
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
