//! The terminal's live region: below the printed lines stands what runs now, with its time.
//!
//! Nothing is drawn in the first 250 ms, so that a command with nothing to do leaves only its lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::{StepOutput, stamped};
use super::{Look, Verbosity, line, write_stderr};
use crate::concealed::masked;
use crate::event::{Event, Facts};

const QUIET_START: Duration = Duration::from_millis(250);

/// Draws until the senders are gone, then takes the region away.
pub async fn run(look: Look, mut events: Facts) {
    let region = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    let start = Instant::now();
    let mut running = Running::new();
    let mut steps = StepOutput::default();
    while let Some(event) = events.recv().await {
        if let Some(line) = line::of(&event)
            && line.level <= look.verbosity
            && !moves_only(&event, look.verbosity)
        {
            print(&region, &stamped(&look, &line.print(look.style)));
        }
        if look.verbosity > Verbosity::Normal {
            steps.take(&event, |text| print(&region, &stamped(&look, text)));
        }
        update(&region, &mut running, &event, start.elapsed() >= QUIET_START);
    }
    let _ = region.clear();
}

/// Prints whole lines above the region. They end with line ends, not with the terminal's edge: what is copied stays in lines, and so
/// does what a resized window shows.
fn print(region: &MultiProgress, lines: &str) {
    region.suspend(|| write_stderr(&masked(lines)));
}

/// What stands in the region, by owner and key.
type Running = BTreeMap<(String, String), Row>;

/// A line of the region: the name of what runs, and its bar.
struct Row {
    name: String,
    bar: ProgressBar,
}

/// Events that a person sees in the region and needs no line for.
fn moves_only(event: &Event, verbosity: Verbosity) -> bool {
    verbosity <= Verbosity::Normal && matches!(event, Event::StepStarted { .. } | Event::ResourceProgressed { .. } | Event::Slow { .. })
}

fn update(region: &MultiProgress, running: &mut Running, event: &Event, visible: bool) {
    // `name` is what runs, where the event tells it; `news` is how far it is
    let show = |running: &mut Running, owner: &str, key: &str, name: Option<String>, news: &str| {
        let row = running.entry((owner.to_owned(), key.to_owned())).or_insert_with(|| {
            let bar = region.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {prefix:>10.bold} {wide_msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar.set_prefix(owner.to_owned());
            bar.enable_steady_tick(Duration::from_millis(125));
            Row { name: String::new(), bar }
        });
        if let Some(name) = name {
            row.name = name;
        }
        row.bar.set_message(masked(format!("{}  {news}", row.name).trim()).into_owned());
        if visible {
            row.bar.tick();
        }
    };
    match event {
        Event::StepStarted { image, step, name } => show(running, image, step, Some(line::own_step(image, name)), ""),
        // what is told late of a step that has ended does not bring its row back
        Event::StepProgressed { image, step, .. } | Event::StepPrinted { image, step, .. }
            if !running.contains_key(&(image.clone(), step.clone())) => {}
        Event::StepProgressed { image, step, what, current, total } => {
            let amount = if *total > 0 { format!("{what} {}%", current * 100 / total) } else { what.clone() };
            show(running, image, step, None, &amount);
        }
        Event::StepPrinted { image, step, text, .. } => {
            if let Some(last) = text.lines().map(line::printable).rfind(|line| !line.trim().is_empty()) {
                show(running, image, step, None, &last);
            }
        }
        Event::Slow { whom, doing, since } => show(running, "waiting", whom, None, &line::slow(whom, doing, *since)),
        Event::ResourceProgressed { resource, message } => show(running, "waiting", resource, Some(resource.clone()), message),
        Event::SlowOver { whom } => finish(running, "waiting", whom),
        Event::StepDone { image, step, .. } | Event::StepFailed { image, step } | Event::StepCached { image, step, .. } => {
            finish(running, image, step);
        }
        // a step that another image's build went on with is never told to have ended
        Event::ImagePublished { image, .. } | Event::ImageFound { image, .. } => finish_all(running, |owner| owner == image),
        Event::ResourceReady { resource, .. } | Event::ResourceFailed { resource, .. } => finish(running, "waiting", resource),
        Event::ReleaseDeployed { .. }
        | Event::ReleaseUnchanged { .. }
        | Event::ReleaseRolledBack { .. }
        | Event::ReleaseDismissed { .. } => {
            finish_all(running, |_| true);
        }
        _ => {}
    }
}

/// Takes the rows of some owners away.
fn finish_all(running: &mut Running, is_over: impl Fn(&str) -> bool) {
    let over: Vec<(String, String)> = running.keys().filter(|(owner, _)| is_over(owner)).cloned().collect();
    for (owner, key) in over {
        finish(running, &owner, &key);
    }
}

fn finish(running: &mut Running, owner: &str, key: &str) {
    if let Some(row) = running.remove(&(owner.to_owned(), key.to_owned())) {
        row.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stream;

    #[test]
    fn a_row_lives_as_long_as_what_it_shows() {
        let region = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let mut running = Running::new();
        let mut rows = |event: Event| {
            update(&region, &mut running, &event, true);
            running.keys().map(|(owner, key)| format!("{owner} {key}")).collect::<Vec<_>>()
        };
        let started = |image: &str, step: &str| Event::StepStarted { image: image.into(), step: step.into(), name: "RUN".into() };
        let (image, step) = (|| "app".to_owned(), || "1".to_owned());
        let took = Duration::from_secs(1);
        assert_eq!(rows(started("app", "1")), ["app 1"]);
        assert_eq!(rows(started("app", "2")), ["app 1", "app 2"]);
        assert_eq!(rows(started("other", "2")), ["app 1", "app 2", "other 2"]);
        assert_eq!(rows(Event::StepDone { image: image(), step: step(), took }), ["app 2", "other 2"]);
        let late = [
            Event::StepProgressed { image: image(), step: step(), what: "x".into(), current: 1, total: 2 },
            Event::StepPrinted { image: image(), step: step(), stream: Stream::Stdout, text: "late\n".into() },
        ];
        for event in late {
            assert_eq!(rows(event), ["app 2", "other 2"], "what is told late brings no row back");
        }
        assert_eq!(rows(Event::ImagePublished { image: image(), reference: String::new(), digest: String::new(), took }), ["other 2"]);
        let slow = Event::Slow { whom: "r.io".into(), doing: "check".into(), since: took };
        assert_eq!(rows(slow), ["other 2", "waiting r.io"]);
        assert_eq!(rows(Event::SlowOver { whom: "r.io".into() }), ["other 2"]);
        assert!(rows(Event::ReleaseUnchanged { release: "r".into(), revision: 1 }).is_empty());
    }
}
