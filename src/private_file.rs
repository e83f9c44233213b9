//! Files that only their owner may read: there whole or not at all, and changed by one process at a time.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Keeps every other process that asks for the same lock file waiting until what is returned is dropped.
pub fn lock(path: &Path) -> io::Result<fs::File> {
    make_directory(directory_of(path))?;
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(file)
}

/// The same for all that changes files of a directory, which is made where it is missing. Nothing is left in it.
pub fn lock_directory(path: &Path) -> io::Result<fs::File> {
    make_directory(path)?;
    let directory = fs::File::open(path)?;
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(directory)
}

/// Writes a file with the directories above it: beside its place first, then renamed over what was there. A link stays one, and so does
/// the owner of the file that it leads to.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &place(path);
    let directory = directory_of(path);
    make_directory(directory)?;
    let temporary = directory.join(format!(".{}-{}", std::process::id(), uuid::Uuid::new_v4()));
    let written = fill(&temporary, path, bytes).and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Where a file is in the end, behind links.
pub fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether nobody but its owner may read a file; one that is not there is read by nobody.
pub fn is_private(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 == 0) || !path.exists()
}

/// Makes a directory and those above it, for their owner alone; those that are there stay as they are.
pub fn make_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a directory for this user alone, or takes the one that is there, if it is no link and nobody else can have put anything into it.
/// Whether it is such a directory. For places that all users share.
pub fn own_directory(path: &Path) -> io::Result<bool> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(|()| true),
    }
    let found = fs::symlink_metadata(path)?;
    let is_own = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
    if is_own && found.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(is_own)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn fill(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(temporary)?;
    io::Write::write_all(&mut file, bytes)?;
    if let Ok(before) = fs::metadata(path) {
        // only root may give files away; everybody else's are their own already
        let _ = fchown(&file, Some(before.uid()), Some(before.gid()));
    }
    // a machine that stops between here and the rename must not leave an empty file
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_for_their_owner_and_links_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (new, file, link) = (dir.path().join("a/b/new"), dir.path().join("file"), dir.path().join("link"));
        write(&new, b"1").unwrap();
        assert_eq!((mode(&new), mode(new.parent().unwrap())), (0o600, 0o700));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert!(!is_private(&link) && is_private(&new) && is_private(&dir.path().join("absent")));
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("new", 0o600));
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "nothing is left beside: {names:?}");
    }

    #[test]
    fn a_directory_is_own_if_nobody_else_wrote_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let with_mode = |name: &str, bits: u32| {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(bits)).unwrap();
        };
        with_mode("read", 0o755);
        with_mode("written", 0o777);
        with_mode("group", 0o770);
        fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink("read", at("link")).unwrap();
        for (name, expect) in
            [("new", true), ("new", true), ("read", true), ("written", false), ("group", false), ("file", false), ("link", false)]
        {
            assert_eq!(own_directory(&at(name)).unwrap(), expect, "{name}");
        }
        assert_eq!((mode(&at("new")), mode(&at("read")), mode(&at("written"))), (0o700, 0o700, 0o777));
        assert!(own_directory(&at("absent/below")).is_err());
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(at("new"), Some(12345), Some(12345)).unwrap();
            assert!(!own_directory(&at("new")).unwrap(), "another user's");
        }
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let held = lock(&path).unwrap();
        let other = fs::File::open(&path).unwrap();
        let ask = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        assert!(rustix::fs::flock(&other, ask).is_err());
        drop(held);
        assert!(rustix::fs::flock(&other, ask).is_ok());
    }
}
