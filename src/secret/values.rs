//! Files of secret values: YAML in which every scalar is a blob. Keys, comments and layout stay as they are.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::Ivs;
use super::cipher::{SecretKey, decrypt, encrypt};
use super::error::SecretError;
use super::kept::Kept;
use super::layout::{Content, replaced};
use crate::yaml::{self, Node, NodeValue, Scalar};

const BINARY: &str = "tag:yaml.org,2002:binary";

/// Decrypts a file of values into a table; every value is text or null.
pub fn decrypt_values(key: &SecretKey, text: &str) -> Result<Value, SecretError> {
    plain_value(key, &yaml::parse(text)?, &mut Vec::new())
}

fn plain_value<'n>(key: &SecretKey, node: &'n Node, path: &mut Vec<&'n str>) -> Result<Value, SecretError> {
    Ok(match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Sequence(items) => Value::Array(items.iter().map(|item| plain_value(key, item, path)).collect::<Result<_, _>>()?),
        NodeValue::Mapping(entries) => {
            let mut table = Map::new();
            for (name, value) in entries {
                let name = name.text().unwrap_or_default();
                path.push(name);
                table.insert(name.to_owned(), plain_value(key, value, path)?);
                path.pop();
            }
            Value::Object(table)
        }
        _ => {
            let text = plain_bytes(key, node).and_then(|bytes| String::from_utf8(bytes).map_err(|_| SecretError::NotText));
            Value::String(text.map_err(|error| error.at(path.join("."), node.line))?)
        }
    })
}

fn plain_bytes(key: &SecretKey, node: &Node) -> Result<Vec<u8>, SecretError> {
    match node.as_str() {
        Some(blob) => decrypt(key, blob),
        None => Err(SecretError::Blob { reason: "it is no string".into() }),
    }
}

/// Decrypts a file of values into the text of a YAML file with the same keys, comments and layout. What is no text becomes `!!binary`.
pub fn decrypt_values_text(key: &SecretKey, text: &str) -> Result<String, SecretError> {
    let scalars = value_scalars(text)?;
    let plain = |scalar: &Scalar| plain_bytes(key, &scalar.node).map_err(|error| error.at(&scalar.path, scalar.node.line));
    let contents = scalars.iter().map(|scalar| plain(scalar).map(Content::from)).collect::<Result<Vec<_>, _>>()?;
    Ok(replaced(text, scalars.iter().zip(contents)))
}

/// What [`encrypt_values_text`] needs beside the text.
pub struct Encryption<'a> {
    /// The key.
    pub key: &'a SecretKey,
    /// Fresh random bytes for each value.
    pub iv: Ivs<'a>,
    /// The encrypted file as it was: a value that did not change keeps its blob.
    pub previous: Option<&'a str>,
}

/// Encrypts every scalar of a YAML file, each as the text that Go prints for it ([`yaml::go_text`]); nulls, keys, comments and layout stay.
pub fn encrypt_values_text(encryption: Encryption<'_>, text: &str) -> Result<String, SecretError> {
    let Encryption { key, iv, previous } = encryption;
    let scalars = value_scalars(text)?;
    let plains: Vec<Vec<u8>> = scalars.iter().map(bytes_of).collect();
    let kept = previous.map(|previous| Kept::of(key, previous)).transpose()?.unwrap_or_default();
    let blobs = kept.blobs(scalars.iter().map(|scalar| scalar.path.as_str()).zip(plains.iter().map(Vec::as_slice)));
    let contents = plains.iter().zip(blobs).map(|(plain, kept)| kept.unwrap_or_else(|| encrypt(key, iv(), plain)));
    Ok(replaced(text, scalars.iter().zip(contents.map(Content::Text))))
}

/// The scalars that are values: all but nulls.
pub(super) fn value_scalars(text: &str) -> Result<Vec<Scalar>, SecretError> {
    let mut scalars = yaml::scalars(text)?;
    scalars.retain(|scalar| !scalar.node.is_null());
    Ok(scalars)
}

fn bytes_of(scalar: &Scalar) -> Vec<u8> {
    if scalar.node.tag.as_deref() == Some(BINARY) {
        let compact: String = scalar.raw.split_ascii_whitespace().collect();
        // the reader has refused what is no base 64
        return base64::engine::general_purpose::STANDARD.decode(compact).unwrap_or_default();
    }
    yaml::go_text(&scalar.node).unwrap_or_default().into_bytes()
}

#[cfg(test)]
mod tests;
