//! Values on their way into a Jinja template and back: containers stay the shared handles that they are, scalars are copied.
//!
//! Whole numbers become integers, since YAML's are floats only by Helm's reading: `1000000` prints so. On the way back a number takes
//! the type of the parameter that it is given to, as a literal of a Go template does.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Value as JinjaValue, ValueKind};
use minijinja::{Error, ErrorKind, State};

use super::functions;
use crate::template::call::{Detached, Table, Type};
use crate::template::set::Limits;
use crate::template::value::{Elem, IntKind, Kind, List, MAX_DEPTH, Map, MapType, Value};

/// What all values and functions of a set of templates share.
#[derive(Debug)]
pub struct Shared {
    /// The functions and methods.
    pub table: Arc<Table>,
    /// The bounds of what a function makes.
    pub limits: Limits,
    /// The map and the key that were last looked for in vain, for advice.
    pub missed: Mutex<Option<(Map, String)>>,
}

impl Shared {
    fn miss(&self, map: &Map, key: &str) {
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = Some((map.clone(), key.to_owned()));
    }
}

/// A container, or another value that Jinja does not know, as Jinja sees it.
#[derive(Clone)]
pub struct Proxy {
    /// The value.
    pub value: Value,
    shared: Arc<Shared>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value.type_name())
    }
}

impl Object for Proxy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match &self.value {
            Value::Map(_) => ObjectRepr::Map,
            Value::List(_) | Value::Bytes(_) => ObjectRepr::Seq,
            Value::Object(object) if object.kind() == Kind::Slice => ObjectRepr::Seq,
            Value::Object(object) if object.entries().is_some() => ObjectRepr::Map,
            _ => ObjectRepr::Plain,
        }
    }

    fn get_value(self: &Arc<Self>, key: &JinjaValue) -> Option<JinjaValue> {
        if let Some(key) = key.as_str() {
            return self.get_value_by_str(key);
        }
        let item = match &self.value {
            Value::Map(map) => match key.downcast_object_ref::<Self>().map(|key| &key.value) {
                Some(Value::String(key)) => map.get_bytes(key.as_bytes())?,
                _ => return None,
            },
            Value::List(list) => list.items().get(key.as_usize()?).cloned()?,
            Value::Bytes(bytes) => Value::int(i64::from(*bytes.get(key.as_usize()?)?)),
            Value::Object(object) => object.entries()?.into_iter().nth(key.as_usize()?)?.1,
            _ => return None,
        };
        Some(to_jinja(item, &self.shared))
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<JinjaValue> {
        let found = match &self.value {
            Value::Map(map) => map.get(key),
            Value::Object(object) => object.field(key).or_else(|| {
                let entries = object.entries()?;
                entries.into_iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
            }),
            _ => None,
        };
        if let Some(value) = found {
            return Some(to_jinja(value, &self.shared));
        }
        // Go calls a method without arguments where its name stands
        let method = self.shared.table.get_method(&self.value.type_name(), key);
        if let Some(method) = method.filter(|method| method.fixed().is_empty() && method.rest().is_none()) {
            return Some(match method.invoke(&mut Detached, vec![self.value.clone()]) {
                Ok(value) => to_jinja(value, &self.shared),
                Err(error) => functions::failed(key, error).into(),
            });
        }
        if let Value::Map(map) = &self.value {
            self.shared.miss(map, key);
        }
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.value {
            Value::Map(map) => Enumerator::Values(map.keys().into_iter().map(|key| to_jinja(Value::String(key), &self.shared)).collect()),
            Value::List(list) => Enumerator::Seq(list.len()),
            Value::Bytes(bytes) => Enumerator::Seq(bytes.len()),
            Value::Object(object) => match object.entries() {
                Some(entries) if object.kind() == Kind::Slice => Enumerator::Seq(entries.len()),
                Some(entries) => Enumerator::Values(entries.into_iter().map(|(key, _)| to_jinja(key, &self.shared)).collect()),
                None => Enumerator::NonEnumerable,
            },
            _ => Enumerator::NonEnumerable,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match &self.value {
            Value::Map(map) => Some(map.len()),
            Value::List(list) => Some(list.len()),
            Value::Bytes(bytes) => Some(bytes.len()),
            Value::Object(object) => object.entries().map(|entries| entries.len()),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.value.truth()
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[JinjaValue]) -> Result<JinjaValue, Error> {
        match self.shared.table.get_method(&self.value.type_name(), method) {
            Some(found) => functions::call_method(state, &self.shared, found, self.value.clone(), args),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        if let (Value::Map(a), Value::Map(b)) = (&self.value, &other.value)
            && a.same(b)
        {
            return Some(Ordering::Equal);
        }
        Some(self.value.to_json().to_string().cmp(&other.value.to_json().to_string()))
    }

    /// What minijinja makes of it where it does not ask our formatter.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_container(&self.value) {
            true => write!(f, "{}", self.value.to_json()),
            false => f.write_str(&self.value.to_text().shown()),
        }
    }
}

/// Whether a value has no text of its own.
pub fn is_container(value: &Value) -> bool {
    matches!(value.kind(), Kind::Slice | Kind::Map)
}

/// A value as Jinja sees it.
pub fn to_jinja(value: Value, shared: &Arc<Shared>) -> JinjaValue {
    match value {
        Value::Nil => JinjaValue::from(()),
        Value::Bool(truth) => JinjaValue::from(truth),
        Value::Int(number, IntKind::Uint64) => JinjaValue::from(number as u64),
        Value::Int(number, _) => JinjaValue::from(number),
        Value::Float(number) => whole(number).map_or_else(|| JinjaValue::from(number), JinjaValue::from),
        // text alone is a string of this language; other bytes pass through it as they are
        Value::String(ref text) if text.as_str().is_some() => JinjaValue::from(text.as_str().unwrap_or_default()),
        value => JinjaValue::from_object(Proxy { value, shared: shared.clone() }),
    }
}

/// The integer that a float is, where it is one that floats hold exactly.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// A value of Jinja for a parameter of this type. What fits no type stays as it is: the check of the arguments names it.
/// What is undefined inside of a list or a map is an error.
pub fn to_go(state: &mut State<'_, '_>, value: &JinjaValue, typ: Type) -> Result<Value, Error> {
    let mut room = MAX_ELEMENTS;
    Ok(fitted(plain(state, value, 0, &mut room)?, typ))
}

/// How many elements a value that Jinja made may have when it is given to a function: an iterator may have no end.
const MAX_ELEMENTS: usize = 1_000_000;

fn plain(state: &mut State<'_, '_>, value: &JinjaValue, depth: usize, room: &mut usize) -> Result<Value, Error> {
    if let Some(proxy) = value.downcast_object_ref::<Proxy>() {
        return Ok(proxy.value.clone());
    }
    *room = room.checked_sub(1).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("a value has more than the {MAX_ELEMENTS} elements that are allowed"))
    })?;
    if depth > 0 {
        functions::defined(state, value)?;
    }
    if depth > MAX_DEPTH {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("a value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Nil,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match value.as_i64().filter(|_| value.is_integer()) {
            Some(number) => Value::int(number),
            None => Value::Float(f64::try_from(value.clone())?),
        },
        ValueKind::String => Value::String(value.to_str().unwrap_or_default().into()),
        ValueKind::Bytes => Value::Bytes(value.as_bytes().unwrap_or_default().into()),
        ValueKind::Map => {
            let map = Map::new();
            for key in value.try_iter()?.checked() {
                let key = key?;
                let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                map.insert(name, plain(state, &value.get_item(&key)?, depth + 1, room)?);
            }
            Value::Map(map)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.checked().map(|item| plain(state, &item?, depth + 1, room));
            Value::List(List::any(items.collect::<Result<_, _>>()?))
        }
        kind => return Err(Error::new(ErrorKind::InvalidOperation, format!("a {kind} cannot be given to this function"))),
    })
}

/// Gives a number the type of its parameter, and a list the type of its elements.
fn fitted(value: Value, typ: Type) -> Value {
    match (typ, value) {
        (Type::Int, Value::Int(number, _)) => Value::int(number),
        (Type::Int64, Value::Int(number, _)) => Value::int64(number),
        (Type::Float, Value::Int(number, _)) => Value::Float(number as f64),
        (Type::Duration, Value::Int(number, _)) => Value::Duration(number),
        (Type::List, Value::List(list)) if list.elem() != Elem::Any => Value::List(List::any(list.items().to_vec())),
        (Type::Strings, Value::List(list)) if list.items().iter().all(|item| matches!(item, Value::String(_))) => {
            Value::List(List::new(list.items().to_vec(), Elem::String))
        }
        (_, value) => value,
    }
}

/// How numbers inside of containers are told to a function that shows or compares them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numbers {
    /// Whole ones as integers: they print without an exponent.
    Whole,
    /// All as floats: `1` of a template equals `1` of a values file.
    Float,
}

/// The value with its numbers of one sort; containers of the language itself are copied where that changes them.
pub fn with_numbers(value: Value, numbers: Numbers, depth: usize) -> Value {
    match (value, numbers) {
        (Value::Float(number), Numbers::Whole) => whole(number).map_or(Value::Float(number), Value::int),
        (Value::Int(number, IntKind::Int | IntKind::Int64), Numbers::Float) => Value::Float(number as f64),
        (Value::List(list), _) if list.elem() == Elem::Any && depth < MAX_DEPTH => {
            let items = list.items().iter().map(|item| with_numbers(item.clone(), numbers, depth + 1));
            Value::List(List::any(items.collect()))
        }
        (Value::Map(map), _) if map.map_type() == MapType::Any && depth < MAX_DEPTH => {
            Value::Map(map.entries().into_iter().map(|(key, value)| (key, with_numbers(value, numbers, depth + 1))).collect())
        }
        (value, _) => value,
    }
}
