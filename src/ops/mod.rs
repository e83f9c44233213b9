//! One file per command: the use cases.
