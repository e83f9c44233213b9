//! Graphs of plans as files, for Graphviz.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::whole_file;
use crate::deploy::cluster::Ledger;
use crate::deploy::plan::{self, Plan};
use crate::event::{Event, Events};

/// Where graphs go.
#[derive(Clone, Debug, Default)]
pub struct GraphOptions {
    /// That of a deployment.
    pub deploy: Option<PathBuf>,
    /// That of a rollback.
    pub rollback: Option<PathBuf>,
}

impl GraphOptions {
    /// Writes the graph of the deployment that is about to be made.
    pub fn of_deployment(&self, plan: &Plan) -> Result<(), Unwritable> {
        self.deploy.as_deref().map_or(Ok(()), |path| write(path, plan))
    }

    /// Writes the graph of the rollback that was made, if one was.
    pub fn of_rollback(&self, ledger: &Ledger) -> Result<(), Unwritable> {
        match (&self.rollback, ledger.rollback()) {
            (Some(path), Some(plan)) => write(path, &plan),
            _ => Ok(()),
        }
    }

    /// The same where something else has failed, and it can only be told.
    pub fn of_automatic_rollback(&self, ledger: &Ledger, events: &Events) {
        if let Err(error) = self.of_rollback(ledger) {
            let (cause, help) = (&error.cause, error.help().map(|help| help.to_string()));
            events.emit(Event::Warned { message: format!("{error}: {cause}"), help });
        }
    }
}

fn write(path: &Path, plan: &Plan) -> Result<(), Unwritable> {
    whole_file::write(path, plan::to_dot(plan).as_bytes()).map_err(|cause| Unwritable { path: path.to_owned(), cause })
}

/// A graph is not there.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot write the graph `{}`", .path.display())]
#[diagnostic(help("check the path, its permissions and the space on its disk"))]
pub struct Unwritable {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}
