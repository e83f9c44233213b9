//! Clones of other repositories in the user's cache: bare, mostly without history, and whole or not there.
//!
//! One clone for each address. A commit counts as there when a file in `complete` names it with the packs as they were when all its objects
//! had been looked at: packs that are gone, cut or changed since are noticed, and the clone is made anew. Who writes holds a
//! lock; readers need none, as files only come.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::UNIX_EPOCH;

use sha1::Digest;

use super::error::RemoteError;
use crate::file_tree::ObjectId;
use crate::project::git::commit::to_gix;
use crate::project::git::error::Attempt;
use crate::project::git::{Repository, commit, discover};

/// How many commits a server is told of.
const MOST_HAVES: usize = 16;

/// The place of a clone.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    dir: PathBuf,
    url: String,
}

/// What the cache knows of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is there with all its files.
    Whole,
    /// It was never fetched.
    Absent,
    /// It was there, and its packs are not what they were.
    Broken,
}

impl Entry {
    /// The place for an address, of which `url` is what messages show.
    pub fn new(cache_dir: &Path, key: &str, url: &str) -> Self {
        Entry { dir: cache_dir.join("git").join(key), url: url.to_owned() }
    }

    /// The Git directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes what a Git directory needs, where it lacks.
    pub fn prepare(&self) -> Result<(), RemoteError> {
        let made = || {
            for part in ["objects/pack", "objects/info", "refs/heads", "refs/tags", "complete"] {
                fs::create_dir_all(self.dir.join(part))?;
            }
            let files = [("config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"), ("HEAD", "ref: refs/heads/none\n")];
            for (name, text) in files {
                let path = self.dir.join(name);
                if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
                    crate::cache_file::write(&path, text.as_bytes())?;
                }
            }
            Ok(())
        };
        made().map_err(|cause| self.failed("make the clone", cause))
    }

    /// Locks the clone for writing; `None` where somebody else has it and `wait` is false. The lock ends with the file.
    pub fn lock(&self, wait: bool) -> Result<Option<File>, RemoteError> {
        let path = self.dir.with_extension("lock");
        let locked = || {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            if wait {
                file.lock()?;
                return Ok(Some(file));
            }
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        locked().map_err(|cause| self.failed("lock the clone", cause))
    }

    /// Whether a commit is there. Packs whose times changed are read through once.
    pub fn state(&self, id: ObjectId) -> State {
        let Ok(record) = fs::read_to_string(self.record(id)) else { return State::Absent };
        let mut is_touched = false;
        for line in record.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(size), Some(time)) = (words.next(), words.next(), words.next()) else { return State::Broken };
            let path = self.packs().join(name);
            match described(&path) {
                Ok((now, _)) if now != size => return State::Broken,
                Ok((_, now)) if now == time => {}
                Ok(_) if is_intact(&path) => is_touched = true,
                _ => return State::Broken,
            }
        }
        if record.is_empty() || self.prepare().is_err() {
            return State::Broken;
        }
        if is_touched {
            // A cache that another machine packed and brought here.
            let _ = self.remember(id);
        }
        State::Whole
    }

    /// The commits that are there, the latest first.
    pub fn commits(&self) -> Vec<ObjectId> {
        let entries = fs::read_dir(self.dir.join("complete")).into_iter().flatten().flatten();
        let dated = entries
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.file_name().to_str().and_then(ObjectId::parse)?)));
        let mut found: Vec<_> = dated.collect();
        found.sort_by(|one, other| other.cmp(one));
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// The commits that a server is told of.
    pub fn haves(&self) -> Vec<ObjectId> {
        self.commits().into_iter().take(MOST_HAVES).filter(|id| self.state(*id) == State::Whole).collect()
    }

    /// An empty file for a pack that is coming. What interrupted runs left is swept; the lock must be held.
    pub fn incoming(&self) -> Result<PathBuf, RemoteError> {
        let swept = || {
            for entry in fs::read_dir(self.packs())?.flatten() {
                let name = entry.file_name();
                if !name.to_str().is_some_and(|name| name.starts_with("pack-") && !name.ends_with(".keep")) {
                    let _ = fs::remove_file(entry.path());
                }
            }
            let path = self.packs().join("incoming");
            File::create(&path)?;
            Ok(path)
        };
        swept().map_err(|cause| self.failed("write to the clone", cause))
    }

    /// Takes the clone away; the lock must be held.
    pub fn wipe(&self) -> Result<(), RemoteError> {
        match fs::remove_dir_all(&self.dir) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(self.failed("remove the broken clone", cause)),
            _ => self.prepare(),
        }
    }

    /// Checks and indexes a pack that came.
    pub fn take_in(&self, incoming: &Path) -> Result<(), RemoteError> {
        let taken = take_pack_in(&self.dir, incoming, &self.url, |_| Ok(()));
        let _ = fs::remove_file(incoming);
        taken
    }

    /// Looks at every object of a commit and remembers that they are there. `shallow` are commits that came without their history.
    pub fn complete(&self, id: ObjectId, shallow: &[ObjectId]) -> Result<(), RemoteError> {
        let path = self.dir.join("shallow");
        let known = fs::read_to_string(&path).unwrap_or_default();
        let mut lines: Vec<String> = known.lines().map(str::to_owned).chain(shallow.iter().map(ToString::to_string)).collect();
        lines.sort();
        lines.dedup();
        if !lines.is_empty() {
            crate::cache_file::write(&path, (lines.join("\n") + "\n").as_bytes())
                .map_err(|cause| self.failed("write to the clone", cause))?;
        }
        self.look_at_all(&self.open()?, id)?;
        self.remember(id).map_err(|cause| self.failed("write to the clone", cause))
    }

    /// Opens the clone.
    pub fn open(&self) -> Result<Arc<Repository>, RemoteError> {
        discover(&self.dir, None).map_err(|cause| RemoteError::Unreadable { url: self.url.clone(), cause })
    }

    fn look_at_all(&self, repository: &Arc<Repository>, id: ObjectId) -> Result<(), RemoteError> {
        let unreadable = |cause| RemoteError::Unreadable { url: self.url.clone(), cause };
        let commit = commit(repository, &id.to_string()).map_err(unreadable)?;
        let root = to_gix(commit.tree);
        repository.with(|repo| {
            let mut seen = std::collections::HashSet::from([root]);
            let mut pending = vec![root];
            while let Some(directory) = pending.pop() {
                let directory = repo.find_tree(directory).attempt("read a directory of the clone").map_err(unreadable)?;
                for entry in directory.iter() {
                    let entry = entry.attempt("read a directory of the clone").map_err(unreadable)?;
                    if !seen.insert(entry.object_id()) {
                        continue;
                    }
                    if entry.mode().is_tree() {
                        pending.push(entry.object_id());
                    } else if !entry.mode().is_commit() {
                        repo.find_header(entry.object_id()).attempt("read a file of the clone").map_err(unreadable)?;
                    }
                }
            }
            Ok(())
        })
    }

    fn remember(&self, id: ObjectId) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in fs::read_dir(self.packs())? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with("pack-") && (name.ends_with(".pack") || name.ends_with(".idx")) {
                let (size, time) = described(&entry.path())?;
                lines.push(format!("{name} {size} {time}\n"));
            }
        }
        lines.sort();
        crate::cache_file::write(&self.record(id), lines.concat().as_bytes())
    }

    fn record(&self, id: ObjectId) -> PathBuf {
        self.dir.join("complete").join(id.to_string())
    }

    fn packs(&self) -> PathBuf {
        self.dir.join("objects/pack")
    }

    fn failed(&self, action: &'static str, cause: io::Error) -> RemoteError {
        RemoteError::Cache { action, path: self.dir.clone(), cause: Arc::new(cause) }
    }
}

/// Checks and indexes a pack that came for a Git directory. `mark` is done with its place before anyone may take it away.
pub(super) fn take_pack_in(
    git_dir: &Path,
    incoming: &Path,
    url: &str,
    mark: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), RemoteError> {
    let failed = |action, cause| RemoteError::Cache { action, path: git_dir.to_owned(), cause: Arc::new(cause) };
    let unusable = |problem: String| RemoteError::Pack { url: url.to_owned(), problem };
    let file = File::open(incoming).map_err(|cause| failed("read from the clone", cause))?;
    let odb = gix::open_opts(git_dir, gix::open::Options::isolated());
    let odb = odb.map_err(|error| unusable(crate::net::Cause::of(&error).0))?;
    let options = gix_pack::bundle::write::Options { thread_limit: Some(2), ..Default::default() };
    let taken = gix_pack::Bundle::write_to_directory(
        &mut BufReader::with_capacity(1 << 16, file),
        Some(&git_dir.join("objects/pack")),
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
        // A difference is made whole by what it is to.
        Some(odb.objects),
        gix::hash::Kind::Sha1,
        options,
    );
    let taken = taken.map_err(|error| unusable(crate::net::Cause::of(&error).0))?;
    if let Some(pack) = &taken.data_path {
        mark(pack).map_err(|cause| failed("write to the clone", cause))?;
    }
    if let Some(keep) = taken.keep_path {
        let _ = fs::remove_file(keep);
    }
    Ok(())
}

/// Length and time of a file, as records have them.
fn described(path: &Path) -> io::Result<(String, String)> {
    let metadata = fs::metadata(path)?;
    let time = metadata.modified()?.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default();
    Ok((metadata.len().to_string(), time.to_string()))
}

/// Packs and their indexes end with the SHA-1 of all before.
fn is_intact(path: &Path) -> bool {
    let summed = || -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mut left = file.metadata()?.len().checked_sub(20).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut hasher = sha1::Sha1::new();
        let mut piece = vec![0; 1 << 16];
        while left > 0 {
            let length = left.min(piece.len() as u64) as usize;
            file.read_exact(&mut piece[..length])?;
            hasher.update(&piece[..length]);
            left -= length as u64;
        }
        let mut sum = [0; 20];
        file.read_exact(&mut sum)?;
        Ok(hasher.finalize()[..] == sum)
    };
    summed().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_intact_while_its_sum_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pack");
        let mut bytes = b"PACK and so on".to_vec();
        bytes.extend_from_slice(&sha1::Sha1::digest(&bytes));
        for (text, expect) in [(bytes.clone(), true), (bytes[1..].to_vec(), false), (b"short".to_vec(), false)] {
            fs::write(&path, text).unwrap();
            assert_eq!(is_intact(&path), expect);
        }
    }
}
