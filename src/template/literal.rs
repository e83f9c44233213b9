//! Go's literals: quoted texts, characters and numbers, as `strconv` reads them.

use super::ast::Number;
use super::format::quote;

/// The bytes that a Go string literal stands for, double-quoted or raw. A literal with a line feed or a bad escape is refused. Bytes that
/// are no UTF-8 stay as they are in a raw literal; in a double-quoted one Go reads letters, and each such byte as U+FFFD.
pub fn unquote(literal: &[u8]) -> Result<Vec<u8>, String> {
    const INVALID: &str = "invalid syntax";
    match literal {
        [b'`', inner @ .., b'`'] => Ok(inner.iter().copied().filter(|byte| *byte != b'\r').collect()),
        [b'"', inner @ .., b'"'] => {
            let letters = super::runes::letters(inner);
            let mut rest = &*letters;
            let mut out = Vec::with_capacity(rest.len());
            while !rest.is_empty() {
                let (piece, tail) = unquote_char(rest, '"').ok_or(INVALID)?;
                piece.push_to(&mut out);
                rest = tail;
            }
            Ok(out)
        }
        _ => Err(INVALID.into()),
    }
}

enum Piece {
    Char(char),
    Byte(u8),
}

impl Piece {
    fn push_to(self, out: &mut Vec<u8>) {
        match self {
            Piece::Char(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Byte(byte) => out.push(byte),
        }
    }

    fn code(self) -> i64 {
        match self {
            Piece::Char(character) => i64::from(u32::from(character)),
            Piece::Byte(byte) => i64::from(byte),
        }
    }
}

/// One character of a literal in these quotes, and what follows it.
fn unquote_char(text: &str, quotes: char) -> Option<(Piece, &str)> {
    let mut rest = text.chars();
    let first = rest.next()?;
    if first == quotes || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Piece::Char(first), rest.as_str()));
    }
    let escape = rest.next()?;
    let tail = rest.as_str();
    let digits = |count: usize, radix: u32, from: &'_ str| -> Option<u32> {
        let digits = from.get(..count)?;
        digits.chars().all(|digit| digit.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    Some(match escape {
        'a' => (Piece::Char('\x07'), tail),
        'b' => (Piece::Char('\x08'), tail),
        'f' => (Piece::Char('\x0c'), tail),
        'n' => (Piece::Char('\n'), tail),
        'r' => (Piece::Char('\r'), tail),
        't' => (Piece::Char('\t'), tail),
        'v' => (Piece::Char('\x0b'), tail),
        '\\' => (Piece::Char('\\'), tail),
        '\'' | '"' if escape == quotes => (Piece::Char(escape), tail),
        'x' => (Piece::Byte(digits(2, 16, tail)? as u8), &tail[2..]),
        'u' => (Piece::Char(char::from_u32(digits(4, 16, tail)?)?), &tail[4..]),
        'U' => (Piece::Char(char::from_u32(digits(8, 16, tail)?)?), &tail[8..]),
        '0'..='7' => {
            let octal = &text[1..];
            (Piece::Byte(u8::try_from(digits(3, 8, octal)?).ok()?), &octal[3..])
        }
        _ => return None,
    })
}

/// A character literal: a number in all types.
pub fn character(literal: &str) -> Result<Number, String> {
    let (piece, tail) = unquote_char(literal.get(1..).unwrap_or(""), '\'').ok_or("invalid syntax")?;
    if tail != "'" {
        return Err(format!("malformed character constant: {literal}"));
    }
    let code = piece.code();
    Ok(Number { text: literal.into(), int: Some(code), uint: Some(code as u64), float: Some(code as f64), complex: None })
}

/// A number literal, in every type that can hold its value.
pub fn number(literal: &str) -> Result<Number, String> {
    if let Some(imaginary) = literal.strip_suffix('i') {
        return complex(literal, imaginary);
    }
    let mut number = Number { text: literal.into(), ..Number::default() };
    number.int = parse_int(literal);
    number.uint = parse_uint(literal).or(number.int.filter(|int| *int == 0).map(|_| 0));
    number.float = number.int.map(|int| int as f64).or(number.uint.map(|uint| uint as f64));
    if number.float.is_none() {
        let Some(float) = parse_float(literal) else {
            return Err(format!("illegal number syntax: {}", quote(literal)));
        };
        if !literal.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(literal)));
        }
        number.float = Some(float);
        number.int = Some(float as i64).filter(|int| *int as f64 == float && float < i64::MAX as f64);
        number.uint = Some(float as u64).filter(|uint| *uint as f64 == float && float < u64::MAX as f64);
    }
    Ok(number)
}

fn complex(literal: &str, body: &str) -> Result<Number, String> {
    let illegal = || format!("illegal number syntax: {}", quote(literal));
    let split = body.char_indices().skip(1).filter(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let split = split.filter(|at| !body[..*at].ends_with(['e', 'E', 'p', 'P'])).last().unwrap_or(0);
    let real = if split == 0 { 0.0 } else { parse_float(&body[..split]).ok_or_else(illegal)? };
    let imaginary = parse_float(&body[split..]).ok_or_else(illegal)?;
    let mut number = Number { text: literal.into(), complex: Some((real, imaginary)), ..Number::default() };
    if imaginary == 0.0 {
        number.float = Some(real);
        number.int = Some(real as i64).filter(|int| *int as f64 == real);
        number.uint = Some(real as u64).filter(|uint| *uint as f64 == real);
    }
    Ok(number)
}

/// `strconv.ParseInt` of base 0: `0x`, `0o`, `0b`, a leading 0 for octal, and underscores between digits.
pub fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(digits)?;
    if negative { (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg()) } else { i64::try_from(magnitude).ok() }
}

/// `strconv.ParseUint` of base 0.
pub fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits, prefixed) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits, true)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits, true)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits, true)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..], true)
    } else {
        (10, lower.as_str(), false)
    };
    let digits = without_underscores(digits, prefixed)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok()
}

/// Digits without the underscores between them; `None` where an underscore stands elsewhere. One may follow a prefix.
fn without_underscores(digits: &str, prefixed: bool) -> Option<String> {
    let misplaced = digits.ends_with('_') || digits.contains("__") || digits.starts_with('_') && !prefixed || digits.is_empty();
    (!misplaced).then(|| digits.replace('_', ""))
}

/// `strconv.ParseFloat`: decimal and hexadecimal, underscores between digits; what is out of range is refused.
pub fn parse_float(text: &str) -> Option<f64> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let between_digits = |at: usize| {
        let bytes = body.as_bytes();
        at > 0 && bytes[at - 1].is_ascii_hexdigit() && bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
    };
    if body.match_indices('_').any(|(at, _)| !between_digits(at)) {
        return None;
    }
    let body = body.replace('_', "");
    if let Some(hexadecimal) = body.strip_prefix("0x").or(body.strip_prefix("0X")) {
        return parse_hexadecimal_float(hexadecimal).map(|float| sign * float);
    }
    if !body.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        return None;
    }
    body.parse::<f64>().ok().filter(|float| float.is_finite()).map(|float| sign * float)
}

fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2f64.powi(exponent)).filter(|float| float.is_finite())
}
