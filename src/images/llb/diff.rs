//! The diff op: what one file system has that another lacks.

use super::note::Note;
use super::pb;
use super::state::{Inputs, Scope, State, first_output, vertex};

impl State {
    /// What `upper` adds to, changes in and removes from `lower`, to be merged onto something else.
    pub fn diff(lower: &State, upper: &State, note: Note) -> State {
        if lower.is_scratch() {
            return upper.clone();
        }
        let mut inputs = Inputs::default();
        let op = pb::op::Op::Diff(pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: inputs.push(lower) }),
            upper: Some(pb::UpperDiffInput { input: inputs.push(upper) }),
        });
        let platform = lower.platform().cloned();
        first_output(vertex(op, inputs, platform, Scope::Neutral, ["diffop"].into(), note))
    }
}
