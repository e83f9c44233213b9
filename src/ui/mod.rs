//! The only writer of standard output and standard error.
