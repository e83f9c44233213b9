//! Regular expressions in RE2's syntax, over the `regex` crate.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex};

use regex::{Captures, Regex, RegexBuilder};

use super::re2;
use crate::template::call::{FunctionError, Table};
use crate::template::runes;
use crate::template::value::{Elem, List, Str};

/// Compiled expressions that are kept.
const KEPT: usize = 512;
/// Bytes that one compiled expression may take.
const SIZE_LIMIT: usize = 16 << 20;

pub(super) fn register(table: &mut Table) {
    table.add("regexMatch", |pattern: Str, text: Str| compile(&pattern).is_ok_and(|regex| regex.is_match(&text.letters())));
    table.add("mustRegexMatch", |pattern: Str, text: Str| Ok::<_, FunctionError>(must(&pattern)?.is_match(&text.letters())));
    table.add("regexQuoteMeta", |text: Str| text.through(quote_meta));
    for (must_raise, [find, find_all, replace, literal, split]) in [
        (Panic::Yes, ["regexFind", "regexFindAll", "regexReplaceAll", "regexReplaceAllLiteral", "regexSplit"]),
        (Panic::No, ["mustRegexFind", "mustRegexFindAll", "mustRegexReplaceAll", "mustRegexReplaceAllLiteral", "mustRegexSplit"]),
    ] {
        let compile = move |pattern: &Str| if must_raise == Panic::Yes { or_panic(pattern) } else { must(pattern) };
        table.add(find, move |pattern: Str, text: Str| {
            let (regex, text) = (compile(&pattern)?, Searched::new(&text));
            Ok::<_, FunctionError>(regex.find(&text.letters).map_or_else(|| "".into(), |found| text.part(found.range())))
        });
        table.add(find_all, move |pattern: Str, text: Str, count: isize| {
            let (regex, text) = (compile(&pattern)?, Searched::new(&text));
            let limit = usize::try_from(count).unwrap_or(usize::MAX);
            let found = List::strings(regex.find_iter(&text.letters).take(limit).map(|found| text.part(found.range())));
            Ok::<_, FunctionError>(if found.is_empty() { List::nil(Elem::String) } else { found })
        });
        table.add(replace, move |pattern: Str, text: Str, with: Str| {
            let regex = compile(&pattern)?;
            Ok::<_, FunctionError>(match (text.as_str(), with.as_str()) {
                (Some(text), Some(with)) => regex.replace_all(text, with).into_owned().into(),
                _ => Searched::new(&text).replaced(&regex, &with),
            })
        });
        table.add(literal, move |pattern: Str, text: Str, with: Str| {
            let regex = compile(&pattern)?;
            Ok::<_, FunctionError>(match (text.as_str(), with.as_str()) {
                (Some(text), Some(with)) => regex.replace_all(text, regex::NoExpand(with)).into_owned().into(),
                _ => Searched::new(&text).replaced_by(&regex, |out, _| out.extend_from_slice(with.as_bytes())),
            })
        });
        table.add(split, move |pattern: Str, text: Str, count: isize| {
            let regex = compile(&pattern)?;
            Ok::<_, FunctionError>(match count {
                0 => List::nil(Elem::String),
                _ => List::strings(split_by(&regex, &pattern, &Searched::new(&text), count)),
            })
        });
    }
}

/// Whether a bad pattern is reported as Go's `MustCompile` does.
#[derive(Clone, Copy, PartialEq)]
enum Panic {
    Yes,
    No,
}

fn must(pattern: &Str) -> Result<Arc<Regex>, FunctionError> {
    compile(pattern).map_err(|error| format!("error parsing regexp: {error}").into())
}

fn or_panic(pattern: &Str) -> Result<Arc<Regex>, FunctionError> {
    compile(pattern).map_err(|error| {
        let Some(pattern) = pattern.as_str() else {
            let quoted = crate::template::format::quote_bytes(pattern.as_bytes());
            return format!("regexp: Compile({quoted}): error parsing regexp: {error}").into();
        };
        let quoted: Cow<str> =
            if !can_backquote(pattern) { crate::template::format::quote(pattern).into() } else { format!("`{pattern}`").into() };
        format!("regexp: Compile({quoted}): error parsing regexp: {error}").into()
    })
}

/// Whether Go shows a text between backquotes.
fn can_backquote(text: &str) -> bool {
    !text.contains(|letter: char| matches!(letter, '`' | '\u{7f}' | '\u{feff}') || letter < ' ' && letter != '\t')
}

fn compile(pattern: &Str) -> Result<Arc<Regex>, String> {
    let Some(pattern) = pattern.as_str() else {
        let bytes = pattern.as_bytes();
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        return Err(format!("invalid UTF-8: `{}`", runes::shown(&bytes[valid..])));
    };
    static CACHE: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
    let mut cache = CACHE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(regex) = cache.get(pattern) {
        return Ok(regex.clone());
    }
    let translated = re2::translate(pattern)?;
    let regex = RegexBuilder::new(&translated).size_limit(SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("expression nests too deeply: `{pattern}`"),
        other => other.to_string().lines().last().unwrap_or("invalid expression").trim_start_matches("error: ").to_owned(),
    })?;
    if cache.len() >= KEPT {
        cache.clear();
    }
    let regex = Arc::new(regex);
    cache.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

/// A text in which Go's letters are looked for: a byte that is no UTF-8 matches as U+FFFD and stays what it is.
struct Searched<'t> {
    bytes: &'t [u8],
    letters: Cow<'t, str>,
    /// Where bytes that are no UTF-8 stand among the letters.
    raw: Vec<usize>,
}

impl<'t> Searched<'t> {
    fn new(text: &'t Str) -> Self {
        let (letters, mut raw) = (text.letters(), Vec::new());
        if text.as_str().is_none() {
            let mut at = 0;
            for (letter, own) in runes::each(text.as_bytes()) {
                if own.len() < letter.len_utf8() {
                    raw.push(at);
                }
                at += letter.len_utf8();
            }
        }
        Searched { bytes: text.as_bytes(), letters, raw }
    }

    /// The place among the bytes.
    fn place(&self, at: usize) -> usize {
        at - self.raw.partition_point(|raw| *raw < at) * (char::REPLACEMENT_CHARACTER.len_utf8() - 1)
    }

    fn slice(&self, range: Range<usize>) -> &'t [u8] {
        &self.bytes[self.place(range.start)..self.place(range.end)]
    }

    fn part(&self, range: Range<usize>) -> Str {
        Str::from_slice(self.slice(range))
    }

    /// The text with each match in other words, in which `$1` and `${name}` are what groups have matched.
    fn replaced(&self, regex: &Regex, with: &Str) -> Str {
        let with = with.as_bytes();
        self.replaced_by(regex, |out, captures| {
            let mut rest = with;
            while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
                out.extend_from_slice(&rest[..at]);
                let behind = &rest[at + 1..];
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let (name, length) = match behind {
                    [b'$', ..] => {
                        out.push(b'$');
                        rest = &behind[1..];
                        continue;
                    }
                    [b'{', inner @ ..] => match inner.iter().position(|byte| *byte == b'}') {
                        Some(end) if end > 0 && inner[..end].iter().all(is_name) => (&inner[..end], end + 2),
                        _ => (&[][..], 0),
                    },
                    _ => {
                        let end = behind.iter().position(|byte| !is_name(byte)).unwrap_or(behind.len());
                        (&behind[..end], end)
                    }
                };
                if length == 0 {
                    out.push(b'$');
                    rest = behind;
                    continue;
                }
                let name = std::str::from_utf8(name).unwrap_or_default();
                let group = name.parse().map_or_else(|_| captures.name(name), |index: usize| captures.get(index));
                out.extend_from_slice(group.map_or(&[], |group| self.slice(group.range())));
                rest = &behind[length..];
            }
            out.extend_from_slice(rest);
        })
    }

    /// The text with something else in place of each match.
    fn replaced_by(&self, regex: &Regex, put: impl Fn(&mut Vec<u8>, &Captures<'_>)) -> Str {
        let (mut out, mut end) = (Vec::with_capacity(self.bytes.len()), 0);
        for captures in regex.captures_iter(&self.letters) {
            let Some(found) = captures.get(0) else { continue };
            out.extend_from_slice(self.slice(end..found.start()));
            put(&mut out, &captures);
            end = found.end();
        }
        out.extend_from_slice(self.slice(end..self.letters.len()));
        Str::from_bytes(out)
    }
}

fn split_by(regex: &Regex, pattern: &Str, searched: &Searched<'_>, count: isize) -> Vec<Str> {
    let text = &*searched.letters;
    if !pattern.is_empty() && text.is_empty() {
        return vec!["".into()];
    }
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for found in regex.find_iter(text).take(limit) {
        if parts.len() + 1 == limit {
            break;
        }
        end = found.start();
        // An empty match at the very start separates nothing.
        if found.end() != 0 {
            parts.push(searched.part(begin..end));
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(searched.part(begin..text.len()));
    }
    parts
}

fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
