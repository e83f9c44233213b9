//! From YAML text to nodes: composition of parser events, aliases, merge keys, typed scalars.

use std::collections::HashMap;
use std::io::{Chain, Read as _};
use std::ops::Range;

use base64::Engine as _;
use libyaml_safer::{Event, EventData, MappingStyle, Mark, Parser, ScalarStyle, SequenceStyle};

use super::error::YamlError;
use super::node::{Node, NodeValue, Style};
use super::resolve::{Resolved, resolve};

/// Values nested deeper than this are refused, so that no walk over a tree can exhaust the stack.
const MAX_DEPTH: usize = 200;

/// How many values aliases may add to a document before it is taken for an attack.
const MAX_ALIASED: usize = 400_000;

/// What to do with a key that a mapping has twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// The last value wins, as in Helm.
    #[default]
    LastWins,
    /// The second key is an error.
    Refuse,
}

/// How to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What to do with a key that a mapping has twice.
    pub duplicate_keys: DuplicateKeys,
}

/// Reads every document of a text; a text of comments and white space has none.
pub fn parse_documents(text: &str) -> Result<Vec<Node>, YamlError> {
    parse_documents_with(text, Options::default())
}

/// Reads every document of a text under the given options.
pub fn parse_documents_with(text: &str, options: Options) -> Result<Vec<Node>, YamlError> {
    Reader::new(text, options).documents(usize::MAX)
}

/// Reads the first document and nothing after it; a text without a document is null.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let mut documents = Reader::new(text, Options::default()).documents(1)?;
    Ok(documents.pop().unwrap_or(Node { span: 0..0, line: 1, value: NodeValue::Null, tag: None, style: Style::Plain, text: None }))
}

pub(super) struct Reader<'t> {
    text: &'t str,
    /// Length of a byte order mark, which the parser's positions leave out.
    skipped: usize,
    options: Options,
    anchors: HashMap<String, Anchor>,
    aliased: usize,
}

/// A finished anchor with the number of values in it, or one whose value is being read.
enum Anchor {
    Open,
    Done(Node, usize),
}

/// A text between a byte order mark and a line break, where the parser needs them.
type Padded<'t> = Chain<Chain<Chain<Chain<&'t [u8], &'t [u8]>, &'t [u8]>, &'t [u8]>, &'t [u8]>;

pub(super) struct Cursor<'t> {
    parser: Parser<Padded<'t>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, options: Options) -> Self {
        let skipped = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Reader { text, skipped, options, anchors: HashMap::new(), aliased: 0 }
    }

    /// The events of the text, from its start.
    pub(super) fn cursor(&self) -> Cursor<'t> {
        // The parser needs a line break at the end, and takes a first byte of 0xEF for the start of a byte order mark.
        let mark: &[u8] = if self.skipped == 0 && self.text.as_bytes().first() == Some(&0xef) { "\u{feff}".as_bytes() } else { b"" };
        let end: &[u8] = if self.text.ends_with('\n') { b"" } else { b"\n" };
        let mut cursor = Cursor { parser: Parser::new() };
        let bytes = self.text.as_bytes();
        // The parser ends the process at a tag with a comma at its heel, which Go's refuses: with another character it refuses it too.
        let (before, other, after) = match super::tags::comma(self.text) {
            Some(at) => (&bytes[..at], &b"["[..], &bytes[at + 1..]),
            None => (bytes, &b""[..], &b""[..]),
        };
        cursor.parser.set_input(mark.chain(before).chain(other).chain(after).chain(end));
        cursor
    }

    fn documents(&mut self, limit: usize) -> Result<Vec<Node>, YamlError> {
        let mut cursor = self.cursor();
        let mut documents = Vec::new();
        while documents.len() < limit {
            let event = self.next(&mut cursor)?;
            match event.data {
                EventData::StreamEnd => break,
                EventData::DocumentStart { .. } => {
                    self.anchors.clear();
                    let first = self.next(&mut cursor)?;
                    documents.push(self.node(&mut cursor, first, 0)?);
                    self.next(&mut cursor)?;
                }
                _ => {}
            }
        }
        Ok(documents)
    }

    pub(super) fn next(&self, cursor: &mut Cursor<'_>) -> Result<Event, YamlError> {
        cursor.parser.parse().map_err(|error| self.syntax_error(&error))
    }

    fn node(&mut self, cursor: &mut Cursor<'_>, event: Event, depth: usize) -> Result<Node, YamlError> {
        let span = self.span(event.start_mark, event.end_mark);
        let line = event.start_mark.line as usize + 1;
        if depth > MAX_DEPTH {
            return Err(self.error(span, format!("values are nested deeper than {MAX_DEPTH} levels")));
        }
        match event.data {
            EventData::Alias { anchor } => self.alias(&anchor, span, line),
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let node = self.scalar(span, line, tag, value, plain_implicit, style)?;
                self.remember(anchor, &node);
                Ok(node)
            }
            EventData::SequenceStart { anchor, tag, style, .. } => {
                self.open(&anchor);
                let mut items = Vec::new();
                let end = loop {
                    let event = self.next(cursor)?;
                    if matches!(event.data, EventData::SequenceEnd) {
                        break event.end_mark;
                    }
                    items.push(self.node(cursor, event, depth + 1)?);
                };
                let end = match (style, items.last()) {
                    (SequenceStyle::Flow, _) | (_, None) => self.byte(end),
                    (_, Some(last)) => last.span.end,
                };
                let node = collection(span.start..end.max(span.end), line, tag, NodeValue::Sequence(items));
                self.remember(anchor, &node);
                Ok(node)
            }
            EventData::MappingStart { anchor, tag, style, .. } => {
                self.open(&anchor);
                let (entries, end) = self.entries(cursor, depth)?;
                let end = match (style, entries.last()) {
                    (MappingStyle::Flow, _) | (_, None) => self.byte(end),
                    (_, Some((_, last))) => last.span.end,
                };
                let node = collection(span.start..end.max(span.end), line, tag, NodeValue::Mapping(entries));
                self.remember(anchor, &node);
                Ok(node)
            }
            _ => Err(self.error(span, "expected a value".to_owned())),
        }
    }

    fn entries(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<(Vec<(Node, Node)>, Mark), YamlError> {
        let mut entries = Entries::default();
        loop {
            let event = self.next(cursor)?;
            if matches!(event.data, EventData::MappingEnd) {
                return Ok((entries.list, event.end_mark));
            }
            let merges = matches!(&event.data, EventData::Scalar { value, plain_implicit, tag, .. }
                if value == "<<" && (*plain_implicit || tag.as_deref() == Some("tag:yaml.org,2002:merge")));
            let key = self.node(cursor, event, depth + 1)?;
            let event = self.next(cursor)?;
            let value = self.node(cursor, event, depth + 1)?;
            if merges {
                self.merge(&mut entries, value)?;
                continue;
            }
            if matches!(key.value, NodeValue::Sequence(_) | NodeValue::Mapping(_)) {
                let helm = format!("yaml: invalid map key: {}", go_syntax(&key));
                return Err(YamlError::new(self.text, key.span.clone(), format!("{} cannot be a key", key.kind()), None, helm));
            }
            match entries.position(&key) {
                None => entries.push(key, value),
                Some(at) if self.options.duplicate_keys == DuplicateKeys::Refuse && !entries.merged[at] => {
                    let name = key.text().unwrap_or("");
                    let first = entries.list[at].0.line;
                    let mut error = self.error(key.span.clone(), format!("key `{name}` is already set in this mapping"));
                    error.help = Some(format!("the first `{name}` is on line {first}; keep one of them"));
                    return Err(error);
                }
                Some(at) => {
                    entries.list[at] = (key, value);
                    entries.merged[at] = false;
                }
            }
        }
    }

    fn merge(&self, entries: &mut Entries, value: Node) -> Result<(), YamlError> {
        match value.value {
            NodeValue::Mapping(list) => {
                for (key, value) in list {
                    match entries.position(&key) {
                        // go-yaml 2 merges at the place of `<<`: what stands above it is replaced, what stands below replaces.
                        Some(at) => entries.list[at].1 = value,
                        None => {
                            entries.push(key, value);
                            if let Some(last) = entries.merged.last_mut() {
                                *last = true;
                            }
                        }
                    }
                }
                Ok(())
            }
            NodeValue::Sequence(items) => {
                // Earlier mappings win, so they are merged last.
                for item in items.into_iter().rev() {
                    if matches!(item.value, NodeValue::Sequence(_)) {
                        return Err(self.merge_error(item.span));
                    }
                    self.merge(entries, item)?;
                }
                Ok(())
            }
            _ => Err(self.merge_error(value.span)),
        }
    }

    fn merge_error(&self, span: Range<usize>) -> YamlError {
        let message = "map merge requires map or sequence of maps as the value".to_owned();
        YamlError::new(self.text, span, message.clone(), None, format!("yaml: {message}"))
    }

    fn alias(&mut self, anchor: &str, span: Range<usize>, line: usize) -> Result<Node, YamlError> {
        match self.anchors.get(anchor) {
            None => {
                let mut error = self.error(span, format!("unknown anchor '{anchor}' referenced"));
                let mut known: Vec<_> = self.anchors.keys().map(|name| format!("`{name}`")).collect();
                known.sort();
                error.help = (!known.is_empty()).then(|| format!("anchors above: {}", known.join(", ")));
                Err(error)
            }
            Some(Anchor::Open) => Err(self.error(span, format!("anchor '{anchor}' value contains itself"))),
            Some(Anchor::Done(node, count)) => {
                self.aliased += count;
                if self.aliased > MAX_ALIASED {
                    return Err(self.error(span, "document contains excessive aliasing".to_owned()));
                }
                Ok(Node { span, line, ..node.clone() })
            }
        }
    }

    /// Takes back the line break that was put behind a text which ends in a block scalar.
    fn without_added_break(&self, mut value: String, style: ScalarStyle, span: &Range<usize>) -> String {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if block && span.end >= self.text.len() && !self.text.ends_with('\n') && value.ends_with('\n') {
            let last_line = self.text.rsplit(['\n', '\r']).next().unwrap_or("");
            let header = self.text[span.start..].lines().next().unwrap_or("");
            if !last_line.trim_start_matches(' ').is_empty() || header.contains('+') {
                value.pop();
            }
        }
        value
    }

    fn open(&mut self, anchor: &Option<String>) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor.clone(), Anchor::Open);
        }
    }

    fn remember(&mut self, anchor: Option<String>, node: &Node) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Anchor::Done(node.clone(), count(node)));
        }
    }

    pub(super) fn scalar(
        &self,
        span: Range<usize>,
        line: usize,
        tag: Option<String>,
        text: String,
        plain_implicit: bool,
        style: ScalarStyle,
    ) -> Result<Node, YamlError> {
        let text = self.without_added_break(text, style, &span);
        let style = match style {
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            _ => Style::Plain,
        };
        let resolved = match tag.as_deref() {
            None if !plain_implicit => Resolved::Str,
            None => resolve(&text),
            Some(tag) => match tag.strip_prefix("tag:yaml.org,2002:") {
                Some("binary") => return self.binary(span, line, &text, style),
                Some(kind @ ("bool" | "int" | "float" | "null" | "timestamp")) => {
                    let found = resolve(&text);
                    match (kind, found) {
                        ("bool", Resolved::Bool(_)) | ("int", Resolved::Int(_) | Resolved::Uint(_)) => found,
                        ("float", Resolved::Float(_)) | ("null", Resolved::Null) | ("timestamp", Resolved::Timestamp) => found,
                        ("float", Resolved::Int(int)) => Resolved::Float(int as f64),
                        _ => {
                            let message = format!("cannot decode {} `{text}` as a !!{kind}", short_tag(found));
                            let helm = format!("yaml: {message}");
                            return Err(YamlError::new(self.text, span, message, None, helm));
                        }
                    }
                }
                _ => Resolved::Str,
            },
        };
        let value = match resolved {
            Resolved::Null => NodeValue::Null,
            Resolved::Bool(value) => NodeValue::Bool(value),
            Resolved::Int(value) => NodeValue::Int(value),
            Resolved::Uint(value) => NodeValue::Uint(value),
            Resolved::Float(value) => NodeValue::Float(value),
            Resolved::Timestamp | Resolved::Str => {
                return Ok(Node { span, line, value: NodeValue::String(text), tag: tag.map(Into::into), style, text: None });
            }
        };
        Ok(Node { span, line, value, tag: tag.map(Into::into), style, text: Some(text.into()) })
    }

    fn binary(&self, span: Range<usize>, line: usize, text: &str, style: Style) -> Result<Node, YamlError> {
        let compact: String = text.split_ascii_whitespace().collect();
        let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(compact) else {
            let message = "!!binary value contains invalid base64 data".to_owned();
            return Err(YamlError::new(self.text, span, message.clone(), None, format!("yaml: {message}")));
        };
        let value = NodeValue::String(String::from_utf8_lossy(&bytes).into_owned());
        Ok(Node { span, line, value, tag: Some("tag:yaml.org,2002:binary".into()), style, text: None })
    }

    fn byte(&self, mark: Mark) -> usize {
        (mark.index as usize + self.skipped).min(self.text.len())
    }

    pub(super) fn span(&self, start: Mark, end: Mark) -> Range<usize> {
        let start = self.byte(start);
        start..self.byte(end).max(start)
    }

    fn error(&self, span: Range<usize>, message: String) -> YamlError {
        let helm = format!("yaml: {message}");
        YamlError::new(self.text, span, message, None, helm)
    }

    fn syntax_error(&self, error: &libyaml_safer::Error) -> YamlError {
        let problem = error.problem();
        let Some(mark) = error.problem_mark() else {
            let at = self.text.find(is_forbidden).unwrap_or(self.text.len());
            return self.error(at..at + 1, problem.to_owned());
        };
        // go-yaml words the place so: a scanner's line counts from 1, a parser's from 0, and line 0 is not named.
        let scanner = error.kind() == libyaml_safer::ErrorKind::Scanner;
        // The line break that was added is not a line of the text.
        let lines = self.text.matches('\n').count() as u64;
        let marked = if problem == "found unexpected end of stream" { mark.line.min(lines) } else { mark.line };
        let line = match (marked, error.context_mark().map_or(0, |mark| mark.line)) {
            (0, context) => context,
            (line, _) => line + u64::from(scanner),
        };
        let helm = if line == 0 { format!("yaml: {problem}") } else { format!("yaml: line {line}: {problem}") };
        let message = match error.context() {
            Some(context) => format!("{problem} {context}"),
            None => problem.to_owned(),
        };
        let start = self.byte(mark);
        YamlError::new(self.text, start..start + 1, message, syntax_help(problem), helm)
    }
}

fn syntax_help(problem: &str) -> Option<String> {
    let help = match problem {
        "mapping values are not allowed in this context" => "a `: ` inside a value needs quotes, and a nested key its own line",
        "did not find expected key" | "did not find expected '-' indicator" => "the line is indented differently from its neighbours",
        "found character that cannot start any token" => "values that begin with `@`, `` ` `` or `%` need quotes; tabs cannot indent",
        "could not find expected ':'" => "a key without `:` stands above this place",
        _ => return None,
    };
    Some(help.to_owned())
}

fn is_forbidden(letter: char) -> bool {
    !matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The value as Go's `%#v` shows it.
pub(crate) fn go_syntax(node: &Node) -> String {
    match &node.value {
        NodeValue::Null => "interface {}(nil)".to_owned(),
        NodeValue::String(text) => format!("{text:?}"),
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Int(value) => value.to_string(),
        NodeValue::Uint(value) => format!("{value:#x}"),
        NodeValue::Float(value) => value.to_string(),
        NodeValue::Sequence(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        NodeValue::Mapping(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{}:{}", go_syntax(key), go_syntax(value))).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
    }
}

fn short_tag(resolved: Resolved) -> &'static str {
    match resolved {
        Resolved::Null => "!!null",
        Resolved::Bool(_) => "!!bool",
        Resolved::Int(_) | Resolved::Uint(_) => "!!int",
        Resolved::Float(_) => "!!float",
        Resolved::Timestamp => "!!timestamp",
        Resolved::Str => "!!str",
    }
}

fn collection(span: Range<usize>, line: usize, tag: Option<String>, value: NodeValue) -> Node {
    Node { span, line, value, tag: tag.map(Into::into), style: Style::Plain, text: None }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        NodeValue::Sequence(items) => items.iter().map(count).sum(),
        NodeValue::Mapping(entries) => entries.iter().map(|(key, value)| count(key) + count(value)).sum(),
        _ => 0,
    }
}

/// The entries of a mapping under construction, with an index once they are many.
#[derive(Default)]
struct Entries {
    list: Vec<(Node, Node)>,
    merged: Vec<bool>,
    index: HashMap<String, Vec<usize>>,
}

impl Entries {
    const INDEX_FROM: usize = 16;

    fn position(&self, key: &Node) -> Option<usize> {
        if self.list.len() < Self::INDEX_FROM {
            return self.list.iter().position(|(name, _)| name.value == key.value);
        }
        let slots = self.index.get(key.text().unwrap_or(""))?;
        slots.iter().copied().find(|&at| self.list[at].0.value == key.value)
    }

    fn push(&mut self, key: Node, value: Node) {
        self.list.push((key, value));
        self.merged.push(false);
        let length = self.list.len();
        let from = match length {
            Self::INDEX_FROM => 0,
            length if length > Self::INDEX_FROM => length - 1,
            _ => return,
        };
        for at in from..length {
            let name = self.list[at].0.text().unwrap_or("").to_owned();
            self.index.entry(name).or_default().push(at);
        }
    }
}
