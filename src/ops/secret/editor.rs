//! The user's editor, and the private place where it sees what is a secret.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use miette::Diagnostic;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::child_process;
use crate::error::Result;

/// Editors that are taken where none is named, the first that is there.
const EDITORS: [&str; 3] = ["vim", "vi", "nano"];

/// How long an editor that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long after an editor's death by a signal this program may learn of the same signal.
const TOGETHER: Duration = Duration::from_millis(300);

/// Which editor.
#[derive(Clone, Debug, Default)]
pub struct EditorOptions {
    /// `EDITOR`: a program with its arguments, split at white space.
    pub command: Option<String>,
    /// Where programs are looked for.
    pub path: OsString,
}

/// A program that edits a file.
#[derive(Debug)]
pub(super) struct Editor {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Editor {
    /// The editor that is named, else one of the usual ones.
    pub(super) fn find(options: &EditorOptions) -> Result<Self> {
        let mut words = options.command.iter().flat_map(|command| command.split_whitespace());
        if let Some(program) = words.next() {
            return Ok(Editor { program: program.into(), arguments: words.map(str::to_owned).collect() });
        }
        let program = EDITORS.iter().find_map(|name| child_process::find(name, &options.path)).ok_or(EditorError::None)?;
        Ok(Editor { program, arguments: Vec::new() })
    }

    /// Lets the user edit a file; ends with the editor, or when the command is to stop.
    pub(super) async fn edit(&self, file: &Path, cancel: &CancellationToken) -> Result<()> {
        let program = self.program.display().to_string();
        let terminal = tcgetattr(io::stdin()).ok();
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| EditorError::Unstarted { program: program.clone(), cause })?;
        let Some(status) = cancel.run_until_cancelled(child.wait()).await else {
            end(child, terminal).await;
            return Err(EditorError::Stopped { program }.into());
        };
        let status = status.map_err(|cause| EditorError::Unstarted { program: program.clone(), cause })?;
        if status.signal().is_some() {
            // Ctrl-C reaches the editor and this program alike
            let _ = timeout(TOGETHER, cancel.cancelled()).await;
        }
        if status.success() { Ok(()) } else { Err(EditorError::Failed { program, status }.into()) }
    }
}

/// Ends an editor, and gives the terminal back as it was.
async fn end(mut child: Child, terminal: Option<Termios>) {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(PATIENCE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
    if let Some(terminal) = terminal {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &terminal);
    }
}

/// A directory that only this user can look into. It goes with this value.
#[derive(Debug)]
pub(super) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes one.
    pub(super) fn make(within: &Path) -> io::Result<Self> {
        let path = within.join(format!("werf-edit-secret-{}", uuid::Uuid::new_v4()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(PrivateFolder(path))
    }

    /// Writes a file that only this user can read.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(bytes)?;
        Ok(path)
    }

    /// Leaves it where it is.
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Error, Diagnostic)]
enum EditorError {
    #[error("there is no editor: EDITOR is not set, and none of {} is in the directories of PATH", EDITORS.join(", "))]
    #[diagnostic(help("name one, as in `EDITOR=nano`"))]
    None,
    #[error("cannot run the editor {program}")]
    #[diagnostic(help("EDITOR must be a program that can be run, with its arguments: `EDITOR=\"code --wait\"`"))]
    Unstarted {
        program: String,
        #[source]
        cause: io::Error,
    },
    #[error("the editor {program} failed: {status}")]
    #[diagnostic(help("nothing was changed"))]
    Failed { program: String, status: ExitStatus },
    #[error("the editor {program} was stopped")]
    #[diagnostic(help("nothing was changed"))]
    Stopped { program: String },
}
