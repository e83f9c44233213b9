//! `werf version`.

use crate::ui;

/// Prints the version.
pub fn run() -> u8 {
    ui::data(concat!(env!("CARGO_PKG_VERSION"), "\n"));
    0
}
