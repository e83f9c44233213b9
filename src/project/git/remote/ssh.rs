//! The user's own `ssh` program, called as Git calls it: `GIT_SSH_COMMAND`, `core.sshCommand`, `GIT_SSH`, `ssh.variant` (git-config(1)).

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::RemoteError;
use super::settings::Settings;
use super::wire::{Link, printable};

/// How long a program that closed its output may take to end.
const END: Duration = Duration::from_secs(5);

/// Which program, and what it understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ssh {
    /// A command line for the shell, or the name of a program.
    program: String,
    is_shell: bool,
    /// `ssh.variant` or `GIT_SSH_VARIANT`.
    variant: Option<String>,
    keys: Vec<PathBuf>,
}

impl Ssh {
    /// The program that the user's variables and configuration name.
    pub fn new(settings: &Settings, variable: fn(&str) -> Option<String>, keys: &[PathBuf]) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let shell = set("GIT_SSH_COMMAND").or_else(|| settings.string("core.sshCommand"));
        let is_shell = shell.is_some();
        let program = shell.or_else(|| set("GIT_SSH")).unwrap_or_else(|| "ssh".into());
        Ssh { program, is_shell, variant: set("GIT_SSH_VARIANT").or_else(|| settings.string("ssh.variant")), keys: keys.to_vec() }
    }

    /// Runs `git-upload-pack` on a server.
    pub async fn open(&self, url: &str, destination: &str, port: Option<u16>, path: &str) -> Result<Link, RemoteError> {
        let options = self.options(destination, port).await;
        let mut command = self.command();
        command.args(options).arg(destination).arg(format!("git-upload-pack {}", quoted(path)));
        command.env("GIT_PROTOCOL", "version=2");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
            let (url, program, destination) = (url.to_owned(), self.program.clone(), destination.to_owned());
            RemoteError::Ssh { url, program, destination, said: error.to_string() }
        })?;
        let (Some(reader), Some(writer), Some(stderr)) = (child.stdout.take(), child.stdin.take(), child.stderr.take()) else {
            return Err(RemoteError::Broken { url: url.to_owned(), problem: "the program has no streams".into() });
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn(listen(stderr, said.clone()));
        let process = Process { child, said, listener, program: self.program.clone(), destination: destination.to_owned() };
        Ok(Link::Stream { reader: Box::new(reader), writer: Box::new(writer), process: Some(Box::new(process)) })
    }

    /// What a program of a server says, in one piece.
    pub async fn ask(
        &self,
        url: &str,
        destination: &str,
        port: Option<u16>,
        words: &[&str],
        silence: Duration,
    ) -> Result<Vec<u8>, RemoteError> {
        let words: Vec<String> =
            words.iter().enumerate().map(|(at, word)| if at == 0 { (*word).to_owned() } else { quoted(word) }).collect();
        let failed = |said: String| {
            let (url, program, destination) = (url.to_owned(), self.program.clone(), destination.to_owned());
            RemoteError::Ssh { url, program, destination, said }
        };
        let mut command = self.command();
        command.args(self.options(destination, port).await).arg(destination).arg(words.join(" "));
        let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output =
            timeout(silence, output).await.map_err(|_| RemoteError::TimedOut { url: url.to_owned(), seconds: silence.as_secs() })?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failed(last_words(&output.stderr).unwrap_or_else(|| format!("it ended with {}", output.status)))),
        }
    }

    /// Programs of other names are asked whether they know OpenSSH's options, as Git asks them.
    async fn options(&self, destination: &str, port: Option<u16>) -> Vec<String> {
        let first = if self.is_shell { self.program.split_whitespace().next().unwrap_or_default() } else { &self.program };
        let name = first.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let variant = self.variant.as_deref().filter(|variant| *variant != "auto").unwrap_or(&name);
        let port_flag = match variant.trim_end_matches(".exe") {
            "simple" => return Vec::new(),
            "plink" | "putty" => "-P",
            "tortoiseplink" => "-P",
            "ssh" => "-p",
            _ if self.keys.is_empty() && !self.knows_options(destination, port).await => return Vec::new(),
            _ => "-p",
        };
        let mut options = Vec::new();
        if port_flag == "-p" {
            // The user's own options stand before these in the command, and the first one counts.
            options.extend(["-o", "SendEnv=GIT_PROTOCOL", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"].map(str::to_owned));
        }
        for key in &self.keys {
            options.extend(["-i".to_owned(), key.display().to_string()]);
        }
        if port_flag == "-p" && !self.keys.is_empty() {
            options.extend(["-o".to_owned(), "IdentitiesOnly=yes".to_owned()]);
        }
        options.extend(port.into_iter().flat_map(|port| [port_flag.to_owned(), port.to_string()]));
        options
    }

    async fn knows_options(&self, destination: &str, port: Option<u16>) -> bool {
        let mut command = self.command();
        command.arg("-G").args(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_string()])).arg(destination);
        let run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        timeout(END, run).await.is_ok_and(|status| status.is_ok_and(|status| status.success()))
    }

    fn command(&self) -> Command {
        let mut command = if self.is_shell {
            let mut command = Command::new("sh");
            command.arg("-c").arg(format!("{} \"$@\"", self.program)).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.kill_on_drop(true);
        command
    }
}

/// A running program whose output is a stream of ours.
pub(super) struct Process {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
    program: String,
    destination: String,
}

impl Process {
    /// What went wrong with a program whose output has ended; `None` if it ended well.
    pub async fn failure(&mut self, url: &str) -> Option<RemoteError> {
        let status = timeout(END, self.child.wait()).await.ok()?.ok()?;
        if status.success() {
            return None;
        }
        // A child of the program may keep the stream open.
        let _ = timeout(END, &mut self.listener).await;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = last_words(&said).unwrap_or_else(|| format!("it ended with {status}"));
        Some(RemoteError::Ssh { url: url.to_owned(), program: self.program.clone(), destination: self.destination.clone(), said })
    }
}

/// Keeps the end of what a program says.
async fn listen(mut stream: impl tokio::io::AsyncRead + Unpin, said: Arc<Mutex<Vec<u8>>>) {
    const KEPT: usize = 16 << 10;
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&piece[..length]);
        let excess = said.len().saturating_sub(KEPT);
        said.drain(..excess);
    }
}

/// The last line with words that a program said.
fn last_words(said: &[u8]) -> Option<String> {
    String::from_utf8_lossy(said).lines().map(printable).rfind(|line| line.contains(char::is_alphanumeric))
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''").replace('!', r"'\!'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn options_are_those_that_the_program_knows() {
        let ssh = |program: &str, variant: Option<&str>, keys: &[&str]| Ssh {
            program: program.into(),
            is_shell: true,
            variant: variant.map(Into::into),
            keys: keys.iter().map(PathBuf::from).collect(),
        };
        const OPEN: &str = "-o SendEnv=GIT_PROTOCOL -o BatchMode=yes -o ConnectTimeout=10";
        for (ssh, expect) in [
            (ssh("/usr/bin/ssh -v", None, &[]), format!("{OPEN} -p 7")),
            (ssh("ssh", None, &["/k"]), format!("{OPEN} -i /k -o IdentitiesOnly=yes -p 7")),
            (ssh("plink", None, &["/k"]), "-i /k -P 7".into()),
            (ssh("ssh", Some("simple"), &[]), String::new()),
            (ssh("true", None, &[]), format!("{OPEN} -p 7")),
            (ssh("false", None, &[]), String::new()),
        ] {
            assert_eq!(ssh.options("host", Some(7)).await.join(" "), expect, "{ssh:?}");
        }
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        for (text, expect) in [("a b", "'a b'"), ("a'b", r"'a'\''b'"), ("a!b", r"'a'\!'b'")] {
            assert_eq!(quoted(text), expect);
        }
    }
}
