//! Versions of charts and the ranges that ask for them.

use crate::template::functions::{Constraint, Version};

/// Whether a version lies in a range; false where one of them is none.
pub fn is_compatible(range: &str, version: &str) -> bool {
    match (Constraint::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.allows(&version),
        _ => false,
    }
}
