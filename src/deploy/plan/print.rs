//! A plan for people and for programs. Secrets are masked in both, unless they are asked for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::diff::unified;
use super::mask::masked;
use super::{Change, Operation, Plan, Verb};
use crate::deploy::resource::{Resource, State};

/// What is shown of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Lines of context around each.
    pub context: usize,
    /// Values that are secret.
    pub sensitive: bool,
    /// Whole manifests of what is created.
    pub verbose: bool,
    /// The same of definitions (CustomResourceDefinition), which are long.
    pub verbose_definitions: bool,
    /// Annotations that steer Helm and werf alone.
    pub insignificant: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Shown { context: 3, sensitive: false, verbose: true, verbose_definitions: false, insignificant: false }
    }
}

/// The differences of one change as they are shown.
enum Difference {
    Text(String),
    /// They are left out; the flag that shows them.
    Hidden(&'static str),
}

impl Shown {
    fn difference(&self, change: &Change, resource: &Resource) -> Difference {
        if change.before.is_none() {
            if resource.id.is("apiextensions.k8s.io", "CustomResourceDefinition") && !self.verbose_definitions {
                return Difference::Hidden("--show-verbose-crd-diffs");
            }
            if !self.verbose {
                return Difference::Hidden("--show-verbose-diffs");
            }
        }
        let mut change = if self.sensitive { change.clone() } else { masked(change, resource) };
        let differs = change.before != change.after;
        if !self.insignificant && change.before.is_some() {
            change.before.iter_mut().chain(&mut change.after).for_each(without_steering);
        }
        match unified(change.before.as_ref(), change.after.as_ref(), self.context) {
            text if text.is_empty() && differs => Difference::Hidden("--show-insignificant-diffs"),
            text => Difference::Text(text),
        }
    }
}

/// Takes annotations out of an object that steer Helm and werf and change nothing in the cluster.
fn without_steering(object: &mut Value) {
    let Some(annotations) = object["metadata"]["annotations"].as_object_mut() else { return };
    annotations.retain(|name, _| !name.starts_with("helm.sh/") && !name.contains("werf.io/"));
    if annotations.is_empty()
        && let Some(metadata) = object["metadata"].as_object_mut()
    {
        metadata.remove("annotations");
    }
}

/// The plan as text: each change with its reason and a unified diff of its YAML, then a line of counts.
pub fn to_text(plan: &Plan, shown: &Shown) -> String {
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
            match shown.difference(change, resource) {
                // Whole manifests of what goes would bury the differences.
                _ if change.after.is_none() => {}
                Difference::Text(diff) => diff.lines().for_each(|line| {
                    let _ = writeln!(text, "    {line}");
                }),
                Difference::Hidden(flag) => {
                    let _ = writeln!(text, "    (not shown without {flag})");
                }
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
pub fn to_json(plan: &Plan, shown: &Shown) -> Value {
    let operations: Vec<Value> = plan.operations.iter().map(|operation| operation_json(plan, operation, shown)).collect();
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

fn operation_json(plan: &Plan, operation: &Operation, shown: &Shown) -> Value {
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
        if let Some(change) = &operation.change
            && let Difference::Text(diff) = shown.difference(change, resource)
        {
            value["diff"] = diff.into();
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
