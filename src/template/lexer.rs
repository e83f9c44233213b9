//! Text → tokens: the lexical grammar of Go's `text/template`, with configurable delimiters.
//!
//! Trim markers and comments end here; the parser never sees them. Spaces inside actions are tokens, since `.a.b` and `.a .b` differ.

use std::ops::Range;

use super::ast::Source;
use super::runes::STAND_IN;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The input cannot be read on; [`Tokens::error`] says why. Always the last token.
    Error,
    /// End of input. Always the last token.
    Eof,
    /// Text outside of actions.
    Text,
    /// Opening delimiter.
    LeftDelim,
    /// Closing delimiter.
    RightDelim,
    /// A run of spaces inside an action.
    Space,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    /// `|`
    Pipe,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `"…"`
    String,
    /// `` `…` ``
    RawString,
    /// `'…'`
    Char,
    /// A number.
    Number,
    /// A complex number such as `1+2i`.
    Complex,
    /// `true` or `false`.
    Bool,
    /// A name of a function.
    Identifier,
    /// `.name`
    Field,
    /// `$` or `$name`
    Variable,
    /// Another printable ASCII character, such as a comma.
    Other,
    /// `.`
    Dot,
    /// A keyword.
    Keyword(Keyword),
}

/// The words with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Keyword::Block,
            "break" => Keyword::Break,
            "continue" => Keyword::Continue,
            "define" => Keyword::Define,
            "else" => Keyword::Else,
            "end" => Keyword::End,
            "if" => Keyword::If,
            "nil" => Keyword::Nil,
            "range" => Keyword::Range,
            "template" => Keyword::Template,
            "with" => Keyword::With,
            _ => return None,
        })
    }
}

/// A piece of the input. Charts have hundreds of thousands of them, so that it is small.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    start: u32,
    end: u32,
    line: u32,
}

impl Token {
    fn new(kind: TokenKind, span: Range<usize>, line: usize) -> Self {
        // `lex` reads no text whose offsets do not fit
        Token { kind, start: span.start as u32, end: span.end as u32, line: line as u32 }
    }

    /// Where it starts, in bytes.
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// Where it stands, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Line of its start, from 1.
    pub fn line(&self) -> usize {
        self.line as usize
    }
}

/// A text in pieces.
#[derive(Debug)]
pub struct Tokens {
    /// At least one; the last one is an error or the end of the input.
    pub list: Vec<Token>,
    /// Why the input cannot be read on after the last token.
    pub error: Option<String>,
}

/// Opening and closing marks of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// `{{`, or another one.
    pub left: String,
    /// `}}`, or another one.
    pub right: String,
}

impl Default for Delimiters {
    fn default() -> Self {
        Delimiters { left: "{{".into(), right: "}}".into() }
    }
}

/// Reads the whole text.
pub fn lex(source: &Source, delimiters: &Delimiters) -> Tokens {
    let text = &*source.text;
    let mut lexer = Lexer { source, text, delimiters, at: 0, start: 0, line: 1, tokens: Vec::with_capacity(text.len() / 16 + 2) };
    let outcome = if u32::try_from(text.len()).is_ok() { lexer.text() } else { Err("the text is larger than 4 GiB".into()) };
    if outcome.is_err() {
        lexer.tokens.push(Token::new(TokenKind::Error, lexer.start..lexer.at.max(lexer.start), lexer.line));
    }
    Tokens { list: lexer.tokens, error: outcome.err() }
}

const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
const TRIM_MARKER_LENGTH: usize = 2;

struct Lexer<'a> {
    source: &'a Source,
    text: &'a str,
    delimiters: &'a Delimiters,
    at: usize,
    start: usize,
    /// Line of `start`.
    line: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Skips what was read since the last token.
    fn ignore(&mut self) {
        self.line += newlines(&self.text[self.start..self.at]);
        self.start = self.at;
    }

    fn emit(&mut self, kind: TokenKind) {
        self.tokens.push(Token::new(kind, self.start..self.at, self.line));
        self.ignore();
    }

    /// Text and actions by turns, until the end.
    fn text(&mut self) -> Result<(), String> {
        while let Some(offset) = self.rest().find(&self.delimiters.left) {
            let action = self.at + offset;
            let marked = has_left_trim_marker(&self.text[action + self.delimiters.left.len()..]);
            let kept = if marked { self.text[self.start..action].trim_end_matches(is_space_character).len() } else { action - self.start };
            self.at = self.start + kept;
            if kept > 0 {
                self.emit(TokenKind::Text);
            }
            self.at = action;
            self.ignore();
            self.left_delimiter(marked)?;
        }
        self.at = self.text.len();
        if self.at > self.start {
            self.emit(TokenKind::Text);
        }
        self.emit(TokenKind::Eof);
        Ok(())
    }

    fn left_delimiter(&mut self, marked: bool) -> Result<(), String> {
        self.at += self.delimiters.left.len();
        let marker = if marked { TRIM_MARKER_LENGTH } else { 0 };
        if self.text[self.at + marker..].starts_with(LEFT_COMMENT) {
            self.at += marker;
            self.ignore();
            return self.comment();
        }
        self.emit(TokenKind::LeftDelim);
        self.at += marker;
        self.ignore();
        self.action()
    }

    fn comment(&mut self) -> Result<(), String> {
        self.at += LEFT_COMMENT.len();
        let end = self.rest().find(RIGHT_COMMENT).ok_or("unclosed comment")?;
        self.at += end + RIGHT_COMMENT.len();
        let trim = self.right_delimiter_here().ok_or("comment ends before closing delimiter")?;
        self.skip_right_delimiter(trim);
        self.ignore();
        Ok(())
    }

    /// Whether a closing delimiter follows, and whether it trims.
    fn right_delimiter_here(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim_marker(rest) && rest[TRIM_MARKER_LENGTH..].starts_with(&self.delimiters.right) {
            return Some(true);
        }
        rest.starts_with(&self.delimiters.right).then_some(false)
    }

    fn skip_right_delimiter(&mut self, trim: bool) {
        if trim {
            self.at += TRIM_MARKER_LENGTH;
        }
        self.at += self.delimiters.right.len();
        if trim {
            self.at = self.text.len() - self.rest().trim_start_matches(is_space_character).len();
        }
    }

    fn close_action(&mut self, trim: bool) {
        if trim {
            self.at += TRIM_MARKER_LENGTH;
            self.ignore();
        }
        self.at += self.delimiters.right.len();
        self.emit(TokenKind::RightDelim);
        if trim {
            self.at = self.text.len() - self.rest().trim_start_matches(is_space_character).len();
            self.ignore();
        }
    }

    /// The tokens of one action, its closing delimiter included.
    fn action(&mut self) -> Result<(), String> {
        let mut parentheses = 0usize;
        loop {
            if let Some(trim) = self.right_delimiter_here() {
                if parentheses > 0 {
                    return Err("unclosed left paren".into());
                }
                self.close_action(trim);
                return Ok(());
            }
            match self.bump().ok_or("unclosed action")? {
                space if is_space_character(space) => self.space(),
                '=' => self.emit(TokenKind::Assign),
                ':' => {
                    if self.bump() != Some('=') {
                        return Err("expected :=".into());
                    }
                    self.emit(TokenKind::Declare);
                }
                '|' => self.emit(TokenKind::Pipe),
                '"' => self.quoted('"', TokenKind::String, "unterminated quoted string")?,
                '\'' => self.quoted('\'', TokenKind::Char, "unterminated character constant")?,
                '`' => {
                    let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
                    self.at += end + 1;
                    self.emit(TokenKind::RawString);
                }
                '$' => self.field_or_variable(TokenKind::Variable)?,
                '.' if self.peek().is_some_and(|next| !next.is_ascii_digit()) => self.field_or_variable(TokenKind::Field)?,
                first if first == '.' || first == '+' || first == '-' || first.is_ascii_digit() => {
                    self.at = self.start;
                    self.number()?;
                }
                first if is_alphanumeric(first) => self.identifier()?,
                '(' => {
                    parentheses += 1;
                    self.emit(TokenKind::LeftParen);
                }
                ')' => {
                    parentheses = parentheses.checked_sub(1).ok_or("unexpected right paren")?;
                    self.emit(TokenKind::RightParen);
                }
                other if other.is_ascii_graphic() => self.emit(TokenKind::Other),
                other => {
                    let at = self.at - other.len_utf8();
                    return Err(format!("unrecognized character in action: {}", unicode_name(self.meant(other, at))));
                }
            }
        }
    }

    /// A run of spaces, which ends before a trimming delimiter's own space.
    fn space(&mut self) {
        while self.peek().is_some_and(is_space_character) {
            self.at += 1;
        }
        let marker = &self.text[self.at - 1..];
        if has_right_trim_marker(marker) && marker[TRIM_MARKER_LENGTH..].starts_with(&self.delimiters.right) {
            self.at -= 1;
        }
        if self.at > self.start {
            self.emit(TokenKind::Space);
        }
    }

    fn quoted(&mut self, quote: char, kind: TokenKind, message: &str) -> Result<(), String> {
        loop {
            match self.bump() {
                Some('\\') => {
                    if matches!(self.bump(), None | Some('\n')) {
                        return Err(message.into());
                    }
                }
                None | Some('\n') => return Err(message.into()),
                Some(end) if end == quote => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(next) => is_space_character(next) || self.rest().starts_with(&self.delimiters.right),
        }
    }

    fn check_terminator(&mut self) -> Result<(), String> {
        if self.at_terminator() {
            return Ok(());
        }
        Err(format!("bad character {}", self.peek().map(|letter| unicode_name(self.meant(letter, self.at))).unwrap_or_default()))
    }

    /// A letter of the text as Go reads it: a byte that is no UTF-8 is U+FFFD.
    fn meant(&self, letter: char, at: usize) -> char {
        let is_byte = letter == STAND_IN && self.source.bytes(at..at + 1)[0] != STAND_IN as u8;
        if is_byte { char::REPLACEMENT_CHARACTER } else { letter }
    }

    fn field_or_variable(&mut self, kind: TokenKind) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(if kind == TokenKind::Variable { TokenKind::Variable } else { TokenKind::Dot });
            return Ok(());
        }
        self.skip_word();
        self.check_terminator()?;
        self.emit(kind);
        Ok(())
    }

    fn skip_word(&mut self) {
        while self.peek().is_some_and(is_alphanumeric) {
            self.bump();
        }
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.skip_word();
        self.check_terminator()?;
        let word = &self.text[self.start..self.at];
        let kind = match Keyword::of(word) {
            Some(keyword) => TokenKind::Keyword(keyword),
            None if word == "true" || word == "false" => TokenKind::Bool,
            None => TokenKind::Identifier,
        };
        self.emit(kind);
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let bad = |lexer: &Self| format!("bad number syntax: {}", super::format::quote(&lexer.text[lexer.start..lexer.at]));
        if !self.scan_number() {
            return Err(bad(self));
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.text[..self.at].ends_with('i') {
                return Err(bad(self));
            }
            self.emit(TokenKind::Complex);
            return Ok(());
        }
        self.emit(TokenKind::Number);
        Ok(())
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|next| set.contains(next));
        self.at += usize::from(found);
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    /// A number as far as it can be told by its characters; whether nothing alphanumeric follows.
    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        const HEXADECIMAL: &str = "0123456789abcdefABCDEF_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = HEXADECIMAL;
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits == DECIMAL && self.accept("eE") || digits == HEXADECIMAL && self.accept("pP") {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.bump();
            return false;
        }
        true
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn is_space_character(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn has_left_trim_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && bytes[0] == b'-' && is_space_character(bytes[1] as char)
}

fn has_right_trim_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && is_space_character(bytes[0] as char) && bytes[1] == b'-'
}

/// A character as Go's `%#U`: code point, and the character itself where it is printable.
fn unicode_name(character: char) -> String {
    let code = format!("U+{:04X}", u32::from(character));
    if character.is_control() { code } else { format!("{code} '{character}'") }
}
