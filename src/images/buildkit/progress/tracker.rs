//! The state of each vertex of one solve.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use prost_types::Timestamp;

use crate::event::{Event, Events, Stream};
use crate::images::buildkit::proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexWarning};

/// Lines of a step's output that an error shows.
const OUTPUT_LINES: usize = 20;
/// Bytes of one line that an error shows.
const LINE_BYTES: usize = 2_000;

/// The vertices of one solve and what is to be told about them.
pub struct Progress {
    pub image: String,
    pub endpoint: String,
    /// Names of the arguments that the Dockerfile is given.
    pub given: BTreeSet<String>,
    events: Events,
    steps: HashMap<String, Step>,
}

/// One vertex.
#[derive(Default)]
pub struct Step {
    pub name: String,
    pub output: VecDeque<String>,
    /// The daemon's words, where it failed by itself and not by another's failure.
    pub error: Option<String>,
    partial: String,
    running: Option<Timestamp>,
    took: Duration,
    told_cached: bool,
    amounts: HashMap<String, (i64, i64)>,
}

impl Progress {
    pub fn new(image: String, endpoint: String, events: Events) -> Self {
        Progress { image, endpoint, given: BTreeSet::new(), events, steps: HashMap::new() }
    }

    pub fn has_begun(&self) -> bool {
        !self.steps.is_empty()
    }

    pub fn step(&self, digest: &str) -> Option<&Step> {
        self.steps.get(digest)
    }

    /// The step that failed by itself, where there is just one.
    pub fn failed(&self) -> Option<&Step> {
        let mut failed = self.steps.values().filter(|step| step.error.is_some());
        failed.next().filter(|_| failed.next().is_none())
    }

    /// Tells what one message brings.
    pub fn take(&mut self, message: StatusResponse) {
        for vertex in message.vertexes {
            self.take_vertex(vertex);
        }
        for status in message.statuses {
            let what = if status.name.is_empty() { status.id } else { status.name };
            let amounts = (status.current, status.total);
            let step = self.steps.entry(status.vertex.clone()).or_default();
            if step.amounts.insert(what.clone(), amounts) == Some(amounts) {
                continue;
            }
            self.events.emit(Event::StepProgressed {
                image: self.image.clone(),
                step: status.vertex,
                what,
                current: status.current.max(0) as u64,
                total: status.total.max(0) as u64,
            });
        }
        for log in message.logs {
            self.take_log(log);
        }
        for warning in message.warnings.into_iter().filter(|warning| !is_idle(&self.given, &warning.short)) {
            self.events.emit(warned(&self.image, warning));
        }
    }

    fn take_vertex(&mut self, vertex: Vertex) {
        let image = || self.image.clone();
        let step = self.steps.entry(vertex.digest.clone()).or_default();
        let digest = vertex.digest;
        if !vertex.name.is_empty() {
            step.name = vertex.name;
        }
        if vertex.cached {
            if !std::mem::replace(&mut step.told_cached, true) {
                self.events.emit(Event::StepCached { image: image(), step: digest, name: step.name.clone() });
            }
            return;
        }
        let Some(started) = vertex.started else { return };
        if step.running.is_none() && vertex.completed.is_none() {
            step.running = Some(started);
            self.events.emit(Event::StepStarted { image: image(), step: digest.clone(), name: step.name.clone() });
        }
        let Some(completed) = vertex.completed else { return };
        if step.running.take().is_none() {
            // Announced and ended in one message.
            self.events.emit(Event::StepStarted { image: image(), step: digest.clone(), name: step.name.clone() });
        }
        // A vertex may run several times: a look into the cache, then the work.
        step.took += between(&started, &completed);
        if vertex.error.is_empty() {
            self.events.emit(Event::StepDone { image: image(), step: digest, took: step.took });
        } else if !vertex.error.contains("context canceled") {
            step.error = Some(vertex.error);
            self.events.emit(Event::StepFailed { image: image(), step: digest });
        }
    }

    fn take_log(&mut self, log: VertexLog) {
        let text = String::from_utf8_lossy(&log.msg).into_owned();
        self.steps.entry(log.vertex.clone()).or_default().remember(&text);
        let stream = if log.stream == 2 { Stream::Stderr } else { Stream::Stdout };
        self.events.emit(Event::StepPrinted { image: self.image.clone(), step: log.vertex, stream, text });
    }
}

impl Step {
    fn remember(&mut self, text: &str) {
        let mut lines = text.split('\n');
        self.partial.push_str(lines.next().unwrap_or_default());
        for line in lines {
            let whole = std::mem::replace(&mut self.partial, line.to_owned());
            self.output.push_back(shown(&whole));
            if self.output.len() > OUTPUT_LINES {
                self.output.pop_front();
            }
        }
        if self.partial.len() > 4 * LINE_BYTES {
            self.partial = shown(&self.partial);
        }
    }

    /// The last lines that the step printed.
    pub fn last_lines(&self) -> Vec<String> {
        let partial = Some(shown(&self.partial)).filter(|line| !line.is_empty());
        self.output.iter().cloned().chain(partial).collect()
    }
}

/// A line as a terminal would leave it: what follows the last carriage return, without control characters, bounded.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or_default();
    let mut shown: String = line.chars().filter(|char| *char == '\t' || !char.is_control()).collect();
    if let Some((end, _)) = shown.char_indices().find(|(at, _)| *at >= LINE_BYTES) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn between(from: &Timestamp, to: &Timestamp) -> Duration {
    let nanos = |time: &Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    Duration::from_nanos((nanos(to) - nanos(from)).clamp(0, i128::from(u64::MAX)) as u64)
}

/// Whether a warning is of the default of an argument to which another value is given: the default is not used.
fn is_idle(given: &BTreeSet<String>, short: &[u8]) -> bool {
    let text = String::from_utf8_lossy(short);
    let Some(rest) = text.strip_prefix("InvalidDefaultArgInFrom: ") else { return false };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = rest.split('$').skip(1).map(|part| part.trim_start_matches('{').split(|c| !is_of_name(c)).next().unwrap_or_default());
    names.into_iter().any(|name| given.contains(name))
}

fn warned(image: &str, warning: VertexWarning) -> Event {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let line = warning.ranges.first().and_then(|range| range.start).map(|start| start.line);
    let place = match (&warning.info, line) {
        (Some(info), Some(line)) => format!("{}:{line}: ", info.filename),
        _ => String::new(),
    };
    let detail: Vec<String> = warning.detail.iter().map(|detail| text(detail)).chain([warning.url]).collect();
    let help = detail.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    Event::Warned { message: format!("image `{image}`: {place}{}", text(&warning.short)), help: Some(help).filter(|help| !help.is_empty()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_that_is_not_used_is_no_trouble() {
        let given: BTreeSet<String> = ["BASE".to_owned()].into();
        let of = |argument: &str| {
            format!("InvalidDefaultArgInFrom: Default value for ARG {argument} results in empty or invalid base image name (line 2)")
        };
        for (text, expect) in [
            (of("$BASE"), true),
            (of("${BASE}"), true),
            (of("${BASE:-x}"), true),
            (of("$REGISTRY/${BASE}:1"), true),
            (of("$BASE_IMAGE"), false),
            (of("$OTHER"), false),
            ("FromAsCasing: 'as' and 'FROM' keywords' casing do not match $BASE (line 1)".to_owned(), false),
        ] {
            assert_eq!(is_idle(&given, text.as_bytes()), expect, "{text}");
        }
    }
}
