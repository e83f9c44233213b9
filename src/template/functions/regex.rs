//! Regular expressions in RE2's syntax, over the `regex` crate.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use regex::{Regex, RegexBuilder};

use super::re2;
use crate::template::call::{FunctionError, Table};
use crate::template::value::{Elem, List};

/// Compiled expressions that are kept.
const KEPT: usize = 512;
/// Bytes that one compiled expression may take.
const SIZE_LIMIT: usize = 16 << 20;

pub(super) fn register(table: &mut Table) {
    table.add("regexMatch", |pattern: Arc<str>, text: Arc<str>| compile(&pattern).is_ok_and(|regex| regex.is_match(&text)));
    table.add("mustRegexMatch", |pattern: Arc<str>, text: Arc<str>| Ok::<_, FunctionError>(must(&pattern)?.is_match(&text)));
    table.add("regexQuoteMeta", |text: Arc<str>| quote_meta(&text));
    for (must_raise, [find, find_all, replace, literal, split]) in [
        (Panic::Yes, ["regexFind", "regexFindAll", "regexReplaceAll", "regexReplaceAllLiteral", "regexSplit"]),
        (Panic::No, ["mustRegexFind", "mustRegexFindAll", "mustRegexReplaceAll", "mustRegexReplaceAllLiteral", "mustRegexSplit"]),
    ] {
        let compile = move |pattern: &str| if must_raise == Panic::Yes { or_panic(pattern) } else { must(pattern) };
        table.add(find, move |pattern: Arc<str>, text: Arc<str>| {
            let regex = compile(&pattern)?;
            Ok::<_, FunctionError>(regex.find(&text).map_or("", |found| found.as_str()).to_owned())
        });
        table.add(find_all, move |pattern: Arc<str>, text: Arc<str>, count: isize| {
            let regex = compile(&pattern)?;
            let limit = usize::try_from(count).unwrap_or(usize::MAX);
            let found = List::strings(regex.find_iter(&text).take(limit).map(|found| found.as_str()));
            Ok::<_, FunctionError>(if found.is_empty() { List::nil(Elem::String) } else { found })
        });
        table.add(replace, move |pattern: Arc<str>, text: Arc<str>, with: Arc<str>| {
            Ok::<_, FunctionError>(compile(&pattern)?.replace_all(&text, &*with).into_owned())
        });
        table.add(literal, move |pattern: Arc<str>, text: Arc<str>, with: Arc<str>| {
            Ok::<_, FunctionError>(compile(&pattern)?.replace_all(&text, regex::NoExpand(&with)).into_owned())
        });
        table.add(split, move |pattern: Arc<str>, text: Arc<str>, count: isize| {
            let regex = compile(&pattern)?;
            Ok::<_, FunctionError>(match count {
                0 => List::nil(Elem::String),
                _ => List::strings(split_by(&regex, &pattern, &text, count)),
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

fn must(pattern: &str) -> Result<Arc<Regex>, FunctionError> {
    compile(pattern).map_err(|error| format!("error parsing regexp: {error}").into())
}

fn or_panic(pattern: &str) -> Result<Arc<Regex>, FunctionError> {
    compile(pattern).map_err(|error| {
        let quoted: Cow<str> =
            if !can_backquote(pattern) { crate::template::format::quote(pattern).into() } else { format!("`{pattern}`").into() };
        format!("regexp: Compile({quoted}): error parsing regexp: {error}").into()
    })
}

/// Whether Go shows a text between backquotes.
fn can_backquote(text: &str) -> bool {
    !text.contains(|letter: char| matches!(letter, '`' | '\u{7f}' | '\u{feff}') || letter < ' ' && letter != '\t')
}

fn compile(pattern: &str) -> Result<Arc<Regex>, String> {
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

fn split_by<'t>(regex: &Regex, pattern: &str, text: &'t str, count: isize) -> Vec<&'t str> {
    if !pattern.is_empty() && text.is_empty() {
        return vec![""];
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
            parts.push(&text[begin..end]);
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(&text[begin..]);
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
