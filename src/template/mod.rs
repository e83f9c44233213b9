//! Go templates with Go's value semantics, and the Helm function table.

pub mod call;
pub mod error;
pub mod format;
pub mod host;
pub mod value;
