//! Our interpreter beside the real engines: the rows of our tables, and random cases of every part of the language.
//!
//! The testbed's oracle (`tests/testbed/servers/oracle`) answers with Go's `text/template` and `fmt` and with both Helm engines.

mod dice;
mod expressions;
mod oracle;
mod ours;
mod random;
mod tables;
mod templates;
mod values;
