//! Files of the disk that cannot be read or written.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// A file or directory that cannot be read.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot read {}", .path.display())]
#[diagnostic(help("check the path and its permissions"))]
pub struct Unreadable {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: std::io::Error,
}

/// A file or directory that cannot be written.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot write to {}", .path.display())]
#[diagnostic(help("check the path and its permissions"))]
pub struct Unwritable {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: std::io::Error,
}
