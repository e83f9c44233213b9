//! The files that are included, at the places where the project has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::Include;
use crate::file_tree::{Content, Entry, FileTree, Mode, ReadError, blob_id};
use crate::glob::Globs;

/// A repository at a commit.
#[derive(Clone)]
pub struct Source {
    /// Its name as messages show it.
    pub name: String,
    /// Its files.
    pub tree: Arc<dyn FileTree>,
}

/// The files that are included, by their paths in the project.
#[derive(Default)]
pub struct Included {
    sources: Vec<Source>,
    files: BTreeMap<String, Origin>,
}

/// Where a file comes from.
struct Origin {
    source: usize,
    /// Its path there.
    path: String,
    /// The file as it is here.
    entry: Entry,
}

impl Included {
    /// Adds the files of an include, which count before those that are there. How many it has.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn add(&mut self, include: &Include, source: Source) -> Result<usize, ReadError> {
        let tree = source.tree.clone();
        let (wanted, unwanted) = (Globs::new(&include.include_paths), Globs::new(&include.exclude_paths));
        let below = |path: &str| path.strip_prefix(include.add.as_str()).unwrap_or(path).trim_start_matches('/').to_owned();
        let is_wanted = |path: &str| (include.include_paths.is_empty() || wanted.matches(path)) && !unwanted.matches(path);
        let number = self.sources.len();
        self.sources.push(source);
        let mut count = 0;
        let listed = entries(&*tree, &include.add)?;
        for found in listed.iter().filter(|entry| is_wanted(&below(&entry.path))) {
            for found in followed(&*tree, found)? {
                let path = join(&include.to, &below(&found.path));
                let entry = Entry { path: path.clone(), ..found.clone() };
                self.files.insert(path, Origin { source: number, path: found.path, entry });
                count += 1;
            }
        }
        Ok(count)
    }

    /// The paths of all files, each with the name of its repository.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, origin)| (path.as_str(), self.sources[origin.source].name.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn origin(&self, path: &str) -> Option<(&Origin, &dyn FileTree)> {
        let origin = self.files.get(path)?;
        Some((origin, &*self.sources[origin.source].tree))
    }

    /// The entries as their repositories have them, by repository.
    fn originals(&self, entries: &[&Entry]) -> BTreeMap<usize, Vec<Entry>> {
        let mut originals: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        for origin in entries.iter().filter_map(|entry| self.files.get(&entry.path)) {
            originals.entry(origin.source).or_default().push(original(origin));
        }
        originals
    }
}

/// The files at a path: those below a directory, or the one file.
fn entries(tree: &dyn FileTree, path: &str) -> Result<Vec<Entry>, ReadError> {
    let below = tree.list(path)?;
    if !below.is_empty() || path.is_empty() {
        return Ok(below.to_vec());
    }
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    Ok(tree.list(above)?.iter().filter(|entry| entry.path == path).cloned().collect())
}

/// A file as itself; in place of a link what it leads to. Links that lead nowhere stay, submodules do not come.
fn followed(tree: &dyn FileTree, entry: &Entry) -> Result<Vec<Entry>, ReadError> {
    match entry.mode {
        Mode::File | Mode::Executable => Ok(vec![entry.clone()]),
        Mode::Submodule | Mode::Directory => Ok(Vec::new()),
        Mode::Symlink => match tree.read(&entry.path)? {
            Some(bytes) => Ok(vec![Entry::new(entry.path.as_str(), Mode::File, blob_id(&bytes))]),
            None => {
                let below = tree.list(&entry.path)?;
                let files = below.iter().filter(|entry| matches!(entry.mode, Mode::File | Mode::Executable));
                Ok(if below.is_empty() { vec![entry.clone()] } else { files.cloned().collect() })
            }
        },
    }
}

fn original(origin: &Origin) -> Entry {
    Entry { path: origin.path.clone(), ..origin.entry.clone() }
}

fn join(directory: &str, path: &str) -> String {
    match (directory, path) {
        ("", path) => path.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, path) => format!("{directory}/{path}"),
    }
}

impl FileTree for Included {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.origin(path).map_or(Ok(None), |(origin, tree)| tree.read(&origin.path))
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        let is_inside = |path: &str| dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
        Ok(self.files.values().filter(|origin| is_inside(&origin.entry.path)).map(|origin| origin.entry.clone()).collect())
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        match self.origin(&entry.path) {
            Some((origin, tree)) if entry.mode == Mode::Symlink => tree.blob(&original(origin)),
            // a link is what it leads to
            Some((origin, tree)) => Ok(tree.read(&origin.path)?.unwrap_or_default()),
            None => Err(unknown(&entry.path)),
        }
    }

    fn content(&self, entry: &Entry) -> Result<Content, ReadError> {
        self.blob(entry).map(Content::Whole)
    }

    fn check(&self, entry: &Entry) -> Result<(), ReadError> {
        self.origin(&entry.path).map_or(Ok(()), |(origin, tree)| tree.check(&original(origin)))
    }

    fn fetch(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        for (source, entries) in self.originals(entries) {
            self.sources[source].tree.fetch(&entries.iter().collect::<Vec<_>>())?;
        }
        Ok(false)
    }
}

fn unknown(path: &str) -> ReadError {
    let cause = Arc::new(std::io::Error::from(std::io::ErrorKind::NotFound));
    ReadError { path: path.to_owned(), origin: "the files that are included".into(), cause, help: None }
}
