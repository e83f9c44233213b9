//! A directory with Docker's configuration that one job has for itself: its login is seen by no other job and ends with it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

use crate::private_file;

/// What Docker keeps beside its configuration and no job needs, by the beginning of its name: programs, sockets, state of builders.
const LEFT_OUT: &[&str] = &["buildx", "cli-plugins", "desktop", "machine", "mutagen", "run", "scout"];
/// Directories of jobs that began longer ago are removed: no job takes so long.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The directory; removed again unless it is kept.
pub struct JobConfig(Option<PathBuf>);

impl JobConfig {
    /// A copy of what is beside the user's config.json.
    pub fn copy(tmp_dir: &Path, file: Option<&Path>) -> Result<Self, JobConfigError> {
        let made = JobConfig::make(tmp_dir)?;
        if let Some(from) = file.and_then(Path::parent).filter(|from| from.exists()) {
            copy_directory(from, made.directory(), &|name| LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)))?;
        }
        Ok(made)
    }

    /// A directory with this config.json alone.
    pub fn of_text(tmp_dir: &Path, text: &str) -> Result<Self, JobConfigError> {
        if text.is_empty() {
            return Err(JobConfigError::NoText);
        }
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).map_err(|cause| JobConfigError::NoJson { cause })?;
        let made = JobConfig::make(tmp_dir)?;
        let path = made.file();
        private_file::write(&path, text.as_bytes()).map_err(|cause| JobConfigError::Unmade { path, cause })?;
        Ok(made)
    }

    fn make(tmp_dir: &Path) -> Result<Self, JobConfigError> {
        remove_old(tmp_dir);
        let name = format!("werf-{}-docker-config-{}", env!("CARGO_PKG_VERSION"), uuid::Uuid::new_v4().simple());
        let path = std::path::absolute(tmp_dir).unwrap_or_else(|_| tmp_dir.to_owned()).join(name);
        let make = || {
            private_file::make_directory(path.parent().unwrap_or(tmp_dir))?;
            // one that is there is somebody else's
            fs::DirBuilder::new().mode(0o700).create(&path)
        };
        make().map_err(|cause| JobConfigError::Unmade { path: path.clone(), cause })?;
        Ok(JobConfig(Some(path)))
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Its config.json.
    pub fn file(&self) -> PathBuf {
        self.directory().join("config.json")
    }

    /// Leaves the directory where it is.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for JobConfig {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // a directory that stays is removed as an old one
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Copies files for their owner's eyes. A link to a file is copied as that file: a login must not go through it.
fn copy_directory(from: &Path, to: &Path, is_left_out: &dyn Fn(&str) -> bool) -> Result<(), JobConfigError> {
    let uncopied = |path: &Path| {
        let path = path.to_owned();
        move |cause| JobConfigError::Uncopied { path, cause }
    };
    for entry in fs::read_dir(from).map_err(uncopied(from))? {
        let entry = entry.map_err(uncopied(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if is_left_out(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let is_link = entry.file_type().map_err(uncopied(&path))?.is_symlink();
        // a link that leads nowhere is none
        let Ok(kind) = fs::metadata(&path).map(|found| found.file_type()) else { continue };
        if kind.is_file() {
            let text = fs::read(&path).map_err(uncopied(&path))?;
            private_file::write(&target, &text).map_err(uncopied(&path))?;
        } else if kind.is_dir() && is_link {
            let behind = fs::canonicalize(&path).map_err(uncopied(&path))?;
            std::os::unix::fs::symlink(behind, &target).map_err(uncopied(&path))?;
        } else if kind.is_dir() {
            private_file::make_directory(&target).map_err(uncopied(&path))?;
            copy_directory(&path, &target, &|_| false)?;
        }
    }
    Ok(())
}

/// Removes what jobs of this user left behind, as far as that works.
fn remove_old(tmp_dir: &Path) {
    for entry in fs::read_dir(tmp_dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = name.starts_with("werf-") && name.contains("-docker-config-");
        let Ok(found) = entry.metadata() else { continue };
        let is_old = found.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD));
        if is_ours && is_old && found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The job gets no Docker configuration.
#[derive(Debug, Error, Diagnostic)]
pub enum JobConfigError {
    #[error("`--use-docker-auth-config` is given, and the variable DOCKER_AUTH_CONFIG is not set")]
    #[diagnostic(help("set DOCKER_AUTH_CONFIG to the text of a Docker config.json, or leave the flag out"))]
    NoText,
    #[error("the variable DOCKER_AUTH_CONFIG is not the text of a Docker config.json")]
    #[diagnostic(help("its form is {{\"auths\": {{\"HOST\": {{\"auth\": \"BASE64 OF USER:PASSWORD\"}}}}}}"))]
    NoJson {
        #[source]
        cause: serde_json::Error,
    },
    #[error("cannot make {}", .path.display())]
    #[diagnostic(help(
        "the job's Docker configuration goes there: make the directory above it writable, or name another one with `--tmp-dir`"
    ))]
    Unmade {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("cannot copy {}", .path.display())]
    #[diagnostic(help(
        "the job gets a copy of the Docker configuration: make it readable, or name another directory with `--docker-config`"
    ))]
    Uncopied {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_is_the_jobs_own() {
        let dir = tempfile::tempdir().unwrap();
        let (docker, tmp) = (dir.path().join("docker"), dir.path().join("tmp"));
        for made in ["contexts/meta", "cli-plugins", "run", "desktop-build"] {
            fs::create_dir_all(docker.join(made)).unwrap();
        }
        fs::write(dir.path().join("elsewhere.json"), "{}").unwrap();
        symlink("../elsewhere.json", docker.join("config.json")).unwrap();
        symlink("contexts", docker.join("link")).unwrap();
        symlink("nowhere", docker.join("broken")).unwrap();
        fs::write(docker.join("contexts/meta/a.json"), "a").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(docker.join("socket")).unwrap();
        let made = JobConfig::copy(&tmp, Some(&docker.join("config.json"))).unwrap();
        let copy = made.directory().to_owned();
        assert_eq!(names(&copy), ["config.json", "contexts", "link"]);
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&copy), mode(&copy.join("config.json")), mode(&copy.join("contexts/meta"))), (0o700, 0o600, 0o700));
        private_file::write(&made.file(), b"changed").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("elsewhere.json")).unwrap(), "{}");
        drop(made);
        assert_eq!(names(&tmp), [""; 0]);
    }

    #[test]
    fn old_copies_go() {
        let dir = tempfile::tempdir().unwrap();
        JobConfig::of_text(dir.path(), "{}").unwrap().keep();
        let before = names(dir.path());
        JobConfig::copy(dir.path(), None).unwrap().keep();
        let after = names(dir.path());
        assert_eq!((before.len(), after.len()), (1, 2));
        let old = std::time::SystemTime::now() - OLD - Duration::from_secs(60);
        for name in after.iter().chain([&"werf-notes".to_owned()]) {
            fs::create_dir_all(dir.path().join(name)).unwrap();
            fs::File::open(dir.path().join(name)).unwrap().set_modified(old).unwrap();
        }
        JobConfig::copy(dir.path(), None).unwrap().keep();
        let left = names(dir.path());
        assert!(left.len() == 2 && left.contains(&"werf-notes".to_owned()) && !left.iter().any(|name| after.contains(name)), "{left:?}");
    }
}
