//! The work tree beside its commit: files on disk and how they differ.
//!
//! A single file and a small directory are compared by their bytes, which opens nothing but those files. A big directory is compared by
//! the index's stat cache, so that unchanged files are not read; this opens the index once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::{BString, ByteSlice};
use gix::status::index_worktree::Item;

use super::commit::to_id;
use super::content;
use super::directory::{Directory, Kind, Node};
use super::error::{Attempt, GitError};
use super::submodule::Module;
use super::submodule_work_tree as submodule;
use super::tree::CommitTree;
use crate::file_tree::{Content, Conversion, Entry, FileTree, Mode, ReadError, blob_id, bytes_of_text, text_of_bytes};
use crate::project::giterminism::{Difference, Differing, WorkTree};

/// So many files, with so many bytes in all, are read faster than the index of a big repository.
const FEW_FILES: usize = 256;
const FEW_BYTES: u64 = 4 << 20;

/// The project's directory on disk beside a commit.
pub struct GitWorkTree {
    tree: Arc<CommitTree>,
    /// The repository's.
    root: PathBuf,
    disk: Arc<dyn FileTree>,
}

/// The work tree beside a commit; `None` for a bare repository.
pub fn work_tree(tree: &Arc<CommitTree>) -> Option<GitWorkTree> {
    let root = tree.repository().work_tree()?.to_owned();
    let project = root.join(tree.prefix());
    let disk = Arc::new(DiskTree::new(root.clone(), project));
    Some(GitWorkTree { tree: tree.clone(), root, disk })
}

impl WorkTree for GitWorkTree {
    fn files(&self) -> &Arc<dyn FileTree> {
        &self.disk
    }

    fn compare(&self, path: &str) -> Result<Vec<Differing>, ReadError> {
        let compare = || -> Result<Vec<Differing>, GitError> {
            let found = self.tree.resolve(path)?;
            let mut differing = Vec::new();
            for link in &found.links {
                differing.extend(self.compare_node(&link.path, &link.directory, Some(&link.node))?);
            }
            match &found.node {
                Some(node) if node.kind == Kind::Directory => {}
                node => differing.extend(self.compare_node(&found.path, &found.directory, node.as_ref())?),
            }
            Ok(differing.into_iter().map(|(path, difference)| (self.project_path(&path), difference)).collect())
        };
        compare().map_err(|error| self.tree.read_error(path, error))
    }

    fn compare_below(&self, dir: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Differing>, ReadError> {
        let dir = dir.trim_matches('/');
        let committed = self.tree.list(dir)?;
        let compare = || -> Result<Vec<Differing>, GitError> {
            let found = self.tree.resolve(dir)?;
            let place = Place { asked: dir.to_owned(), real: found.path };
            if committed.is_empty() && !self.root.join(on_disk(&place.real)).exists() {
                return Ok(Vec::new());
            }
            let modules = self.tree.trees().modules(&place.real, &found.directory.module);
            let mut differing = BTreeMap::new();
            if found.directory.module.path.is_empty() {
                let own = outside_of(&modules, &committed, &place);
                differing = self.tree.repository().with(|repo| self.compare_files(repo, &own, &modules, &place, wanted))?;
            }
            for module in &modules {
                let all = modules.iter().map(|module| module.path.as_str());
                let nested: Vec<&str> = all.filter_map(|path| path.strip_prefix(&*module.path)?.strip_prefix('/')).collect();
                if let Some(difference) = submodule::compare(module, &nested, &committed, &place, wanted)? {
                    let asked = if place.has(&module.path) { place.asked(&module.path) } else { self.tree_path(&module.path) };
                    differing.insert(asked, difference);
                }
            }
            Ok(differing.into_iter().map(|(path, difference)| (self.named(path), difference)).collect())
        };
        compare().map_err(|error| self.tree.read_error(dir, error))
    }
}

/// The entries that are in no submodule.
fn outside_of<'e>(modules: &[Arc<Module>], committed: &'e [Entry], place: &Place) -> Cow<'e, [Entry]> {
    let is_outside = |entry: &&Entry| {
        let real = place.real(&entry.path);
        !modules.iter().any(|module| is_below(&real, &module.path))
    };
    if modules.is_empty() { Cow::Borrowed(committed) } else { committed.iter().filter(is_outside).cloned().collect() }
}

impl GitWorkTree {
    /// One path of the commit against the disk; what differs in a submodule is said of the submodule.
    fn compare_node(&self, path: &str, directory: &Directory, node: Option<&Node>) -> Result<Option<Differing>, GitError> {
        let entry = node.and_then(|node| match node.kind {
            Kind::File(mode) => Some(Entry { conversion: directory.conversion(node), ..Entry::new(path, mode, node.id) }),
            Kind::Directory => None,
        });
        match directory.module.path.as_str() {
            "" => Ok(self.compare_entry(path, entry.as_ref())?.map(|difference| (path.to_owned(), difference))),
            module => {
                Ok(submodule::compare_file_of(&directory.module, path, entry.as_ref())?.map(|difference| (module.to_owned(), difference)))
            }
        }
    }

    /// One path of the repository against what the commit has there.
    fn compare_entry(&self, path: &str, entry: Option<&Entry>) -> Result<Option<Difference>, GitError> {
        self.tree.repository().with(|repo| compare_file(repo, &self.root, path, entry))
    }

    /// Compares all files below a directory. A file is read only if the index cannot tell that it is as committed.
    fn compare_files(
        &self,
        repo: &gix::Repository,
        committed: &[Entry],
        modules: &[Arc<Module>],
        place: &Place,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Difference>, GitError> {
        let mut known: Vec<String> = committed.iter().map(|entry| place.real(&entry.path)).collect();
        known.extend(modules.iter().map(|module| module.path.clone()));
        known.sort();
        let unknown = |repo: &gix::Repository| unknown_files(repo, &self.root, &place.real, &known);
        let (suspects, unknown) = match self.is_little(committed, place) {
            true => (committed.iter().map(|entry| (entry.path.clone(), Some(entry))).collect(), unknown(repo)?),
            // One thread looks at what is known, another one for what is not.
            false => std::thread::scope(|scope| {
                let walk = scope.spawn(|| self.tree.repository().with(unknown));
                let suspects = self.suspects(repo, committed, place)?;
                let unknown = walk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                Ok::<_, GitError>((suspects, unknown))
            })?,
        };
        let mut differing = BTreeMap::new();
        for (asked, entry) in suspects.into_iter().filter(|(asked, _)| wanted(asked)) {
            if let Some(difference) = self.compare_entry(&place.real(&asked), entry)? {
                differing.insert(asked, difference);
            }
        }
        for path in unknown {
            let asked = place.asked(&path);
            if wanted(&asked) && !differing.contains_key(&asked) {
                differing.insert(asked, if is_in_index(repo, &path)? { Difference::Added } else { Difference::Untracked });
            }
        }
        Ok(differing)
    }

    /// Whether reading all files is cheaper than opening the index of a big repository.
    fn is_little(&self, committed: &[Entry], place: &Place) -> bool {
        let size =
            |entry: &Entry| std::fs::symlink_metadata(self.root.join(on_disk(&place.real(&entry.path)))).map_or(0, |found| found.len());
        committed.len() <= FEW_FILES && committed.iter().map(size).sum::<u64>() <= FEW_BYTES
    }

    /// The files of which the index does not tell that they are on disk as they are in the commit.
    fn suspects<'e>(
        &self,
        repo: &gix::Repository,
        committed: &'e [Entry],
        place: &Place,
    ) -> Result<Vec<(String, Option<&'e Entry>)>, GitError> {
        let index = repo.index_or_empty().attempt("read the index")?;
        let options = repo.stat_options().attempt("read the configuration of Git")?;
        let indexed = match place.real.as_str() {
            "" => Some(index.entries()),
            dir => index.prefixed_entries([&*bytes_of_text(dir), b"/"].concat().as_bstr()),
        };
        // The index is sorted by the bytes of paths; so is a list, unless there are bytes that are no UTF-8.
        let mut committed: Vec<&Entry> = committed.iter().collect();
        committed.sort_by(|a, b| bytes_of_text(&a.path).cmp(&bytes_of_text(&b.path)));
        let mut committed = committed.into_iter().peekable();
        let mut suspects = Vec::new();
        for entry in indexed.unwrap_or_default() {
            let real = text_of_bytes(entry.path(&index));
            let asked = place.asked(&real);
            while let Some(missing) = committed.next_if(|committed| bytes_of_text(&committed.path) < bytes_of_text(&asked)) {
                suspects.push((missing.path.clone(), Some(missing)));
            }
            match committed.next_if(|committed| committed.path == asked) {
                Some(same) if is_indexed(same, entry) && is_as_indexed(&self.root.join(on_disk(&real)), entry, &index, options) => {}
                // a path in conflict is in the index up to three times
                None if suspects.last().is_some_and(|(last, _)| *last == asked) => {}
                // a directory that a sparse checkout leaves out
                None if entry.mode == gix::index::entry::Mode::DIR => {}
                known => suspects.push((asked, known)),
            }
        }
        suspects.extend(committed.map(|missing| (missing.path.clone(), Some(missing))));
        Ok(suspects)
    }

    /// A path of the tree as a path from the project's directory.
    fn named(&self, path: String) -> String {
        if self.tree.prefix() == self.tree.repository().project_prefix() { path } else { self.project_path(&path) }
    }

    /// A path from the repository's root as a path of the tree; those outside begin with `../`.
    fn tree_path(&self, path: &str) -> String {
        seen_from(self.tree.prefix(), path)
    }

    /// A path from the repository's root as a path from the project's directory; those outside begin with `../`.
    fn project_path(&self, path: &str) -> String {
        seen_from(self.tree.repository().project_prefix(), path)
    }
}

/// A path from the repository's root as a path from one of its directories; those outside of it begin with `../`.
fn seen_from(directory: &str, path: &str) -> String {
    let mut above = directory;
    let mut up = String::new();
    while !above.is_empty() {
        if let Some(rest) = path.strip_prefix(above).and_then(|rest| rest.strip_prefix('/')) {
            return format!("{up}{rest}");
        }
        up.push_str("../");
        above = above.rsplit_once('/').map_or("", |(above, _)| above);
    }
    format!("{up}{path}")
}

/// A directory as it was asked for and as it is in the repository: they differ by the project's prefix and by symlinks.
pub(super) struct Place {
    asked: String,
    real: String,
}

impl Place {
    pub fn asked(&self, real: &str) -> String {
        move_path(real, &self.real, &self.asked)
    }

    pub fn real(&self, asked: &str) -> String {
        move_path(asked, &self.asked, &self.real)
    }

    /// Whether a path of the repository is in the directory.
    pub fn has(&self, real: &str) -> bool {
        is_below(real, &self.real)
    }
}

/// Whether a path is a directory's or below it.
pub(super) fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn move_path(path: &str, from: &str, to: &str) -> String {
    let rest = path.strip_prefix(from).unwrap_or(path).trim_start_matches('/');
    match (to, rest) {
        ("", rest) => rest.to_owned(),
        (to, "") => to.to_owned(),
        (to, rest) => format!("{to}/{rest}"),
    }
}

/// A path of the repository as the file system takes it.
pub(super) fn on_disk(path: &str) -> PathBuf {
    std::ffi::OsString::from_vec(bytes_of_text(path).into_owned()).into()
}

/// A name or a target of the file system as a text that loses nothing.
fn from_disk(name: &std::ffi::OsStr) -> String {
    text_of_bytes(name.as_encoded_bytes()).into_owned()
}

/// One path of a repository on disk against what its commit has there.
pub(super) fn compare_file(repo: &gix::Repository, root: &Path, path: &str, entry: Option<&Entry>) -> Result<Option<Difference>, GitError> {
    let at = root.join(on_disk(path));
    let metadata = match std::fs::symlink_metadata(&at) {
        Ok(metadata) => Some(metadata),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(error).attempt(format!("look at `{path}`")),
    };
    match (entry, metadata) {
        (None, None) => Ok(None),
        (None, Some(metadata)) if metadata.is_dir() => Ok(None),
        (None, Some(_)) => unknown_file(repo, path),
        (Some(_), None) => Ok((!is_skipped(repo, path)?).then_some(Difference::Deleted)),
        (Some(entry), Some(metadata)) => known_file(repo, path, &at, entry, &metadata),
    }
}

/// Whether a sparse checkout leaves a file out.
fn is_skipped(repo: &gix::Repository, path: &str) -> Result<bool, GitError> {
    use gix::index::entry::{Flags, Mode as Indexed};
    let index = repo.index_or_empty().attempt("read the index")?;
    let path = bytes_of_text(path);
    if let Some(entry) = index.entry_by_path(path.as_bstr()) {
        return Ok(entry.flags.contains(Flags::SKIP_WORKTREE));
    }
    let mut above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(slash, _)| path[..=slash].as_bstr());
    Ok(above.any(|directory| index.entry_by_path(directory).is_some_and(|entry| entry.mode == Indexed::DIR)))
}

fn is_indexed(committed: &Entry, entry: &gix::index::Entry) -> bool {
    use gix::index::entry::{Mode as Indexed, Stage};
    let mode = match committed.mode {
        Mode::File => Indexed::FILE,
        Mode::Executable => Indexed::FILE_EXECUTABLE,
        Mode::Symlink => Indexed::SYMLINK,
        Mode::Submodule | Mode::Directory => Indexed::COMMIT,
    };
    entry.stage() == Stage::Unconflicted && entry.mode == mode && to_id(&entry.id) == committed.id
}

/// Whether a file on disk looks as it did when Git last compared it with the index, by its size, times and inode.
fn is_as_indexed(at: &Path, entry: &gix::index::Entry, index: &gix::index::State, options: gix::index::entry::stat::Options) -> bool {
    use gix::index::entry::{Flags, Mode as Indexed, Stat};
    if entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID | Flags::FSMONITOR_VALID) {
        return true;
    }
    let Ok(found) = gix::index::fs::Metadata::from_path_no_follow(at) else { return false };
    let Ok(stat) = Stat::from_fs(&found) else { return false };
    // A file written in the instant in which the index was may have changed after Git looked at it.
    let is_settled = entry.stat.matches(&stat, options) && !entry.stat.is_racy(index.timestamp(), options);
    is_settled && (found.is_symlink() || found.is_executable() == (entry.mode == Indexed::FILE_EXECUTABLE))
}

/// How the work tree below a directory of the repository differs from the index, by its stat cache; ignored files left out.
pub(super) fn changes_on_disk(repo: &gix::Repository, dir: &str) -> Result<Vec<(String, Difference)>, GitError> {
    use gix::status::plumbing::index_as_worktree::{Change, EntryStatus};
    let action = "compare the work tree with the index";
    let patterns = if dir.is_empty() { Vec::new() } else { vec![BString::from([b":(top,literal)", &*bytes_of_text(dir)].concat())] };
    let status = repo.status(gix::progress::Discard).attempt(action)?;
    let status = status
        .untracked_files(gix::status::UntrackedFiles::Files)
        .index_worktree_rewrites(None)
        .index_worktree_submodules(gix::status::Submodule::Given { ignore: gix::submodule::config::Ignore::None, check_dirty: true });
    let mut changes = Vec::new();
    for item in status.into_index_worktree_iter(patterns).attempt(action)? {
        let item = item.attempt(action)?;
        let difference = match &item {
            Item::Modification { status: EntryStatus::Change(Change::Removed), .. } => Difference::Deleted,
            Item::Modification { status: EntryStatus::Change(Change::SubmoduleModification(status)), .. } => {
                match status.checked_out_head_id != status.index_id && status.checked_out_head_id.is_some() {
                    true => Difference::SubmoduleCommit,
                    false => Difference::SubmoduleChanges,
                }
            }
            Item::Modification { status: EntryStatus::NeedsUpdate(_), .. } => continue,
            Item::Modification { status: EntryStatus::IntentToAdd, .. } => Difference::Added,
            Item::Modification { .. } => Difference::Modified,
            Item::DirectoryContents { entry, .. } if entry.status != gix::dir::entry::Status::Untracked => continue,
            // An untracked repository inside the work tree is a project of its own.
            Item::DirectoryContents { entry, .. } if entry.disk_kind == Some(gix::dir::entry::Kind::Repository) => continue,
            Item::DirectoryContents { .. } | Item::Rewrite { .. } => Difference::Untracked,
        };
        changes.push((text_of_bytes(item.rela_path()).into_owned(), difference));
    }
    Ok(changes)
}

/// The files on disk below a directory that are not `known` (sorted), without what `.gitignore` excludes and without repositories inside.
fn unknown_files(repo: &gix::Repository, root: &Path, dir: &str, known: &[String]) -> Result<Vec<String>, GitError> {
    use gix::index::entry::Mode as Indexed;
    let action = || format!("list `{dir}` of the work tree");
    let index = gix::index::State::new(repo.object_hash());
    let source = gix::worktree::stack::state::ignore::Source::WorktreeThenIdMappingIfNotSkipped;
    let mut excludes = None;
    let mut is_excluded = |path: &str, mode| -> Result<bool, GitError> {
        if excludes.is_none() {
            excludes = Some(repo.excludes(&index, None, source).attempt("read .gitignore")?);
        }
        let Some(excludes) = &mut excludes else { return Ok(false) };
        Ok(excludes.at_entry(bytes_of_text(path).as_bstr(), Some(mode)).attempt("read .gitignore")?.is_excluded())
    };
    let mut unknown = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for found in std::fs::read_dir(root.join(on_disk(&dir))).into_iter().flatten() {
            let found = found.attempt(action())?;
            let name = from_disk(&found.file_name());
            let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
            if name == ".git" || known.binary_search(&path).is_ok() {
                continue;
            }
            if !found.file_type().attempt(action())?.is_dir() {
                if !is_excluded(&path, Indexed::FILE)? {
                    unknown.push(path);
                }
                continue;
            }
            let inside = format!("{path}/");
            let has_known = || known.get(known.partition_point(|known| *known < inside)).is_some_and(|next| next.starts_with(&inside));
            if has_known() || (!is_excluded(&path, Indexed::DIR)? && !found.path().join(".git").exists()) {
                pending.push(path);
            }
        }
    }
    Ok(unknown)
}

fn is_in_index(repo: &gix::Repository, path: &str) -> Result<bool, GitError> {
    Ok(repo.index_or_empty().attempt("read the index")?.entry_by_path(bytes_of_text(path).as_bstr()).is_some())
}

/// A file on disk that the commit does not have: untracked or added, and nothing to speak of if `.gitignore` excludes it.
fn unknown_file(repo: &gix::Repository, path: &str) -> Result<Option<Difference>, GitError> {
    if is_in_index(repo, path)? {
        return Ok(Some(Difference::Added));
    }
    let index = repo.index_or_empty().attempt("read the index")?;
    let source = gix::worktree::stack::state::ignore::Source::WorktreeThenIdMappingIfNotSkipped;
    let mut excludes = repo.excludes(&index, None, source).attempt("read .gitignore")?;
    let ignored =
        excludes.at_entry(bytes_of_text(path).as_bstr(), Some(gix::index::entry::Mode::FILE)).attempt("read .gitignore")?.is_excluded();
    Ok((!ignored).then_some(Difference::Untracked))
}

/// Whether a file on disk has the committed type, mode and bytes.
fn known_file(
    repo: &gix::Repository,
    path: &str,
    at: &Path,
    entry: &Entry,
    metadata: &std::fs::Metadata,
) -> Result<Option<Difference>, GitError> {
    let action = || format!("read `{path}` of the work tree");
    let same = match entry.mode {
        Mode::Directory => metadata.is_dir(),
        Mode::Symlink => {
            metadata.is_symlink() && blob_id(std::fs::read_link(at).attempt(action())?.as_os_str().as_encoded_bytes()) == entry.id
        }
        Mode::Submodule => return absent_submodule(repo, path, entry),
        _ if !metadata.is_file() => false,
        mode => {
            let ignores_modes = || repo.config_snapshot().boolean("core.fileMode") == Some(false);
            let mode_is_same = is_executable(metadata) == (mode == Mode::Executable) || ignores_modes();
            mode_is_same && has_same_bytes(repo, path, at, entry)?
        }
    };
    Ok((!same).then_some(Difference::Modified))
}

/// Whether a file on disk has the committed bytes, in the form of the commit or in that of a checkout.
fn has_same_bytes(repo: &gix::Repository, path: &str, at: &Path, entry: &Entry) -> Result<bool, GitError> {
    let bytes = std::fs::read(at).attempt(format!("read `{path}` of the work tree"))?;
    if blob_id(&bytes) == entry.id || is_settled(repo, path, at, entry)? {
        return Ok(true);
    }
    // Filters may be programs: they are run only if nothing else can tell. Those of Git LFS are not needed.
    match entry.conversion.as_deref() {
        Some(Conversion::Lfs) => content::is_stored(repo, entry.id, &bytes, path),
        Some(how @ Conversion::Text { .. }) if content::is_converted(repo, entry.id, how, &bytes, path)? => Ok(true),
        _ => Ok(filtered_id(repo, path, &bytes)? == entry.id),
    }
}

/// Whether the index knows the file as the commit has it, and finds it unchanged since.
fn is_settled(repo: &gix::Repository, path: &str, at: &Path, committed: &Entry) -> Result<bool, GitError> {
    let index = repo.index_or_empty().attempt("read the index")?;
    let options = repo.stat_options().attempt("read the configuration of Git")?;
    let entry = index.entry_by_path(bytes_of_text(path).as_bstr()).filter(|entry| to_id(&entry.id) == committed.id);
    Ok(entry.is_some_and(|entry| is_as_indexed(at, entry, &index, options)))
}

/// The id that the file would get in a commit: line endings, encodings and filters such as LFS applied.
fn filtered_id(repo: &gix::Repository, path: &str, bytes: &[u8]) -> Result<crate::file_tree::ObjectId, GitError> {
    use gix::filter::plumbing::pipeline::convert::ToGitOutcome;
    use std::io::Read;
    let action = || format!("apply the Git filters of `{path}`");
    let (mut pipeline, index) = repo.filter_pipeline(None).attempt(action())?;
    let mut converted = Vec::new();
    match pipeline.convert_to_git(bytes, &on_disk(path), &index).attempt(action())? {
        ToGitOutcome::Unchanged(_) => return Ok(blob_id(bytes)),
        ToGitOutcome::Buffer(buffer) => converted.extend_from_slice(buffer),
        ToGitOutcome::Process(mut process) => {
            process.read_to_end(&mut converted).attempt(action())?;
        }
    }
    Ok(blob_id(&converted))
}

/// A submodule whose objects are not here may be on disk all the same.
fn absent_submodule(repo: &gix::Repository, path: &str, entry: &Entry) -> Result<Option<Difference>, GitError> {
    let found = changes_on_disk(repo, path)?.into_iter().find(|(changed, _)| changed == path);
    let index = repo.index_or_empty().attempt("read the index")?;
    let indexed = index.entry_by_path(bytes_of_text(path).as_bstr()).map(|entry| to_id(&entry.id));
    Ok(match found {
        Some((_, difference)) => Some(difference),
        None => (indexed != Some(entry.id)).then_some(Difference::SubmoduleCommit),
    })
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// The files on disk below the project's directory, for what giterminism allows to be read uncommitted.
/// Ids are computed from the bytes as they are. Symlinks that leave the repository lead nowhere.
pub struct DiskTree {
    root: PathBuf,
    project: PathBuf,
}

impl DiskTree {
    /// The files below `project`; links may lead anywhere inside `root`.
    pub fn new(root: PathBuf, project: PathBuf) -> Self {
        DiskTree { root, project }
    }

    fn read_error(&self, path: &str, error: std::io::Error) -> ReadError {
        ReadError { path: path.to_owned(), origin: "the work tree".to_owned(), cause: Arc::new(error), help: None }
    }

    /// Where a path really is; `None` if it is nowhere inside the repository.
    fn locate(&self, path: &str) -> Result<Option<PathBuf>, ReadError> {
        match self.project.join(on_disk(path.trim_start_matches('/'))).canonicalize() {
            Ok(real) => Ok(real.starts_with(&self.root).then_some(real)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.read_error(path, error)),
        }
    }

    fn collect(&self, dir: PathBuf, path: &str) -> std::io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut pending = vec![(dir, path.to_owned())];
        while let Some((dir, path)) = pending.pop() {
            for found in std::fs::read_dir(dir)? {
                let found = found?;
                let name = from_disk(&found.file_name());
                if name == ".git" {
                    continue;
                }
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                let kind = found.file_type()?;
                if kind.is_dir() {
                    pending.push((found.path(), path));
                } else if kind.is_symlink() {
                    let target = std::fs::read_link(found.path())?;
                    entries.push(Entry::new(path, Mode::Symlink, blob_id(target.as_os_str().as_encoded_bytes())));
                } else if kind.is_file() {
                    let mode = if is_executable(&found.metadata()?) { Mode::Executable } else { Mode::File };
                    entries.push(Entry::new(path, mode, blob_id(&std::fs::read(found.path())?)));
                }
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }
}

impl FileTree for DiskTree {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        match self.locate(path)? {
            Some(real) if real.is_file() => {
                std::fs::read(real).map(|bytes| Some(bytes.into())).map_err(|error| self.read_error(path, error))
            }
            _ => Ok(None),
        }
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        let dir = dir.trim_matches('/');
        match self.locate(dir)?.filter(|real| real.is_dir()) {
            Some(real) => self.collect(real, dir).map(Arc::from).map_err(|error| self.read_error(dir, error)),
            None => Ok(Arc::new([])),
        }
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        let at = self.project.join(on_disk(&entry.path));
        let bytes = match entry.mode {
            Mode::Symlink => std::fs::read_link(&at).map(|target| target.into_os_string().into_encoded_bytes()),
            _ => std::fs::read(&at),
        };
        bytes.map(Arc::from).map_err(|error| self.read_error(&entry.path, error))
    }

    fn content(&self, entry: &Entry) -> Result<Content, ReadError> {
        if entry.mode == Mode::Symlink {
            return self.blob(entry).map(Content::Whole);
        }
        let open = || {
            let file = std::fs::File::open(self.project.join(on_disk(&entry.path)))?;
            let size = file.metadata()?.len();
            Ok(Content::Stream(size, Box::new(file)))
        };
        open().map_err(|error| self.read_error(&entry.path, error))
    }
}
