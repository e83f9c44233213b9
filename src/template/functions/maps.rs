//! Maps: building, reading, changing in place, merging.

use super::cast;
use super::data::no_nil;
use crate::template::call::{FunctionError, Rest, Table};
use crate::template::value::{Entries, List, Map, MapType, Str, Value};

/// Maps nested deeper than this, such as one that contains itself, are refused.
const MAX_DEPTH: usize = 200;

pub(super) fn register(table: &mut Table) {
    table.add("dict", dict);
    table.add("get", |map: Map, key: Str| map.get_bytes(key.as_bytes()).unwrap_or_else(|| Value::from("")));
    table.add("set", |map: Map, key: Str, value: Value| {
        map.insert(key, value);
        map
    });
    table.add("unset", |map: Map, key: Str| {
        map.remove(key.as_bytes());
        map
    });
    table.add("hasKey", |map: Map, key: Str| map.read().contains_key(key.as_bytes()));
    table.add("keys", |maps: Rest<Map>| List::strings(maps.iter().flat_map(Map::keys)));
    table.add("values", |map: Map| map.entries().into_iter().map(|(_, value)| value).collect::<Vec<_>>());
    table.add("pick", |map: Map, keys: Rest<Str>| {
        let entries = map.read();
        keys.iter().filter_map(|key| Some((key.clone(), entries.get(key.as_bytes())?.clone()))).collect::<Map>()
    });
    table.add("omit", |map: Map, keys: Rest<Str>| map.entries().into_iter().filter(|(key, _)| !keys.contains(key)).collect::<Map>());
    table.add("pluck", |key: Str, maps: Rest<Map>| maps.iter().filter_map(|map| map.get_bytes(key.as_bytes())).collect::<Vec<_>>());
    table.add("dig", dig);
    table.add("merge", |target: Map, sources: Rest<Map>| merge_all(target, &sources, Winner::Target));
    table.add("mergeOverwrite", |target: Map, sources: Rest<Map>| merge_all(target, &sources, Winner::Source));
    table.alias("mustMerge", "merge");
    table.alias("mustMergeOverwrite", "mergeOverwrite");
    table.add("deepCopy", |value: Value| deep_copy(&no_nil(value)?, 0));
    table.alias("mustDeepCopy", "deepCopy");
}

fn dict(values: Rest<Value>) -> Map {
    let mut entries = Entries::new();
    let mut values = values.into_iter();
    while let Some(key) = values.next() {
        entries.insert(cast::text(&key), values.next().unwrap_or_else(|| Value::from("")));
    }
    Map::with_type(entries, MapType::Any)
}

fn dig(arguments: Rest<Value>) -> Result<Value, FunctionError> {
    let [keys @ .., default, map] = arguments.as_slice() else { return Err("dig needs at least three arguments".into()) };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let mut current = map.clone();
    let mut names = Vec::with_capacity(keys.len());
    plain_map(&current)?;
    for key in keys {
        match key {
            Value::String(name) => names.push(name.clone()),
            other => return Err(conversion(other, "string")),
        }
    }
    for name in names {
        match plain_map(&current)?.get_bytes(name.as_bytes()) {
            None => return Ok(default.clone()),
            Some(value) => current = value,
        }
    }
    Ok(current)
}

fn plain_map(value: &Value) -> Result<&Map, FunctionError> {
    match value {
        Value::Map(map) if map.map_type() == MapType::Any => Ok(map),
        other => Err(conversion(other, "map[string]interface {}")),
    }
}

fn conversion(value: &Value, wanted: &str) -> FunctionError {
    let is = if value.is_nil() { "nil".into() } else { value.type_name() };
    format!("interface conversion: interface {{}} is {is}, not {wanted}").into()
}

/// Whose value stays where both maps have one.
#[derive(Clone, Copy, PartialEq)]
enum Winner {
    Target,
    Source,
}

fn merge_all(target: Map, sources: &[Map], winner: Winner) -> Result<Map, FunctionError> {
    for source in sources {
        merge(&target, source, winner, 0)?;
    }
    Ok(target)
}

/// Merges in place. Maps merge deeply, lists replace; an empty value of the target (0, false, "", nil) gives way in any case.
fn merge(target: &Map, source: &Map, winner: Winner, depth: usize) -> Result<(), FunctionError> {
    if depth > MAX_DEPTH {
        return Err("maps are nested too deeply to be merged".into());
    }
    if target.same(source) {
        return Ok(());
    }
    for (key, value) in source.entries() {
        let present = target.get_bytes(key.as_bytes());
        if value.is_nil() {
            if winner == Winner::Source {
                target.insert(key, value);
            }
            continue;
        }
        if let (Value::Map(from), Some(Value::Map(into))) = (&value, &present) {
            merge(into, from, winner, depth + 1)?;
            // Both may be empty: then the target takes the source's own map, and with it its type and its later changes.
            if !into.is_empty() {
                continue;
            }
        }
        if winner == Winner::Source || !present.is_some_and(|present| present.truth()) {
            target.insert(key, value);
        }
    }
    Ok(())
}

fn deep_copy(value: &Value, depth: usize) -> Result<Value, FunctionError> {
    if depth > MAX_DEPTH {
        return Err("values are nested too deeply to be copied".into());
    }
    Ok(match value {
        Value::List(list) => {
            let items = list.items().iter().map(|item| deep_copy(item, depth + 1)).collect::<Result<_, _>>()?;
            Value::List(List::new(items, list.elem()))
        }
        Value::Map(map) => {
            let entries = map.entries().into_iter().map(|(key, value)| Ok((key, deep_copy(&value, depth + 1)?)));
            Value::Map(Map::with_type(entries.collect::<Result<_, FunctionError>>()?, map.map_type()))
        }
        other => other.clone(),
    })
}
