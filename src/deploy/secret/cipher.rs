//! Keys and blobs.

use std::fmt;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use miette::Diagnostic;

const IV: usize = 16;
const HEADER: [u8; 2] = [IV as u8, 0];
/// IV length, IV and one block.
const SHORTEST: usize = 2 + IV + 16;

/// A secret key: 16, 24 or 32 bytes. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Vec<u8>);

impl SecretKey {
    /// Reads a key of 32, 48 or 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = from_hex(text).ok_or(SecretError::Key { digits: text.len() })?;
        match bytes.len() {
            16 | 24 | 32 => Ok(SecretKey(bytes)),
            _ => Err(SecretError::Key { digits: text.len() }),
        }
    }

    /// A new AES-128 key from random bytes, as `generate-secret-key` makes it.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        SecretKey(bytes.to_vec())
    }

    /// The key's digits, for the one command that prints a key.
    pub fn expose(&self) -> String {
        to_hex(&self.0)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is wrong with a key, a blob or a file of blobs. No message contains a secret.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
pub enum SecretError {
    /// The key has a wrong form.
    #[error("the secret key must have 32, 48 or 64 hexadecimal digits, this one has {digits} characters")]
    #[diagnostic(help("WERF_SECRET_KEY is used as it is, a file's content without white space around it"))]
    Key {
        /// Characters given.
        digits: usize,
    },
    /// A blob is no blob.
    #[error("this is no encrypted value: {reason}")]
    #[diagnostic(help("encrypt it with `helm secret` of werf 2; only encrypted values may be stored here"))]
    Blob {
        /// Why.
        reason: &'static str,
    },
    /// The key does not fit.
    #[error("the value was encrypted with another key, or is damaged")]
    #[diagnostic(help("check WERF_SECRET_KEY; after a change of the key, re-encrypt with `helm secret rotate-secret-key` of werf 2"))]
    WrongKey,
    /// The decrypted text is not UTF-8, where text is needed.
    #[error("the decrypted value is no text")]
    NotText,
    /// The file of values is no YAML.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(Box<crate::yaml::YamlError>),
    /// One value of a file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Value(Box<ValueError>),
}

/// One value of a file of secret values cannot be decrypted. Its text is not shown: a value that nobody encrypted is a secret.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("value `{path}`, line {line}: {cause}")]
pub struct ValueError {
    /// Dotted path of the value.
    pub path: String,
    /// 1-based.
    pub line: usize,
    /// Why.
    pub cause: Box<SecretError>,
    /// What to do.
    #[help]
    pub help: Option<String>,
}

/// Encrypts bytes to a blob. The IV must be random and used once.
pub fn encrypt(key: &SecretKey, iv: [u8; IV], bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let body = match key.0.len() {
        16 => seal::<Aes128>(&key.0, &iv, bytes),
        24 => seal::<Aes192>(&key.0, &iv, bytes),
        _ => seal::<Aes256>(&key.0, &iv, bytes),
    };
    to_hex(&[&HEADER[..], &iv, &body].concat())
}

/// Decrypts a blob.
pub fn decrypt(key: &SecretKey, blob: &str) -> Result<Vec<u8>, SecretError> {
    let blob = blob.trim();
    if blob.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = from_hex(blob).ok_or(SecretError::Blob { reason: "it is not hexadecimal" })?;
    if bytes.len() < SHORTEST {
        return Err(SecretError::Blob { reason: "it is too short" });
    }
    let (header, rest) = bytes.split_at(2);
    if header != HEADER || !(rest.len() - IV).is_multiple_of(16) {
        return Err(SecretError::Blob { reason: "it has another layout" });
    }
    let (iv, body) = rest.split_at(IV);
    let plain = match key.0.len() {
        16 => open::<Aes128>(&key.0, iv, body),
        24 => open::<Aes192>(&key.0, iv, body),
        _ => open::<Aes256>(&key.0, iv, body),
    };
    plain.ok_or(SecretError::WrongKey)
}

fn seal<C>(key: &[u8], iv: &[u8], bytes: &[u8]) -> Vec<u8>
where
    cbc::Encryptor<C>: KeyIvInit + BlockEncryptMut,
    C: aes::cipher::BlockEncryptMut + aes::cipher::BlockCipher,
{
    let cipher = cbc::Encryptor::<C>::new_from_slices(key, iv);
    cipher.map(|cipher| cipher.encrypt_padded_vec_mut::<Pkcs7>(bytes)).unwrap_or_default()
}

fn open<C>(key: &[u8], iv: &[u8], body: &[u8]) -> Option<Vec<u8>>
where
    cbc::Decryptor<C>: KeyIvInit + BlockDecryptMut,
    C: aes::cipher::BlockDecryptMut + aes::cipher::BlockCipher,
{
    cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_padded_vec_mut::<Pkcs7>(body).ok()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blobs were made with `openssl enc -aes-128-cbc` and `-aes-256-cbc`.
    #[test]
    fn blobs_are_those_of_openssl() {
        let half = "00112233445566778899aabbccddeeff";
        let cases = [
            (half.to_owned(), "16a2ba56231210ff3f0dbcebc771e698"),
            (format!("{half}0011223344556677"), "171d8603dc7d9dbbb1ffc9a16e9e4470"),
            (format!("{half}{half}"), "d2eb1096c05a0b376aa58f41430a856b"),
        ];
        for (key, body) in cases {
            let key = SecretKey::parse(&key).unwrap();
            let iv = std::array::from_fn(|at| at as u8);
            let blob = format!("1000000102030405060708090a0b0c0d0e0f{body}");
            assert_eq!(encrypt(&key, iv, b"hello"), blob);
            assert_eq!(decrypt(&key, &blob).unwrap(), b"hello");
        }
    }

    #[test]
    fn wrong_keys_and_blobs_are_refused() {
        for digits in ["", "00", "zz112233445566778899aabbccddeeff", &"0".repeat(40)] {
            assert!(SecretKey::parse(digits).is_err(), "{digits}");
        }
        let key = SecretKey::from_random([7; 16]);
        assert_eq!(format!("{key} {key:?}"), "*** ***");
        assert_eq!(decrypt(&key, "").unwrap(), b"");
        assert_eq!(encrypt(&key, [0; 16], b""), "");
        for blob in ["xx", "abc", "1000", &format!("2000{}", "00".repeat(32)), &format!("1000{}", "00".repeat(33))] {
            assert!(matches!(decrypt(&key, blob), Err(SecretError::Blob { .. })), "{blob}");
        }
        let blob = encrypt(&SecretKey::from_random([8; 16]), [1; 16], b"text");
        assert!(matches!(decrypt(&key, &blob), Err(SecretError::WrongKey)));
    }
}
