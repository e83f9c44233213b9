//! A directory of its own for each test, with a Git repository, and the `werf` binary run in it with a clean environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A sandbox: a repository under `app`, a home, a cache.
pub struct Sandbox {
    dir: TempDir,
}

/// What a run printed, with the sandbox's own paths replaced by `[SANDBOX]`.
#[derive(Debug)]
pub struct Printed {
    /// Exit code; -1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Sandbox {
    /// An empty directory without a repository.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(dir.path().join("app")).expect("app");
        Sandbox { dir }
    }

    /// A repository whose first commit has these files.
    pub fn commit(files: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::empty();
        sandbox.git(&["init", "-q", "-b", "main"]);
        sandbox.write(files);
        sandbox.commit_all("first");
        sandbox
    }

    /// The project's directory.
    pub fn app(&self) -> PathBuf {
        self.dir.path().join("app")
    }

    /// The sandbox's root, for files beside the project.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes files into the work tree.
    pub fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.app().join(path);
            fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
            fs::write(path, text).expect("write");
        }
    }

    /// Commits the whole work tree.
    pub fn commit_all(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Runs `git` with fixed identity and dates.
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.app())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "test")
            .env("GIT_AUTHOR_EMAIL", "test@example.org")
            .env("GIT_COMMITTER_NAME", "test")
            .env("GIT_COMMITTER_EMAIL", "test@example.org")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The binary, ready to run in the project with nothing from the outer environment but `PATH`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_werf"));
        command.args(args).current_dir(self.app()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path().join("home"));
        command
    }

    /// Runs the binary.
    pub fn werf(&self, args: &[&str]) -> Printed {
        self.werf_with(args, &[])
    }

    /// Runs the binary with variables.
    pub fn werf_with(&self, args: &[&str], env: &[(&str, &str)]) -> Printed {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        self.printed(command.output().expect("werf runs"))
    }

    fn printed(&self, output: Output) -> Printed {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*self.dir.path().to_string_lossy(), "[SANDBOX]");
        Printed { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}
