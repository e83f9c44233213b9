//! Where the programs are: beside our binary first, then in PATH, then where PATH often does not reach.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::{EmbeddedError, EmbeddedOptions};
use crate::child_process;

/// The directories to search, in order.
pub struct Search {
    explicit: Option<PathBuf>,
    dirs: Vec<PathBuf>,
}

impl Search {
    pub fn new(options: &EmbeddedOptions) -> Self {
        let own = options.own_binary.parent();
        let beside = own.into_iter().flat_map(|dir| [dir.join("../libexec/werf"), dir.to_owned()]);
        let path = std::env::split_paths(&options.path).filter(|dir| dir.is_absolute());
        // An OCI runtime and newuidmap are often where only root's PATH leads.
        let system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
        let mut dirs: Vec<PathBuf> = Vec::new();
        for dir in beside.chain(path).chain(system) {
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        Search { explicit: options.daemon.clone(), dirs }
    }

    pub fn daemon(&self) -> Result<PathBuf, EmbeddedError> {
        if let Some(path) = &self.explicit {
            return self
                .program(path)
                .and_then(|path| std::path::absolute(path).ok())
                .ok_or_else(|| EmbeddedError::NotExecutable { path: path.clone() });
        }
        self.program("buildkitd").ok_or(EmbeddedError::Missing {
            program: "buildkitd",
            help: "install BuildKit, put buildkitd into PATH or name it with WERF_BUILDKITD, \
                   or use a running daemon with --buildkit-host",
        })
    }

    pub fn oci_runtime(&self) -> Result<PathBuf, EmbeddedError> {
        ["buildkit-runc", "runc", "crun"]
            .into_iter()
            .find_map(|name| self.program(name))
            .ok_or(EmbeddedError::Missing { program: "runc", help: "install runc (or crun), or use a running daemon with --buildkit-host" })
    }

    pub fn program(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        child_process::find(name, &self.path())
    }

    /// The same directories as a PATH for the daemon.
    pub fn path(&self) -> OsString {
        std::env::join_paths(&self.dirs).unwrap_or_else(|_| OsStr::new("/usr/sbin:/usr/bin:/sbin:/bin").to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn beside_us_comes_before_path() {
        let dir = tempfile::tempdir().unwrap();
        let program = |at: &str| {
            let path = dir.path().join(at);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let path_one = program("path/buildkitd");
        program("path/runc");
        let mut options =
            EmbeddedOptions { own_binary: dir.path().join("bin/werf"), path: dir.path().join("path").into(), ..EmbeddedOptions::default() };
        assert_eq!(Search::new(&options).daemon().unwrap(), path_one);
        std::fs::create_dir_all(dir.path().join("bin")).unwrap();
        program("libexec/werf/buildkitd");
        let found = Search::new(&options).daemon().unwrap();
        assert!(found.ends_with("../libexec/werf/buildkitd"), "{found:?}");
        options.daemon = Some(dir.path().join("nowhere"));
        assert!(matches!(Search::new(&options).daemon(), Err(EmbeddedError::NotExecutable { .. })));
        options.daemon = Some(path_one.clone());
        assert_eq!(Search::new(&options).daemon().unwrap(), path_one);
    }
}
