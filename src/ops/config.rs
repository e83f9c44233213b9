//! `werf config render` and `werf config list`.

use super::{ProjectOptions, Run, project};
use crate::error::Result;
use crate::project::config;

/// werf.yaml as its templates render it.
pub async fn render(options: ProjectOptions, run: Run) -> Result<String> {
    let opened = project::open_commit(&options, &run)?;
    let rendered = config::render_text(&project::ConfigWords::new(&opened).input(&options, &opened))?;
    opened.giterminism.finish()?;
    Ok(format!("{}\n", rendered.text().trim_end_matches('\n')))
}

/// The names of the images, one a line.
pub async fn list(options: ProjectOptions, only_final: bool, run: Run) -> Result<String> {
    let project = project::open(&options, false, &run)?;
    project.checked(&[], Ok(()))?;
    let images = project.config.images.iter().filter(|image| image.is_final || !only_final);
    Ok(images.map(|image| format!("{}\n", image.name)).collect())
}
