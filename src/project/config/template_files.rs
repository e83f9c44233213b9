//! `.Files` of werf.yaml's templates.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::file_tree::{Entry, FileTree, ReadError, shown, text_of_bytes};
use crate::glob::{self, Globs, PathIndex};
use crate::project::giterminism::{Below, Giterminism, Purpose};
use crate::template::call::{FunctionError, ObjectType, Ref, Table};
use crate::template::value::{Map, Object, Str, Value};

/// What `.Files` of templates is. Names are as [`text_of_bytes`] makes them of the bytes that Git has.
pub(super) struct TemplateFiles {
    giterminism: Arc<Giterminism>,
    /// The directories that globs have looked into.
    directories: Mutex<HashMap<String, Arc<Directory>>>,
}

/// A directory with its files in an order in which globs find them fast.
struct Directory {
    below: Below,
    index: PathIndex,
}

/// Adds the methods of `.Files`.
pub(super) fn register(table: &mut Table) {
    table.method(TemplateFiles::NAME, "Get", |files: Ref<TemplateFiles>, path: Str| files.get(&clean(&path)));
    table.method(TemplateFiles::NAME, "Glob", |files: Ref<TemplateFiles>, glob: Str| files.glob(&clean(&glob)));
    table.method(TemplateFiles::NAME, "Exists", |files: Ref<TemplateFiles>, path: Str| files.exists(&clean(&path)));
    table.method(TemplateFiles::NAME, "IsDir", |files: Ref<TemplateFiles>, path: Str| files.is_dir(&clean(&path)));
}

/// A path as names of files are, without what means nothing in it. Names that globs gave are such texts already.
fn clean(path: &Str) -> String {
    super::paths::relative(&path.as_str().map_or_else(|| text_of_bytes(path.as_bytes()), Cow::Borrowed))
}

impl TemplateFiles {
    pub fn new(giterminism: Arc<Giterminism>) -> Self {
        TemplateFiles { giterminism, directories: Mutex::default() }
    }

    fn get(&self, path: &str) -> Result<Str, FunctionError> {
        match self.giterminism.files(Purpose::TemplateFile).read(path).map_err(failed)? {
            Some(bytes) => Ok(Str::from_slice(&bytes)),
            None => Err(format!("commit {} has no file `{}`", self.giterminism.commit(), shown(path)).into()),
        }
    }

    /// Contents by path. A glob that matches a directory has all files below it.
    fn glob(&self, glob: &str) -> Result<Map, FunctionError> {
        glob::check(glob).map_err(|problem| format!("`{}` is not a glob: {problem}", shown(glob)))?;
        let files = self.giterminism.files(Purpose::TemplateFile);
        let found = Map::new();
        let names = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{', '\\']));
        let start = names.collect::<Vec<_>>().join("/");
        let globs = Globs::new(&[glob]);
        if let Some(bytes) = files.read(&start).map_err(failed)? {
            if globs.matches(&start) {
                found.insert(start, Value::String(Str::from_slice(&bytes)));
            }
            return Ok(found);
        }
        let directory = self.directory(&start).map_err(failed)?;
        let numbers = directory.index.find(glob);
        files.take(&directory.below, &numbers, &|path| globs.matches(path));
        let entries: Vec<&Entry> = numbers.into_iter().map(|number| &directory.below.entries[number]).collect();
        files.fetch(&entries).map_err(failed)?;
        for entry in entries {
            if let Some(bytes) = files.read(&entry.path).map_err(failed)? {
                found.insert(entry.path.as_str(), Value::String(Str::from_slice(&bytes)));
            }
        }
        Ok(found)
    }

    fn directory(&self, path: &str) -> Result<Arc<Directory>, ReadError> {
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = directories.get(path) {
            return Ok(known.clone());
        }
        let below = self.giterminism.files(Purpose::TemplateFile).below(path)?;
        let index = PathIndex::new(below.entries.iter().map(|entry| entry.path.as_str()));
        let directory = Arc::new(Directory { below, index });
        directories.insert(path.to_owned(), directory.clone());
        Ok(directory)
    }

    fn exists(&self, path: &str) -> Result<bool, FunctionError> {
        let files = self.giterminism.files(Purpose::TemplateFile);
        Ok(files.read(path).map_err(failed)?.is_some() || self.is_dir(path)?)
    }

    fn is_dir(&self, path: &str) -> Result<bool, FunctionError> {
        self.giterminism.files(Purpose::TemplateFile).is_dir(path).map_err(failed)
    }
}

fn failed(error: ReadError) -> FunctionError {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    FunctionError::from(format!("{error}{cause}"))
}

impl std::fmt::Debug for TemplateFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl Object for TemplateFiles {
    fn type_name(&self) -> &'static str {
        Self::NAME
    }

    fn text(&self) -> String {
        "files".to_owned()
    }
}

impl ObjectType for TemplateFiles {
    const NAME: &'static str = "config.files";
}
