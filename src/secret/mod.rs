//! Encrypted values and files, in werf's format.
//!
//! A blob is AES-CBC with PKCS#7 padding and a random 16-byte IV, written in lower-case hex as `1000` (the IV's length, 16 bits little
//! endian), IV, cipher text. The format has no authentication: a wrong key shows as bad padding, most of the time. An empty text is stored
//! as an empty text. [`values`] has the files of values, where each scalar is a blob by itself; [`rotate`] brings both to another key.
//!
//! Where keys are looked for, and where random bytes come from, is left to the callers.

mod cipher;
mod error;
mod kept;
mod layout;
mod rotate;
mod values;

pub use cipher::{SecretKey, decrypt, encrypt};
pub use error::{SecretError, ValueError};
pub use rotate::Rotation;
pub use values::{Encryption, decrypt_values, decrypt_values_text, encrypt_values_text};

/// Fresh random bytes for each blob.
pub type Ivs<'a> = &'a mut dyn FnMut() -> [u8; 16];
