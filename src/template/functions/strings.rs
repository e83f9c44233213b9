//! Text: trimming, cutting, changing case, splitting and joining.

use super::{case, cast};
use crate::template::call::{FunctionError, Rest, Table};
use crate::template::value::{Elem, List, Map, MapType, Str, Value};
use crate::template::{format, runes};

/// No function builds a text longer than this.
const LONGEST: usize = 64 << 20;

pub(super) fn register(table: &mut Table) {
    table.add("hello", || "Hello!");
    table.add("abbrev", |width: isize, text: Str| abbrev(0, width, &text));
    table.add("abbrevboth", |left: isize, width: isize, text: Str| match width < 4 || left > 0 && width < 7 {
        true => text,
        false => abbrev(left, width, &text),
    });
    table.add("cat", |values: Rest<Value>| {
        let texts: Vec<Str> = values.iter().filter(|value| !value.is_nil()).map(Value::to_text).collect();
        concat(&texts, b" ")
    });
    table.add("contains", |part: Str, text: Str| find(text.as_bytes(), part.as_bytes()).is_some());
    table.add("hasPrefix", |part: Str, text: Str| text.as_bytes().starts_with(part.as_bytes()));
    table.add("hasSuffix", |part: Str, text: Str| text.as_bytes().ends_with(part.as_bytes()));
    table.add("indent", |spaces: isize, text: Str| indent("", spaces, &text));
    table.add("nindent", |spaces: isize, text: Str| indent("\n", spaces, &text));
    table.add("initials", |text: Str| case::initials(text.as_bytes()));
    table.add("camelcase", |text: Str| case::pascal(&text.letters()));
    table.add("kebabcase", |text: Str| case::separated(text.as_bytes(), '-'));
    table.add("snakecase", |text: Str| case::separated(text.as_bytes(), '_'));
    table.add("lower", |text: Str| text.letters().chars().map(case::lower).collect::<String>());
    table.add("upper", |text: Str| text.letters().chars().map(case::upper).collect::<String>());
    table.add("swapcase", |text: Str| case::swap(&text.letters()));
    table.add("title", |text: Str| case::title(&text.letters()));
    table.add("untitle", |text: Str| case::untitle(&text.letters()));
    table.add("nospace", no_space);
    table.add("plural", |one: Str, many: Str, count: isize| if count == 1 { one } else { many });
    table.add("quote", |values: Rest<Value>| quoted(&values, |value| go_quoted(&cast::text(value))));
    table.add("squote", |values: Rest<Value>| quoted(&values, |value| Str::from_bytes([b"'", value.to_text().as_bytes(), b"'"].concat())));
    table.add("repeat", repeat);
    table.add("replace", |old: Str, new: Str, text: Str| replace(&old, &new, &text));
    table.add("substr", substr);
    table.add("trim", |text: Str| trimmed(text, char::is_whitespace));
    table.add("trimAll", |cut: Str, text: Str| {
        let cut = cut.letters();
        trimmed(text, |letter| cut.contains(letter))
    });
    table.alias("trimall", "trimAll");
    table.add("trimPrefix", |part: Str, text: Str| match text.as_bytes().strip_prefix(part.as_bytes()) {
        Some(rest) => Str::from_bytes(rest),
        None => text,
    });
    table.add("trimSuffix", |part: Str, text: Str| match text.as_bytes().strip_suffix(part.as_bytes()) {
        Some(rest) => Str::from_bytes(rest),
        None => text,
    });
    table.add("trunc", trunc);
    table.add("wrap", |width: isize, text: Str| wrap(&text, width, b"\n", LongWords::Keep));
    table.add("wrapWith", |width: isize, separator: Str, text: Str| {
        let separator = if separator.is_empty() { b"\n" } else { separator.as_bytes() };
        wrap(&text, width, separator, LongWords::Cut)
    });
    table.add("toString", |value: Value| cast::text(&value));
    table.add("toStrings", |value: Value| strings(&value));
    table.add("join", |separator: Str, value: Value| join(&texts(&value), &separator));
    table.add("split", |separator: Str, text: Str| numbered(split(text.as_bytes(), separator.as_bytes(), -1)));
    table.add("splitn", |separator: Str, count: isize, text: Str| numbered(split(text.as_bytes(), separator.as_bytes(), count)));
    table.add("splitList", |separator: Str, text: Str| List::strings(split(text.as_bytes(), separator.as_bytes(), -1)));
    table.add("sortAlpha", |value: Value| {
        let mut texts = if value.is_nil() { vec![cast::text(&value)] } else { texts(&value) };
        texts.sort();
        List::strings(texts)
    });
}

fn trimmed(text: Str, takes: impl Fn(char) -> bool) -> Str {
    let kept = match text.as_str() {
        Some(text) => text.trim_matches(takes).as_bytes(),
        None => runes::trimmed(text.as_bytes(), takes),
    };
    if kept.len() == text.len() { text } else { Str::from_slice(kept) }
}

/// The elements of a list as texts, without nil; a single value is a list of one, nil of none.
pub(super) fn texts(value: &Value) -> Vec<Str> {
    match value {
        Value::Nil => Vec::new(),
        Value::List(list) => list.items().iter().filter(|item| !item.is_nil()).map(cast::text).collect(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| Str::from(byte.to_string())).collect(),
        other => match super::lists::elements(other) {
            Some(items) => items.iter().filter(|item| !item.is_nil()).map(cast::text).collect(),
            None => vec![cast::text(other)],
        },
    }
}

fn strings(value: &Value) -> List {
    match value {
        Value::List(list) if list.elem() == Elem::String => list.clone(),
        other => List::strings(texts(other)),
    }
}

fn concat(texts: &[Str], separator: &[u8]) -> Str {
    let bytes: Vec<&[u8]> = texts.iter().map(Str::as_bytes).collect();
    Str::from_bytes(bytes.join(separator))
}

fn quoted(values: &[Value], quote: impl Fn(&Value) -> Str) -> Str {
    let texts: Vec<Str> = values.iter().filter(|value| !value.is_nil()).map(quote).collect();
    concat(&texts, b" ")
}

fn go_quoted(text: &Str) -> Str {
    format::quote_bytes(text.as_bytes()).into()
}

fn abbrev(offset: isize, width: isize, text: &Str) -> Str {
    let bytes = text.as_bytes();
    let (length, width) = (bytes.len(), width.max(0) as usize);
    if width < 4 || length <= width {
        return text.clone();
    }
    let kept = width - 3;
    // An offset past the end, or too near to it, moves left so that the end of the text is shown.
    let offset = (offset.max(0) as usize).min(length).min(length - kept.min(length));
    if offset <= 4 {
        return Str::from_bytes([&bytes[..kept], b"..."].concat());
    }
    if width < 7 {
        return Str::from("");
    }
    if offset + kept < length {
        let rest = abbrev(0, kept as isize, &Str::from_bytes(&bytes[offset..]));
        return Str::from_bytes([b"...", rest.as_bytes()].concat());
    }
    Str::from_bytes([b"...", &bytes[length - kept..]].concat())
}

fn indent(before: &str, spaces: isize, text: &Str) -> Result<Str, FunctionError> {
    let bytes = text.as_bytes();
    let spaces = usize::try_from(spaces).map_err(|_| "strings: negative Repeat count")?;
    let lines = 1 + bytes.iter().filter(|&&byte| byte == b'\n').count();
    let length = lines.saturating_mul(spaces).saturating_add(bytes.len() + before.len());
    if length > LONGEST {
        return Err(too_long(length));
    }
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(before.as_bytes());
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if at > 0 {
            out.push(b'\n');
        }
        out.resize(out.len() + spaces, b' ');
        out.extend_from_slice(line);
    }
    Ok(Str::from_bytes(out))
}

fn too_long(length: usize) -> FunctionError {
    format!("the result would have {length} bytes, more than the {LONGEST} allowed").into()
}

fn join(texts: &[Str], separator: &Str) -> Result<Str, FunctionError> {
    let separators = separator.len().saturating_mul(texts.len().saturating_sub(1));
    let length = texts.iter().fold(separators, |length, text| length.saturating_add(text.len()));
    if length > LONGEST { Err(too_long(length)) } else { Ok(concat(texts, separator.as_bytes())) }
}

/// Sprig takes each byte for a letter of Latin-1: text beyond ASCII is broken where there is a space in it.
fn no_space(text: Str) -> Str {
    let kept: Vec<u8> = text.as_bytes().iter().copied().filter(|byte| !char::from(*byte).is_whitespace()).collect();
    if kept.len() == text.len() { text } else { kept.into_iter().map(char::from).collect::<String>().into() }
}

fn repeat(count: isize, text: Str) -> Result<Str, FunctionError> {
    let count = usize::try_from(count).map_err(|_| "strings: negative Repeat count")?;
    let length = count.saturating_mul(text.len());
    match length > LONGEST {
        true => Err(too_long(length)),
        false => Ok(Str::from_bytes(text.as_bytes().repeat(count))),
    }
}

fn replace(old: &Str, new: &Str, text: &Str) -> Result<Str, FunctionError> {
    if let (Some(old), Some(new), Some(text)) = (old.as_str(), new.as_str(), text.as_str()) {
        let count = text.matches(old).count();
        let length = text.len().saturating_add(count.saturating_mul(new.len()));
        return if length > LONGEST { Err(too_long(length)) } else { Ok(text.replace(old, new).into()) };
    }
    let parts = split(text.as_bytes(), old.as_bytes(), -1);
    Ok(concat(&parts, new.as_bytes()))
}

fn substr(start: isize, end: isize, text: Str) -> Result<Str, FunctionError> {
    let bytes = text.as_bytes();
    let length = bytes.len() as isize;
    let (from, to) = match (start, end) {
        (..0, end) => (0, end),
        (start, end) if end < 0 || end > length => (start, length),
        range => range,
    };
    if to < 0 || to > length {
        return Err(format!("runtime error: slice bounds out of range [:{to}]{}", with_length(to, length)).into());
    }
    if from > to {
        return Err(format!("runtime error: slice bounds out of range [{from}:{to}]").into());
    }
    Ok(Str::from_bytes(&bytes[from as usize..to as usize]))
}

fn with_length(to: isize, length: isize) -> String {
    if to < 0 { String::new() } else { format!(" with length {length}") }
}

fn trunc(count: isize, text: Str) -> Str {
    let bytes = text.as_bytes();
    let length = bytes.len() as isize;
    match count {
        ..0 if length + count > 0 => Str::from_bytes(&bytes[(length + count) as usize..]),
        0.. if length > count => Str::from_bytes(&bytes[..count as usize]),
        _ => text,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum LongWords {
    Keep,
    Cut,
}

fn wrap(text: &Str, width: isize, separator: &[u8], long_words: LongWords) -> Result<Str, FunctionError> {
    let bytes = text.as_bytes();
    let width = width.max(1) as usize;
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while bytes.len() - at > width {
        if out.len() > LONGEST {
            return Err(too_long(out.len()));
        }
        if bytes[at] == b' ' {
            at += 1;
            continue;
        }
        let end = at + width;
        if let Some(space) = bytes[at..=end].iter().rposition(|&byte| byte == b' ') {
            out.extend_from_slice(&bytes[at..at + space]);
            out.extend_from_slice(separator);
            at += space + 1;
        } else if long_words == LongWords::Cut {
            out.extend_from_slice(&bytes[at..end]);
            out.extend_from_slice(separator);
            at = end;
        } else if let Some(space) = bytes[end..].iter().position(|&byte| byte == b' ') {
            out.extend_from_slice(&bytes[at..end + space]);
            out.extend_from_slice(separator);
            at = end + space + 1;
        } else {
            out.extend_from_slice(&bytes[at..]);
            at = bytes.len();
        }
    }
    out.extend_from_slice(&bytes[at..]);
    Ok(Str::from_bytes(out))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    if let (Ok(text), Ok(part)) = (std::str::from_utf8(text), std::str::from_utf8(part)) {
        return text.find(part);
    }
    text.windows(part.len()).position(|window| window == part)
}

/// Go's `strings.SplitN`: a negative count is no limit, zero gives nothing, an empty separator splits into letters.
pub(super) fn split(text: &[u8], separator: &[u8], count: isize) -> Vec<Str> {
    let limit = match count {
        0 => return Vec::new(),
        ..0 => usize::MAX,
        1.. => count as usize,
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit {
        let (part, skipped) = if separator.is_empty() {
            let first = rest.utf8_chunks().next().map_or(0, |chunk| chunk.valid().chars().next().map_or(1, char::len_utf8));
            if first >= rest.len() {
                break;
            }
            (first, first)
        } else {
            let Some(at) = find(rest, separator) else { break };
            (at, at + separator.len())
        };
        parts.push(Str::from_bytes(&rest[..part]));
        rest = &rest[skipped..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        parts.push(Str::from_bytes(rest));
    }
    parts
}

fn numbered(parts: Vec<Str>) -> Map {
    let entries = parts.into_iter().enumerate().map(|(at, part)| (Str::from(format!("_{at}")), Value::String(part))).collect();
    Map::with_type(entries, MapType::String)
}
