//! Content digests: BLAKE3 in key-derivation mode over length-prefixed, typed fields.
//!
//! Every purpose has a context string of its own (domain separation), so a stage's digest can never be taken for an image's. A field
//! is its name, a type byte and its length-prefixed bytes; no two different sequences of fields have the same encoding. The context
//! strings end in a version: a change of what is hashed, or of how stages are built, raises it and renames every image.

use std::fmt;

use super::declare;
use super::inputs::{Input, Value};
use super::stage::Stage;
use crate::file_tree::ReadError;
use crate::words::hex;

/// A 256-bit content digest. As hex (64 characters) it is the tag of an image.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The tag under which an image with this digest is published.
    pub fn tag(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::lower(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a digest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A whole image: its tag.
    Image,
    /// One stage, chained to the stages before it.
    Stage,
}

impl Purpose {
    fn context(self) -> &'static str {
        match self {
            Purpose::Image => "werf image content digest v2",
            Purpose::Stage => "werf stage digest v2",
        }
    }
}

/// Collects fields into a digest.
pub struct Fields(blake3::Hasher);

impl Fields {
    /// Starts with no field.
    pub fn new(purpose: Purpose) -> Self {
        Fields(blake3::Hasher::new_derive_key(purpose.context()))
    }

    /// Adds a text field.
    pub fn text(&mut self, name: &str, value: &str) {
        self.put(name, b't', value.as_bytes());
    }

    /// Adds a field that is a digest itself.
    pub fn digest(&mut self, name: &str, value: Digest) {
        self.put(name, b'd', &value.0);
    }

    /// Adds an ordered list of texts as one field.
    pub fn list(&mut self, name: &str, values: &[String]) {
        self.put(name, b'l', &(values.len() as u64).to_le_bytes());
        for value in values {
            self.bytes(value.as_bytes());
        }
    }

    /// The digest of all fields so far.
    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }

    fn put(&mut self, name: &str, kind: u8, value: &[u8]) {
        self.bytes(name.as_bytes());
        self.0.update(&[kind]);
        self.bytes(value);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.0.update(&(value.len() as u64).to_le_bytes());
        self.0.update(value);
    }
}

/// The digest of a stage: its name, the stage before it, and all inputs that it declares.
///
/// # Errors
/// Files of which no sum is remembered, and that cannot be read.
pub(super) fn of_stage(stage: &Stage, parent: Option<Digest>) -> Result<Digest, ReadError> {
    let mut fields = Fields::new(Purpose::Stage);
    fields.text("stage", stage.name().as_str());
    if let Some(parent) = parent {
        fields.digest("parent", parent);
    }
    for Input { name, value } in declare::inputs(&stage.work).iter() {
        match value {
            Value::Text(text) => fields.text(name, text),
            Value::List(list) => fields.list(name, list),
            Value::Files(files) => {
                if let Some(sum) = files.sum()? {
                    fields.digest(name, Digest(sum));
                }
            }
            // The other image's name is for people.
            Value::Image { name: _, digest } => fields.digest(name, *digest),
        }
    }
    Ok(fields.finish())
}

/// The digest of an image, by that of its last stage.
pub(super) fn of_image(last: Option<Digest>) -> Digest {
    let mut fields = Fields::new(Purpose::Image);
    if let Some(last) = last {
        fields.digest("last stage", last);
    }
    fields.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_never_run_together() {
        let digest = |fields: &[(&str, &str)]| {
            let mut all = Fields::new(Purpose::Stage);
            fields.iter().for_each(|(name, value)| all.text(name, value));
            all.finish()
        };
        let same = digest(&[("ab", "c")]);
        assert_eq!(same, digest(&[("ab", "c")]));
        for other in [&[("a", "bc")][..], &[("ab", "c"), ("", "")], &[("ab", ""), ("", "c")], &[]] {
            assert_ne!(same, digest(other), "{other:?}");
        }
    }

    #[test]
    fn type_and_purpose_separate() {
        let list = |values: &[&str]| {
            let mut fields = Fields::new(Purpose::Stage);
            fields.list("x", &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            fields.finish()
        };
        assert_ne!(list(&["ab"]), list(&["a", "b"]));
        assert_ne!(list(&[]), list(&[""]));
        assert_ne!(Fields::new(Purpose::Stage).finish(), Fields::new(Purpose::Image).finish());
        assert_eq!(Fields::new(Purpose::Image).finish().tag().len(), 64);
    }
}
