//! `werf helm secret generate-secret-key`.

use super::random;
use crate::secret::SecretKey;

/// A new key of 32 hexadecimal digits, on a line of its own.
pub fn run() -> String {
    format!("{}\n", SecretKey::from_random(random()).expose())
}
