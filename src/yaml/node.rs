//! A YAML value that knows where it was written.

use std::ops::Range;

/// A value of a YAML document with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Bytes of the source text that the value was written in, without surrounding white space.
    ///
    /// An alias keeps the place of the alias itself, the values inside it the places where they were defined.
    pub span: Range<usize>,
    /// Line of the first byte, counted from 1.
    pub line: usize,
    /// The value, typed.
    pub value: NodeValue,
    /// The explicit tag in its full form, such as `tag:yaml.org,2002:str` or `!custom`.
    pub tag: Option<Box<str>>,
    /// How a scalar was written; [`Style::Plain`] for collections.
    pub style: Style,
    /// The text of a scalar that is no string, as written: `0755`, `yes`, `1.10`.
    pub(super) text: Option<Box<str>>,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A whole number above `i64::MAX`.
    Uint(u64),
    /// Any other number, `.inf` and `.nan` included.
    Float(f64),
    /// Text, dates included.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with their values in the order of the text; no key occurs twice.
    Mapping(Vec<(Node, Node)>),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'…'`.
    SingleQuoted,
    /// In `"…"`.
    DoubleQuoted,
    /// After `|`.
    Literal,
    /// After `>`.
    Folded,
}

impl Node {
    /// A string that stands in no text.
    pub fn of_text(text: &str) -> Self {
        Node::of(NodeValue::String(text.to_owned()))
    }

    /// A mapping that stands in no text.
    pub fn of_entries(entries: Vec<(Node, Node)>) -> Self {
        Node::of(NodeValue::Mapping(entries))
    }

    fn of(value: NodeValue) -> Self {
        Node { span: 0..0, line: 0, value, tag: None, style: Style::Plain, text: None }
    }

    /// The text of a scalar: a string's content, or what was written for a number, a boolean or null. `None` for collections.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            NodeValue::Sequence(_) | NodeValue::Mapping(_) => None,
            _ => Some(self.text.as_deref().unwrap_or("")),
        }
    }

    /// The content of a string, `None` for every other kind of value.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_mapping(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Sets the value under a key of a mapping; what is no mapping stays as it is.
    pub fn set(&mut self, key: &str, value: Node) {
        let NodeValue::Mapping(entries) = &mut self.value else { return };
        match entries.iter_mut().find(|(name, _)| name.text() == Some(key)) {
            Some((_, known)) => *known = value,
            None => entries.push((Node::of_text(key), value)),
        }
    }

    /// The value under a key of a mapping, where the key's text is compared.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        self.value == NodeValue::Null
    }

    /// The kind of value in words for a message: `a string`, `a list`, `a mapping`.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Int(_) | NodeValue::Uint(_) | NodeValue::Float(_) => "a number",
            NodeValue::String(_) => "a string",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }
}
