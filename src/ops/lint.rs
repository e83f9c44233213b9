//! `werf lint`: what is wrong or doubtful in the chart and the images of the commit.

use miette::Diagnostic;
use thiserror::Error;

use super::triggers::Triggers;
use super::{Run, images, lookups, project, release, render};
use crate::chart::{self, Finding, Severity};
use crate::error::{Error, Result};
use crate::file_tree::FileTree;
use crate::images::image::{self, Doubt, ImageTree};

/// What `lint` is asked.
#[derive(Clone)]
pub struct Options {
    /// Warnings fail too.
    pub strict: bool,
    /// What the chart is rendered with.
    pub render: render::Options,
}

/// Renders the chart, if there is one, looks at the images and says what it found. The images' registry is not asked, and the cluster for
/// nothing but schemas. Findings that fail are an error whose output is all that was found.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let project = project::open(&options.render.project, options.render.registry.insecure, &run)?;
    let directory = &project.config.meta.deploy.helm_chart_dir;
    let (rendered, findings) = if project.chart_files().is_dir(directory)? {
        let (rendered, findings) = render::with_scene(&options.render, &project, &run, |chart, scene, tree| {
            let rendered = release::render(chart, scene, &run)?;
            let chart_yaml = project.chart_files().read(&format!("{directory}/Chart.yaml"))?;
            let chart_yaml = chart_yaml.as_deref().map(String::from_utf8_lossy);
            let found = release::with_input(chart, scene, |input| chart::lint_project(&rendered, chart_yaml.as_deref(), input))?;
            Ok((rendered, doubts(tree)?.into_iter().chain(found).collect::<Vec<_>>()))
        })
        .await?;
        (Some(rendered), findings)
    } else {
        let looked_up = lookups::look_up(&project, &options.render.registry, &Triggers::new(), &run).await?;
        let tree = images::tree(&project, options.render.build.platform.as_deref(), &looked_up);
        project.checked(tree.as_ref().map_or(&[], |tree| tree.views()), Ok(()))?;
        (None, doubts(&*tree?)?)
    };
    let told: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Info).collect();
    let errors = told.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = told.len() - errors;
    let mut text: String = told.iter().map(|finding| format!("{finding}\n")).collect();
    if errors > 0 || (options.strict && warnings > 0) {
        return Err(Error::from(LintError { errors, warnings }).with_output(text));
    }
    if let Some(rendered) = &rendered {
        render::hold_against_schemas(rendered, &options.render, &run).await.map_err(|error| error.with_output(text.clone()))?;
    }
    text.push_str(&format!("{}\n", LintError { errors, warnings }));
    Ok(text)
}

/// What is doubtful in the images.
fn doubts(tree: &ImageTree) -> Result<Vec<Finding>> {
    let finding = |Doubt { image, problem, help }| Finding {
        severity: Severity::Warning,
        path: "werf.yaml".into(),
        problem: format!("image `{image}`: {problem}: {help}"),
    };
    let doubts: Vec<Vec<Doubt>> = tree.iter().map(|(_, node)| image::doubts(node)).collect::<Result<_, _>>()?;
    Ok(doubts.into_iter().flatten().map(finding).collect())
}

#[derive(Debug, Error, Diagnostic)]
#[error("{}, {}", counted(*errors, "error"), counted(*warnings, "warning"))]
#[diagnostic(help("the lines above say where; warnings count only with `--strict`"))]
struct LintError {
    errors: usize,
    warnings: usize,
}

fn counted(number: usize, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}
