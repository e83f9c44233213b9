//! A disk without room: a small tmpfs that is full already.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A full disk, until it is dropped.
pub struct FullDisk(PathBuf);

impl FullDisk {
    /// At a directory of its own; `None` where this user may mount nothing.
    pub fn at(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&path).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: only root may mount a small disk");
            return None;
        }
        let disk = FullDisk(path);
        let mut filler = fs::File::create(disk.0.join("filler")).expect("a file");
        while filler.write_all(&[b'x'; 4096]).is_ok() {}
        Some(disk)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether nothing is there but what was.
    pub fn is_as_before(&self) -> bool {
        self.names().is_empty()
    }

    /// The paths of what came since, sorted.
    pub fn names(&self) -> Vec<String> {
        let files = files(&self.0).into_iter().filter(|path| *path != self.0.join("filler"));
        let mut names: Vec<String> = files.map(|path| path.strip_prefix(&self.0).expect("below").display().to_string()).collect();
        names.sort();
        names
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
