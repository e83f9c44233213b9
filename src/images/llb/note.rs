//! What a vertex carries besides its op: a name for people, its place in a source file, cache orders. No part of its digest.

use std::sync::Arc;

/// Notes on one vertex. Where equal vertices have different notes, the first one met in the graph gives the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    /// What people see, such as `[install] npm ci`.
    pub name: Option<String>,
    /// Where the vertex comes from; errors point there.
    pub location: Option<Location>,
    /// Runs the vertex even where its result is cached.
    pub ignore_cache: bool,
    /// Vertices that progress shows as one.
    pub group: Option<Group>,
}

impl Note {
    /// A note with a name.
    pub fn named(name: impl Into<String>) -> Self {
        Note { name: Some(name.into()), ..Note::default() }
    }

    /// The same note with a place.
    pub fn at(self, location: Location) -> Self {
        Note { location: Some(location), ..self }
    }
}

/// A source file, such as werf.yaml.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path for people.
    pub name: String,
    /// The whole text; it travels to the daemon and back in errors.
    pub text: String,
    /// Language as GitHub's linguist names it, `YAML`.
    pub language: String,
}

/// Lines of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file; share one handle among all vertices of it.
    pub file: Arc<SourceFile>,
    /// First line, from 1.
    pub first_line: u32,
    /// Last line, included.
    pub last_line: u32,
}

/// A group of vertices for progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Identity.
    pub id: String,
    /// Text for people.
    pub name: String,
}
