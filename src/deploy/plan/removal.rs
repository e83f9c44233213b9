//! The plan that removes a release.

use std::collections::HashMap;

use super::changes::{Fate, is_home, marked, seen_through};
use super::compare::clean;
use super::graph::Graph;
use super::{Change, Input, Live, Plan, PlanError};
use crate::deploy::resource::{Action, Moment, Owner, Ownership, Resource, ResourcePolicy, is_kept, is_owned_by};

/// Deletes everything that the release has, with its delete hooks before and after, and at the end the hooks' own objects.
///
/// Objects that carry another release's marks, and those with the policy `keep`, stay.
pub fn removal(owner: &Owner, objects: &[Resource], live: &Live, with_hooks: bool) -> Result<Plan, PlanError> {
    let mut graph = Graph::default();
    let stage = |graph: &mut Graph, moment: Moment| {
        let hooks = objects.iter().filter(|resource| resource.moments(Action::Delete).any(|found| found == moment));
        let mut items = Vec::new();
        for hook in hooks {
            let fate = match live.get(&hook.id.identity()) {
                Some(live) => Fate::Recreate(seen_through(live, &hook.object), "hooks run anew".into()),
                None => Fate::Create(Change { before: None, after: Some(clean(&hook.object)) }),
            };
            let index = graph.add_resource(marked(hook, None, owner));
            items.push((index, fate));
        }
        items
    };
    let pre = stage(&mut graph, Moment::Pre);
    graph.deploy("pre-delete hooks", pre, false)?;

    let mut warnings = Vec::new();
    let mut own = Vec::new();
    let mut hooks = Vec::new();
    for resource in objects {
        let Some(found) = live.get(&resource.id.identity()) else { continue };
        let kept = resource.steering.resource_policies.contains(&ResourcePolicy::SkipDelete) || is_kept(found) || is_home(resource, owner);
        let change = Change { before: Some(clean(found)), after: None };
        if kept {
            warnings.push(format!("{} stays: its policy is to be kept", resource.id));
        } else if resource.steering.ownership == Ownership::Anyone {
            if resource.is_hook() {
                hooks.push((resource.clone(), change));
            }
        } else if is_owned_by(found, owner) {
            own.push((resource.clone(), change));
        } else {
            warnings.push(format!("{} stays: it does not carry this release's marks", resource.id));
        }
    }
    graph.delete("deletions", own, "the release is removed");
    let post = stage(&mut graph, Moment::Post);
    graph.deploy("post-delete hooks", post, false)?;
    if with_hooks {
        graph.delete("hook deletions", hooks, "the release is removed with its hooks");
    }
    graph.warnings = warnings;
    let nothing = HashMap::new();
    let input = Input {
        action: Action::Delete,
        owner,
        desired: &[],
        previous: &[],
        live,
        dry_runs: &nothing,
        release_reason: None,
        retrack: false,
        force_adoption: false,
    };
    graph.finish(&input, Vec::new())
}
