//! Files of other images, copied to where they go.
//!
//! A directory that is not there yet comes with the owner and mode that it has in its image; one that is there keeps its own. Where the
//! image has a link to a directory in the place of a directory of the import, as most distributions have `/bin`, files go where the link leads.

use super::place::MAX_DIRECTORIES;
use super::{CompileError, Compiler, Halt, Made};
use crate::images::image::ground::{Answer, Found, Kind, Question};
use crate::images::image::stage::{Import, Source};
use crate::images::llb::{Account, Copy, FileAction, Mkdir, Note, Owner, State};

impl Compiler<'_> {
    /// Copies an import onto a state.
    pub(super) fn import(&mut self, image: &str, import: &Import, made: &Made) -> Result<State, Halt> {
        let Import { source, add, to, owner, group, include, exclude } = import;
        let (from, name) = match source {
            Source::Scratch => (State::scratch(), "scratch"),
            Source::Reference { written, latest: _ } => {
                let base = self.external(image, written)?;
                (self.registry_image(&base.reference, &format!("[{image}] import from {written}")), written.as_str())
            }
            Source::Image { name, stage, digest: _ } => (self.other(image, name, stage.as_deref())?.state, name.as_str()),
        };
        let owner = match (owner, group) {
            (None, None) => None,
            (owner, group) => {
                let ids = self.owner(image, &made.state, owner.as_deref(), group.as_deref())?;
                Some(Owner { user: owner.as_ref().map(|_| Account::Id(ids.uid)), group: group.as_ref().map(|_| Account::Id(ids.gid)) })
            }
        };
        let note = || Note::named(format!("[{image}] import {name} {add} → {to}"));
        let there = self.spot(image, &from, add)?;
        let here = self.spot(image, &made.state, to)?;
        let mut copy = Copy {
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
        if !there.is_directory() || !here.is_directory() {
            return Ok(with_parents(&made.state, vec![copy], note()));
        }
        let links = self.links(image, &from, &there.path, &made.state, &here.path)?;
        if links.is_empty() {
            return Ok(with_parents(&made.state, vec![copy], note()));
        }
        // Patterns are relative to `add`: what they choose is put aside first.
        let aside = Copy { dest: "/aside".into(), contents_only: true, owner: None, ..copy.clone() };
        let aside = State::scratch().file([FileAction::Copy(aside)], note());
        let mut copies: Vec<Copy> = links
            .iter()
            .map(|(inner, target)| Copy {
                from: aside.clone(),
                src: format!("/aside/{inner}/"),
                dest: target.clone(),
                owner: owner.clone(),
                contents_only: true,
                create_parents: true,
                ..Copy::default()
            })
            .collect();
        copy = Copy { from: aside, src: "/aside".into(), include: Vec::new(), ..copy };
        copy.exclude = links.into_iter().map(|(inner, _)| inner).collect();
        copies.insert(0, copy);
        Ok(with_parents(&made.state, copies, note()))
    }

    /// The directories of the source, by path below it, that the target has as links to directories, with where those lead. They are
    /// looked for level by level, so that all of a level is one question.
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
                            if spot.is_directory() {
                                found.push((inner.join("/"), spot.absolute()));
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
        let found = |answer| match answer {
            Answer::Entries(found) => found,
            Answer::File(_) => Vec::new(),
        };
        Ok(answers.into_iter().map(found).collect())
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

fn absolute(path: &[String]) -> String {
    format!("/{}", path.join("/"))
}

/// Copies; with an owner for what is copied, directories above that are missing are root's.
fn with_parents(state: &State, copies: Vec<Copy>, note: Note) -> State {
    let parents = copies.iter().filter(|copy| copy.owner.is_some()).filter_map(|copy| {
        let above = copy.dest.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above);
        let mkdir = Mkdir { path: above.to_owned(), mode: 0o755, parents: true, ..Mkdir::default() };
        (!above.is_empty()).then_some(FileAction::Mkdir(mkdir))
    });
    let parents: Vec<FileAction> = parents.collect();
    state.file(parents.into_iter().chain(copies.into_iter().map(FileAction::Copy)), note)
}
