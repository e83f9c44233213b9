//! `werf config render` and `werf config list`.

use miette::Diagnostic;
use thiserror::Error;

use super::{ProjectOptions, Run, project};
use crate::error::Result;
use crate::project::config;

/// werf.yaml as its templates render it; with names only the documents of these images.
///
/// # Errors
/// A configuration that cannot be rendered, a name that no image has.
pub async fn render(options: ProjectOptions, images: &[String], run: Run) -> Result<String> {
    let opened = project::open_commit(&options, &run)?;
    let rendered = config::render_text(&project::ConfigWords::new(&opened).input(&options, &opened))?;
    project::warn(&run, rendered.warnings());
    opened.giterminism.finish()?;
    if let Some(path) = &options.config_render_path {
        project::write_rendered(path, rendered.text())?;
    }
    let text = rendered.text().trim_end_matches('\n');
    if images.is_empty() {
        return Ok(format!("{text}\n"));
    }
    let documents = config::documents_of_images(text);
    let mut chosen: Vec<&String> = Vec::new();
    for image in images {
        match documents.iter().find(|(names, _)| names.contains(image)) {
            Some((_, document)) if chosen.contains(&document) => {}
            Some((_, document)) => chosen.push(document),
            None => {
                let known = documents.iter().flat_map(|(names, _)| names).map(|name| format!("`{name}`")).collect::<Vec<_>>();
                return Err(NoImage { image: image.clone(), known: known.join(", ") }.into());
            }
        }
    }
    Ok(chosen.into_iter().map(|document| format!("---\n{}\n", document.trim_matches('\n'))).collect())
}

#[derive(Debug, Error, Diagnostic)]
#[error("werf.yaml has no image `{image}`")]
#[diagnostic(help("images of this commit: {known}"))]
struct NoImage {
    image: String,
    known: String,
}

/// The names of the images, one a line.
pub async fn list(options: ProjectOptions, only_final: bool, run: Run) -> Result<String> {
    let project = project::read(&options, false, &run)?;
    project.checked(&[], Ok(()))?;
    let images = project.config.images.iter().filter(|image| image.is_final || !only_final);
    Ok(images.map(|image| format!("{}\n", image.name)).collect())
}
