//! JSON as Go's `encoding/json` reads and writes it, straight from and to template values.

use std::fmt::Write as _;

use crate::template::runes;
use crate::template::value::{Entries, IntKind, Kind, List, Map, MapType, Str, Value};

/// Values nested deeper than this are refused.
const MAX_DEPTH: usize = 500;

/// Whether `<`, `>` and `&` are written as escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Html {
    /// Escaped, as `toJson` does.
    Escape,
    /// As they are, as `toRawJson` does.
    Keep,
}

/// Writes a value as JSON: on one line, or with two spaces of indentation per level if `pretty`.
///
/// # Errors
/// Numbers that JSON cannot express, and nesting without end; the text is Go's.
pub fn to_json_text(value: &Value, html: Html, pretty: bool) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), html, pretty };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    html: Html,
    pretty: bool,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("json: unsupported value: encountered a cycle via {}", value.type_name()));
        }
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(number, IntKind::Uint64) => self.display(*number as u64),
            Value::Int(number, _) | Value::Duration(number) => self.display(*number),
            Value::Float(number) => self.out.push_str(&number_text(*number)?),
            Value::String(text) => self.string(text.as_bytes()),
            Value::Bytes(bytes) => {
                use base64::Engine as _;
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                self.string(text.as_bytes());
            }
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::Map(map) if map.map_type() == MapType::NilString => self.out.push_str("null"),
            Value::List(list) => self.list(list.items(), depth)?,
            Value::Map(map) => self.members(&map.entries(), depth)?,
            Value::Time(time) => self.string(super::layout::rfc3339(time).as_bytes()),
            Value::Object(object) => match (object.kind(), object.entries()) {
                (Kind::Slice, Some(entries)) => {
                    let items: Vec<Value> = entries.into_iter().map(|(_, item)| item).collect();
                    self.list(&items, depth)?;
                }
                _ => match object.members() {
                    Some(members) => self.members(&members, depth)?,
                    None => self.value(&object.to_plain(), depth + 1)?,
                },
            },
        }
        Ok(())
    }

    fn display(&mut self, number: impl std::fmt::Display) {
        let _ = write!(self.out, "{number}");
    }

    fn list(&mut self, items: &[Value], depth: usize) -> Result<(), String> {
        self.out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn members(&mut self, entries: &[(Str, Value)], depth: usize) -> Result<(), String> {
        self.out.push('{');
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.string(key.as_bytes());
            self.out.push_str(if self.pretty { ": " } else { ":" });
            self.value(value, depth + 1)?;
        }
        if !entries.is_empty() {
            self.line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn string(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            let text = chunk.valid();
            let mut written = 0;
            for (at, letter) in text.char_indices() {
                if !self.needs_escape(letter) {
                    continue;
                }
                self.out.push_str(&text[written..at]);
                written = at + letter.len_utf8();
                match letter {
                    '"' => self.out.push_str("\\\""),
                    '\\' => self.out.push_str("\\\\"),
                    '\n' => self.out.push_str("\\n"),
                    '\r' => self.out.push_str("\\r"),
                    '\t' => self.out.push_str("\\t"),
                    '\u{8}' => self.out.push_str("\\b"),
                    '\u{c}' => self.out.push_str("\\f"),
                    other => {
                        let _ = write!(self.out, "\\u{:04x}", other as u32);
                    }
                }
            }
            self.out.push_str(&text[written..]);
            self.out.extend(std::iter::repeat_n("\\ufffd", chunk.invalid().len()));
        }
        self.out.push('"');
    }

    fn needs_escape(&self, letter: char) -> bool {
        match letter {
            '"' | '\\' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => true,
            '<' | '>' | '&' => self.html == Html::Escape,
            _ => false,
        }
    }
}

/// A float's JSON text: with an exponent below 1e-6 and from 1e21.
fn number_text(number: f64) -> Result<String, String> {
    if !number.is_finite() {
        let name = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        return Err(format!("json: unsupported value: {name}"));
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return Ok(match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
            _ => text,
        });
    }
    let text = format!("{number}");
    // two texts of many digits can be equally near, and Go takes the other one
    Ok(if text.len() < 16 { text } else { crate::template::number::format_float(number, b'f', None) })
}

/// Reads one JSON text; every number becomes `float64`. The error is Go's text.
pub fn from_json_text(text: &[u8]) -> Result<Value, String> {
    let (value, too_large) = read(text)?;
    too_large.map_or(Ok(value), Err)
}

/// The same, but a number that is no `float64` leaves nil in its place, beside the error.
pub(super) fn read(text: &[u8]) -> Result<(Value, Option<String>), String> {
    let mut reader = Reader { bytes: text, at: 0, too_large: None };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok((value, reader.too_large)),
        Some(_) => Err(reader.unexpected("after top-level value")),
    }
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    /// What is wrong with the first number that is too large.
    too_large: Option<String>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, place: &str) -> String {
        match self.peek() {
            // Go looks whether a space could go on
            None if place.starts_with("in ") && place != "in string literal" || place.starts_with("after decimal point") => {
                format!("invalid character ' ' {place}")
            }
            None => "unexpected end of JSON input".to_owned(),
            Some(b'\'') => format!("invalid character '\\'' {place}"),
            Some(b'"') => format!("invalid character '\"' {place}"),
            Some(byte) => {
                let quoted = crate::template::format::quote(char::from(byte).encode_utf8(&mut [0; 4]));
                format!("invalid character '{}' {place}", quoted.trim_matches('"'))
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::from(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for expected in word.chars() {
            if self.peek() != Some(expected as u8) {
                return Err(self.unexpected(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("in numeric literal")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
            self.digits();
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => {
                let error = || format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.too_large.get_or_insert_with(error);
                Ok(Value::Nil)
            }
        }
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::from(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(List::any(items)));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut entries = Entries::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(Map::new()));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key: Str = self.string()?.into();
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth + 1)?;
            entries.insert(key, value);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(Map::with_type(entries, MapType::Any)));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        let mut start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    out.push_str(&runes::letters(&self.bytes[start..self.at]));
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(&runes::letters(&self.bytes[start..self.at]));
                    self.at += 1;
                    out.push(self.escape()?);
                    start = self.at;
                }
                None | Some(0..=0x1f) => return Err(self.unexpected("in string literal")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let letter = match self.peek() {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(letter)
    }

    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.unexpected("in \\u hexadecimal character escape")) };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// What Go calls a JSON value in `cannot unmarshal …`.
pub(super) fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Float(_) | Value::Int(..) => "number",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        _ => "string",
    }
}
