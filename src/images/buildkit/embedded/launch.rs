//! The process that becomes buildkitd: enters its namespaces, ties its life to the keeper's, and runs the daemon in its place.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::UnshareFlags;

use super::plan::{Namespace, Plan};

/// What the keeper sends when the ids are mapped.
pub const GO: u8 = b'\n';

/// Becomes the daemon of a directory; returns only if that fails. Talks to the keeper over standard input and output.
pub fn launch(dir: &Path) -> ExitCode {
    let Err(error) = run(dir);
    let _ = writeln!(io::stderr(), "cannot start buildkitd: {error}");
    ExitCode::FAILURE
}

enum Never {}

fn run(dir: &Path) -> io::Result<Never> {
    let plan = Plan::load(dir)?;
    let keeper = getppid();
    match &plan.namespace {
        // Mounts that a killed daemon leaves go away with the namespace. Without the right to make one it starts all the same.
        Namespace::Root => {
            if unshare(UnshareFlags::NEWNS).is_ok() {
                let _ = mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM);
            }
        }
        Namespace::Subordinate { .. } => enter_user_namespace()?,
        Namespace::SingleId { uid, gid } => {
            enter_user_namespace()?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("0 {uid} 1\n"))?;
            fs::write("/proc/self/gid_map", format!("0 {gid} 1\n"))?;
        }
    }
    io::stdout().write_all(&[GO])?;
    io::stdout().flush()?;
    io::stdin().read_exact(&mut [0])?;

    // Only now: a change of credentials clears it. The keeper may have died before it was set.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid() != keeper {
        return Err(io::Error::other("the keeper is gone"));
    }
    let mut command = Command::new(&plan.daemon);
    command.arg("--config").arg(&plan.config).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("PATH", &plan.path);
    if !matches!(plan.namespace, Namespace::Root) {
        // By these buildkitd sees that its root is not the machine's.
        command.arg("--rootless").env("USER", "werf").env("HOME", &plan.runtime_dir).env("XDG_RUNTIME_DIR", &plan.runtime_dir);
    }
    Err(command.exec())
}

fn enter_user_namespace() -> io::Result<()> {
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
        .map_err(|error| io::Error::new(error.kind(), format!("no user namespace for this user: {error}")))
}

#[allow(unsafe_code)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: what makes it unsafe is a file descriptor table that threads no longer share; FILES is never among the flags, and
    // this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}
