//! Helm's functions in Jinja: `nindent(2, x)` as a function, `x | nindent(2)` as a filter, whose piped value is the last argument as in
//! a pipeline of Go.
//!
//! Functions that need the engine or the world (`include`, `tpl`, `lookup`, `now`) are asked of whoever serves the execution.

use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError};

use minijinja::value::{Object, ObjectRepr, Rest, Value as JinjaValue, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State};

use super::value::{Numbers, Proxy, Shared, is_container, to_go, to_jinja, with_numbers};
use crate::template::builtin::Builtin;
use crate::template::call::{Detached, Function, FunctionError, Scope, Type};
use crate::template::error::ExecError;
use crate::template::trace::Trace;
use crate::template::value::{Map, Value};

/// Names that keep Jinja's meaning as filters: Helm's functions of these names take the piped value first, or are another thing.
const JINJA_FILTERS: [&str; 6] = ["list", "max", "min", "round", "slice", "split"];

/// Filters of Jinja that print as Python does, and `debug`, which prints everything.
const LEFT_OUT: [&str; 6] = ["d", "e", "escape", "format", "pprint", "safe"];

/// Go's own functions that Jinja has no operator for.
const GO_FUNCTIONS: [&str; 8] = ["html", "index", "js", "len", "print", "printf", "println", "urlquery"];

/// Names of Jinja that a mistyped one may mean.
pub const JINJA_NAMES: [&str; 14] = [
    "namespace",
    "range",
    "string",
    "items",
    "length",
    "map",
    "select",
    "selectattr",
    "reject",
    "rejectattr",
    "groupby",
    "sort",
    "unique",
    "dictsort",
];

/// Functions whose last argument is the data of a template: the chart's where none is given.
const TAKE_CONTEXT: [&str; 4] = ["include", "include_debug", "tpl", "tpl_debug"];

/// Functions that ask whether something is there.
const TAKE_UNDEFINED: [&str; 4] = ["coalesce", "default", "empty", "required"];

/// Functions that show numbers, or compare them by type.
const SHOW: [&str; 10] = ["cat", "html", "join", "print", "printf", "println", "quote", "squote", "toString", "toStrings"];
const COMPARE: [&str; 7] = ["deepEqual", "has", "mustHas", "mustUniq", "mustWithout", "uniq", "without"];

/// The name under which the context holds [`Service`]; no template can write it.
pub const SERVICE: &str = "\0service";
/// The name of the data as a whole, for `include` and `tpl`.
pub const CONTEXT: &str = "context";
/// A filter that fails for an undefined value, naming what was undefined.
const DEFINED: &str = "\0defined";

/// A call that the thread of a template asks of the one that serves it.
pub struct Call {
    function: Arc<Function>,
    arguments: Vec<Value>,
    answer: Sender<Result<Value, FunctionError>>,
}

impl Call {
    /// Makes the call and sends the answer.
    pub fn serve(self, scope: &mut dyn Scope) {
        // nobody waits where the template has ended
        let _ = self.answer.send(self.function.invoke(scope, self.arguments));
    }
}

/// What the thread of a template sends.
pub enum Message {
    /// A function is to be called.
    Call(Call),
    /// The template has ended: its text and who wrote what.
    Done(Result<(String, Trace), Box<ExecError>>),
}

/// The way from a template to the thread that serves it.
pub struct Service(pub Sender<Message>);

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("service")
    }
}

impl Object for Service {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl Service {
    fn ask(&self, function: &Arc<Function>, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let gone = || FunctionError::from("the template has ended");
        let (answer, receiver) = channel();
        self.0.send(Message::Call(Call { function: function.clone(), arguments, answer })).map_err(|_| gone())?;
        receiver.recv().map_err(|_| gone())?
    }
}

/// A failure of a function on its way through minijinja.
#[derive(Debug, thiserror::Error)]
#[error("error calling {name}: {error}")]
pub struct Failed {
    /// The function.
    pub name: String,
    /// Why.
    pub error: FunctionError,
}

/// The failure of a function.
pub fn failed(name: &str, error: FunctionError) -> Error {
    let failed = Failed { name: name.to_owned(), error };
    Error::new(ErrorKind::InvalidOperation, failed.to_string()).with_source(failed)
}

#[derive(Clone)]
enum Callee {
    Helm(Arc<Function>),
    Go(Builtin),
}

impl Callee {
    fn parameter(&self, index: usize) -> Type {
        match self {
            Callee::Helm(function) => function.parameter(index).unwrap_or(Type::Any),
            Callee::Go(builtin) => builtin.signature().0.get(index).copied().unwrap_or(Type::Any),
        }
    }

    fn check_count(&self, name: &str, given: usize) -> Result<(), String> {
        match self {
            Callee::Helm(function) => function.check_count(name, given, given),
            Callee::Go(builtin) => {
                let (fixed, rest) = builtin.signature();
                match given < fixed.len() || rest.is_none() && given > fixed.len() {
                    true => Err(format!("wrong number of args for {name}: want {} got {given}", fixed.len())),
                    false => Ok(()),
                }
            }
        }
    }
}

/// A function of a template.
struct Callable {
    name: String,
    callee: Callee,
    shared: Arc<Shared>,
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.name)
    }
}

impl Object for Callable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[JinjaValue]) -> Result<JinjaValue, Error> {
        self.invoke(state, args.iter())
    }
}

impl Callable {
    fn invoke<'a>(&self, state: &mut State<'_, '_>, written: impl Iterator<Item = &'a JinjaValue>) -> Result<JinjaValue, Error> {
        let name = &*self.name;
        let mut written: Vec<JinjaValue> = written.cloned().collect();
        if TAKE_CONTEXT.contains(&name) && written.len() == 1 {
            written.extend(state.lookup(CONTEXT));
        }
        let refused = |message: String| failed(name, FunctionError::Argument(message));
        if written.iter().any(JinjaValue::is_kwargs) {
            return Err(refused(format!("{name} takes no named arguments")));
        }
        self.callee.check_count(name, written.len()).map_err(refused)?;
        let mut arguments = Vec::with_capacity(written.len());
        for (index, value) in written.iter().enumerate() {
            if !TAKE_UNDEFINED.contains(&name) {
                defined(state, value)?;
            }
            let value = to_go(state, value, self.callee.parameter(index))?;
            let value = match () {
                () if SHOW.contains(&name) => with_numbers(value, Numbers::Whole, 0),
                () if COMPARE.contains(&name) => with_numbers(value, Numbers::Float, 0),
                () => value,
            };
            arguments.push(match &self.callee {
                Callee::Helm(_) => self.callee.parameter(index).assign(value).map_err(refused)?,
                Callee::Go(_) => value,
            });
        }
        let result = match &self.callee {
            Callee::Helm(function) => invoke(state, function, arguments),
            Callee::Go(builtin) => builtin.call(arguments.into_iter().map(Some).collect()).map(Option::unwrap_or_default),
        };
        let value = result.and_then(|value| self.shared.limits.check(value)).map_err(|error| failed(name, error))?;
        Ok(to_jinja(value, &self.shared))
    }
}

/// Calls a function here, or there where it needs the engine.
fn invoke(state: &State<'_, '_>, function: &Arc<Function>, arguments: Vec<Value>) -> Result<Value, FunctionError> {
    let service = state.lookup(SERVICE).filter(|_| function.is_scoped());
    match service.as_ref().and_then(|service| service.downcast_object_ref::<Service>()) {
        Some(service) => service.ask(function, arguments),
        None => function.invoke(&mut Detached, arguments),
    }
}

/// Calls a method of a value.
pub fn call_method(
    state: &mut State<'_, '_>,
    shared: &Arc<Shared>,
    method: &Arc<Function>,
    receiver: Value,
    written: &[JinjaValue],
) -> Result<JinjaValue, Error> {
    let name = method.name();
    let refused = |message: String| failed(name, FunctionError::Argument(message));
    method.check_count(name, written.len(), written.len()).map_err(refused)?;
    let mut arguments = vec![receiver];
    for (index, value) in written.iter().enumerate() {
        defined(state, value)?;
        let typ = method.parameter(index).unwrap_or(Type::Any);
        arguments.push(typ.assign(to_go(state, value, typ)?).map_err(refused)?);
    }
    let result = invoke(state, method, arguments).and_then(|value| shared.limits.check(value));
    Ok(to_jinja(result.map_err(|error| failed(name, error))?, shared))
}

/// An error that names the value, where it is undefined.
pub fn defined(state: &mut State<'_, '_>, value: &JinjaValue) -> Result<(), Error> {
    match value.is_undefined() {
        true => state.apply_filter(DEFINED, std::slice::from_ref(value)).map(drop),
        false => Ok(()),
    }
}

/// Adds all functions, as functions and as filters, and what prints values.
pub fn register(environment: &mut Environment<'static>, shared: &Arc<Shared>) {
    for name in LEFT_OUT {
        environment.remove_filter(name);
    }
    environment.remove_global("debug");
    environment.add_filter(DEFINED, |text: String| text);
    let helm = shared.table.names().into_iter().filter_map(|name| Some((name, Callee::Helm(shared.table.get(name)?.clone()))));
    let go = GO_FUNCTIONS.into_iter().filter_map(|name| Some((name, Callee::Go(Builtin::named(name)?))));
    for (name, callee) in go.chain(helm) {
        let callable = Arc::new(Callable { name: name.to_owned(), callee, shared: shared.clone() });
        environment.add_global(name.to_owned(), JinjaValue::from_dyn_object(callable.clone()));
        if JINJA_FILTERS.contains(&name) {
            continue;
        }
        environment.add_filter(name.to_owned(), move |state: &mut State<'_, '_>, arguments: Rest<JinjaValue>| {
            let Some((piped, written)) = arguments.split_first() else { return Err(Error::from(ErrorKind::MissingArgument)) };
            if callable.name == "default" && written.len() > 1 {
                let message = "default takes one value: false, 0 and what is empty count as unset already".into();
                return Err(failed("default", FunctionError::Argument(message)));
            }
            callable.invoke(state, written.iter().chain([piped]))
        });
    }
    let printer = shared.clone();
    environment.add_filter("string", move |state: &mut State<'_, '_>, value: JinjaValue| text(state, &printer, &value));
    let printer = shared.clone();
    environment.set_formatter(move |out: &mut Output<'_>, state: &mut State<'_, '_>, value: &JinjaValue| {
        match value.as_str() {
            Some(text) => out.write_str(text)?,
            None => out.write_str(&text(state, &printer, value)?)?,
        }
        Ok(())
    });
    environment.set_unknown_method_callback(|state, value, method, arguments| match (value.kind(), method, arguments) {
        (ValueKind::Map, "items", []) => state.apply_filter("items", std::slice::from_ref(value)),
        (ValueKind::Map, "keys", []) => state.apply_filter("list", std::slice::from_ref(value)),
        (ValueKind::Map, "values", []) => {
            let values = value.try_iter()?.checked().map(|key| value.get_item(&key?));
            Ok(JinjaValue::from(values.collect::<Result<Vec<_>, _>>()?))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    });
}

/// What a value prints: null nothing, numbers their digits, truth as YAML has it; containers have no text.
fn text(state: &mut State<'_, '_>, shared: &Shared, value: &JinjaValue) -> Result<String, Error> {
    defined(state, value)?;
    let no_text = |what: &str| {
        let message = format!("{what} has no text: print it with `| toYaml` or `| toJson`");
        Err(Error::new(ErrorKind::InvalidOperation, message))
    };
    match (value.kind(), value.downcast_object_ref::<Proxy>()) {
        (_, Some(proxy)) if !is_container(&proxy.value) => {
            let text = shared.limits.check(Value::String(proxy.value.to_text())).map_err(|error| failed("print", error))?;
            text.as_str().map(str::to_owned).ok_or_else(|| {
                let message = "bytes that are no UTF-8 cannot be printed: write them in base 64 with `| b64enc`";
                Error::new(ErrorKind::InvalidOperation, message)
            })
        }
        (ValueKind::None, _) => Ok(String::new()),
        (ValueKind::Bool, _) => Ok(value.is_true().to_string()),
        (ValueKind::Number, _) if !value.is_integer() => Ok(f64::try_from(value.clone())?.to_string()),
        (ValueKind::Number | ValueKind::String | ValueKind::Bytes, _) => Ok(value.to_string()),
        (ValueKind::Map, _) => no_text("a map"),
        (ValueKind::Seq | ValueKind::Iterable, _) => no_text("a list"),
        _ => no_text("a function, or another thing that is no value,"),
    }
}

/// The map and the key that were last looked for in vain.
pub fn missed(shared: &Shared) -> Option<(Map, String)> {
    shared.missed.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
