//! What commits' own files make of their images, exactly as `converge` would name them.
//!
//! Commits with the same files have the same images: what a root tree was found to make is remembered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error as StdError;
use std::sync::Arc;

use super::alike::Alike;
use super::origin::Past;
use super::{Stock, Work, stopped};
use crate::cleanup::{Content, Contents, Published};
use crate::error::{Error, Result};
use crate::file_tree::{ObjectId, ReadError};
use crate::images::image::ImageTree;
use crate::ops::included::Problem;
use crate::ops::project::{self, Project};
use crate::ops::triggers::{self, Triggers};
use crate::ops::{images, lookups};
use crate::project::git::{self, GitError};

/// What is known of commits' files.
pub struct FromFiles<'a> {
    work: &'a Work<'a>,
    past: &'a Past,
    /// Triggers that are noted in the place of images, by tag.
    noted: BTreeMap<String, Triggers>,
    /// By root tree.
    known: HashMap<ObjectId, Content>,
    alike: Alike,
    lacks_objects: bool,
}

impl<'a> FromFiles<'a> {
    /// Nothing is known yet.
    pub fn new(work: &'a Work<'a>, past: &'a Past, stock: &Stock) -> Self {
        let noted = stock.tagged.iter().filter_map(|image| Some((image.tag.to_string(), triggers::in_labels(&image.labels)?)));
        let options = &work.options.project;
        let [config, templates, rules] =
            [&options.config, &options.config_templates_dir, &options.giterminism_config].map(|path| path.as_deref());
        let alike = Alike::new(past.repository.clone(), config, templates, rules, stock);
        FromFiles { work, past, noted: noted.collect(), known: HashMap::new(), alike, lacks_objects: false }
    }

    /// Whether a file was asked for that a partial clone lacks.
    pub fn lacks_objects(&self) -> bool {
        self.lacks_objects
    }

    fn read(&mut self, commit: ObjectId, root: ObjectId) -> Result<(Content, bool)> {
        let opened = project::open_past(&self.work.options.project, &self.work.project, &self.past.repository, commit);
        let (opened, asks_environment) = opened;
        match opened {
            Ok(project) => {
                let unsure = project.more_than_the_commit(self.work.options.platform.as_deref());
                let is_of_tree = !project.config.mentions.commit;
                let named = tokio::runtime::Handle::current().block_on(self.named(&project));
                let content = match named {
                    Ok(Named::Images(images, tree)) => {
                        let content = Content { images, unsure };
                        self.alike.learn(root, &project, &tree, &content)?;
                        self.alike.find(root)?.unwrap_or(content)
                    }
                    Ok(Named::Gone) => {
                        Content { unsure: unsure.or(Some("what it names elsewhere is no more".into())), ..Content::default() }
                    }
                    Err(Failure::Files(error)) => {
                        self.lacks_objects |= is_not_fetched(&error);
                        if self.lacks_objects {
                            return Err(error);
                        }
                        Content { unsure: Some(in_short(&error)), ..Content::default() }
                    }
                    Err(Failure::Other(error)) => return Err(error),
                };
                Ok((content, is_of_tree))
            }
            Err(error) => {
                self.lacks_objects |= is_not_fetched(&error);
                if self.lacks_objects {
                    return Err(error);
                }
                let included = chain(&error).find_map(of_type::<Problem>);
                if included.is_some_and(Problem::may_change) {
                    return Err(error);
                }
                // A configuration that cannot be used has no images; one that lacks something here may have had some.
                let unsure = (asks_environment || included.is_some() || cause_is::<ReadError>(&error)).then(|| in_short(&error));
                Ok((Content { unsure, ..Content::default() }, true))
            }
        }
    }

    async fn named(&self, project: &Arc<Project>) -> std::result::Result<Named, Failure> {
        let looked_up = lookups::look_up_past(project, &self.work.options.registry, self.work.run).await.map_err(Failure::Other)?;
        let Some(mut looked_up) = looked_up else { return Ok(Named::Gone) };
        let mut names = BTreeSet::new();
        loop {
            let tree = images::past_tree(project, self.work.options.platform.as_deref(), &looked_up).map_err(Failure::Files)?;
            let found: BTreeSet<(String, String)> = tree.iter().map(|(image, node)| (image.name.clone(), node.digest.tag())).collect();
            // A note of triggers is wanted with the image that is named by them.
            let more: Triggers =
                found.iter().filter_map(|(_, tag)| self.noted.get(tag)).flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
            names.extend(found);
            let before = looked_up.triggers.len();
            looked_up.triggers.extend(more);
            if looked_up.triggers.len() == before {
                return Ok(Named::Images(names, tree));
            }
        }
    }
}

enum Named {
    Images(BTreeSet<(String, String)>, Arc<ImageTree>),
    /// What the commit names of other servers is no more.
    Gone,
}

enum Failure {
    /// The files do not make images.
    Files(Error),
    /// Another server does not answer: nothing is known then.
    Other(Error),
}

impl Contents for FromFiles<'_> {
    fn has(&self, commit: ObjectId) -> bool {
        git::has_commit(&self.past.repository, commit)
    }

    fn begin(&mut self, candidates: &[&Published]) {
        self.alike.begin(candidates);
    }

    fn at(&mut self, commit: ObjectId) -> Result<Content> {
        if self.work.run.cancel.is_cancelled() {
            return Err(stopped());
        }
        let root = git::root_of(&self.past.repository, commit)?;
        if let Some(known) = self.known.get(&root) {
            return Ok(known.clone());
        }
        if let Some(content) = self.alike.find(root)? {
            return Ok(content);
        }
        let (content, is_of_tree) = self.read(commit, root)?;
        if is_of_tree {
            self.known.insert(root, content.clone());
        }
        Ok(content)
    }
}

/// Whether an object is missing since the clone is a partial one.
fn is_not_fetched(error: &Error) -> bool {
    chain(error).any(|cause| matches!(of_type::<GitError>(cause), Some(GitError::NotFetched { .. })))
}

fn cause_is<T: StdError + 'static>(error: &Error) -> bool {
    chain(error).any(|cause| of_type::<T>(cause).is_some())
}

fn chain(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error.diagnostic();
    std::iter::successors(Some(first), |cause| StdError::source(*cause))
}

/// An error of a type, which may be shared.
fn of_type<'e, T: StdError + 'static>(cause: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let shared = cause.downcast_ref::<Arc<dyn StdError + Send + Sync>>().and_then(|shared| shared.downcast_ref());
    cause.downcast_ref().or(shared)
}

/// The first line of an error.
fn in_short(error: &Error) -> String {
    error.diagnostic().to_string().lines().next().unwrap_or_default().to_owned()
}
