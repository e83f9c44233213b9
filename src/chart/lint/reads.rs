//! What templates may read, found in their text: names of fields, words of quoted texts, and what is handed on as a whole.
//!
//! It is known by names alone and errs on the side of reading: a value is unread only where nothing in any template is called like it.

use std::collections::HashSet;

use crate::template::ast::{Block, Branch, Command, Node, Operand, Pipe};
use crate::template::parser::Parsed;

/// Everything that the templates of a chart and its subcharts name.
#[derive(Debug, Default)]
pub struct Reads {
    /// Parts of fields, and words of quoted texts.
    names: HashSet<String>,
    /// Names of maps that are printed, passed or looped over.
    whole: HashSet<String>,
    /// Quoted texts.
    texts: HashSet<String>,
    /// Whether a name of `include` is worked out by the template.
    pub computes_includes: bool,
}

/// What becomes of an operand.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// It is only looked at: whether it is there, or one of its keys.
    Touched,
    /// Anything may be read of it.
    Whole,
}

/// Functions that look at values and hand nothing on, where they decide an `if`.
const TESTS: [&str; 16] =
    ["and", "or", "not", "empty", "eq", "ne", "lt", "le", "gt", "ge", "kindIs", "typeIs", "hasKey", "contains", "has", "semverCompare"];

impl Reads {
    /// Whether something may read a key of this name.
    pub fn reads(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether something may read all that is below a key of this name.
    pub fn reads_whole(&self, name: &str) -> bool {
        self.whole.contains(name)
    }

    /// Whether a quoted text of a template is this.
    pub fn quotes(&self, text: &str) -> bool {
        self.texts.contains(text)
    }

    /// Adds the templates of a file.
    pub fn add(&mut self, trees: &Parsed) {
        trees.values().for_each(|tree| self.block(&tree.root));
    }

    /// Adds a text that may name keys.
    pub fn add_text(&mut self, text: &str) {
        if text.contains("{{") {
            return self.add_template(text);
        }
        self.texts.insert(text.to_owned());
        self.names.insert(text.to_owned());
        self.names.extend(words(text));
    }

    /// Adds a text with actions, of `tpl` or of Jinja: all that it names may be read as a whole, but all values only where it takes them all.
    pub fn add_template(&mut self, text: &str) {
        self.names.extend(words(text));
        let after = |at: usize| text[at + "Values".len()..].strip_prefix('.').and_then(|rest| rest.chars().next());
        let takes_all =
            text.match_indices("Values").any(|(at, _)| !after(at).is_some_and(|letter| letter.is_alphabetic() || letter == '_'));
        self.whole.extend(words(text).filter(|word| takes_all || word != "Values"));
        self.computes_includes |= text.contains("include") || text.contains("template");
    }

    fn block(&mut self, block: &Block) {
        for node in &block.nodes {
            match node {
                Node::Text { .. } | Node::Break { .. } | Node::Continue { .. } => {}
                Node::Action(pipe) => self.pipe(pipe, Use::Whole),
                Node::If(branch) => self.branch(branch, if branch.pipe.variables.is_empty() { Use::Touched } else { Use::Whole }),
                Node::With(branch) | Node::Range(branch) => self.branch(branch, Use::Whole),
                Node::Template { name, pipe, .. } => {
                    self.add_text(name);
                    pipe.iter().for_each(|pipe| self.pipe(pipe, Use::Whole));
                }
            }
        }
    }

    fn branch(&mut self, branch: &Branch, pipe: Use) {
        self.pipe(&branch.pipe, pipe);
        self.block(&branch.body);
        branch.otherwise.iter().for_each(|body| self.block(body));
    }

    fn pipe(&mut self, pipe: &Pipe, result: Use) {
        for (at, command) in pipe.commands.iter().enumerate() {
            self.command(command, if at + 1 == pipe.commands.len() { result } else { Use::Whole });
        }
    }

    fn command(&mut self, command: &Command, result: Use) {
        let Some((Operand::Function { name, .. }, arguments)) = command.operands.split_first() else {
            return command.operands.iter().for_each(|operand| self.operand(operand, result));
        };
        if matches!(&**name, "include" | "tpl") && !matches!(arguments.first(), Some(Operand::String { .. })) {
            self.computes_includes = true;
        }
        let (keys, maps) = match (&**name, arguments) {
            ("index" | "get" | "hasKey", [map, keys @ ..]) => (keys, std::slice::from_ref(map)),
            ("dig", [keys @ .., _, map]) => (keys, std::slice::from_ref(map)),
            ("pluck", [key, maps @ ..]) => (std::slice::from_ref(key), maps),
            _ => {
                let given = if result == Use::Touched && TESTS.contains(&&**name) { Use::Touched } else { Use::Whole };
                return arguments.iter().for_each(|operand| self.operand(operand, given));
            }
        };
        let are_written = !keys.is_empty() && keys.iter().all(|key| matches!(key, Operand::String { .. } | Operand::Number { .. }));
        maps.iter().for_each(|map| self.operand(map, if are_written { Use::Touched } else { Use::Whole }));
        arguments
            .iter()
            .filter(|operand| !maps.iter().any(|map| std::ptr::eq(map, *operand)))
            .for_each(|key| self.operand(key, Use::Whole));
        if let (Some(Operand::String { text, .. }), true) = (keys.last(), result == Use::Whole && &**name != "hasKey") {
            self.whole.insert(text.letters().into_owned());
        }
    }

    fn operand(&mut self, operand: &Operand, result: Use) {
        match operand {
            Operand::Field { names, .. } | Operand::Variable { fields: names, .. } => self.fields(names, result),
            Operand::Chain { base, fields, .. } => {
                self.operand(base, Use::Touched);
                self.fields(fields, result);
            }
            Operand::Pipe(pipe) => self.pipe(pipe, result),
            Operand::String { text, .. } => self.add_text(&text.shown()),
            Operand::Dot { .. } | Operand::Nil { .. } | Operand::Bool { .. } | Operand::Number { .. } | Operand::Function { .. } => {}
        }
    }

    fn fields(&mut self, names: &[Box<str>], result: Use) {
        self.names.extend(names.iter().map(|name| name.to_string()));
        if let (Some(last), Use::Whole) = (names.last(), result) {
            self.whole.insert(last.to_string());
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    text.split(move |letter| !is_part(letter)).filter(|word| !word.is_empty()).map(str::to_owned)
}

/// Calls `found` with the name and the offset of every function in a template.
pub fn functions<'t>(block: &'t Block, found: &mut dyn FnMut(&'t str, usize)) {
    for node in &block.nodes {
        match node {
            Node::Action(pipe) | Node::Template { pipe: Some(pipe), .. } => functions_of_pipe(pipe, found),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                functions_of_pipe(&branch.pipe, found);
                functions(&branch.body, found);
                branch.otherwise.iter().for_each(|body| functions(body, found));
            }
            Node::Text { .. } | Node::Template { pipe: None, .. } | Node::Break { .. } | Node::Continue { .. } => {}
        }
    }
}

fn functions_of_pipe<'t>(pipe: &'t Pipe, found: &mut dyn FnMut(&'t str, usize)) {
    pipe.commands.iter().flat_map(|command| &command.operands).for_each(|operand| functions_of_operand(operand, found));
}

fn functions_of_operand<'t>(operand: &'t Operand, found: &mut dyn FnMut(&'t str, usize)) {
    match operand {
        Operand::Function { name, offset, .. } => found(name, *offset),
        Operand::Pipe(pipe) => functions_of_pipe(pipe, found),
        Operand::Chain { base, .. } => functions_of_operand(base, found),
        _ => {}
    }
}
