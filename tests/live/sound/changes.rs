//! What may happen to a project, one thing at a time. Pure; nothing here knows which changes matter.

mod request;
mod text;
mod tree;

use std::collections::BTreeSet;

use werf::file_tree::bytes_of_text;

use super::project::{Item, Project, is_below};

/// A project with one thing changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// What kind of change it is.
    pub kind: &'static str,
    /// Where, for people.
    pub what: String,
    /// The project after it.
    pub project: Project,
}

/// Every change of a project that is known here, always in the same order.
pub fn all(project: &Project) -> Vec<Change> {
    let mut pool = Pool { project, changes: Vec::new() };
    tree::files(&mut pool);
    tree::links(&mut pool);
    tree::folders(&mut pool);
    text::instructions(&mut pool);
    text::layout(&mut pool);
    request::arguments(&mut pool);
    request::ignored(&mut pool);
    request::request(&mut pool);
    let mut pool = pool.changes;
    pool.retain(|change| change.project != *project);
    pool
}

struct Pool<'p> {
    project: &'p Project,
    changes: Vec<Change>,
}

impl<'p> Pool<'p> {
    fn add(&mut self, kind: &'static str, what: impl Into<String>, change: impl FnOnce(&mut Project)) {
        let mut project = self.project.clone();
        change(&mut project);
        self.changes.push(Change { kind, what: what.into(), project });
    }

    /// Another text of the Dockerfile.
    fn text(&mut self, kind: &'static str, what: impl Into<String>, text: &str) {
        let path = match self.project.files.get(&self.project.dockerfile) {
            Some(Item::Link(target)) => target.clone(),
            _ => self.project.dockerfile.clone(),
        };
        self.add(kind, what, |project| drop(project.files.insert(path, Item::File(bytes_of_text(text).into_owned()))));
    }

    fn lines(&mut self, kind: &'static str, what: impl Into<String>, lines: &[String]) {
        self.text(kind, what, &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    }

    /// The files that are neither the Dockerfile nor rules of what is ignored.
    fn content(&self) -> Vec<(&'p str, &'p Item)> {
        let project = self.project;
        let is_content = |path: &str| path != project.dockerfile && !path.ends_with(".dockerignore");
        project.files.iter().map(|(path, item)| (path.as_str(), item)).filter(|(path, _)| is_content(path)).collect()
    }

    fn folders(&self) -> BTreeSet<&'p str> {
        let project = self.project;
        project.files.keys().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at])).collect()
    }
}
