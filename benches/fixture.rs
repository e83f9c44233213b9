//! The testbed's addresses, and repositories to measure on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::measure::must;

/// Addresses of the running testbed, as `up.sh` wrote them.
pub struct Testbed {
    /// Directory of `helm`, `buildctl`, `kubectl`.
    pub bin: PathBuf,
    /// State directory.
    pub run: PathBuf,
    /// `host:port` of the registry.
    pub registry: String,
    /// Address of the shared buildkitd.
    pub buildkit: String,
}

impl Testbed {
    /// Starts what is not running yet and reads the addresses.
    pub fn up() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        must(Command::new(root.join("tests/testbed/up.sh")));
        let script = format!(". {}/tests/testbed/lib.sh && cat \"$TB_RUN/env\"", root.display());
        let text = must({
            let mut bash = Command::new("bash");
            bash.args(["-c", &script]);
            bash
        });
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap_or_else(|| panic!("{name} is not in the testbed's env file")).to_owned()
        };
        Testbed { bin: value("TB_BIN").into(), run: value("TB_RUN").into(), registry: value("TB_REGISTRY"), buildkit: value("TB_BUILDKIT") }
    }

    /// One of the testbed's programs.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.env("KUBECONFIG", self.run.join("admin.kubeconfig"));
        command
    }

    /// The release build of werf in this project, with the testbed's cluster and base image.
    pub fn werf(&self, project: &Project, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_werf"));
        command.args(args).current_dir(&project.dir);
        command.env("KUBECONFIG", self.run.join("admin.kubeconfig"));
        command.env("BUILDKIT_HOST", &self.buildkit);
        command.env("BASE_IMAGE", self.base());
        command.env("WERF_HOME", project.root.path().join("cache"));
        command
    }

    /// The release build of werf outside of any project.
    pub fn plain_werf(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_werf"));
        command.env("KUBECONFIG", self.run.join("admin.kubeconfig"));
        command
    }

    /// The peer's build of the project's Dockerfile on the same daemon, with the same base image, pushed to a repository.
    pub fn buildctl(&self, project: &Project, repo: &str) -> Command {
        let mut command = self.program("buildctl");
        command.args(["--addr", &self.buildkit, "build", "--frontend", "dockerfile.v0", "--progress", "plain"]);
        for name in ["context", "dockerfile"] {
            command.arg("--local").arg(format!("{name}={}", project.dir.display()));
        }
        command.args(["--opt", &format!("build-arg:BASE={}", self.base())]);
        command.args(["--output", &format!("type=image,name={repo}:latest,push=true,oci-mediatypes=true")]);
        command
    }

    /// Reference of the busybox base image.
    pub fn base(&self) -> String {
        format!("{}/base/busybox:1", self.registry)
    }

    /// A repository of this run.
    pub fn repo(&self, name: &str) -> String {
        format!("{}/bench-{}/{name}", self.registry, std::process::id())
    }

    /// Bytes that the registry stores.
    pub fn stored(&self) -> u64 {
        fn size(path: &Path) -> u64 {
            let Ok(entries) = fs::read_dir(path) else { return 0 };
            entries
                .flatten()
                .map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |meta| meta.len()) })
                .sum()
        }
        size(&self.run.join("registry"))
    }
}

/// A Git repository of its own.
pub struct Project {
    root: TempDir,
    /// The work tree.
    pub dir: PathBuf,
}

impl Project {
    /// An empty repository.
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = root.path().join("app");
        fs::create_dir(&dir).expect("app");
        let project = Project { root, dir };
        project.git(&["init", "-q", "-b", "main"]);
        project
    }

    /// The example application.
    pub fn shop() -> Self {
        let project = Project::new();
        must({
            let mut cp = Command::new("cp");
            cp.arg("-r").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/.")).arg(&project.dir);
            cp
        });
        project.commit();
        project
    }

    /// A directory beside the repository.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let dir = self.root.path().join(name);
        fs::create_dir_all(&dir).expect("a scratch directory");
        dir
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
        fs::write(path, text).expect("write");
    }

    /// Commits everything.
    pub fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "bench"]);
    }

    /// Runs git.
    pub fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(args).current_dir(&self.dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for (name, value) in [("NAME", "bench"), ("EMAIL", "bench@example.org")] {
            git.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        must(git)
    }

    /// A tree of `dirs` × `files` files of `bytes` bytes of text that does not compress to nothing.
    pub fn fill(&self, below: &str, dirs: usize, files: usize, bytes: usize) {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for dir in 0..dirs {
            for file in 0..files {
                let mut text = Vec::with_capacity(bytes + 12);
                while text.len() < bytes {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    text.extend(
                        (0..10).map(|at| {
                            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> (at * 6)) as usize & 63]
                        }),
                    );
                }
                text.truncate(bytes);
                self.write(&format!("{below}/d{dir:03}/f{file:03}.txt"), text);
            }
        }
    }
}
