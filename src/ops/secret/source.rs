//! Where the text of a command comes from.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::{fs, io};

use miette::Diagnostic;
use thiserror::Error;

use crate::error::{Error, Kind, Result};
use crate::ops::files::Unreadable;

/// What standard input gives, when it is asked: after the key was found.
pub type Input = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

/// Where the text comes from.
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input(Input),
    /// No file was named, and standard input is a terminal.
    Nothing,
}

/// What was read.
pub(super) struct Text {
    /// What it is called in messages.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Source {
    /// Reads all of it; `None` where standard input is empty.
    pub(super) async fn read(self) -> Result<Option<Text>> {
        match self {
            Source::File(path) => {
                let name = format!("`{}`", path.display());
                let bytes = fs::read(&path).map_err(|cause| Unreadable { path, cause })?;
                Ok(Some(Text { name, bytes }))
            }
            Source::Input(input) => {
                let bytes = input.await.map_err(|cause| Unreadable { path: "standard input".into(), cause })?;
                Ok((!bytes.is_empty()).then(|| Text { name: "the standard input".into(), bytes }))
            }
            Source::Nothing => Err(Error::new(Kind::Usage, NoSource)),
        }
    }
}

#[derive(Debug, Error, Diagnostic)]
#[error("there is nothing to read: no file is named, and standard input is a terminal")]
#[diagnostic(help("name a FILE, or pipe the text into the command"))]
struct NoSource;
