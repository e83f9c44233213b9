//! Lists: building, taking apart, searching.

use super::cast;
use crate::template::call::{FunctionError, Rest, Table};
use crate::template::value::{Elem, IntKind, Kind, List, Value};

pub(super) fn register(table: &mut Table) {
    table.add("list", |items: Rest<Value>| items.0);
    table.alias("tuple", "list");
    table.add("concat", concat);
    for (name, must) in [("append", "mustAppend"), ("push", "mustPush")] {
        table.add(name, |list: Value, item: Value| append(&list, item));
        table.alias(must, name);
    }
    table.add("prepend", |list: Value, item: Value| {
        let mut items = vec![item];
        items.extend(items_of(&list, "Cannot prepend on type")?);
        Ok::<_, FunctionError>(items)
    });
    table.add("first", |list: Value| Ok::<_, FunctionError>(items_of(&list, "Cannot find first on type")?.into_iter().next()));
    table.add("last", |list: Value| Ok::<_, FunctionError>(items_of(&list, "Cannot find last on type")?.into_iter().next_back()));
    table.add("rest", |list: Value| {
        let mut items = items_of(&list, "Cannot find rest on type")?;
        Ok::<_, FunctionError>(if items.is_empty() { List::nil(Elem::Any) } else { List::any(items.split_off(1)) })
    });
    table.add("initial", |list: Value| {
        let mut items = items_of(&list, "Cannot find initial on type")?;
        Ok::<_, FunctionError>(if items.pop().is_none() { List::nil(Elem::Any) } else { List::any(items) })
    });
    table.add("reverse", |list: Value| {
        let mut items = items_of(&list, "Cannot find reverse on type")?;
        items.reverse();
        Ok::<_, FunctionError>(items)
    });
    table.add("compact", |list: Value| {
        let mut items = items_of(&list, "Cannot compact on type")?;
        items.retain(Value::truth);
        Ok::<_, FunctionError>(items)
    });
    table.add("uniq", |list: Value| {
        let mut found: Vec<Value> = Vec::new();
        for item in items_of(&list, "Cannot find uniq on type")? {
            if !contains(&found, &item) {
                found.push(item);
            }
        }
        Ok::<_, FunctionError>(found)
    });
    table.add("without", |list: Value, left_out: Rest<Value>| {
        let mut items = items_of(&list, "Cannot find without on type")?;
        items.retain(|item| !contains(&left_out, item));
        Ok::<_, FunctionError>(items)
    });
    table.add("has", |needle: Value, list: Value| match list {
        Value::Nil => Ok(false),
        list => Ok::<_, FunctionError>(contains(&items_of(&list, "Cannot find has on type")?, &needle)),
    });
    table.add("slice", slice);
    table.add("chunk", chunk);
    for name in ["prepend", "first", "last", "rest", "initial", "reverse", "compact", "uniq", "without", "has", "slice", "chunk"] {
        table.alias(must_name(name), name);
    }
}

fn must_name(name: &str) -> &'static str {
    match name {
        "prepend" => "mustPrepend",
        "first" => "mustFirst",
        "last" => "mustLast",
        "rest" => "mustRest",
        "initial" => "mustInitial",
        "reverse" => "mustReverse",
        "compact" => "mustCompact",
        "uniq" => "mustUniq",
        "without" => "mustWithout",
        "has" => "mustHas",
        "slice" => "mustSlice",
        _ => "mustChunk",
    }
}

/// The elements, where the value is a slice of any type.
pub(super) fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.items().to_vec()),
        Value::Bytes(bytes) => Some(bytes.iter().map(|&byte| Value::Int(i64::from(byte), IntKind::Uint8)).collect()),
        Value::Object(object) if object.kind() == Kind::Slice => Some(object.entries()?.into_iter().map(|(_, item)| item).collect()),
        _ => None,
    }
}

fn items_of(value: &Value, complaint: &str) -> Result<Vec<Value>, FunctionError> {
    match (elements(value), value) {
        (Some(items), _) => Ok(items),
        (None, Value::Nil) => Err("runtime error: invalid memory address or nil pointer dereference".into()),
        (None, other) => Err(format!("{complaint} {}", other.kind_name()).into()),
    }
}

/// A list that was never appended to is a nil slice.
fn or_nil(items: Vec<Value>) -> List {
    if items.is_empty() { List::nil(Elem::Any) } else { List::any(items) }
}

fn contains(items: &[Value], needle: &Value) -> bool {
    items.iter().any(|item| item.deep_equal(needle))
}

fn append(list: &Value, item: Value) -> Result<Vec<Value>, FunctionError> {
    let mut items = items_of(list, "Cannot push on type")?;
    items.push(item);
    Ok(items)
}

fn concat(lists: Rest<Value>) -> Result<List, FunctionError> {
    let mut all = Vec::new();
    for list in lists {
        match elements(&list) {
            Some(items) => all.extend(items),
            None if list.is_nil() => return Err("runtime error: invalid memory address or nil pointer dereference".into()),
            None => return Err(format!("Cannot concat type {} as list", list.kind_name()).into()),
        }
    }
    Ok(or_nil(all))
}

fn slice(list: Value, bounds: Rest<Value>) -> Result<Value, FunctionError> {
    let items = items_of(&list, "list should be type of slice or array but")?;
    let length = items.len() as i64;
    if length == 0 {
        return Ok(Value::Nil);
    }
    let start = bounds.first().map_or(0, cast::int);
    let end = bounds.get(1).map_or(length, cast::int);
    if start < 0 || end < start || end > length {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    }
    let range = start as usize..end as usize;
    Ok(match &list {
        Value::Bytes(bytes) => Value::Bytes(bytes[range].into()),
        Value::List(list) => Value::List(List::new(items[range].to_vec(), list.elem())),
        _ => Value::List(List::any(items[range].to_vec())),
    })
}

fn chunk(size: isize, list: Value) -> Result<List, FunctionError> {
    let items = items_of(&list, "Cannot chunk type")?;
    let Ok(size @ 1..) = usize::try_from(size) else { return backwards(size, &items) };
    let chunks = items.chunks(size).map(|chunk| Value::from(chunk.to_vec())).collect();
    Ok(List::new(chunks, Elem::Named("[]interface {}")))
}

/// Chunks of no or a negative length, which only few lists survive.
fn backwards(size: isize, items: &[Value]) -> Result<List, FunctionError> {
    let chunks = match items.len() {
        1 if size < -1 => vec![Value::from(items.to_vec())],
        length @ 2.. if size < 0 && length - 1 <= size.unsigned_abs() => Vec::new(),
        _ => return Err("runtime error: makeslice: len out of range".into()),
    };
    Ok(List::new(chunks, Elem::Named("[]interface {}")))
}
