//! One file per command: arguments to an options struct, and one call into `ops`.
