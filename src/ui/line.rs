//! One event as one line for people: a verb, what it concerns, and a tone.

use std::time::Duration;

use super::Verbosity;
use super::style::{Style, Tone};
use crate::event::Event;

/// Width of the verb's column.
const VERB: usize = 12;

/// A line to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How important it is: the least verbosity at which it is printed.
    pub level: Verbosity,
    /// `Found`, `Built`, `Ready` …
    pub verb: &'static str,
    /// The rest.
    pub text: String,
    /// Colour of the verb.
    pub tone: Tone,
}

impl Line {
    /// The line as printed, without a newline.
    pub fn print(&self, style: Style) -> String {
        let text = self.text.split('\n').map(printable).collect::<Vec<_>>().join("\n");
        format!("{} {text}", style.paint(self.tone, format_args!("{:>VERB$}", self.verb)))
    }
}

/// The line for an event, or nothing where an event only moves the live region.
pub fn of(event: &Event) -> Option<Line> {
    use Verbosity::{Normal, Quiet, Verbose};
    let line = |level, tone, verb, text: String| Some(Line { level, verb, text, tone });
    match event {
        Event::Warned { message, help } => {
            let further = format!("\n{:VERB$}       ", "");
            let help =
                help.as_deref().map(|help| format!("\n{:VERB$} help: {}", "", help.trim_end().replace('\n', &further))).unwrap_or_default();
            line(Quiet, Tone::Warn, "Warning", format!("{message}{help}"))
        }
        Event::Slow { whom, doing, since } => line(Normal, Tone::Note, "Waiting", slow(whom, doing, *since)),
        Event::TryingAgain { whom, doing, why, pause } => {
            let level = if *pause < Duration::from_secs(2) { Verbose } else { Normal };
            let text = format!("in {}: {} ({}: {})", seconds(*pause), printable(doing), printable(whom), printable(why));
            line(level, Tone::Note, "Trying again", text)
        }
        Event::CommitAwaited { or_change: false } => line(Normal, Tone::Note, "Waiting", "for a new commit".to_owned()),
        Event::CommitAwaited { or_change: true } => line(Normal, Tone::Note, "Waiting", "for a change of the work tree".to_owned()),
        Event::Stopping { finishing } => {
            let more = finishing.len().saturating_sub(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let first = finishing.iter().take(3).map(|what| printable(what)).collect::<Vec<_>>().join(", ");
            line(Quiet, Tone::Warn, "Stopping", format!("after {first}{more}; a second Ctrl-C or SIGTERM ends at once"))
        }
        Event::ImageFound { image, reference } => line(Normal, Tone::Good, "Found", format!("image {image}  {reference}")),
        Event::ImageMissing { image, reference } => line(Normal, Tone::Note, "Missing", format!("image {image}  {reference}")),
        Event::ImageCopied { image, from, reference } => {
            line(Normal, Tone::Good, "Copied", format!("image {image}  {reference} from {from}"))
        }
        Event::ChartFetched { name, version, repository } => {
            line(Normal, Tone::Good, "Fetched", format!("chart {name} {version} from {repository}"))
        }
        Event::RepositoryFetching { repository, received } => {
            line(Normal, Tone::Note, "Fetching", format!("{repository}: {:.1} MiB so far", *received as f64 / f64::from(1 << 20)))
        }
        Event::HistoryFetched { repository, took } => {
            line(Normal, Tone::Good, "Fetched", format!("branches, tags and history of {repository} in {}", seconds(*took)))
        }
        Event::RepositoryFetched { repository, revision, commit, took } => {
            let short = commit.get(..7).unwrap_or(commit);
            let what = match revision.strip_prefix("commit ") {
                Some(id) if id == commit => format!("commit {short} of {repository}"),
                _ => format!("{revision} of {repository}, commit {short},"),
            };
            line(Normal, Tone::Good, "Fetched", format!("{what} in {}", seconds(*took)))
        }
        Event::IncludesLocked { revisions, is_new } => {
            let revisions = if *revisions == 1 { "1 revision".to_owned() } else { format!("{revisions} revisions") };
            let what = if *is_new { "written, commit it" } else { "as it was" };
            line(Normal, Tone::Good, "Locked", format!("werf-includes.lock with {revisions}: {what}"))
        }
        Event::ContentFetched { server, files, bytes, took } => {
            let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            let size = *bytes as f64 / f64::from(1 << 20);
            line(Normal, Tone::Good, "Fetched", format!("{files} of Git LFS, {size:.1} MiB, from {server} in {}", seconds(*took)))
        }
        Event::BuilderReady { endpoint, took } => line(Normal, Tone::Good, "Builder", format!("{endpoint} after {}", seconds(*took))),
        Event::StepStarted { image, name, .. } => line(Normal, Tone::Note, "Building", format!("{image}  {}", own_step(image, name))),
        Event::StepCached { image, name, .. } => line(Verbose, Tone::Dim, "Cached", format!("{image}  {}", own_step(image, name))),
        Event::SlowOver { .. } | Event::WaitBegun { .. } | Event::ImageQueued { .. } | Event::ImageStarted { .. } => None,
        Event::StepPrinted { .. } | Event::StepProgressed { .. } | Event::StepDone { .. } | Event::StepFailed { .. } => None,
        Event::ImagePublished { image, reference, took, .. } => {
            line(Normal, Tone::Good, "Published", format!("image {image}  {reference} in {}", seconds(*took)))
        }
        Event::ImageTagged { image, reference } => line(Normal, Tone::Good, "Tagged", format!("image {image}  {reference}")),
        Event::PlanMade { create, update, recreate, delete, unchanged } => {
            let text = counted(&[
                (*create, "to create"),
                (*update, "to update"),
                (*recreate, "to recreate"),
                (*delete, "to delete"),
                (*unchanged, "unchanged"),
            ]);
            line(Normal, Tone::Good, "Planned", text)
        }
        Event::ResourceApplied { resource, verb } => line(Normal, Tone::Good, capitalized(verb), resource.clone()),
        Event::ResourceProgressed { resource, message } => line(Normal, Tone::Note, "Waiting", format!("{resource}: {message}")),
        Event::ResourceReady { resource, took } => line(Normal, Tone::Good, "Ready", format!("{resource} after {}", seconds(*took))),
        Event::ResourceFailed { resource, message } => line(Quiet, Tone::Bad, "Failed", format!("{resource}: {message}")),
        Event::ResourceTold { about, reason, message, .. } => {
            line(Normal, Tone::Dim, "Event", format!("{about}: {reason}: {}", printable(message)))
        }
        Event::PodPrinted { pod, container, line: text, .. } => {
            line(Normal, Tone::Dim, "Log", format!("{pod}/{container} │ {}", printable(text)))
        }
        Event::ReleaseDeployed { release, namespace, revision, created, updated, recreated, deleted, unchanged, took } => {
            let changes = counted(&[
                (*created, "created"),
                (*updated, "updated"),
                (*recreated, "recreated"),
                (*deleted, "deleted"),
                (*unchanged, "unchanged"),
            ]);
            let text = format!("{release} in namespace {namespace}, revision {revision}: {changes}, {}", seconds(*took));
            line(Quiet, Tone::Good, "Deployed", text)
        }
        Event::ApplicationReachable { places } => {
            let further = format!("\n{:VERB$} ", "");
            line(Normal, Tone::Good, "Reachable", places.iter().map(|place| printable(place)).collect::<Vec<_>>().join(&further))
        }
        Event::NextSteps { commands } => {
            let commands: Vec<String> = commands.iter().map(|command| format!("`{}`", printable(command))).collect();
            line(Normal, Tone::Dim, "Next", commands.join(", "))
        }
        Event::ReleaseUnchanged { release, revision } => {
            line(Quiet, Tone::Good, "Unchanged", format!("release {release}, revision {revision}: nothing to do"))
        }
        Event::RollbackBegun { release, to } => line(Quiet, Tone::Warn, "Rolling back", format!("release {release} to revision {to}")),
        Event::ReleaseDismissed { release } => line(Quiet, Tone::Good, "Dismissed", format!("release {release}")),
        Event::ReleaseRolledBack { release, to } => {
            line(Quiet, Tone::Warn, "Rolled back", format!("release {release} to the state of revision {to}"))
        }
        Event::CleanupDone { kept, deleted, left: 0 } => line(Quiet, Tone::Good, "Cleaned up", format!("{deleted} deleted, {kept} kept")),
        Event::CleanupDone { kept, deleted, left } => {
            line(Quiet, Tone::Warn, "Not finished", format!("{deleted} deleted, {left} left to delete, {kept} kept"))
        }
        Event::ImageDeleted { reference, reason } => line(Normal, Tone::Good, "Deleted", format!("{reference}: {reason}")),
    }
}

/// Numbers of resources, those that are none left out.
fn counted(parts: &[(usize, &str)]) -> String {
    let some: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if some.is_empty() { "no resources".into() } else { some.join(", ") }
}

/// What takes long, for people: whom it waits for, since when, and what for.
pub fn slow(whom: &str, doing: &str, since: Duration) -> String {
    format!("for {}, {} so far: {}", printable(whom), seconds(since), printable(doing))
}

/// A duration for people: `38 ms`, `4.2 s`, `2 min 05 s`.
pub fn seconds(took: Duration) -> String {
    match took.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        ms => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// An amount of bytes for people: `340 kB`, `45.2 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The name of a step beside the name of its image: `[app] from alpine` is `from alpine`, `[app install] make` is `[install] make`.
pub fn own_step(image: &str, name: &str) -> String {
    let own = match name.strip_prefix('[').and_then(|rest| rest.strip_prefix(image)) {
        Some(rest) if rest.starts_with("] ") => rest[2..].to_owned(),
        Some(rest) if rest.starts_with(' ') => format!("[{}", &rest[1..]),
        _ => name.to_owned(),
    };
    visible(&own)
}

/// Text from outside without control characters, so that a log line can neither steer the terminal nor turn the direction of what follows.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| (!c.is_control() || *c == '\t') && !turns(*c)).collect()
}

/// Whether a character turns the direction of text until another one ends it.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name from outside on one line, its control characters shown and not obeyed: `\u{1b}`, `\n`.
pub fn visible(name: &str) -> String {
    match name.contains(char::is_control) {
        true => name.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect(),
        false => name.to_owned(),
    }
}

fn capitalized(verb: &'static str) -> &'static str {
    match verb {
        "created" => "Created",
        "updated" => "Updated",
        "recreated" => "Recreated",
        "deleted" => "Deleted",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_and_ends_are_told() {
        let told = |event: Event| of(&event).map(|line| (line.level, line.print(Style::new(false))));
        let (whom, doing) = (|| "r.io:5000".to_owned(), || "check image `r.io:5000/a:1`".to_owned());
        let slow = Event::Slow { whom: whom(), doing: doing(), since: Duration::from_millis(4012) };
        let again = |milliseconds| Event::TryingAgain {
            whom: whom(),
            doing: doing(),
            why: "503 Service\u{1b}[31m Unavailable".into(),
            pause: Duration::from_millis(milliseconds),
        };
        let stopping = |count: usize| Event::Stopping { finishing: (0..count).map(|at| format!("the build of image i{at}")).collect() };
        let all = "the build of image i0, the build of image i1, the build of image i2";
        for (event, level, expect) in [
            (slow, Verbosity::Normal, "     Waiting for r.io:5000, 4.0 s so far: check image `r.io:5000/a:1`".to_owned()),
            (
                again(3500),
                Verbosity::Normal,
                "Trying again in 3.5 s: check image `r.io:5000/a:1` (r.io:5000: 503 Service[31m Unavailable)".to_owned(),
            ),
            (
                again(150),
                Verbosity::Verbose,
                "Trying again in 150 ms: check image `r.io:5000/a:1` (r.io:5000: 503 Service[31m Unavailable)".to_owned(),
            ),
            (stopping(1), Verbosity::Quiet, "    Stopping after the build of image i0; a second Ctrl-C or SIGTERM ends at once".to_owned()),
            (stopping(20), Verbosity::Quiet, format!("    Stopping after {all} and 17 more; a second Ctrl-C or SIGTERM ends at once")),
        ] {
            assert_eq!(told(event), Some((level, expect)));
        }
        assert_eq!(told(Event::SlowOver { whom: whom() }), None);
    }
}
