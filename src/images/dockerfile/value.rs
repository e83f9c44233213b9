//! One value with variables, as an `ENV` instruction has it.

use super::words::{self, Lookup};

/// Removes quotes and escapes (by `\\`) and substitutes variables, whose values `variable` knows; those that it does not know have none.
///
/// # Errors
/// A sentence for people: an unclosed brace or quote, an unknown form, a variable that `?` demands.
pub fn expand(value: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    words::expand(value, '\\', &|name| variable(name).map_or(Lookup::Unset, Lookup::Known))
}
