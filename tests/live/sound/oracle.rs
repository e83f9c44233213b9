//! The real BuildKit: a project's context on disk, built by `buildctl`.

use std::fs::{self, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use werf::file_tree::bytes_of_text;

use super::hand_made::Bases;
use super::outcome::{Outcome, Reader};
use super::project::{Item, Project};
use crate::testbed::Testbed;

/// Builds projects, two at a time.
pub fn outcomes(testbed: &Testbed, projects: &[&Project]) -> Vec<Outcome> {
    let results: Vec<Mutex<Option<Outcome>>> = projects.iter().map(|_| Mutex::default()).collect();
    let (reader, next) = (Reader::default(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(project) = projects.get(at) else { return };
                    *results[at].lock().expect("no panic") = Some(build(testbed, &reader, project));
                }
            });
        }
    });
    results.into_iter().map(|result| result.into_inner().expect("no panic").expect("built")).collect()
}

/// Builds a project.
fn build(testbed: &Testbed, reader: &Reader, project: &Project) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (context, secret) = (dir.path().join("context"), dir.path().join("secret"));
    write(&context, project);
    fs::write(&secret, "open sesame").expect("write");
    let mut command = Command::new(testbed.bin.join("buildctl"));
    command.args(["--addr", &testbed.buildkit, "build", "--frontend=dockerfile.v0", "--progress=plain"]);
    for local in ["context", "dockerfile"] {
        command.arg(format!("--local={local}={}", context.display()));
    }
    for (name, value) in &project.args {
        command.arg(format!("--opt=build-arg:{name}={value}"));
    }
    command.arg(format!("--opt=filename={}", project.dockerfile));
    command.arg(format!("--opt=platform={}", project.platform.as_deref().unwrap_or(werf::images::image::DEFAULT_PLATFORM)));
    command.args(project.target.iter().map(|target| format!("--opt=target={target}")));
    command.args(project.secrets.iter().map(|id| format!("--secret=id={id},src={}", secret.display())));
    if !project.hosts.is_empty() {
        let hosts: Vec<String> = project.hosts.iter().map(|host| host.replacen(':', "=", 1)).collect();
        command.arg(format!("--opt=add-hosts={}", hosts.join(",")));
    }
    command.arg("--output=type=oci,dest=-,compression=uncompressed");
    let output = command.output().expect("buildctl runs");
    if output.status.success() {
        return Outcome::Image(reader.archive(&output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Outcome::Fails(said.lines().rev().find(|line| line.contains("error:")).unwrap_or(&said).to_owned())
}

/// Writes a context. The daemon keeps its last copy of one and asks for files whose size or time differs, so times follow from content.
pub fn write(context: &Path, project: &Project) {
    fs::create_dir_all(context).expect("a directory");
    for (path, item) in &project.files {
        let path = context.join(std::ffi::OsStr::from_bytes(&bytes_of_text(path)));
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
        let (bytes, mode) = match item {
            Item::Link(target) => {
                symlink(target, &path).expect("a link");
                continue;
            }
            Item::File(bytes) => (bytes, 0o644),
            Item::Program(bytes) => (bytes, 0o755),
        };
        fs::write(&path, bytes).expect("write");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        let hash = blake3::hash(bytes);
        let number = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) + Duration::from_nanos(number >> 5);
        let file = fs::File::options().write(true).open(&path).expect("open");
        file.set_times(FileTimes::new().set_modified(time)).expect("a time");
    }
}

/// The bases that projects stand on; that for two platforms is made here.
pub fn bases(testbed: &Testbed) -> Bases {
    let base = format!("{}/base/sound:1", testbed.registry);
    let dockerfile = "\
FROM scratch
ARG TARGETARCH
ENV SRC=src NAME=app ARCH=$TARGETARCH
LABEL from=base
WORKDIR /
COPY from-base /from-base
";
    let mut project = Project::new("base", dockerfile);
    project.put("from-base", Item::text("from the base\n"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &project);
    let output = Command::new(testbed.bin.join("buildctl"))
        .args(["--addr", &testbed.buildkit, "build", "--frontend=dockerfile.v0", "--opt=platform=linux/amd64,linux/arm64"])
        .args(["context", "dockerfile"].map(|local| format!("--local={local}={}", dir.path().display())))
        .arg(format!("--output=type=image,name={base},push=true,oci-mediatypes=true"))
        .output()
        .expect("buildctl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Bases { tools: format!("{}/base/busybox:1", testbed.registry), base }
}
