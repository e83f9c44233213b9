//! Questions to the user, on standard error, and what standard input answers.

use std::io::{self, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::style::{Style, Tone};

/// All of standard input.
pub async fn input() -> io::Result<Vec<u8>> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    });
    reading.await.map_err(io::Error::other)?
}

/// One line of the terminal, without its end, that nobody sees. The terminal shows lines again when this ends or is dropped.
pub async fn hidden(question: &str, style: Style) -> io::Result<Vec<u8>> {
    let silence = Silence::begin()?;
    super::write_stderr(&style.paint(Tone::Strong, question));
    let line = line().await;
    drop(silence);
    Ok(line?.unwrap_or_default())
}

/// Asks a question; gives the line that answers it, `None` where standard input has ended.
pub async fn answer(question: &str, style: Style) -> Option<String> {
    super::write_stderr(&style.paint(Tone::Strong, question));
    let line = line().await.ok().flatten();
    if !io::stdin().is_terminal() {
        super::write_stderr("\n");
    }
    line.map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// A line of standard input. Nothing behind it is read: that is for others.
async fn line() -> io::Result<Option<Vec<u8>>> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match rustix::io::read(io::stdin(), &mut byte) {
                Ok(0) => return Ok((!line.is_empty()).then_some(line)),
                Ok(_) if byte == *b"\n" => return Ok(Some(line)),
                Ok(_) => line.extend(byte),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    });
    reading.await.map_err(io::Error::other)?
}

/// The terminal does not show what is typed.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Silence(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        // the user's own line break was not shown
        super::write_stderr("\n");
    }
}
