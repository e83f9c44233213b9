//! Go's own functions, which every template has: comparison, logic, indexing, printing and escaping.
//!
//! They see more of a value than other functions do: whether there is none at all, or a nil that stands in a container.

use super::call::{FunctionError, Type};
use super::format::{self, is_print, sprint, sprintf, sprintln};
use super::runes;
use super::value::{IntKind, List, Str, Value};

/// One of Go's own functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Builtin {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Len,
    Index,
    Slice,
    Print,
    Printf,
    Println,
    Html,
    Js,
    UrlQuery,
    Call,
}

/// An argument: no value at all, or a value (nil where a container holds nil).
pub type Argument = Option<Value>;

type Result<T> = std::result::Result<T, FunctionError>;

impl Builtin {
    /// The names of all.
    pub const NAMES: [&str; 19] = [
        "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "printf", "println", "html", "js",
        "urlquery", "call",
    ];

    /// The function of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Builtin::And,
            "or" => Builtin::Or,
            "not" => Builtin::Not,
            "eq" => Builtin::Eq,
            "ne" => Builtin::Ne,
            "lt" => Builtin::Lt,
            "le" => Builtin::Le,
            "gt" => Builtin::Gt,
            "ge" => Builtin::Ge,
            "len" => Builtin::Len,
            "index" => Builtin::Index,
            "slice" => Builtin::Slice,
            "print" => Builtin::Print,
            "printf" => Builtin::Printf,
            "println" => Builtin::Println,
            "html" => Builtin::Html,
            "js" => Builtin::Js,
            "urlquery" => Builtin::UrlQuery,
            "call" => Builtin::Call,
            _ => return None,
        })
    }

    /// The fixed parameters' types and the variadic one's.
    pub fn signature(self) -> (&'static [Type], Option<Type>) {
        const ONE: &[Type] = &[Type::Reflect];
        const TWO: &[Type] = &[Type::Reflect, Type::Reflect];
        match self {
            Builtin::And | Builtin::Or | Builtin::Eq | Builtin::Index | Builtin::Slice | Builtin::Call => (ONE, Some(Type::Reflect)),
            Builtin::Not | Builtin::Len => (ONE, None),
            Builtin::Ne | Builtin::Lt | Builtin::Le | Builtin::Gt | Builtin::Ge => (TWO, None),
            Builtin::Print | Builtin::Println | Builtin::Html | Builtin::Js | Builtin::UrlQuery => (&[], Some(Type::Any)),
            Builtin::Printf => (&[Type::String], Some(Type::Any)),
        }
    }

    /// Calls it with arguments that fit its signature. `and`, `or` and `call` belong to the interpreter.
    pub fn call(self, arguments: Vec<Argument>) -> Result<Argument> {
        match (self, arguments.as_slice()) {
            (Builtin::Not, [value]) => boolean(!truth(value)),
            (Builtin::Eq, [first, rest @ ..]) => boolean(equal(first, rest)?),
            (Builtin::Ne, [first, rest @ ..]) => boolean(!equal(first, rest)?),
            (Builtin::Lt, [a, b]) => boolean(less(a, b)?),
            (Builtin::Le, [a, b]) => boolean(less_or_equal(a, b)?),
            (Builtin::Gt, [a, b]) => boolean(!less_or_equal(a, b)?),
            (Builtin::Ge, [a, b]) => boolean(!less(a, b)?),
            (Builtin::Len, [value]) => length(value).map(|length| Some(Value::int(length as i64))),
            (Builtin::Index, [item, indexes @ ..]) => index(item, indexes).map(Some),
            (Builtin::Slice, [item, indexes @ ..]) => slice(item, indexes).map(Some),
            (Builtin::Print, _) => text(sprint(&values(arguments))),
            (Builtin::Println, _) => text(sprintln(&values(arguments))),
            (Builtin::Printf, [Some(Value::String(_)), ..]) => {
                let values = values(arguments);
                match values.split_first() {
                    Some((Value::String(format), operands)) => text(sprintf(format.as_bytes(), operands)),
                    _ => Err("printf needs a format".into()),
                }
            }
            (Builtin::Html, _) => text(escape_html(&printed(arguments))),
            (Builtin::Js, _) => text(escape_js(&printed(arguments))),
            (Builtin::UrlQuery, _) => text(escape_query(&printed(arguments))),
            _ => Err("arguments do not fit".into()),
        }
    }
}

/// Truth in the sense of `if`.
pub fn truth(value: &Argument) -> bool {
    value.as_ref().is_some_and(Value::truth)
}

fn boolean(truth: bool) -> Result<Argument> {
    Ok(Some(Value::Bool(truth)))
}

fn text(bytes: Vec<u8>) -> Result<Argument> {
    Ok(Some(Value::String(Str::from_bytes(bytes))))
}

fn values(arguments: Vec<Argument>) -> Vec<Value> {
    arguments.into_iter().map(Option::unwrap_or_default).collect()
}

/// What the escaping functions take: a single string as it is, anything else as the output would show it.
fn printed(arguments: Vec<Argument>) -> Vec<u8> {
    let shown = |value: Value| if value.is_nil() { Value::from("<no value>") } else { value };
    sprint(&values(arguments).into_iter().map(shown).collect::<Vec<_>>())
}

/// A value, unless it is nil.
fn present(argument: &Argument) -> Option<&Value> {
    argument.as_ref().filter(|value| !value.is_nil())
}

#[derive(PartialEq)]
enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    String,
}

fn basic(value: &Value) -> Option<Basic> {
    match value {
        Value::Bool(_) => Some(Basic::Bool),
        Value::Int(_, kind) if kind.is_unsigned() => Some(Basic::Uint),
        Value::Int(..) | Value::Duration(_) => Some(Basic::Int),
        Value::Float(_) => Some(Basic::Float),
        Value::String(_) => Some(Basic::String),
        _ => None,
    }
}

fn incompatible(a: &Value, b: &Value) -> FunctionError {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()).into()
}

/// An integer of any kind, wide enough to compare signed and unsigned ones.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number, IntKind::Uint64) => Some(i128::from(*number as u64)),
        Value::Int(number, _) | Value::Duration(number) => Some(i128::from(*number)),
        _ => None,
    }
}

fn equal(first: &Argument, rest: &[Argument]) -> Result<bool> {
    if rest.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in rest {
        let same = match (present(first), present(other)) {
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
            (Some(a), Some(b)) => equal_values(a, b)?,
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_values(a: &Value, b: &Value) -> Result<bool> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Ok(a == b);
    }
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::String(a), Value::String(b)) => Ok(a == b),
        _ if basic(a).is_some() || basic(b).is_some() => Err(incompatible(a, b)),
        _ if a.kind() != b.kind() => {
            Err(format!("non-comparable types {}: {}, {}: {}", as_string(a), a.type_name(), b.type_name(), b.to_text().shown()).into())
        }
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::Object(x), Value::Object(y)) if x.entries().is_none() && y.entries().is_none() => Ok(a.deep_equal(b)),
        _ => Err(format!("non-comparable type {}: {}", as_string(b), b.type_name()).into()),
    }
}

/// A value by the verb `%s`, complaints about numbers inside included.
fn as_string(value: &Value) -> String {
    runes::shown(&sprintf(b"%s", std::slice::from_ref(value))).into_owned()
}

fn less(a: &Argument, b: &Argument) -> Result<bool> {
    const INVALID: FunctionError = FunctionError::Message(std::borrow::Cow::Borrowed("invalid type for comparison"));
    let (a, b) = (present(a).ok_or(INVALID)?, present(b).ok_or(INVALID)?);
    let (kind, other) = (basic(a).ok_or(INVALID)?, basic(b).ok_or(INVALID)?);
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Ok(a < b);
    }
    if kind != other {
        return Err(incompatible(a, b));
    }
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => Ok(a < b),
        (Value::String(a), Value::String(b)) => Ok(a < b),
        _ => Err(INVALID),
    }
}

fn less_or_equal(a: &Argument, b: &Argument) -> Result<bool> {
    Ok(less(a, b)? || equal(a, std::slice::from_ref(b))?)
}

fn length(argument: &Argument) -> Result<usize> {
    let Some(value) = argument else {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    };
    match value {
        Value::Nil => Err("len of nil pointer".into()),
        Value::String(text) => Ok(text.len()),
        Value::Bytes(bytes) => Ok(bytes.len()),
        Value::List(list) => Ok(list.len()),
        Value::Map(map) => Ok(map.len()),
        Value::Object(object) => {
            object.entries().map(|entries| entries.len()).ok_or_else(|| format!("len of type {}", pointee(value)).into())
        }
        _ => Err(format!("len of type {}", value.type_name()).into()),
    }
}

/// A position from 0 to `limit`, that one included.
fn position(index: &Argument, limit: usize) -> Result<usize> {
    let Some(index) = present(index) else {
        return Err("cannot index slice/array with nil".into());
    };
    let Some(number) = integer(index) else {
        return Err(format!("cannot index slice/array with type {}", index.type_name()).into());
    };
    usize::try_from(number).ok().filter(|at| *at <= limit).ok_or_else(|| format!("index out of range: {}", number as i64).into())
}

/// The type's name behind a pointer.
fn pointee(value: &Value) -> String {
    value.type_name().trim_start_matches('*').to_owned()
}

fn map_key(index: &Argument) -> Result<&Str> {
    match present(index) {
        None => Err("value is nil; should be of type string".into()),
        Some(Value::String(key)) => Ok(key),
        Some(other) => Err(format!("value has type {}; should be string", other.type_name()).into()),
    }
}

fn index(item: &Argument, indexes: &[Argument]) -> Result<Value> {
    let mut item = present(item).cloned().ok_or("index of untyped nil")?;
    for index in indexes {
        item = match &item {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::String(text) => {
                let at = position(index, text.len())?;
                let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
                Value::Int(i64::from(*byte), IntKind::Uint8)
            }
            Value::Bytes(bytes) => {
                let at = position(index, bytes.len())?;
                let byte = bytes.get(at).ok_or("reflect: slice index out of range")?;
                Value::Int(i64::from(*byte), IntKind::Uint8)
            }
            Value::List(list) => {
                let at = position(index, list.len())?;
                list.items().get(at).cloned().ok_or("reflect: slice index out of range")?
            }
            Value::Map(map) => {
                let key = map_key(index)?;
                map.get_bytes(key.as_bytes()).unwrap_or_else(|| map.map_type().elem().zero())
            }
            Value::Object(object) => match object.entries() {
                Some(entries) => {
                    let wanted = present(index).ok_or("value is nil; should be of type string")?;
                    let found = entries.into_iter().find(|(key, _)| key.deep_equal(wanted));
                    found.map(|(_, value)| value).unwrap_or_default()
                }
                None => return Err(format!("can't index item of type {}", pointee(&item)).into()),
            },
            other => return Err(format!("can't index item of type {}", other.type_name()).into()),
        };
    }
    Ok(item)
}

fn slice(item: &Argument, indexes: &[Argument]) -> Result<Value> {
    let item = present(item).ok_or("slice of untyped nil")?;
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let length = match item {
        Value::String(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("can't slice item of type {}", pointee(other)).into()),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length)?;
    }
    let [from, to, end] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}").into());
    }
    if to > end {
        return Err(format!("invalid slice index: {to} > {end}").into());
    }
    Ok(match item {
        Value::String(text) => Value::String(Str::from_slice(&text.as_bytes()[from..to])),
        Value::Bytes(bytes) => Value::Bytes(bytes[from..to].into()),
        Value::List(list) => Value::List(List::new(list.items()[from..to].to_vec(), list.elem())),
        other => other.clone(),
    })
}

fn escape_html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(*other),
        }
    }
    out
}

fn escape_js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (character, own) in runes::each(text) {
        match character {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..'\x20' => out.extend_from_slice(format!("\\u{:04X}", u32::from(character)).as_bytes()),
            ' '..='\x7f' => out.extend_from_slice(own),
            other if is_print(other) => out.extend_from_slice(own),
            other => out.extend_from_slice(format!("\\u{:04X}", u32::from(other)).as_bytes()),
        }
    }
    out
}

fn escape_query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            other => out.extend_from_slice(format!("%{other:02X}").as_bytes()),
        }
    }
    out
}

/// What the output shows of a pipeline's value.
pub fn write_output(out: &mut Vec<u8>, value: &Argument) {
    match value {
        None | Some(Value::Nil) => out.extend_from_slice(b"<no value>"),
        Some(value) => format::print_value(out, value),
    }
}
