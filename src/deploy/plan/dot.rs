//! A plan as a graph, in the language of Graphviz (DOT).

use std::fmt::Write as _;

use super::{Operation, Plan, Verb};
use crate::deploy::resource::State;

/// Operations from left to right, each with arrows to those that wait for it. What follows from other arrows has none of its own.
pub fn to_dot(plan: &Plan) -> String {
    let mut text = String::from("strict digraph {\n\trankdir=\"LR\";\n");
    for (index, operation) in plan.operations.iter().enumerate() {
        let _ = writeln!(text, "\t{index} [label={}];", quoted(&label(plan, operation)));
    }
    let above = ancestors(plan);
    for (index, operation) in plan.operations.iter().enumerate() {
        let direct = operation.after.iter().filter(|before| !operation.after.iter().any(|other| above[*other].has(**before)));
        for before in direct {
            let _ = writeln!(text, "\t{before} -> {index};");
        }
    }
    text + "}\n"
}

/// A set of numbers of operations: one bit each, for plans may have thousands.
struct Numbers(Vec<u64>);

impl Numbers {
    fn has(&self, number: usize) -> bool {
        self.0[number / 64] >> (number % 64) & 1 == 1
    }
}

/// What each operation waits for, directly or not.
fn ancestors(plan: &Plan) -> Vec<Numbers> {
    let mut above: Vec<Numbers> = Vec::with_capacity(plan.operations.len());
    for operation in &plan.operations {
        let mut own = vec![0; plan.operations.len() / 64 + 1];
        for before in &operation.after {
            own.iter_mut().zip(&above[*before].0).for_each(|(own, theirs)| *own |= theirs);
            own[before / 64] |= 1 << (before % 64);
        }
        above.push(Numbers(own));
    }
    above
}

fn label(plan: &Plan, operation: &Operation) -> String {
    let verb = match &operation.verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Recreate => "recreate",
        Verb::Delete => "delete",
        Verb::Track(State::Ready) => "track readiness of",
        Verb::Track(State::Present) => "track presence of",
        Verb::Track(State::Absent) => "track absence of",
        Verb::Await(external) => return format!("await {}/{}", external.kind, external.name),
        Verb::Join(name) => return format!("end of {name}"),
    };
    let Some(resource) = operation.resource.map(|index| &plan.resources[index]) else { return verb.to_owned() };
    match &resource.id.namespace {
        Some(namespace) if *namespace != plan.owner.namespace => format!("{verb} {} in namespace {namespace}", resource.id),
        _ => format!("{verb} {}", resource.id),
    }
}

/// A text in quotes: these alone are special in it, with the backslash before them.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
