//! Keys and blobs.

use std::fmt;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};

use super::error::SecretError;
use crate::words::hex;

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
        let letters = text.chars().count();
        if !matches!(letters, 32 | 48 | 64) {
            return Err(SecretError::Key { problem: format!("{letters} characters") });
        }
        from_hex(text).map(SecretKey).map_err(|at| SecretError::Key { problem: format!("something else at character {at}") })
    }

    /// A new AES-128 key from random bytes, as `generate-secret-key` makes it.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        SecretKey(bytes.to_vec())
    }

    /// The key's digits, for the one command that prints a key.
    pub fn expose(&self) -> String {
        hex::lower(&self.0)
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
    hex::lower([&HEADER[..], &iv, &body].concat())
}

/// Decrypts a blob, with or without white space around it. An empty text is the blob of an empty text.
pub fn decrypt(key: &SecretKey, blob: &str) -> Result<Vec<u8>, SecretError> {
    let blob = blob.trim();
    if blob.is_empty() {
        return Ok(Vec::new());
    }
    let no_blob = |reason: String| SecretError::Blob { reason };
    let bytes = from_hex(blob).map_err(|at| {
        let odd = || no_blob(format!("it has {} hexadecimal digits, and their number must be even", blob.len()));
        let is_digit = |letter: char| letter.is_ascii_hexdigit();
        if blob.chars().all(is_digit) { odd() } else { no_blob(format!("it is not hexadecimal (character {at})")) }
    })?;
    if bytes.len() < SHORTEST {
        return Err(no_blob(format!("it is too short, {} digits where {} are the least", blob.len(), 2 * SHORTEST)));
    }
    let (header, rest) = bytes.split_at(2);
    if header != HEADER {
        return Err(no_blob("it does not begin with 1000".to_owned()));
    }
    if !(rest.len() - IV).is_multiple_of(16) {
        return Err(no_blob(format!("it has {} digits, which are no whole number of blocks: a part is missing", blob.len())));
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

/// The bytes, or the first character, counted from 1, that is no digit of a pair.
fn from_hex(text: &str) -> Result<Vec<u8>, usize> {
    let digits = text.chars().enumerate().map(|(at, letter)| match letter.to_digit(16) {
        Some(digit) => Ok(digit as u8),
        None => Err(at + 1),
    });
    let digits = digits.collect::<Result<Vec<u8>, usize>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(digits.len());
    }
    Ok(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encrypted_comes_back(key: [u8; 16], iv: [u8; 16], bytes: Vec<u8>) {
            let key = SecretKey::from_random(key);
            let blob = encrypt(&key, iv, &bytes);
            prop_assert_eq!(decrypt(&key, &format!(" {}\n", blob.to_uppercase())).unwrap(), bytes.clone());
            prop_assert_eq!(blob.len(), if bytes.is_empty() { 0 } else { 36 + (bytes.len() / 16 + 1) * 32 });
        }

        #[test]
        fn no_text_makes_decryption_fall(key: [u8; 16], text: String) {
            let _ = decrypt(&SecretKey::from_random(key), &text);
        }
    }

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
        for digits in ["", "00", "zz112233445566778899aabbccddeeff", "+0+0+0+0+0+0+0+0+0+0+0+0+0+0+0+0", &"0".repeat(40)] {
            assert!(SecretKey::parse(digits).is_err(), "{digits}");
        }
        let key = SecretKey::from_random([7; 16]);
        assert_eq!(format!("{key} {key:?}"), "*** ***");
        assert_eq!(decrypt(&key, "").unwrap(), b"");
        assert_eq!(encrypt(&key, [0; 16], b""), "");
        let zeros = |count: usize| "00".repeat(count);
        let cases = [
            ("s3cret".to_owned(), "it is not hexadecimal (character 1)"),
            ("10+0".to_owned(), "it is not hexadecimal (character 3)"),
            (format!("1000{}0", zeros(32)), "it has 69 hexadecimal digits, and their number must be even"),
            ("1000".to_owned(), "it is too short, 4 digits where 68 are the least"),
            (format!("2000{}", zeros(32)), "it does not begin with 1000"),
            (format!("1000{}", zeros(33)), "it has 70 digits, which are no whole number of blocks: a part is missing"),
        ];
        for (blob, reason) in cases {
            assert_eq!(decrypt(&key, &blob).unwrap_err().to_string(), format!("this is no encrypted value: {reason}"), "{blob}");
        }
        let blob = encrypt(&SecretKey::from_random([8; 16]), [1; 16], b"text");
        assert!(matches!(decrypt(&key, &blob), Err(SecretError::WrongKey)));
    }
}
