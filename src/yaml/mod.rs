//! One YAML reader with spans, one emitter that prints as Helm does.
//!
//! [`parse_documents`] turns text into [`Node`]s that know where they stand in it: anchors, aliases and merge keys are resolved,
//! scalars have their YAML 1.1 types as Kubernetes tools read them (`yes` is a boolean, `0755` an octal number, a date stays text).
//! [`scalars()`] gives what is written, for those who change some values of a text and leave the rest as it is.
//! [`to_json`] turns a node into the JSON that Kubernetes means by it; [`emit()`] prints a value exactly as Helm's `toYaml`.
//!
//! Syntax is left to `libyaml-safer` (YAML 1.1 events). What a key means, and where text comes from, is left to the callers.

mod emit;
mod error;
mod fields;
mod go_text;
mod json;
mod node;
mod reader;
mod resolve;
mod scalars;
mod tags;
mod text;

pub use emit::{Emitter, emit, emit_line, sort_keys};
pub use error::YamlError;
pub use fields::{is_field, with_field_names};
pub use go_text::go_text;
pub use json::{key_text, parse_json, to_json};
pub use node::{Node, NodeValue, Style};
pub use reader::{DuplicateKeys, Options, parse, parse_documents, parse_documents_with};
pub use scalars::{Scalar, scalars};
pub use text::text;

pub(crate) use reader::go_syntax;

#[cfg(test)]
mod tests;
