//! Files of secret values: YAML in which every scalar is a blob. Keys, comments and layout stay as they are.

use std::collections::HashMap;

use miette::Diagnostic;
use serde_json::{Map, Value};

use super::cipher::{SecretError, SecretKey, ValueError, decrypt, encrypt};
use crate::yaml::{self, Node, NodeValue};

/// Decrypts a file of values into a table; every value is text or null.
pub fn decrypt_values(key: &SecretKey, text: &str) -> Result<Value, SecretError> {
    let node = yaml::parse(text).map_err(|error| SecretError::Yaml(Box::new(error)))?;
    plain_value(key, &node, &mut Vec::new())
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
        _ => Value::String(plain_text(key, node, path)?),
    })
}

fn plain_text(key: &SecretKey, node: &Node, path: &[&str]) -> Result<String, SecretError> {
    let plain = match node.as_str() {
        Some(blob) => decrypt(key, blob),
        None => Err(SecretError::Blob { reason: "it is no string" }),
    };
    let plain = plain.and_then(|bytes| String::from_utf8(bytes).map_err(|_| SecretError::NotText));
    plain.map_err(|cause| {
        SecretError::Value(Box::new(ValueError {
            path: path.join("."),
            line: node.line,
            help: cause.help().map(|help| help.to_string()),
            cause: Box::new(cause),
        }))
    })
}

/// Decrypts a file of values into the text of a YAML file with the same keys, comments and layout.
pub fn decrypt_values_text(key: &SecretKey, text: &str) -> Result<String, SecretError> {
    rewrite(text, &mut |node, path| {
        let plain = plain_text(key, node, &[path.trim_start_matches('.')])?;
        Ok(scalar(&plain, indent_of(text, node.span.start)))
    })
}

/// What [`encrypt_values_text`] needs beside the text.
pub struct Encryption<'a> {
    /// The key.
    pub key: &'a SecretKey,
    /// Fresh random bytes for each value.
    pub iv: &'a mut dyn FnMut() -> [u8; 16],
    /// The encrypted file as it was: a value that did not change keeps its blob.
    pub previous: Option<&'a str>,
}

/// Encrypts every scalar of a YAML file; nulls, keys, comments and layout stay.
pub fn encrypt_values_text(encryption: Encryption<'_>, text: &str) -> Result<String, SecretError> {
    let Encryption { key, iv, previous } = encryption;
    let mut known = HashMap::new();
    if let Some(previous) = previous {
        rewrite(previous, &mut |node, path| {
            if let Some(blob) = node.as_str() {
                known.insert(path.to_owned(), blob.to_owned());
            }
            Ok(String::new())
        })?;
    }
    rewrite(text, &mut |node, path| {
        let plain = node.text().unwrap_or_default().as_bytes();
        if plain.is_empty() {
            return Ok("\"\"".to_owned());
        }
        let kept = known.get(path).filter(|blob| decrypt(key, blob).is_ok_and(|old| old == plain));
        Ok(kept.cloned().unwrap_or_else(|| encrypt(key, iv(), plain)))
    })
}

/// Replaces every scalar value but nulls; the callback sees the node and its path.
fn rewrite(text: &str, replace: &mut dyn FnMut(&Node, &str) -> Result<String, SecretError>) -> Result<String, SecretError> {
    fn visit<'n>(node: &'n Node, path: &mut String, out: &mut Vec<(&'n Node, String)>) {
        match &node.value {
            NodeValue::Null => {}
            NodeValue::Sequence(items) => items.iter().enumerate().for_each(|(at, item)| inside(path, &format!("[{at}]"), item, out)),
            NodeValue::Mapping(entries) => {
                entries.iter().for_each(|(name, value)| inside(path, &format!(".{}", name.text().unwrap_or_default()), value, out));
            }
            _ => out.push((node, path.clone())),
        }
    }
    fn inside<'n>(path: &mut String, step: &str, node: &'n Node, out: &mut Vec<(&'n Node, String)>) {
        let length = path.len();
        path.push_str(step);
        visit(node, path, out);
        path.truncate(length);
    }
    let mut scalars = Vec::new();
    for document in yaml::parse_documents(text).map_err(|error| SecretError::Yaml(Box::new(error)))? {
        let mut found = Vec::new();
        visit(&document, &mut String::new(), &mut found);
        for (node, path) in found {
            scalars.push((node.span.clone(), replace(node, &path)?));
        }
    }
    // An alias repeats the scalars of its anchor.
    scalars.sort_by_key(|(span, _)| span.start);
    scalars.dedup_by_key(|(span, _)| span.start);
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (span, replacement) in scalars {
        out.push_str(&text[from..span.start]);
        out.push_str(&replacement);
        let written = &text[span.clone()];
        let breaks = written.len() - written.trim_end_matches('\n').len();
        out.push_str(&"\n".repeat(breaks));
        from = span.end;
    }
    out.push_str(&text[from..]);
    Ok(out)
}

fn indent_of(text: &str, at: usize) -> usize {
    let line = &text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..];
    line.len() - line.trim_start_matches(' ').len()
}

/// A scalar as YAML: literal where it has several lines, else as short as possible.
fn scalar(text: &str, indent: usize) -> String {
    let lines = text.trim_end_matches('\n');
    let literal = lines.contains('\n') && !text.starts_with([' ', '\n', '\t']) && !text.contains(['\r', '\t']);
    if !literal {
        return yaml::emit(&Value::String(text.to_owned())).trim_end_matches('\n').to_owned();
    }
    let chomp = match text.len() - lines.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let pad = " ".repeat(indent + 2);
    let body: Vec<String> = text.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") }).collect();
    format!("|{chomp}\n{}", body.join("\n").trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "# database\ndb:\n  password: \"s3:cret\" # keep\n  port: 5432\n  none: null\n  empty: \"\"\nlist:\n- a\n- on: yes\n  text: |\n    two\n    lines\n";

    fn encrypted(previous: Option<&str>, plain: &str, first: u8) -> String {
        let key = SecretKey::from_random([1; 16]);
        let mut next = first;
        let mut iv = || {
            next += 1;
            [next; 16]
        };
        encrypt_values_text(Encryption { key: &key, iv: &mut iv, previous }, plain).unwrap()
    }

    #[test]
    fn values_come_back_and_comments_stay() {
        let key = SecretKey::from_random([1; 16]);
        let file = encrypted(None, PLAIN, 0);
        assert!(file.starts_with("# database\ndb:\n  password: 1000"), "{file}");
        assert!(file.contains(" # keep\n  port: 1000"), "{file}");
        assert!(file.contains("\n  none: null\n  empty: \"\"\nlist:\n- 1000"), "{file}");
        let values = decrypt_values(&key, &file).unwrap();
        let expected = serde_json::json!({
            "db": { "password": "s3:cret", "port": "5432", "none": null, "empty": "" },
            "list": ["a", { "true": "yes", "text": "two\nlines\n" }],
        });
        assert_eq!(values["db"], expected["db"]);
        assert_eq!(values["list"][0], "a");
        assert_eq!(values["list"][1]["text"], "two\nlines\n");
        let text = decrypt_values_text(&key, &file).unwrap();
        assert_eq!(decrypt_values_text(&key, &encrypted(None, &text, 50)).unwrap(), text, "decrypting is stable");
        assert!(text.contains("text: |\n    two\n    lines\n"), "{text}");
    }

    #[test]
    fn unchanged_values_keep_their_blobs() {
        let old = encrypted(None, "a: one\nb: two\n", 0);
        let new = encrypted(Some(&old), "a: one\nb: three\nc: one\n", 100);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&old)[0], lines(&new)[0]);
        assert_ne!(lines(&old)[1], lines(&new)[1]);
        assert_eq!(lines(&new).len(), 3);
    }

    #[test]
    fn a_value_that_is_no_blob_is_named_with_its_line() {
        let key = SecretKey::from_random([1; 16]);
        for (text, message) in [
            ("a:\n  b: plain\n", "value `a.b`, line 2: this is no encrypted value: it is not hexadecimal"),
            ("a:\n- 12\n", "value `a`, line 2: this is no encrypted value: it is no string"),
        ] {
            assert_eq!(decrypt_values(&key, text).unwrap_err().to_string(), message);
        }
    }
}
