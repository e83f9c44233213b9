//! What minijinja says of a failure, in the shape that failures of Go templates have: place, message, advice, values.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::functions::{Failed, JINJA_NAMES, missed};
use super::tilde::Readable;
use super::value::{Numbers, Shared, with_numbers};
use crate::template::ast::Source;
use crate::template::error::{Cause, ExecError, ParseError, Place};
use crate::template::hint::{self, Hint, Involved};
use crate::template::value::{Map, Value};

/// The templates by name.
pub type Sources = HashMap<Arc<str>, File>;

/// A template's text, and what the names in it are relative to.
#[derive(Clone, Debug)]
pub struct File {
    /// The text.
    pub source: Arc<Source>,
    /// The same as minijinja reads it.
    pub readable: Readable,
    /// `shop/templates`.
    pub folder: Arc<str>,
}

/// A text that is no template.
pub fn syntax(error: &Error, file: &File) -> ParseError {
    let source = &file.source;
    let span = span(error, file);
    let length = source.text.len();
    let span = span.start.min(length)..span.end.clamp(span.start.min(length), length);
    ParseError::new(source.clone(), error.line().unwrap_or(1), span, sentence(error))
}

/// An execution that failed; `data` is what the template saw.
pub fn execution(error: &Error, sources: &Sources, shared: &Shared, data: &Value) -> ExecError {
    let place = place(error, sources);
    let tag = place.as_ref().map(tag_around).unwrap_or_default();
    let (mut hint, mut involved) = (None, Vec::new());
    let source = std::error::Error::source(error);
    let cause = if let Some(failed) = source.and_then(|source| source.downcast_ref::<Failed>()) {
        involved = named_in(tag, data);
        Cause::of_call(&failed.name, failed.error.clone())
    } else if let Some(inner) = source.and_then(|source| source.downcast_ref::<Error>()) {
        Cause::Nested { context: String::new(), error: Box::new(execution(inner, sources, shared, data)) }
    } else {
        hint = advice(error, sources, shared, data);
        if hint.is_none() {
            involved = named_in(tag, data);
        }
        Cause::Message(sentence(error))
    };
    ExecError { place, cause, hint, involved, partial: None }
}

fn advice(error: &Error, sources: &Sources, shared: &Shared, data: &Value) -> Option<Hint> {
    match error.kind() {
        ErrorKind::UndefinedError => undefined(error.detail().unwrap_or_default(), shared, data),
        ErrorKind::OutOfFuel => {
            let text = "a loop may be longer than meant; loops inside of one another make many steps".into();
            Some(Hint { text, owner: None })
        }
        ErrorKind::UnknownFunction | ErrorKind::UnknownFilter => alike(unknown(error), shared),
        ErrorKind::TemplateNotFound => templates(sources.get(error.name()?)?, sources),
        _ => None,
    }
}

fn place(error: &Error, sources: &Sources) -> Option<Place> {
    let file = sources.get(error.name()?)?;
    let (source, text) = (&file.source, &*file.source.text);
    let span = span(error, file);
    let span = undefined_path(error).and_then(|path| found_near(path, &span, text)).unwrap_or(span);
    let offset = span.start.min(text.len());
    let node = text.get(span).unwrap_or_default().trim();
    // the first half of `a ~ b`
    let node = node.strip_suffix('~').unwrap_or(node).trim_end().to_owned();
    Some(Place { source: source.clone(), offset, template: source.name.clone(), node })
}

/// Where the error is in the text as it was written.
fn span(error: &Error, file: &File) -> Range<usize> {
    match error.range() {
        Some(range) => file.readable.written(range.start)..file.readable.written(range.end),
        None => line_span(&file.source.text, error.line().unwrap_or(1)),
    }
}

/// The path in `` `Values.image.tga` is undefined``.
fn undefined_path(error: &Error) -> Option<&str> {
    error.detail().filter(|_| error.kind() == ErrorKind::UndefinedError)?.split('`').nth(1)
}

/// Where a path stands in the line of a span, before its end: the span may be that of the filter or of the key behind the path.
fn found_near(path: &str, span: &Range<usize>, text: &str) -> Option<Range<usize>> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let at = start + text.get(start..span.end)?.rfind(path)?;
    Some(at..at + path.len())
}

/// The tag around a place, braces left out.
fn tag_around(place: &Place) -> &str {
    let text = &*place.source.text;
    let start = ["{{", "{%"].iter().filter_map(|brace| text[..place.offset].rfind(brace)).max().unwrap_or(place.offset);
    let end = ["}}", "%}"].iter().filter_map(|brace| text[place.offset..].find(brace)).min();
    &text[start..end.map_or(text.len(), |end| place.offset + end)]
}

/// The bytes of a line without the space at its ends.
fn line_span(text: &str, line: usize) -> Range<usize> {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let line = text[start..].lines().next().unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    start + indent..start + line.trim_end().len().max(indent)
}

fn sentence(error: &Error) -> String {
    let detail = error.detail();
    match (error.kind(), detail) {
        (ErrorKind::OutOfFuel, _) => format!("template runs without end: more than {} steps", super::FUEL),
        (ErrorKind::UnknownFunction, Some(_)) => format!("there is no function `{}`", unknown(error)),
        (ErrorKind::UnknownFilter, Some(_)) => format!("there is no filter `{}`", unknown(error)),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    }
}

/// The name in `NAME is unknown` and `filter NAME is unknown`.
fn unknown(error: &Error) -> &str {
    let detail = error.detail().unwrap_or_default();
    let detail = detail.strip_prefix("filter ").unwrap_or(detail);
    detail.split(' ').next().unwrap_or_default()
}

/// The name of a function that is most like a wanted one.
fn alike(wanted: &str, shared: &Shared) -> Option<Hint> {
    let names: Map = shared.table.names().into_iter().chain(JINJA_NAMES).map(|name| (name, Value::Nil)).collect();
    hint::keys_alike(wanted, &names).map(|name| Hint { text: format!("did you mean `{name}`?"), owner: None })
}

/// The templates that a file can name.
fn templates(file: &File, sources: &Sources) -> Option<Hint> {
    let names = sources.values().filter(|other| other.folder == file.folder);
    let mut names: Vec<&str> = names.filter_map(|other| other.source.name.strip_prefix(&*file.folder)?.strip_prefix('/')).collect();
    names.sort_unstable();
    Some(Hint { text: format!("the templates that can be named in {} are {}", file.folder, names.join(", ")), owner: None })
}

/// For `` `Values.image.tga` is undefined``: the keys that are there.
fn undefined(detail: &str, shared: &Shared, data: &Value) -> Option<Hint> {
    let path = detail.split('`').nth(1)?;
    let root = path.split('.').next().unwrap_or_default();
    let path = match missed(shared) {
        Some((_, missing)) if missing == root => root,
        _ => path,
    };
    let (parent, key) = path.rsplit_once('.').map_or((None, path), |(parent, key)| (Some(parent), key));
    let found = match parent {
        Some(parent) => look_up(parent, data).and_then(|found| found.value),
        None => Some(data.clone()),
    };
    let map = match found {
        Some(Value::Nil) => return None,
        Some(Value::Map(map)) => map,
        _ => missed(shared).filter(|(_, missing)| missing == key)?.0,
    };
    let owner = parent.map_or_else(|| "at the top".to_owned(), |parent| format!("of `{parent}`"));
    let text = hint::keys_beside(key, &map, &owner).unwrap_or_else(|| format!("`{}` is empty", parent.unwrap_or("the data")));
    Some(Hint { text, owner: Some(map) })
}

/// The values that an expression names.
fn named_in(node: &str, data: &Value) -> Vec<Involved> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
    let mut found: Vec<Involved> = Vec::new();
    // a method is no value
    let is_called = |word: &str| node[word.as_ptr() as usize - node.as_ptr() as usize + word.len()..].starts_with('(');
    for word in node.split(|letter| !is_part(letter)).filter(|word| word.contains('.') && !is_called(word)) {
        let one = look_up(word.trim_matches('.'), data).filter(|one| found.iter().all(|known| known.name != one.name));
        let told = |one: Involved| Involved { value: one.value.map(|value| with_numbers(value, Numbers::Whole, 0)), ..one };
        found.extend(one.map(told));
    }
    found
}

/// What `a.b.c` of the data is, or the first part that is missing.
fn look_up(path: &str, data: &Value) -> Option<Involved> {
    let mut one = Involved { name: String::new(), value: Some(data.clone()), holder: None };
    for part in path.split('.') {
        let name = if one.name.is_empty() { part.to_owned() } else { format!("{}.{part}", one.name) };
        let (value, holder) = match one.value.clone()? {
            Value::Nil => return Some(one),
            Value::Map(map) => (map.get(part), Some((map, part.to_owned()))),
            Value::Object(object) => (Some(object.field(part)?), None),
            _ => return None,
        };
        if value.is_none() && one.name.is_empty() {
            return None;
        }
        one = Involved { name, value, holder };
        if one.value.is_none() {
            break;
        }
    }
    Some(one)
}
