//! Loose conversions between values, as sprig's arithmetic and text functions make them.

use crate::template::value::{Str, Value};

/// The text that sprig makes of any value: bytes as they are, everything else as it prints.
pub(super) fn text(value: &Value) -> Str {
    match value {
        Value::Bytes(bytes) => Str::from_bytes(bytes.to_vec()),
        other => other.to_text(),
    }
}

/// A whole number: fractions are cut off, text is read with its base prefix, anything else is 0.
pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number, _) | Value::Duration(number) => *number,
        Value::Float(number) => truncate(*number),
        Value::Bool(truth) => i64::from(*truth),
        Value::String(text) => text.as_str().and_then(|text| parse_int(whole_part(text), Radix::ByPrefix)).unwrap_or(0),
        _ => 0,
    }
}

/// A number; text that is none, and anything else, is 0.
pub(super) fn float(value: &Value) -> f64 {
    match value {
        Value::Int(number, kind) if kind.is_unsigned() => *number as u64 as f64,
        Value::Int(number, _) | Value::Duration(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => text.as_str().and_then(parse_float).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// What the processor makes of a float that is converted to `int64`.
fn truncate(number: f64) -> i64 {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if (-TWO_63..TWO_63).contains(&number) { number as i64 } else { i64::MIN }
}

/// `12.70` is read as `12`, `.5` as `0`; everything that is no plain decimal stays as it is.
fn whole_part(text: &str) -> &str {
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let unsigned = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match digits(unsigned) && digits(fraction) {
        true if unsigned.is_empty() => "0",
        true => whole,
        false => text,
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.starts_with(['i', 'I', 'n', 'N']) {
        return text.parse().ok();
    }
    crate::template::literal::parse_float(text)
}

/// How digits are read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Radix {
    /// `0x`, `0o`, `0b` and a leading zero choose the base; digits may be grouped by `_`.
    ByPrefix,
    /// The given base, without prefix.
    Fixed(u32),
}

/// Go's `strconv.ParseInt`; `None` for what it refuses.
pub(super) fn parse_int(text: &str, radix: Radix) -> Option<i64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits, prefixed) = match (radix, unsigned.as_bytes()) {
        (Radix::Fixed(base), _) => (base, unsigned, false),
        (_, [b'0', b'x' | b'X', ..]) => (16, &unsigned[2..], true),
        (_, [b'0', b'o' | b'O', ..]) => (8, &unsigned[2..], true),
        (_, [b'0', b'b' | b'B', ..]) => (2, &unsigned[2..], true),
        (_, [b'0', _, ..]) => (8, &unsigned[1..], true),
        _ => (10, unsigned, false),
    };
    let grouped;
    let digits = if radix == Radix::ByPrefix && digits.contains('_') {
        let misplaced = digits.ends_with('_') || digits.contains("__") || (digits.starts_with('_') && !prefixed);
        if misplaced {
            return None;
        }
        grouped = digits.replace('_', "");
        &grouped
    } else {
        digits
    };
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if negative { (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg()) } else { i64::try_from(magnitude).ok() }
}
