//! Which files below a directory are chosen, as a rule that is followed directory by directory.

use crate::glob::{Globs, Key, Positions};

/// A choice of paths: those that match every group of `require` and none of `forbid`. The default chooses all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    require: Vec<Globs>,
    forbid: Vec<Globs>,
}

/// A filter somewhere below its directory: what is still undecided.
#[derive(Clone, Debug)]
pub struct Step {
    require: Vec<Positions>,
    forbid: Vec<Positions>,
}

impl Filter {
    /// The same choice, of what matches these patterns alone.
    pub fn require(mut self, patterns: Globs) -> Self {
        self.require.push(patterns);
        self
    }

    /// The same choice without what matches these patterns.
    pub fn forbid(mut self, patterns: Globs) -> Self {
        self.forbid.push(patterns);
        self
    }

    /// Whether a path is chosen. It is relative, with `/` between its parts.
    pub fn keeps(&self, path: &str) -> bool {
        self.require.iter().all(|group| group.matches(path)) && !self.forbid.iter().any(|group| group.matches(path))
    }

    /// The filter at its own directory; `None` if nothing is chosen.
    pub fn start(&self) -> Option<Step> {
        settled(self.require.iter().map(|group| group.start().clone()), self.forbid.iter().map(|group| group.start().clone()))
    }
}

impl Step {
    /// The filter in a directory below, or at a file; `None` if neither it nor anything in it is chosen.
    pub fn enter(&self, name: &str) -> Option<Step> {
        settled(self.require.iter().map(|group| group.enter(name)), self.forbid.iter().map(|group| group.enter(name)))
    }

    /// Whether a file of this name is chosen.
    pub fn keeps(&self, name: &str) -> bool {
        self.require.is_empty() && self.forbid.is_empty() || self.enter(name).is_some_and(|step| step.require.is_empty())
    }

    /// Equal keys choose equal paths.
    pub fn key(&self) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key("werf step of a filter v1");
        for group in [&self.require, &self.forbid] {
            hasher.update(&(group.len() as u64).to_le_bytes());
            group.iter().for_each(|positions| positions.hash_into(&mut hasher));
        }
        let mut key = Key::default();
        hasher.finalize_xof().fill(&mut key);
        key
    }
}

/// Leaves out what is decided: a group that matched everything from here on, a forbidden one that can match nothing more.
fn settled(require: impl Iterator<Item = Positions>, forbid: impl Iterator<Item = Positions>) -> Option<Step> {
    let mut step = Step { require: Vec::new(), forbid: Vec::new() };
    for positions in require.filter(|positions| !positions.is_matched()) {
        if positions.is_dead() {
            return None;
        }
        step.require.push(positions);
    }
    for positions in forbid.filter(|positions| !positions.is_dead()) {
        if positions.is_matched() {
            return None;
        }
        step.forbid.push(positions);
    }
    Some(step)
}
