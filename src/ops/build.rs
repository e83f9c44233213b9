//! `werf build`: publishes the images that the registry lacks; `--explain` names the inputs that changed instead.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::project::Project;
use super::triggers::{self, Settling, Triggers};
use super::{BuildOptions, ProjectOptions, RegistryOptions, Run, images, lookups, project, registry};
use crate::error::Result;
use crate::file_tree::ObjectId;
use crate::images::image::{self, ImageTree, Node};
use crate::project::config::image::Image;
use crate::project::git;
use crate::registry::Reference;

/// How many commits `--explain` looks back for one that is published.
const LOOK_BACK: usize = 200;

/// What `build` is asked.
#[derive(Clone)]
pub struct Options {
    /// Names or globs of images; all where empty.
    pub images: Vec<String>,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Where images are.
    pub registry: RegistryOptions,
    /// Who builds.
    pub build: BuildOptions,
}

/// Publishes what is missing.
pub async fn run(options: Options, run: Run) -> Result<()> {
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let registry = registry::client(&options.registry, &run)?;
    let publish = async |triggers: &Triggers| {
        let images = images_of(&options, &project, triggers, &run).await?;
        let publish = images.published(&project, &registry, &options.build, &run);
        let (_, triggers) = images::compared(&project, &images.tree, publish).await?;
        Ok(Settling::of((), triggers))
    };
    triggers::settled(publish).await
}

/// For each missing image: what changed since the newest commit whose image is published.
pub async fn explain(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let registry = registry::client(&options.registry, &run)?;
    let ask = async |triggers: &Triggers| {
        let images = images_of(&options, &project, triggers, &run).await?;
        project.checked(images.tree.views(), Ok(()))?;
        let images::Asked { missing, triggers, .. } = images.missing(&registry, &run).await?;
        Ok(Settling::of((images, missing), triggers))
    };
    let (images, missing) = triggers::settled(ask).await?;
    let triggers = &images.tree.looked_up().triggers;
    if missing.is_empty() {
        return Ok("all images of this commit are published\n".to_owned());
    }
    let mut text = String::new();
    let mut asked: BTreeMap<String, bool> = BTreeMap::new();
    let mut left: Vec<&String> = images.names.iter().filter(|name| missing.contains(*name)).collect();
    let ancestors: Vec<_> =
        git::walk(&project.repository, project.commit.id, &Default::default(), LOOK_BACK)?.into_iter().skip(1).collect();
    for ancestor in &ancestors {
        if left.is_empty() {
            break;
        }
        let Ok(old) = tree_at(&options, &project, ancestor.commit, triggers, &run).await else { continue };
        let mut unpublished = Vec::new();
        for name in left {
            let Some((reference, (_, before), (_, now))) = both(&images, &old, name) else {
                unpublished.push(name);
                continue;
            };
            let known = asked.get(&reference.to_string()).copied();
            let is_published = match known {
                Some(known) => known,
                None => registry.head(&reference).await?.is_some(),
            };
            asked.insert(reference.to_string(), is_published);
            if !is_published {
                unpublished.push(name);
                continue;
            }
            let id = ancestor.commit.to_string();
            let changes = image::print_changes(&image::explain(before, now)?);
            let _ = write!(text, "image {name}: changed since commit {}\n{changes}", &id[..7]);
        }
        left = unpublished;
    }
    for name in left {
        let _ = match ancestors.len() {
            0 => writeln!(text, "image {name}: not published, and no commit is before this one"),
            count => writeln!(text, "image {name}: none of the {count} commits before this one has it published"),
        };
    }
    Ok(text)
}

/// An image as two commits have it, and where the older one is if it is published.
fn both<'a>(images: &'a images::Images, old: &'a ImageTree, name: &str) -> Option<(Reference, ImageNode<'a>, ImageNode<'a>)> {
    Some((images.reference_of(old, name)?, old.get(name)?, images.tree.get(name)?))
}

type ImageNode<'a> = (&'a Image, &'a Node);

async fn images_of(options: &Options, project: &Arc<Project>, triggers: &Triggers, run: &Run) -> Result<images::Images> {
    let looked_up = lookups::look_up(project, &options.registry, triggers, run).await?;
    let images = images::of(project, &options.registry, &options.build, &options.images, &looked_up);
    images.or_else(|error| project.checked(&[], Err(error)))
}

/// The image tree of another commit, by its own werf.yaml.
async fn tree_at(options: &Options, project: &Project, commit: ObjectId, triggers: &Triggers, run: &Run) -> Result<Arc<ImageTree>> {
    let project = project::open_at(&options.project, project, commit)?;
    let looked_up = lookups::look_up(&project, &options.registry, triggers, run).await?;
    images::tree(&project, options.build.platform.as_deref(), &looked_up)
}
