//! Go's `fmt`: how values print, by `print`, `println` and every verb of `printf`, wrong uses included.

use super::number::{format_duration, format_float};
use super::runes;
use super::value::{Elem, IntKind, List, Map, Value};

/// Writes one value as Go's `fmt.Fprint` does.
pub fn print_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        other => Printer { out, flags: Flags::default(), erroring: false }.argument(other, 'v'),
    }
}

/// Go's `fmt.Sprint`: a space between two operands where neither is a string.
pub fn sprint(operands: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_string = false;
    for (index, operand) in operands.iter().enumerate() {
        let is_string = matches!(operand, Value::String(_));
        if index > 0 && !is_string && !after_string {
            out.push(b' ');
        }
        print_value(&mut out, operand);
        after_string = is_string;
    }
    out
}

/// Go's `fmt.Sprintln`: a space between all operands and a line feed at the end.
pub fn sprintln(operands: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        print_value(&mut out, operand);
    }
    out.push(b'\n');
    out
}

/// Go's `fmt.Sprintf`.
pub fn sprintf(format: &[u8], operands: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16 * operands.len());
    let mut state = Directives { format, at: 0, operands, next: 0, reordered: false, good_index: true };
    while state.at < format.len() {
        let literal = format[state.at..].iter().position(|byte| *byte == b'%').unwrap_or(format.len() - state.at);
        out.extend_from_slice(&format[state.at..state.at + literal]);
        state.at += literal;
        if state.at < format.len() {
            state.at += 1;
            state.directive(&mut out);
        }
    }
    state.extra(&mut out);
    out
}

/// Quotes a text as Go's `strconv.Quote`.
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// Quotes bytes as Go's `strconv.Quote`: what is no UTF-8 as `\xff`.
pub fn quote_bytes(bytes: &[u8]) -> String {
    // the quoted form of any bytes is text
    String::from_utf8(quoted(bytes, b'"', false)).unwrap_or_default()
}

/// Widths and precisions beyond this are refused, as Go refuses them.
const TOO_LARGE: i64 = 1_000_000;

/// How deep containers are printed; deeper ones can only be maps that hold themselves.
const MAX_DEPTH: usize = 200;

#[derive(Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`
    plus_v: bool,
    /// `%#v`
    sharp_v: bool,
}

struct Directives<'a> {
    format: &'a [u8],
    at: usize,
    operands: &'a [Value],
    next: usize,
    reordered: bool,
    good_index: bool,
}

impl Directives<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// One directive, past its percent sign.
    fn directive(&mut self, out: &mut Vec<u8>) {
        let mut flags = Flags::default();
        self.good_index = true;
        loop {
            match self.byte() {
                Some(b'#') => flags.sharp = true,
                Some(b'0') => flags.zero = true,
                Some(b'+') => flags.plus = true,
                Some(b'-') => flags.minus = true,
                Some(b' ') => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut after_index = self.index();
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.number_operand() {
                Some(width) => {
                    flags.width = Some(width.unsigned_abs() as usize);
                    if width < 0 {
                        flags.minus = true;
                        flags.zero = false;
                    }
                }
                None => out.extend_from_slice(b"%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            flags.width = self.number();
            if after_index && flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.byte() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.byte() == Some(b'*') {
                self.at += 1;
                flags.precision = self.number_operand().and_then(|precision| usize::try_from(precision).ok());
                if flags.precision.is_none() {
                    out.extend_from_slice(b"%!(BADPREC)");
                }
                after_index = false;
            } else {
                flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        let Some((verb, size)) = runes::first(&self.format[self.at..]) else {
            out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        self.at += size;
        if verb == '%' {
            out.push(b'%');
        } else if !self.good_index {
            out.extend_from_slice(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if let Some(operand) = self.operands.get(self.next) {
            if matches!(verb, 'v' | 'w') {
                (flags.sharp_v, flags.sharp) = (flags.sharp, false);
                (flags.plus_v, flags.plus) = (flags.plus, false);
            }
            self.next += 1;
            Printer { out, flags, erroring: false }.argument(operand, verb);
        } else {
            out.extend_from_slice(format!("%!{verb}(MISSING)").as_bytes());
        }
    }

    /// A plain number; one that is absurdly large makes the rest of the format unreadable, as in Go.
    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        let mut number = 0i64;
        while let Some(digit) = self.byte().filter(u8::is_ascii_digit) {
            if number > TOO_LARGE {
                self.at = self.format.len();
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        (self.at > start).then_some(number as usize)
    }

    fn number_operand(&mut self) -> Option<i64> {
        let operand = self.operands.get(self.next)?;
        self.next += 1;
        match operand {
            Value::Int(number, kind) if *kind != IntKind::Uint64 || *number >= 0 => Some(*number),
            Value::Duration(number) => Some(*number),
            _ => None,
        }
        .filter(|number| number.unsigned_abs() <= TOO_LARGE as u64)
    }

    /// An explicit index `[n]`; whether there was one.
    fn index(&mut self) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(close) = rest.iter().position(|byte| *byte == b']').filter(|_| rest.len() >= 3) else {
            self.good_index = false;
            self.at += 1;
            return false;
        };
        let digits = std::str::from_utf8(&rest[1..close]).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let index = digits.and_then(|digits| digits.parse::<usize>().ok()).filter(|index| *index as i64 <= TOO_LARGE * 10);
        self.at += close + 1;
        match index {
            Some(index) if index >= 1 && index <= self.operands.len() => {
                self.next = index - 1;
                true
            }
            _ => {
                self.good_index = false;
                index.is_some()
            }
        }
    }

    /// Complains of operands that no directive has used.
    fn extra(&self, out: &mut Vec<u8>) {
        if self.reordered || self.next >= self.operands.len() {
            return;
        }
        out.extend_from_slice(b"%!(EXTRA ");
        for (index, operand) in self.operands[self.next..].iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(operand.type_name().as_bytes());
            if !operand.is_nil() {
                out.push(b'=');
                print_value(out, operand);
            }
        }
        out.push(b')');
    }
}

struct Printer<'a> {
    out: &'a mut Vec<u8>,
    flags: Flags,
    erroring: bool,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn fill(&mut self, count: usize) {
        let byte = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.resize(self.out.len() + count, byte);
    }

    fn pad(&mut self, text: &[u8]) {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(count_runes(text));
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.fill(missing);
        } else {
            self.fill(missing);
            self.out.extend_from_slice(text);
        }
    }

    fn pad_without_zeros(&mut self, text: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }

    /// An operand of the call.
    fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.text(value.type_name().as_bytes()),
            _ => self.value(value, verb, 0),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.put("%!");
        self.put(verb.encode_utf8(&mut [0; 4]));
        self.put("(");
        self.put(&value.type_name());
        if !value.is_nil() {
            self.put("=");
            let erroring = std::mem::replace(&mut self.erroring, true);
            self.value(value, 'v', 0);
            self.erroring = erroring;
        }
        self.put(")");
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH {
            return self.put("...");
        }
        if verb == 'w' && !(depth == 0 && matches!(value, Value::Bytes(_))) {
            return self.bad_verb(value, verb);
        }
        match value {
            Value::Nil if self.flags.sharp_v => self.put("interface {}(nil)"),
            Value::Nil => self.put("<nil>"),
            Value::Bool(truth) => match verb {
                't' | 'v' => self.pad(if *truth { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(number, kind) => self.integer(value, *number, *kind, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::String(text) => self.string(value, text.as_bytes(), verb),
            Value::Bytes(bytes) => self.bytes(value, bytes, verb, depth),
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Duration(number) => match verb {
                'v' | 's' | 'x' | 'X' | 'q' if !self.erroring && !self.flags.sharp_v => {
                    self.string(value, format_duration(*number).as_bytes(), verb)
                }
                _ => self.integer(value, *number, IntKind::Int64, verb),
            },
            Value::Time(time) => self.stringer(value, &time_text(time), verb),
            Value::Object(object) => self.stringer(value, &object.text(), verb),
        }
    }

    /// A type with a text of its own; its insides are not ours to print.
    fn stringer(&mut self, value: &Value, text: &str, verb: char) {
        match verb {
            'v' => self.text(text.as_bytes()),
            's' | 'x' | 'X' | 'q' => self.string(value, text.as_bytes(), verb),
            _ => self.bad_verb(value, verb),
        }
    }

    fn text(&mut self, text: &[u8]) {
        let kept = match self.flags.precision {
            Some(precision) => prefix(text, precision),
            None => text,
        };
        self.pad(kept);
    }

    fn string(&mut self, value: &Value, text: &[u8], verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted_text(text),
            'v' | 's' => self.text(text),
            'x' => self.hexadecimal(text, b"0123456789abcdefx"),
            'X' => self.hexadecimal(text, b"0123456789ABCDEFX"),
            'q' => self.quoted_text(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted_text(&mut self, text: &[u8]) {
        let kept = match self.flags.precision {
            Some(precision) => prefix(text, precision),
            None => text,
        };
        if self.flags.sharp && can_backquote(kept) {
            let raw = [b"`", kept, b"`"].concat();
            return self.pad(&raw);
        }
        let text = quoted(kept, b'"', self.flags.plus);
        self.pad(&text);
    }

    fn hexadecimal(&mut self, text: &[u8], digits: &[u8; 17]) {
        let length = self.flags.precision.map_or(text.len(), |precision| precision.min(text.len()));
        if length == 0 {
            return self.fill(self.flags.width.unwrap_or(0));
        }
        let mut hex = Vec::with_capacity(length * 5);
        for (index, byte) in text[..length].iter().enumerate() {
            if self.flags.space && index > 0 {
                hex.push(b' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                hex.extend_from_slice(&[b'0', digits[16]]);
            }
            hex.extend_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        self.pad(&hex);
    }

    fn bytes(&mut self, value: &Value, bytes: &[u8], verb: char, depth: usize) {
        match verb {
            's' | 'x' | 'X' | 'q' => self.string(value, bytes, verb),
            'v' if self.flags.sharp_v => {
                self.put(if depth == 0 { "[]byte{" } else { "[]uint8{" });
                for (index, byte) in bytes.iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.integer(value, i64::from(*byte), IntKind::Uint8, 'v');
                }
                self.put("}");
            }
            _ => {
                let items = bytes.iter().map(|byte| Value::Int(i64::from(*byte), IntKind::Uint8)).collect();
                self.list(&List::new(items, Elem::Named("uint8")), verb, depth);
            }
        }
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.put(&format!("{}{{", Value::List(list.clone()).type_name()));
        } else {
            self.put("[");
        }
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.put(if sharp { ", " } else { " " });
            }
            self.value(item, verb, depth + 1);
        }
        self.put(if sharp { "}" } else { "]" });
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.put(&format!("{}{{", map.map_type().name()));
        } else {
            self.put("map[");
        }
        for (index, (key, value)) in map.entries().into_iter().enumerate() {
            if index > 0 {
                self.put(if sharp { ", " } else { " " });
            }
            self.value(&Value::String(key), verb, depth + 1);
            self.put(":");
            self.value(&value, verb, depth + 1);
        }
        self.put(if sharp { "}" } else { "]" });
    }

    fn integer(&mut self, value: &Value, number: i64, kind: IntKind, verb: char) {
        const LOWER: &[u8; 17] = b"0123456789abcdefx";
        const UPPER: &[u8; 17] = b"0123456789ABCDEFX";
        let negative = number < 0 && !kind.is_unsigned();
        let magnitude = if negative { number.unsigned_abs() } else { number as u64 };
        match verb {
            'v' if self.flags.sharp_v && kind.is_unsigned() => {
                self.flags.sharp = true;
                self.digits(magnitude, false, 16, verb, LOWER);
                self.flags.sharp = false;
            }
            'v' | 'd' => self.digits(magnitude, negative, 10, verb, LOWER),
            'b' => self.digits(magnitude, negative, 2, verb, LOWER),
            'o' | 'O' => self.digits(magnitude, negative, 8, verb, LOWER),
            'x' => self.digits(magnitude, negative, 16, verb, LOWER),
            'X' => self.digits(magnitude, negative, 16, verb, UPPER),
            'c' => self.pad(rune(number as u64).encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => {
                let text = quoted(rune(number as u64).encode_utf8(&mut [0; 4]).as_bytes(), b'\'', self.flags.plus);
                self.pad(&text);
            }
            'U' => self.unicode(number as u64),
            _ => self.bad_verb(value, verb),
        }
    }

    fn digits(&mut self, magnitude: u64, negative: bool, base: u64, verb: char, digits: &[u8; 17]) {
        let mut least = 0;
        if let Some(precision) = self.flags.precision {
            least = precision;
            if precision == 0 && magnitude == 0 {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                self.fill(self.flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
        } else if let Some(width) = self.flags.width.filter(|_| self.flags.zero && !self.flags.minus) {
            least = width.saturating_sub(usize::from(negative || self.flags.plus || self.flags.space));
        }
        // Backwards.
        let mut text = Vec::with_capacity(24);
        let mut rest = magnitude;
        loop {
            text.push(digits[(rest % base) as usize]);
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        if text.len() < least {
            text.resize(least, b'0');
        }
        if self.flags.sharp {
            match base {
                2 => text.extend_from_slice(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend_from_slice(&[digits[16], b'0']),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if self.flags.plus {
            text.push(b'+');
        } else if self.flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_without_zeros(&text);
    }

    fn unicode(&mut self, code: u64) {
        let width = self.flags.precision.filter(|precision| *precision > 4).unwrap_or(4);
        let digits = format!("{code:X}");
        let mut text = format!("U+{}{digits}", "0".repeat(width.saturating_sub(digits.len())));
        if let Some(character) = u32::try_from(code).ok().and_then(char::from_u32).filter(|c| self.flags.sharp && is_print(*c)) {
            text.push_str(&format!(" '{character}'"));
        }
        self.pad_without_zeros(text.as_bytes());
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) {
        let (format, precision) = match verb {
            'v' => (b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb as u8, None),
            'f' | 'F' => (b'f', Some(6)),
            'e' | 'E' => (verb as u8, Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(precision);
        let mut text = format_float(number, format, precision);
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
        if self.flags.space && text.starts_with('+') && !self.flags.plus {
            text.replace_range(..1, " ");
        }
        if text[1..].starts_with(['I', 'N']) {
            let skip = usize::from(text[1..].starts_with('N') && !self.flags.space && !self.flags.plus);
            return self.pad_without_zeros(&text.as_bytes()[skip..]);
        }
        if self.flags.sharp && verb != 'b' {
            text = keep_point(text, format, precision);
        }
        if self.flags.plus || !text.starts_with('+') {
            let width = self.flags.width.unwrap_or(0);
            if self.flags.zero && !self.flags.minus && width > text.len() {
                self.put(&text[..1]);
                self.fill(width - text.len());
                return self.put(&text[1..]);
            }
            return self.pad(text.as_bytes());
        }
        self.pad(&text.as_bytes()[1..]);
    }
}

/// The `#` flag of floats: always a decimal point, and for `g` all digits of the precision.
fn keep_point(text: String, format: u8, precision: Option<usize>) -> String {
    let mut wanted = if matches!(format, b'g' | b'G' | b'x') { precision.unwrap_or(6) as i64 } else { 0 };
    let is_hex = matches!(format, b'x' | b'X');
    let split = text.find(|c| matches!(c, 'p' | 'P') || !is_hex && matches!(c, 'e' | 'E')).unwrap_or(text.len());
    let (number, tail) = text.split_at(split);
    let mut number = number.to_owned();
    let mut seen = false;
    for character in number[1..].chars().filter(|character| *character != '.') {
        seen |= character != '0';
        wanted -= i64::from(seen);
    }
    if !number.contains('.') {
        if number.len() == 2 && number.ends_with('0') {
            wanted -= 1;
        }
        number.push('.');
    }
    for _ in 0..wanted.max(0) {
        number.push('0');
    }
    number + tail
}

/// Go's text of a time: `2006-01-02 15:04:05.999999999 -0700 MST`.
pub fn time_text(time: &jiff::Zoned) -> String {
    super::functions::layout::format(time, "2006-01-02 15:04:05.999999999 -0700 MST")
}

fn rune(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

fn count_runes(bytes: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while let Some((_, size)) = runes::first(&bytes[at..]) {
        at += size;
        count += 1;
    }
    count
}

fn prefix(bytes: &[u8], runes: usize) -> &[u8] {
    let mut at = 0;
    for _ in 0..runes {
        match runes::first(&bytes[at..]) {
            Some((_, size)) => at += size,
            None => break,
        }
    }
    &bytes[..at]
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    // Rust's escape of text keeps the same categories, combining marks included unless they come first.
    let mut text = String::from("a");
    text.push(character);
    text.escape_debug().nth(1) == Some(character)
}

fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| text.chars().all(|c| c != '`' && c != '\u{7f}' && c != '\u{feff}' && (c >= ' ' || c == '\t')))
}

/// Go's quoting of strings and of characters.
fn quoted(bytes: &[u8], quotes: u8, ascii_only: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(quotes);
    let mut at = 0;
    while let Some((character, size)) = runes::first(&bytes[at..]) {
        if character == '\u{fffd}' && size == 1 {
            out.extend_from_slice(format!("\\x{:02x}", bytes[at]).as_bytes());
            at += 1;
            continue;
        }
        at += size;
        let short = match character {
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x0b' => "\\v",
            '\\' => "\\\\",
            _ => "",
        };
        if !short.is_empty() {
            out.extend_from_slice(short.as_bytes());
        } else if character == quotes as char {
            out.extend_from_slice(&[b'\\', quotes]);
        } else if is_print(character) && (character.is_ascii() || !ascii_only) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let code = u32::from(character);
            let escape = match code {
                0..0x20 | 0x7f => format!("\\x{code:02x}"),
                0x80..0x1_0000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            };
            out.extend_from_slice(escape.as_bytes());
        }
    }
    out.push(quotes);
    out
}
