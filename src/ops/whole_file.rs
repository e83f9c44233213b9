//! Files that are replaced as a whole: readers see the old content or the new one, never a part, whatever ends this program.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// New content beside its place, on the disk already. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    place: PathBuf,
    temporary: PathBuf,
}

/// Puts new content beside a file, with the file's mode and owner (0644 for a new file, less what the umask takes). A link stays: its
/// target is replaced. Directories above are made.
pub fn stage(path: &Path, bytes: &[u8]) -> io::Result<Staged> {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let there = fs::metadata(&place).ok();
    let staged = Staged { temporary: directory.join(format!(".werf-{}", uuid::Uuid::new_v4())), place };
    let mode = if there.is_some() { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&staged.temporary)?;
    file.write_all(bytes)?;
    if let Some(there) = there {
        like(&file, &there)?;
    }
    file.sync_all()?;
    Ok(staged)
}

impl Staged {
    /// Replaces the file.
    pub fn commit(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.place)
    }

    /// Puts the file there where none is; else the error is [`io::ErrorKind::AlreadyExists`].
    pub fn commit_new(self) -> io::Result<()> {
        fs::hard_link(&self.temporary, &self.place)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // after `commit` nothing is there any more
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Gives a file the mode and, where this user may, the owner of another.
fn like(file: &File, there: &fs::Metadata) -> io::Result<()> {
    let _ = fchown(file, Some(there.uid()), Some(there.gid()));
    file.set_permissions(Permissions::from_mode(there.mode() & 0o7777))
}

/// Replaces a file at once. What is no regular file, such as `/dev/stdout` or a pipe, is written to.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let special = fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir());
    if special { fs::write(path, bytes) } else { stage(path, bytes)?.commit() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_keeps_its_mode_and_a_link_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, new] = ["file", "link", "a/b/new"].map(|name| dir.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!((fs::read(&file).unwrap(), fs::metadata(&file).unwrap().mode() & 0o777), (b"new".to_vec(), 0o640));
        assert!(link.is_symlink());
        write(&new, b"\xff").unwrap();
        assert_eq!(fs::read(&new).unwrap(), b"\xff");
        drop(stage(&new, b"given up").unwrap());
        assert_eq!(fs::read_dir(new.parent().unwrap()).unwrap().count(), 1, "what is given up is gone");
        assert!(write(dir.path(), b"").is_err(), "a directory is no file");
        write(Path::new("/dev/null"), b"text").unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
