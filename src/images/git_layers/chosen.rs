//! Files that are chosen from a tree: their sum is known at once where it was known before, and which they are when somebody asks.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::files::FileSet;
use super::filter::Filter;
use super::listing::{Listing, Sum};
use super::sums::{self, SumKey, Sums};
use crate::file_tree::{Entry, FileTree, Mode, ReadError};

/// Where files are chosen: a directory of a tree, or one file.
pub struct Source {
    tree: Arc<dyn FileTree>,
    directory: String,
    origin: usize,
    /// `None` where the tree does not tell it.
    identity: Option<[u8; 32]>,
    listing: Mutex<Option<Arc<Listing>>>,
    sums: Arc<Sums>,
}

impl Source {
    /// A directory of a tree, which is the caller's one of that number.
    pub fn directory(tree: &Arc<dyn FileTree>, origin: usize, directory: &str, sums: &Arc<Sums>) -> Result<Self, ReadError> {
        let (identity, directory) = (tree.identity(directory)?, directory.to_owned());
        Ok(Source { tree: tree.clone(), directory, origin, identity, listing: Mutex::default(), sums: sums.clone() })
    }

    /// One file of a tree, whose path inside is empty.
    pub fn file(tree: &Arc<dyn FileTree>, origin: usize, entry: Entry, sums: &Arc<Sums>) -> Self {
        let (directory, strip) = (entry.path.clone(), entry.path.len());
        let listing = Arc::new(Listing::new(Arc::new([entry]), strip).of_tree(origin));
        Source { tree: tree.clone(), directory, origin, identity: None, listing: Mutex::new(Some(listing)), sums: sums.clone() }
    }

    /// Whether there is anything.
    pub fn is_there(&self) -> Result<bool, ReadError> {
        Ok(self.identity.is_some() || !self.listing()?.entries().is_empty())
    }

    /// All that is there.
    fn listing(&self) -> Result<Arc<Listing>, ReadError> {
        let mut known = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = &*known {
            return Ok(listing.clone());
        }
        let strip = if self.directory.is_empty() { 0 } else { self.directory.len() + 1 };
        let listing = Arc::new(Listing::new(self.tree.list(&self.directory)?, strip).of_tree(self.origin));
        *known = Some(listing.clone());
        Ok(listing)
    }

    /// Chooses of what is there. Submodules that are chosen and are not here are fetched, and chosen from.
    ///
    /// # Errors
    /// Those of `choose`; and for the first chosen file that cannot be had: a submodule that is not here, a file that only a program could make.
    pub fn choose(&self, mut choose: impl FnMut(&Arc<Listing>) -> Result<FileSet, ReadError>) -> Result<FileSet, ReadError> {
        loop {
            let set = choose(&self.listing()?)?;
            if !set.is_doubtful() {
                return Ok(set);
            }
            let submodules: Vec<&Entry> = set.iter().map(|(_, entry)| entry).filter(|entry| entry.mode == Mode::Submodule).collect();
            if submodules.is_empty() || !self.tree.fetch(&submodules)? {
                set.iter().filter(|(_, entry)| entry.is_doubtful()).try_for_each(|(_, entry)| self.tree.check(entry))?;
                return Ok(set);
            }
            *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Remembers what a rule of this text chose here.
    pub fn remember(&self, rule: &str, set: &FileSet) {
        if let Some(key) = self.key(rule.as_bytes()) {
            self.sums.put(key, set.sum());
        }
    }

    /// The key of what a rule chooses here, if it has one.
    fn key(&self, rule: &[u8]) -> Option<SumKey> {
        self.identity.map(|identity| sums::key(&identity, rule))
    }

    /// The files are others than those that a remembered sum is of.
    fn misremembered(&self) -> ReadError {
        let place = self.sums.place();
        let cause = std::io::Error::other(format!("its files are not those of which {place} has the sum"));
        let path = if self.directory.is_empty() { ".".to_owned() } else { self.directory.clone() };
        let help = format!("remove {place}: something else than this version of werf wrote it");
        ReadError { path, origin: "the commit".into(), cause: Arc::new(cause), help: Some(help) }
    }
}

/// Files chosen from a source.
pub struct Chosen(State);

enum State {
    Here(FileSet),
    Late { source: Arc<Source>, rule: Rule, sum: OnceLock<Option<Sum>>, set: OnceLock<FileSet> },
}

enum Rule {
    Filter(Filter),
    Other(Box<Choose>),
}

/// Chooses files of a listing by a rule of its own.
pub type Choose = dyn Fn(&Listing) -> Result<FileSet, ReadError> + Send + Sync;

impl Chosen {
    /// What a filter chooses.
    pub fn new(source: Arc<Source>, filter: Filter) -> Self {
        Chosen(State::Late { source, rule: Rule::Filter(filter), sum: OnceLock::new(), set: OnceLock::new() })
    }

    /// What another rule chooses, if the sum is remembered by the rule's text.
    pub fn remembered(source: &Arc<Source>, rule: &str, choose: Box<Choose>) -> Option<Self> {
        let sum = source.sums.get(&source.key(rule.as_bytes())?)?;
        let (source, sum) = (source.clone(), OnceLock::from(sum));
        Some(Chosen(State::Late { source, rule: Rule::Other(choose), sum, set: OnceLock::new() }))
    }

    /// The files.
    pub fn files(&self) -> Result<&FileSet, ReadError> {
        let (source, rule, sum, set) = match &self.0 {
            State::Here(set) => return Ok(set),
            State::Late { source, rule, sum, set } => (source, rule, sum, set),
        };
        if let Some(set) = set.get() {
            return Ok(set);
        }
        let chosen = source.choose(|listing| match rule {
            Rule::Filter(filter) => Ok(FileSet::new(listing.clone(), filter.clone())),
            Rule::Other(choose) => choose(listing),
        })?;
        match sum.get() {
            Some(known) if *known != chosen.sum() => Err(source.misremembered()),
            _ => Ok(set.get_or_init(|| chosen)),
        }
    }

    /// [`FileSet::sum`], for which the files themselves are not needed where it is remembered.
    pub fn sum(&self) -> Result<Option<Sum>, ReadError> {
        let (source, rule, sum) = match &self.0 {
            State::Here(set) => return Ok(set.sum()),
            State::Late { source, rule, sum, .. } => (source, rule, sum),
        };
        if let Some(sum) = sum.get() {
            return Ok(*sum);
        }
        let key = match rule {
            Rule::Filter(filter) => match filter.start() {
                Some(step) => source.key(&step.key()),
                None => return Ok(None),
            },
            Rule::Other(_) => None,
        };
        if let Some(known) = key.and_then(|key| source.sums.get(&key)) {
            return Ok(*sum.get_or_init(|| known));
        }
        let found = self.files()?.sum();
        if let Some(key) = key {
            source.sums.put(key, found);
        }
        Ok(*sum.get_or_init(|| found))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool, ReadError> {
        self.sum().map(|sum| sum.is_none())
    }
}

impl From<FileSet> for Chosen {
    fn from(set: FileSet) -> Self {
        Chosen(State::Here(set))
    }
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.files() {
            Ok(files) => files.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::file_tree::MemoryTree;
    use crate::glob::Globs;

    /// A tree that tells the identity of its directories, and counts how often they are listed.
    struct Told {
        tree: MemoryTree,
        lists: AtomicUsize,
    }

    impl FileTree for Told {
        fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
            self.tree.read(path)
        }

        fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
            self.lists.fetch_add(1, Ordering::Relaxed);
            self.tree.list(dir)
        }

        fn identity(&self, dir: &str) -> Result<Option<[u8; 32]>, ReadError> {
            let text = self.tree.list(dir)?.iter().map(|entry| format!("{} {}\n", entry.path, entry.id)).collect::<String>();
            Ok((!text.is_empty()).then(|| *blake3::hash(text.as_bytes()).as_bytes()))
        }

        fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
            self.tree.blob(entry)
        }
    }

    /// The sums of what some patterns leave, and how often the directory was listed for them.
    fn sums(file: &Path, files: &[(&str, &str)], patterns: &[&str]) -> (Vec<Option<Sum>>, usize) {
        let told = Arc::new(Told { tree: MemoryTree::new(files.iter().copied()), lists: AtomicUsize::new(0) });
        let tree: Arc<dyn FileTree> = told.clone();
        let sums = Arc::new(Sums::load(file));
        let source = Arc::new(Source::directory(&tree, 0, "src", &sums).unwrap());
        let all =
            patterns.iter().map(|pattern| Chosen::new(source.clone(), Filter::default().forbid(Globs::new(&[pattern]))).sum().unwrap());
        let all = all.collect();
        sums.save();
        (all, told.lists.load(Ordering::Relaxed))
    }

    #[test]
    fn a_directory_is_listed_once_and_never_where_its_sums_are_remembered() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sums");
        let files = [("src/a", "1"), ("src/b", "2"), ("other", "3")];
        let (first, lists) = sums(&file, &files, &["a", "b", "*"]);
        assert_eq!((lists, first[2]), (1, None));
        assert_eq!(sums(&file, &files, &["*", "b", "a"]), ([first[2], first[1], first[0]].into(), 0));
        assert_eq!(sums(&file, &[("src/a", "1"), ("src/b", "2"), ("other", "4")], &["a"]), (vec![first[0]], 0), "another directory");
        assert_eq!(sums(&file, &files, &["c"]).1, 1, "another choice");
        let (changed, lists) = sums(&file, &[("src/a", "1"), ("src/b", "3")], &["a", "b"]);
        assert_eq!((changed[0] == first[0], changed[1] == first[1], lists), (false, true, 1), "other files");
        std::fs::write(&file, "damaged").unwrap();
        assert_eq!(sums(&file, &files, &["a", "b", "*"]), (first, 1));
    }

    #[test]
    fn files_that_are_not_those_of_a_remembered_sum_are_an_error() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sums");
        let tree: Arc<dyn FileTree> = Arc::new(Told { tree: MemoryTree::new([("src/a", "1")]), lists: AtomicUsize::new(0) });
        let sums = Arc::new(Sums::load(&file));
        let source = Arc::new(Source::directory(&tree, 0, "src", &sums).unwrap());
        let right = Chosen::new(source.clone(), Filter::default());
        assert!(right.sum().unwrap().is_some() && right.files().unwrap().len() == 1);
        let step = Filter::default().start().unwrap();
        sums.put(source.key(&step.key()).unwrap(), Some([7; 32]));
        let wrong = Chosen::new(source, Filter::default());
        assert_eq!(wrong.sum().unwrap(), Some([7; 32]));
        let error = wrong.files().unwrap_err();
        let text = format!("{error}\n  {}\nhelp: {}", error.cause, error.help.clone().unwrap_or_default());
        insta::assert_snapshot!(text.replace(&home.path().display().to_string(), "…"), @r"
        cannot read `src` from the commit
          its files are not those of which …/sums has the sum
        help: remove …/sums: something else than this version of werf wrote it
        ");
    }
}
