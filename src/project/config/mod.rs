//! werf.yaml: render → split → raw values with spans → check → [`Config`].
//!
//! [`load`] finds the file in the commit, renders it as a Go template with the helper templates of `.werf`, divides it into documents and
//! checks them: unknown and double keys, wrong types, names that do not exist, circles, and what giterminism does not allow. All problems
//! of a run come together, each with its place in the rendered text. Files come through [`Giterminism`], variables through the caller's
//! look-up: nothing here does I/O of its own.

mod check;
mod context;
mod documents;
mod error;
mod functions;
pub mod image;
pub mod meta;
mod names;
mod paths;
mod read_image;
mod read_meta;
mod read_spec;
mod read_stapel;
mod render;
mod template_files;

use std::sync::Arc;

use super::document::Warning;
use super::giterminism::{Giterminism, Policy};
use crate::template::host::Host;

pub use documents::documents_of_images;
pub use error::ConfigError;
pub use read_meta::hours_long;
pub use render::{Mentions, NAMES, RenderedConfig};

#[cfg(test)]
mod tests;

/// The checked configuration of one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The meta document.
    pub meta: meta::Meta,
    /// The images in the order of the file.
    pub images: Vec<image::Image>,
    /// The rendered text that [`image::Location`]s point into.
    pub rendered: Arc<str>,
    /// What its texts name of the run that reads them.
    pub mentions: Mentions,
    /// What deserves attention in it.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// The same for a project that is in a directory below the repository's root, where contexts of Dockerfiles are: they too are counted
    /// from the root then, as `add` of Git mappings is anyway.
    pub fn from_root(mut self, project: &str) -> Self {
        for image in &mut self.images {
            if let image::Recipe::Dockerfile(recipe) = &mut image.recipe {
                recipe.context = paths::relative(&format!("{project}/{}", recipe.context));
            }
        }
        self
    }
}

/// Finds a directory by the way that leads there, such as `../..`.
pub type Above = dyn Fn() -> Option<String> + Send + Sync;

/// What a configuration is made from.
pub struct ConfigInput<'a> {
    /// The files and the rules about them.
    pub giterminism: &'a Arc<Giterminism>,
    /// The commit, for `.Commit` of templates.
    pub commit: CommitData<'a>,
    /// `--config`: another file than `werf.yaml`, `werf.yml` or `werf.yaml.j2`.
    pub config: Option<&'a str>,
    /// Finds the way up to the nearest project above, where this is a part of a repository.
    pub above: &'a Above,
    /// `--config-templates-dir`: another directory than `.werf`.
    pub templates_dir: Option<&'a str>,
    /// `--env`: `.Env` of templates.
    pub env: &'a str,
    /// `WERF_PROJECT_NAME`: overrides `project`.
    pub project_name: Option<&'a str>,
    /// Looks up an environment variable for the function `env`, after giterminism has allowed it. Its text is one of bytes
    /// ([`crate::file_tree::text_of_bytes`]).
    pub variable: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// Clock and randomness for the functions that need them; without it they have none.
    pub host: Option<&'a dyn Host>,
}

/// `.Commit` of templates.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitData<'a> {
    /// `.Commit.Hash`.
    pub hash: &'a str,
    /// `.Commit.Date.Human`: the author's date as Go prints it.
    pub date_human: &'a str,
    /// `.Commit.Date.Unix`.
    pub date_unix: i64,
}

/// Renders werf.yaml without checking it: `werf config render`.
pub fn render_text(input: &ConfigInput<'_>) -> Result<RenderedConfig, ConfigError> {
    breach_first(input, render::render(input))
}

/// Reads, renders and checks werf.yaml.
///
/// Where it fails and files that it is made of differ from the commit, the error is the difference: its author looks at other files.
/// Where it succeeds, the caller asks [`Giterminism::finish`] when all files of the run are read.
pub fn load(input: &ConfigInput<'_>) -> Result<Config, ConfigError> {
    breach_first(input, render::render(input).and_then(|rendered| check_rendered(input, &rendered)))
}

fn check_rendered(input: &ConfigInput<'_>, rendered: &RenderedConfig) -> Result<Config, ConfigError> {
    let name = match rendered.is_template() {
        true => format!("{} (rendered)", rendered.file),
        false => rendered.file.clone(),
    };
    let allows = |rule: &dyn Fn(&Policy) -> bool| input.giterminism.allows(rule);
    let rules = check::Rules { name: &name, allows: &allows, project_name: input.project_name };
    let template_line = |offset: usize| rendered.template_line(offset).filter(|_| rendered.is_template());
    let checked = check::check(rendered.text(), &rules).map(|(config, advice)| {
        let lines = advice.iter().map(|advice| {
            let (file, line) = template_line(advice.offset).unwrap_or_else(|| (rendered.file.clone(), advice.line));
            format!("{file}:{line}: {}", advice.text)
        });
        let lines: Vec<String> = lines.collect();
        let old = (!lines.is_empty()).then(|| Warning {
            message: format!("{} is written in ways that later versions of werf do not take", rendered.file),
            help: lines.join("\n"),
        });
        Config { warnings: rendered.warnings().iter().cloned().chain(old).collect(), mentions: rendered.mentions, ..config }
    });
    checked.map_err(|mut problems| {
        for problem in &mut problems {
            if let Some((file, line)) = template_line(problem.span.offset()) {
                let origin = format!("line {line} of {file} wrote this");
                problem.help = Some(problem.help.as_ref().map_or_else(|| origin.clone(), |help| format!("{help}\n{origin}")));
            }
        }
        ConfigError::of(&rendered.file, problems)
    })
}

fn breach_first<T>(input: &ConfigInput<'_>, result: Result<T, ConfigError>) -> Result<T, ConfigError> {
    result.map_err(|error| match input.giterminism.finish() {
        Err(breach) => breach.into(),
        Ok(()) => error,
    })
}
