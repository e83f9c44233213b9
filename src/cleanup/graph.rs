//! The commits of all references, and what is asked of them: the newest images before each, what is reached, and how far one must look.
//!
//! Commits are numbers, parents before children, so that every question is one pass over a list. A commit counts as no older than what it
//! follows: clocks of committers differ, and an image is not lost by that.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use jiff::Timestamp;

use crate::file_tree::ObjectId;

/// A commit by its place in [`Graph`].
pub type Place = u32;

/// The commits that all references lead to.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    ids: Vec<ObjectId>,
    parents: Vec<Vec<Place>>,
    times: Vec<Timestamp>,
    places: HashMap<ObjectId, Place>,
}

impl Graph {
    /// Adds a commit whose parents are there already; gives its place. Nothing is newer than `now`.
    pub fn add(&mut self, id: ObjectId, parents: Vec<Place>, committed: Timestamp, now: Timestamp) -> Place {
        let place = self.ids.len() as Place;
        let newest = parents.iter().map(|parent| self.times[*parent as usize]).max();
        self.times.push(newest.unwrap_or(Timestamp::MIN).max(committed.min(now)));
        self.ids.push(id);
        self.parents.push(parents);
        self.places.insert(id, place);
        place
    }

    /// Where a commit is, if it is here.
    pub fn place(&self, id: ObjectId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    /// A commit's id.
    pub fn id(&self, place: Place) -> ObjectId {
        self.ids[place as usize]
    }

    /// How new it counts.
    pub(super) fn time(&self, place: Place) -> Timestamp {
        self.times[place as usize]
    }

    /// For each commit the newest commits at or before it that have new images, newest first, at most `depth` of them. An image that
    /// several have is at the newest of them.
    pub(super) fn newest(&self, images: &HashMap<Place, Vec<usize>>, depth: usize) -> Vec<Newest> {
        let mut all: Vec<Newest> = Vec::with_capacity(self.ids.len());
        for place in 0..self.ids.len() as Place {
            let mut lists: Vec<Newest> = Vec::new();
            for parent in &self.parents[place as usize] {
                let list = all[*parent as usize].clone();
                if !list.is_empty() && !lists.iter().any(|known| Rc::ptr_eq(known, &list)) {
                    lists.push(list);
                }
            }
            let own = images.get(&place).filter(|images| !images.is_empty());
            all.push(match (own, lists.len()) {
                (None, 0) => Rc::default(),
                (None, 1) => lists.remove(0),
                _ => self.merged(own.map(|images| (place, images.clone())), &lists, depth),
            });
        }
        all
    }

    fn merged(&self, own: Option<Met>, lists: &[Newest], depth: usize) -> Newest {
        let mut met: Vec<Met> = own.into_iter().chain(lists.iter().flat_map(|list| list.iter().cloned())).collect();
        met.sort_by_key(|(place, _)| std::cmp::Reverse((self.time(*place), *place)));
        let mut known = HashSet::new();
        let mut merged: Vec<Met> = Vec::new();
        for (place, mut images) in met {
            images.retain(|image| known.insert(*image));
            match merged.last_mut() {
                _ if images.is_empty() => {}
                Some((last, others)) if *last == place => others.extend(images),
                _ => merged.push((place, images)),
            }
        }
        merged.truncate(depth);
        Rc::from(merged)
    }

    /// All commits that are reached from a set and are no older than a time, each with the first of the set that reaches it.
    pub(super) fn reached(&self, from: &[(Place, usize)], since: Timestamp) -> HashMap<Place, usize> {
        let mut found: HashMap<Place, usize> = HashMap::new();
        let mut pending: Vec<(Place, usize)> = from.iter().rev().copied().collect();
        while let Some((place, origin)) = pending.pop() {
            if self.time(place) >= since && !found.contains_key(&place) {
                found.insert(place, origin);
                pending.extend(self.parents[place as usize].iter().map(|parent| (*parent, origin)));
            }
        }
        found
    }

    /// All commits that must be looked at, each before what it follows, where each of a set asks for what is before it and no older than a time.
    pub(super) fn asked(&self, from: &[(Place, Timestamp)]) -> Vec<Place> {
        let mut since: Vec<Option<Timestamp>> = vec![None; self.ids.len()];
        let mut ask = |place: Place, time: Timestamp| {
            let known = &mut since[place as usize];
            *known = Some(known.map_or(time, |known| known.min(time)));
        };
        from.iter().for_each(|(place, time)| ask(*place, *time));
        let mut found = Vec::new();
        for place in (0..self.ids.len() as Place).rev() {
            let Some(time) = since[place as usize].filter(|time| self.time(place) >= *time) else { continue };
            found.push(place);
            for parent in &self.parents[place as usize] {
                let known = &mut since[*parent as usize];
                *known = Some(known.map_or(time, |known| known.min(time)));
            }
        }
        found
    }
}

/// A commit with the images that are met there first.
pub(super) type Met = (Place, Vec<usize>);

/// Commits with new images, newest first.
pub(super) type Newest = Rc<[Met]>;
