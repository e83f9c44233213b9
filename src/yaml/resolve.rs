//! Which type an unquoted scalar has, by the YAML 1.1 rules that go-yaml 2 applies.

/// The type and value that a plain scalar stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A date or a time: read as text, but quoted when printed.
    Timestamp,
    Str,
}

/// Resolves a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else { return Resolved::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text).unwrap_or(Resolved::Str),
        b'.' => word(text).or_else(|| float(text)).unwrap_or(Resolved::Str),
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Resolved::Str,
    }
}

fn word(text: &str) -> Option<Resolved> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &str) -> Resolved {
    if let Some(word) = word(text) {
        return word;
    }
    if is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let without_underscores;
    let plain = if text.contains('_') {
        without_underscores = text.replace('_', "");
        &without_underscores
    } else {
        text
    };
    if let Some(int) = parse_int(plain) {
        return int;
    }
    if is_yaml_float(plain)
        && let Some(number) = float(plain)
    {
        return number;
    }
    Resolved::Str
}

/// Go's `ParseInt` and `ParseUint` with base 0: `0x`, `0o`, `0b` and a leading zero choose the base.
fn parse_int(text: &str) -> Option<Resolved> {
    let (negative, signed, digits) = match text.as_bytes() {
        [b'-', ..] => (true, true, &text[1..]),
        [b'+', ..] => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.bytes().next()?.is_ascii_hexdigit() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return (magnitude <= 1 << 63).then(|| Resolved::Int((magnitude as i64).wrapping_neg()));
    }
    match i64::try_from(magnitude) {
        Ok(int) => Some(Resolved::Int(int)),
        Err(_) if !signed => Some(Resolved::Uint(magnitude)),
        Err(_) => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, the whole text.
fn is_yaml_float(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut at = digits(start);
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if at == start && fraction == at + 1 {
            return false;
        }
        at = fraction;
    } else if at == start {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == at {
            return false;
        }
        at = exponent;
    }
    at == bytes.len()
}

fn float(text: &str) -> Option<Resolved> {
    // Go refuses what overflows, Rust answers infinity.
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Resolved::Float)
}

/// Whether go-yaml takes the text for a date: `2006-1-2`, optionally with a time and a zone.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let mut rest = &bytes[5..];
    let Some(year) = text[..4].parse::<u32>().ok() else { return false };
    let Some(month) = one_or_two(&mut rest).filter(|month| (1..=12).contains(month)) else { return false };
    if !skip(&mut rest, b"-") {
        return false;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
    if !one_or_two(&mut rest).is_some_and(|day| (1..=days).contains(&day)) {
        return false;
    }
    match rest.first() {
        None => true,
        Some(b'T' | b't') => {
            rest = &rest[1..];
            time(&mut rest) && zone(rest)
        }
        Some(b' ') => {
            rest = &rest[1..];
            time(&mut rest) && rest.is_empty()
        }
        Some(_) => false,
    }
}

fn time(rest: &mut &[u8]) -> bool {
    let two_digits = rest.len() >= 2 && rest[1].is_ascii_digit();
    let below = |number: Option<u32>, limit: u32| number.is_some_and(|number| number < limit);
    if !(two_digits && below(one_or_two(rest), 24) && skip(rest, b":") && below(one_or_two(rest), 60) && skip(rest, b":")) {
        return false;
    }
    if !below(one_or_two(rest), 60) {
        return false;
    }
    if matches!(rest.first(), Some(b'.' | b',')) && rest.get(1).is_some_and(u8::is_ascii_digit) {
        *rest = &rest[1..];
        while rest.first().is_some_and(u8::is_ascii_digit) {
            *rest = &rest[1..];
        }
    }
    true
}

fn zone(rest: &[u8]) -> bool {
    match rest {
        [b'Z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => {
            [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) && (a - b'0') * 10 + (b - b'0') <= 24 && *c < b'6'
        }
        _ => false,
    }
}

fn one_or_two(rest: &mut &[u8]) -> Option<u32> {
    let length = rest.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    let number = rest[..length].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    *rest = &rest[length..];
    (length > 0).then_some(number)
}

fn skip(rest: &mut &[u8], prefix: &[u8]) -> bool {
    match rest.strip_prefix(prefix) {
        Some(tail) => {
            *rest = tail;
            true
        }
        None => false,
    }
}
