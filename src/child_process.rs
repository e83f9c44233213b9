//! Programs of the user's: where they are, and what they are asked. They end with us, and so does whatever they have started.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

/// A program that can be run: the one at a path, or the first of that name in the directories of a `PATH`, as a shell finds it.
pub fn find(program: impl AsRef<OsStr>, path: &OsStr) -> Option<PathBuf> {
    let named = PathBuf::from(program.as_ref());
    let found = which::which_in(&named, Some(path), ".").ok()?;
    Some(if named.components().count() > 1 { named } else { found })
}

/// Gives a program a text on standard input and takes what it prints; `None` where that takes longer than `limit`. Where nobody waits
/// any more, or it takes too long, the program and its children are killed.
///
/// The command must have its streams piped, and is to be killed when it is dropped.
pub async fn asked(mut child: Child, input: &[u8], limit: Duration) -> std::io::Result<Option<Output>> {
    let family = Family::of(&child);
    let stdin = child.stdin.take();
    let work = async move {
        if let Some(mut stdin) = stdin {
            // a program may answer without reading: then the pipe is closed, and that is no failure
            let _ = stdin.write_all(input).await;
        }
        child.wait_with_output().await
    };
    let mut work = std::pin::pin!(work);
    // dropped before the work is: a program that is gone tells no more what it has started
    let mut family = family;
    match tokio::time::timeout(limit, &mut work).await {
        Ok(output) => {
            family.0 = None;
            output.map(Some)
        }
        Err(_) => Ok(None),
    }
}

/// A running program with its children, which are killed when this is dropped.
struct Family(Option<Pid>);

impl Family {
    fn of(child: &Child) -> Self {
        Family(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let Some(first) = self.0 else { return };
        let mut members = vec![first];
        let mut at = 0;
        while let Some(member) = members.get(at).copied() {
            members.extend(children(member));
            at += 1;
        }
        for member in members {
            let _ = kill_process(member, Signal::KILL);
        }
    }
}

/// The children of a process, as Linux tells them.
fn children(of: Pid) -> Vec<Pid> {
    let id = of.as_raw_pid();
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;
    use tokio::process::Command;

    fn program(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    }

    #[tokio::test]
    async fn a_program_answers() {
        let output = asked(program("cat; echo e >&2; exit 3"), b"text", Duration::from_secs(20)).await.unwrap().unwrap();
        assert_eq!((output.status.code(), &output.stdout[..], &output.stderr[..]), (Some(3), &b"text"[..], &b"e\n"[..]));
    }

    #[tokio::test]
    async fn a_program_that_hangs_ends_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sh -c 'echo $$ >{0}.new; mv {0}.new {0}; sleep 60; true' & wait", file.display());
        let child = program(&script);
        let hanging = asked(child, b"", Duration::from_secs(60));
        tokio::select! {
            _ = hanging => panic!("it does not end by itself"),
            () = async { while !file.exists() { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
        }
        let pid: i32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let is_gone = || fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
        for _ in 0..400 {
            if is_gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("process {pid} still runs");
    }

    #[tokio::test]
    async fn a_limit_is_kept() {
        assert!(asked(program("sleep 60"), b"", Duration::from_millis(50)).await.unwrap().is_none());
    }
}
