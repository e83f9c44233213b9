//! Which projects are tried with which changes. Pure, and the same in every run.

use std::collections::BTreeMap;

use super::changes::{self, Change};
use super::generated;
use super::hand_made::{self, Bases};
use super::project::Project;
use crate::dice::Dice;

/// Projects that are tried where nobody asks for more.
const PROJECTS: usize = 240;
/// Changes of each that are built in any case: of these the figures are taken.
const CHANGES: usize = 4;
/// As many more are only built if they leave the name as it is: the others prove nothing.
const MORE: usize = 2;

/// A project with some of its changes.
pub struct Case {
    /// The project as it is.
    pub project: Project,
    /// What may happen to it.
    pub changes: Vec<Change>,
    /// How many of the changes, from the first one, are built whatever their names are.
    pub counted: usize,
}

/// A value of a project, as it is or after a change.
pub struct Trial<'c> {
    /// Which project.
    pub case: &'c Case,
    /// Which of its changes; `None` is the project as it is.
    pub change: Option<(usize, &'c Change)>,
}

impl<'c> Trial<'c> {
    /// The project with the change.
    pub fn project(&self) -> &'c Project {
        self.change.map_or(&self.case.project, |(_, change)| &change.project)
    }

    /// Whether figures are taken of it.
    pub fn counts(&self) -> bool {
        self.change.is_some_and(|(at, _)| at < self.case.counted)
    }

    /// What it is, for people.
    pub fn describe(&self) -> String {
        match self.change {
            None => self.case.project.name.clone(),
            Some((_, change)) => format!("{}, {}: {}", self.case.project.name, change.kind, change.what),
        }
    }
}

impl Case {
    /// The project as it is, and after each change.
    pub fn trials(&self) -> impl Iterator<Item = Trial<'_>> {
        let changed = self.changes.iter().enumerate().map(|change| Trial { case: self, change: Some(change) });
        std::iter::once(Trial { case: self, change: None }).chain(changed)
    }
}

/// The hand-made projects, and generated ones: `scale` times as many as usual.
pub fn projects(bases: &Bases, scale: usize) -> Vec<Project> {
    let by_hand = hand_made::projects(bases);
    let more = (PROJECTS * scale).saturating_sub(by_hand.len()) as u64;
    by_hand.into_iter().chain((0..more).map(|seed| generated::project(seed, bases))).collect()
}

/// These with changes of different kinds; of the hand-made ones, more changes too.
pub fn cases(bases: &Bases, scale: usize) -> Vec<Case> {
    let by_hand = hand_made::projects(bases).len();
    let case = |(number, project): (usize, Project)| {
        let count = if number < by_hand { CHANGES * scale } else { CHANGES };
        let changes = choose(changes::all(&project), count * (1 + MORE), &mut Dice::new(number as u64));
        Case { project, counted: count.min(changes.len()), changes }
    };
    projects(bases, scale).into_iter().enumerate().map(case).collect()
}

/// Some of all changes: kinds by turns, so that the many of one kind do not hide the few of another.
fn choose(all: Vec<Change>, count: usize, dice: &mut Dice) -> Vec<Change> {
    let mut kinds: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
    all.into_iter().for_each(|change| kinds.entry(change.kind).or_default().push(change));
    let mut kinds: Vec<Vec<Change>> = kinds.into_values().collect();
    kinds.iter_mut().for_each(|changes| dice.shuffle(changes));
    dice.shuffle(&mut kinds);
    let mut chosen = Vec::new();
    while chosen.len() < count && !kinds.is_empty() {
        chosen.extend(kinds.iter_mut().filter_map(Vec::pop));
        kinds.retain(|changes| !changes.is_empty());
    }
    chosen.truncate(count);
    chosen
}
