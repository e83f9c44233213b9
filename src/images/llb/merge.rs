//! The merge op: file systems laid upon one another.

use super::note::Note;
use super::pb;
use super::state::{Inputs, Scope, State, first_output, vertex};

impl State {
    /// Lays states upon one another, first lowest. Scratch states have no effect; what is left alone is the result itself.
    ///
    /// No file is copied: a layer that is the same in two merges is made, pushed and pulled once.
    pub fn merge<'a>(states: impl IntoIterator<Item = &'a State>, note: Note) -> State {
        let states: Vec<&State> = states.into_iter().filter(|state| !state.is_scratch()).collect();
        match states.as_slice() {
            [] => State::scratch(),
            [only] => (*only).clone(),
            [lowest, ..] => {
                let mut inputs = Inputs::default();
                let layers = states.iter().map(|state| pb::MergeInput { input: inputs.push(state) }).collect();
                let op = pb::op::Op::Merge(pb::MergeOp { inputs: layers });
                let platform = lowest.platform().cloned();
                first_output(vertex(op, inputs, platform, Scope::Neutral, ["mergeop"].into(), note))
            }
        }
    }
}
