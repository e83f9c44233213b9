//! The only writer of standard output and standard error.
//!
//! Data (rendered manifests, a plan, a list) goes to standard output, everything else to standard error. Events are drawn live on a
//! terminal ([`live`]: [`board`] knows what goes on, [`mod@row`] lays it out, [`region`] draws) and as append-only lines elsewhere
//! ([`plain`]); both print the same [`mod@line`]s. Programs read [`json`]. Errors are laid out by [`report`], and [`prompt`] asks.

mod board;
mod digests;
pub mod fold;
mod json;
pub mod line;
mod live;
mod pending;
mod plain;
pub mod prompt;
mod region;
pub mod report;
mod row;
pub mod style;
mod title;
mod waiting;

use std::io::{IsTerminal, Write};

use tokio::task::JoinHandle;

use crate::concealed::masked;
use crate::error::Error;
use crate::event::{Event, Facts};
use fold::Folds;
use line::Line;
use style::Style;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors, warnings and how it ended.
    Quiet,
    /// What changed, and what is waited for.
    Normal,
    /// Also cached steps, unchanged things and all output of the build steps.
    Verbose,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorMode {
    /// On a terminal that does not say otherwise.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// What the log is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// Each event as one JSON object.
    Json,
}

/// The look of everything that goes to standard error.
#[derive(Clone, Debug)]
pub struct Look {
    /// Text or JSON.
    pub format: Format,
    /// How much is told.
    pub verbosity: Verbosity,
    /// Colour or not.
    pub style: Style,
    /// A time stamp before each line, as `strftime` writes it.
    pub time: Option<String>,
    /// Whose marks of parts that fold a log has.
    pub folds: Option<Folds>,
    /// Whether a live region may be drawn.
    pub live: bool,
    /// Whether digests are told by their first digits.
    pub short_digests: bool,
    /// Columns of the terminal, where somebody says so.
    pub width: Option<usize>,
}

impl Look {
    /// Decides by the terminal on standard error. `no_color` and `dumb` are what the environment says (`NO_COLOR`, `TERM=dumb`).
    pub fn decide(verbosity: Verbosity, color: ColorMode, width: Option<usize>, no_color: bool, dumb: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let colored = match color {
            ColorMode::On => true,
            ColorMode::Off => false,
            ColorMode::Auto => terminal && !no_color && !dumb,
        };
        let live = terminal && !dumb && verbosity != Verbosity::Quiet;
        let short_digests = terminal && verbosity < Verbosity::Verbose;
        Look { format: Format::Text, verbosity, style: Style::new(colored), time: None, folds: None, live, short_digests, width }
    }

    /// The line of an event, where it is told.
    fn line(&self, event: &Event) -> Option<Line> {
        let line = line::of(event).filter(|line| line.level <= self.verbosity)?;
        // what others say, and what is there to be copied, stays whole
        let is_whole = matches!(
            event,
            Event::Warned { .. }
                | Event::PodPrinted { .. }
                | Event::ResourceTold { .. }
                | Event::ApplicationReachable { .. }
                | Event::NextSteps { .. }
        );
        let text = if is_whole { line.text } else { self.digests(line.text) };
        Some(Line { text, ..line })
    }

    /// A text with digests as they are told.
    fn digests(&self, text: String) -> String {
        if self.short_digests { digests::shortened(&text) } else { text }
    }

    /// Columns and rows that the terminal has now.
    fn size(&self) -> (usize, usize) {
        let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
        let known = |of: fn(&rustix::termios::Winsize) -> u16| size.as_ref().map(|size| usize::from(of(size))).filter(|&count| count > 0);
        let columns = self.width.filter(|&columns| columns > 0).or_else(|| known(|size| size.ws_col)).unwrap_or(80);
        (columns, known(|size| size.ws_row).unwrap_or(24))
    }
}

/// Draws events until every sender is gone. Await the handle to be sure that the last line is out.
pub fn start(look: Look, events: Facts) -> JoinHandle<()> {
    match look.format {
        Format::Json => tokio::spawn(json::run(events)),
        Format::Text if look.live => tokio::spawn(live::run(look, events)),
        Format::Text => tokio::spawn(plain::run(look, events)),
    }
}

/// Writes data to standard output. A reader that went away (`| head`) is no error.
pub fn data(text: &str) {
    bytes(text.as_bytes());
}

/// The same for data in which secret values have no place: all but what a user asks for by name.
pub fn masked_data(text: &str) {
    data(&masked(text));
}

/// The same for data that may be no text. Where rows stand on the terminal it takes their place; they come again below it.
pub fn bytes(bytes: &[u8]) {
    region::erase();
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Asks on standard error; the answer is the caller's to read.
pub fn ask(question: &str) {
    write_stderr(question);
}

/// Prints an error with its causes, source lines and help, and what stands below.
pub fn error(look: &Look, error: &Error) {
    match look.format {
        Format::Json => json::error(error.diagnostic(), error.postscript()),
        Format::Text => write_stderr(&(report::render(error.diagnostic(), look.style) + error.postscript())),
    }
}

/// Sends the program's own traces to standard error: `--log-debug`.
pub fn trace() {
    let filter = tracing_subscriber::EnvFilter::new("werf=debug,warn");
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Masked).try_init();
}

/// Standard error for traces, secret values left out. What is written at once is a whole line.
struct Masked;

impl Write for Masked {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        write_stderr(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes whole lines to standard error in one call, so that they never tear. Secret values are left out.
fn write_stderr(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(format!("{}{}", region::erased(), masked(text)).as_bytes());
}
