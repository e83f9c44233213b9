//! What a schema finds wrong with a manifest.

use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One problem of a manifest, with its place in the rendered text.
#[derive(Debug, thiserror::Error)]
#[error("{object}: {message}")]
pub struct SchemaError {
    /// `Deployment/web`.
    pub object: String,
    /// What is wrong, with the path of the field.
    pub message: String,
    /// Path of the field, such as `spec.template.spec.containers[0].image`; empty for the object.
    pub field: String,
    /// The template that it came from.
    pub path: String,
    /// Line in the rendered document, from 1.
    pub line: usize,
    /// What to do.
    pub help: Option<String>,
    text: NamedSource<String>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The line of the template's document that is marked.
    Shown(Range<usize>),
    /// Nothing of the text is shown: it may be secret.
    Hidden,
}

/// A problem of one value, before its object is known.
#[derive(Debug)]
pub(super) struct Found {
    /// What is wrong, with the path of the field.
    pub message: String,
    /// What is there instead, where it is one value.
    pub seen: Option<String>,
    /// Path of the field.
    pub field: String,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What to do.
    pub help: Option<String>,
}

impl SchemaError {
    pub(super) fn new(found: Found, object: &str, path: &str, text: &str, is_hidden: bool) -> Self {
        let start = found.span.start.min(text.len());
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length).min(found.span.end.max(start));
        let line = text[..start].matches('\n').count() + 1;
        let more = match found.seen {
            // without an excerpt nothing else says where it is
            _ if is_hidden => format!(" ({path}, line {line} as rendered)"),
            Some(seen) => format!(", it is {seen}"),
            None => String::new(),
        };
        SchemaError {
            object: object.to_owned(),
            message: found.message + &more,
            field: found.field,
            path: path.to_owned(),
            line,
            help: found.help,
            text: NamedSource::new(format!("{path}, as rendered"), text.to_owned()).with_language("yaml"),
            place: if is_hidden { Place::Hidden } else { Place::Shown(start..end) },
        }
    }

    /// Bytes of the document, unless it may be secret.
    pub fn place(&self) -> Option<Range<usize>> {
        match &self.place {
            Place::Shown(place) => Some(place.clone()),
            Place::Hidden => None,
        }
    }
}

impl Diagnostic for SchemaError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Place::Shown(place) = &self.place else { return None };
        Some(Box::new(std::iter::once(LabeledSpan::new(Some("here".into()), place.start, place.len()))))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
}
