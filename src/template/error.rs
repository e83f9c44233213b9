//! What can go wrong in a template, with its place.

/// A template could not be executed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ExecError {
    /// What is wrong, in Go's words.
    pub message: String,
}
