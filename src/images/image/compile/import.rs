//! Files of other images, copied to where they go.
//!
//! Directories come with the owner and mode that they have in their image, as with `COPY`; only one that is at `to` keeps its own. Where the
//! image has a link to a directory in the place of a directory of the import, as most distributions have `/bin`, files go where the link leads.
//! A link that `add` names is imported as a link, as werf 2 does it, unless it leads to a directory: that one's files are meant.

use super::place::{MAX_DIRECTORIES, Spot, absolute, entries};
use super::{CompileError, Compiler, Halt, Made};
use crate::images::image::ground::{Found, Kind, Question};
use crate::images::image::stage::{Above, Import, Source};
use crate::images::llb::{Copy, FileAction, Mkdir, Note, Owner, State};

impl Compiler<'_> {
    /// Copies an import onto a state.
    pub(super) fn import(&mut self, image: &str, import: &Import, made: &Made) -> Result<State, Halt> {
        let Import { source, add, to, owner, group, include, exclude, above } = import;
        let (from, name) = match source {
            Source::Scratch => (State::scratch(), "scratch"),
            Source::Reference { written, latest: _ } => {
                let base = self.external(image, written)?;
                (self.registry_image(&base.reference, &format!("[{image}] import from {written}")), written.as_str())
            }
            Source::Image { name, stage, digest: _ } => (self.other(image, name, stage.as_deref())?.state, name.as_str()),
        };
        let note = || Note::named(format!("[{image}] import {name} {add} → {to}"));
        let there = self.source(image, &from, add)?;
        if there.found.is_none() && !there.path.is_empty() {
            return Err(CompileError::NothingToImport { image: image.to_owned(), source_image: name.to_owned(), path: add.clone() }.into());
        }
        let owner = match (owner, group) {
            (None, None) => None,
            (owner, group) => {
                let ids = self.owner(image, &made.state, owner.as_deref(), group.as_deref())?;
                // A copy changes both. What is not given stays as it is at `add`.
                let (user, its_group) = there.found.as_ref().map_or((0, 0), |found| (found.uid, found.gid));
                Some(Owner::ids(owner.as_ref().map_or(user, |_| ids.uid), group.as_ref().map_or(its_group, |_| ids.gid)))
            }
        };
        let here = self.spot(image, &made.state, to)?;
        if there.is_directory() && here.found.is_some() && !here.is_directory() {
            return Err(CompileError::InTheWay { image: image.to_owned(), path: to.clone(), is_file: false }.into());
        }
        let copy = Copy {
            from: from.clone(),
            src: there.absolute(),
            dest: here.absolute(),
            owner: owner.clone(),
            contents_only: here.is_directory(),
            create_parents: true,
            include: include.clone(),
            exclude: exclude.clone(),
            ..Copy::default()
        };
        let parents = match above {
            Some(above) => self.parents(image, above, &made.state)?,
            None => Vec::new(),
        };
        if !there.is_directory() || !here.is_directory() {
            return Ok(with_parents(&made.state, parents, vec![copy], note()));
        }
        let links = self.links(image, &from, &there.path, &made.state, &here.path)?;
        if links.is_empty() {
            return Ok(with_parents(&made.state, parents, vec![copy], note()));
        }
        // Patterns are relative to `add`: what they choose is put aside first.
        let aside = Copy { dest: "/aside".into(), contents_only: true, owner: None, ..copy.clone() };
        let aside = State::scratch().file([FileAction::Copy(aside)], note());
        let mut copies = vec![Copy { from: aside.clone(), src: "/aside".into(), include: Vec::new(), exclude: below("", &links), ..copy }];
        for (inner, target) in &links {
            if include.is_empty() && exclude.is_empty() || self.spot(image, &aside, &format!("/aside/{inner}"))?.is_directory() {
                copies.push(Copy {
                    from: aside.clone(),
                    src: format!("/aside/{inner}/"),
                    dest: target.clone(),
                    owner: owner.clone(),
                    contents_only: true,
                    create_parents: true,
                    exclude: below(inner, &links),
                    ..Copy::default()
                });
            }
        }
        Ok(with_parents(&made.state, parents, copies, note()))
    }

    /// The directories of a mapping that are not there yet; what is above them is root's.
    fn parents(&self, image: &str, above: &Above, state: &State) -> Result<Vec<Mkdir>, Halt> {
        let Above { directories, owner, group } = above;
        let ids = self.owner(image, state, owner.as_deref(), group.as_deref())?;
        let mut made = Vec::new();
        for directory in directories {
            let spot = self.spot(image, state, directory)?;
            if spot.found.is_none() {
                let mkdir = |path: String, owner| Mkdir { path, mode: 0o755, parents: true, owner, ..Mkdir::default() };
                made.extend(above_of(&spot.absolute()).map(|above| mkdir(above, None)));
                made.push(mkdir(spot.absolute(), Some(Owner::ids(ids.uid, ids.gid))));
            }
        }
        Ok(made)
    }

    /// Where `add` leads in its image: through links, but not from a link that is no way to a directory.
    fn source(&self, image: &str, from: &State, add: &str) -> Result<Spot, Halt> {
        let spot = self.spot(image, from, add)?;
        let Some((above, name)) = add.trim_end_matches('/').rsplit_once('/').filter(|_| !spot.is_directory()) else { return Ok(spot) };
        let mut above = self.spot(image, from, above)?;
        let question = Question::Entry { directory: above.absolute(), name: name.to_owned() };
        above.found = self.ask(from, vec![question])?.into_iter().flat_map(entries).next();
        above.path.push(name.to_owned());
        Ok(above)
    }

    /// The directories of the source, by path below it, that the target has as links to directories or to nothing, with where those lead.
    /// They are looked for level by level, so that all of a level is one question.
    fn links(&self, image: &str, from: &State, source: &[String], onto: &State, target: &[String]) -> Result<Vec<(String, String)>, Halt> {
        let mut found = Vec::new();
        let mut level = vec![Both { inner: Vec::new(), target: target.to_vec() }];
        let mut count = 0;
        while !level.is_empty() {
            count += level.len();
            if count > MAX_DIRECTORIES {
                let help = "import a directory that is smaller, or choose another `to`";
                return Err(CompileError::TooManyDirectories { image: image.to_owned(), limit: MAX_DIRECTORIES, help }.into());
            }
            let here = self.children(onto, level.iter().map(|both| absolute(&both.target)))?;
            let (here, level_here): (Vec<_>, Vec<_>) =
                here.into_iter().zip(level).filter(|(found, _)| found.iter().any(|found| found.kind != Kind::Other)).unzip();
            let there = self.children(from, level_here.iter().map(|both| absolute(&[source, &both.inner].concat())))?;
            level = Vec::new();
            for ((here, there), both) in here.iter().zip(there).zip(level_here) {
                for child in there.into_iter().filter(|child| child.kind == Kind::Directory) {
                    let Some(known) = here.iter().find(|known| known.name == child.name) else { continue };
                    let Both { inner, target } = both.enter(&child.name);
                    match known.kind {
                        Kind::Directory => level.push(Both { inner, target }),
                        Kind::Link(_) => {
                            let spot = self.spot(image, onto, &absolute(&target))?;
                            if spot.is_directory() || spot.found.is_none() {
                                found.push((inner.join("/"), spot.absolute()));
                                level.push(Both { inner, target: spot.path });
                            }
                        }
                        Kind::Other => {}
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// What is in each of some directories.
    fn children(&self, state: &State, directories: impl Iterator<Item = String>) -> Result<Vec<Vec<Found>>, Halt> {
        let answers = self.ask(state, directories.map(|directory| Question::Children { directory }).collect())?;
        Ok(answers.into_iter().map(entries).collect())
    }
}

/// A directory that both the source and the target have.
struct Both {
    /// Its path below the source.
    inner: Vec<String>,
    /// Its path in the target's image.
    target: Vec<String>,
}

impl Both {
    fn enter(&self, name: &str) -> Both {
        let below = |path: &[String]| [path, &[name.to_owned()]].concat();
        Both { inner: below(&self.inner), target: below(&self.target) }
    }
}

/// Patterns for the links below a directory.
fn below(directory: &str, links: &[(String, String)]) -> Vec<String> {
    let below = |inner: &String| {
        if directory.is_empty() { Some(inner.clone()) } else { Some(inner.strip_prefix(directory)?.strip_prefix('/')?.to_owned()) }
    };
    links.iter().filter_map(|(inner, _)| below(inner)).map(|inner| literal(&inner)).collect()
}

/// A pattern that stands for this path alone.
fn literal(path: &str) -> String {
    path.chars().flat_map(|c| if "*?[]\\!".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

/// Copies; with an owner for what is copied, directories above that are missing are root's.
fn with_parents(state: &State, mut parents: Vec<Mkdir>, copies: Vec<Copy>, note: Note) -> State {
    for copy in copies.iter().filter(|copy| copy.owner.is_some()) {
        parents.extend(above_of(&copy.dest).map(|path| Mkdir { path, mode: 0o755, parents: true, ..Mkdir::default() }));
    }
    state.file(parents.into_iter().map(FileAction::Mkdir).chain(copies.into_iter().map(FileAction::Copy)), note)
}

/// The directory above a path, unless it is the root.
fn above_of(path: &str) -> Option<String> {
    let (above, _) = path.trim_end_matches('/').rsplit_once('/')?;
    (!above.is_empty()).then(|| above.to_owned())
}
