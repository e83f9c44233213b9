//! A password on standard input.

use std::io::{self, BufRead, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::ops::Secret;

/// Reads a password without the line break behind it. On a terminal it is asked for, and what is typed is not shown.
pub fn of_stdin() -> Secret {
    let mut text = String::new();
    let stdin = io::stdin();
    // an unreadable standard input gives no password, and the server says so
    let _ = if stdin.is_terminal() { ask(&mut text) } else { stdin.lock().read_to_string(&mut text).map(drop) };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Secret::new(text.strip_suffix('\r').unwrap_or(text))
}

fn ask(text: &mut String) -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    crate::ui::ask("Password: ");
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let read = stdin.read_line(text);
    tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
    crate::ui::ask("\n");
    read.map(drop)
}
