//! Immutable build state, one file per op, marshalled to a BuildKit definition. Knows nothing of werf.yaml.

pub mod pb;
