//! What werf.yaml asks for that is in no commit: looked up before names are made.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use futures::stream::FuturesUnordered;
use miette::Diagnostic;
use thiserror::Error;

use super::project::Project;
use super::triggers::Triggers;
use super::{RegistryOptions, Run, registry};
use crate::error::Result;
use crate::images::image::LookedUp;
use crate::project::config::image::{From, Recipe, Stapel};
use crate::registry::Reference;

/// Asks for what the commit's werf.yaml wants looked up, each thing once and all at the same time. Most projects want nothing.
/// `triggers` are those that are known already.
pub async fn look_up(project: &Project, options: &RegistryOptions, triggers: &Triggers, run: &Run) -> Result<LookedUp> {
    let (remotes, latest) = futures::future::try_join(project.remotes.of(project, run), latest(project, options, run)).await?;
    let latest = latest.into_iter().map(|(reference, digest)| match digest {
        Some(digest) => Ok((reference, digest)),
        None => Err(NoBase { reference }),
    });
    Ok(LookedUp { remotes, latest: latest.collect::<Result<_, _>>()?, triggers: triggers.clone() })
}

/// The same for a commit of the past: `None` where something that it names is no more. A server that does not answer is an error.
pub async fn look_up_past(project: &Project, options: &RegistryOptions, run: &Run) -> Result<Option<LookedUp>> {
    let Some(remotes) = project.remotes.of_the_past(project, run).await? else { return Ok(None) };
    let latest = latest(project, options, run).await?.into_iter().map(|(reference, digest)| Some((reference, digest?)));
    Ok(latest.collect::<Option<_>>().map(|latest| LookedUp { remotes, latest, ..LookedUp::default() }))
}

/// The manifest digests of bases with `fromLatest`, of those that are there.
async fn latest(project: &Project, options: &RegistryOptions, run: &Run) -> Result<BTreeMap<String, Option<String>>> {
    let wanted = stapels(project).filter(|stapel| stapel.from_latest).filter_map(|stapel| match &stapel.from {
        From::Reference(reference) => Some(reference.clone()),
        From::Scratch | From::Image(_) => None,
    });
    let wanted: BTreeSet<String> = wanted.collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let client = registry::client(options, run)?;
    let ask = |written: String| {
        let client = client.clone();
        async move {
            let found = client.base(&Reference::parse(&written)?).await?;
            Result::<_>::Ok((written, found.map(|(_, found)| found.digest.to_string())))
        }
    };
    wanted.into_iter().map(ask).collect::<FuturesUnordered<_>>().try_collect().await
}

fn stapels(project: &Project) -> impl Iterator<Item = &Stapel> {
    project.config.images.iter().filter_map(|image| match &image.recipe {
        Recipe::Stapel(stapel) => Some(&**stapel),
        Recipe::Dockerfile(_) => None,
    })
}

#[derive(Debug, Error, Diagnostic)]
#[error("the registry has no image `{reference}`, whose newest content `fromLatest` asks for")]
#[diagnostic(help("correct `from`, or push the image first"))]
struct NoBase {
    reference: String,
}
