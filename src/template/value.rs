//! The values that templates compute with, carrying the Go types that charts can observe.
//!
//! Values are shared handles: cloning one copies no data. A [`Map`] is one object behind all its handles, so that `set` is seen
//! through every alias, `.Values` included; a [`List`] never changes, appending makes a new one. Types matter because templates see
//! them (`typeOf`, `kindIs`, `%T`, `eq` of different kinds, argument checks): numbers from YAML and JSON are `float64`, literals
//! `int`, `--set` gives `int64`, results of string splitting are `[]string` and so on.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{format, runes};
use crate::file_tree::{bytes_of_text, text_of_bytes};

/// How deep walks over values go: no honest value is nested deeper, a circle is.
pub const MAX_DEPTH: usize = 500;

/// A value of a template. [`Value::Nil`] is Go's nil `interface{}`.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `nil`.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// Any of Go's integer types; unsigned 64-bit ones keep their bits.
    Int(i64, IntKind),
    /// `float64`.
    Float(f64),
    /// `string`.
    String(Str),
    /// `[]uint8`.
    Bytes(Arc<[u8]>),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// `time.Time`.
    Time(Arc<jiff::Zoned>),
    /// `time.Duration`, nanoseconds.
    Duration(i64),
    /// Something with fields or methods of its own: a struct, a pointer, a named type.
    Object(Arc<dyn Object>),
}

/// Which of Go's integer types a [`Value::Int`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntKind {
    /// `int`: literals, `len`, `until`.
    Int,
    /// `int64`: sprig's arithmetic, `--set`.
    Int64,
    /// `int32`.
    Int32,
    /// `uint8`: an element of a string or of bytes.
    Uint8,
    /// `uint32`.
    Uint32,
    /// `uint64`: parts of a semantic version.
    Uint64,
}

impl IntKind {
    /// Go's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            IntKind::Int => "int",
            IntKind::Int64 => "int64",
            IntKind::Int32 => "int32",
            IntKind::Uint8 => "uint8",
            IntKind::Uint32 => "uint32",
            IntKind::Uint64 => "uint64",
        }
    }

    /// Whether the type has no negative values.
    pub fn is_unsigned(self) -> bool {
        matches!(self, IntKind::Uint8 | IntKind::Uint32 | IntKind::Uint64)
    }
}

/// What kind of type a value has: the answer of `kindOf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// nil.
    Invalid,
    /// `bool`.
    Bool,
    /// An integer.
    Int(IntKind),
    /// `float64`.
    Float64,
    /// `string`.
    String,
    /// A slice, bytes included.
    Slice,
    /// A map.
    Map,
    /// A struct, such as a time.
    Struct,
    /// A pointer.
    Ptr,
    /// A function.
    Func,
}

impl Kind {
    /// Go's name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int(kind) => kind.name(),
            Kind::Float64 => "float64",
            Kind::String => "string",
            Kind::Slice => "slice",
            Kind::Map => "map",
            Kind::Struct => "struct",
            Kind::Ptr => "ptr",
            Kind::Func => "func",
        }
    }
}

/// A Go string: bytes that are UTF-8 nearly always. Cloning shares. It has no `Display`: whoever wants text says what becomes of bytes
/// that are none.
#[derive(Clone)]
pub struct Str(Repr);

#[derive(Clone)]
enum Repr {
    Text(Arc<str>),
    Raw(Arc<[u8]>),
}

impl Str {
    /// A string from bytes of any encoding.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        match String::from_utf8(bytes.into()) {
            Ok(text) => Str(Repr::Text(text.into())),
            Err(error) => Str(Repr::Raw(error.into_bytes().into())),
        }
    }

    /// A copy of bytes of any encoding.
    pub fn from_slice(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Str(Repr::Text(text.into())),
            Err(_) => Str(Repr::Raw(bytes.into())),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Text(text) => text.as_bytes(),
            Repr::Raw(bytes) => bytes,
        }
    }

    /// The text, or `None` where the bytes are not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Text(text) => Some(text),
            Repr::Raw(_) => None,
        }
    }

    /// The text as Go's loops over letters see it: each byte that is no UTF-8 is U+FFFD.
    pub fn letters(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Text(text) => Cow::Borrowed(text),
            Repr::Raw(bytes) => runes::letters(bytes),
        }
    }

    /// The text for messages and for names of other systems: bytes that are no UTF-8 are written as `\xff`.
    pub fn shown(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Text(text) => Cow::Borrowed(text),
            Repr::Raw(bytes) => runes::shown(bytes),
        }
    }

    /// A text of the same length, in which each byte that is no UTF-8 is a control character: offsets in it are those of the bytes.
    pub fn outline(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Text(text) => Cow::Borrowed(text),
            Repr::Raw(bytes) => runes::outline(bytes),
        }
    }

    /// What a function of text makes of it that copies everything beyond ASCII: bytes that are no UTF-8 pass through it too.
    pub fn through(&self, function: impl FnOnce(&str) -> String) -> Str {
        match &self.0 {
            Repr::Text(text) => function(text).into(),
            Repr::Raw(bytes) => Str::from_slice(&bytes_of_text(&function(&text_of_bytes(bytes)))),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Number of bytes, as Go's `len`.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}
impl Eq for Str {}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Str {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for Str {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::borrow::Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Str(Repr::Text(text.into()))
    }
}
impl From<String> for Str {
    fn from(text: String) -> Self {
        Str(Repr::Text(text.into()))
    }
}
impl From<Arc<str>> for Str {
    fn from(text: Arc<str>) -> Self {
        Str(Repr::Text(text))
    }
}
impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Str::from(text.as_str())
    }
}
impl From<Cow<'_, str>> for Str {
    fn from(text: Cow<'_, str>) -> Self {
        Str(Repr::Text(text.into()))
    }
}

/// The declared type of a list's elements or of a map's values. The values inside always agree with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elem {
    /// `interface {}`.
    Any,
    /// `string`.
    String,
    /// `int`.
    Int,
    /// `uint8` slices, as in a chart's files.
    Bytes,
    /// `map[string]interface {}`.
    Map,
    /// `[]string`, as a URL's query has it.
    Strings,
    /// Another type, by Go's name; its zero value is nil.
    Named(&'static str),
}

impl Elem {
    /// Go's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Elem::Any => "interface {}",
            Elem::String => "string",
            Elem::Int => "int",
            Elem::Bytes => "[]uint8",
            Elem::Map => "map[string]interface {}",
            Elem::Strings => "[]string",
            Elem::Named(name) => name,
        }
    }

    /// What a missing key of such a map gives.
    pub fn zero(self) -> Value {
        match self {
            Elem::Any | Elem::Named(_) => Value::Nil,
            Elem::String => Value::from(""),
            Elem::Int => Value::int(0),
            Elem::Bytes => Value::Bytes(Arc::from([])),
            Elem::Map => Value::Map(Map::new()),
            Elem::Strings => Value::List(List::new(Vec::new(), Elem::String)),
        }
    }
}

/// An immutable slice with its element type. Cloning shares.
#[derive(Clone, Debug)]
pub struct List {
    items: Arc<Vec<Value>>,
    elem: Elem,
}

/// What nil slices share, by which they are known.
static NIL_ITEMS: LazyLock<Arc<Vec<Value>>> = LazyLock::new(Arc::default);

impl List {
    /// A list of the given element type; the values must agree with it.
    pub fn new(items: Vec<Value>, elem: Elem) -> Self {
        List { items: Arc::new(items), elem }
    }

    /// `[]interface {}`.
    pub fn any(items: Vec<Value>) -> Self {
        List::new(items, Elem::Any)
    }

    /// `[]string`.
    pub fn strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> Self {
        List::new(items.into_iter().map(|item| Value::String(item.into())).collect(), Elem::String)
    }

    /// `[]int`.
    pub fn ints(items: impl IntoIterator<Item = i64>) -> Self {
        List::new(items.into_iter().map(Value::int).collect(), Elem::Int)
    }

    /// A nil slice: empty, and `null` in JSON and YAML.
    pub fn nil(elem: Elem) -> Self {
        List { items: NIL_ITEMS.clone(), elem }
    }

    /// Whether it is a nil slice.
    pub fn is_nil(&self) -> bool {
        Arc::ptr_eq(&self.items, &NIL_ITEMS)
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// The elements, without a copy where nobody else holds the list.
    pub fn into_items(mut self) -> Vec<Value> {
        match Arc::get_mut(&mut self.items) {
            Some(items) => std::mem::take(items),
            None => self.items.as_ref().clone(),
        }
    }

    /// The element type.
    pub fn elem(&self) -> Elem {
        self.elem
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if Arc::strong_count(&self.items) == 1
            && let Some(items) = Arc::get_mut(&mut self.items)
            && items.iter().any(Value::is_container)
        {
            take_apart(std::mem::take(items));
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if Arc::strong_count(&self.entries) == 1
            && let Some(entries) = Arc::get_mut(&mut self.entries)
        {
            let entries = entries.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
            if entries.values().any(Value::is_container) {
                take_apart(std::mem::take(entries).into_values().collect());
            }
        }
    }
}

/// Drops values level by level: a template can nest them deeper than any stack.
fn take_apart(mut waiting: Vec<Value>) {
    while let Some(value) = waiting.pop() {
        match value {
            Value::List(mut list) => {
                if let Some(items) = Arc::get_mut(&mut list.items) {
                    waiting.append(items);
                }
            }
            Value::Map(mut map) => {
                if let Some(entries) = Arc::get_mut(&mut map.entries) {
                    let entries = entries.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
                    waiting.extend(std::mem::take(entries).into_values());
                }
            }
            _ => {}
        }
    }
}

/// The Go type of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`.
    Any,
    /// `map[string]string`.
    String,
    /// The same, nil: empty, and `null` in JSON and YAML.
    NilString,
    /// An unnamed map type of another element type, such as `map[string][]string`.
    Of(Elem),
    /// A named type, such as `chartutil.Values`; only these may have methods.
    Named {
        /// Go's name, such as `chartutil.Values`.
        name: &'static str,
        /// The type of the values.
        elem: Elem,
    },
}

impl MapType {
    /// Helm 3's type of `.Values`.
    pub const VALUES: MapType = MapType::Named { name: "chartutil.Values", elem: Elem::Any };
    /// Helm 4's type of `.Values`.
    pub const VALUES_4: MapType = MapType::Named { name: "common.Values", elem: Elem::Any };

    /// The type of the values.
    pub fn elem(self) -> Elem {
        match self {
            MapType::Any => Elem::Any,
            MapType::String | MapType::NilString => Elem::String,
            MapType::Of(elem) | MapType::Named { elem, .. } => elem,
        }
    }

    /// Go's name of the type.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            MapType::Any => "map[string]interface {}".into(),
            MapType::String | MapType::NilString => "map[string]string".into(),
            MapType::Of(elem) => format!("map[string]{}", elem.name()).into(),
            MapType::Named { name, .. } => name.into(),
        }
    }
}

/// The entries of a map, sorted by key bytes as Go prints and ranges over them.
pub type Entries = BTreeMap<Str, Value>;

/// A shared handle of a map: all clones see each change. The Go type belongs to the handle, as a conversion in Go keeps the map.
///
/// Never hold a guard of [`Map::read`] or [`Map::write`] while calling something that may touch the same map.
#[derive(Clone)]
pub struct Map {
    entries: Arc<RwLock<Entries>>,
    typ: MapType,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Self {
        Map::with_type(Entries::new(), MapType::Any)
    }

    /// A map of the given type; the values must agree with it.
    pub fn with_type(entries: Entries, typ: MapType) -> Self {
        Map { entries: Arc::new(RwLock::new(entries)), typ }
    }

    /// The same map seen as another type.
    pub fn retyped(&self, typ: MapType) -> Self {
        Map { entries: self.entries.clone(), typ }
    }

    /// The Go type.
    pub fn map_type(&self) -> MapType {
        self.typ
    }

    /// Read access to the entries.
    pub fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Write access to the entries.
    pub fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.get_bytes(key.as_bytes())
    }

    /// The value of a key, of which any bytes may be a part.
    pub fn get_bytes(&self, key: &[u8]) -> Option<Value> {
        self.read().get(key).cloned()
    }

    /// Whether the key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.read().contains_key(key.as_bytes())
    }

    /// Sets a key for everyone who holds the map.
    pub fn insert(&self, key: impl Into<Str>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        self.write().insert(key, value);
    }

    /// Removes a key for everyone who holds the map.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.write().remove(key)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// The keys, sorted.
    pub fn keys(&self) -> Vec<Str> {
        self.read().keys().cloned().collect()
    }

    /// A snapshot of the entries, sorted by key.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.read().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether both handles share one map.
    pub fn same(&self, other: &Map) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }
}

impl Default for Map {
    fn default() -> Self {
        Map::new()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries()).finish()
    }
}

impl<K: Into<Str>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Map::with_type(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect(), MapType::Any)
    }
}

/// A value with fields, elements or methods of its own. Methods are declared in the [function table](super::call::Table), by the
/// name that [`Object::type_name`] gives.
pub trait Object: Any + Send + Sync + fmt::Debug {
    /// Go's name of the type, as `%T` prints it: `*semver.Version`, `sprig.certificate`.
    fn type_name(&self) -> &'static str;

    /// What kind of type it is.
    fn kind(&self) -> Kind {
        Kind::Struct
    }

    /// A field of a struct. A name that is no field is an error in the template.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    /// What `%v` and `%s` print.
    fn text(&self) -> String;

    /// Keys and values where the type is a map (or indexes and values of a slice): what `range`, `len` and `index` see.
    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        None
    }

    /// The members that a Go struct has in JSON, in the struct's order.
    fn members(&self) -> Option<Vec<(Str, Value)>> {
        None
    }

    /// What `toYaml` prints instead of the object, and `toJson` where it has no [`Object::members`].
    fn to_plain(&self) -> Value {
        match self.members() {
            Some(members) => Value::Map(Map::with_type(members.into_iter().collect(), MapType::Any)),
            None => Value::from(self.text()),
        }
    }

    /// Whether both are equal in Go's sense of `reflect.DeepEqual`. Called for objects of equal type names.
    fn equals(&self, other: &dyn Object) -> bool {
        self.text() == other.text()
    }
}

impl dyn Object {
    /// The concrete object behind a shared one.
    pub fn downcast<T: Object>(self: Arc<Self>) -> Option<Arc<T>> {
        let any: Arc<dyn Any + Send + Sync> = self;
        any.downcast::<T>().ok()
    }

    /// The concrete object behind a reference.
    pub fn downcast_ref<T: Object>(&self) -> Option<&T> {
        let any: &dyn Any = self;
        any.downcast_ref::<T>()
    }
}

impl Value {
    /// A Go `int`.
    pub fn int(number: i64) -> Self {
        Value::Int(number, IntKind::Int)
    }

    /// A Go `int64`.
    pub fn int64(number: i64) -> Self {
        Value::Int(number, IntKind::Int64)
    }

    /// A value from bytes as a Go string.
    pub fn string_from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Value::String(Str::from_bytes(bytes))
    }

    /// Go's name of the value's type, as `typeOf` and `%T` print it; `<nil>` for nil.
    pub fn type_name(&self) -> Cow<'static, str> {
        match self {
            Value::Nil => "<nil>".into(),
            Value::Bool(_) => "bool".into(),
            Value::Int(_, kind) => kind.name().into(),
            Value::Float(_) => "float64".into(),
            Value::String(_) => "string".into(),
            Value::Bytes(_) => "[]uint8".into(),
            Value::List(list) => match list.elem {
                Elem::Any => "[]interface {}".into(),
                Elem::String => "[]string".into(),
                elem => format!("[]{}", elem.name()).into(),
            },
            Value::Map(map) => map.typ.name(),
            Value::Time(_) => "time.Time".into(),
            Value::Duration(_) => "time.Duration".into(),
            Value::Object(object) => object.type_name().into(),
        }
    }

    /// The kind of the value's type.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Nil => Kind::Invalid,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_, kind) => Kind::Int(*kind),
            Value::Float(_) => Kind::Float64,
            Value::String(_) => Kind::String,
            Value::Bytes(_) | Value::List(_) => Kind::Slice,
            Value::Map(_) => Kind::Map,
            Value::Time(_) => Kind::Struct,
            Value::Duration(_) => Kind::Int(IntKind::Int64),
            Value::Object(object) => object.kind(),
        }
    }

    /// Go's name of the kind, as `kindOf` prints it.
    pub fn kind_name(&self) -> &'static str {
        self.kind().name()
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// Truth in the sense of `if`: not zero, not empty, not nil. Structs are true.
    pub fn truth(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(truth) => *truth,
            Value::Int(number, _) | Value::Duration(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Time(_) => true,
            Value::Object(object) => object.entries().is_none_or(|entries| !entries.is_empty()),
        }
    }

    /// What Go's `fmt.Sprint` (and so `print`, `toString` of most values and the output) makes of it; `<nil>` for nil.
    pub fn to_text(&self) -> Str {
        match self {
            Value::String(text) => text.clone(),
            _ => {
                let mut out = Vec::new();
                format::print_value(&mut out, self);
                Str::from_bytes(out)
            }
        }
    }

    /// Equality as Go's `reflect.DeepEqual` sees it: types must agree, all the way down.
    ///
    /// Values nested deeper than [`MAX_DEPTH`] levels, or in a circle, are not equal.
    pub fn deep_equal(&self, other: &Value) -> bool {
        self.equal_below(other, 0)
    }

    fn equal_below(&self, other: &Value, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a, k), Value::Int(b, l)) => a == b && k == l,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Time(a), Value::Time(b)) => a == b && a.time_zone() == b.time_zone(),
            (Value::List(a), Value::List(b)) => {
                a.elem == b.elem
                    && (Arc::ptr_eq(&a.items, &b.items)
                        || a.len() == b.len() && a.items().iter().zip(b.items()).all(|(a, b)| a.equal_below(b, depth + 1)))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.typ == b.typ
                    && (a.same(b) || {
                        let (a, b) = (a.entries(), b.entries());
                        a.len() == b.len() && a.iter().zip(&b).all(|((k, v), (l, w))| k == l && v.equal_below(w, depth + 1))
                    })
            }
            (Value::Object(a), Value::Object(b)) => Arc::ptr_eq(a, b) || a.type_name() == b.type_name() && a.equals(&**b),
            _ => false,
        }
    }

    /// A value from JSON by Helm's rule: every number becomes `float64`.
    pub fn from_json(json: &serde_json::Value) -> Self {
        from_json(json, Numbers::Float)
    }

    /// Values of a chart, which keep whole numbers as `int64`. Their texts are those that [`text_of_bytes`] has made of bytes.
    pub fn from_chart_values(values: &serde_json::Value) -> Self {
        from_json(values, Numbers::Int64)
    }

    /// The value as JSON; whole floats become integers, bytes base64, as Go's encoder prints them. NaN and infinities become null.
    /// What lies deeper than [`MAX_DEPTH`] levels is null too.
    pub fn to_json(&self) -> serde_json::Value {
        self.json_below(0)
    }

    fn json_below(&self, depth: usize) -> serde_json::Value {
        use serde_json::{Number, Value as Json};
        match self {
            Value::List(_) | Value::Map(_) | Value::Object(_) if depth > MAX_DEPTH => Json::Null,
            Value::Nil => Json::Null,
            Value::Bool(truth) => Json::Bool(*truth),
            Value::Int(number, IntKind::Uint64) => Json::Number(Number::from(*number as u64)),
            Value::Int(number, _) | Value::Duration(number) => Json::Number(Number::from(*number)),
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => Json::Number(Number::from(*number as i64)),
            Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Value::String(text) => Json::String(text.letters().into_owned()),
            Value::Bytes(bytes) => {
                use base64::Engine;
                Json::String(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
            Value::List(list) if list.is_nil() => Json::Null,
            Value::List(list) => Json::Array(list.items().iter().map(|item| item.json_below(depth + 1)).collect()),
            Value::Map(map) if map.map_type() == MapType::NilString => Json::Null,
            Value::Map(map) => Json::Object(
                map.entries().into_iter().map(|(key, value)| (key.letters().into_owned(), value.json_below(depth + 1))).collect(),
            ),
            Value::Time(_) => Json::String(self.to_text().letters().into_owned()),
            Value::Object(object) => object.to_plain().json_below(depth + 1),
        }
    }

    fn is_container(&self) -> bool {
        matches!(self, Value::List(_) | Value::Map(_))
    }

    /// The map, where it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, where it is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The text, where it is a string of valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => text.as_str(),
            _ => None,
        }
    }
}

/// What JSON's numbers become, and whether its texts stand for bytes.
#[derive(Clone, Copy)]
enum Numbers {
    Float,
    Int64,
}

fn from_json(json: &serde_json::Value, numbers: Numbers) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (numbers, number.as_i64()) {
            (Numbers::Int64, Some(whole)) => Value::int64(whole),
            _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text_from_json(text, numbers)),
        Json::Array(items) => Value::List(List::any(items.iter().map(|item| from_json(item, numbers)).collect())),
        Json::Object(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (text_from_json(key, numbers), from_json(value, numbers))).collect::<Map>())
        }
    }
}

fn text_from_json(text: &str, numbers: Numbers) -> Str {
    match (numbers, bytes_of_text(text)) {
        (Numbers::Int64, Cow::Owned(bytes)) => Str::from_bytes(bytes),
        _ => text.into(),
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}
impl From<i64> for Value {
    /// Go's `int64`.
    fn from(number: i64) -> Self {
        Value::int64(number)
    }
}
impl From<isize> for Value {
    /// Go's `int`.
    fn from(number: isize) -> Self {
        Value::int(number as i64)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text.into())
    }
}
impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Value::String(text.into())
    }
}
impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Value::String(text)
    }
}
impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}
impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}
impl From<Vec<Value>> for Value {
    /// `[]interface {}`.
    fn from(items: Vec<Value>) -> Self {
        Value::List(List::any(items))
    }
}
impl From<Vec<String>> for Value {
    /// `[]string`.
    fn from(items: Vec<String>) -> Self {
        Value::List(List::strings(items))
    }
}
impl From<Vec<isize>> for Value {
    /// `[]int`.
    fn from(items: Vec<isize>) -> Self {
        Value::List(List::ints(items.into_iter().map(|item| item as i64)))
    }
}
impl From<jiff::Zoned> for Value {
    fn from(time: jiff::Zoned) -> Self {
        Value::Time(Arc::new(time))
    }
}
impl<T: Object> From<Arc<T>> for Value {
    fn from(object: Arc<T>) -> Self {
        Value::Object(object)
    }
}
