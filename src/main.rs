//! The `werf` program.

fn main() {}
