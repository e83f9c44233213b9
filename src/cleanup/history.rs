//! Which published images the policies for branches and tags want.
//!
//! From each chosen reference the history is looked at, newest commit first, and for every image name the newest published images are kept as
//! far as the policy's second limit goes. A tag's own commit is all that is looked at. What images a commit has is told by their labels
//! and by records; where these do not tell and something is about to go, by what the commit's files make of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::graph::{Graph, Newest, Place};
use super::policy::{admits, ago, chosen};
use super::{Published, Reason, Record, Ref, short_commit};
use crate::error::Result;
use crate::file_tree::ObjectId;
use crate::project::config::meta::{KeepPolicy, Limit, Operator, ReferenceKind};

/// How many commits are read at first; each time it is twice as many.
const FIRST: usize = 32;

/// What a commit's own files tell of its images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Their names and tags.
    pub images: BTreeSet<(String, String)>,
    /// Why they may have had others when they were built, such as `werf.yaml reads the environment`.
    pub unsure: Option<String>,
}

/// What tells of commits' files.
pub trait Contents {
    /// Whether a commit is in the repository, on a branch or not.
    fn has(&self, commit: ObjectId) -> bool;
    /// Says which images may go: of others nothing more is to be known.
    fn begin(&mut self, candidates: &[&Published]);
    /// What a commit's files tell.
    fn at(&mut self, commit: ObjectId) -> Result<Content>;
}

/// The project's history.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The commits of all references.
    pub graph: &'a Graph,
    /// All branches of `origin` and all tags.
    pub references: &'a [Ref],
    /// What earlier runs found at commits.
    pub records: &'a [Record],
}

/// What was found for each image, in their order.
#[derive(Debug)]
pub(super) struct Found {
    /// Which references want it.
    pub wanted: Vec<Vec<Reason>>,
    /// Why nobody can tell whether one does.
    pub doubts: Vec<Option<Reason>>,
}

/// Finds what is wanted. Only for `candidates`, which nothing else keeps, commits are read.
pub(super) fn find(
    images: &[Published],
    candidates: &[bool],
    history: &History<'_>,
    policies: &[KeepPolicy],
    now: Timestamp,
    contents: &mut dyn Contents,
) -> Result<Found> {
    let chosen = chosen(history.references, policies, now)?;
    let mut search = Search::new(images, history, &chosen, now);
    search.tell(contents);
    let going: Vec<&Published> = images.iter().zip(candidates).filter(|(_, goes)| **goes).map(|(image, _)| image).collect();
    contents.begin(&going);
    let mut read: HashMap<Place, Content> = HashMap::new();
    let mut at_once = FIRST;
    loop {
        let left = search.left(candidates);
        let mut unread: BTreeSet<Place> = BTreeSet::new();
        for name in &left {
            unread.extend(search.asked(name).into_iter().filter(|place| !read.contains_key(place)));
        }
        if unread.is_empty() {
            break;
        }
        for place in unread.into_iter().rev().take(at_once) {
            let content = contents.at(history.graph.id(place))?;
            search.learn(place, &content);
            read.insert(place, content);
        }
        at_once *= 2;
        search.sum_up();
    }
    search.compare(candidates, &read, contents)?;
    Ok(search.found(candidates, &read))
}

/// The images of one name, and where they are met.
#[derive(Default)]
struct Name {
    images: Vec<usize>,
    /// By labels and records.
    told: HashMap<Place, Vec<usize>>,
    /// By these, and by content where they do not tell.
    met: HashMap<Place, Vec<usize>>,
    /// For each reference of the search how far back one must look: the times since when; `None` where it wants nothing.
    since: Vec<Option<Timestamp>>,
}

struct Search<'a> {
    images: &'a [Published],
    history: &'a History<'a>,
    /// References that lead to a commit, with the limits for their images.
    chosen: Vec<(&'a Ref, Place, Limit)>,
    now: Timestamp,
    by_tag: HashMap<&'a str, usize>,
    names: BTreeMap<&'a str, Name>,
    /// Whether an image is told to be of a commit that is there.
    tied: Vec<bool>,
    /// The references that want an image, each with the commit.
    wanted: Vec<BTreeMap<usize, Place>>,
}

impl<'a> Search<'a> {
    fn new(images: &'a [Published], history: &'a History<'a>, chosen: &[(&'a Ref, &'a KeepPolicy)], now: Timestamp) -> Self {
        let place = |reference: &Ref| history.graph.place(reference.commit);
        let chosen = chosen.iter().filter_map(|(reference, policy)| Some((*reference, place(reference)?, policy.images))).collect();
        let mut names: BTreeMap<&str, Name> = BTreeMap::new();
        let mut by_tag = HashMap::new();
        for (at, image) in images.iter().enumerate() {
            let Some(origin) = &image.origin else { continue };
            names.entry(&origin.image).or_default().images.push(at);
            by_tag.insert(image.tag.as_str(), at);
        }
        let (tied, wanted) = (vec![false; images.len()], vec![BTreeMap::new(); images.len()]);
        Search { images, history, chosen, now, by_tag, names, tied, wanted }
    }

    /// Takes in what labels and records tell.
    fn tell(&mut self, contents: &dyn Contents) {
        let mut recorded: HashMap<&str, Vec<ObjectId>> = HashMap::new();
        for record in self.history.records {
            recorded.entry(&record.image).or_default().push(record.commit);
        }
        for name in self.names.values_mut() {
            for at in &name.images {
                let image = &self.images[*at];
                let built = image.origin.as_ref().and_then(|origin| ObjectId::parse(&origin.commit));
                let found = recorded.get(Record::beginning(image.tag.as_str())).into_iter().flatten().copied();
                for commit in built.into_iter().chain(found) {
                    match self.history.graph.place(commit) {
                        Some(place) => {
                            self.tied[*at] = true;
                            let told = name.told.entry(place).or_default();
                            if !told.contains(at) {
                                told.push(*at);
                            }
                        }
                        None => self.tied[*at] |= contents.has(commit),
                    }
                }
            }
            name.met = name.told.clone();
        }
        self.sum_up();
    }

    /// Takes in what a commit's files tell.
    fn learn(&mut self, place: Place, content: &Content) {
        for (_, tag) in &content.images {
            let Some(at) = self.by_tag.get(tag.as_str()) else { continue };
            self.meet(place, *at);
        }
    }

    fn meet(&mut self, place: Place, at: usize) {
        let Some(origin) = &self.images[at].origin else { return };
        let met = self.names.entry(&origin.image).or_default().met.entry(place).or_default();
        if !met.contains(&at) {
            met.push(at);
        }
    }

    /// Works out anew what is wanted, and how far back one must look.
    fn sum_up(&mut self) {
        self.wanted.iter_mut().for_each(BTreeMap::clear);
        let deepest = self.chosen.iter().filter_map(|(_, _, limit)| limit.last).max().unwrap_or(0) as usize;
        // Where an image that two branches had apart becomes one, others move up.
        let depth = deepest.saturating_mul(2).saturating_add(2);
        for name in self.names.values_mut() {
            let newest = if deepest > 0 { self.history.graph.newest(&name.met, depth) } else { Vec::new() };
            let nothing = Newest::default();
            let mut open: BTreeMap<Timestamp, Vec<(Place, usize)>> = BTreeMap::new();
            name.since.clear();
            for (index, (reference, place, limit)) in self.chosen.iter().enumerate() {
                let mut want = |images: &[usize], place: Place| {
                    for image in images {
                        self.wanted[*image].entry(index).or_insert(place);
                    }
                };
                let graph = self.history.graph;
                if reference.kind == ReferenceKind::Tag {
                    let is_wanted = admits(*limit, 0, graph.time(*place), self.now);
                    if let Some(images) = name.met.get(place).filter(|_| is_wanted) {
                        want(images, *place);
                    }
                    name.since.push(is_wanted.then(|| graph.time(*place)));
                    continue;
                }
                let list = newest.get(*place as usize).unwrap_or(&nothing);
                for (rank, (place, images)) in list.iter().enumerate() {
                    if admits(*limit, rank, graph.time(*place), self.now) {
                        want(images, *place);
                    }
                }
                if let Some(since) = open_since(*limit, self.now) {
                    open.entry(since).or_default().push((*place, index));
                }
                name.since.push(since(*limit, list, graph, self.now));
            }
            for (since, from) in open {
                for (place, index) in self.history.graph.reached(&from, since) {
                    for image in name.met.get(&place).into_iter().flatten() {
                        self.wanted[*image].entry(index).or_insert(place);
                    }
                }
            }
        }
    }

    /// The names of which something is about to go.
    fn left(&self, candidates: &[bool]) -> Vec<&'a str> {
        let goes = |at: &usize| candidates[*at] && self.wanted[*at].is_empty();
        self.names.iter().filter(|(_, name)| name.images.iter().any(goes)).map(|(name, _)| *name).collect()
    }

    /// The commits that may have a wanted image of a name, and of which nothing is told.
    fn asked(&self, name: &str) -> Vec<Place> {
        let Some(name) = self.names.get(name) else { return Vec::new() };
        let from = self.chosen.iter().zip(&name.since).filter_map(|((_, place, _), since)| Some((*place, (*since)?)));
        let mut asked = self.history.graph.asked(&from.collect::<Vec<_>>());
        asked.retain(|place| !name.told.contains_key(place));
        asked
    }

    /// Where files do not tell the tag of an image, those of the commit that built it may still be the same as those of a commit that is wanted.
    fn compare(&mut self, candidates: &[bool], read: &HashMap<Place, Content>, contents: &mut dyn Contents) -> Result<()> {
        for name in self.left(candidates) {
            let unsure: Vec<Place> = self.asked(name).into_iter().filter(|place| is_unsure(read, *place)).collect();
            if unsure.is_empty() {
                continue;
            }
            let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
            let Some(known) = self.names.get(name) else { continue };
            let going: HashSet<usize> = known.images.iter().copied().filter(|at| candidates[*at] && self.wanted[*at].is_empty()).collect();
            for (place, images) in &known.told {
                let going: Vec<usize> = images.iter().copied().filter(|at| going.contains(at)).collect();
                if going.is_empty() {
                    continue;
                }
                for (_, tag) in contents.at(self.history.graph.id(*place))?.images.into_iter().filter(|(other, _)| other == name) {
                    alike.entry(tag).or_default().extend(&going);
                }
            }
            for at in going {
                let built = self.images[at].origin.as_ref().and_then(|origin| ObjectId::parse(&origin.commit));
                if let Some(built) = built.filter(|built| self.history.graph.place(*built).is_none() && contents.has(*built)) {
                    for (_, tag) in contents.at(built)?.images.into_iter().filter(|(other, _)| other == name) {
                        alike.entry(tag).or_default().push(at);
                    }
                }
            }
            for place in unsure {
                let tags = read[&place].images.iter().filter(|(other, _)| other == name).map(|(_, tag)| tag);
                let same: Vec<usize> = tags.filter_map(|tag| alike.get(tag)).flatten().copied().collect();
                same.into_iter().for_each(|at| self.meet(place, at));
            }
        }
        self.sum_up();
        Ok(())
    }

    fn found(self, candidates: &[bool], read: &HashMap<Place, Content>) -> Found {
        let mut doubts: Vec<Option<Reason>> = vec![None; self.images.len()];
        for name in self.left(candidates) {
            let Some(place) = self.asked(name).into_iter().find(|place| is_unsure(read, *place)) else { continue };
            let why = read[&place].unsure.clone().unwrap_or_default();
            for at in &self.names[name].images {
                if !self.tied[*at] && self.wanted[*at].is_empty() {
                    doubts[*at] = Some(Reason::Unknown { commit: short_commit(self.history.graph.id(place)), why: why.clone() });
                }
            }
        }
        let reasons = |wanted: &BTreeMap<usize, Place>| {
            let reason = |(index, place): (&usize, &Place)| Reason::Git {
                reference: self.chosen[*index].0.to_string(),
                commit: short_commit(self.history.graph.id(*place)),
            };
            wanted.iter().map(reason).collect()
        };
        Found { wanted: self.wanted.iter().map(reasons).collect(), doubts }
    }
}

fn is_unsure(read: &HashMap<Place, Content>, place: Place) -> bool {
    read.get(&place).is_some_and(|content| content.unsure.is_some())
}

/// Since when images are wanted however many they are; `None` where their number counts.
fn open_since(limit: Limit, now: Timestamp) -> Option<Timestamp> {
    match (limit.last, limit.within, limit.operator) {
        (None, Some(within), Operator::And) | (Some(_), Some(within), Operator::Or) => Some(ago(within, now)),
        (None, ..) => Some(Timestamp::MIN),
        (Some(_), ..) => None,
    }
}

/// How far back one must look for images, where those in a list are known; `None` where none is wanted.
fn since(limit: Limit, known: &Newest, graph: &Graph, now: Timestamp) -> Option<Timestamp> {
    let few = match limit.last {
        None | Some(0) => None,
        Some(last) => Some(known.get(last as usize - 1).map_or(Timestamp::MIN, |(place, _)| graph.time(*place))),
    };
    let few = match (few, limit.within, limit.operator) {
        (Some(few), Some(within), Operator::And) => Some(few.max(ago(within, now))),
        (few, ..) => few,
    };
    [few, open_since(limit, now)].into_iter().flatten().min()
}
