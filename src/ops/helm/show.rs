//! `werf helm show …`: what a chart is, without rendering it.

use super::source::{self, SourceOptions};
use crate::chart::{self, Chart, File, HelmCompat};
use crate::error::Result;
use crate::ops::Run;

/// What of a chart is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Chart.yaml.
    Chart,
    /// values.yaml.
    Values,
    /// The readme.
    Readme,
    /// The files of the crds directory.
    Crds,
}

/// What `show` is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which part.
    pub part: Part,
    /// What the user calls the chart.
    pub chart: String,
    /// Where it is from.
    pub source: SourceOptions,
    /// As Helm 4 does, not as Helm 3.
    pub helm_4: bool,
}

/// Shows a part of a chart.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let options = Options { source: options.source.telling(&run), ..options };
    let compat = HelmCompat::with_helm_4(options.helm_4);
    let chart = source::load(&options.chart, &options.source, compat).await?;
    Ok(text(&chart, options.part, compat))
}

/// The text as Helm prints it: each part with a line break of its own behind it.
fn text(chart: &Chart, part: Part, compat: HelmCompat) -> String {
    let mut text = String::new();
    let is_all = part == Part::All;
    let rule = if is_all { "---\n" } else { "" };
    if is_all || part == Part::Chart {
        text.push_str(&format!("{}\n", chart::chart_yaml(&chart.metadata)));
    }
    if let Some(values) = chart.raw_values.as_ref().filter(|_| is_all || part == Part::Values) {
        text.push_str(&format!("{rule}{}\n", String::from_utf8_lossy(values)));
    }
    let is_readme = |file: &&File| ["readme.md", "readme.txt", "readme"].iter().any(|name| file.name.eq_ignore_ascii_case(name));
    if let Some(readme) = chart.files.iter().find(is_readme).filter(|_| is_all || part == Part::Readme) {
        text.push_str(&format!("{rule}{}\n", readme.shown()));
    }
    if is_all || part == Part::Crds {
        for (at, file) in definitions(chart).into_iter().enumerate() {
            // Helm 4 parts all of them, Helm 3 only the first from what is before
            let is_parted = compat == HelmCompat::Four || (is_all && at == 0);
            let rule = if is_parted && !file.data.starts_with(b"---") { "---\n" } else { "" };
            text.push_str(&format!("{rule}{}\n", file.shown()));
        }
    }
    text
}

/// The files of the crds directories, the chart's own first.
fn definitions(chart: &Chart) -> Vec<&File> {
    let is_definition = |file: &&File| {
        file.name.starts_with("crds/") && [".yaml", ".yml", ".json"].iter().any(|ending| file.name.to_ascii_lowercase().ends_with(ending))
    };
    let own = chart.files.iter().filter(is_definition);
    own.chain(chart.dependencies.iter().flat_map(definitions)).collect()
}
