//! The declared inputs of a stage or an image: what its digest is made of, kept so that it can explain itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::digest::Digest;
use crate::images::git_layers::Chosen;

/// One named input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What it is, for people: `base image`, `commands`, `files of ./frontend`.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// The value of an input.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text.
    Text(String),
    /// An ordered list of texts, such as the commands of a stage.
    List(Vec<String>),
    /// Path, mode and blob id of files. An input without files is none.
    Files(Arc<Chosen>),
    /// Another image, by its content digest.
    Image {
        /// Its name in werf.yaml: for people, it is not hashed.
        name: String,
        /// What is hashed.
        digest: Digest,
    },
}

/// Inputs in the order in which they are hashed.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<Input>);

impl Inputs {
    /// Adds a text.
    pub fn text(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.push(name, Value::Text(value.into()));
    }

    /// Adds a text if there is one. Absence and an empty text differ.
    pub fn optional(&mut self, name: impl Into<String>, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Adds a list unless it is empty.
    pub fn list(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = impl AsRef<str>>) {
        let values: Vec<String> = values.into_iter().map(|value| value.as_ref().to_owned()).collect();
        if !values.is_empty() {
            self.push(name, Value::List(values));
        }
    }

    /// Adds each entry of a map as a text, `name key`.
    pub fn map(&mut self, name: &str, values: &BTreeMap<String, String>) {
        values.iter().for_each(|(key, value)| self.text(format!("{name} {key}"), value));
    }

    /// Adds files.
    pub fn files(&mut self, name: impl Into<String>, files: Arc<Chosen>) {
        self.push(name, Value::Files(files));
    }

    /// Adds another image of the same werf.yaml.
    pub fn image(&mut self, name: impl Into<String>, image: impl Into<String>, digest: Digest) {
        self.push(name, Value::Image { name: image.into(), digest });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The inputs in hashing order.
    pub fn iter(&self) -> std::slice::Iter<'_, Input> {
        self.0.iter()
    }

    fn push(&mut self, name: impl Into<String>, value: Value) {
        self.0.push(Input { name: name.into(), value });
    }
}
