//! A rendered file.

use crate::template::Trace;

/// A rendered file of templates.
#[derive(Clone, Debug)]
pub struct Output {
    /// `chart/templates/web.yaml`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What wrote what, where that is asked for ([`RenderOptions::traced`](super::RenderOptions::traced)).
    pub trace: Option<Trace>,
}

impl Output {
    /// A file without a trace.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Output { path: path.into(), text: text.into(), trace: None }
    }
}
