//! Append-only lines, for logs and pipes. Output of build steps is shown whole lines at a time under their image's name, and what was
//! said of a step or of a resource is not said again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::fold::Folding;
use super::pending::Pending;
use super::{Look, Verbosity, line, write_stderr};
use crate::event::{Event, Facts};

/// Prints until the senders are gone.
pub async fn run(look: Look, mut events: Facts) {
    let mut steps = StepOutput::default();
    let mut said = Said::default();
    let mut pending = Pending::default();
    let mut folding = Folding::new(look.folds.filter(|_| look.verbosity > Verbosity::Quiet));
    let (mut last, mut lives) = (Instant::now(), 0);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = tokio::time::sleep_until(last + SILENCE * (lives + 1)), if look.verbosity > Verbosity::Quiet => {
                lives += 1;
                print(&look, &pending.told(SILENCE * lives));
                continue;
            }
        };
        let Some(event) = event else { break };
        let mut text = String::new();
        if let Some(line) = look.line(&event).filter(|_| said.is_news(&event)) {
            text += &stamped(&look, &line.print(look.style));
        }
        if look.verbosity > Verbosity::Quiet {
            steps.take(&event, |line| text += &stamped(&look, line));
        }
        pending.take(&event);
        if !text.is_empty() {
            write_stderr(&(folding.before(&event, now()) + &text));
            (last, lives) = (Instant::now(), 0);
        }
    }
    write_stderr(&folding.end(now()));
}

/// After how long a silence a log says what is waited for: who looks at it wants to know that somebody is at work.
const SILENCE: Duration = Duration::from_secs(30);

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// What was said of running steps and of waiting resources. BuildKit begins a step several times (to resolve it, to run it), and a
/// resource's status comes back to what it was.
#[derive(Default)]
struct Said(HashSet<(String, String)>);

impl Said {
    fn is_news(&mut self, event: &Event) -> bool {
        match event {
            Event::StepStarted { image, name, .. } => self.0.insert((image.clone(), name.clone())),
            Event::ResourceProgressed { resource, message } => self.0.insert((resource.clone(), message.clone())),
            // a second wait for the same resource is another matter
            Event::ResourceApplied { resource, .. } => {
                self.0.retain(|(owner, _)| owner != resource);
                true
            }
            _ => true,
        }
    }
}

/// One line with its optional time stamp.
pub fn print(look: &Look, text: &str) {
    write_stderr(&stamped(look, text));
}

/// The line as written, with time stamp and newline.
pub fn stamped(look: &Look, text: &str) -> String {
    match &look.time {
        Some(format) => format!("{} {text}\n", jiff::Zoned::now().strftime(format)),
        None => format!("{text}\n"),
    }
}

/// How many bytes of a line without an end are kept.
const LONGEST: usize = 64 << 10;

/// Joins the pieces of each step's output to whole lines.
#[derive(Default)]
pub struct StepOutput(HashMap<(String, String), Partial>);

/// The beginning of a line, and how many bytes of it were left out.
#[derive(Default)]
struct Partial {
    text: String,
    lost: usize,
}

impl StepOutput {
    /// Takes an event and calls `print` for each line that it completes.
    pub fn take(&mut self, event: &Event, mut print: impl FnMut(&str)) {
        match event {
            Event::StepPrinted { image, step, text, .. } => {
                let rest = self.0.entry((image.clone(), step.clone())).or_default();
                for piece in text.split_inclusive('\n') {
                    rest.push(piece);
                    if piece.ends_with('\n') {
                        print(&prefixed(image, &std::mem::take(rest).whole()));
                    }
                }
            }
            Event::StepDone { image, step, .. } | Event::StepFailed { image, step } => {
                if let Some(rest) = self.0.remove(&(image.clone(), step.clone()))
                    && !rest.text.is_empty()
                {
                    print(&prefixed(image, &rest.whole()));
                }
            }
            _ => {}
        }
    }
}

impl Partial {
    fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
        if self.text.len() <= LONGEST {
            return;
        }
        // what a carriage return goes back over is never shown
        let shown = self.text.trim_end_matches(['\n', '\r']).rfind('\r').map_or(0, |at| at + 1);
        if shown > 0 {
            self.text.drain(..shown);
            self.lost = 0;
        }
        let end = (0..=LONGEST.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or_default();
        self.lost += self.text.trim_end_matches(['\n', '\r']).len().saturating_sub(end);
        self.text.truncate(end);
    }

    fn whole(mut self) -> String {
        if self.lost > 0 {
            self.text += &format!("… ({} more bytes)", self.lost);
        }
        self.text
    }
}

fn prefixed(image: &str, text: &str) -> String {
    // a carriage return overwrites what stood there: the last piece is what a terminal would show
    let visible = text.trim_end_matches(['\n', '\r']).rsplit('\r').next().unwrap_or_default();
    format!("{:>12} │ {}", image, line::printable(visible))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stream;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let (mut output, mut found) = (StepOutput::default(), Vec::new());
        for piece in pieces {
            let (image, step, text) = ("app".into(), "1".into(), (*piece).into());
            output.take(&Event::StepPrinted { image, step, stream: Stream::Stdout, text }, |line| found.push(line.to_owned()));
        }
        output.take(&Event::StepFailed { image: "app".into(), step: "1".into() }, |line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(lines(&["a", "b\nc\n\nd", "e"]), ["ab", "c", "", "de"].map(|line| format!("{:>12} │ {line}", "app")));
    }

    #[test]
    fn a_line_without_an_end_costs_little_and_keeps_its_beginning() {
        let (mut rest, long) = (Partial::default(), "ä".repeat(50_000));
        for _ in 0..100 {
            rest.push(&long);
            assert!(rest.text.len() <= LONGEST, "{}", rest.text.len());
        }
        let shown = lines(&["begin ", &long, &long, "\nnext\n"]);
        let begin = format!("{:>12} │ begin ä", "app");
        assert!(shown[0].starts_with(&begin) && shown[0].ends_with("ä… (134470 more bytes)"), "{}", &shown[0][shown[0].len() - 40..]);
        assert_eq!(shown[1..], [format!("{:>12} │ next", "app")]);
        let redrawn = lines(&[&"x".repeat(LONGEST), "\r50 %", "\r100 %\n"]);
        assert_eq!(redrawn, [format!("{:>12} │ 100 %", "app")]);
    }
}
