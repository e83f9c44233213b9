//! The parsed form of a template. Every node prints itself exactly as Go prints it, since errors quote nodes.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

use super::builtin::Builtin;
use super::call::Function;
use super::format::quote;
use super::runes;
use super::value::Str;

/// A parsed text: where errors in its nodes point to.
#[derive(Debug)]
pub struct Source {
    /// The name that the text was parsed under, usually its file.
    pub name: Arc<str>,
    /// The text; bytes that are no UTF-8 have a stand-in, so that offsets are those of the bytes.
    pub text: Arc<str>,
    /// The bytes, where they are another thing than the text.
    raw: Option<Arc<[u8]>>,
}

impl Source {
    /// A text of any bytes.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let text = runes::outline(bytes);
        let raw = std::str::from_utf8(bytes).is_err().then(|| bytes.into());
        Source { name: name.into(), text: text.into(), raw }
    }

    /// The bytes at a place.
    pub fn bytes(&self, span: Range<usize>) -> &[u8] {
        &self.raw.as_deref().unwrap_or(self.text.as_bytes())[span]
    }

    /// Whether the bytes are no UTF-8 throughout.
    pub fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// The text for people, and a place in it.
    pub fn shown(&self, span: Range<usize>) -> (Cow<'_, str>, Range<usize>) {
        match &self.raw {
            None => (Cow::Borrowed(&*self.text), span),
            Some(raw) => {
                let length = |end: usize| runes::shown(&raw[..end.min(raw.len())]).len();
                (runes::shown(raw), length(span.start)..length(span.end))
            }
        }
    }

    /// Line (from 1) and column (bytes, from 0, as Go counts) of an offset.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.len() - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        (line, column)
    }
}

/// A template: a file's own body, or one that it defines.
#[derive(Debug)]
pub struct Tree {
    /// The name it is executed by.
    pub name: Arc<str>,
    /// The text that it stands in.
    pub source: Arc<Source>,
    /// The body.
    pub root: Block,
}

/// A sequence of nodes.
#[derive(Debug, Default)]
pub struct Block {
    /// Offset of the first token.
    pub offset: usize,
    /// The nodes.
    pub nodes: Vec<Node>,
}

impl Block {
    /// Whether it holds only space and comments; such a body never replaces another one.
    pub fn is_blank(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node, Node::Text { text, .. } if runes::trimmed(text, char::is_whitespace).is_empty()))
    }
}

/// What stands in a body.
#[derive(Debug)]
pub enum Node {
    /// Literal text.
    Text {
        /// Where it starts.
        offset: usize,
        /// The text, trimmed as marked.
        text: Box<[u8]>,
    },
    /// `{{ pipeline }}`
    Action(Pipe),
    /// `{{ if }}`
    If(Box<Branch>),
    /// `{{ with }}`
    With(Box<Branch>),
    /// `{{ range }}`
    Range(Box<Branch>),
    /// `{{ template }}`, and what `{{ block }}` leaves behind.
    Template {
        /// Where the name starts.
        offset: usize,
        /// The name.
        name: Arc<str>,
        /// The argument.
        pipe: Option<Pipe>,
    },
    /// `{{ break }}`
    Break {
        /// Where the keyword starts.
        offset: usize,
    },
    /// `{{ continue }}`
    Continue {
        /// Where the keyword starts.
        offset: usize,
    },
}

/// The parts of `if`, `with` and `range`.
#[derive(Debug)]
pub struct Branch {
    /// What decides.
    pub pipe: Pipe,
    /// The body.
    pub body: Block,
    /// The body of `else`.
    pub otherwise: Option<Block>,
}

/// Commands, each one's value going to the next, and the variables that take the last one's.
#[derive(Debug)]
pub struct Pipe {
    /// Where it starts.
    pub offset: usize,
    /// Whether the variables are assigned (`=`) rather than declared (`:=`).
    pub assigns: bool,
    /// The variables' names, `$` included.
    pub variables: Vec<Box<str>>,
    /// At least one command.
    pub commands: Vec<Command>,
}

/// An operand, or a function with its arguments.
#[derive(Debug)]
pub struct Command {
    /// Where it starts.
    pub offset: usize,
    /// At least one operand.
    pub operands: Vec<Operand>,
}

/// What a name of a function stands for, found when the text was parsed.
#[derive(Clone, Debug)]
pub enum Callee {
    /// One of Go's own.
    Builtin(Builtin),
    /// One of the table.
    Function(Arc<Function>),
}

/// A term of a command.
#[derive(Debug)]
pub enum Operand {
    /// `.`
    Dot {
        /// Where it starts.
        offset: usize,
    },
    /// `nil`
    Nil {
        /// Where it starts.
        offset: usize,
    },
    /// `true`, `false`
    Bool {
        /// Where it starts.
        offset: usize,
        /// The value.
        truth: bool,
    },
    /// A number or a character.
    Number {
        /// Where it starts.
        offset: usize,
        /// The value in each type that can hold it.
        number: Box<Number>,
    },
    /// A quoted text.
    String {
        /// Where it starts.
        offset: usize,
        /// As written.
        quoted: Box<str>,
        /// What it means.
        text: Str,
    },
    /// `.a.b`
    Field {
        /// Where Go says that it starts: at the second part, if there is one.
        offset: usize,
        /// The parts.
        names: Vec<Box<str>>,
    },
    /// `$`, `$x`, `$x.a.b`
    Variable {
        /// Where Go says that it starts: at the first field, if there is one.
        offset: usize,
        /// The name, `$` included.
        name: Box<str>,
        /// The fields behind it.
        fields: Vec<Box<str>>,
    },
    /// `(pipeline).a.b`, `function.a`
    Chain {
        /// Where the first field starts.
        offset: usize,
        /// What the fields are taken of.
        base: Box<Operand>,
        /// The fields.
        fields: Vec<Box<str>>,
    },
    /// A function's name.
    Function {
        /// Where it starts.
        offset: usize,
        /// The name.
        name: Box<str>,
        /// What it stands for.
        callee: Callee,
    },
    /// `(pipeline)`
    Pipe(Box<Pipe>),
}

/// A literal number in every type that can hold it: Go's untyped constant.
#[derive(Clone, Debug, Default)]
pub struct Number {
    /// As written.
    pub text: Box<str>,
    /// As a signed integer.
    pub int: Option<i64>,
    /// As an unsigned integer.
    pub uint: Option<u64>,
    /// As a floating-point number.
    pub float: Option<f64>,
    /// As a complex number, only where it is written as one.
    pub complex: Option<(f64, f64)>,
}

impl Operand {
    /// Where Go says that it starts.
    pub fn offset(&self) -> usize {
        match self {
            Operand::Dot { offset }
            | Operand::Nil { offset }
            | Operand::Bool { offset, .. }
            | Operand::Number { offset, .. }
            | Operand::String { offset, .. }
            | Operand::Field { offset, .. }
            | Operand::Variable { offset, .. }
            | Operand::Chain { offset, .. }
            | Operand::Function { offset, .. } => *offset,
            Operand::Pipe(pipe) => pipe.offset,
        }
    }
}

/// Any node, by reference: what the interpreter is at, for the place of an error.
#[derive(Clone, Copy, Debug)]
pub enum NodeRef<'t> {
    /// A node of a body.
    Node(&'t Node),
    /// A pipeline.
    Pipe(&'t Pipe),
    /// A command.
    Command(&'t Command),
    /// An operand.
    Operand(&'t Operand),
}

impl NodeRef<'_> {
    /// Where Go says that it starts.
    pub fn offset(self) -> usize {
        match self {
            NodeRef::Node(
                Node::Text { offset, .. } | Node::Template { offset, .. } | Node::Break { offset } | Node::Continue { offset },
            ) => *offset,
            NodeRef::Node(Node::Action(pipe)) | NodeRef::Pipe(pipe) => pipe.offset,
            NodeRef::Node(Node::If(branch) | Node::With(branch) | Node::Range(branch)) => branch.pipe.offset,
            NodeRef::Command(command) => command.offset,
            NodeRef::Operand(operand) => operand.offset(),
        }
    }
}

impl Display for NodeRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            NodeRef::Node(node) => node.fmt(f),
            NodeRef::Pipe(pipe) => pipe.fmt(f),
            NodeRef::Command(command) => command.fmt(f),
            NodeRef::Operand(operand) => operand.fmt(f),
        }
    }
}

impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| node.fmt(f))
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Node::Text { text, .. } => f.write_str(&runes::shown(text)),
            Node::Action(pipe) => write!(f, "{{{{{pipe}}}}}"),
            Node::If(branch) => write!(f, "{{{{if {branch}"),
            Node::With(branch) => write!(f, "{{{{with {branch}"),
            Node::Range(branch) => write!(f, "{{{{range {branch}"),
            Node::Template { name, pipe: None, .. } => write!(f, "{{{{template {}}}}}", quote(name)),
            Node::Template { name, pipe: Some(pipe), .. } => write!(f, "{{{{template {} {pipe}}}}}", quote(name)),
            Node::Break { .. } => f.write_str("{{break}}"),
            Node::Continue { .. } => f.write_str("{{continue}}"),
        }
    }
}

impl Display for Branch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}}}}}{}", self.pipe, self.body)?;
        if let Some(otherwise) = &self.otherwise {
            write!(f, "{{{{else}}}}{otherwise}")?;
        }
        f.write_str("{{end}}")
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            f.write_str(&self.variables.join(", "))?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match operand {
                Operand::Pipe(pipe) => write!(f, "({pipe})")?,
                other => other.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fields = |f: &mut Formatter<'_>, names: &[Box<str>]| names.iter().try_for_each(|name| write!(f, ".{name}"));
        match self {
            Operand::Dot { .. } => f.write_str("."),
            Operand::Nil { .. } => f.write_str("nil"),
            Operand::Bool { truth, .. } => truth.fmt(f),
            Operand::Number { number, .. } => f.write_str(&number.text),
            Operand::String { quoted, .. } => f.write_str(quoted),
            Operand::Field { names, .. } => fields(f, names),
            Operand::Variable { name, fields: names, .. } => {
                f.write_str(name)?;
                fields(f, names)
            }
            Operand::Chain { base, fields: names, .. } => {
                match &**base {
                    Operand::Pipe(pipe) => write!(f, "({pipe})")?,
                    other => other.fmt(f)?,
                }
                fields(f, names)
            }
            Operand::Function { name, .. } => f.write_str(name),
            Operand::Pipe(pipe) => pipe.fmt(f),
        }
    }
}
