//! What happens to each object.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::compare::{clean, is_settled};
use super::diff::changed_paths;
use super::{Change, DryRun, Input, Live, PlanError, room};
use crate::deploy::resource::{DeletePolicy, Identity, Owner, Ownership, Resource, ResourcePolicy, adopt, is_kept, is_owned_by, owner_of};

/// What happens to one object.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It is as it should be.
    Keep,
    Create(Change),
    Update(Change, String),
    Recreate(Change, String),
    /// A policy says that nothing is done.
    Skip,
}

/// Fates of everything.
pub(super) struct Decisions {
    /// Desired objects, marked and ready to be applied, with their fates.
    pub(super) desired: Vec<(Resource, Fate)>,
    /// Objects of the previous revision to delete before others are applied: they have what these need.
    pub(super) first: Vec<(Resource, Change)>,
    /// Objects of the previous revision to delete.
    pub(super) dropped: Vec<(Resource, Change)>,
    pub(super) warnings: Vec<String>,
}

/// The desired objects whose fate needs a dry run: those whose live state does not answer, and new ones, so that the server checks them.
///
/// The returned objects carry the release's marks: apply them as they are.
pub fn undecided(desired: &[Resource], live: &Live, owner: &Owner) -> Vec<Resource> {
    let mut questions = Vec::new();
    for resource in desired.iter().filter(|resource| !resource.is_hook()) {
        let marked = marked(resource, live.get(&resource.id.identity()), owner);
        let known = live.get(&resource.id.identity()).is_some_and(|live| is_settled(&marked.object, live, marked.previous.as_deref()));
        let policies = &resource.steering.resource_policies;
        let skipped = if live.contains_key(&resource.id.identity()) {
            policies.contains(&ResourcePolicy::SkipUpdate)
        } else {
            policies.contains(&ResourcePolicy::SkipCreate)
        };
        if !known && !skipped {
            questions.push(marked);
        }
    }
    questions
}

/// The object as it is applied: with the release's marks, and with the replicas that it has or begins with.
pub(super) fn marked(resource: &Resource, live: Option<&Value>, owner: &Owner) -> Resource {
    let mut resource = resource.clone();
    if resource.steering.ownership == Ownership::Release {
        adopt(&mut resource.object, owner);
    }
    if let Some(replicas) = resource.steering.replicas_on_creation
        && let Some(spec) = resource.object["spec"].as_object_mut()
    {
        // Once it exists, an autoscaler decides: the live number is repeated so that ours is not taken away.
        let replicas = live.map_or(json!(replicas), |live| live["spec"]["replicas"].clone());
        if !replicas.is_null() {
            spec.insert("replicas".into(), replicas);
        }
    }
    resource
}

pub(super) fn decide(input: &Input<'_>) -> Result<Decisions, Vec<PlanError>> {
    let mut errors = duplicates(input.desired);
    let mut dropped_warnings = Vec::new();
    let dropped = dropped(input, &mut dropped_warnings);
    let mut makes_room = HashSet::new();
    let known: HashMap<Identity, &Resource> = input.previous.iter().map(|resource| (resource.id.identity(), resource)).collect();
    let mut desired = Vec::new();
    let mut warnings = Vec::new();
    let mut release_changes = input.release_reason.is_some();
    for resource in input.desired.iter().filter(|resource| resource.moments(input.action).next().is_some()) {
        warnings.extend(resource.warnings.iter().cloned());
        let identity = resource.id.identity();
        let live = input.live.get(&identity);
        let resource = marked(resource, live, input.owner);
        if resource.is_hook() {
            desired.push((resource, Fate::Keep));
            continue;
        }
        if let Some(error) = foreign(&resource, live, input, known.contains_key(&identity)) {
            errors.push(error);
            continue;
        }
        let mut dry_run = input.dry_runs.get(&identity);
        if let Some(DryRun::Rejected(message)) = dry_run {
            let in_the_way: Vec<usize> =
                (0..dropped.len()).filter(|index| room::is_in_the_way(&dropped[*index], &resource.object, message)).collect();
            if !in_the_way.is_empty() {
                dry_run = None;
                makes_room.extend(in_the_way);
            }
        }
        match fate(&resource, live, known.get(&identity).copied(), dry_run) {
            Ok(fate) => {
                release_changes |= !matches!(fate, Fate::Keep | Fate::Skip);
                desired.push((resource, fate));
            }
            Err(error) => errors.push(error),
        }
    }
    release_changes |= !dropped.is_empty();
    warnings.append(&mut dropped_warnings);
    let (first, dropped): (Vec<_>, Vec<_>) = dropped.into_iter().enumerate().partition(|(index, _)| makes_room.contains(index));
    let [first, dropped] = [first, dropped].map(|items| items.into_iter().map(|(_, item)| item).collect());
    for (resource, fate) in &mut desired {
        if resource.is_hook() {
            *fate = if release_changes { hook_fate(resource, input.live.get(&resource.id.identity())) } else { Fate::Skip };
        }
    }
    if errors.is_empty() { Ok(Decisions { desired, first, dropped, warnings }) } else { Err(errors) }
}

fn fate(resource: &Resource, live: Option<&Value>, previous: Option<&Resource>, dry_run: Option<&DryRun>) -> Result<Fate, PlanError> {
    let policies = &resource.steering.resource_policies;
    let rejected =
        |message: &String| PlanError::Rejected { resource: resource.id.clone(), path: resource.path.clone(), message: message.clone() };
    let Some(live) = live else {
        if policies.contains(&ResourcePolicy::SkipCreate) {
            return Ok(Fate::Skip);
        }
        return match dry_run {
            Some(DryRun::Rejected(message) | DryRun::Immutable(message)) => Err(rejected(message)),
            _ => Ok(Fate::Create(Change { before: None, after: Some(clean(&resource.object)) })),
        };
    };
    let before = clean(live);
    let wanted = || seen_through(live, &resource.object);
    if live["metadata"]["deletionTimestamp"].is_string() {
        return Ok(Fate::Recreate(wanted(), "it is being deleted".into()));
    }
    if policies.contains(&ResourcePolicy::SkipUpdate) {
        return Ok(Fate::Skip);
    }
    let recreate_always = resource.steering.delete_policies.contains(&DeletePolicy::BeforeCreation);
    if recreate_always && !policies.contains(&ResourcePolicy::SkipRecreate) && !matches!(dry_run, Some(DryRun::Rejected(_))) {
        return Ok(Fate::Recreate(wanted(), "its policy is to be made anew with each deployment".into()));
    }
    if is_settled(&resource.object, live, resource.previous.as_deref()) {
        return Ok(Fate::Keep);
    }
    match dry_run {
        Some(DryRun::Would(object)) => {
            let after = without_taken_over(clean(object), live, resource, previous);
            if before == after {
                return Ok(Fate::Keep);
            }
            let paths = changed_paths(&before, &after, 3).join(", ");
            Ok(Fate::Update(Change { before: Some(before), after: Some(after) }, format!("{paths} changed")))
        }
        Some(DryRun::Immutable(message)) => {
            let may = recreate_always || resource.steering.delete_policies.contains(&DeletePolicy::BeforeCreationIfImmutable);
            if policies.contains(&ResourcePolicy::SkipRecreate) {
                return Ok(Fate::Skip);
            }
            if !may {
                return Err(PlanError::Immutable { resource: resource.id.clone(), path: resource.path.clone(), message: message.clone() });
            }
            Ok(Fate::Recreate(wanted(), "it changes fields that cannot be changed".into()))
        }
        Some(DryRun::Rejected(message)) => Err(rejected(message)),
        Some(DryRun::Unknown(message)) => Ok(Fate::Update(wanted(), format!("the server cannot say what would change: {message}"))),
        None => Ok(Fate::Update(wanted(), "its live state differs".into())),
    }
}

/// A dry run cannot show that fields which older tools own will become ours and go: they are taken out here.
fn without_taken_over(mut after: Value, live: &Value, resource: &Resource, previous: Option<&Resource>) -> Value {
    let (Some(entries), Some(previous)) = (super::managed::takeover(live), previous) else { return after };
    if let Some(fields) = entries.as_array().and_then(|entries| entries.last()).and_then(|entry| entry["fieldsV1"].as_object()) {
        super::managed::drop_unwanted(&mut after, &resource.object, &previous.object, fields, &entries);
    }
    after
}

/// A change without a dry run's answer: of the live object only the fields that are wanted, since the rest are defaults.
pub(super) fn seen_through(live: &Value, wanted: &Value) -> Change {
    let after = clean(wanted);
    Change { before: Some(overlap(&clean(live), &after)), after: Some(after) }
}

fn overlap(live: &Value, wanted: &Value) -> Value {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            live.iter().filter_map(|(key, value)| Some((key.clone(), overlap(value, wanted.get(key)?)))).collect()
        }
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
            live.iter().zip(wanted).map(|(live, wanted)| overlap(live, wanted)).collect()
        }
        (live, _) => live.clone(),
    }
}

fn hook_fate(resource: &Resource, live: Option<&Value>) -> Fate {
    match live {
        None => Fate::Create(Change { before: None, after: Some(clean(&resource.object)) }),
        Some(live) => {
            let change = seen_through(live, &resource.object);
            if resource.steering.delete_policies.contains(&DeletePolicy::BeforeCreation) || resource.id.row().ends {
                Fate::Recreate(change, "hooks run anew".into())
            } else {
                Fate::Update(change, "hooks are applied anew".into())
            }
        }
    }
}

fn foreign(resource: &Resource, live: Option<&Value>, input: &Input<'_>, known: bool) -> Option<PlanError> {
    let live = live?;
    // Whoever made the release's own namespace, the chart may say what it looks like.
    if is_home(resource, input.owner)
        || known
        || input.force_adoption
        || resource.steering.ownership == Ownership::Anyone
        || is_owned_by(live, input.owner)
    {
        return None;
    }
    let owner = match owner_of(live) {
        Some(owner) => format!("release `{}` in namespace `{}`", owner.release, owner.namespace),
        None => "no release".into(),
    };
    Some(PlanError::Foreign { resource: resource.id.clone(), path: resource.path.clone(), owner })
}

/// Objects that the previous revision had and this one lacks, as far as they are still there and still ours.
fn dropped(input: &Input<'_>, warnings: &mut Vec<String>) -> Vec<(Resource, Change)> {
    let wanted: HashSet<Identity> = input.desired.iter().map(|resource| resource.id.identity()).collect();
    let mut found: HashMap<Identity, (Resource, Change)> = HashMap::new();
    for resource in input.previous {
        let identity = resource.id.identity();
        if wanted.contains(&identity) || resource.steering.ownership == Ownership::Anyone {
            continue;
        }
        let Some(live) = input.live.get(&identity) else { continue };
        let kept = resource.steering.resource_policies.contains(&ResourcePolicy::SkipDelete) || is_kept(live);
        if kept || is_home(resource, input.owner) {
            continue;
        }
        if !is_owned_by(live, input.owner) {
            warnings
                .push(format!("{} is no longer in the chart; it is left alone, since it does not carry this release's marks", resource.id));
            continue;
        }
        found.insert(identity, (resource.clone(), Change { before: Some(clean(live)), after: None }));
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    found
}

/// Whether an object is the namespace that the release lives in: it is never deleted with an object of the release.
pub(super) fn is_home(resource: &Resource, owner: &Owner) -> bool {
    resource.id.is("", "Namespace") && resource.id.name == owner.namespace
}

fn duplicates(desired: &[Resource]) -> Vec<PlanError> {
    let mut seen: HashMap<Identity, &Resource> = HashMap::new();
    let mut errors = Vec::new();
    for resource in desired {
        match seen.get(&resource.id.identity()) {
            // The same object may run at two moments; two different templates may not fight over one.
            Some(first) if !first.is_hook() && !resource.is_hook() => errors.push(PlanError::Duplicate {
                resource: resource.id.clone(),
                first: first.path.clone(),
                second: resource.path.clone(),
            }),
            Some(_) => {}
            None => {
                seen.insert(resource.id.identity(), resource);
            }
        }
    }
    errors
}
