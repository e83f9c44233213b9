//! YAML text, byte for byte as Helm's `toYaml` prints it (go-yaml 2 behind `sigs.k8s.io/yaml`).
//!
//! Block style, sequences not indented under their key, long text folded at 80 columns, text with line breaks in literal style,
//! double quotes where a plain scalar would read as something else than text.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::Value;

use super::error::YamlError;
use super::json::key_text;
use super::node::{Node, NodeValue};
use super::resolve::{Resolved, resolve};

const WIDTH: usize = 80;
const INDENT: isize = 2;
const LONGEST_SIMPLE_KEY: usize = 128;

/// Prints a value as one document, with a line break at the end.
pub fn emit(value: &Value) -> String {
    let mut emitter = Emitter::new();
    walk(value, &mut emitter);
    emitter.finish()
}

/// Prints text as a scalar of one line, without a line break at the end. `in_flow` is for a place between brackets or braces.
pub fn emit_line(text: &str, in_flow: bool) -> String {
    let mut emitter = Emitter::pretty();
    let ends_in_flow = |letter| matches!(letter, ',' | '[' | ']' | '{' | '}' | '?' | ':');
    if in_flow && text.contains(ends_in_flow) {
        emitter.write_double_quoted(text, KeyForm::Simple);
    } else {
        emitter.scalar(text, KeyForm::Simple);
    }
    emitter.out
}

fn walk(value: &Value, to: &mut Emitter) {
    match value {
        Value::Null => to.null(),
        Value::Bool(value) => to.bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => to.int(int),
            (None, Some(uint)) => to.uint(uint),
            (None, None) => to.float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => to.str(text),
        Value::Array(items) => {
            to.begin_sequence(items.len());
            items.iter().for_each(|item| walk(item, to));
            to.end_sequence();
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            sort_keys(&mut entries, |(key, _)| key.as_str());
            to.begin_mapping(entries.len());
            for (key, value) in entries {
                to.key(key);
                walk(value, to);
            }
            to.end_mapping();
        }
    }
}

/// Sorts keys as go-yaml does: runs of digits by their number, other signs before letters.
///
/// Sort the entries of a mapping with it before handing them to [`Emitter::key`].
pub fn sort_keys<T>(entries: &mut Vec<T>, key: fn(&T) -> &str) {
    // The order is not total for strange keys, which the standard library's sort may answer with a panic.
    if entries.windows(2).all(|pair| key_order(key(&pair[0]), key(&pair[1])) != Ordering::Greater) {
        return;
    }
    if entries.len() > 1 {
        let mut right = entries.split_off(entries.len() / 2);
        sort_keys(entries, key);
        sort_keys(&mut right, key);
        let left = std::mem::replace(entries, Vec::with_capacity(entries.len() + right.len()));
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
            let first = key_order(key(one), key(other)) != Ordering::Greater;
            entries.extend(if first { left.next() } else { right.next() });
        }
        entries.extend(left);
        entries.extend(right);
    }
}

/// Base 64 in lines of 70 letters where it has more than one.
fn base_64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    if text.len() < 70 {
        return text;
    }
    text.as_bytes().chunks(70).map(|line| String::from_utf8_lossy(line) + "\n").collect()
}

fn key_order(one: &str, other: &str) -> Ordering {
    if let Some(order) = ascii_letters_order(one.as_bytes(), other.as_bytes()) {
        return order;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    for at in 0..one.len().min(other.len()) {
        let (a, b) = (one[at], other[at]);
        if a == b {
            continue;
        }
        match (a.is_alphabetic(), b.is_alphabetic()) {
            (true, true) => return a.cmp(&b),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        // A zero that continues a number is a digit of it, not the start of another.
        let continues =
            (a == '0' || b == '0') && one[..at].iter().rev().take_while(|letter| letter.is_numeric()).any(|&letter| letter != '0');
        let (one_number, one_end) = number(&one, at, continues);
        let (other_number, other_end) = number(&other, at, continues);
        return one_number.cmp(&other_number).then(one_end.cmp(&other_end)).then(a.cmp(&b));
    }
    one.len().cmp(&other.len())
}

/// The common case without copies: the first difference is between two ASCII letters, or one key begins with the other.
fn ascii_letters_order(one: &[u8], other: &[u8]) -> Option<Ordering> {
    match one.iter().zip(other).find(|(a, b)| a != b) {
        Some((a, b)) if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => Some(a.cmp(b)),
        Some(_) => None,
        None => Some(one.len().cmp(&other.len())),
    }
}

fn number(letters: &[char], from: usize, continues: bool) -> (i64, usize) {
    let mut value = i64::from(continues);
    let mut end = from;
    while let Some(letter) = letters.get(end).filter(|letter| letter.is_numeric()) {
        value = value.wrapping_mul(10).wrapping_add(*letter as i64 - '0' as i64);
        end += 1;
    }
    (value, end)
}

/// How many bits of a number its shortest text must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Single,
    Double,
}

/// Go's `%g`: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e6.
pub(super) fn float_text(value: f64, precision: Precision) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = match precision {
        Precision::Single => format!("{:e}", value as f32),
        Precision::Double => format!("{value:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return match precision {
            Precision::Single => format!("{}", value as f32),
            Precision::Double => format!("{value}"),
        };
    }
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

enum Frame {
    Sequence { outer: isize },
    Mapping { outer: isize },
}

/// Where the next value goes.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Item,
    /// After `key:`.
    Value,
    /// Behind `? `.
    ComplexKey,
}

/// A writer that is told the values one by one; nothing is copied but the text.
///
/// Call one method per scalar, and `begin_…`, the content, `end_…` per collection; before each value of a mapping its [`key`](Self::key).
pub struct Emitter {
    out: String,
    column: usize,
    indent: isize,
    whitespace: bool,
    indention: bool,
    place: Place,
    frames: Vec<Frame>,
    dialect: Dialect,
}

/// Whose habits to follow.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    /// go-yaml 2, as in `toYaml`.
    Compact,
    /// go-yaml 3 with an indentation of 2, as in `toYamlPretty`.
    Pretty,
}

impl Default for Emitter {
    fn default() -> Self {
        Emitter::new()
    }
}

impl Emitter {
    /// A writer of one document.
    pub fn new() -> Self {
        Emitter {
            out: String::new(),
            column: 0,
            indent: -1,
            whitespace: true,
            indention: true,
            place: Place::Root,
            frames: Vec::new(),
            dialect: Dialect::Compact,
        }
    }

    /// A writer of one document that indents sequences below their key and never folds lines.
    pub fn pretty() -> Self {
        Emitter { dialect: Dialect::Pretty, ..Emitter::new() }
    }

    /// Ends the document and gives its text.
    pub fn finish(mut self) -> String {
        self.write_indent();
        self.out
    }

    /// Writes a node: keys in their order, numbers, booleans and null as they were written.
    ///
    /// # Errors
    /// A key that has no JSON form.
    pub fn node(&mut self, node: &Node) -> Result<(), YamlError> {
        match &node.value {
            NodeValue::String(text) => self.str(text),
            NodeValue::Sequence(items) => {
                self.begin_sequence(items.len());
                items.iter().try_for_each(|item| self.node(item))?;
                self.end_sequence();
            }
            NodeValue::Mapping(entries) => {
                self.begin_mapping(entries.len());
                for (key, value) in entries {
                    let name = key_text(key).map_err(|problem| YamlError::new("", key.span.clone(), problem.clone(), None, problem))?;
                    self.key(&name);
                    self.node(value)?;
                }
                self.end_mapping();
            }
            _ => match node.text() {
                None | Some("") => self.null(),
                Some(text) => self.plain(text),
            },
        }
        Ok(())
    }

    /// Writes null.
    pub fn null(&mut self) {
        self.plain("null");
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) {
        self.plain(if value { "true" } else { "false" });
    }

    /// Writes a whole number.
    pub fn int(&mut self, value: i64) {
        self.plain(&value.to_string());
    }

    /// Writes a whole number.
    pub fn uint(&mut self, value: u64) {
        self.plain(&value.to_string());
    }

    /// Writes a number: without fraction where it is whole and fits 64 bits, else in Go's shortest form.
    pub fn float(&mut self, value: f64) {
        const TWO_64: f64 = 18_446_744_073_709_551_616.0;
        // the shortest digits of the smallest 64-bit number, filled up with zeros, are one below it
        let whole = value.fract() == 0.0 && value > i64::MIN as f64 && value < TWO_64;
        match whole {
            true if value == 0.0 => self.plain("0"),
            // The text of a large float is its shortest digits filled up with zeros.
            true => self.plain(&value.to_string()),
            false => self.float_as_is(value),
        }
    }

    /// Writes a number in Go's shortest form, whole ones from 1e6 with an exponent too.
    pub fn float_as_is(&mut self, value: f64) {
        match float_text(value, Precision::Double).as_str() {
            "+Inf" => self.plain(".inf"),
            "-Inf" => self.plain("-.inf"),
            "NaN" => self.plain(".nan"),
            text => self.plain(text),
        }
    }

    /// Writes text, quoted where it would read as something else.
    pub fn str(&mut self, text: &str) {
        self.start_value();
        self.scalar(text, KeyForm::NoKey);
    }

    /// Writes bytes that are no UTF-8, in base 64.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.start_value();
        self.indicator("!!binary", true, false, false);
        self.scalar(&base_64(bytes), KeyForm::NoKey);
    }

    /// Writes such bytes as the key of the next entry.
    pub fn binary_key(&mut self, bytes: &[u8]) {
        self.write_indent();
        self.indicator("!!binary", true, false, false);
        self.scalar(&base_64(bytes), KeyForm::Simple);
        self.indicator(":", false, false, false);
        self.place = Place::Value;
    }

    /// Opens a sequence of this many items.
    pub fn begin_sequence(&mut self, length: usize) {
        let place = self.start_value();
        self.frames.push(Frame::Sequence { outer: self.indent });
        if length == 0 {
            self.indicator("[", true, true, false);
            self.indicator("]", false, false, false);
            return;
        }
        let in_mapping = matches!(place, Place::Value | Place::ComplexKey) && !self.indention;
        let indentless = in_mapping && self.dialect == Dialect::Compact;
        self.increase_indent(false, indentless);
        self.place = Place::Item;
    }

    /// Closes the sequence that was opened last.
    pub fn end_sequence(&mut self) {
        self.end();
    }

    /// Opens a mapping of this many entries.
    pub fn begin_mapping(&mut self, length: usize) {
        self.start_value();
        self.frames.push(Frame::Mapping { outer: self.indent });
        if length == 0 {
            self.indicator("{", true, true, false);
            self.indicator("}", false, false, false);
            return;
        }
        self.increase_indent(false, false);
    }

    /// Writes the key of the next entry.
    pub fn key(&mut self, key: &str) {
        self.write_indent();
        if key.len() <= LONGEST_SIMPLE_KEY && !key.contains(is_break) {
            self.scalar(key, KeyForm::Simple);
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, true);
            self.place = Place::ComplexKey;
            self.scalar(key, KeyForm::NoKey);
            self.write_indent();
            self.indicator(":", true, false, true);
        }
        self.place = Place::Value;
    }

    /// Closes the mapping that was opened last.
    pub fn end_mapping(&mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(Frame::Sequence { outer } | Frame::Mapping { outer }) = self.frames.pop() {
            self.indent = outer;
        }
        self.place = match self.frames.last() {
            Some(Frame::Sequence { .. }) => Place::Item,
            Some(Frame::Mapping { .. }) => Place::Value,
            None => Place::Root,
        };
    }

    fn start_value(&mut self) -> Place {
        if self.place == Place::Item {
            self.write_indent();
            self.indicator("-", true, false, true);
        }
        self.place
    }

    fn plain(&mut self, text: &str) {
        self.start_value();
        self.space();
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = false;
        self.indention = false;
    }

    fn scalar(&mut self, text: &str, form: KeyForm) {
        let outer = self.indent;
        self.increase_indent(true, false);
        match choose(text, form) {
            Chosen::Plain => self.write_plain(text, form),
            Chosen::SingleQuoted => self.write_single_quoted(text, form),
            Chosen::DoubleQuoted => self.write_double_quoted(text, form),
            Chosen::Literal => self.write_literal(text),
        }
        self.indent = outer;
    }

    fn increase_indent(&mut self, flow: bool, indentless: bool) {
        if self.indent < 0 {
            self.indent = if flow { INDENT } else { 0 };
        } else if !indentless {
            self.indent += INDENT;
        }
    }

    fn write_indent(&mut self) {
        let indent = self.indent.max(0) as usize;
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        while self.column < indent {
            self.out.push(' ');
            self.column += 1;
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, need_whitespace: bool, is_whitespace: bool, is_indention: bool) {
        if need_whitespace {
            self.space();
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    fn width(&self) -> usize {
        if self.dialect == Dialect::Pretty { usize::MAX } else { WIDTH }
    }

    fn space(&mut self) {
        if !self.whitespace {
            self.put(' ');
        }
    }

    fn put(&mut self, letter: char) {
        self.out.push(letter);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn write_break(&mut self, letter: char) {
        self.out.push(letter);
        self.column = 0;
    }

    fn write_plain(&mut self, text: &str, form: KeyForm) {
        self.space();
        self.fold(text, form, Quoted::No);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_single_quoted(&mut self, text: &str, form: KeyForm) {
        self.indicator("'", true, false, false);
        self.fold(text, form, Quoted::Yes);
        self.indicator("'", false, false, false);
    }

    /// Writes the content of a plain or single-quoted scalar, with line ends at spaces beyond the width.
    fn fold(&mut self, text: &str, form: KeyForm, quoted: Quoted) {
        if self.column + text.len() <= WIDTH && !text.contains(|letter: char| letter == '\'' || is_break(letter)) {
            self.out.push_str(text);
            self.column += text.chars().count();
            return;
        }
        let (mut spaces, mut breaks) = (false, false);
        let mut letters = text.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let next = letters.peek().map(|(_, next)| *next);
            if letter == ' ' {
                let kept = quoted == Quoted::Yes && (at == 0 || next.is_none());
                if form == KeyForm::NoKey && !spaces && self.column > self.width() && !kept && next != Some(' ') {
                    self.write_indent();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(letter) {
                if !breaks && letter == '\n' {
                    self.line_break();
                }
                self.write_break(letter);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if letter == '\'' && quoted == Quoted::Yes {
                    self.put('\'');
                }
                self.put(letter);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    fn write_double_quoted(&mut self, text: &str, form: KeyForm) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        // Upstream looks for a byte order mark at the start of the text for each letter.
        let escape_all = text.starts_with('\u{feff}');
        let mut letters = text.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let next = letters.peek().map(|(_, next)| *next);
            if escape_all || !is_printable(letter) || is_break(letter) || letter == '"' || letter == '\\' {
                self.escape(letter);
                spaces = false;
            } else if letter == ' ' {
                if form == KeyForm::NoKey && !spaces && self.column > self.width() && at > 0 && next.is_some() {
                    self.write_indent();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(letter);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
    }

    fn escape(&mut self, letter: char) {
        self.put('\\');
        let short = match letter {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' | '\\' => letter,
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let before = self.out.len();
                let code = letter as u32;
                let _ = match code {
                    0..=0xff => write!(self.out, "x{code:02X}"),
                    0x100..=0xffff => write!(self.out, "u{code:04X}"),
                    _ => write!(self.out, "U{code:08X}"),
                };
                self.column += self.out.len() - before;
                return;
            }
        };
        self.put(short);
    }

    fn write_literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            self.indicator("2", false, false, false);
        }
        let mut ending = text.chars().rev();
        match (ending.next().is_some_and(is_break), ending.next()) {
            (false, _) => self.indicator("-", false, false, false),
            (true, None) => self.indicator("+", false, false, false),
            (true, Some(before)) if is_break(before) => self.indicator("+", false, false, false),
            _ => {}
        }
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for letter in text.chars() {
            if is_break(letter) {
                self.write_break(letter);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(letter);
                self.indention = false;
                breaks = false;
            }
        }
    }
}

/// Whether a scalar stands before `:` on one line.
#[derive(Clone, Copy, PartialEq)]
enum KeyForm {
    Simple,
    NoKey,
}

#[derive(Clone, Copy, PartialEq)]
enum Quoted {
    No,
    Yes,
}

enum Chosen {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

fn choose(text: &str, form: KeyForm) -> Chosen {
    if text.is_empty() {
        return Chosen::DoubleQuoted;
    }
    let shape = analyze(text);
    if text.contains('\n') {
        return if shape.block_allowed && form == KeyForm::NoKey { Chosen::Literal } else { Chosen::DoubleQuoted };
    }
    if resolve(text) != Resolved::Str || is_base_60(text) {
        return Chosen::DoubleQuoted;
    }
    match shape {
        Shape { multiline: true, .. } if form == KeyForm::Simple => Chosen::DoubleQuoted,
        Shape { plain_allowed: true, .. } => Chosen::Plain,
        Shape { single_quoted_allowed: true, .. } => Chosen::SingleQuoted,
        _ => Chosen::DoubleQuoted,
    }
}

struct Shape {
    multiline: bool,
    plain_allowed: bool,
    single_quoted_allowed: bool,
    block_allowed: bool,
}

fn analyze(text: &str) -> Shape {
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut line_breaks, mut special) = (false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut previous_space, mut previous_break, mut after_blank) = (false, false, true);
    let mut letters = text.chars().peekable();
    let mut first = true;
    while let Some(letter) = letters.next() {
        let before_blank = letters.peek().is_none_or(|&next| next == ' ' || next == '\t');
        match letter {
            '#' if first || after_blank => indicators = true,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' if first => indicators = true,
            '?' | '-' if first && before_blank => indicators = true,
            ':' if before_blank => indicators = true,
            _ => {}
        }
        special |= !is_printable(letter);
        if letter == ' ' {
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(letter) {
            line_breaks = true;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_blank = matches!(letter, ' ' | '\t' | '\0') || is_break(letter);
        first = false;
    }
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter == ' ' || is_break(letter));
    let edges = edge(text.chars().next()) || edge(text.chars().next_back());
    let broken = space_break || special;
    Shape {
        multiline: line_breaks,
        plain_allowed: !(edges || break_space || broken || line_breaks || indicators),
        single_quoted_allowed: !(break_space || broken),
        block_allowed: !(text.ends_with(' ') || broken),
    }
}

fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml 2 prints as it is; all beyond the basic plane is escaped.
fn is_printable(letter: char) -> bool {
    match letter {
        '\n' | ' '..='~' => true,
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        '\u{a0}'..='\u{ffff}' => true,
        _ => false,
    }
}

/// Numbers to the base of 60, such as `1:20`, which other readers of YAML 1.1 would not take for text.
///
/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) || !unsigned.contains(':') {
        return false;
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    digits(fraction)
        && parts.next().is_some_and(digits)
        && parts.all(|part| match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [b'0'..=b'5', digit] => digit.is_ascii_digit(),
            _ => false,
        })
}
