//! Go templates with Go's value semantics, and the Helm function table.
