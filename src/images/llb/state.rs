//! The state and the vertex that made it.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message;
use sha2::{Digest, Sha256};

use super::note::Note;
use super::pb;
use crate::platform::Platform;
use crate::words::hex;

/// A file system at some point of a build. Cheap to clone; an op leaves the states that it reads as they are.
#[derive(Clone, Debug, Default)]
pub struct State(pub(super) Option<Output>);

/// One output of a vertex.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub vertex: Arc<Node>,
    pub index: i64,
}

/// A marshalled op with what the graph around it needs.
#[derive(Debug)]
pub(super) struct Node {
    pub digest: String,
    pub bytes: Vec<u8>,
    pub inputs: Vec<Output>,
    pub platform: Option<Platform>,
    pub note: Note,
    pub caps: BTreeSet<&'static str>,
}

/// Index that stands for an empty file system among inputs, and for no output among outputs.
pub(super) const NONE: i64 = -1;

impl State {
    /// The empty file system.
    pub fn scratch() -> Self {
        State(None)
    }

    /// Whether this is the empty file system.
    pub fn is_scratch(&self) -> bool {
        self.0.is_none()
    }

    /// Digest of the vertex that made the state, `sha256:…`; `None` for scratch.
    pub fn digest(&self) -> Option<&str> {
        self.0.as_ref().map(|output| output.vertex.digest.as_str())
    }

    /// The platform that processes run for on this state, where a source or an op named one.
    pub fn platform(&self) -> Option<&Platform> {
        self.0.as_ref()?.vertex.platform.as_ref()
    }
}

/// Two states are equal if they are the same output of the same vertex.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(two)) => one.same(two),
            (one, two) => one.is_none() && two.is_none(),
        }
    }
}

impl Output {
    pub fn same(&self, other: &Output) -> bool {
        self.index == other.index && self.vertex.digest == other.vertex.digest
    }

    pub fn message(&self) -> pb::Input {
        pb::Input { digest: self.vertex.digest.clone(), index: self.index }
    }
}

/// The inputs of a vertex in the making, each once.
#[derive(Default)]
pub(super) struct Inputs(Vec<Output>);

impl Inputs {
    /// The state's index among the inputs, added if it is new; [`NONE`] for scratch.
    pub fn add(&mut self, state: &State) -> i64 {
        let Some(output) = &state.0 else { return NONE };
        let index = self.0.iter().position(|known| known.same(output)).unwrap_or_else(|| {
            self.0.push(output.clone());
            self.0.len() - 1
        });
        index as i64
    }

    /// The same without looking for an equal input, for ops where place matters.
    pub fn push(&mut self, state: &State) -> i64 {
        let Some(output) = &state.0 else { return NONE };
        self.0.push(output.clone());
        self.0.len() as i64 - 1
    }

    pub fn len(&self) -> i64 {
        self.0.len() as i64
    }
}

/// Whether a vertex's result depends on the platform, or only hands it on to what is built upon it.
pub(super) enum Scope {
    Specific,
    Neutral,
}

fn message(platform: &Platform) -> pb::Platform {
    let [os, architecture, variant] = [platform.os(), platform.architecture(), platform.variant()].map(str::to_owned);
    pb::Platform { os, architecture, variant, ..Default::default() }
}

/// Marshals an op. What it needs of the daemon is in `caps`.
pub(super) fn vertex(
    op: pb::op::Op,
    inputs: Inputs,
    platform: Option<Platform>,
    scope: Scope,
    caps: BTreeSet<&'static str>,
    note: Note,
) -> Arc<Node> {
    let around = pb::Op {
        inputs: inputs.0.iter().map(Output::message).collect(),
        platform: matches!(scope, Scope::Specific).then(|| platform.as_ref().map(message)).flatten(),
        // BuildKit's own client always sends it; leaving it out would make another vertex of the same op.
        constraints: Some(pb::WorkerConstraints::default()),
        op: None,
    };
    // Go's protobuf writes a oneof after all plain fields. In its order our vertices have the digests of BuildKit's own client.
    let mut bytes = around.encode_to_vec();
    bytes.extend(pb::Op { op: Some(op), ..Default::default() }.encode_to_vec());
    Arc::new(Node { digest: sha256(&bytes), bytes, inputs: inputs.0, platform, note, caps })
}

pub(super) fn first_output(vertex: Arc<Node>) -> State {
    State(Some(Output { vertex, index: 0 }))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::lower(Sha256::digest(bytes)))
}
