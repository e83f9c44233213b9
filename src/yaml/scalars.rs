//! The scalars of a text as they are written, for those who change some of them and leave everything else as it is.

use libyaml_safer::{EventData, MappingStyle, SequenceStyle};

use super::error::YamlError;
use super::node::Node;
use super::reader::{Options, Reader, parse_documents};

/// A scalar value in its place.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The value. Its place begins with its tag or its anchor.
    pub node: Node,
    /// The characters that stand for the value, without quotes and escapes: `0755`, or the base 64 of a `!!binary`.
    pub raw: String,
    /// The way to it from the top of its document: `db.list[0]`; empty for the document itself.
    pub path: String,
    /// The name that `&name` gives it.
    pub anchor: Option<String>,
    /// Whether it stands between brackets or braces.
    pub in_flow: bool,
}

/// Every scalar value of every document, in the order of the text. Keys and aliases are none; a value that nobody can see, because its key
/// comes twice or a merge replaces it, is one nevertheless.
pub fn scalars(text: &str) -> Result<Vec<Scalar>, YamlError> {
    // what is refused in a document is refused here
    parse_documents(text)?;
    let reader = Reader::new(text, Options::default());
    let mut cursor = reader.cursor();
    let (mut found, mut path) = (Vec::new(), Path::default());
    loop {
        let event = reader.next(&mut cursor)?;
        match event.data {
            EventData::StreamEnd => return Ok(found),
            EventData::Scalar { value, .. } if path.is_at_key() => path.key(value),
            EventData::Alias { anchor } if path.is_at_key() => path.key(anchor),
            EventData::Alias { .. } => path.end_value(),
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let span = reader.span(event.start_mark, event.end_mark);
                let line = event.start_mark.line as usize + 1;
                let node = reader.scalar(span, line, tag, value.clone(), plain_implicit, style)?;
                found.push(Scalar { node, raw: value, path: path.text(), anchor, in_flow: path.in_flow() });
                path.end_value();
            }
            EventData::SequenceStart { style, .. } => path.enter(Level::Sequence { next: 0 }, style == SequenceStyle::Flow),
            EventData::MappingStart { style, .. } => path.enter(Level::Mapping { key: None }, style == MappingStyle::Flow),
            EventData::SequenceEnd | EventData::MappingEnd => path.leave(),
            _ => {}
        }
    }
}

/// Where the reader is in a document.
#[derive(Default)]
struct Path(Vec<(Level, bool)>);

enum Level {
    Sequence { next: usize },
    Mapping { key: Option<String> },
}

impl Path {
    fn is_at_key(&self) -> bool {
        matches!(self.0.last(), Some((Level::Mapping { key: None }, _)))
    }

    fn key(&mut self, name: String) {
        if let Some((Level::Mapping { key }, _)) = self.0.last_mut() {
            *key = Some(name);
        }
    }

    fn end_value(&mut self) {
        match self.0.last_mut() {
            Some((Level::Sequence { next }, _)) => *next += 1,
            Some((Level::Mapping { key }, _)) => *key = None,
            None => {}
        }
    }

    fn enter(&mut self, level: Level, flow: bool) {
        let flow = flow || self.in_flow();
        self.0.push((level, flow));
    }

    fn leave(&mut self) {
        self.0.pop();
        self.end_value();
    }

    fn in_flow(&self) -> bool {
        self.0.last().is_some_and(|(_, flow)| *flow)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (level, _) in &self.0 {
            match level {
                Level::Sequence { next } => text.push_str(&format!("[{next}]")),
                Level::Mapping { key } => {
                    let dot = if text.is_empty() { "" } else { "." };
                    text.push_str(dot);
                    text.push_str(key.as_deref().unwrap_or_default());
                }
            }
        }
        text
    }
}
