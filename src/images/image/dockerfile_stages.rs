//! The one stage of a Dockerfile image, and `imageSpec` after it.

use std::sync::Arc;

use super::error::{ImageError, Place};
use super::files::Files;
use super::inputs::Inputs;
use super::spec;
use super::stage::{Chain, StageName};
use super::stapel_stages::fact_inputs;
use super::tree::{DockerfileSource, Known};
use crate::images::dockerfile::{self, DockerfileError, Ignore, Request};
use crate::images::git_layers::FileSet;
use crate::project::config::image;

/// The chained stages, the references outside the Dockerfile, and what goes to BuildKit.
pub(super) fn stages(
    known: &Known<'_>,
    recipe: &image::Dockerfile,
    files: &mut Files<'_>,
) -> Result<(Chain, Vec<String>, DockerfileSource), ImageError> {
    let context = recipe.context.trim_matches('/').trim_start_matches("./");
    let context = if context == "." { "" } else { context };
    let inside = |path: &str| if context.is_empty() { path.to_owned() } else { format!("{context}/{path}") };

    let path = inside(recipe.dockerfile.trim_start_matches("./"));
    let Some(bytes) = files.tree.read(&path)? else {
        let Place { source_code, span } = known.place(&recipe.dockerfile_at);
        return Err(ImageError::DockerfileMissing { image: known.image.name.clone(), path, source_code, span });
    };
    let file = dockerfile::parse(&path, &String::from_utf8_lossy(&bytes))?;
    // The value of a dependency's argument is the repository's affair; for finding what the target needs it is a name like any other.
    let mut request = Request { target: recipe.target.clone(), args: recipe.args.clone(), platform: None };
    if let [platform] = known.platforms {
        request.platform = Some(platform.clone());
    }
    for import in known.image.dependencies.iter().flat_map(|dependency| &dependency.imports) {
        request.args.insert(import.target.clone(), DEPENDENCY.to_owned());
    }
    let mut found = dockerfile::dependencies(&file, &request).map_err(|error| match error {
        DockerfileError::UnknownTarget { path, target, help } => {
            let Place { source_code, span } = known.place(&recipe.target_at);
            ImageError::UnknownTarget { image: known.image.name.clone(), path, target, source_code, span, help }
        }
        other => other.into(),
    })?;
    found.args.retain(|_, value| !value.contains(DEPENDENCY));
    found.bases.retain(|base| !base.contains(DEPENDENCY));

    let mut ignore = Ignore::default();
    for path in dockerfile::ignore_files(&recipe.dockerfile) {
        if let Some(bytes) = files.tree.read(&inside(&path))? {
            ignore = Ignore::parse(&String::from_utf8_lossy(&bytes));
            break;
        }
    }
    let seen = if found.context.is_empty() {
        Arc::new(FileSet::empty())
    } else {
        let rules = format!("{:?} {ignore:?}", found.context);
        files.context(context, rules, move |path| found.context.sees(path) && !ignore.ignores(path))?
    };

    let mut inputs = Inputs::default();
    inputs.list("target platform", known.platforms.iter().cloned());
    inputs.optional("cacheVersion", known.cache_version());
    inputs.list("directives", found.directives);
    inputs.list("base images", found.bases.iter().cloned());
    for (name, instructions) in found.stages {
        inputs.list(format!("stage {name}"), instructions);
    }
    for (name, value) in found.args {
        inputs.text(format!("argument {name}"), value);
    }
    for dependency in &known.image.dependencies {
        fact_inputs(known, &mut inputs, &dependency.image, &dependency.imports);
    }
    inputs.list("addHost", recipe.add_host.iter().cloned());
    inputs.optional("network", known.image.network.as_deref());
    inputs.list("secrets", known.image.secrets.iter().map(|secret| secret.id.as_str()));
    if !seen.is_empty() {
        inputs.files("context", seen.clone());
    }
    let mut chain = Chain::default();
    chain.push(StageName::Dockerfile, inputs, Vec::new());
    let inputs = spec::inputs(known.config, known.image);
    if !inputs.is_empty() {
        chain.push(StageName::ImageSpec, inputs, Vec::new());
    }
    Ok((chain, found.bases, DockerfileSource { path, file: Arc::new(file), context: seen }))
}

/// Stands for the value of a dependency's argument, which is no input by itself.
const DEPENDENCY: &str = "werf.invalid/dependency";
