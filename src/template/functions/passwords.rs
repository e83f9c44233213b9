//! Password hashes, derived passwords, and texts encrypted with a password.

use aes::Aes256;
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _, block_padding::NoPadding, block_padding::Pkcs7};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::data;
use crate::template::call::{FunctionError, Scope, Table};
use crate::template::value::Str;

const BCRYPT_COST: u32 = 10;
const BLOCK: usize = 16;

pub(super) fn register(table: &mut Table) {
    table.add_scoped("bcrypt", |scope: &mut dyn Scope, password: Str| hash(scope, &password));
    table.add_scoped("htpasswd", |scope: &mut dyn Scope, user: Str, password: Str| match user.as_bytes().contains(&b':') {
        true => Ok(Str::from_bytes([b"invalid username: ", user.as_bytes()].concat())),
        false => hash(scope, &password).map(|hash| Str::from_bytes([user.as_bytes(), b":", hash.as_bytes()].concat())),
    });
    table.add("derivePassword", |counter: isize, kind: Str, password: Str, user: Str, site: Str| {
        derive(counter as u32, &kind.shown(), password.as_bytes(), user.as_bytes(), site.as_bytes())
    });
    table.add_scoped("encryptAES", |scope: &mut dyn Scope, password: Str, text: Str| encrypt(scope, &password, &text));
    table.add("decryptAES", |password: Str, text: Str| decrypt(&password, &text));
}

fn hash(scope: &mut dyn Scope, password: &Str) -> Result<String, FunctionError> {
    const LONGEST: usize = 72;
    if password.len() > LONGEST {
        return Ok(format!("failed to encrypt string with bcrypt: bcrypt: password length exceeds {LONGEST} bytes"));
    }
    let mut salt = [0; 16];
    scope.host().random(&mut salt)?;
    match bcrypt::hash_with_salt(password.as_bytes(), BCRYPT_COST, salt) {
        Ok(parts) => Ok(parts.format_for_version(bcrypt::Version::TwoA)),
        Err(error) => Ok(format!("failed to encrypt string with bcrypt: {error}")),
    }
}

/// The templates of a kind of password; each letter names a class of characters.
fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The Master Password algorithm, version 2: the same inputs always give the same password.
fn derive(counter: u32, kind: &str, password: &[u8], user: &[u8], site: &[u8]) -> Result<String, FunctionError> {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let Some(templates) = templates(kind) else { return Ok(format!("cannot find password template {kind}")) };
    let length = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
    let salt = [SCOPE, &length(user), user].concat();
    let mut key = [0; 64];
    let params = scrypt::Params::new(15, 8, 2, key.len()).map_err(|error| error.to_string())?;
    scrypt::scrypt(password, &salt, &params, &mut key).map_err(|error| error.to_string())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(&[SCOPE, &length(site), site, &counter.to_be_bytes()].concat());
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let letter = |(class, seed): (u8, &u8)| {
        let characters = characters(class);
        char::from(characters[usize::from(*seed) % characters.len()])
    };
    Ok(template.bytes().zip(&seed[1..]).map(letter).collect())
}

/// The password itself is the key: cut or filled up with zeros.
fn key(password: &Str) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password.as_bytes()[..length]);
    key
}

fn encrypt(scope: &mut dyn Scope, password: &Str, text: &Str) -> Result<String, FunctionError> {
    use base64::Engine as _;
    if text.is_empty() {
        return Ok(String::new());
    }
    let mut vector = [0; BLOCK];
    scope.host().random(&mut vector)?;
    let encrypted = cbc::Encryptor::<Aes256>::new(&key(password).into(), &vector.into()).encrypt_padded_vec_mut::<Pkcs7>(text.as_bytes());
    Ok(base64::engine::general_purpose::STANDARD.encode([&vector[..], &encrypted].concat()))
}

fn decrypt(password: &Str, text: &Str) -> Result<Str, FunctionError> {
    if text.is_empty() {
        return Ok(Str::from(""));
    }
    let bytes = data::decode_base_64(text.as_bytes()).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
    let Some((vector, encrypted)) = bytes.split_first_chunk::<BLOCK>() else {
        return Err(format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {}", bytes.len()).into());
    };
    let decrypted = cbc::Decryptor::<Aes256>::new(&key(password).into(), &(*vector).into())
        .decrypt_padded_vec_mut::<NoPadding>(encrypted)
        .map_err(|_| "crypto/cipher: input not full blocks")?;
    // The padding is taken off unchecked, as upstream does it: a wrong password gives noise.
    let Some(padding) = decrypted.last() else { return Err("runtime error: index out of range [-1]".into()) };
    match decrypted.len().checked_sub(usize::from(*padding)) {
        Some(length) => Ok(Str::from_bytes(&decrypted[..length])),
        None => Err(format!("runtime error: slice bounds out of range [:{}]", decrypted.len() as isize - *padding as isize).into()),
    }
}
