//! The call convention between the interpreter and every function or method that a template can name.
//!
//! A function is a Rust closure with typed parameters; its parameter types are its Go signature. One routine, [`Function::call`],
//! checks the number of arguments and assigns each value to its parameter by Go's rules with Go's error texts, so that a body only
//! sees values that fit. Literals are converted to the parameter's type by the interpreter before the call (`trunc 3.0` is fine,
//! `trunc .Values.n` is not).
//!
//! | Rust parameter | Go parameter | | Rust result | Go result |
//! | --- | --- | --- | --- | --- |
//! | [`Value`] | `interface {}` | | [`Value`], `Option<Value>` | `interface {}` |
//! | [`bool`] | `bool` | | `bool` | `bool` |
//! | [`isize`] | `int` | | `isize` | `int` |
//! | [`i64`] | `int64` | | `i64` | `int64` |
//! | [`f64`] | `float64` | | `f64` | `float64` |
//! | [`Str`] | `string` | | `&'static str`, `String`, `Arc<str>`, [`Str`] | `string` |
//! | `Arc<[u8]>` | `[]uint8` | | `Vec<String>`, `Vec<isize>` | `[]string`, `[]int` |
//! | [`List`] | `[]interface {}` | | `Vec<Value>`, [`List`] | `[]interface {}`, as tagged |
//! | [`Strings`] | `[]string` | | [`Map`] | as tagged |
//! | [`Map`], its type's name lost | `map[string]interface {}` | | `jiff::Zoned`, [`Nanoseconds`] | `time.Time`, `time.Duration` |
//! | [`Time`], [`Nanoseconds`] | `time.Time`, `time.Duration` | | `Arc<T: Object>` | the object's type |
//! | [`Ref<T>`] | the object's type (`T: ObjectType`) | | any of these in `Result<_, FunctionError>` | the same and `error` |
//! | [`Rest<T>`], only as the last one | `...T` | | | |
//!
//! A body that needs the engine (include, tpl, lookup, the clock, random bytes) takes `&mut dyn Scope` first; this one is no
//! argument of the template and is registered by [`Table::add_scoped`].
//!
//! ```
//! use werf::template::call::{Detached, FunctionError, Rest, Scope, Table};
//! use werf::template::value::{Str, Value};
//!
//! pub fn register(table: &mut Table) {
//!     table.add("repeat", repeat);
//!     table.add("add", |numbers: Rest<Value>| numbers.len() as i64);
//!     table.add_scoped("render", |scope: &mut dyn Scope, name: Str, data: Value| scope.include(&name, data));
//!     table.method("chartutil.Values", "AsMap", |values: Value| values);
//! }
//!
//! fn repeat(count: isize, text: Str) -> Result<Str, FunctionError> {
//!     let count = usize::try_from(count).map_err(|_| "strings: negative Repeat count")?;
//!     Ok(Str::from_bytes(text.as_bytes().repeat(count)))
//! }
//!
//! let mut table = Table::new();
//! register(&mut table);
//! let repeated = table.call("repeat", &mut Detached, vec![Value::int(2), Value::from("ab")]).unwrap();
//! assert_eq!(repeated.as_str(), Some("abab"));
//! let error = table.call("repeat", &mut Detached, vec![Value::Float(2.0), Value::from("ab")]).unwrap_err();
//! assert_eq!(error.to_string(), "wrong type for value; expected int; got float64");
//! ```

use std::borrow::Cow;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::error::ExecError;
use super::host::{Host, NoHost};
use super::value::{Elem, Entries, List, Map, MapType, Object, Str, Value};

/// What a function may ask of the engine that runs it.
pub trait Scope {
    /// Executes a named template with the given dot and gives its text; the errors of too deep recursion and of unknown names included.
    fn include(&mut self, name: &Str, data: Value) -> Result<Str, FunctionError>;

    /// Parses and executes a text as Helm's `tpl` does: it sees all templates; what it defines is visible inside only.
    fn tpl(&mut self, text: &Str, data: Value) -> Result<Str, FunctionError>;

    /// The declared gates to what lies outside: cluster, clock, randomness, environment.
    fn host(&self) -> &dyn Host;
}

/// A scope without templates, for calling functions outside of any execution.
pub struct Detached;

impl Scope for Detached {
    fn include(&mut self, name: &Str, _data: Value) -> Result<Str, FunctionError> {
        Err(format!("template: no template {} associated with template \"gotpl\"", super::format::quote(&name.shown())).into())
    }

    fn tpl(&mut self, _text: &Str, _data: Value) -> Result<Str, FunctionError> {
        Err("tpl needs a template that runs".into())
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

/// Why a function failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FunctionError {
    /// The function's own message; the interpreter adds `error calling NAME: ` and the place.
    #[error("{0}")]
    Message(Cow<'static, str>),
    /// The chart's author refuses to render: `fail`, `required`. Shown as `execution error at (file:line:column): message`.
    #[error("{0}")]
    Refused(String),
    /// The arguments do not fit; the text says it all, without `error calling NAME: `.
    #[error("{0}")]
    Argument(String),
    /// A template that the function executed failed.
    #[error("{context}{error}")]
    Nested {
        /// What the function says first, such as `error during tpl function execution for "…": `; often empty.
        context: String,
        /// The failure inside.
        error: Box<ExecError>,
    },
}

impl From<&'static str> for FunctionError {
    fn from(message: &'static str) -> Self {
        FunctionError::Message(Cow::Borrowed(message))
    }
}
impl From<String> for FunctionError {
    fn from(message: String) -> Self {
        FunctionError::Message(Cow::Owned(message))
    }
}

/// A parameter's Go type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`: takes anything, nil too.
    Any,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `float64`.
    Float,
    /// `string`.
    String,
    /// `[]uint8`.
    Bytes,
    /// `[]interface {}`.
    List,
    /// `[]string`.
    Strings,
    /// `map[string]interface {}`; a named map type such as `chartutil.Values` fits too.
    Map,
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// An object's type, by Go's name.
    Object(&'static str),
    /// `reflect.Value`: as Any, but named so in messages. Only Go's own builtins have it.
    Reflect,
}

impl Type {
    /// Go's name.
    pub fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Int64 => "int64",
            Type::Float => "float64",
            Type::String => "string",
            Type::Bytes => "[]uint8",
            Type::List => "[]interface {}",
            Type::Strings => "[]string",
            Type::Map => "map[string]interface {}",
            Type::Time => "time.Time",
            Type::Duration => "time.Duration",
            Type::Object(name) => name,
            Type::Reflect => "reflect.Value",
        }
    }

    /// Whether nil can be given: interfaces, slices, maps and pointers.
    pub fn can_be_nil(self) -> bool {
        match self {
            Type::Any | Type::Bytes | Type::List | Type::Strings | Type::Map | Type::Reflect => true,
            Type::Object(name) => name.starts_with('*'),
            _ => false,
        }
    }

    /// The value that stands for nil: an empty container, or nil itself.
    pub fn zero(self) -> Value {
        match self {
            Type::Bytes => Value::Bytes(Arc::from([])),
            Type::List => Value::List(List::any(Vec::new())),
            Type::Strings => Value::List(List::new(Vec::new(), Elem::String)),
            Type::Map => Value::Map(Map::new()),
            _ => Value::Nil,
        }
    }

    /// Whether a value other than nil is assignable.
    pub fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Type::Any | Type::Reflect, _)
            | (Type::Bool, Value::Bool(_))
            | (Type::Float, Value::Float(_))
            | (Type::String, Value::String(_))
            | (Type::Bytes, Value::Bytes(_))
            | (Type::Time, Value::Time(_))
            | (Type::Duration, Value::Duration(_)) => true,
            (Type::Int, Value::Int(_, kind)) => *kind == super::value::IntKind::Int,
            (Type::Int64, Value::Int(_, kind)) => *kind == super::value::IntKind::Int64,
            (Type::List, Value::List(list)) => list.elem() == Elem::Any,
            (Type::Strings, Value::List(list)) => list.elem() == Elem::String,
            (Type::Map, Value::Map(map)) => map.map_type().elem() == Elem::Any,
            (Type::Object(name), Value::Object(object)) => object.type_name() == name,
            _ => false,
        }
    }

    /// Assigns a value to a parameter by Go's rules; the error is Go's text. Nil fits interfaces, slices, maps and pointers.
    pub fn assign(self, value: Value) -> Result<Value, String> {
        if value.is_nil() {
            return if self.can_be_nil() { Ok(self.zero()) } else { Err(format!("invalid value; expected {}", self.name())) };
        }
        if self.accepts(&value) {
            return Ok(value);
        }
        Err(format!("wrong type for value; expected {}; got {}", self.name(), value.type_name()))
    }
}

/// A Rust type that a parameter can have.
pub trait FromValue: Sized {
    /// The Go type that it stands for.
    const TYPE: Type;

    /// Takes the value apart. It fits [`FromValue::TYPE`] already; `None` is a defect of the caller.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! from_value {
    ($rust:ty, $go:expr, $pattern:pat => $result:expr) => {
        impl FromValue for $rust {
            const TYPE: Type = $go;
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $pattern => Some($result),
                    _ => None,
                }
            }
        }
    };
}

from_value!(bool, Type::Bool, Value::Bool(truth) => truth);
from_value!(isize, Type::Int, Value::Int(number, _) => number as isize);
from_value!(i64, Type::Int64, Value::Int(number, _) => number);
from_value!(f64, Type::Float, Value::Float(number) => number);
from_value!(Str, Type::String, Value::String(text) => text);
from_value!(Arc<[u8]>, Type::Bytes, Value::Bytes(bytes) => bytes);
from_value!(List, Type::List, Value::List(list) => list);
from_value!(Map, Type::Map, Value::Map(map) => map.retyped(MapType::Any));

impl FromValue for Value {
    const TYPE: Type = Type::Any;
    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

/// A parameter of type `[]string`.
#[derive(Clone, Debug)]
pub struct Strings(pub List);
from_value!(Strings, Type::Strings, Value::List(list) => Strings(list));

/// A parameter of type `time.Time`.
#[derive(Clone, Debug)]
pub struct Time(pub Arc<jiff::Zoned>);
from_value!(Time, Type::Time, Value::Time(time) => Time(time));

/// A parameter or a result of type `time.Duration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nanoseconds(pub i64);
from_value!(Nanoseconds, Type::Duration, Value::Duration(nanoseconds) => Nanoseconds(nanoseconds));

impl From<Nanoseconds> for Value {
    fn from(duration: Nanoseconds) -> Self {
        Value::Duration(duration.0)
    }
}

/// An object type that can stand as a parameter.
pub trait ObjectType: Object {
    /// What [`Object::type_name`] gives.
    const NAME: &'static str;
}

/// A parameter of an object type.
#[derive(Debug)]
pub struct Ref<T>(pub Arc<T>);

impl<T: ObjectType> FromValue for Ref<T> {
    const TYPE: Type = Type::Object(T::NAME);
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Object(object) => object.downcast::<T>().map(Ref),
            _ => None,
        }
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// The variadic end of a parameter list.
#[derive(Clone, Debug)]
pub struct Rest<T>(pub Vec<T>);

impl<T> Deref for Rest<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}
impl<T> DerefMut for Rest<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}
impl<T> IntoIterator for Rest<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A parameter: one argument, or all the rest.
pub trait Parameter: Sized {
    /// The Go type of the argument, or of each of the rest.
    const TYPE: Type;
    /// Whether it takes all the rest.
    const VARIADIC: bool;

    /// Takes what it needs from the checked arguments.
    fn take(arguments: &mut std::vec::IntoIter<Value>) -> Option<Self>;
}

impl<T: FromValue> Parameter for T {
    const TYPE: Type = T::TYPE;
    const VARIADIC: bool = false;
    fn take(arguments: &mut std::vec::IntoIter<Value>) -> Option<Self> {
        T::from_value(arguments.next()?)
    }
}

impl<T: FromValue> Parameter for Rest<T> {
    const TYPE: Type = T::TYPE;
    const VARIADIC: bool = true;
    fn take(arguments: &mut std::vec::IntoIter<Value>) -> Option<Self> {
        arguments.map(T::from_value).collect::<Option<Vec<T>>>().map(Rest)
    }
}

/// What a body may give back.
pub trait Outcome {
    /// The result as the interpreter takes it.
    fn outcome(self) -> Result<Value, FunctionError>;
}

impl<T: Into<Value>> Outcome for T {
    fn outcome(self) -> Result<Value, FunctionError> {
        Ok(self.into())
    }
}
impl<T: Into<Value>> Outcome for Result<T, FunctionError> {
    fn outcome(self) -> Result<Value, FunctionError> {
        self.map(Into::into)
    }
}

impl From<Option<Value>> for Value {
    fn from(value: Option<Value>) -> Self {
        value.unwrap_or(Value::Nil)
    }
}

type Body = dyn Fn(&mut dyn Scope, Vec<Value>) -> Result<Value, FunctionError> + Send + Sync;

/// A callable with its Go signature.
pub struct Function {
    name: Cow<'static, str>,
    fixed: Vec<Type>,
    rest: Option<Type>,
    is_scoped: bool,
    body: Box<Body>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "func {}({:?}, ...{:?})", self.name, self.fixed, self.rest)
    }
}

impl Function {
    /// The name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the body needs the engine that runs it.
    pub fn is_scoped(&self) -> bool {
        self.is_scoped
    }

    /// The types of the fixed parameters.
    pub fn fixed(&self) -> &[Type] {
        &self.fixed
    }

    /// The element type of the variadic parameter.
    pub fn rest(&self) -> Option<Type> {
        self.rest
    }

    /// The type that the argument at `index` must have; `None` past the end.
    pub fn parameter(&self, index: usize) -> Option<Type> {
        self.fixed.get(index).copied().or(self.rest)
    }

    /// Checks the number of arguments. `written` is how many stand behind the name, without a piped one: Go counts so in one message.
    pub fn check_count(&self, name: &str, given: usize, written: usize) -> Result<(), String> {
        let wanted = self.fixed.len();
        match self.rest {
            Some(_) if given < wanted => Err(format!("wrong number of args for {name}: want at least {wanted} got {written}")),
            None if given != wanted => Err(format!("wrong number of args for {name}: want {wanted} got {given}")),
            _ => Ok(()),
        }
    }

    /// Calls the body with arguments that fit already, as the interpreter has assigned them.
    pub fn invoke(&self, scope: &mut dyn Scope, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        (self.body)(scope, arguments)
    }

    /// Checks number and types of the arguments, then calls.
    pub fn call(&self, scope: &mut dyn Scope, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        self.check_count(&self.name, arguments.len(), arguments.len()).map_err(FunctionError::Argument)?;
        let assign = |(index, value): (usize, Value)| self.parameter(index).unwrap_or(Type::Any).assign(value);
        let arguments = arguments.into_iter().enumerate().map(assign).collect::<Result<_, _>>().map_err(FunctionError::Argument)?;
        self.invoke(scope, arguments)
    }
}

/// A closure that can become a [`Function`]; `Marker` is its parameter list.
pub trait Callable<Marker>: Send + Sync + 'static {
    /// The parameter types, and the body that takes the arguments apart.
    fn into_function(self, name: Cow<'static, str>) -> Function;
}

/// A closure with a scope that can become a [`Function`].
pub trait ScopedCallable<Marker>: Send + Sync + 'static {
    /// The parameter types, and the body that takes the arguments apart.
    fn into_function(self, name: Cow<'static, str>) -> Function;
}

fn signature(parameters: &[(Type, bool)]) -> (Vec<Type>, Option<Type>) {
    let fixed = parameters.iter().filter(|(_, variadic)| !variadic).map(|(typ, _)| *typ).collect();
    (fixed, parameters.last().filter(|(_, variadic)| *variadic).map(|(typ, _)| *typ))
}

const MISFIT: FunctionError = FunctionError::Message(Cow::Borrowed("arguments do not fit their parameters"));

macro_rules! callable {
    ($($parameter:ident)*) => {
        impl<Body, Output, $($parameter,)*> Callable<PhantomData<($($parameter,)*)>> for Body
        where
            Body: Fn($($parameter),*) -> Output + Send + Sync + 'static,
            Output: Outcome,
            $($parameter: Parameter,)*
        {
            #[allow(non_snake_case, unused_mut, unused_variables)]
            fn into_function(self, name: Cow<'static, str>) -> Function {
                let (fixed, rest) = signature(&[$(($parameter::TYPE, $parameter::VARIADIC)),*]);
                let body = move |_: &mut dyn Scope, arguments: Vec<Value>| {
                    let mut arguments = arguments.into_iter();
                    $(let $parameter = $parameter::take(&mut arguments).ok_or(MISFIT)?;)*
                    self($($parameter),*).outcome()
                };
                Function { name, fixed, rest, is_scoped: false, body: Box::new(body) }
            }
        }

        impl<Body, Output, $($parameter,)*> ScopedCallable<PhantomData<($($parameter,)*)>> for Body
        where
            Body: Fn(&mut dyn Scope, $($parameter),*) -> Output + Send + Sync + 'static,
            Output: Outcome,
            $($parameter: Parameter,)*
        {
            #[allow(non_snake_case, unused_mut, unused_variables)]
            fn into_function(self, name: Cow<'static, str>) -> Function {
                let (fixed, rest) = signature(&[$(($parameter::TYPE, $parameter::VARIADIC)),*]);
                let body = move |scope: &mut dyn Scope, arguments: Vec<Value>| {
                    let mut arguments = arguments.into_iter();
                    $(let $parameter = $parameter::take(&mut arguments).ok_or(MISFIT)?;)*
                    self(scope, $($parameter),*).outcome()
                };
                Function { name, fixed, rest, is_scoped: true, body: Box::new(body) }
            }
        }
    };
}

callable!();
callable!(A);
callable!(A B);
callable!(A B C);
callable!(A B C D);
callable!(A B C D E);
callable!(A B C D E F);
callable!(A B C D E F G);

/// The functions that templates can name, and the methods of types. Cloning shares the functions.
#[derive(Clone, Debug, Default)]
pub struct Table {
    functions: HashMap<Cow<'static, str>, Arc<Function>>,
    methods: HashMap<&'static str, HashMap<&'static str, Arc<Function>>>,
}

impl Table {
    /// A table without functions; Go's builtins belong to the language and are there anyway.
    pub fn new() -> Self {
        Table::default()
    }

    /// Adds a function, or replaces the one of this name.
    pub fn add<Marker>(&mut self, name: &'static str, body: impl Callable<Marker>) {
        self.functions.insert(name.into(), Arc::new(body.into_function(name.into())));
    }

    /// Adds a function whose body needs the engine.
    pub fn add_scoped<Marker>(&mut self, name: &'static str, body: impl ScopedCallable<Marker>) {
        self.functions.insert(name.into(), Arc::new(body.into_function(name.into())));
    }

    /// Adds a second name for a function that is there already; without it nothing happens.
    pub fn alias(&mut self, name: &'static str, of: &str) {
        if let Some(function) = self.functions.get(of).cloned() {
            self.functions.insert(name.into(), function);
        }
    }

    /// Removes a function.
    pub fn remove(&mut self, name: &str) {
        self.functions.remove(name);
    }

    /// Adds a method of the type with this Go name. The body's first parameter is the receiver, which must be of the fitting Rust type.
    pub fn method<Marker>(&mut self, type_name: &'static str, name: &'static str, body: impl Callable<Marker>) {
        self.methods.entry(type_name).or_default().insert(name, Arc::new(method(body.into_function(name.into()))));
    }

    /// Adds a method whose body needs the engine.
    pub fn method_scoped<Marker>(&mut self, type_name: &'static str, name: &'static str, body: impl ScopedCallable<Marker>) {
        self.methods.entry(type_name).or_default().insert(name, Arc::new(method(body.into_function(name.into()))));
    }

    /// The function of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    /// The method of a type. Its signature leaves the receiver out; the receiver is the first argument of [`Function::invoke`].
    pub fn get_method(&self, type_name: &str, name: &str) -> Option<&Arc<Function>> {
        self.methods.get(type_name)?.get(name)
    }

    /// All names of functions, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.functions.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// Calls a function outside of any template, with all checks.
    pub fn call(&self, name: &str, scope: &mut dyn Scope, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let function = self.get(name).ok_or_else(|| FunctionError::Argument(format!("function \"{name}\" not defined")))?;
        function.call(scope, arguments)
    }
}

/// Takes the receiver out of the signature.
fn method(mut function: Function) -> Function {
    if !function.fixed.is_empty() {
        function.fixed.remove(0);
    }
    function
}

/// Builds a map's entries from pairs: a small convenience for bodies.
pub fn entries<K: Into<Str>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Entries {
    pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}
