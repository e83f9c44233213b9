//! Defaults, conditions, and questions about types.

use crate::template::call::{Rest, Table};
use crate::template::value::{Str, Value};

pub(super) fn register(table: &mut Table) {
    table.add("default", |default: Value, given: Rest<Value>| given.into_iter().next().filter(Value::truth).unwrap_or(default));
    table.add("empty", |value: Value| !value.truth());
    table.add("coalesce", |values: Rest<Value>| values.into_iter().find(Value::truth));
    table.add("all", |values: Rest<Value>| values.iter().all(Value::truth));
    table.add("any", |values: Rest<Value>| values.iter().any(Value::truth));
    table.add("ternary", |yes: Value, no: Value, condition: bool| if condition { yes } else { no });
    table.add("typeOf", |value: Value| value.type_name().into_owned());
    table.add("typeIs", |name: Str, value: Value| name == *value.type_name());
    table.add("typeIsLike", |name: Str, value: Value| {
        let typ = value.type_name();
        name == *typ || typ.strip_prefix('*').is_some_and(|typ| name == *typ)
    });
    table.add("kindOf", |value: Value| value.kind_name());
    table.add("kindIs", |name: Str, value: Value| name == *value.kind_name());
    table.add("deepEqual", |a: Value, b: Value| a.deep_equal(&b));
}
