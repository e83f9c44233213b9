//! Encrypted values and files.
