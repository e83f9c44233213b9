//! A rendered file.

use crate::template::Trace;
use crate::template::value::Str;

/// A rendered file of templates.
#[derive(Clone, Debug)]
pub struct Output {
    /// `chart/templates/web.yaml`.
    pub path: String,
    /// Its text, of any bytes.
    pub text: Str,
    /// What wrote what, where that is asked for ([`RenderOptions::traced`](crate::chart::RenderOptions::traced)).
    pub trace: Option<Trace>,
}

impl Output {
    /// Whether there is nothing but white space in it.
    pub fn is_blank(&self) -> bool {
        self.text.outline().trim().is_empty()
    }

    /// A file without a trace.
    pub fn new(path: impl Into<String>, text: impl Into<Str>) -> Self {
        Output { path: path.into(), text: text.into(), trace: None }
    }
}
