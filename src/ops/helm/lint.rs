//! `werf helm lint`: what is wrong with charts of the disk, or could be better.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::HelmValues;
use super::source::ReachOptions;
use super::template::{namespace, with_urls};
use crate::chart::{
    self, Chart, ChartError, Defaults, Found, HelmCompat, Operation, Release, RenderInput, RenderOptions, Severity, Subject,
};
use crate::error::{Error, Kind, Result};
use crate::ops::KubeOptions;
use crate::ops::chart_files::{self, value_layers};
use crate::ops::gates::Gates;
use crate::ops::render::with_versions;

/// What `helm lint` is asked.
#[derive(Clone)]
pub struct Options {
    /// Directories and archives. Helm 3 looks at the working directory where there are none.
    pub paths: Vec<String>,
    /// Warnings fail too.
    pub strict: bool,
    /// Only warnings and errors are told.
    pub quiet: bool,
    /// The charts below `charts/` are looked at as well.
    pub with_subcharts: bool,
    /// `.Release.Namespace`; that of the kubeconfig's context where there is none.
    pub namespace: Option<String>,
    /// For the namespace only.
    pub kube: KubeOptions,
    /// How values at URLs are reached.
    pub reach: ReachOptions,
    /// Values.
    pub values: HelmValues,
    /// Kubernetes version for `.Capabilities` and deprecations.
    pub kube_version: Option<String>,
    /// values.schema.json is not looked at.
    pub skip_schema: bool,
    /// As Helm 4 does, not as Helm 3.
    pub helm_4: bool,
}

/// Looks at the charts and says what it found. Charts that fail are an error whose output is all that was found.
pub async fn run(options: Options) -> Result<String> {
    let compat = HelmCompat::with_helm_4(options.helm_4);
    let mut paths = options.paths;
    if paths.is_empty() && options.helm_4 {
        return Err(Error::new(Kind::Usage, LintError::NoPath));
    }
    if paths.is_empty() {
        paths.push(".".into());
    }
    if options.with_subcharts {
        let mut below = Vec::new();
        paths.iter().for_each(|path| subcharts(Path::new(&clean(&Path::new(path).join("charts"))), &mut below));
        paths.extend(below);
    }
    let layers = value_layers(with_urls(options.values, &options.reach).await?)?;
    let namespace = namespace(options.namespace.as_deref(), &options.kube).await;
    let gates = Gates::new(None, &options.reach.charts.proxies);
    let input = RenderInput {
        release: Release { name: "test-release".into(), namespace, revision: 0, operation: Operation::Neither },
        values: &layers,
        service: None,
        capabilities: &with_versions(compat, options.kube_version.as_deref(), &[])?,
        options: RenderOptions { skip_schema: options.skip_schema, compat, lint: true, ..RenderOptions::default() },
        host: &gates,
    };
    let fails = if options.strict { Severity::Warning } else { Severity::Error };
    let (mut text, mut failed, mut is_clean) = (String::new(), 0, true);
    for path in &paths {
        let (lines, worst) = match tokio::task::block_in_place(|| looked_at(path, &input))? {
            Err(problem) => (vec![format!("Error {problem}")], Severity::Error),
            Ok(findings) => {
                let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
                let told = findings.iter().filter(|finding| !options.quiet || finding.severity > Severity::Info);
                (told.map(ToString::to_string).collect(), worst)
            }
        };
        failed += usize::from(worst >= fails);
        is_clean &= worst == Severity::Info;
        if !options.quiet || worst > Severity::Info {
            text.push_str(&format!("==> Linting {path}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
            text.push('\n');
        }
    }
    if failed > 0 {
        return Err(Error::from(LintError::Failed { linted: paths.len(), failed }).with_output(text));
    }
    if !options.quiet || !is_clean {
        text.push_str(&format!("{} chart(s) linted, 0 chart(s) failed\n", paths.len()));
    }
    Ok(text)
}

/// The charts and archives below a directory, in the order of their paths.
fn subcharts(dir: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name == "Chart.yaml" {
            found.push(dir.display().to_string());
        } else if is_archive(&name) {
            found.push(entry.display().to_string());
        } else if entry.is_dir() && !entry.is_symlink() {
            subcharts(&entry, found);
        }
    }
}

fn is_archive(path: &str) -> bool {
    path.ends_with(".tgz") || path.ends_with(".tar.gz")
}

/// What is found in one chart; the inner error is of a path that has none.
fn looked_at(path: &str, input: &RenderInput<'_>) -> Result<Result<Vec<chart::Finding>, String>> {
    let files = if is_archive(path) { of_archive(path) } else { of_directory(path) };
    let files = match files {
        Ok(files) => files,
        Err(problem) => return Ok(Err(problem)),
    };
    let chart = loaded(path, input.options.compat)?;
    let text = |name: &str| files.texts.get(name).map(|bytes| String::from_utf8_lossy(bytes));
    let (chart_yaml, values_yaml) = (text("Chart.yaml").unwrap_or_default(), text("values.yaml"));
    let place = std::path::absolute(path).unwrap_or_else(|_| path.into()).components().as_path().display().to_string();
    let subject = Subject {
        path: &place,
        given: path.trim_end_matches('/'),
        chart_yaml: &chart_yaml,
        values_yaml: values_yaml.as_deref(),
        schema: files.texts.get("values.schema.json").map(Vec::as_slice),
        templates: files.templates,
        crds: files.crds,
        chart: chart.as_ref(),
    };
    Ok(Ok(chart::lint(&subject, input)?))
}

fn loaded(path: &str, compat: HelmCompat) -> Result<Result<Chart, ChartError>> {
    chart_files::try_load(path, Defaults { compat, ..Defaults::default() })
}

/// The files that are looked at as they are written.
struct Files {
    texts: BTreeMap<String, Vec<u8>>,
    templates: Found,
    crds: Found,
}

const TEXTS: [&str; 3] = ["Chart.yaml", "values.yaml", "values.schema.json"];

fn of_directory(path: &str) -> Result<Files, String> {
    let dir = Path::new(path);
    let of_chart = dir.join("Chart.yaml");
    if let Err(cause) = std::fs::metadata(&of_chart) {
        return Err(unchecked(&clean(&of_chart), &cause));
    }
    let found = |name: &str| match std::fs::metadata(dir.join(name)) {
        Ok(found) if found.is_dir() => Found::Directory,
        Ok(_) => Found::Other,
        Err(_) => Found::Nothing,
    };
    let texts = TEXTS.into_iter().filter_map(|name| Some((name.to_owned(), std::fs::read(dir.join(name)).ok()?))).collect();
    Ok(Files { texts, templates: found("templates"), crds: found("crds") })
}

fn of_archive(path: &str) -> Result<Files, String> {
    let bytes = std::fs::read(path).map_err(|cause| format!("unable to open tarball: open {path}: {}", words(&cause)))?;
    let files = chart::unpack(&bytes, path).map_err(|error| format!("unable to extract tarball: {error}"))?;
    let found = |dir: &str| if files.iter().any(|file| file.name.starts_with(dir)) { Found::Directory } else { Found::Nothing };
    let (templates, crds) = (found("templates/"), found("crds/"));
    let texts = files.iter().filter(|file| TEXTS.contains(&&*file.name)).map(|file| (file.name.to_string(), file.data.to_vec())).collect();
    Ok(Files { texts, templates, crds })
}

/// A path without the parts that lead nowhere.
fn clean(path: &Path) -> String {
    let parts: PathBuf = path.components().filter(|part| *part != std::path::Component::CurDir).collect();
    parts.display().to_string()
}

fn unchecked(path: &str, cause: &std::io::Error) -> String {
    format!("unable to check Chart.yaml file in chart: stat {path}: {}", words(cause))
}

/// The system's words for an error, as Go writes them.
fn words(cause: &std::io::Error) -> String {
    match cause.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::NotADirectory => "not a directory".into(),
        _ => cause.to_string(),
    }
}

#[derive(Debug, Error, Diagnostic)]
enum LintError {
    #[error("{linted} chart(s) linted, {failed} chart(s) failed")]
    #[diagnostic(help("the lines above say what to change; `--strict` counts warnings as failures too"))]
    Failed { linted: usize, failed: usize },
    #[error("no chart is named")]
    #[diagnostic(help("name the charts' directories or archives: `werf helm lint ./chart`; Helm 3 takes the working directory"))]
    NoPath,
}
