//! What a chart is rendered for, and how.

use std::sync::{Arc, Mutex, PoisonError};

use super::capabilities::Capabilities;
use super::output::Output;
use super::service::ServiceValues;
use crate::chart::compat::HelmCompat;
use crate::chart::values::layers::ValueLayers;
use crate::template::host::Host;

/// What a chart is rendered for.
pub struct RenderInput<'a> {
    /// `.Release`.
    pub release: Release,
    /// The caller's values.
    pub values: &'a ValueLayers,
    /// werf's values; `None` renders as Helm does.
    pub service: Option<&'a ServiceValues>,
    /// `.Capabilities`.
    pub capabilities: &'a Capabilities,
    /// How.
    pub options: RenderOptions,
    /// The gates to cluster, clock and randomness.
    pub host: &'a dyn Host,
}

/// `.Release`.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Release name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Revision that is about to be made, from 1.
    pub revision: u32,
    /// Whether this is the first revision, or an upgrade.
    pub operation: Operation,
}

/// Which of `.Release.IsInstall` and `.Release.IsUpgrade` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The first revision.
    Install,
    /// A later one.
    Upgrade,
    /// There is no release: `helm lint`.
    Neither,
}

/// Switches of rendering.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// Notes of subcharts are joined to the chart's (`--render-subchart-notes`).
    pub sub_notes: bool,
    /// values.schema.json is not looked at (`--skip-schema-validation`).
    pub skip_schema: bool,
    /// The debug functions give their texts (`--debug-templates`).
    pub debug_templates: bool,
    /// Which Helm's ways are followed.
    pub compat: HelmCompat,
    /// `required` and `fail` do not fail, and library charts are fine: for [`lint()`](crate::chart::lint()).
    pub lint: bool,
    /// Takes what was rendered where rendering fails, as `helm template --debug` prints it.
    pub partial: Option<Arc<Mutex<String>>>,
    /// What wrote what is kept, for [`Rendered::writer`](crate::chart::Rendered::writer); slower.
    pub traced: bool,
}

impl RenderOptions {
    /// Keeps the texts of a rendering that failed, for whoever asked for them.
    pub(in crate::chart) fn keep<'o>(&self, outputs: impl IntoIterator<Item = &'o Output>) {
        let Some(partial) = &self.partial else { return };
        let mut kept = partial.lock().unwrap_or_else(PoisonError::into_inner);
        for Output { path, text, .. } in outputs.into_iter().filter(|output| !output.is_blank()) {
            kept.push_str(&format!("---\n# Source: {path}\n{}\n", text.shown()));
        }
    }
}
