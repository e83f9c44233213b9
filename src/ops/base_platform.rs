//! Bases that are for another platform than the image that is made of them.

use std::collections::BTreeSet;

use super::Run;
use crate::error::Result;
use crate::event::Event;
use crate::images::buildkit::SolveError;
use crate::platform::Platform;
use crate::registry::{Client, ImageConfig, Reference, RegistryError};
use crate::words::quoted::quoted;

/// The configuration of a base, and where it was found. An index must have the image's platform; a base that is for one platform only is taken all the same, as
/// BuildKit takes it, and a warning says so.
pub async fn config(
    client: &Client,
    images: &[String],
    reference: &Reference,
    platform: &Platform,
    run: &Run,
) -> Result<(Reference, ImageConfig)> {
    let (place, config) = match client.base_config(reference, platform).await {
        Err(RegistryError::NoPlatform { available, .. }) => {
            let (images, reference, platform) = (named(images), reference.to_string(), platform.to_string());
            return Err(NoBase { images, reference, platform, available }.into());
        }
        found => found?,
    };
    if let Some(other) = config.platform().filter(|other| (other.os(), other.architecture()) != (platform.os(), platform.architecture())) {
        let message = format!("{}, built for {platform}: `{reference}`, of which it is made, is for {other}", named(images));
        let help = format!("name a base for {platform}, or say with `platform` in werf.yaml or `--platform` that the image is for {other}");
        run.events.emit(Event::Warned { message, help: Some(help) });
    }
    Ok((place, config))
}

/// What a builder means that finds no base for a platform: it names neither.
pub async fn explained(
    client: &Client,
    image: &str,
    bases: BTreeSet<&str>,
    platform: &Platform,
    error: &SolveError,
    run: &Run,
) -> Result<()> {
    if let SolveError::Step { message, .. } | SolveError::Refused { message, .. } = error
        && message.contains("no match for platform in manifest")
    {
        // Some are only known to the builder, by arguments.
        for reference in bases.into_iter().filter_map(|written| Reference::parse(written).ok()) {
            config(client, &[image.to_owned()], &reference, platform, run).await?;
        }
    }
    Ok(())
}

/// `image `a``, `images `a`, `b``.
fn named(images: &[String]) -> String {
    format!("{} {}", if images.len() == 1 { "image" } else { "images" }, quoted(images))
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{images}, to be built for {platform}: `{reference}`, of which it is made, is only for {available}")]
#[diagnostic(help("name a base for {platform}, or another platform with `platform` in werf.yaml or `--platform`"))]
struct NoBase {
    images: String,
    reference: String,
    platform: String,
    available: String,
}
