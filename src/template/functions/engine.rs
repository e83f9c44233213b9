//! Helm's functions that reach the engine or the world behind its gates: include, tpl, lookup, required, fail.

use crate::template::call::{FunctionError, Scope, Table};
use crate::template::value::{Str, Value};

pub(super) fn register_sprig(table: &mut Table) {
    table.add("fail", |message: Str| Err::<Value, _>(FunctionError::Refused(message.shown().into_owned())));
    table.add_scoped("getHostByName", |scope: &mut dyn Scope, name: Str| scope.host().host_by_name(&name.shown()));
}

pub(super) fn register(table: &mut Table) {
    table.add_scoped("include", |scope: &mut dyn Scope, name: Str, data: Value| scope.include(&name, data));
    table.add_scoped("tpl", |scope: &mut dyn Scope, text: Str, data: Value| scope.tpl(&text, data));
    table.add("required", |message: Str, value: Value| match &value {
        Value::Nil => Err(FunctionError::Refused(message.shown().into_owned())),
        Value::String(text) if text.is_empty() => Err(FunctionError::Refused(message.shown().into_owned())),
        _ => Ok(value),
    });
    table.add_scoped("lookup", |scope: &mut dyn Scope, version: Str, kind: Str, namespace: Str, name: Str| {
        scope.host().lookup(&version.shown(), &kind.shown(), &namespace.shown(), &name.shown())
    });
}
