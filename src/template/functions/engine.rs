//! Helm's functions that reach the engine or the world behind its gates: include, tpl, lookup, required, fail.

use std::sync::Arc;

use crate::template::call::{FunctionError, Scope, Table};
use crate::template::value::{Str, Value};

pub(super) fn register_sprig(table: &mut Table) {
    table.add("fail", |message: Str| Err::<Value, _>(FunctionError::Refused(message.to_string())));
    table.add_scoped("getHostByName", |scope: &mut dyn Scope, name: Arc<str>| scope.host().host_by_name(&name));
}

pub(super) fn register(table: &mut Table) {
    table.add_scoped("include", |scope: &mut dyn Scope, name: Arc<str>, data: Value| scope.include(&name, data));
    table.add_scoped("tpl", |scope: &mut dyn Scope, text: Arc<str>, data: Value| scope.tpl(&text, data));
    table.add("required", |message: Str, value: Value| match &value {
        Value::Nil => Err(FunctionError::Refused(message.to_string())),
        Value::String(text) if text.is_empty() => Err(FunctionError::Refused(message.to_string())),
        _ => Ok(value),
    });
    table.add_scoped("lookup", |scope: &mut dyn Scope, version: Arc<str>, kind: Arc<str>, namespace: Arc<str>, name: Arc<str>| {
        scope.host().lookup(&version, &kind, &namespace, &name)
    });
}
