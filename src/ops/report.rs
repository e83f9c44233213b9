//! Reports of what deployments changed, in the form of werf 2 (nelm's version 3), and what `dismiss` takes from one.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{release, whole_file};
use crate::deploy::cluster::{DeployError, End, Ledger, Outcome};
use crate::deploy::resource::{Owner, ResourceId};
use crate::error::{Error as Failure, Result};
use crate::event::{Event, Events};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    version: u32,
    release: &'a str,
    namespace: &'a str,
    revision: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    completed_operations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    canceled_operations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_operations: Vec<String>,
}

/// Writes the report of a deployment that has ended and gives its end on. One that changed nothing and failed has none.
///
/// # Errors
/// The deployment's own; of one that went well that the report cannot be written.
pub fn saved<T>(
    path: Option<&Path>,
    owner: &Owner,
    ledger: &Ledger,
    ended: Result<(Outcome, T), DeployError>,
    events: &Events,
) -> Result<(Outcome, T)> {
    let end = match &ended {
        Ok((Outcome::Unchanged { revision }, _)) => Some(("skipped", *revision)),
        Ok((Outcome::Deployed { revision }, _)) => Some(("deployed", ledger.revision().unwrap_or(*revision))),
        Err(_) => ledger.revision().map(|revision| ("failed", revision)),
    };
    let written = match (path, end) {
        (Some(path), Some((status, revision))) => write(path, &text(owner, revision, status, ledger)),
        _ => Ok(()),
    };
    match (ended, written) {
        (Ok(done), Ok(())) => Ok(done),
        (Ok(_), Err(unwritten)) => Err(unwritten.into()),
        (Err(error), written) => {
            if let Err(unwritten) = written {
                let cause = std::error::Error::source(&unwritten).map(|cause| format!(": {cause}")).unwrap_or_default();
                events.emit(Event::Warned { message: format!("{unwritten}{cause}"), help: None });
            }
            Err(Failure::new(error.kind(), error))
        }
    }
}

fn text(owner: &Owner, revision: u32, status: &'static str, ledger: &Ledger) -> Vec<u8> {
    let works = ledger.works();
    let ended = |end: End| {
        let mut lines: Vec<String> =
            works.iter().filter(|work| work.end == end).map(|work| format!("{}: {}", work.verb, named(&work.resource))).collect();
        lines.sort();
        lines
    };
    let report = Report {
        version: 3,
        release: &owner.release,
        namespace: &owner.namespace,
        revision,
        status,
        completed_operations: ended(End::Done),
        canceled_operations: ended(End::Canceled),
        failed_operations: ended(End::Failed),
    };
    let mut text = Vec::new();
    let mut printer = serde_json::Serializer::with_formatter(&mut text, serde_json::ser::PrettyFormatter::with_indent(b"\t"));
    // texts and numbers always print
    let _ = report.serialize(&mut printer);
    text
}

/// As nelm names an object.
fn named(resource: &ResourceId) -> String {
    match &resource.namespace {
        Some(namespace) => format!("{resource} (namespace={namespace})"),
        None => resource.to_string(),
    }
}

fn write(path: &Path, text: &[u8]) -> Result<(), ReportError> {
    whole_file::write(path, text).map_err(|cause| ReportError::Unwritable { path: path.to_owned(), cause })
}

/// The release that a saved report tells of.
///
/// # Errors
/// The file cannot be read, is no report, or names no release that there can be.
pub fn owner_of(path: &Path) -> Result<Owner> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(default)]
        release: String,
        #[serde(default)]
        namespace: String,
    }
    let text = std::fs::read(path).map_err(|cause| ReportError::Unreadable { path: path.to_owned(), cause })?;
    let told: Told = serde_json::from_slice(&text).map_err(|cause| ReportError::NotJson { path: path.to_owned(), cause })?;
    let missing = [("release", &told.release), ("namespace", &told.namespace)].into_iter().find(|(_, value)| value.is_empty());
    if let Some((key, _)) = missing {
        return Err(ReportError::Incomplete { path: path.to_owned(), key }.into());
    }
    release::named(&told.release, &told.namespace)
}

#[derive(Debug, Error, Diagnostic)]
enum ReportError {
    #[error("cannot write the report `{}`", .path.display())]
    #[diagnostic(help("the release itself is as it was told; check the path, its permissions and the space on its disk"))]
    Unwritable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("cannot read the report `{}`", .path.display())]
    #[diagnostic(help("`werf converge --save-deploy-report` writes it; `--deploy-report-path` says where it is"))]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("`{}` is no report of a deployment", .path.display())]
    #[diagnostic(help("`werf converge --save-deploy-report` writes one"))]
    NotJson {
        path: PathBuf,
        #[source]
        cause: serde_json::Error,
    },
    #[error("the report `{}` has no `{key}`", .path.display())]
    #[diagnostic(help("`werf converge --save-deploy-report` writes one that has; or give `--release` and `--namespace` instead"))]
    Incomplete { path: PathBuf, key: &'static str },
}
