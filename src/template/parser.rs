//! Tokens → trees: the grammar of Go's `text/template`, with Go's messages.
//!
//! Names of functions are resolved here, so that execution looks nothing up. Definitions inside a text become trees of their own;
//! what replaces what among texts is decided by [`super::set`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::ast::{Block, Branch, Callee, Command, Node, Operand, Pipe, Source, Tree};
use super::builtin::Builtin;
use super::call::Table;
use super::error::ParseError;
use super::format::quote;
use super::lexer::{Delimiters, Keyword, Token, TokenKind, Tokens, lex};
use super::value::Str;
use super::{literal, runes};
use crate::file_tree::text_of_bytes;
use crate::words::near::nearest;

/// What one text holds: its own tree under the text's name, and the trees that it defines.
pub type Parsed = BTreeMap<Arc<str>, Arc<Tree>>;

/// Parses a text. The name stands in errors and names the text's own tree.
pub fn parse(name: &str, text: &[u8], delimiters: &Delimiters, table: &Table) -> Result<Parsed, ParseError> {
    let source = Arc::new(Source::new(name, text));
    let Tokens { list, error } = lex(&source, delimiters);
    let mut parser = Parser { source, tokens: list, unreadable: error, at: 0, furthest: 0, open: Vec::new(), table, trees: Parsed::new() };
    match parser.file() {
        Ok(()) => Ok(parser.trees),
        Err(message) => Err(parser.error(message)),
    }
}

/// Nesting of blocks and of parentheses together. Go allows more, no person does.
const MAX_DEPTH: usize = 400;

/// What the parser knows inside one tree: a definition sees none of the variables and loops around it.
struct Context {
    variables: Vec<Box<str>>,
    loops: usize,
    depth: usize,
    /// Line of the delimiter that opened the present action; 0 outside.
    action_line: usize,
    /// Where that delimiter stands.
    action_start: usize,
}

impl Context {
    fn new() -> Self {
        Context { variables: vec!["$".into()], loops: 0, depth: 0, action_line: 0, action_start: 0 }
    }
}

/// What ends a list of nodes.
enum Stop {
    End,
    /// `else` closed by its delimiter.
    Else,
    /// `else if` or `else with`: the keyword is the next token.
    ElseAnd(Keyword),
}

impl Stop {
    fn text(&self) -> &'static str {
        match self {
            Stop::End => "{{end}}",
            Stop::Else | Stop::ElseAnd(_) => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    Stop(Stop),
}

type Result<T, E = String> = std::result::Result<T, E>;

struct Parser<'a> {
    source: Arc<Source>,
    tokens: Vec<Token>,
    /// Why the last token is an error.
    unreadable: Option<String>,
    at: usize,
    furthest: usize,
    /// The opening actions of the blocks around the present place.
    open: Vec<Range<usize>>,
    table: &'a Table,
    trees: Parsed,
}

impl Parser<'_> {
    fn error(&self, message: String) -> ParseError {
        let token = &self.tokens[self.furthest];
        let error = ParseError::new(self.source.clone(), token.line(), token.span(), message);
        let is_nested_definition = token.kind == TokenKind::Keyword(Keyword::Define);
        if let Some(opened) = self.open.last().filter(|_| token.kind == TokenKind::Eof || is_nested_definition) {
            let text = self.source.text[opened.clone()].trim();
            let help = format!("`{}` on line {} has no `{{{{ end }}}}`", short(text), self.source.place(opened.start).0);
            let error = error.with_help(help);
            return if is_nested_definition { error } else { error.pointing_at(opened.clone(), "opened here and never closed") };
        }
        match self.function_alike(error.message()) {
            Some(name) => error.with_help(format!("did you mean `{name}`?")),
            None => error,
        }
    }

    /// The function whose name is most like the one that a message says there is none of.
    fn function_alike(&self, message: &str) -> Option<String> {
        let wanted = message.strip_prefix("function \"")?.strip_suffix("\" not defined")?;
        let names = self.table.names().into_iter().chain(Builtin::NAMES);
        nearest(wanted, names).map(str::to_owned)
    }

    /// Remembers the action in which a block begins, until the block is read.
    fn opens(&mut self, context: &Context) {
        let start = context.action_start;
        let end = self.tokens[..self.at].last().map_or(start, |token| token.span().end);
        self.open.push(start..end.max(start));
    }

    // Tokens. The last one is never passed.

    fn peek(&mut self) -> Token {
        self.furthest = self.furthest.max(self.at);
        self.tokens[self.at]
    }

    fn peek_kind(&mut self) -> TokenKind {
        self.peek().kind
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn skip_space(&mut self) {
        while self.peek_kind() == TokenKind::Space {
            self.at += 1;
        }
    }

    fn next_non_space(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn peek_non_space(&mut self) -> Token {
        self.skip_space();
        self.peek()
    }

    fn text(&self, token: Token) -> &str {
        &self.source.text[token.span()]
    }

    fn expect(&mut self, context: &Context, kind: TokenKind, place: &str) -> Result<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(context, token, place) }
    }

    fn unexpected<T>(&self, context: &Context, token: Token, place: &str) -> Result<T> {
        let Some(message) = self.unreadable.as_ref().filter(|_| token.kind == TokenKind::Error) else {
            return Err(format!("unexpected {} in {place}", self.show(token)));
        };
        if context.action_line == 0 || context.action_line == token.line() {
            return Err(message.clone());
        }
        let join = if message.ends_with(" action") { "" } else { " in action" };
        Err(format!("{message}{join} started at {}:{}", self.source.name, context.action_line))
    }

    /// A token as messages show it.
    fn show(&self, token: Token) -> String {
        let text = self.text(token);
        match token.kind {
            TokenKind::Eof => "EOF".into(),
            TokenKind::Dot | TokenKind::Keyword(_) => format!("<{text}>"),
            _ if text.len() > 10 => format!("{}...", quote(&text.chars().take(10).collect::<String>())),
            _ => quote(text),
        }
    }

    // Bodies.

    fn file(&mut self) -> Result<()> {
        let mut context = Context::new();
        let mut root = Block { offset: self.peek().start(), nodes: Vec::new() };
        while self.peek_kind() != TokenKind::Eof {
            if self.peek_kind() == TokenKind::LeftDelim {
                let before = self.at;
                let start = self.next().start();
                if self.next_non_space().kind == TokenKind::Keyword(Keyword::Define) {
                    self.definition(start)?;
                    continue;
                }
                self.at = before;
            }
            match self.text_or_action(&mut context)? {
                Item::Node(node) => root.nodes.push(node),
                Item::Stop(stop) => return Err(format!("unexpected {}", stop.text())),
            }
        }
        self.add(self.source.name.clone(), root)
    }

    /// `{{ define "name" }}`, past its keyword.
    fn definition(&mut self, start: usize) -> Result<()> {
        const PLACE: &str = "define clause";
        let mut context = Context { action_start: start, ..Context::new() };
        let token = self.next_non_space();
        let name = self.name(&context, token, PLACE)?;
        self.expect(&context, TokenKind::RightDelim, PLACE)?;
        self.body_of(&mut context, name, PLACE)
    }

    fn body_of(&mut self, context: &mut Context, name: Arc<str>, place: &str) -> Result<()> {
        self.opens(context);
        let (body, stop) = self.list(context)?;
        self.open.pop();
        match stop {
            Stop::End => self.add(name, body),
            other => Err(format!("unexpected {} in {place}", other.text())),
        }
    }

    /// Adds a tree of this text. A blank one gives way; two real ones are an error.
    fn add(&mut self, name: Arc<str>, root: Block) -> Result<()> {
        if let Some(old) = self.trees.get(&name).filter(|old| !old.root.is_blank()) {
            return if root.is_blank() { Ok(()) } else { Err(format!("template: multiple definition of template {}", quote(&old.name))) };
        }
        self.trees.insert(name.clone(), Arc::new(Tree { name, source: self.source.clone(), root }));
        Ok(())
    }

    fn list(&mut self, context: &mut Context) -> Result<(Block, Stop)> {
        let mut list = Block { offset: self.peek_non_space().start(), nodes: Vec::new() };
        while self.peek_non_space().kind != TokenKind::Eof {
            match self.text_or_action(context)? {
                Item::Node(node) => list.nodes.push(node),
                Item::Stop(stop) => return Ok((list, stop)),
            }
        }
        Err("unexpected EOF".into())
    }

    fn text_or_action(&mut self, context: &mut Context) -> Result<Item> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => Ok(Item::Node(Node::Text { offset: token.start(), text: self.source.bytes(token.span()).into() })),
            TokenKind::LeftDelim => {
                context.action_line = token.line();
                context.action_start = token.start();
                let item = self.action(context)?;
                context.action_line = 0;
                Ok(item)
            }
            _ => self.unexpected(context, token, "input"),
        }
    }

    fn action(&mut self, context: &mut Context) -> Result<Item> {
        let token = self.peek_non_space();
        let TokenKind::Keyword(keyword) = token.kind else {
            return self.pipeline(context, "command", TokenKind::RightDelim).map(|pipe| Item::Node(Node::Action(pipe)));
        };
        if matches!(keyword, Keyword::Nil | Keyword::Define) {
            return self.pipeline(context, "command", TokenKind::RightDelim).map(|pipe| Item::Node(Node::Action(pipe)));
        }
        self.next();
        let offset = token.start();
        let node = match keyword {
            Keyword::Block => self.block(context)?,
            Keyword::Break => {
                self.loop_control(context, "{{break}}")?;
                Node::Break { offset }
            }
            Keyword::Continue => {
                self.loop_control(context, "{{continue}}")?;
                Node::Continue { offset }
            }
            Keyword::Else => return self.otherwise(context).map(Item::Stop),
            Keyword::End => {
                self.expect(context, TokenKind::RightDelim, "end")?;
                return Ok(Item::Stop(Stop::End));
            }
            Keyword::If => Node::If(self.control(context, Control::If, None)?),
            Keyword::With => Node::With(self.control(context, Control::With, None)?),
            Keyword::Range => Node::Range(self.control(context, Control::Range, None)?),
            Keyword::Template | Keyword::Nil | Keyword::Define => self.template(context)?,
        };
        Ok(Item::Node(node))
    }

    fn loop_control(&mut self, context: &Context, word: &str) -> Result<()> {
        self.expect(context, TokenKind::RightDelim, word)?;
        if context.loops == 0 { Err(format!("{word} outside {{{{range}}}}")) } else { Ok(()) }
    }

    fn otherwise(&mut self, context: &Context) -> Result<Stop> {
        match self.peek_non_space().kind {
            TokenKind::Keyword(keyword @ (Keyword::If | Keyword::With)) => Ok(Stop::ElseAnd(keyword)),
            _ => self.expect(context, TokenKind::RightDelim, "else").map(|_| Stop::Else),
        }
    }

    fn enter(&self, context: &mut Context) -> Result<()> {
        context.depth += 1;
        if context.depth > MAX_DEPTH { Err("max expression depth exceeded".into()) } else { Ok(()) }
    }

    /// One `if`, `with` or `range`; `opened` is the action that its `end` closes, where that is another one than its own.
    fn control(&mut self, context: &mut Context, control: Control, opened: Option<Range<usize>>) -> Result<Box<Branch>> {
        self.enter(context)?;
        let variables = context.variables.len();
        let pipe = self.pipeline(context, control.name(), TokenKind::RightDelim)?;
        context.loops += usize::from(control == Control::Range);
        match opened {
            Some(opened) => self.open.push(opened),
            None => self.opens(context),
        }
        let (body, stop) = self.list(context)?;
        context.loops -= usize::from(control == Control::Range);
        let otherwise = match stop {
            Stop::End => None,
            Stop::ElseAnd(Keyword::If) if control == Control::If => Some(self.chained(context, control)?),
            Stop::ElseAnd(Keyword::With) if control == Control::With => Some(self.chained(context, control)?),
            _ => {
                let (list, stop) = self.list(context)?;
                if !matches!(stop, Stop::End) {
                    return Err(format!("expected end; found {}", stop.text()));
                }
                Some(list)
            }
        };
        self.open.pop();
        context.variables.truncate(variables);
        context.depth -= 1;
        Ok(Box::new(Branch { pipe, body, otherwise }))
    }

    /// `else if` and `else with`: one more control that the same `end` closes.
    fn chained(&mut self, context: &mut Context, control: Control) -> Result<Block> {
        let offset = self.next().start();
        let opened = self.open.last().cloned();
        let branch = self.control(context, control, opened)?;
        let node = if control == Control::If { Node::If(branch) } else { Node::With(branch) };
        Ok(Block { offset, nodes: vec![node] })
    }

    fn block(&mut self, context: &mut Context) -> Result<Node> {
        const PLACE: &str = "block clause";
        let token = self.next_non_space();
        let name = self.name(context, token, PLACE)?;
        let pipe = self.pipeline(context, PLACE, TokenKind::RightDelim)?;
        let mut inner = Context { depth: context.depth, action_start: context.action_start, ..Context::new() };
        self.enter(&mut inner)?;
        self.body_of(&mut inner, name.clone(), PLACE)?;
        Ok(Node::Template { offset: token.start(), name, pipe: Some(pipe) })
    }

    fn template(&mut self, context: &mut Context) -> Result<Node> {
        const PLACE: &str = "template clause";
        let token = self.next_non_space();
        let name = self.name(context, token, PLACE)?;
        let pipe = match self.peek_non_space().kind {
            TokenKind::RightDelim => {
                self.next();
                None
            }
            _ => Some(self.pipeline(context, PLACE, TokenKind::RightDelim)?),
        };
        Ok(Node::Template { offset: token.start(), name, pipe })
    }

    fn name(&self, context: &Context, token: Token, place: &str) -> Result<Arc<str>> {
        match token.kind {
            TokenKind::String | TokenKind::RawString => Ok(text_of_bytes(&literal::unquote(self.source.bytes(token.span()))?).into()),
            _ => self.unexpected(context, token, place),
        }
    }

    // Pipelines.

    fn pipeline(&mut self, context: &mut Context, place: &str, end: TokenKind) -> Result<Pipe> {
        let offset = self.peek_non_space().start();
        let mut pipe = Pipe { offset, assigns: false, variables: Vec::new(), commands: Vec::with_capacity(1) };
        self.declarations(context, place, &mut pipe)?;
        loop {
            let token = self.peek_non_space();
            match token.kind {
                kind if kind == end => {
                    self.next();
                    check_pipeline(&pipe, place)?;
                    return Ok(pipe);
                }
                TokenKind::Bool
                | TokenKind::Char
                | TokenKind::Complex
                | TokenKind::Dot
                | TokenKind::Field
                | TokenKind::Identifier
                | TokenKind::Number
                | TokenKind::Keyword(Keyword::Nil)
                | TokenKind::RawString
                | TokenKind::String
                | TokenKind::Variable
                | TokenKind::LeftParen => {
                    let command = self.command(context)?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(context, token, place),
            }
        }
    }

    fn declarations(&mut self, context: &mut Context, place: &str, pipe: &mut Pipe) -> Result<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != TokenKind::Variable {
                return Ok(());
            }
            let before = self.at;
            self.next();
            let next = self.peek_non_space();
            let is_comma = next.kind == TokenKind::Other && self.text(next) == ",";
            if !is_comma && !matches!(next.kind, TokenKind::Assign | TokenKind::Declare) {
                self.at = before;
                return Ok(());
            }
            self.next();
            let name: Box<str> = self.text(variable).into();
            pipe.variables.push(name.clone());
            context.variables.push(name);
            if !is_comma {
                pipe.assigns = next.kind == TokenKind::Assign;
                return Ok(());
            }
            if place != "range" || pipe.variables.len() >= 2 {
                return Err(format!("too many declarations in {place}"));
            }
            if !matches!(self.peek_non_space().kind, TokenKind::Variable | TokenKind::RightDelim | TokenKind::RightParen) {
                return Err("range can only initialize variables".into());
            }
        }
    }

    fn command(&mut self, context: &mut Context) -> Result<Command> {
        let mut command = Command { offset: self.peek_non_space().start(), operands: Vec::with_capacity(1) };
        loop {
            self.skip_space();
            if let Some(operand) = self.operand(context)? {
                command.operands.push(operand);
            }
            let token = self.peek();
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::RightDelim | TokenKind::RightParen => break,
                TokenKind::Pipe => {
                    self.next();
                    break;
                }
                _ => {
                    self.next();
                    return self.unexpected(context, token, "operand");
                }
            }
        }
        if command.operands.is_empty() { Err("empty command".into()) } else { Ok(command) }
    }

    fn operand(&mut self, context: &mut Context) -> Result<Option<Operand>> {
        let Some(term) = self.term(context)? else { return Ok(None) };
        if self.peek_kind() != TokenKind::Field {
            return Ok(Some(term));
        }
        let offset = self.peek().start();
        let count = self.tokens[self.at..].iter().take_while(|token| token.kind == TokenKind::Field).count();
        let mut fields: Vec<Box<str>> = Vec::with_capacity(count);
        while self.peek_kind() == TokenKind::Field {
            let token = self.next();
            fields.push(self.text(token)[1..].into());
        }
        Ok(Some(match term {
            Operand::Field { mut names, .. } => {
                names.reserve_exact(count);
                names.append(&mut fields);
                Operand::Field { offset, names }
            }
            Operand::Variable { name, .. } => Operand::Variable { offset, name, fields },
            Operand::Bool { .. } | Operand::String { .. } | Operand::Number { .. } | Operand::Nil { .. } | Operand::Dot { .. } => {
                return Err(format!("unexpected . after term {}", quote(&term.to_string())));
            }
            base => Operand::Chain { offset, base: Box::new(base), fields },
        }))
    }

    fn term(&mut self, context: &mut Context) -> Result<Option<Operand>> {
        let token = self.peek_non_space();
        let offset = token.start();
        let text = &self.source.text[token.span()];
        let term = match token.kind {
            TokenKind::Identifier => Operand::Function { offset, name: text.into(), callee: self.callee(text)? },
            TokenKind::Dot => Operand::Dot { offset },
            TokenKind::Keyword(Keyword::Nil) => Operand::Nil { offset },
            TokenKind::Variable => {
                if !context.variables.iter().any(|name| **name == *text) {
                    self.next();
                    return Err(format!("undefined variable {}", quote(self.text(token))));
                }
                Operand::Variable { offset, name: text.into(), fields: Vec::new() }
            }
            TokenKind::Field => Operand::Field { offset, names: vec![text[1..].into()] },
            TokenKind::Bool => Operand::Bool { offset, truth: text == "true" },
            TokenKind::Char => {
                let letters = runes::letters(self.source.bytes(token.span()));
                Operand::Number { offset, number: Box::new(literal::character(&letters)?) }
            }
            TokenKind::Complex | TokenKind::Number => Operand::Number { offset, number: Box::new(literal::number(text)?) },
            TokenKind::String | TokenKind::RawString => {
                let bytes = self.source.bytes(token.span());
                Operand::String { offset, quoted: runes::shown(bytes).into(), text: Str::from_bytes(literal::unquote(bytes)?) }
            }
            TokenKind::LeftParen => {
                self.next();
                self.enter(context)?;
                let pipe = self.pipeline(context, "parenthesized pipeline", TokenKind::RightParen)?;
                context.depth -= 1;
                return Ok(Some(Operand::Pipe(Box::new(pipe))));
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(term))
    }

    fn callee(&self, name: &str) -> Result<Callee> {
        if let Some(function) = self.table.get(name) {
            return Ok(Callee::Function(function.clone()));
        }
        Builtin::named(name).map(Callee::Builtin).ok_or_else(|| format!("function {} not defined", quote(name)))
    }
}

/// An action on one line, not too long.
fn short(action: &str) -> String {
    let line = action.lines().next().unwrap_or_default();
    if line.chars().count() <= 60 && line.len() == action.len() {
        line.to_owned()
    } else {
        line.chars().take(57).collect::<String>() + "…"
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Control::If => "if",
            Control::With => "with",
            Control::Range => "range",
        }
    }
}

fn check_pipeline(pipe: &Pipe, place: &str) -> Result<()> {
    if pipe.commands.is_empty() {
        return Err(format!("missing value for {place}"));
    }
    for (index, command) in pipe.commands.iter().enumerate().skip(1) {
        if let Some(Operand::Bool { .. } | Operand::Dot { .. } | Operand::Nil { .. } | Operand::Number { .. } | Operand::String { .. }) =
            command.operands.first()
        {
            return Err(format!("non executable command in pipeline stage {}", index + 1));
        }
    }
    Ok(())
}
