//! Reading a checked document out of YAML nodes: known keys, right types, every problem with its place.
//!
//! A [`Fields`] hands out the values of one mapping by key and remembers which keys were asked for; what is left at [`Fields::finish`] is
//! unknown. Nothing stops at the first problem: wrong values are reported to the [`Sink`] and read as absent.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::words::near::nearest;
use crate::words::quoted::quoted;
use crate::yaml::{DuplicateKeys, Node, NodeValue, Options, YamlError, parse_documents_with};

/// One thing that is wrong in a file that a person wrote.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong, with the names involved.
    pub message: String,
    /// The text that the spans point into.
    #[source_code]
    pub source_code: NamedSource<Arc<str>>,
    /// The bytes to underline.
    #[label("{label}")]
    pub span: SourceSpan,
    /// Words at the underlined bytes.
    pub label: String,
    /// What to do about it.
    #[help]
    pub help: Option<String>,
}

/// Something that deserves its author's attention but stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One sentence.
    pub message: String,
    /// What to do about it; may have several lines.
    pub help: String,
}

/// What to write instead of something that is taken, but old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Where the old writing stands, in bytes of the text.
    pub offset: usize,
    /// Its line, 1-based.
    pub line: usize,
    /// What to do: "instead of `a` write `b`".
    pub text: String,
}

/// A key that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// Its line, 1-based.
    pub line: usize,
    /// The key.
    pub key: String,
    /// What it is in: `config` of `werf-giterminism.yaml`.
    pub of: String,
    /// The key that may be meant.
    pub near: Option<&'static str>,
}

/// Collects the problems of one text.
pub struct Sink {
    name: String,
    text: Arc<str>,
    problems: RefCell<Vec<Problem>>,
    advice: RefCell<Vec<Advice>>,
    unknown: RefCell<Vec<UnknownKey>>,
}

impl Sink {
    /// A sink for a text; `name` is what people call it.
    pub fn new(name: impl Into<String>, text: Arc<str>) -> Self {
        Sink { name: name.into(), text, problems: RefCell::default(), advice: RefCell::default(), unknown: RefCell::default() }
    }

    /// The unknown keys that are no problem, in the order of the text.
    pub fn unknown_keys(&self) -> Vec<UnknownKey> {
        let mut unknown = self.unknown.borrow().clone();
        unknown.sort_by_key(|unknown| unknown.line);
        unknown
    }

    /// Remembers what to write instead of something old.
    pub fn advise(&self, at: &Node, text: impl Into<String>) {
        self.advice.borrow_mut().push(Advice { offset: at.span.start, line: at.line, text: text.into() });
    }

    /// The advice so far, in the order of the text, each once.
    pub fn advice(&self) -> Vec<Advice> {
        let mut advice = self.advice.borrow().clone();
        advice.sort_by_key(|advice| advice.offset);
        advice.dedup();
        advice
    }

    /// Reports a problem at some bytes.
    pub fn report(&self, span: &Range<usize>, message: impl Into<String>, label: impl Into<String>, help: Option<String>) {
        let source_code = NamedSource::new(&self.name, self.text.clone()).with_language("yaml");
        let mut span = span.clone();
        // A label over many lines hides what it is about: the first line is enough.
        if let Some(line_end) = self.text.get(span.clone()).and_then(|text| text.find('\n')) {
            span.end = span.start + line_end;
        }
        let problem = Problem { message: message.into(), source_code, span: span.into(), label: label.into(), help };
        self.problems.borrow_mut().push(problem);
    }

    /// Whether nothing has been reported.
    pub fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All problems in the order of the text, each once.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.span.offset());
        problems.dedup_by(|a, b| a.message == b.message && a.span == b.span);
        problems
    }

    fn report_yaml(&self, error: YamlError, shift: usize) {
        let start = error.span.offset() + shift;
        self.report(&(start..start + error.span.len()), error.message, "here", error.help);
    }
}

/// Reads one document that begins at `offset` of the sink's text. Syntax errors and duplicate keys go to the sink; where only keys are
/// double, the document is read all the same.
pub fn read_document(sink: &Sink, text: &str, offset: usize) -> Option<Node> {
    // Empty lines stand for what is before, so that lines in messages are those of the whole text.
    let lines = sink.text[..offset].bytes().filter(|byte| *byte == b'\n').count();
    let padded = "\n".repeat(lines) + text;
    let read = |duplicate_keys| parse_documents_with(&padded, Options { duplicate_keys }).map_err(Box::new);
    let documents = match read(DuplicateKeys::Refuse) {
        Ok(documents) => documents,
        Err(error) => {
            sink.report_yaml(*error, offset - lines);
            read(DuplicateKeys::LastWins).ok()?
        }
    };
    documents.into_iter().next().map(|mut node| {
        shift(&mut node, offset - lines);
        node
    })
}

fn shift(node: &mut Node, bytes: usize) {
    node.span = node.span.start + bytes..node.span.end + bytes;
    match &mut node.value {
        NodeValue::Sequence(items) => items.iter_mut().for_each(|item| shift(item, bytes)),
        NodeValue::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
            shift(key, bytes);
            shift(value, bytes);
        }),
        _ => {}
    }
}

/// A text with the node it was written as.
#[derive(Clone, Debug)]
pub struct Text<'n> {
    /// The text.
    pub text: String,
    /// Where it was written.
    pub node: &'n Node,
}

/// The keys and values of one mapping.
pub struct Fields<'n> {
    sink: &'n Sink,
    node: &'n Node,
    /// What the mapping is, for messages: `image `web``, `an entry of `git``.
    what: String,
    asked: RefCell<Vec<&'static str>>,
    /// Keys that are known, but of which no message tells: old and unsupported ones.
    hidden: RefCell<Vec<&'static str>>,
}

impl<'n> Fields<'n> {
    /// The fields of a mapping; anything else is reported. Null counts as an empty mapping.
    pub fn open(sink: &'n Sink, node: &'n Node, what: impl Into<String>) -> Option<Fields<'n>> {
        let what = what.into();
        if node.as_mapping().is_none() && !node.is_null() {
            sink.report(&node.span, format!("{what} must be a mapping, not {}", node.kind()), "expected `key: value` lines", None);
            return None;
        }
        Some(Fields { sink, node, what, asked: RefCell::default(), hidden: RefCell::default() })
    }

    /// The mapping's node.
    pub fn node(&self) -> &'n Node {
        self.node
    }

    /// Where problems go.
    pub fn sink(&self) -> &'n Sink {
        self.sink
    }

    /// What the mapping is, for messages.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The value of a key, null left out.
    pub fn value(&self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A key and its value, null included.
    pub fn entry(&self, key: &'static str) -> Option<(&'n Node, &'n Node)> {
        self.asked.borrow_mut().push(key);
        self.find(key)
    }

    /// A key and its value, where the key is not one to recommend.
    pub fn old(&self, key: &'static str) -> Option<(&'n Node, &'n Node)> {
        self.hidden.borrow_mut().push(key);
        self.find(key)
    }

    fn find(&self, key: &str) -> Option<(&'n Node, &'n Node)> {
        self.node.as_mapping()?.iter().find(|(name, _)| name.text() == Some(key)).map(|(name, value)| (name, value))
    }

    /// A scalar as text, numbers and booleans as written.
    pub fn text(&self, key: &'static str) -> Option<Text<'n>> {
        let node = self.value(key)?;
        match node.text() {
            Some(text) => Some(Text { text: text.to_owned(), node }),
            None => self.wrong(key, node, "a string"),
        }
    }

    /// A scalar as text without its place.
    pub fn string(&self, key: &'static str) -> Option<String> {
        self.text(key).map(|text| text.text)
    }

    /// A key that must be there, as text.
    pub fn required(&self, key: &'static str, example: &str) -> Option<Text<'n>> {
        if self.value(key).is_none() {
            self.missing(key, example);
            return None;
        }
        self.text(key)
    }

    /// Reports that a required key is missing.
    pub fn missing(&self, key: &str, example: &str) {
        let head = self.node.as_mapping().and_then(|entries| entries.first()).map_or(&self.node.span, |(key, _)| &key.span);
        self.sink.report(
            head,
            format!("{} has no `{key}`", self.what),
            format!("`{key}` is missing here"),
            Some(format!("add `{key}: {example}`")),
        );
    }

    /// A boolean.
    pub fn bool(&self, key: &'static str) -> Option<bool> {
        let node = self.value(key)?;
        match node.value {
            NodeValue::Bool(value) => Some(value),
            _ => self.wrong(key, node, "true or false"),
        }
    }

    /// A whole number. What is behind a decimal point is dropped, as Go's YAML has it.
    pub fn int(&self, key: &'static str) -> Option<i64> {
        let node = self.value(key)?;
        match node.value {
            NodeValue::Int(value) => Some(value),
            NodeValue::Float(value) if value.is_finite() => Some(value as i64),
            _ => self.wrong(key, node, "a whole number"),
        }
    }

    /// A list of texts, or one text for a list of one.
    pub fn texts(&self, key: &'static str) -> Vec<Text<'n>> {
        let Some(node) = self.value(key) else { return Vec::new() };
        let items = node.as_sequence().unwrap_or(std::slice::from_ref(node));
        let text = |item: &'n Node| match item.text() {
            Some(text) => Some(Text { text: text.to_owned(), node: item }),
            None => self.wrong(key, item, "a string or a list of strings"),
        };
        items.iter().filter_map(text).collect()
    }

    /// A list of texts without their places.
    pub fn strings(&self, key: &'static str) -> Vec<String> {
        self.texts(key).into_iter().map(|text| text.text).collect()
    }

    /// The items of a list.
    pub fn list(&self, key: &'static str) -> &'n [Node] {
        let Some(node) = self.value(key) else { return &[] };
        node.as_sequence().unwrap_or_else(|| self.wrong(key, node, "a list").unwrap_or_default())
    }

    /// The entries of a mapping from texts to texts.
    pub fn map(&self, key: &'static str) -> Vec<(Text<'n>, Text<'n>)> {
        let Some(node) = self.value(key) else { return Vec::new() };
        let Some(entries) = node.as_mapping() else { return self.wrong(key, node, "a mapping of names to values").unwrap_or_default() };
        let text = |node: &'n Node| match node.text() {
            Some(_) if node.is_null() => Some(Text { text: String::new(), node }),
            Some(text) => Some(Text { text: text.to_owned(), node }),
            None => self.wrong(key, node, "a mapping of names to single values"),
        };
        entries.iter().filter_map(|(key, value)| Some((text(key)?, text(value)?))).collect()
    }

    /// The fields of a nested mapping.
    pub fn fields(&self, key: &'static str) -> Option<Fields<'n>> {
        let node = self.value(key)?;
        Fields::open(self.sink, node, format!("`{key}` of {}", self.what))
    }

    /// Reports a key that is not supported, if it is there.
    pub fn refuse(&self, key: &'static str, reason: &str, instead: &str) {
        if let Some((name, _)) = self.old(key) {
            self.sink.report(&name.span, format!("`{key}` is not supported: {reason}"), "not supported", Some(instead.to_owned()));
        }
    }

    /// Takes an old key; what to write instead is advice. `new` is the line to write.
    pub fn outdated(&self, key: &'static str, new: impl FnOnce(&'n Node) -> String) {
        if let Some((name, value)) = self.old(key).filter(|(_, value)| !value.is_null()) {
            let old = value.text().map_or_else(|| key.to_owned(), |text| format!("{key}: {text}"));
            self.sink.advise(name, format!("instead of `{old}` write {}", new(value)));
        }
    }

    /// Reports a value.
    pub fn problem(&self, at: &Node, message: impl Into<String>, label: impl Into<String>, help: impl Into<Option<String>>) {
        self.sink.report(&at.span, message, label, help.into());
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        let known = self.known();
        for (name, key) in self.unknown(&known) {
            let help = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys here: {}", quoted(&known)),
            };
            self.sink.report(&name.span, format!("{} has an unknown key `{key}`", self.what), "unknown key", Some(help));
        }
    }

    /// Remembers every key that nobody asked for, where such a key is no problem ([`Sink::unknown_keys`]).
    pub fn finish_leniently(self) {
        let known = self.known();
        for (name, key) in self.unknown(&known) {
            let near = nearest(key, known.iter().copied());
            self.sink.unknown.borrow_mut().push(UnknownKey { line: name.line, key: key.to_owned(), of: self.what.clone(), near });
        }
    }

    /// The keys that messages tell of.
    fn known(&self) -> Vec<&'static str> {
        let hidden = self.hidden.borrow();
        let mut known: Vec<&'static str> = self.asked.borrow().iter().copied().filter(|key| !hidden.contains(key)).collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    fn unknown(&self, known: &[&'static str]) -> Vec<(&'n Node, &'n str)> {
        let hidden = self.hidden.borrow();
        let entries = self.node.as_mapping().unwrap_or_default().iter();
        let keys = entries.map(|(name, _)| (name, name.text().unwrap_or_default()));
        keys.filter(|(_, key)| !known.contains(key) && !hidden.contains(key)).collect()
    }

    fn wrong<T>(&self, key: &str, node: &Node, expected: &str) -> Option<T> {
        let message = format!("`{key}` of {} must be {expected}, not {}", self.what, node.kind());
        self.sink.report(&node.span, message, format!("expected {expected}"), None);
        None
    }
}

/// Tells of keys that no werf knows; `effect` is what they do: nothing.
pub fn warn_of_unknown(file: &str, effect: &str, unknown: &[UnknownKey]) -> Vec<Warning> {
    if unknown.is_empty() {
        return Vec::new();
    }
    let keys: Vec<&str> = unknown.iter().map(|unknown| unknown.key.as_str()).collect();
    let message = format!("{file} has keys that werf does not know and that {effect}: {}", quoted(&keys));
    let line = |UnknownKey { line, key, of, near }: &UnknownKey| match near {
        Some(near) => format!("line {line}: did you mean `{near}` instead of `{key}` of {of}?"),
        None => format!("line {line}: remove `{key}` of {of}"),
    };
    vec![Warning { message, help: unknown.iter().map(line).collect::<Vec<_>>().join("\n") }]
}

/// Printing of diagnostics in tests: message, places with their labels, help, related problems; no drawing.
#[cfg(test)]
pub mod testing {
    use miette::Diagnostic;

    /// The whole content of a diagnostic as text.
    pub fn print(diagnostic: &dyn Diagnostic) -> String {
        let mut text = format!("error: {diagnostic}");
        let mut cause = diagnostic.source();
        while let Some(error) = cause {
            text.push_str(&format!("\n  because: {error}"));
            cause = error.source();
        }
        for label in diagnostic.labels().into_iter().flatten() {
            let Some(place) = diagnostic.source_code().and_then(|code| code.read_span(label.inner(), 1, 1).ok()) else { continue };
            let data = String::from_utf8_lossy(place.data()).into_owned();
            let at = label.offset() - place.span().offset();
            let start = data[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let line = data[start..].lines().next().unwrap_or_default();
            let number = place.line() + 1 + data[..start].matches('\n').count();
            let column = data[start..at].chars().count();
            let marks = "^".repeat(label.len().max(1));
            let words = label.label().unwrap_or_default();
            let name = place.name().unwrap_or_default();
            text.push_str(&format!("\n  at {name}:{number}:{}\n    | {line}\n    | {}{marks} {words}", column + 1, " ".repeat(column)));
        }
        if let Some(help) = diagnostic.help() {
            text.push_str(&format!("\n  help: {help}"));
        }
        for related in diagnostic.related().into_iter().flatten() {
            text.push_str(&format!("\n{}", print(related)));
        }
        text
    }
}
