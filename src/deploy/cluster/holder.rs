//! Which process holds a lock, so that another one on the same machine sees that it has ended.
//!
//! A number of a process says little by itself: containers count their own, numbers are given anew, and other machines have them too. What
//! was written down is compared in all that tells processes apart (the kernel's boot, the namespace of numbers, the host's name, the time
//! at which the process began, see proc(5)); where any of it is not known or not ours, nothing is said about the process.

use std::io;

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, told apart from all others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Process {
    /// The kernel's run: `/proc/sys/kernel/random/boot_id`.
    boot: String,
    /// Copies of one virtual machine have the same boot, but rarely the same name.
    host: String,
    /// What the number counts in, as `/proc/self/ns/pid` names it.
    pid_namespace: String,
    pid: i32,
    /// When it began, in ticks since the boot.
    started: u64,
}

impl Process {
    /// This process, where the system tells all of it.
    pub fn this() -> Option<Process> {
        let pid = rustix::process::getpid();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        let host = rustix::system::uname().nodename().to_str().ok()?.to_owned();
        let pid_namespace = std::fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_string().ok()?;
        let pid = pid.as_raw_pid();
        // a /proc that was brought along from outside counts otherwise
        let is_ours = std::fs::read_link("/proc/self").ok()?.to_str()? == pid.to_string();
        let Stat { started, .. } = stat(pid).ok().flatten().filter(|_| is_ours)?;
        Some(Process { boot, host, pid_namespace, pid, started })
    }

    /// Whether the process has surely ended. What runs on another machine or in another container is never known to have.
    pub fn has_ended(&self) -> bool {
        let Some(this) = Process::this() else { return false };
        let is_near = (&self.boot, &self.host, &self.pid_namespace) == (&this.boot, &this.host, &this.pid_namespace);
        if !is_near || self.pid <= 0 {
            return false;
        }
        let Some(pid) = Pid::from_raw(self.pid) else { return false };
        // where /proc hides the processes of other users, signals still tell that they are there
        if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            return true;
        }
        stat(self.pid).ok().flatten().is_some_and(|now| now.started != self.started || now.is_over)
    }
}

struct Stat {
    started: u64,
    /// Ended, but not yet collected by its parent.
    is_over: bool,
}

/// What `/proc` says of a process; nothing where its words are not understood.
fn stat(pid: i32) -> io::Result<Option<Stat>> {
    let text = std::fs::read(format!("/proc/{pid}/stat"))?;
    let text = String::from_utf8_lossy(&text);
    // the second field is the program's name in parentheses, which may hold anything
    let Some((_, rest)) = text.rsplit_once(')') else { return Ok(None) };
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // the third field and the twenty-second
    let (Some(state), Some(Ok(started))) = (fields.first(), fields.get(19).map(|ticks| ticks.parse())) else { return Ok(None) };
    Ok(Some(Stat { started, is_over: matches!(*state, "Z" | "X") }))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_runs_has_not_ended() {
        let this = Process::this().unwrap();
        assert!(!this.has_ended());
        let text = serde_json::to_string(&this).unwrap();
        assert_eq!(serde_json::from_str::<Process>(&text).unwrap(), this);
    }

    #[test]
    fn a_child_ends_when_it_is_killed_even_if_nobody_collects_it() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let started = stat(pid).unwrap().unwrap().started;
        let process = Process { pid, started, ..Process::this().unwrap() };
        assert!(!process.has_ended());
        child.kill().unwrap();
        while !stat(pid).unwrap().unwrap().is_over {
            std::thread::yield_now();
        }
        assert!(process.has_ended(), "a process that is over, but was not collected");
        child.wait().unwrap();
        assert!(process.has_ended());
    }

    #[test]
    fn a_number_that_was_given_anew_is_another_process() {
        let this = Process::this().unwrap();
        assert!(Process { started: this.started + 1, ..this }.has_ended());
    }

    #[test]
    fn of_processes_elsewhere_nothing_is_known() {
        let this = Process { pid: i32::MAX, ..Process::this().unwrap() };
        assert!(this.has_ended(), "no such number here");
        for elsewhere in [
            Process { boot: "another".into(), ..this.clone() },
            Process { host: "another".into(), ..this.clone() },
            Process { pid_namespace: "pid:[1]".into(), ..this.clone() },
            Process { pid: 0, ..this.clone() },
            Process { pid: -1, ..this.clone() },
        ] {
            assert!(!elsewhere.has_ended(), "{elsewhere:?}");
        }
    }
}
