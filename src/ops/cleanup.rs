//! `werf cleanup`: deletes the images that nothing uses.
//!
//! Which images a kept commit needs is computed from that commit, exactly as `converge` would name them. What is labelled with the commit
//! is needed too: names may depend on what was looked up when it was built, or be of an older scheme.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, TryStreamExt};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::project::{self, Project};
use super::triggers::{self, Triggers};
use super::{KubeOptions, ProjectOptions, RegistryOptions, Run, images, lookups, registry, release};
use crate::cleanup::{CommitNode, Decision, History, Input, Published, Ref, Use, decide};
use crate::deploy::cluster;
use crate::error::{self, Result};
use crate::event::Event;
use crate::file_tree::ObjectId;
use crate::project::config::meta::{Cleanup, ReferenceKind};
use crate::project::git::{self, Moment};
use crate::registry::{Client, Repository, TaggedImage};

/// Requests to the registry at once.
const AT_ONCE: usize = 16;

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
    /// Which cluster.
    pub kube: KubeOptions,
}

/// Decides each image's fate and deletes those that go. With `dry_run` the fates are the result's text.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let repository = project.checked(&[], registry::repository(&options.registry))?;
    let client = registry::client(&options.registry)?;
    let config = settings(&project, options.keep_hours);
    let keep_list = options.keep_list.as_deref().map(keep_list).transpose()?.unwrap_or_default();
    let (tags, used) =
        futures::future::try_join(async { Ok(client.inventory(&repository, AT_ONCE).await?) }, cluster_use(&options, &config)).await?;
    let name = &project.config.meta.project;
    let (built_at, noted) = (built_at(&tags), noted(&tags));
    let images: Vec<Published> =
        tags.into_iter().map(|image| Published::new(name, image.tag, image.digest, &image.labels, image.created)).collect();
    let decision = tokio::task::block_in_place(|| {
        let wanted = Wanted { options: &options, project: &project, built_at: &built_at, noted: &noted, run: &run };
        judge(&wanted, &repository, &config, &images, used.as_ref(), &keep_list)
    })?;
    if options.dry_run {
        return Ok(decision.to_string());
    }
    delete(&client, &repository, &decision, &run).await?;
    Ok(String::new())
}

/// `cleanup` of werf.yaml with the flags over it.
fn settings(project: &Project, keep_hours: Option<u64>) -> Cleanup {
    let mut config = project.config.meta.cleanup.clone();
    if let Some(hours) = keep_hours {
        config.keep_images_built_within = Duration::from_secs(hours * 3600);
        config.disable_built_within_last_n_hours_policy = hours == 0;
    }
    config
}

/// The tags of a file with tags or references, one a line.
fn keep_list(path: &Path) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(path).map_err(|cause| NoKeepList { path: path.to_owned(), cause })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(|line| line.rsplit_once(':').map_or(line, |(_, tag)| tag).to_owned()).collect())
}

/// Image strings of all workloads; `None` where the cluster is not to be asked.
async fn cluster_use(options: &Options, config: &Cleanup) -> Result<Option<Use>> {
    if options.without_kube || config.disable_kubernetes_based_policy || config.disable {
        return Ok(None);
    }
    let client = release::connect(&options.kube).await?;
    let mut namespaces = options.namespaces.clone();
    if options.context_namespace_only {
        namespaces = vec![client.default_namespace().to_owned()];
    }
    let found = cluster::images_in_use(&client, &namespaces).await.map_err(|cause| NoCluster { cause })?;
    Ok(Some(Use::new(found)))
}

/// Images and their tags.
type Names = BTreeSet<(String, String)>;

/// The images of a commit by what they are labelled with, for names that depend on more than the commit or are of an older scheme.
type BuiltAt = BTreeMap<String, Names>;

fn built_at(tags: &[TaggedImage]) -> BuiltAt {
    let mut found = BuiltAt::new();
    for image in tags {
        let label = |name: &str| image.labels.get(name).cloned();
        if let (Some(commit), Some(name)) = (label("werf-project-repo-commit"), label("werf.io/image")) {
            found.entry(commit).or_default().insert((name, image.tag.to_string()));
        }
    }
    found
}

/// Triggers that are noted in the place of images, by tag.
fn noted(tags: &[TaggedImage]) -> BTreeMap<String, Triggers> {
    tags.iter().filter_map(|image| Some((image.tag.to_string(), triggers::in_labels(&image.labels)?))).collect()
}

/// What the images of commits are found by.
struct Wanted<'a> {
    options: &'a Options,
    project: &'a Arc<Project>,
    built_at: &'a BuiltAt,
    noted: &'a BTreeMap<String, Triggers>,
    run: &'a Run,
}

fn judge(
    wanted: &Wanted<'_>,
    repository: &Repository,
    config: &Cleanup,
    images: &[Published],
    used: Option<&Use>,
    keep_list: &BTreeSet<String>,
) -> Result<Decision> {
    let project = wanted.project;
    let references = references(project)?;
    let computed: RefCell<BTreeMap<String, Option<Names>>> = RefCell::default();
    let failed: RefCell<Option<error::Error>> = RefCell::default();
    let names_at = |commit: &str| {
        wanted.names_at(commit).unwrap_or_else(|error| {
            failed.borrow_mut().get_or_insert(error);
            None
        })
    };
    let images_at = |commit: &str| computed.borrow_mut().entry(commit.to_owned()).or_insert_with(|| names_at(commit)).clone();
    let commit = |id: &str| {
        let found = git::parents(&project.repository, ObjectId::parse(id)?).ok()?;
        let parents = found.parents.iter().map(ToString::to_string).collect();
        Some(CommitNode { parents, committed: timestamp(found.committed) })
    };
    let history = History { references: &references, commit: &commit, images_at: &images_at };
    let decision = decide(Input { repository, images, config, used, history, keep_list, now: Timestamp::now() })?;
    // What a commit's images are called may depend on other servers: where these say nothing, nothing is deleted.
    failed.into_inner().map_or(Ok(decision), Err)
}

/// The branches of `origin` and the tags; a repository that has no `origin` has its own branches instead.
fn references(project: &Project) -> Result<Vec<Ref>> {
    let all = git::references(&project.repository)?;
    let has_origin = all.iter().any(|reference| reference.kind == git::ReferenceKind::OriginBranch);
    let wanted = |kind: git::ReferenceKind| match kind {
        git::ReferenceKind::Tag => Some(ReferenceKind::Tag),
        git::ReferenceKind::OriginBranch => Some(ReferenceKind::Branch),
        git::ReferenceKind::LocalBranch => (!has_origin).then_some(ReferenceKind::Branch),
    };
    let reference = |found: git::Reference| {
        let kind = wanted(found.kind).filter(|_| found.name != git::DEV_BRANCH)?;
        Some(Ref { kind, commit: found.commit.to_string(), time: timestamp(found.time), name: found.name })
    };
    Ok(all.into_iter().filter_map(reference).collect())
}

impl Wanted<'_> {
    /// The names and tags of a commit's images; `None` where its configuration cannot be read any more and nothing was built of it.
    fn names_at(&self, commit: &str) -> Result<Option<Names>> {
        let computed = tokio::runtime::Handle::current().block_on(self.computed_at(commit))?;
        let built = self.built_at.get(commit);
        Ok(match computed {
            Some(names) => Some(names.into_iter().chain(built.into_iter().flatten().cloned()).collect()),
            None => built.cloned(),
        })
    }

    async fn computed_at(&self, commit: &str) -> Result<Option<Names>> {
        let Some(id) = ObjectId::parse(commit) else { return Ok(None) };
        let Ok(project) = project::open_at(&self.options.project, self.project, id) else { return Ok(None) };
        let Some(mut looked_up) = lookups::look_up_past(&project, &self.options.registry, self.run).await? else { return Ok(None) };
        let mut names = Names::new();
        loop {
            let Ok(tree) = images::tree(&project, self.options.platform.as_deref(), &looked_up) else { return Ok(None) };
            let found: Names = tree.iter().map(|(image, node)| (image.name.clone(), node.digest.tag())).collect();
            // A note of triggers is wanted with the image that is named by them.
            let more: Triggers =
                found.iter().filter_map(|(_, tag)| self.noted.get(tag)).flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
            names.extend(found);
            let before = looked_up.triggers.len();
            looked_up.triggers.extend(more);
            if looked_up.triggers.len() == before {
                return Ok(Some(names));
            }
        }
    }
}

async fn delete(client: &Client, repository: &Repository, decision: &Decision, run: &Run) -> Result<()> {
    let counts = decision.counts();
    let deletions = decision.deletions();
    stream::iter(deletions.into_iter().map(Ok))
        .try_for_each_concurrent(AT_ONCE, |(digest, fate, reason)| async move {
            if run.cancel.is_cancelled() {
                return Ok(());
            }
            client.delete(repository, digest).await?;
            let reference = repository.with_tag(fate.tag.clone()).to_string();
            run.events.emit(Event::ImageDeleted { reference, reason: reason.to_owned() });
            Result::<_>::Ok(())
        })
        .await?;
    run.events.emit(Event::CleanupDone { kept: counts.keep, deleted: counts.delete });
    Ok(())
}

fn timestamp(moment: Moment) -> Timestamp {
    Timestamp::from_second(moment.seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[derive(Debug, Error, Diagnostic)]
#[error("--keep-list: cannot read `{}`", .path.display())]
#[diagnostic(help("name a file with one tag or reference a line; nothing was deleted"))]
struct NoKeepList {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}

#[derive(Debug, Error, Diagnostic)]
#[error("the cluster does not tell which images it uses, so nothing was deleted")]
#[diagnostic(help(
    "give an account that may list workloads in all namespaces, or pass `--without-kube` if no cluster runs images of this repository"
))]
struct NoCluster {
    #[source]
    cause: cluster::ClusterError,
}
