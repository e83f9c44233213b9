//! The functions with which authors of templates look at what they do: the work of `tpl`, `include` and `printf`, told to a log.

use std::sync::{Arc, Mutex, PoisonError};

use crate::template::call::{FunctionError, Rest, Scope, Table};
use crate::template::format::sprintf;
use crate::template::runes;
use crate::template::value::{Str, Value};
use crate::yaml;

/// Texts that the debug functions have written, in order.
pub type DebugLog = Arc<Mutex<Vec<String>>>;

/// `tpl_debug`, `include_debug`, `printf_debug` and `dump_debug`; without a log they work in silence.
pub fn debugging(table: &mut Table, log: Option<DebugLog>) {
    let write = move |text: String| {
        if let Some(log) = &log {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    };
    let log = write.clone();
    table.add("printf_debug", move |format: Str, operands: Rest<Value>| {
        log(runes::shown(&sprintf(format.as_bytes(), &operands)).into_owned());
        ""
    });
    let log = write.clone();
    table.add("dump_debug", move |value: Value| {
        log(yaml::emit(&value.to_json()));
        ""
    });
    let log = write.clone();
    table.add_scoped("include_debug", move |scope: &mut dyn Scope, name: Str, data: Value| {
        let text = scope.include(&name, data)?;
        log(format!("include {}:\n{}", name.shown(), text.shown()));
        Ok::<_, FunctionError>(text)
    });
    table.add_scoped("tpl_debug", move |scope: &mut dyn Scope, text: Str, data: Value| {
        let result = scope.tpl(&text, data)?;
        write(format!("tpl:\n{}", result.shown()));
        Ok::<_, FunctionError>(result)
    });
}
