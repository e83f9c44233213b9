//! Go templates with Go's value semantics, and the Helm function table.
//!
//! Follows Go 1.26's `text/template` and `fmt`, and Helm's engine where that differs; what real `helm` prints is right. Texts are
//! parsed into trees (`lexer`, `parser`, `ast`), collected in a set ([`Templates`]) and executed (`exec`) over [`value::Value`]s with the
//! functions of a [`call::Table`]. [`JinjaFile`]s are the second language, over the same values and functions (`jinja`). Which files there are, in which order they are parsed and what becomes of the results is left to
//! `chart` and `project/config`. Nothing here does I/O or reads a clock: the gates to the outside are a [`host::Host`].

pub mod ast;
pub mod builtin;
pub mod call;
pub mod determined;
pub mod error;
mod exec;
pub mod format;
pub mod functions;
mod hint;
pub mod host;
mod jinja;
pub mod lexer;
mod literal;
pub mod number;
pub mod parser;
mod runes;
mod set;
mod stack;
mod texts;
mod trace;
pub mod value;

pub use error::{ExecError, Failure, NoOrigins, Origin, Origins, ParseError};
pub use jinja::JinjaFile;
pub use set::{Limits, MissingKey, NoValue, Options, Templates, TplDefinitions};
pub use trace::{Trace, Writer};

#[cfg(test)]
mod tests;
