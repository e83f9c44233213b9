//! The binary on a pseudo-terminal, and a terminal emulator that shows what a person sees.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A command that runs on a terminal.
pub struct Terminal {
    master: OwnedFd,
    output: Receiver<Vec<u8>>,
    emulator: avt::Terminal,
    /// Bytes of a character that has not come as a whole.
    partial: Vec<u8>,
    /// An update that has not come as a whole: what is synchronized is shown at once.
    update: String,
    /// Whether the window was made larger or smaller: what stood there wraps until it is drawn again.
    is_resized: bool,
    /// All that was shown.
    pub written: String,
    child: Child,
}

/// How long a screen is waited for: it comes at once, but on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

impl Terminal {
    /// Starts a command on a terminal of so many columns and rows.
    pub fn run(mut command: Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).expect("its other end");
        tcsetwinsize(&master, size(columns, rows)).expect("a size");
        let end = || Stdio::from(slave.try_clone().expect("a copy"));
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("it runs");
        // the terminal hangs up once only the child has it and ends
        drop((command, slave));
        let output = read(master.try_clone().expect("a copy"));
        let emulator = avt::Terminal::with_scrollback(columns.into(), rows.into(), None).expect("a size");
        Terminal { master, output, emulator, partial: Vec::new(), update: String::new(), is_resized: false, written: String::new(), child }
    }

    /// Makes the window so large while the command runs.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.is_resized = true;
        self.emulator.resize(columns.into(), rows.into());
        tcsetwinsize(&self.master, size(columns, rows)).expect("a size");
    }

    /// Sends a signal, as a terminal does for Ctrl-C.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).expect("a process id"), signal).expect("it runs");
    }

    /// Waits for a screen, and gives it with what differs from run to run under names.
    pub fn until(&mut self, is_there: impl Fn(&str) -> bool) -> String {
        tokio::task::block_in_place(|| {
            let begun = Instant::now();
            loop {
                // what is written at once is seen at once
                while let Ok(bytes) = self.output.try_recv() {
                    self.feed(&bytes);
                }
                let screen = self.screen();
                if is_there(&screen) {
                    return screen;
                }
                let left = PATIENCE.saturating_sub(begun.elapsed());
                match self.output.recv_timeout(left) {
                    Ok(bytes) => self.feed(&bytes),
                    Err(_) => panic!("not seen after {:?}:\n{screen}\n--\n{:?}", begun.elapsed(), self.written),
                }
            }
        })
    }

    /// Waits for a screen that has a text.
    pub fn shows(&mut self, text: &str) -> String {
        self.until(|screen| screen.contains(text))
    }

    /// Waits for the end of the command; gives its exit code and all that stays, with what scrolled away.
    pub fn ended(&mut self) -> (Option<i32>, String) {
        tokio::task::block_in_place(|| {
            while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
                self.feed(&bytes);
            }
            let status = self.child.wait().expect("it ends");
            (status.code(), self.all())
        })
    }

    /// What stands in the window; lines that the terminal wrapped are whole. Rows are not wrapped.
    fn screen(&self) -> String {
        let mut lines = vec![String::new()];
        for line in self.emulator.screen().visible_lines() {
            let text = line.text();
            let is_row = ["   building  ", "    waiting  ", "       done  "].iter().any(|verb| text.starts_with(verb));
            assert!(self.is_resized || !(is_row && line.is_wrapped()), "a row wraps: {text}");
            lines.last_mut().expect("a line").push_str(&text);
            if !line.is_wrapped() {
                lines.push(String::new());
            }
        }
        masked(lines.into_iter())
    }

    /// What stands in the window and above it, line by line as it would be copied.
    pub fn all(&self) -> String {
        masked(self.emulator.primary_screen().text().into_iter())
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.partial.extend(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.partial.split_off(whole);
        self.update += &String::from_utf8(std::mem::replace(&mut self.partial, rest)).expect("text");
        let rest = self.update.split_off(complete(&self.update));
        let text = std::mem::replace(&mut self.update, rest);
        self.emulator.feed(text.as_str());
        self.written += &text;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How much of a text is outside of a synchronized update that has no end yet.
fn complete(text: &str) -> usize {
    const BEGIN: &str = "\x1b[?2026h";
    let after = text.rfind("\x1b[?2026l").unwrap_or(0);
    let begun = text[after..]
        .find(BEGIN)
        .or_else(|| (1..BEGIN.len()).rev().find_map(|part| text[after..].strip_suffix(&BEGIN[..part])).map(str::len));
    begun.map_or(text.len(), |begun| after + begun)
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

fn read(master: OwnedFd) -> Receiver<Vec<u8>> {
    let (sender, output) = mpsc::channel();
    let mut master = File::from(master);
    std::thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        // a terminal that hung up is an error
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    output
}

/// Lines without the space at their ends and the empty ones at the end, times and addresses named.
fn masked(lines: impl Iterator<Item = String>) -> String {
    let mut text: String = lines.map(|line| line.trim_end().to_owned() + "\n").collect();
    text.truncate(text.trim_end().len());
    for (pattern, name) in [
        (r"127\.0\.0\.1:\d{4,5}", "HOST"),
        (r"unix:///\S+/buildkitd\.sock", "ENDPOINT"),
        (r"\b[0-9a-f]{12}…", "DIGEST…"),
        (r"\b[0-9a-f]{64}\b", "WHOLE-DIGEST"),
        (r"\b(\d+h)?(\d+m)?\d+s\b", "T"),
        (r"\b(\d+ min )?\d+(\.\d)? m?s\b", "T"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, name).into_owned();
    }
    text
}
