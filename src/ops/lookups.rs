//! What werf.yaml asks for that is in no commit: looked up before names are made.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use miette::Diagnostic;
use thiserror::Error;

use super::project::Project;
use super::{RegistryOptions, Run, registry};
use crate::error::Result;
use crate::images::image::LookedUp;
use crate::project::config::image::{From, Recipe, Stapel};
use crate::registry::Reference;

/// Asks for what the commit's werf.yaml wants looked up, each thing once and all at the same time. Most projects want nothing.
pub async fn look_up(project: &Project, options: &RegistryOptions, _run: &Run) -> Result<LookedUp> {
    let mut looked_up = LookedUp::default();
    let latest = stapels(project).filter(|stapel| stapel.from_latest).filter_map(|stapel| match &stapel.from {
        From::Reference(reference) => Some(reference.clone()),
        From::Scratch | From::Image(_) => None,
    });
    let latest: std::collections::BTreeSet<String> = latest.collect();
    if !latest.is_empty() {
        let client = registry::client(options)?;
        let ask = |written: String| {
            let client = client.clone();
            async move {
                let reference = Reference::parse(&written)?;
                let found = client.head(&reference).await?;
                let digest = found.map(|found| found.digest.to_string()).ok_or_else(|| NoBase { reference: written.clone() })?;
                Result::<_>::Ok((written, digest))
            }
        };
        let mut asking: FuturesUnordered<_> = latest.into_iter().map(ask).collect();
        while let Some(answer) = asking.next().await {
            let (written, digest) = answer?;
            looked_up.latest.insert(written, digest);
        }
    }
    Ok(looked_up)
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
