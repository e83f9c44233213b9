//! Defaults, conditions, and questions about types.

use std::sync::Arc;

use crate::template::call::{Rest, Table};
use crate::template::value::Value;

pub(super) fn register(table: &mut Table) {
    table.add("default", |default: Value, given: Rest<Value>| given.into_iter().next().filter(Value::truth).unwrap_or(default));
    table.add("empty", |value: Value| !value.truth());
    table.add("coalesce", |values: Rest<Value>| values.into_iter().find(Value::truth));
    table.add("all", |values: Rest<Value>| values.iter().all(Value::truth));
    table.add("any", |values: Rest<Value>| values.iter().any(Value::truth));
    table.add("ternary", |yes: Value, no: Value, condition: bool| if condition { yes } else { no });
    table.add("typeOf", |value: Value| value.type_name().into_owned());
    table.add("typeIs", |name: Arc<str>, value: Value| value.type_name() == *name);
    table.add("typeIsLike", |name: Arc<str>, value: Value| {
        let typ = value.type_name();
        *typ == *name || typ.strip_prefix('*') == Some(&name)
    });
    table.add("kindOf", |value: Value| value.kind_name());
    table.add("kindIs", |name: Arc<str>, value: Value| *name == *value.kind_name());
    table.add("deepEqual", |a: Value, b: Value| a.deep_equal(&b));
}
