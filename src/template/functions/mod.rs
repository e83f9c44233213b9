//! The functions that templates can name: sprig's and Helm's, one file per family.
//!
//! [`helm`] is the table of a chart, [`sprig`] the part that werf.yaml shares. Bodies follow sprig 3.3 and Helm 3.22; where sprig
//! panics, the text of the panic is the error. Nothing here reads a clock, a source of randomness, a cluster or the environment:
//! those come through the scope's [`Host`](super::host::Host).
//!
//! The language's own builtins (`and`, `index`, `printf`, …) belong to the interpreter.

mod case;
mod cast;
mod certificates;
mod data;
mod dates;
mod debug;
mod der;
mod engine;
mod fermat;
mod hashes;
mod json;
pub(super) mod layout;
mod lists;
mod logic;
mod maps;
mod numbers;
mod passwords;
mod paths;
mod primes;
mod random;
mod re2;
mod regex;
mod semver;
mod strings;
mod toml;
mod url;

use super::call::Table;

pub use data::{from_node, from_yaml, to_yaml};
pub use debug::{DebugLog, debugging};
pub use json::{Html, from_json_text, to_json_text};
pub use semver::{Constraint, Version};

/// The function table of a chart: sprig without `env` and `expandenv`, and Helm's own functions.
pub fn helm() -> Table {
    let mut table = sprig();
    data::register_helm(&mut table);
    engine::register(&mut table);
    table
}

/// Sprig's table, without `env` and `expandenv`.
pub fn sprig() -> Table {
    let mut table = Table::new();
    strings::register(&mut table);
    numbers::register(&mut table);
    lists::register(&mut table);
    maps::register(&mut table);
    logic::register(&mut table);
    data::register(&mut table);
    regex::register(&mut table);
    semver::register(&mut table);
    paths::register(&mut table);
    url::register(&mut table);
    dates::register(&mut table);
    hashes::register(&mut table);
    random::register(&mut table);
    passwords::register(&mut table);
    certificates::register(&mut table);
    engine::register_sprig(&mut table);
    table
}

#[cfg(test)]
mod tests;
