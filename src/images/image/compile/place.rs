//! How files of Git come onto a state: laid over it as layers, made for what is there.
//!
//! Laying layers over a state (LLB's merge) costs nothing for files that the builder or the registry know, but takes the directories of
//! the layers as they are, and puts a directory where the state has a link. So the layers state every directory that is there as it is,
//! and files that would go through a link are put where it leads. The result is what a copy gives.

use std::sync::Arc;

use super::{Compiler, Halt, STORE, bring};
use crate::images::git_layers::{Directory, FileSet, LayerImage, Owner, Placement, layers};
use crate::images::image::error::CompileError;
use crate::images::image::ground::{Answer, Found, Kind, Question};
use crate::images::image::stage::Placed;
use crate::images::llb::{Note, OciLayoutSource, State};

/// How many links may lead to one place, as on Linux.
const MAX_LINKS: usize = 40;

/// How many directories of a mapping are looked for in the image before it is taken for a mistake.
pub(super) const MAX_DIRECTORIES: usize = 20_000;

/// Where a path of an image leads.
#[derive(Debug)]
pub(super) struct Spot {
    /// The parts of the path, without links.
    pub path: Vec<String>,
    /// What is there.
    pub found: Option<Found>,
    /// The directories on the way and the place itself, if it is one, with their paths: no `/` at the ends.
    pub directories: Vec<(String, Directory)>,
}

impl Spot {
    /// Its absolute path.
    pub fn absolute(&self) -> String {
        absolute(&self.path)
    }

    /// Whether a directory is there.
    pub fn is_directory(&self) -> bool {
        self.path.is_empty() || self.found.as_ref().is_some_and(|found| found.kind == Kind::Directory)
    }
}

impl Compiler<'_> {
    /// Lays files onto a state.
    pub(super) fn place(&mut self, image: &str, placed: &[Placed], state: &State) -> Result<State, Halt> {
        // All look at the state before any of them. Their files are disjoint; a directory that one of them makes may be above another.
        let mut placements = Vec::new();
        for Placed { add: _, to, owner, group, remote: _, files } in placed {
            let owner = self.owner(image, state, owner.as_deref(), group.as_deref())?;
            placements.push(self.placement(image, state, files.files()?, to, owner)?);
        }
        let mut sources = Vec::new();
        for (at, one) in placed.iter().enumerate() {
            let Placed { add, to, .. } = one;
            let mut placement = placements[at].clone();
            placements.iter().for_each(|other| placement.meet(other));
            bring::remember(image, one, &placement, self.around.cache);
            let note = format!("[{image}] git {} → {to}", if add.is_empty() { "/" } else { add });
            sources.extend(self.sources(&placement, &note)?);
        }
        Ok(State::merge([state].into_iter().chain(&sources), Note::named(format!("[{image}] git"))))
    }

    /// The layers of a placement as sources.
    pub(super) fn sources(&mut self, placement: &Placement, note: &str) -> Result<Vec<State>, CompileError> {
        let around = self.around;
        let mut states = Vec::new();
        let Some(tree) = around.trees.get(placement.files.origin()) else { return Ok(states) };
        for layer in layers(&**tree, placement, around.cache, around.threads)? {
            let layer = LayerImage::new(layer, &around.platform);
            let source = OciLayoutSource { reference: layer.reference(around.repo), store: STORE.into(), layer_limit: None };
            states.push(State::oci_layout(&source, &around.platform, Note::named(note)));
            self.layers.insert(layer.manifest.digest.clone(), layer);
        }
        Ok(states)
    }

    /// Makes a placement for what the state has at `to`.
    fn placement(&self, image: &str, state: &State, files: &FileSet, to: &str, owner: Owner) -> Result<Placement, Halt> {
        let spot = self.spot(image, state, to)?;
        let is_file = files.get(0).is_some_and(|(path, _)| path.is_empty());
        let in_the_way = match &spot.found {
            Some(found) => (found.kind == Kind::Directory) == is_file,
            None => spot.path.is_empty() && is_file,
        };
        if in_the_way {
            return Err(CompileError::InTheWay { image: image.to_owned(), path: to.to_owned(), is_file }.into());
        }
        let mut placement = Placement::new(Arc::new(files.clone()), &spot.absolute(), owner);
        placement.directories = spot.directories.iter().cloned().collect();
        if spot.is_directory() && !is_file {
            self.meet(image, state, files, &spot.path, &mut placement)?;
        }
        Ok(placement)
    }

    /// Finds the directories of the files that the state has too, level by level.
    fn meet(&self, image: &str, state: &State, files: &FileSet, to: &[String], placement: &mut Placement) -> Result<(), Halt> {
        let mut level: Vec<(String, Vec<String>)> = vec![(String::new(), to.to_vec())];
        let mut count = 0;
        while !level.is_empty() {
            count += level.len();
            if count > MAX_DIRECTORIES {
                let help = "choose another `to`, or leave directories out by `excludePaths`";
                return Err(CompileError::TooManyDirectories { image: image.to_owned(), limit: MAX_DIRECTORIES, help }.into());
            }
            let questions = level.iter().map(|(_, place)| Question::Children { directory: absolute(place) });
            let answers = self.ask(state, questions.collect())?;
            let mut next = Vec::new();
            let all =
                level.into_iter().zip(answers).flat_map(|(at, answer)| entries(answer).into_iter().map(move |found| (at.clone(), found)));
            for ((above, mut here), found) in all {
                let inner = if above.is_empty() { found.name.clone() } else { format!("{above}/{}", found.name) };
                here.push(found.name.clone());
                let in_the_way = |is_file| Err(CompileError::InTheWay { image: image.to_owned(), path: absolute(&here), is_file }.into());
                if files.file(&inner).is_some() {
                    match found.kind {
                        Kind::Directory => return in_the_way(true),
                        Kind::Link(_) | Kind::Other => continue,
                    }
                }
                if !files.has_directory(&inner) {
                    continue;
                }
                match &found.kind {
                    Kind::Directory => {
                        placement.directories.insert(here.join("/"), directory(&found));
                        next.push((inner, here));
                    }
                    Kind::Link(_) => {
                        let spot = self.spot(image, state, &absolute(&here))?;
                        if spot.found.is_some() && !spot.is_directory() {
                            return in_the_way(false);
                        }
                        placement.directories.extend(spot.directories.iter().cloned());
                        placement.moved.insert(inner.clone(), spot.path.join("/"));
                        if spot.is_directory() {
                            next.push((inner, spot.path));
                        }
                    }
                    Kind::Other => return in_the_way(false),
                }
            }
            level = next;
        }
        Ok(())
    }

    /// Follows a path through the state. What does not exist is taken as it is written.
    pub(super) fn spot(&self, image: &str, state: &State, path: &str) -> Result<Spot, Halt> {
        // Where we are, with what is there; and what is still to go, last first.
        let mut way: Vec<Found> = Vec::new();
        let mut pending: Vec<String> = parts(path);
        let mut directories = Vec::new();
        let mut links = 0;
        let names = |way: &[Found]| way.iter().map(|found| found.name.clone()).collect::<Vec<_>>();
        while let Some(name) = pending.pop() {
            if name == ".." {
                way.pop();
                continue;
            }
            let here = names(&way);
            let question = Question::Entry { directory: absolute(&here), name: name.clone() };
            let Some(found) = self.ask(state, vec![question])?.into_iter().find_map(entry) else {
                let path = here.into_iter().chain([name]).chain(pending.into_iter().rev()).collect();
                return Ok(Spot { path, found: None, directories });
            };
            match &found.kind {
                Kind::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(CompileError::LinkCircle { image: image.to_owned(), path: path.to_owned() }.into());
                    }
                    if target.starts_with('/') {
                        way.clear();
                    }
                    pending.extend(parts(target));
                }
                Kind::Other if !pending.is_empty() => {
                    return Err(CompileError::InTheWay { image: image.to_owned(), path: path.to_owned(), is_file: false }.into());
                }
                Kind::Other => way.push(Found { name, ..found }),
                Kind::Directory => {
                    way.push(Found { name, ..found });
                    directories.extend(way.last().map(|found| (names(&way).join("/"), directory(found))));
                }
            }
        }
        Ok(Spot { path: names(&way), found: way.pop(), directories })
    }

    /// The ids of an owner, whose names are looked up in the state. Root where nothing is given.
    pub(super) fn owner(&self, image: &str, state: &State, owner: Option<&str>, group: Option<&str>) -> Result<Owner, Halt> {
        let Account { id: uid, primary } = match owner {
            None => Account::default(),
            Some(owner) => self.account(image, state, owner, "/etc/passwd")?,
        };
        let gid = match group {
            None => primary.unwrap_or_default(),
            Some(group) => self.account(image, state, group, "/etc/group")?.id,
        };
        Ok(Owner { uid, gid })
    }

    fn account(&self, image: &str, state: &State, name: &str, file: &'static str) -> Result<Account, Halt> {
        if let Ok(id) = name.parse() {
            return Ok(Account { id, primary: None });
        }
        let spot = self.spot(image, state, file)?;
        let answer = self.ask(state, vec![Question::File { path: spot.absolute() }])?.into_iter().next();
        let Some(Answer::File(text)) = answer else { return Err(unknown_account(image, name, file).into()) };
        let text = text.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let fields = text.lines().map(|line| line.split(':').collect::<Vec<&str>>()).find(|fields| fields.first() == Some(&name));
        let id = |at: usize| fields.as_ref().and_then(|fields| fields.get(at)?.trim().parse().ok());
        let Some(own) = id(2) else { return Err(unknown_account(image, name, file).into()) };
        Ok(Account { id: own, primary: if file == "/etc/passwd" { id(3) } else { None } })
    }

    pub(super) fn ask(&self, state: &State, questions: Vec<Question>) -> Result<Vec<Answer>, Halt> {
        self.around.ground.ask(state, questions).map_err(|look| Halt::Look(Box::new(look)))
    }
}

#[derive(Default)]
struct Account {
    id: u32,
    /// The group of a user that was found by name.
    primary: Option<u32>,
}

fn unknown_account(image: &str, name: &str, file: &'static str) -> CompileError {
    let kind = if file == "/etc/passwd" { "user" } else { "group" };
    CompileError::UnknownAccount { image: image.to_owned(), kind, name: name.to_owned(), file }
}

fn entry(answer: Answer) -> Option<Found> {
    entries(answer).into_iter().next()
}

pub(super) fn entries(answer: Answer) -> Vec<Found> {
    match answer {
        Answer::Entries(found) => found,
        Answer::File(_) => Vec::new(),
    }
}

/// The path of these parts.
pub(super) fn absolute(parts: &[String]) -> String {
    format!("/{}", parts.join("/"))
}

fn directory(found: &Found) -> Directory {
    Directory { mode: found.mode, owner: Owner { uid: found.uid, gid: found.gid } }
}

/// The parts of a path, last first.
fn parts(path: &str) -> Vec<String> {
    path.rsplit('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}
