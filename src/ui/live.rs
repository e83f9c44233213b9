//! The terminal's live region: below the printed lines stands what runs now, with its time.
//!
//! Nothing is drawn in the first 250 ms, so that a command with nothing to do leaves only its lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;

use super::plain::{StepOutput, stamped};
use super::{Look, Verbosity, line};
use crate::event::Event;

const QUIET_START: Duration = Duration::from_millis(250);

/// Draws until the senders are gone, then takes the region away.
pub async fn run(look: Look, mut events: UnboundedReceiver<Event>) {
    let region = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    let start = Instant::now();
    let mut running = Running::new();
    let mut steps = StepOutput::default();
    while let Some(event) = events.recv().await {
        if let Some(line) = line::of(&event)
            && line.level <= look.verbosity
            && !moves_only(&event, look.verbosity)
        {
            let _ = region.println(stamped(&look, &line.print(look.style)).trim_end_matches('\n'));
        }
        if look.verbosity > Verbosity::Normal {
            steps.take(&event, |text| drop(region.println(text)));
        }
        update(&region, &mut running, &event, start.elapsed() >= QUIET_START);
    }
    let _ = region.clear();
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
    verbosity <= Verbosity::Normal && matches!(event, Event::StepStarted { .. } | Event::ResourceProgressed { .. })
}

fn update(region: &MultiProgress, running: &mut Running, event: &Event, visible: bool) {
    // `name` is what runs, where the event tells it; `news` is how far it is
    let mut show = |owner: &str, key: &str, name: Option<String>, news: &str| {
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
        row.bar.set_message(format!("{}  {news}", row.name).trim().to_owned());
        if visible {
            row.bar.tick();
        }
    };
    match event {
        Event::StepStarted { image, step, name } => show(image, step, Some(line::own_step(image, name)), ""),
        Event::StepProgressed { image, step, what, current, total } => {
            let amount = if *total > 0 { format!("{what} {}%", current * 100 / total) } else { what.clone() };
            show(image, step, None, &amount);
        }
        Event::StepPrinted { image, step, text, .. } => {
            if let Some(last) = text.lines().map(line::printable).rfind(|line| !line.trim().is_empty()) {
                show(image, step, None, &last);
            }
        }
        Event::ResourceProgressed { resource, message } => show("waiting", resource, Some(resource.clone()), message),
        Event::StepDone { image, step, .. } | Event::StepFailed { image, step } | Event::StepCached { image, step, .. } => {
            finish(running, image, step);
        }
        Event::ResourceReady { resource, .. } | Event::ResourceFailed { resource, .. } => finish(running, "waiting", resource),
        _ => {}
    }
}

fn finish(running: &mut Running, owner: &str, key: &str) {
    if let Some(row) = running.remove(&(owner.to_owned(), key.to_owned())) {
        row.bar.finish_and_clear();
    }
}
