//! Puts operations in order.
//!
//! Stages: definitions and namespaces; pre-hooks; the release's own objects; deletions of what was dropped; post-hooks. A stage begins
//! when the one before it has ended, tracking included: nothing is deleted before what replaces it works. Inside a stage, weights go
//! in ascending order, each ready before the next begins. Inside a weight, kinds go in Helm's order, but without waiting for readiness.
//! An object with `werf.io/deploy-dependency-…` leaves the weights and waits for what it names, and for what its pods refer to.

use std::collections::{BTreeMap, HashMap};

use super::changes::{Decisions, Fate};
use super::{Change, Input, Operation, Plan, PlanError, Verb};
use crate::deploy::resource::{DeletePolicy, Dependency, Moment, Resource, ResourcePolicy, State};
use crate::kinds::{Tier, references};

pub(super) fn order(input: &Input<'_>, decisions: Decisions) -> Result<Plan, PlanError> {
    let mut graph = Graph { warnings: decisions.warnings, ..Graph::default() };
    let mut stages: [Vec<(usize, Fate)>; 4] = Default::default();
    let mut unchanged = Vec::new();
    for (resource, fate) in decisions.desired {
        let moments: Vec<Moment> = resource.moments(input.action).collect();
        let stage_of = |moment: &Moment| match moment {
            Moment::Pre => 1,
            Moment::Post => 3,
            Moment::Main if matches!(resource.id.row().tier, Tier::Definitions | Tier::Namespaces) => 0,
            Moment::Main => 2,
        };
        let wanted: Vec<usize> = moments.iter().map(stage_of).collect();
        if matches!(fate, Fate::Keep) {
            unchanged.push(resource.id.clone());
        }
        let again = again(&resource, &fate);
        let index = graph.add_resource(resource);
        for (round, stage) in wanted.into_iter().enumerate() {
            stages[stage].push((index, if round == 0 { fate.clone() } else { again.clone() }));
        }
    }
    let [definitions, pre, main, post] = stages;
    graph.deploy("definitions", definitions, input.retrack)?;
    graph.deploy("pre-hooks", pre, false)?;
    graph.delete("deletions", decisions.first, "it is no longer in the chart, and has what another object needs");
    graph.deploy("objects", main, input.retrack)?;
    graph.delete("deletions", decisions.dropped, "it is no longer in the chart");
    graph.deploy("post-hooks", post, false)?;
    graph.finish(input, unchanged)
}

/// What happens to an object that is deployed at a second moment of the same deployment.
fn again(resource: &Resource, fate: &Fate) -> Fate {
    let anew = resource.steering.delete_policies.contains(&DeletePolicy::BeforeCreation) || resource.id.row().ends;
    match fate {
        Fate::Create(change) | Fate::Update(change, _) | Fate::Recreate(change, _) if anew => {
            Fate::Recreate(change.clone(), "it runs at this moment too".into())
        }
        Fate::Create(change) | Fate::Update(change, _) | Fate::Recreate(change, _) => {
            Fate::Update(change.clone(), "it is deployed at this moment too".into())
        }
        Fate::Keep | Fate::Skip => fate.clone(),
    }
}

/// Operations under construction; edges may point anywhere until [`Graph::finish`] sorts them.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) resources: Vec<Resource>,
    operations: Vec<Operation>,
    /// What the next stage waits for.
    frontier: Vec<usize>,
    pub(super) warnings: Vec<String>,
}

impl Graph {
    pub(super) fn add_resource(&mut self, resource: Resource) -> usize {
        self.resources.push(resource);
        self.resources.len() - 1
    }

    fn push(&mut self, verb: Verb, resource: Option<usize>, after: Vec<usize>, reason: impl Into<String>, change: Option<Change>) -> usize {
        self.operations.push(Operation { verb, resource, after, reason: reason.into(), change });
        self.operations.len() - 1
    }

    /// One operation to wait for instead of many.
    fn join(&mut self, name: &'static str, after: Vec<usize>) -> Vec<usize> {
        if after.len() < 2 { after } else { vec![self.push(Verb::Join(name), None, after, "", None)] }
    }

    /// Adds one stage of objects to deploy.
    pub(super) fn deploy(&mut self, name: &'static str, items: Vec<(usize, Fate)>, retrack: bool) -> Result<(), PlanError> {
        let start = self.frontier.clone();
        let mut weights: BTreeMap<i64, Vec<(usize, Fate)>> = BTreeMap::new();
        let mut free = Vec::new();
        for (index, fate) in items {
            let steering = &self.resources[index].steering;
            if steering.dependencies.is_empty() {
                weights.entry(steering.weight).or_default().push((index, fate));
            } else {
                free.push((index, fate));
            }
        }
        // Resource index → its applying and its last operation, for those who wait for it.
        let mut applied: HashMap<usize, (usize, usize)> = HashMap::new();
        let mut members: Vec<usize> = weights.values().flatten().chain(&free).map(|(index, _)| *index).collect();
        let mut ends = Vec::new();
        for (_, items) in weights {
            let mut tiers: BTreeMap<u8, Vec<(usize, Fate)>> = BTreeMap::new();
            for (index, fate) in items {
                tiers.entry(self.resources[index].id.row().tier.applied()).or_default().push((index, fate));
            }
            let mut before = self.frontier.clone();
            let mut group_ends = Vec::new();
            for (_, items) in tiers {
                let mut applies = Vec::new();
                for (index, fate) in items {
                    if let Some((apply, end)) = self.one(index, fate, before.clone(), retrack) {
                        applied.insert(index, (apply, end));
                        applies.push(apply);
                        group_ends.push(end);
                    }
                }
                if !applies.is_empty() {
                    before = self.join("applied", applies);
                }
            }
            if !group_ends.is_empty() {
                self.frontier = self.join(name, group_ends);
            }
        }
        ends.append(&mut self.frontier);
        let mut pending = Vec::new();
        for (index, fate) in free {
            if let Some((apply, end)) = self.one(index, fate, start.clone(), retrack) {
                applied.insert(index, (apply, end));
                ends.push(end);
                pending.push((index, apply));
            }
        }
        let names = Names::of(&self.resources, &members);
        for (index, apply) in pending {
            self.wire(index, apply, &applied, &members, &names);
        }
        self.frontier = self.join(name, ends);
        members.retain(|index| applied.contains_key(index));
        self.delete_succeeded(name, members);
        Ok(())
    }

    /// Operations of one object: outside waits, apply, track, and deletion by policy. Gives the first and the last one.
    fn one(&mut self, index: usize, fate: Fate, mut after: Vec<usize>, retrack: bool) -> Option<(usize, usize)> {
        let (verb, change, reason) = match fate {
            Fate::Skip => return None,
            Fate::Keep if retrack && self.resources[index].steering.tracking.wait => {
                let track = self.push(Verb::Track(State::Ready), Some(index), after, "nobody saw it work after the last deployment", None);
                return Some((track, track));
            }
            Fate::Keep => return None,
            Fate::Create(change) => (Verb::Create, change, "it does not exist".to_owned()),
            Fate::Update(change, reason) => (Verb::Update, change, reason),
            Fate::Recreate(change, reason) => (Verb::Recreate, change, reason),
        };
        for external in self.resources[index].steering.external.clone() {
            let wait = self.push(Verb::Await(external), Some(index), after.clone(), "it is declared as an external dependency", None);
            after.push(wait);
        }
        let apply = self.push(verb, Some(index), after, reason, Some(change));
        let steering = &self.resources[index].steering;
        let wait = steering.tracking.wait || steering.delete_policies.contains(&DeletePolicy::Succeeded);
        let end = if wait { self.push(Verb::Track(State::Ready), Some(index), vec![apply], "", None) } else { apply };
        Some((apply, end))
    }

    /// Deletes what its policy deletes once it succeeded: when its stage has ended, since others of the stage may need it until then.
    fn delete_succeeded(&mut self, name: &'static str, members: Vec<usize>) {
        let mut ends = Vec::new();
        for index in members {
            let steering = &self.resources[index].steering;
            let goes = steering.delete_policies.contains(&DeletePolicy::Succeeded);
            if goes && !steering.resource_policies.contains(&ResourcePolicy::SkipDelete) {
                let reason = "its policy deletes it once it succeeded";
                let delete = self.push(Verb::Delete, Some(index), self.frontier.clone(), reason, None);
                ends.push(self.push(Verb::Track(State::Absent), Some(index), vec![delete], "", None));
            }
        }
        if !ends.is_empty() {
            self.frontier = self.join(name, ends);
        }
    }

    /// Adds the edges of declared dependencies and of what the object's pods refer to.
    fn wire(&mut self, index: usize, apply: usize, applied: &HashMap<usize, (usize, usize)>, members: &[usize], names: &Names) {
        let resource = &self.resources[index];
        let mut after = Vec::new();
        let mut warnings = Vec::new();
        for dependency in &resource.steering.dependencies {
            let candidates = dependency.name.as_ref().map_or(members, |name| names.by_name.get(name).map_or(&[], Vec::as_slice));
            let targets: Vec<usize> =
                candidates.iter().copied().filter(|other| *other != index && fits(dependency, &self.resources[*other])).collect();
            if targets.is_empty() {
                warnings.push(format!(
                    "{} waits for {} (werf.io/deploy-dependency-{}), and there is no such object at the same stage",
                    resource.id,
                    describe(dependency),
                    dependency.id
                ));
            }
            for (first, last) in targets.iter().filter_map(|target| applied.get(target)) {
                after.push(if dependency.state == State::Ready { *last } else { *first });
            }
        }
        for other in names.referred(resource, &self.resources) {
            // What it refers to may itself be declared to wait for this object: the declaration wins.
            if let Some((first, _)) = applied.get(&other)
                && other != index
                && self.resources[other].steering.dependencies.is_empty()
            {
                after.push(*first);
            }
        }
        self.operations[apply].after.extend(after);
        self.warnings.extend(warnings);
    }

    /// Adds one stage of deletions: outermost kinds first, each gone before the kinds that it used.
    pub(super) fn delete(&mut self, name: &'static str, dropped: Vec<(Resource, Change)>, reason: &str) {
        let mut tiers: BTreeMap<u8, Vec<(usize, Change)>> = BTreeMap::new();
        for (resource, change) in dropped {
            let tier = resource.id.row().tier.deleted();
            let index = self.add_resource(resource);
            tiers.entry(tier).or_default().push((index, change));
        }
        let mut gone: Vec<(usize, usize, usize)> = Vec::new();
        for (_, items) in tiers {
            let mut ends = Vec::new();
            for (index, change) in items {
                let delete = self.push(Verb::Delete, Some(index), self.frontier.clone(), reason, Some(change));
                let absent = self.push(Verb::Track(State::Absent), Some(index), vec![delete], "", None);
                gone.push((index, delete, absent));
                ends.push(absent);
            }
            self.frontier = self.join(name, ends);
        }
        for (index, delete, _) in &gone {
            for dependency in &self.resources[*index].steering.delete_dependencies {
                let others = gone.iter().filter(|(other, ..)| other != index && fits(dependency, &self.resources[*other]));
                self.operations[*delete].after.extend(others.map(|(_, _, absent)| *absent));
            }
        }
    }

    /// Sorts the operations so that each comes after what it waits for, in the order of their stages otherwise.
    pub(super) fn finish(mut self, input: &Input<'_>, unchanged: Vec<crate::deploy::resource::ResourceId>) -> Result<Plan, PlanError> {
        for (index, operation) in self.operations.iter_mut().enumerate() {
            operation.after.sort_unstable();
            operation.after.dedup();
            operation.after.retain(|other| *other != index);
        }
        let mut place: Vec<Option<usize>> = vec![None; self.operations.len()];
        let mut sorted = Vec::with_capacity(self.operations.len());
        // Operations are almost sorted already, so few rounds are needed.
        while sorted.len() < self.operations.len() {
            let done = sorted.len();
            for index in 0..self.operations.len() {
                if place[index].is_none() && self.operations[index].after.iter().all(|other| place[*other].is_some()) {
                    place[index] = Some(sorted.len());
                    sorted.push(index);
                }
            }
            if sorted.len() == done {
                return Err(PlanError::Cycle { cycle: self.cycle(&place) });
            }
        }
        let operations = sorted
            .iter()
            .map(|index| {
                let mut operation = self.operations[*index].clone();
                operation.after = operation.after.iter().filter_map(|other| place[*other]).collect();
                operation.after.sort_unstable();
                operation
            })
            .collect();
        Ok(Plan {
            action: input.action,
            owner: input.owner.clone(),
            resources: self.resources,
            operations,
            unchanged,
            release_reason: input.release_reason.clone(),
            warnings: self.warnings,
        })
    }

    /// One circle among the operations that could not be placed, as the names of their objects.
    fn cycle(&self, place: &[Option<usize>]) -> Vec<String> {
        let stuck = |index: &usize| place[*index].is_none();
        let Some(mut at) = (0..place.len()).find(|index| stuck(index)) else { return Vec::new() };
        let mut path = Vec::new();
        while !path.contains(&at) {
            path.push(at);
            let Some(next) = self.operations[at].after.iter().copied().find(|other| stuck(other)) else { break };
            at = next;
        }
        let start = path.iter().position(|index| *index == at).unwrap_or(0);
        let mut names: Vec<String> = path[start..]
            .iter()
            .filter_map(|index| self.operations[*index].resource)
            .map(|resource| self.resources[resource].id.to_string())
            .collect();
        names.dedup();
        names.extend(names.first().cloned());
        names.dedup();
        names
    }
}

/// The objects of one stage by their names, for those who refer to them.
struct Names {
    by_name: HashMap<String, Vec<usize>>,
}

impl Names {
    fn of(resources: &[Resource], members: &[usize]) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for index in members {
            by_name.entry(resources[*index].id.name.clone()).or_default().push(*index);
        }
        Names { by_name }
    }

    /// The objects that an object's pods refer to, in its namespace or in none.
    fn referred(&self, resource: &Resource, resources: &[Resource]) -> Vec<usize> {
        let found = references(&resource.object).into_iter().filter_map(|reference| {
            self.by_name.get(&reference.name)?.iter().copied().find(|index| {
                let id = &resources[*index].id;
                id.is(reference.group, reference.kind) && (id.namespace.is_none() || id.namespace == resource.id.namespace)
            })
        });
        found.collect()
    }
}

fn fits(dependency: &Dependency, resource: &Resource) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    let id = &resource.id;
    is(&dependency.kind, &id.gvk.kind)
        && is(&dependency.name, &id.name)
        && is(&dependency.group, &id.gvk.group)
        && is(&dependency.version, &id.gvk.version)
        && is(&dependency.namespace, id.namespace.as_deref().unwrap_or_default())
}

fn describe(dependency: &Dependency) -> String {
    format!("{}/{}", dependency.kind.as_deref().unwrap_or("*"), dependency.name.as_deref().unwrap_or("*"))
}
