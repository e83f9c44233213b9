//! What can be wrong with YAML text.

use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// YAML that cannot be read, with the place and the text around it.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("{message} (line {line}, column {column})")]
pub struct YamlError {
    /// What is wrong, without the place.
    pub message: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The bytes to underline.
    #[label("here")]
    pub span: SourceSpan,
    /// What to do about it.
    #[help]
    pub help: Option<String>,
    /// The text that was read.
    #[source_code]
    pub source_code: NamedSource<String>,
    /// The same message as Helm words it: `yaml: line 2: did not find expected key`.
    pub helm_message: String,
}

impl YamlError {
    pub(super) fn new(text: &str, span: Range<usize>, message: String, help: Option<String>, helm_message: String) -> Self {
        let start = floor_char(text, span.start.min(text.len()));
        let end = floor_char(text, span.end.clamp(start, text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        YamlError {
            message,
            line: text[..start].bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            span: (start..end).into(),
            help,
            source_code: NamedSource::new("yaml", text.to_owned()).with_language("yaml"),
            helm_message,
        }
    }

    /// Names the file that the text came from.
    pub fn with_name(mut self, name: impl AsRef<str>) -> Self {
        self.source_code = NamedSource::new(name, self.source_code.inner().clone()).with_language("yaml");
        self
    }
}

fn floor_char(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
