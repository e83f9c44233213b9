//! A project in memory: a build context, and what a build is asked for besides it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use werf::file_tree::text_of_bytes;

pub use crate::commits::{Files, Item};

/// A context with a Dockerfile, and how it is built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// For people.
    pub name: String,
    /// By path from the context's root; bytes that are no UTF-8 as `file_tree` writes them.
    pub files: Files,
    /// Path of the Dockerfile.
    pub dockerfile: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to build.
    pub target: Option<String>,
    /// Platform, `os/arch`.
    pub platform: Option<String>,
    /// Ids of secrets.
    pub secrets: Vec<String>,
    /// `name:ip` for `/etc/hosts`.
    pub hosts: Vec<String>,
}

impl Project {
    /// A project with this Dockerfile and no other file.
    pub fn new(name: impl Into<String>, dockerfile: &str) -> Self {
        let mut project = Project { name: name.into(), dockerfile: "Dockerfile".into(), ..Project::default() };
        project.put("Dockerfile", Item::text(dockerfile));
        project
    }

    /// Adds or replaces a file; what is in its way goes.
    pub fn put(&mut self, path: impl Into<String>, item: Item) {
        let path = path.into();
        self.files.retain(|other, _| !is_below(other, &path) && !is_below(&path, other));
        self.files.insert(path, item);
    }

    /// The Dockerfile's text, links of the project followed once.
    pub fn dockerfile_text(&self) -> String {
        let item = match self.files.get(&self.dockerfile) {
            Some(Item::Link(target)) => self.files.get(target),
            item => item,
        };
        item.map(|item| text_of_bytes(item.bytes()).into_owned()).unwrap_or_default()
    }

    /// All of it as text, to be read in a report.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.args {
            let _ = writeln!(text, "* arg {key}={value}");
        }
        for (key, values) in
            [("target", self.target.as_slice()), ("platform", self.platform.as_slice()), ("secret", &self.secrets), ("host", &self.hosts)]
        {
            text.extend(values.iter().map(|value| format!("* {key} {value}\n")));
        }
        if self.dockerfile != "Dockerfile" {
            let _ = writeln!(text, "* dockerfile {}", self.dockerfile);
        }
        for (path, item) in &self.files {
            let path = path.escape_debug();
            let _ = match item {
                Item::Link(target) => writeln!(text, "--- {path} -> {target}"),
                Item::File(bytes) => write!(text, "--- {path}\n{}", shown(bytes)),
                Item::Program(bytes) => write!(text, "--- {path} +x\n{}", shown(bytes)),
            };
        }
        text
    }
}

fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        _ if bytes.len() > 2000 => format!("({} bytes)\n", bytes.len()),
        Ok(text) if text.ends_with('\n') && !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') || text.is_empty() => {
            text.to_owned()
        }
        _ => format!("(escaped) {}\n", bytes.escape_ascii()),
    }
}

/// Whether a path is below a folder.
pub fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
