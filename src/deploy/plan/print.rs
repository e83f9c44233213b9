//! A plan for people and for programs. Secrets are masked in both.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::diff::unified;
use super::mask::masked;
use super::{Operation, Plan, Verb};
use crate::deploy::resource::State;

/// The plan as text: each change with its reason and a unified diff of its YAML, then a line of counts.
pub fn to_text(plan: &Plan) -> String {
    let mut text = String::new();
    for operation in &plan.operations {
        let Some((verb, sign)) = visible(&operation.verb) else { continue };
        let Some(resource) = operation.resource.map(|index| &plan.resources[index]) else { continue };
        let place = match &resource.id.namespace {
            Some(namespace) if *namespace != plan.owner.namespace => format!(" in namespace {namespace}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "{sign} {verb} {}{place}: {}", resource.id, operation.reason);
        if let Some(change) = &operation.change {
            let change = masked(change, resource);
            let diff = match (&change.before, &change.after) {
                // Whole manifests of what comes and goes would bury the differences.
                (_, None) => String::new(),
                (before, after) => unified(before.as_ref(), after.as_ref()),
            };
            for line in diff.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    for warning in &plan.warnings {
        let _ = writeln!(text, "! {warning}");
    }
    let [create, update, recreate, delete] = plan.counts();
    if plan.is_empty() {
        let _ = writeln!(text, "Nothing to do: release {} is as wanted ({} objects).", plan.owner.release, plan.unchanged.len());
    } else {
        if let Some(reason) = &plan.release_reason {
            let _ = writeln!(text, "~ release {}: {reason}", plan.owner.release);
        }
        let _ = writeln!(
            text,
            "Plan: {create} to create, {update} to update, {recreate} to recreate, {delete} to delete, {} unchanged.",
            plan.unchanged.len()
        );
    }
    text
}

/// The plan as JSON. `after` holds indices into `operations`.
pub fn to_json(plan: &Plan) -> Value {
    let operations: Vec<Value> = plan.operations.iter().map(|operation| operation_json(plan, operation)).collect();
    let [create, update, recreate, delete] = plan.counts();
    json!({
        "release": plan.owner.release,
        "namespace": plan.owner.namespace,
        "empty": plan.is_empty(),
        "releaseReason": plan.release_reason,
        "summary": {"create": create, "update": update, "recreate": recreate, "delete": delete, "unchanged": plan.unchanged.len()},
        "operations": operations,
        "unchanged": plan.unchanged.iter().map(id_json).collect::<Vec<_>>(),
        "warnings": plan.warnings,
    })
}

fn operation_json(plan: &Plan, operation: &Operation) -> Value {
    let verb = match &operation.verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Recreate => "recreate",
        Verb::Delete => "delete",
        Verb::Track(State::Ready) => "trackReadiness",
        Verb::Track(State::Present) => "trackPresence",
        Verb::Track(State::Absent) => "trackAbsence",
        Verb::Await(_) => "awaitExternal",
        Verb::Join(_) => "join",
    };
    let mut value = json!({"verb": verb, "after": operation.after});
    if let Verb::Join(name) = operation.verb {
        value["name"] = name.into();
    }
    if !operation.reason.is_empty() {
        value["reason"] = operation.reason.clone().into();
    }
    if let Some(resource) = operation.resource.map(|index| &plan.resources[index]) {
        value["resource"] = id_json(&resource.id);
        if !resource.path.is_empty() {
            value["template"] = resource.path.clone().into();
        }
        if let Some(change) = &operation.change {
            let change = masked(change, resource);
            value["diff"] = unified(change.before.as_ref(), change.after.as_ref()).into();
        }
    }
    value
}

fn id_json(id: &crate::deploy::resource::ResourceId) -> Value {
    json!({"apiVersion": id.gvk.api_version(), "kind": id.gvk.kind, "namespace": id.namespace, "name": id.name})
}

fn visible(verb: &Verb) -> Option<(&'static str, char)> {
    Some(match verb {
        Verb::Create => ("create", '+'),
        Verb::Update => ("update", '~'),
        Verb::Recreate => ("recreate", '±'),
        Verb::Delete => ("delete", '-'),
        Verb::Track(_) | Verb::Await(_) | Verb::Join(_) => return None,
    })
}
