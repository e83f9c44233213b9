//! The file with a job's variables, which the job's shell runs: nobody else may read it, nor put another one in its place.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use miette::Diagnostic;
use thiserror::Error;

use crate::ci::Format;
use crate::error::Result;
use crate::private_file;

/// Once there are so many files, old ones are removed.
const MOST: usize = 100;
/// So many then stay.
const STAY: usize = 50;

/// Writes the file that the user names, where it is: it may be a link, or no file but a pipe.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|cause| Unwritten { path: path.to_owned(), cause, help: "check the path given with `--output-file-path`" }.into())
}

/// Writes a file of its own in the user's cache, or in the temporary directory where the cache is another user's.
pub fn create(cache_dir: &Path, tmp_dir: &Path, format: Format, text: &str) -> Result<PathBuf> {
    let own = cache_dir.join("ci_env");
    let is_there = private_file::make_directory(&own).is_ok() && [cache_dir, &own].iter().all(|path| is_ours(path));
    let directory = match is_there {
        true => own,
        false => tmp_dir.join(format!("werf-{}-ci-env-{}", env!("CARGO_PKG_VERSION"), uuid::Uuid::new_v4().simple())),
    };
    let directory = std::path::absolute(&directory).unwrap_or(directory);
    remove_old(&directory);
    let path = directory.join(name(format));
    let help = "make the directory writable; WERF_HOME names another one";
    private_file::write(&path, text.as_bytes()).map_err(|cause| Unwritten { path: path.clone(), cause, help })?;
    Ok(path)
}

/// Names begin with the time, so that their order is that of their age.
fn name(format: Format) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let unique = uuid::Uuid::new_v4().simple();
    match format {
        Format::EnvFile => format!(".env_{seconds}_{unique}"),
        Format::Shell => format!("source_{seconds}_{unique}"),
        Format::PowerShell => format!("source_{seconds}_{unique}.ps1"),
        Format::Cmd => format!("source_{seconds}_{unique}.bat"),
    }
}

/// Whether a directory can be changed by this user alone.
fn is_ours(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0)
}

fn remove_old(directory: &Path) {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, PathBuf)> =
        files.filter_map(|entry| Some((entry.metadata().ok().filter(fs::Metadata::is_file)?.modified().ok()?, entry.path()))).collect();
    if files.len() < MOST {
        return;
    }
    files.sort();
    files.truncate(files.len() - STAY);
    for (_, path) in files {
        // another job may remove it at the same time
        let _ = fs::remove_file(path);
    }
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot write the variables to {}", .path.display())]
struct Unwritten {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
    #[help]
    help: &'static str,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn files(path: &Path) -> usize {
        fs::read_dir(path).unwrap().count()
    }

    #[test]
    fn no_more_than_a_hundred_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, tmp) = (dir.path().join("cache"), dir.path().join("tmp"));
        for n in 0..MOST {
            assert_eq!(files(create(&cache, &tmp, Format::Shell, "x").unwrap().parent().unwrap()), n + 1);
        }
        let last = create(&cache, &tmp, Format::Shell, "last").unwrap();
        assert_eq!(files(last.parent().unwrap()), STAY + 1);
        assert_eq!(fs::read_to_string(&last).unwrap(), "last");
        assert_eq!(fs::metadata(&last).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_directory_that_others_may_change_has_no_script() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, tmp) = (dir.path().join("cache"), dir.path().join("tmp"));
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        let path = create(&cache, &tmp, Format::PowerShell, "x").unwrap();
        assert!(path.starts_with(&tmp) && path.extension().is_some_and(|extension| extension == "ps1"), "{}", path.display());
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
