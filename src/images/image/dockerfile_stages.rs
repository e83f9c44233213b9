//! The one stage of a Dockerfile image, and `imageSpec` after it.

use std::sync::Arc;

use super::error::{ImageError, Place};
use super::files::Files;
use super::spec;
use super::stage::{Dockerfile, Work};
use super::stapel_stages::facts;
use super::tree::{Chain, Known};
use crate::file_tree::text_of_bytes;
use crate::images::dockerfile::{self, DockerfileError, Ignore, Request};
use crate::images::git_layers::FileSet;
use crate::images::llb::Network;
use crate::project::config::image;

/// The chained stages.
pub(super) fn stages(known: &Known<'_>, recipe: &image::Dockerfile, files: &mut Files<'_>) -> Result<Chain, ImageError> {
    let context = recipe.context.as_str();
    let inside = |path: &str| if context.is_empty() { path.to_owned() } else { format!("{context}/{path}") };

    let path = inside(&recipe.dockerfile);
    let Some(text) = files.tree.read(&path)? else {
        let Place { source_code, span } = known.place(&recipe.dockerfile_at);
        return Err(ImageError::DockerfileMissing { image: known.image.name.clone(), path, source_code, span });
    };
    let file = dockerfile::parse(&path, &text_of_bytes(&text))?;
    let triggers = known.looked_up.triggers.clone();
    let mut request = Request { target: recipe.target.clone(), args: recipe.args.clone(), platform: None, triggers };
    if let [platform] = known.platforms {
        request.platform = Some(platform.clone());
    }
    for dependency in &known.image.dependencies {
        depend(known, dependency, &mut request);
    }
    let mut found = dockerfile::dependencies(&file, &request).map_err(|error| match error {
        DockerfileError::UnknownTarget { path, target, help } => {
            let Place { source_code, span } = known.place(&recipe.target_at);
            ImageError::UnknownTarget { image: known.image.name.clone(), path, target, source_code, span, help }
        }
        other => other.into(),
    })?;
    found.args.retain(|_, value| !value.contains(DEPENDENCY));
    found.bases.retain(|base| !base.reference.contains(DEPENDENCY));
    found.triggers.retain(|base, _| !base.contains(DEPENDENCY));

    let mut ignore = Ignore::default();
    for path in dockerfile::ignore_files(&recipe.dockerfile) {
        if let Some(bytes) = files.tree.read(&inside(&path))? {
            ignore = Ignore::parse(&inside(&path), &text_of_bytes(&bytes))?;
            break;
        }
    }
    let seen =
        if found.context.is_empty() { Arc::new(FileSet::empty().into()) } else { files.context(context, &found.context, &ignore)? };

    let mut chain = Chain::default();
    chain.push(Work::Dockerfile(Box::new(Dockerfile {
        platforms: known.platforms.to_vec(),
        cache_version: known.cache_version().map(str::to_owned),
        path,
        text,
        target: recipe.target.clone(),
        directives: found.directives,
        stages: found.stages,
        bases: found.bases,
        triggers: found.triggers,
        leaves: found.leaves,
        args: found.args,
        given: recipe.args.clone(),
        facts: known.image.dependencies.iter().flat_map(|dependency| facts(known, dependency)).collect(),
        // only commands see these
        add_hosts: if found.runs { recipe.add_host.clone() } else { Vec::new() },
        network: if found.runs { known.network() } else { Network::Default },
        secrets: if found.runs { known.secrets() } else { Vec::new() },
        context: seen,
        unpinned: found.unpinned,
    })))?;
    chain.push_spec(spec::effective(known.config, known.image))?;
    Ok(chain)
}

/// Stands for the value of a dependency's argument, which is no input by itself.
const DEPENDENCY: &str = "werf.invalid/dependency";

/// Gives the arguments of a dependency values. What these are is the repository's affair; for finding what the target needs they are names
/// like any others. An image that leaves triggers has a name of its own, by which they are found.
fn depend(known: &Known<'_>, dependency: &image::Dependency, request: &mut Request) {
    let other = known.other(&dependency.image);
    let leaves = other.and_then(|other| Some((other, &other.dockerfile()?.leaves))).filter(|(_, leaves)| !leaves.is_empty());
    let value = leaves.map_or(DEPENDENCY.to_owned(), |(other, _)| format!("{DEPENDENCY}/{}", other.digest.tag()));
    for import in &dependency.imports {
        request.args.insert(import.target.clone(), value.clone());
    }
    if let Some((_, leaves)) = leaves {
        // The whole name, or a repository with a tag or a digest.
        for reference in [value.clone(), format!("{value}:{value}"), format!("{value}@{value}")] {
            request.triggers.insert(reference, leaves.clone());
        }
    }
}
