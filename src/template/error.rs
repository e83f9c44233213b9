//! What can go wrong in a template, with its place: in Go's words for those who compare, and as a diagnostic for people.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

use super::ast::Source;
use super::call::FunctionError;
use super::format::quote;
use super::hint::{self, Hint, Involved};
use super::value::{Map, Value};
use crate::file_tree::shown;

/// A text is no template.
#[derive(Clone, Debug)]
pub struct ParseError {
    source: Arc<Source>,
    /// The text for people.
    text: Arc<str>,
    line: usize,
    /// Where in that text.
    span: Range<usize>,
    /// What is there.
    label: &'static str,
    message: String,
    help: Option<String>,
    /// The user's path of the file, where it differs from its name.
    path: Option<String>,
}

impl ParseError {
    pub(super) fn new(source: Arc<Source>, line: usize, span: Range<usize>, message: String) -> Self {
        let (text, span) = source.shown(span);
        let text = if source.is_raw() { text.into() } else { source.text.clone() };
        ParseError { source, text, line, span, label: "here", message, help: None, path: None }
    }

    /// The same with what to do.
    pub(super) fn with_help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }

    /// The same, its excerpt another one.
    pub(super) fn pointing_at(mut self, span: Range<usize>, label: &'static str) -> Self {
        (self.span, self.label) = (self.source.shown(span).1, label);
        self
    }

    /// The name that the text was parsed under.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The line, from 1, where reading stopped.
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same, its excerpt named for the file as the user knows it.
    pub fn named(mut self, path: String) -> Self {
        self.path = Some(path);
        self
    }

    /// Helm's text: `parse error at (file:line): message`, of which Helm keeps only the last part.
    pub fn helm_text(&self) -> String {
        let last = self.message.rsplit(": ").next().unwrap_or(&self.message);
        format!("parse error at ({}:{}): {last}", self.source.name, self.line)
    }
}

/// Go's text: `template: file:line: message`.
impl Display for ParseError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "template: {}:{}: {}", self.source.name, self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

impl Diagnostic for ParseError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = SourceSpan::from(self.span.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.into()), span))))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }
}

impl SourceCode for ParseError {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let name = self.path.clone().unwrap_or_else(|| shown(&self.source.name));
        let inner = self.text.as_bytes().read_span(span, context_lines_before, context_lines_after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            name,
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// A template could not be executed.
#[derive(Clone, Debug)]
pub struct ExecError {
    pub(super) place: Option<Place>,
    pub(super) cause: Cause,
    pub(super) hint: Option<Hint>,
    pub(super) involved: Vec<Involved>,
    pub(super) partial: Option<String>,
}

/// Where execution was when it failed.
#[derive(Clone, Debug)]
pub struct Place {
    pub(super) source: Arc<Source>,
    pub(super) offset: usize,
    pub(super) template: Arc<str>,
    pub(super) node: String,
}

impl Place {
    /// The name that the text was parsed under, usually its file.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.source.place(self.offset).0
    }

    /// Column in bytes, from 0, as Go counts.
    pub fn column(&self) -> usize {
        self.source.place(self.offset).1
    }

    /// The template that was executed: the file itself, or one that is defined in it.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// The text of the node that failed, as Go prints it.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// `file:line:column`.
    pub fn location(&self) -> String {
        let (line, column) = self.source.place(self.offset);
        format!("{}:{line}:{column}", self.source.name)
    }
}

/// Why execution failed at its place.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    /// The language complains.
    Message(String),
    /// A function does; `call` is `error calling NAME: `.
    Called { call: String, message: String },
    /// The chart's author does: `fail`, `required`.
    Refused { call: String, message: String },
    /// A template inside failed.
    Nested { context: String, error: Box<ExecError> },
}

impl Cause {
    /// The failure of a function that a node calls.
    pub(super) fn of_call(name: &str, error: FunctionError) -> Self {
        let call = format!("error calling {name}: ");
        match error {
            FunctionError::Message(message) => Cause::Called { call, message: message.into_owned() },
            FunctionError::Argument(message) => Cause::Message(message),
            FunctionError::Refused(message) => Cause::Refused { call, message },
            FunctionError::Nested { context, error } => Cause::Nested { context: format!("{call}{context}"), error },
        }
    }
}

impl ExecError {
    pub(super) fn without_place(message: String) -> Self {
        ExecError { place: None, cause: Cause::Message(message), hint: None, involved: Vec::new(), partial: None }
    }

    /// Where execution was, in the outermost template.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The places from the outermost template to the innermost, one for each `include` or `tpl`.
    pub fn places(&self) -> Vec<&Place> {
        let levels = std::iter::successors(Some(self), |error| match &error.cause {
            Cause::Nested { error, .. } => Some(&**error),
            _ => None,
        });
        levels.filter_map(|error| error.place.as_ref()).collect()
    }

    /// What went wrong in the innermost template, without places.
    pub fn message(&self) -> String {
        match &self.cause {
            Cause::Message(message) | Cause::Refused { message, .. } => message.clone(),
            Cause::Called { call, message } => format!("{call}{message}"),
            Cause::Nested { error, .. } => error.message(),
        }
    }

    /// The message of the chart's author, where `fail` or `required` ended the execution.
    pub fn refusal(&self) -> Option<&str> {
        match &self.cause {
            Cause::Message(_) | Cause::Called { .. } => None,
            Cause::Refused { message, .. } => Some(message),
            Cause::Nested { error, .. } => error.refusal(),
        }
    }

    /// What to do about it, such as the keys that exist beside a missing one.
    pub fn hint(&self) -> Option<&str> {
        match &self.cause {
            Cause::Nested { error, .. } => error.hint(),
            _ => self.hint.as_ref().map(|hint| hint.text.as_str()),
        }
    }

    /// The error of the innermost template.
    fn innermost(&self) -> &ExecError {
        match &self.cause {
            Cause::Nested { error, .. } => error.innermost(),
            _ => self,
        }
    }

    /// What was rendered up to the failure.
    pub fn partial(&self) -> &str {
        self.partial.as_deref().unwrap_or("")
    }

    /// Helm 4's text: as [`ExecError::helm_text`] for a refusal; else one paragraph for each level, where every level is a template.
    pub fn helm4_text(&self) -> String {
        if self.refusal().is_some() {
            return self.helm_text();
        }
        let mut paragraphs: Vec<String> = Vec::new();
        let mut level = Some(self);
        while let Some(error) = level {
            let Some(place) = &error.place else { return self.to_string() };
            let head = format!("{}\n  executing {} at <{}>:\n    ", place.location(), quote(&place.template), place.node);
            let message = match &error.cause {
                Cause::Message(message) => message.clone(),
                Cause::Called { call, message } if message.starts_with("template: no template ") => {
                    paragraphs.push(format!("{head}{}\n", call.trim_end()));
                    paragraphs.push(format!("{message}\n"));
                    break;
                }
                Cause::Nested { context, error: inner } if context.matches(": ").count() == 1 => {
                    level = Some(inner);
                    let paragraph = format!("{head}{}\n", context.trim_end());
                    if paragraphs.last() != Some(&paragraph) {
                        paragraphs.push(paragraph);
                    }
                    continue;
                }
                _ => return self.to_string(),
            };
            let paragraph = format!("{head}{}\n", message.split(" template:").next().unwrap_or(""));
            if paragraphs.last() != Some(&paragraph) {
                paragraphs.push(paragraph);
            }
            level = None;
        }
        paragraphs.concat().trim().to_owned()
    }

    /// Helm 3's text: Go's, except that a refusal becomes `execution error at (file:line:column): message`.
    pub fn helm_text(&self) -> String {
        match (self.refusal(), &self.place) {
            (Some(message), Some(place)) => format!("execution error at ({}): {message}", place.location()),
            _ => self.to_string(),
        }
    }
}

/// Go's text: `template: file:line:column: executing "name" at <node>: message`, once for each level.
impl Display for ExecError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "template: {}: executing {} at <{}>: ", place.location(), quote(&place.template), place.node)?;
        }
        match &self.cause {
            Cause::Message(message) => f.write_str(message),
            Cause::Called { call, message } | Cause::Refused { call, message } => write!(f, "{call}{message}"),
            Cause::Nested { context, error } => write!(f, "{context}{error}"),
        }
    }
}

impl std::error::Error for ExecError {}

/// An [`ExecError`] for people: what is wrong, the line of the innermost template with a label, the chain of includes and advice.
#[derive(Debug)]
pub struct Failure {
    headline: String,
    snippet: Option<(NamedSource<String>, LabeledSpan)>,
    help: Option<String>,
    error: ExecError,
}

impl Failure {
    /// The error in Go's words.
    pub fn error(&self) -> &ExecError {
        &self.error
    }
}

/// What the caller knows of the data that templates see.
pub trait Origins {
    /// The user's path of the file that was parsed under this name.
    fn path(&self, file: &str) -> String {
        file.to_owned()
    }

    /// Where the map was written.
    fn of_map(&self, _map: &Map) -> Option<Origin> {
        None
    }

    /// Where the entry of a map was written.
    fn of_entry(&self, _map: &Map, _key: &str) -> Option<Origin> {
        None
    }
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// For people: `values.yaml:3`, `--set port`.
    pub place: String,
    /// Whether the value may be shown: it stands in a file that everybody can read.
    pub is_plain: bool,
}

/// Nothing is known.
pub struct NoOrigins;

impl Origins for NoOrigins {}

/// How many values, and how many levels of includes, an error tells of.
const SHOWN_VALUES: usize = 4;
const SHOWN_LEVELS: usize = 8;

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        Failure::new(error, &NoOrigins)
    }
}

impl Failure {
    /// The error with what is known of the values in it.
    pub fn new(error: ExecError, origins: &dyn Origins) -> Self {
        let places = error.places();
        let file = places.first().map_or("template", |place| place.file());
        let headline = format!("cannot render {}: {}", shown(file), error.message());
        let snippet = places.last().map(|place| {
            let label = match error.refusal() {
                Some(_) => "refused here".to_owned(),
                None => format!("in `{}`", shorten(&place.node)),
            };
            let (start, length) = label_span(place);
            let (text, span) = place.source.shown(start..start + length);
            let source = NamedSource::new(origins.path(place.file()), text.into_owned());
            (source, LabeledSpan::new_with_span(Some(label), span))
        });
        let inner = error.innermost();
        // the author of a refusal has said what is wrong with a value that is there
        let is_telling = |one: &&Involved| error.refusal().is_none() || one.value.as_ref().is_none_or(Value::is_nil);
        let mut help = match &inner.hint {
            Some(hint) => vec![match hint.owner.as_ref().and_then(|owner| origins.of_map(owner)) {
                Some(origin) => format!("{} ({})", hint.text, origin.place),
                None => hint.text.clone(),
            }],
            None => inner.involved.iter().filter(is_telling).take(SHOWN_VALUES).map(|one| described(one, origins)).collect(),
        };
        help.extend(chain(places.split_last().map(|(_, outer)| outer).unwrap_or_default(), origins));
        Failure { headline, snippet, help: (!help.is_empty()).then(|| help.join("\n")), error }
    }
}

/// One line for each level that included the one before it, innermost first; of very many only some.
fn chain(places: &[&Place], origins: &dyn Origins) -> Vec<String> {
    let line = |place: &&Place| {
        let (line, column) = place.source.place(place.offset);
        format!("included from {}:{line}:{} by `{}`", origins.path(place.file()), column + 1, shorten(&place.node))
    };
    let mut lines: Vec<String> = places.iter().rev().map(line).collect();
    if lines.len() > SHOWN_LEVELS {
        let left_out = lines.len() - SHOWN_LEVELS;
        lines.splice(SHOWN_LEVELS / 2..SHOWN_LEVELS / 2 + left_out, [format!("… {left_out} more levels …")]);
    }
    lines
}

/// A value of the failed node in words, shown only where everybody can read it.
fn described(one: &Involved, origins: &dyn Origins) -> String {
    let name = &one.name;
    let origin = one.holder.as_ref().and_then(|(map, key)| origins.of_entry(map, key));
    let place = origin.as_ref().map(|origin| format!(" ({})", origin.place)).unwrap_or_default();
    match &one.value {
        None => {
            let beside = one.holder.as_ref().and_then(|(map, key)| hint::keys_alike(key, map));
            format!("`{name}` is not set{}", beside.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default())
        }
        Some(Value::Nil) => format!("`{name}` is null{place}"),
        Some(Value::Map(map)) => match hint::keys_beside("", map, "in it") {
            Some(keys) => format!("`{name}` is a map; {keys}{place}"),
            None => format!("`{name}` is an empty map{place}"),
        },
        Some(Value::List(list)) => format!("`{name}` is a list of {}{place}", list.len()),
        Some(value) if origin.as_ref().is_some_and(|origin| origin.is_plain) => {
            format!("`{name}` is `{}` of type {}{place}", shorten(&value.to_text().shown()), value.type_name())
        }
        Some(value) => format!("`{name}` is of type {}{place}", value.type_name()),
    }
}

/// The node in its text where it stands there as printed; else the rest of its line. Go's offset of `.a.b` is that of `.b`.
fn label_span(place: &Place) -> (usize, usize) {
    let text = &*place.source.text;
    let offset = place.offset.min(text.len());
    let line_start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    let line = &text[line_start..line_end];
    let found = line.match_indices(&place.node).map(|(at, _)| line_start + at).find(|at| *at <= offset && offset <= at + place.node.len());
    match found {
        Some(start) => (start, place.node.len()),
        None => (offset, text[offset..line_end].trim_end().len().max(1).min(text.len() - offset)),
    }
}

fn shorten(node: &str) -> String {
    let line = node.lines().next().unwrap_or("");
    if line.chars().count() <= 60 && line.len() == node.len() { line.to_owned() } else { line.chars().take(57).collect::<String>() + "…" }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl std::error::Error for Failure {}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.snippet.as_ref().map(|(_, label)| Box::new(std::iter::once(label.clone())) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}
