//! Append-only lines, for logs and pipes. Output of build steps is shown whole lines at a time under their image's name, and what was
//! said of a step or of a resource is not said again.

use std::collections::{HashMap, HashSet};

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Look, Verbosity, line, write_stderr};
use crate::event::Event;

/// Prints until the senders are gone.
pub async fn run(look: Look, mut events: UnboundedReceiver<Event>) {
    let mut steps = StepOutput::default();
    let mut said = Said::default();
    while let Some(event) = events.recv().await {
        if let Some(line) = line::of(&event)
            && line.level <= look.verbosity
            && said.is_news(&event)
        {
            print(&look, &line.print(look.style));
        }
        if look.verbosity > Verbosity::Quiet {
            steps.take(&event, |text| print(&look, text));
        }
    }
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
    if look.time { format!("{} {text}\n", jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z")) } else { format!("{text}\n") }
}

/// Joins the pieces of each step's output to whole lines.
#[derive(Default)]
pub struct StepOutput(HashMap<(String, String), String>);

impl StepOutput {
    /// Takes an event and calls `print` for each line that it completes.
    pub fn take(&mut self, event: &Event, mut print: impl FnMut(&str)) {
        match event {
            Event::StepPrinted { image, step, text, .. } => {
                let rest = self.0.entry((image.clone(), step.clone())).or_default();
                rest.push_str(text);
                while let Some(end) = rest.find('\n') {
                    let whole: String = rest.drain(..=end).collect();
                    print(&prefixed(image, &whole));
                }
            }
            Event::StepDone { image, step, .. } | Event::StepFailed { image, step } => {
                if let Some(rest) = self.0.remove(&(image.clone(), step.clone()))
                    && !rest.is_empty()
                {
                    print(&prefixed(image, &rest));
                }
            }
            _ => {}
        }
    }
}

fn prefixed(image: &str, text: &str) -> String {
    // a carriage return overwrites what stood there: the last piece is what a terminal would show
    let visible = text.trim_end_matches(['\n', '\r']).rsplit('\r').next().unwrap_or_default();
    format!("{:>12} │ {}", image, line::printable(visible))
}
