//! `werf build`: publishes the images that the registry lacks; `--explain` names the inputs that changed instead.

use std::fmt::Write as _;
use std::sync::Arc;

use super::project::Project;
use super::{BuildOptions, ProjectOptions, RegistryOptions, Run, images, project, registry};
use crate::build::image::{ImageTree, explain as changes};
use crate::error::Result;
use crate::event::Event;
use crate::file_tree::ObjectId;
use crate::project::git;

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
    let images = images::of(&project, &options.registry, options.build.platform.as_deref(), &options.images)?;
    let registry = registry::client(&options.registry)?;
    let missing = images.missing(&registry, &run).await?;
    images.publish(&project, missing, &registry, &options.build, &run).await
}

/// For each missing image: what changed since the newest commit whose image is published.
pub async fn explain(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.project, options.registry.insecure, &run)?;
    let images = images::of(&project, &options.registry, options.build.platform.as_deref(), &options.images)?;
    let registry = registry::client(&options.registry)?;
    let missing = images.missing(&registry, &run).await?;
    let mut text = String::new();
    let mut left: Vec<&String> = images.names.iter().filter(|name| missing.contains(*name)).collect();
    for ancestor in git::walk(&project.repository, project.commit.id, &Default::default(), LOOK_BACK)?.into_iter().skip(1) {
        if left.is_empty() {
            break;
        }
        let Ok(old) = tree_at(&options, &project, ancestor.commit) else { continue };
        let mut unknown = Vec::new();
        for name in left {
            let published = match (old.tag(name), images.reference_of(&old, name)) {
                (Some(_), Some(reference)) => registry.head(&reference).await?.is_some(),
                _ => false,
            };
            if !published {
                unknown.push(name);
                continue;
            }
            let id = ancestor.commit.to_string();
            let _ = writeln!(text, "image {name}: changed since commit {}", &id[..7]);
            if let (Some((_, old)), Some((_, new))) = (old.get(name), images.tree.get(name)) {
                for change in changes(old, new) {
                    let _ = writeln!(text, "  {change}");
                }
            }
        }
        left = unknown;
    }
    for name in left {
        let _ = writeln!(text, "image {name}: no commit of the last {LOOK_BACK} has it published");
    }
    if missing.is_empty() {
        run.events.emit(Event::Warned { message: "all images of this commit are published: nothing to explain".into(), help: None });
    }
    Ok(text)
}

/// The image tree of another commit, by its own werf.yaml.
fn tree_at(options: &Options, project: &Project, commit: ObjectId) -> Result<Arc<ImageTree>> {
    images::tree(&*project::open_at(&options.project, project, commit)?, options.build.platform.as_deref())
}
