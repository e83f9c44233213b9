//! A state's whole graph, ready to be solved.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use prost::Message;

use super::note::{Location, SourceFile};
use super::pb;
use super::state::{Node, State, sha256};

/// A graph in the form that BuildKit solves. Equal states give equal bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition(pb::Definition);

/// One vertex of a definition, for people and tests.
#[derive(Clone, Copy, Debug)]
pub struct Vertex<'a> {
    /// `sha256:…` of its bytes.
    pub digest: &'a str,
    /// Its name, if it has one.
    pub name: Option<&'a str>,
    /// Its marshalled op.
    pub bytes: &'a [u8],
}

impl Definition {
    /// The message that goes to the daemon.
    pub fn message(&self) -> &pb::Definition {
        &self.0
    }

    /// The message that goes to the daemon.
    pub fn into_message(self) -> pb::Definition {
        self.0
    }

    /// The marshalled definition, as `buildctl debug dump-llb` reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// The vertices, dependencies first.
    pub fn vertices(&self) -> impl Iterator<Item = Vertex<'_>> {
        // The last op only names the result.
        let ops = self.0.def.len().saturating_sub(1);
        self.0.def[..ops].iter().filter_map(|bytes| {
            let (digest, meta) = self.0.metadata.get_key_value(&sha256(bytes))?;
            let name = meta.description.get("llb.customname").map(String::as_str);
            Some(Vertex { digest, name, bytes })
        })
    }
}

impl State {
    /// Collects the graph of this state. Scratch has an empty definition.
    pub fn marshal(&self) -> Definition {
        let Some(output) = &self.0 else { return Definition::default() };
        let mut definition = pb::Definition::default();
        let mut sources = Sources::default();
        let mut done = HashSet::new();

        // Dependencies first, without recursion: a chain of instructions may be long.
        let mut stack = vec![(&output.vertex, 0)];
        while let Some((vertex, next)) = stack.pop() {
            if let Some(input) = vertex.inputs.get(next) {
                stack.push((vertex, next + 1));
                if !done.contains(input.vertex.digest.as_str()) {
                    stack.push((&input.vertex, 0));
                }
                continue;
            }
            if let Some(location) = &vertex.note.location {
                sources.add(&vertex.digest, location);
            }
            if done.insert(vertex.digest.as_str()) {
                definition.def.push(vertex.bytes.clone());
                definition.metadata.insert(vertex.digest.clone(), metadata(vertex));
            }
        }

        let result = pb::Op { inputs: vec![output.message()], ..Default::default() }.encode_to_vec();
        let mut caps: BTreeMap<String, bool> = ["constraints", "platform"].map(|cap| (cap.to_owned(), true)).into();
        let any = |test: fn(&pb::OpMetadata) -> bool| definition.metadata.values().any(test);
        if any(|meta| meta.ignore_cache) {
            caps.insert("meta.ignorecache".into(), true);
        }
        if any(|meta| !meta.description.is_empty()) {
            caps.insert("meta.description".into(), true);
        }
        definition.metadata.insert(sha256(&result), pb::OpMetadata { caps, ..Default::default() });
        definition.def.push(result);
        definition.source = Some(pb::Source { locations: sources.locations, infos: sources.infos });
        Definition(definition)
    }
}

fn metadata(vertex: &Node) -> pb::OpMetadata {
    let note = &vertex.note;
    pb::OpMetadata {
        ignore_cache: note.ignore_cache,
        description: note.name.iter().map(|name| ("llb.customname".to_owned(), name.clone())).collect(),
        caps: vertex.caps.iter().map(|cap| ((*cap).to_owned(), true)).collect(),
        progress_group: note.group.as_ref().map(|group| pb::ProgressGroup { id: group.id.clone(), name: group.name.clone(), weak: false }),
        ..Default::default()
    }
}

#[derive(Default)]
struct Sources {
    files: Vec<Arc<SourceFile>>,
    infos: Vec<pb::SourceInfo>,
    locations: BTreeMap<String, pb::Locations>,
}

impl Sources {
    fn add(&mut self, digest: &str, location: &Location) {
        let known = self.files.iter().position(|file| Arc::ptr_eq(file, &location.file) || *file == location.file);
        let index = known.unwrap_or_else(|| {
            self.files.push(location.file.clone());
            self.infos.push(pb::SourceInfo {
                filename: location.file.name.clone(),
                data: location.file.text.clone().into_bytes(),
                language: location.file.language.clone(),
                definition: None,
            });
            self.files.len() - 1
        });
        let position = |line: u32| Some(pb::Position { line: line as i32, character: 0 });
        let range = pb::Range { start: position(location.first_line), end: position(location.last_line) };
        let message = pb::Location { source_index: index as i32, ranges: vec![range] };
        let locations = &mut self.locations.entry(digest.to_owned()).or_default().locations;
        if !locations.contains(&message) {
            locations.push(message);
        }
    }
}
