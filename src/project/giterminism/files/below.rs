//! A directory that is looked at once for many questions.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::{Files, Mode};
use crate::file_tree::{self, Entry, FileTree, ReadError};
use crate::project::giterminism::work_tree::Differing;

/// The files below a directory, and how they differ from the commit.
#[derive(Debug)]
pub struct Below {
    /// The files by path; those of a linked directory are below the link too.
    pub entries: Vec<Entry>,
    /// How links on the way differ.
    on_the_way: Vec<Differing>,
    differing: Vec<Differing>,
}

impl Files<'_> {
    /// Looks at all files below a directory. What differs counts only for who takes it: see [`Files::take`].
    pub fn below(&self, dir: &str) -> Result<Below, ReadError> {
        let mut below = Below { entries: Vec::new(), on_the_way: Vec::new(), differing: Vec::new() };
        let mut entries = self.look(dir, &mut below)?;
        let links: Vec<String> = entries.values().filter(|entry| is_link(entry)).map(|entry| entry.path.clone()).collect();
        for link in links.iter().filter_map(|link| Some((link, self.is_dir(link).ok()?))).filter(|(_, is_dir)| *is_dir) {
            entries.extend(self.look(link.0, &mut below)?);
        }
        below.entries = entries.into_values().collect();
        Ok(below)
    }

    /// Counts files as read: those of these numbers, and whatever differs from the commit and is `wanted`, which is a breach.
    pub fn take(&self, below: &Below, numbers: &[usize], wanted: &dyn Fn(&str) -> bool) {
        let differing = below.differing.iter().filter(|(path, _)| wanted(path));
        self.rules.note(below.on_the_way.iter().chain(differing).cloned().collect());
        // A link's target is compared when it is read.
        let taken = numbers.iter().map(|number| &below.entries[*number]);
        let files = taken.filter(|entry| !is_link(entry)).map(|entry| entry.path.clone());
        self.rules.compared.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
    }

    fn look(&self, dir: &str, below: &mut Below) -> Result<BTreeMap<String, Entry>, ReadError> {
        let by_path = |entries: &[Entry]| entries.iter().map(|entry| (entry.path.clone(), entry.clone())).collect::<Vec<_>>();
        if self.rules.mode == Mode::Loose {
            return Ok(by_path(&self.rules.files_over().list(dir)?).into_iter().collect());
        }
        if let (Mode::Strict, Some(work_tree)) = (self.rules.mode, &self.rules.work_tree) {
            below.on_the_way.extend(work_tree.compare(dir)?);
            below.differing.extend(work_tree.compare_below(dir, &|path| !self.may_be_uncommitted(path))?);
        }
        let mut entries: BTreeMap<String, Entry> = by_path(&self.rules.files_over().list(dir)?).into_iter().collect();
        if !self.is_committed_only() {
            let on_disk = by_path(&self.rules.disk().list(dir)?);
            entries.extend(on_disk.into_iter().filter(|(path, _)| self.may_be_uncommitted(path)));
        }
        Ok(entries)
    }
}

fn is_link(entry: &Entry) -> bool {
    entry.mode == file_tree::Mode::Symlink
}
