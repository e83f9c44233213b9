//! File trees that check each file as it is read.

mod below;
mod over;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::GiterminismError;
use super::policy::{self, CONFIG_FILE, Policy};
use super::work_tree::{Difference, WorkTree};
use crate::file_tree::{self, Entry, FileTree, ReadError, blob_id};
use crate::project::document::Warning;
use over::{Included, Over};

pub use below::Below;

/// What the user is told once when the rules are off.
pub const LOOSE_WARNING: &str = "giterminism is loose: files are read from the work tree, so the result may not be what the commit gives";

/// How strictly the commit is the only input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Files come from the commit, and the work tree must agree.
    #[default]
    Strict,
    /// `--dev`: the commit is a snapshot of the work tree, so they agree.
    Dev,
    /// `--loose-giterminism`: files come from the work tree, and everything is allowed.
    Loose,
}

/// What a file is read for, which decides the rule for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// werf.yaml.
    Config,
    /// Helper templates of werf.yaml.
    Template,
    /// `.Files` of werf.yaml's templates.
    TemplateFile,
    /// A Dockerfile.
    Dockerfile,
    /// A Dockerfile's ignore file.
    Dockerignore,
    /// The chart.
    Chart,
}

/// The rules of one run and the breaches found so far.
pub struct Giterminism {
    commit: String,
    tree: Arc<dyn FileTree>,
    work_tree: Option<Arc<dyn WorkTree>>,
    content: Content,
    /// Files of other repositories, below all that is not `content`.
    included: Option<Included>,
    mode: Mode,
    policy: Policy,
    warnings: Vec<Warning>,
    breaches: Mutex<BTreeMap<String, Difference>>,
    /// Files that a listing has compared, which need not be compared again when they are read.
    compared: Mutex<HashSet<String>>,
}

/// What images are made of, where that is more than the project's directory.
#[derive(Clone)]
struct Content {
    tree: Arc<dyn FileTree>,
    work_tree: Option<Arc<dyn WorkTree>>,
}

/// Reads the project's rules from the commit. `commit` is its short id; `work_tree` is `None` where there is none (a bare repository);
/// `config` is the path given by `--giterminism-config`.
pub fn load(
    commit: &str,
    tree: Arc<dyn FileTree>,
    work_tree: Option<Arc<dyn WorkTree>>,
    mode: Mode,
    config: Option<&str>,
) -> Result<Giterminism, GiterminismError> {
    let rules = Giterminism {
        commit: commit.to_owned(),
        content: Content { tree: tree.clone(), work_tree: work_tree.clone() },
        tree,
        work_tree,
        included: None,
        mode,
        policy: Policy::default(),
        warnings: Vec::new(),
        breaches: Mutex::default(),
        compared: Mutex::default(),
    };
    let file = config.unwrap_or(CONFIG_FILE);
    // The rules themselves must be committed: no rule can allow otherwise.
    let text = rules.own_file(file)?;
    let (policy, warnings) = match text {
        Some(text) => policy::parse(file, &String::from_utf8_lossy(&text))
            .map_err(|problems| GiterminismError::Config { file: file.to_owned(), problems })?,
        None if config.is_some() && rules.is_kept() => {
            return Err(GiterminismError::NoConfig { commit: commit.to_owned(), file: file.to_owned() });
        }
        None => Default::default(),
    };
    Ok(Giterminism { policy, warnings, ..rules })
}

impl Giterminism {
    /// The mode of the run.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What deserves attention in the rules.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Short id of the commit, for messages.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Whether a rule holds; `allowed` asks the project's policy. Everything is allowed when loose.
    pub fn allows(&self, allowed: impl FnOnce(&Policy) -> bool) -> bool {
        self.mode == Mode::Loose || allowed(&self.policy)
    }

    /// The files for one purpose. Reading a file that breaks the rules succeeds; the breach shows in [`Giterminism::finish`].
    pub fn files(&self, purpose: Purpose) -> Files<'_> {
        Files { rules: self, purpose }
    }

    /// Images are made of the files of the whole repository, not only of those below the project's directory: `tree` and `work_tree`
    /// have paths from its root. Without this they are the project's.
    pub fn with_content(self, tree: Arc<dyn FileTree>, work_tree: Option<Arc<dyn WorkTree>>) -> Self {
        Giterminism { content: Content { tree, work_tree }, ..self }
    }

    /// The files of other repositories that are included: where the project has none of a name, these are read. They are no part of what
    /// images are made of.
    pub fn with_included(self, tree: Arc<dyn FileTree>) -> Result<Self, ReadError> {
        Ok(Giterminism { included: Some(Included::new(tree)?), ..self })
    }

    /// Whether files of other repositories are included.
    pub fn has_included(&self) -> bool {
        self.included.is_some()
    }

    /// The paths below a directory of files of other repositories that the project has nothing in place of.
    pub fn included_below(&self, dir: &str) -> Result<Vec<String>, ReadError> {
        Ok(self.files_over().included_below(dir)?.into_iter().map(|entry| entry.path).collect())
    }

    /// A file that no other repository can bring and no rule can let be otherwise: it must be as in the commit.
    pub fn own_file(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        if self.mode == Mode::Loose {
            return self.disk().read(path);
        }
        self.check(path)?;
        self.tree.read(path)
    }

    /// All files of the project itself.
    pub fn own_files(&self) -> Result<Arc<[Entry]>, ReadError> {
        match self.mode {
            Mode::Loose => self.disk().list(""),
            Mode::Strict | Mode::Dev => self.tree.list(""),
        }
    }

    /// What images are made of: the commit's files, or the work tree's when loose. Not compared: see [`Giterminism::check_below`].
    pub fn content(&self) -> &Arc<dyn FileTree> {
        match &self.content.work_tree {
            Some(work_tree) if self.mode == Mode::Loose => work_tree.files(),
            _ => &self.content.tree,
        }
    }

    /// Checks the files below a directory (or one file) of the content that come from the commit without being read here: a build context,
    /// a `git` mapping.
    pub fn check_below(&self, dir: &str, wanted: &dyn Fn(&str) -> bool) -> Result<(), ReadError> {
        self.compare_below(self.content.work_tree.as_deref(), dir, wanted)
    }

    fn compare_below(&self, work_tree: Option<&dyn WorkTree>, dir: &str, wanted: &dyn Fn(&str) -> bool) -> Result<(), ReadError> {
        if let (Mode::Strict, Some(work_tree)) = (self.mode, work_tree) {
            self.note(work_tree.compare(dir)?);
            self.note(work_tree.compare_below(dir, wanted)?);
        }
        Ok(())
    }

    /// The error that names every breach so far.
    pub fn finish(&self) -> Result<(), GiterminismError> {
        let breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        if breaches.is_empty() {
            return Ok(());
        }
        let files = breaches.iter().map(|(path, difference)| (path.clone(), *difference)).collect();
        let help = "commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)";
        Err(GiterminismError::Differs { commit: self.commit.clone(), files, help: help.to_owned() })
    }

    fn is_kept(&self) -> bool {
        self.breaches.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn check(&self, path: &str) -> Result<(), ReadError> {
        if let (Mode::Strict, Some(work_tree)) = (self.mode, &self.work_tree)
            && !self.compared.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
        {
            self.note(work_tree.compare(path)?);
        }
        Ok(())
    }

    fn note(&self, differing: Vec<super::work_tree::Differing>) {
        self.breaches.lock().unwrap_or_else(PoisonError::into_inner).extend(differing);
    }

    /// The files of the mode, above those that are included.
    fn files_over(&self) -> Over<'_> {
        let own = if self.mode == Mode::Loose { self.disk() } else { &*self.tree };
        Over { own, included: self.included.as_ref() }
    }

    fn disk(&self) -> &dyn FileTree {
        self.work_tree.as_ref().map_or(&*self.tree, |work_tree| &**work_tree.files())
    }
}

/// The files for one purpose.
#[derive(Clone, Copy)]
pub struct Files<'g> {
    rules: &'g Giterminism,
    purpose: Purpose,
}

impl Files<'_> {
    /// The files below a directory that `wanted` names by their path; only these are checked.
    pub fn list_where(&self, dir: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, ReadError> {
        let own = |entries: Arc<[Entry]>| entries.iter().filter(|entry| wanted(&entry.path)).cloned().collect::<Vec<_>>();
        if self.rules.mode == Mode::Loose {
            return self.rules.files_over().list(dir).map(own);
        }
        self.rules.compare_below(self.rules.work_tree.as_deref(), dir, &|path| wanted(path) && !self.may_be_uncommitted(path))?;
        let committed = own(self.rules.files_over().list(dir)?);
        // A link's target is compared when it is read.
        let files = committed.iter().filter(|entry| entry.mode != crate::file_tree::Mode::Symlink).map(|entry| entry.path.clone());
        self.rules.compared.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
        if self.is_committed_only() {
            return Ok(committed);
        }
        let mut entries: BTreeMap<String, Entry> = committed.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        let on_disk = own(self.rules.disk().list(dir)?);
        entries.extend(on_disk.into_iter().filter(|entry| self.may_be_uncommitted(&entry.path)).map(|entry| (entry.path.clone(), entry)));
        Ok(entries.into_values().collect())
    }

    /// Whether there is a directory with files. Nothing is checked, for nothing is read.
    pub fn is_dir(&self, dir: &str) -> Result<bool, ReadError> {
        if !self.rules.files_over().list(dir)?.is_empty() {
            return Ok(true);
        }
        let on_disk = || self.rules.disk().list(dir).map(|entries| entries.iter().any(|entry| self.may_be_uncommitted(&entry.path)));
        Ok(!self.is_committed_only() && on_disk()?)
    }

    /// Whether a file may be read from disk.
    fn may_be_uncommitted(&self, path: &str) -> bool {
        self.rules.allows(|policy| match self.purpose {
            Purpose::Config => policy.uncommitted_config,
            Purpose::Template => policy.uncommitted_templates.allow(path),
            Purpose::TemplateFile => policy.template_files.allow(path),
            Purpose::Dockerfile => policy.uncommitted_dockerfiles.allow(path),
            Purpose::Dockerignore => policy.uncommitted_dockerignores.allow(path),
            Purpose::Chart => policy.chart_files.allow(path),
        })
    }

    /// Whether no file at all may be read from disk, so that the disk need not be listed.
    fn is_committed_only(&self) -> bool {
        !self.rules.allows(|policy| match self.purpose {
            Purpose::Config => policy.uncommitted_config,
            Purpose::Template => !policy.uncommitted_templates.is_empty(),
            Purpose::TemplateFile => !policy.template_files.is_empty(),
            Purpose::Dockerfile => !policy.uncommitted_dockerfiles.is_empty(),
            Purpose::Dockerignore => !policy.uncommitted_dockerignores.is_empty(),
            Purpose::Chart => !policy.chart_files.is_empty(),
        })
    }
}

impl FileTree for Files<'_> {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        if self.may_be_uncommitted(path) {
            let found = self.rules.disk().read(path)?;
            if found.is_some() {
                return Ok(found);
            }
        } else {
            self.rules.check(path)?;
        }
        self.rules.files_over().read(path)
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        self.list_where(dir, &|_| true).map(Arc::from)
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        if entry.conversion.is_none()
            && self.may_be_uncommitted(&entry.path)
            && let Ok(bytes) = self.rules.disk().blob(entry)
            && blob_id(&bytes) == entry.id
        {
            return Ok(bytes);
        }
        self.rules.files_over().blob(entry)
    }

    fn content(&self, entry: &Entry) -> Result<file_tree::Content, ReadError> {
        match self.may_be_uncommitted(&entry.path) {
            true => self.blob(entry).map(file_tree::Content::Whole),
            false => self.rules.files_over().content(entry),
        }
    }

    fn check(&self, entry: &Entry) -> Result<(), ReadError> {
        self.rules.files_over().check(entry)
    }

    fn fetch(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        let committed: Vec<&Entry> = entries.iter().filter(|entry| !self.may_be_uncommitted(&entry.path)).copied().collect();
        if committed.is_empty() { Ok(false) } else { self.rules.files_over().fetch(&committed) }
    }
}
