//! `werf helm secret …`: keys, and what is encrypted with them.
//!
//! [`encrypt`] and [`decrypt`] go from a file or standard input to a file or standard output, [`edit`] lets an editor change what is
//! encrypted, [`rotate_secret_key`] brings a project to another key. All of them look for the [`key`] in the same places. The format is
//! the business of [`crate::secret`].

pub mod decrypt;
pub mod edit;
pub mod encrypt;
pub mod generate_secret_key;
pub mod rotate_secret_key;

pub(super) mod key;

mod editor;
mod source;

pub use editor::EditorOptions;
pub use key::KeyOptions;
pub use source::{Input, Source};

use std::path::PathBuf;

use crate::error::Result;
use crate::ops::files::Unwritable;
use crate::ops::whole_file;
use crate::secret::{self, Encryption, SecretError, SecretKey};

/// What is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Bytes of any kind, as one blob.
    Bytes,
    /// YAML, each value by itself.
    Values,
}

/// From where to where, and with which key.
pub struct Options {
    /// Where the key is looked for.
    pub key: KeyOptions,
    /// What is encrypted.
    pub form: Form,
    /// What is read.
    pub source: Source,
    /// Where the result goes; standard output where `None`.
    pub output: Option<PathBuf>,
}

/// The encrypted form. Values that are as in the encrypted file before keep their blobs.
fn encrypted(form: Form, key: &SecretKey, plain: &[u8], previous: Option<&str>) -> Result<Vec<u8>, SecretError> {
    match form {
        Form::Bytes => Ok(secret::encrypt(key, random(), plain).into_bytes()).map(|blob| [blob.as_slice(), b"\n"].concat()),
        Form::Values => {
            let encryption = Encryption { key, iv: &mut random, previous };
            secret::encrypt_values_text(encryption, text(plain)?).map(String::into_bytes)
        }
    }
}

/// What was encrypted.
fn decrypted(form: Form, key: &SecretKey, encrypted: &[u8]) -> Result<Vec<u8>, SecretError> {
    match form {
        Form::Bytes => secret::decrypt(key, &String::from_utf8_lossy(encrypted)),
        Form::Values => secret::decrypt_values_text(key, text(encrypted)?).map(String::into_bytes),
    }
}

fn text(bytes: &[u8]) -> Result<&str, SecretError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        SecretError::NotUtf8 { line: 1 + before.iter().filter(|&&byte| byte == b'\n').count() }
    })
}

/// Writes the result where it belongs; gives what is left for standard output.
fn delivered(result: Vec<u8>, output: Option<PathBuf>) -> Result<Vec<u8>> {
    let Some(path) = output else { return Ok(result) };
    whole_file::write(&path, &result).map_err(|cause| Unwritable { path, cause })?;
    Ok(Vec::new())
}

/// Random bytes of the system.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    let drawn = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    // the system gives up to 256 bytes at once, and fails only where it is older than Linux 3.17
    assert_eq!(drawn, Ok(bytes.len()), "the system gives no random bytes");
    bytes
}
