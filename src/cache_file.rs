//! Files of caches: there whole, or not at all.

use std::path::Path;
use std::{fs, io};

/// Writes a file with the directories above it: beside its place first, then renamed, so that readers never see a part of it.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let temporary = directory.join(format!(".{}-{}", std::process::id(), uuid::Uuid::new_v4()));
    // what could not be written whole goes: the disk may be full
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
