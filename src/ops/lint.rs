//! `werf lint`: what is wrong or doubtful in the chart of the commit.

use miette::Diagnostic;
use thiserror::Error;

use super::render::{hold_against_schemas, with_scene};
use super::{Run, release, render};
use crate::deploy::chart::{self, Severity};
use crate::error::{Error, Result};
use crate::file_tree::FileTree;

/// What `lint` is asked.
#[derive(Clone)]
pub struct Options {
    /// Warnings fail too.
    pub strict: bool,
    /// What the chart is rendered with.
    pub render: render::Options,
}

/// Renders the chart and says what it found. The images' registry is not asked, and the cluster for nothing but schemas. Findings that
/// fail are an error whose output is all that was found.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let (rendered, findings) = with_scene(&options.render, &run, |chart, scene, project| {
        let rendered = release::render(chart, scene, &run)?;
        let chart_yaml = project.chart_files().read(&format!("{}/Chart.yaml", project.config.meta.deploy.helm_chart_dir))?;
        let chart_yaml = chart_yaml.as_deref().map(String::from_utf8_lossy);
        let findings = release::with_input(chart, scene, |input| chart::lint_project(&rendered, chart_yaml.as_deref(), input))?;
        Ok((rendered, findings))
    })
    .await?;
    let told: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Info).collect();
    let errors = told.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = told.len() - errors;
    let mut text: String = told.iter().map(|finding| format!("{finding}\n")).collect();
    if errors > 0 || (options.strict && warnings > 0) {
        return Err(Error::from(LintError { errors, warnings }).with_output(text));
    }
    hold_against_schemas(&rendered, &options.render, &run).await.map_err(|error| error.with_output(text.clone()))?;
    text.push_str(&format!("{}\n", LintError { errors, warnings }));
    Ok(text)
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
