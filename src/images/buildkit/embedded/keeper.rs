//! The process that starts the daemon and ends it when nobody uses it any more.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, set_child_subreaper, setsid};

use super::lock::{Hold, Lock};
use super::plan::{IdMap, Namespace, Plan};
use super::{REEXEC, launch};

/// How long the daemon may take to end before it is killed. It waits for open requests, though nobody needs their answers.
const GRACE: Duration = Duration::from_secs(3);

/// Runs the daemon of a directory until it ends or until the last user is gone. Standard input is the keeper's lock.
pub fn keep(dir: &Path) -> ExitCode {
    match run(dir) {
        Ok(code) => code,
        Err(error) => {
            // Standard error is the daemon's log, which errors show.
            let _ = writeln!(io::stderr(), "cannot start buildkitd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(dir: &Path) -> io::Result<ExitCode> {
    // Away from the terminal: Ctrl-C ends the command, and the command's end ends us.
    let _ = setsid();
    // What the daemon leaves behind when it is killed comes to us.
    let _ = set_child_subreaper(Some(rustix::process::getpid()));
    let plan = Plan::load(dir)?;
    let mut child = spawn(&plan, dir)?;
    let pid = child_pid(&child)?;

    let users = Lock::open(&plan.users_lock)?;
    std::thread::spawn(move || {
        // Ours alone: no command holds a share any more. It is held to the end, so that a new command waits for it.
        let Ok(_held) = users.take(Hold::Alone) else { return };
        let _ = kill_process(pid, Signal::TERM);
        std::thread::sleep(GRACE);
        let _ = kill_process(pid, Signal::KILL);
        std::thread::sleep(GRACE);
    });
    let status = child.wait()?;
    kill_orphans();
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the daemon from this thread, which lives as long as the process: the death signal is bound to the thread.
fn spawn(plan: &Plan, dir: &Path) -> io::Result<Child> {
    let mut command = Command::new(&plan.own_binary);
    command.arg(REEXEC).arg("launch").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    // The launcher says when it is in its namespace, and goes on when its ids are mapped.
    let mut answer = [0];
    if let Some(stdout) = &mut child.stdout {
        stdout.read_exact(&mut answer).map_err(|_| io::Error::other("the launcher ended before its time"))?;
    }
    if let Namespace::Subordinate { uids, gids } = &plan.namespace {
        let pid = child.id();
        if let Err(error) = map(uids, pid).and_then(|()| map(gids, pid)) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
    }
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&[launch::GO])?;
    }
    Ok(child)
}

fn map(ids: &IdMap, pid: u32) -> io::Result<()> {
    let output = Command::new(&ids.tool).arg(pid.to_string()).args(ids.arguments()).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("user namespace: {} failed: {}", ids.tool.display(), words.trim())))
}

fn child_pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("a child without a process id"))
}

/// Kills what the daemon left to us, such as containers of a daemon that was killed itself.
fn kill_orphans() {
    let path = format!("/proc/self/task/{}/children", rustix::thread::gettid().as_raw_pid());
    let children = fs::read_to_string(path).unwrap_or_default();
    for pid in children.split_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
