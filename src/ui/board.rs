//! What a run is about at this moment, as its events tell: steps that run, images that wait, what is waited for. The live region shows it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use super::Verbosity;
use super::line::{self, Line, printable};
use super::row::{Row, short};
use super::style::Tone;
use super::title::{is_machinery, title};
use super::waiting;
use crate::event::Event;

/// What began and has not ended.
#[derive(Debug, Default)]
pub struct Board {
    /// Images that the registry lacked: those that began, in that order, then the others.
    images: Vec<Image>,
    /// How many the registry had.
    found: usize,
    /// When the first image was missing.
    begun: Option<Instant>,
    steps: Vec<Step>,
    waits: Vec<Wait>,
    resources: Vec<Resource>,
    /// Steps that came from the cache, and those that were told to have run.
    cached: HashSet<String>,
    ran: HashSet<String>,
    /// Bytes of layers that were fetched, by layer.
    fetched: HashMap<String, u64>,
}

#[derive(Debug)]
struct Image {
    name: String,
    /// Images that must be published before.
    needs: Vec<String>,
    state: State,
    /// Since when it is in this state.
    begun: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waits,
    Builds,
    Done,
}

/// A step of the builder. Images that are made of the same have it together.
#[derive(Debug)]
struct Step {
    digest: String,
    /// Those whose build goes through it and has not ended.
    images: BTreeSet<String>,
    name: String,
    title: String,
    begun: Instant,
    /// How long it ran before: a look into the cache, then the work.
    before: Duration,
    /// What moves in it or what it printed last.
    news: String,
    /// How long it took, where it has ended.
    took: Option<Duration>,
}

/// What is waited for beside steps and resources.
#[derive(Debug)]
struct Wait {
    whom: String,
    verb: &'static str,
    parts: Vec<String>,
    since: Instant,
}

#[derive(Debug)]
struct Resource {
    id: String,
    status: String,
    since: Instant,
}

/// Lines that stay, beside the event's own.
#[derive(Debug, Default)]
pub struct Told {
    /// Before it: the steps of what has ended.
    pub before: Vec<Line>,
    /// After it: what came of the whole build.
    pub after: Option<Line>,
}

impl Board {
    /// Takes an event in.
    pub fn take(&mut self, event: &Event, now: Instant) -> Told {
        let mut told = Told::default();
        match event {
            Event::ImageMissing { image, .. } => {
                self.begun.get_or_insert(now);
                self.images.push(Image { name: image.clone(), needs: Vec::new(), state: State::Waits, begun: now });
            }
            Event::ImageQueued { image, needs } => {
                if let Some(image) = self.image(image) {
                    image.needs.clone_from(needs);
                }
            }
            Event::ImageFound { image, .. } | Event::ImagePublished { image, .. } => {
                if matches!(event, Event::ImageFound { .. }) {
                    self.found += 1;
                }
                told.before = self.finished(|step| step.images.contains(image));
                told.after = self.published(image, now);
            }
            Event::ImageStarted { image } => {
                self.image_started(image, now);
            }
            Event::StepStarted { image, step, name } => self.step_started(image, step, name, now),
            Event::StepCached { step, name, .. } => {
                self.steps.retain(|running| running.digest != *step);
                if !is_machinery(name) && !self.ran.contains(step) {
                    self.cached.insert(step.clone());
                }
            }
            Event::StepProgressed { step, what, current, total, .. } => self.step_progressed(step, what, *current, *total),
            Event::StepPrinted { step, text, .. } => {
                let last = text.lines().map(last_drawn).rfind(|line| !line.trim().is_empty());
                if let (Some(step), Some(last)) = (self.running(step), last) {
                    step.news = printable(last);
                }
            }
            Event::StepDone { step, took, .. } => {
                if let Some(step) = self.running(step) {
                    step.took = Some(*took);
                    step.news.clear();
                }
            }
            Event::StepFailed { step, .. } => self.steps.retain(|running| running.digest != *step),
            Event::WaitBegun { whom, doing } => self.wait(whom, "waiting", vec![format!("for {whom}"), doing.clone()], now),
            Event::Slow { whom, doing, since } => {
                let since = now.checked_sub(*since).unwrap_or(now);
                self.wait(whom, "waiting", vec![format!("for {whom}"), doing.clone()], since);
            }
            Event::SlowOver { whom } => self.waits.retain(|wait| wait.whom != *whom),
            Event::RepositoryFetching { repository, received } => {
                self.wait(repository, "fetching", vec![repository.clone(), line::size(*received)], now);
            }
            Event::RepositoryFetched { repository, .. } | Event::HistoryFetched { repository, .. } => {
                self.waits.retain(|wait| wait.whom != *repository);
            }
            Event::ResourceProgressed { resource, message } => self.resource_progressed(resource, message, now),
            Event::ResourceReady { resource, .. } | Event::ResourceFailed { resource, .. } => {
                self.resources.retain(|waiting| waiting.id != *resource);
            }
            Event::ReleaseDeployed { .. }
            | Event::ReleaseUnchanged { .. }
            | Event::ReleaseRolledBack { .. }
            | Event::ReleaseDismissed { .. } => {
                told.before = self.finished(|_| true);
                self.resources.clear();
                self.waits.clear();
            }
            _ => {}
        }
        told
    }

    /// Lines of all steps that have ended, for the end of the run.
    pub fn end(&mut self) -> Vec<Line> {
        self.finished(|_| true)
    }

    fn image(&mut self, name: &str) -> Option<&mut Image> {
        self.images.iter_mut().find(|image| image.name == name)
    }

    /// Images stand in the order in which they began; answers of the registry come in any.
    fn image_started(&mut self, name: &str, now: Instant) {
        let Some(at) = self.images.iter().position(|image| image.name == name) else { return };
        let image = Image { state: State::Builds, begun: now, ..self.images.remove(at) };
        let begun = self.images.iter().take_while(|image| image.state != State::Waits).count();
        self.images.insert(begun, image);
    }

    /// What is told late of a step that has ended does not bring its row back.
    fn running(&mut self, digest: &str) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.digest == digest && step.took.is_none())
    }

    fn step_started(&mut self, image: &str, digest: &str, name: &str, now: Instant) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.digest == digest) {
            step.images.insert(image.to_owned());
            if let Some(took) = step.took.take() {
                (step.before, step.begun) = (took, now);
            }
        } else if !self.ran.contains(digest) {
            let (_, title) = title(image, self.images.iter().map(|image| image.name.as_str()), name);
            self.steps.push(Step {
                digest: digest.to_owned(),
                images: [image.to_owned()].into(),
                name: name.to_owned(),
                title,
                begun: now,
                before: Duration::ZERO,
                news: String::new(),
                took: None,
            });
        }
    }

    fn step_progressed(&mut self, digest: &str, what: &str, current: u64, total: u64) {
        if what.starts_with("sha256:") && total > 0 {
            let known = self.fetched.entry(what.to_owned()).or_default();
            *known = current.max(*known);
        }
        let Some(step) = self.running(digest) else { return };
        let layer = |word: &str| word.strip_prefix("sha256:").map_or_else(|| word.to_owned(), |digest| format!("layer {digest}"));
        let what = what.split(' ').map(layer).collect::<Vec<_>>().join(" ");
        step.news = match (current, total) {
            (0, 0) => what,
            (current, 0) => format!("{what} {}", line::size(current)),
            (current, total) => format!("{what} {}%", u128::from(current) * 100 / u128::from(total)),
        };
    }

    fn wait(&mut self, whom: &str, verb: &'static str, parts: Vec<String>, since: Instant) {
        match self.waits.iter_mut().find(|wait| wait.whom == whom) {
            Some(wait) => wait.parts = parts,
            None => self.waits.push(Wait { whom: whom.to_owned(), verb, parts, since }),
        }
    }

    fn resource_progressed(&mut self, id: &str, status: &str, now: Instant) {
        match self.resources.iter_mut().find(|resource| resource.id == id) {
            Some(resource) => status.clone_into(&mut resource.status),
            None => self.resources.push(Resource { id: id.to_owned(), status: status.to_owned(), since: now }),
        }
    }

    /// Takes out steps that have ended, and gives the lines that stay of them.
    fn finished(&mut self, is_of: impl Fn(&Step) -> bool) -> Vec<Line> {
        let (over, rest) = std::mem::take(&mut self.steps).into_iter().partition(|step| step.took.is_some() && is_of(step));
        self.steps = rest;
        let over: Vec<Step> = over;
        over.into_iter().filter_map(|step| self.finished_line(step)).collect()
    }

    fn finished_line(&mut self, step: Step) -> Option<Line> {
        if is_machinery(&step.name) || !self.ran.insert(step.digest) {
            return None;
        }
        let text = format!("{} in {}", step.title, line::seconds(step.took?));
        Some(Line { level: Verbosity::Normal, verb: "Done", text, tone: Tone::Dim })
    }

    /// An image is there. With the last one the build is over.
    fn published(&mut self, name: &str, now: Instant) -> Option<Line> {
        for step in &mut self.steps {
            step.images.remove(name);
        }
        // a step that another image's build went on with is never told to have ended
        self.steps.retain(|step| !step.images.is_empty());
        self.image(name)?.state = State::Done;
        if self.images.iter().any(|image| image.state != State::Done) || self.ran.len() + self.cached.len() == 0 {
            return None;
        }
        let built = self.images.len();
        let mut text = format!("{built} {}", if built == 1 { "image" } else { "images" });
        if self.found > 0 {
            text += &format!(", {} {} there", self.found, if self.found == 1 { "was" } else { "were" });
        }
        let steps = |count: usize, how: &str| format!("{count} {} {how}", if count == 1 { "step" } else { "steps" });
        text += &format!(": {}, {} from the cache", steps(self.ran.len(), "run"), self.cached.len());
        match self.fetched.values().sum() {
            0 => {}
            bytes => text += &format!(", {} fetched", line::size(bytes)),
        }
        text += &format!(", {}", line::seconds(now - self.begun.unwrap_or(now)));
        Some(Line { level: Verbosity::Normal, verb: "Built", text, tone: Tone::Good })
    }

    /// The rows of the region, at most so many.
    pub fn rows(&self, now: Instant, room: usize) -> Vec<Row> {
        let mut rows: Vec<Row> = self.total(now).into_iter().collect();
        rows.extend(self.step_rows(now));
        rows.extend(self.queue());
        rows.extend(self.waits.iter().map(|wait| Row {
            verb: wait.verb,
            tone: Tone::Note,
            parts: wait.parts.clone(),
            time: Some(now.saturating_duration_since(wait.since)),
            rank: 1,
        }));
        let (troubled, quiet): (Vec<_>, Vec<_>) = self.resources.iter().partition(|resource| waiting::has_reason(&resource.status));
        rows.extend(
            troubled.into_iter().map(|resource| resource.row(now, 1)).chain(quiet.into_iter().map(|resource| resource.row(now, 2))),
        );
        fitted(rows, room)
    }

    /// How far a build of several images is.
    fn total(&self, now: Instant) -> Option<Row> {
        let done = self.images.iter().filter(|image| image.state == State::Done).count();
        let all = self.images.len();
        let is_on = all > 1 && done < all && self.images.iter().any(|image| image.state != State::Waits);
        let time = short(now.saturating_duration_since(self.begun?));
        let parts = vec![format!("{done} of {all} images, {time}")];
        is_on.then_some(Row { verb: "building", tone: Tone::Note, parts, time: None, rank: 0 })
    }

    /// Image by image, each one's steps in the order in which they began.
    fn step_rows(&self, now: Instant) -> Vec<Row> {
        let order = |step: &Step| self.images.iter().position(|image| step.images.contains(&image.name)).unwrap_or(usize::MAX);
        let is_shown = |step: &Step| step.took.is_none() || !is_machinery(&step.name);
        let steps = self.steps.iter().filter(|step| is_shown(step)).map(|step| (order(step), step.row(now)));
        let mut rows: Vec<(usize, Row)> = steps.collect();
        let is_silent = |image: &Image| image.state == State::Builds && self.steps.iter().all(|step| !step.images.contains(&image.name));
        let silent = self.images.iter().enumerate().filter(|(_, image)| is_silent(image));
        rows.extend(silent.map(|(at, image)| {
            let time = Some(now.saturating_duration_since(image.begun));
            (at, Row { verb: "building", tone: Tone::Note, parts: vec![image.name.clone()], time, rank: 2 })
        }));
        rows.sort_by_key(|(order, _)| *order);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Images of which nothing runs yet, by what they wait for.
    fn queue(&self) -> Vec<Row> {
        if self.images.iter().all(|image| image.state == State::Waits) {
            return Vec::new();
        }
        let mut waiting: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for image in self.images.iter().filter(|image| image.state == State::Waits) {
            let is_there = |name: &str| self.images.iter().all(|image| image.name != name || image.state == State::Done);
            let needs = image.needs.iter().map(String::as_str).filter(|need| !is_there(need)).collect();
            waiting.entry(needs).or_default().push(&image.name);
        }
        let row = |(needs, mut images): (Vec<&str>, Vec<&str>)| {
            images.sort_unstable();
            let reason = match needs.is_empty() {
                true => "for a free place".to_owned(),
                false => format!("for {}", named(&needs)),
            };
            Row { verb: "waiting", tone: Tone::Note, parts: vec![reason, named(&images)], time: None, rank: 3 }
        };
        waiting.into_iter().map(row).collect()
    }
}

impl Step {
    fn row(&self, now: Instant) -> Row {
        let ran = now.saturating_duration_since(self.begun) + self.before;
        let (verb, tone, rank) = if self.took.is_some() { ("done", Tone::Dim, DONE) } else { ("building", Tone::Note, 2) };
        let parts = [&self.title, &self.news].into_iter().filter(|part| !part.is_empty()).cloned().collect();
        Row { verb, tone, parts, time: Some(self.took.unwrap_or(ran)), rank }
    }
}

impl Resource {
    fn row(&self, now: Instant, rank: u8) -> Row {
        let time = Some(now.saturating_duration_since(self.since));
        Row { verb: "waiting", tone: Tone::Note, parts: waiting::parts(&self.id, &self.status), time, rank }
    }
}

/// `image a`, `images a, b`.
fn named(images: &[&str]) -> String {
    format!("{} {}", if images.len() == 1 { "image" } else { "images" }, images.join(", "))
}

/// What a terminal would show of a line that was drawn over.
fn last_drawn(line: &str) -> &str {
    line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default()
}

/// The rows that matter most where there are more than room, in their order, and how many others there are.
fn fitted(rows: Vec<Row>, room: usize) -> Vec<Row> {
    if rows.len() <= room {
        return rows;
    }
    let going = rows.iter().filter(|row| row.rank < DONE).count();
    // steps that have ended go without a word
    let kept = if going <= room { room } else { room.saturating_sub(1) };
    let mut by_rank: Vec<usize> = (0..rows.len()).collect();
    by_rank.sort_by_key(|&at| rows[at].rank);
    // of those that have ended the last ones stay
    let ended = by_rank.partition_point(|&at| rows[at].rank < DONE);
    by_rank[ended..].reverse();
    let shown: HashSet<usize> = by_rank.into_iter().take(kept).collect();
    let mut fitted: Vec<Row> = rows.into_iter().enumerate().filter(|(at, _)| shown.contains(at)).map(|(_, row)| row).collect();
    if going > room && room > 0 {
        let parts = vec![format!("and {} more", going - kept)];
        fitted.push(Row { verb: "", tone: Tone::Dim, parts, time: None, rank: DONE });
    }
    fitted
}

/// Rank of rows of what has ended.
const DONE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stream;
    use crate::ui::style::Style;

    struct Shown {
        board: Board,
        now: Instant,
    }

    impl Shown {
        fn new() -> Self {
            Shown { board: Board::default(), now: Instant::now() }
        }

        /// The rows after an event, and the lines that it leaves.
        fn after(&mut self, event: Event) -> (Vec<String>, Vec<String>) {
            self.now += Duration::from_secs(1);
            let told = self.board.take(&event, self.now);
            let lines = told.before.into_iter().chain(told.after).map(|line| line.print(Style::new(false)).trim_start().to_owned());
            (self.rows(20), lines.collect())
        }

        fn rows(&self, room: usize) -> Vec<String> {
            let rows = self.board.rows(self.now, room);
            rows.iter().map(|row| row.print(Style::new(false), 200).trim_start().to_owned()).collect()
        }
    }

    fn missing(image: &str) -> Event {
        Event::ImageMissing { image: image.into(), reference: String::new() }
    }

    fn begun(image: &str) -> Event {
        Event::ImageStarted { image: image.into() }
    }

    fn published(image: &str) -> Event {
        Event::ImagePublished { image: image.into(), reference: String::new(), digest: String::new(), took: Duration::ZERO }
    }

    fn started(image: &str, name: &str) -> Event {
        Event::StepStarted { image: image.into(), step: name.into(), name: name.into() }
    }

    fn done(image: &str, name: &str, seconds: u64) -> Event {
        Event::StepDone { image: image.into(), step: name.into(), took: Duration::from_secs(seconds) }
    }

    fn progressed(resource: &str, message: &str) -> Event {
        Event::ResourceProgressed { resource: resource.into(), message: message.into() }
    }

    #[test]
    fn a_row_lives_as_long_as_what_it_shows() {
        let mut shown = Shown::new();
        shown.after(missing("app"));
        assert_eq!(shown.after(begun("app")).0, ["building  app · 0s"]);
        assert_eq!(shown.after(started("app", "[1/2] RUN a")).0, ["building  app  [1/2] RUN a · 0s"]);
        let (image, step) = (|| "app".to_owned(), || "[1/2] RUN a".to_owned());
        let printed = |text: &str| Event::StepPrinted { image: image(), step: step(), stream: Stream::Stdout, text: text.into() };
        assert_eq!(shown.after(printed("one\n10 %\r20 %\n\n")).0, ["building  app  [1/2] RUN a · 20 % · 1s"]);
        assert_eq!(shown.after(done("app", "[1/2] RUN a", 2)).0, ["done  app  [1/2] RUN a · 2s"]);
        assert_eq!(shown.after(printed("late\n")).0, ["done  app  [1/2] RUN a · 2s"], "what is told late brings no row back");
        assert_eq!(shown.after(started("app", "[1/2] RUN a")).0, ["building  app  [1/2] RUN a · 2s"], "it goes on: first it was looked up");
        shown.after(done("app", "[1/2] RUN a", 5));
        shown.after(started("app", "exporting to image"));
        let (rows, lines) = shown.after(published("app"));
        assert!(rows.is_empty(), "{rows:?}");
        assert_eq!(lines, ["Done app  [1/2] RUN a in 5.0 s", "Built 1 image: 1 step run, 0 from the cache, 9.0 s"]);
        assert_eq!(shown.after(progressed("Deployment/web", "0 of 1 replica ready")).0, ["waiting  Deployment/web · 0 of 1 ready · 0s"]);
        let slow = Event::Slow { whom: "r.io".into(), doing: "check".into(), since: Duration::from_secs(4) };
        assert_eq!(shown.after(slow).0[0], "waiting  for r.io · check · 4s");
        assert_eq!(shown.after(Event::SlowOver { whom: "r.io".into() }).0, ["waiting  Deployment/web · 0 of 1 ready · 2s"]);
        assert!(shown.after(Event::ReleaseUnchanged { release: "r".into(), revision: 1 }).0.is_empty());
    }

    #[test]
    fn steps_from_the_cache_leave_no_line_and_are_counted() {
        let mut shown = Shown::new();
        shown.after(Event::ImageFound { image: "base".into(), reference: String::new() });
        shown.after(missing("app"));
        for name in ["[1/2] FROM a", "[internal] load build definition"] {
            shown.after(started("app", name));
            shown.after(done("app", name, 0));
            let cached = Event::StepCached { image: "app".into(), step: name.into(), name: name.into() };
            assert!(shown.after(cached).0.is_empty());
        }
        let fetched =
            |current| Event::StepProgressed { image: "app".into(), step: "s".into(), what: "sha256:1".into(), current, total: 9_000_000 };
        shown.after(fetched(5_000_000));
        shown.after(fetched(4_000_000));
        let expect = "Built 1 image, 1 was there: 0 steps run, 1 from the cache, 5.0 MB fetched, 9.0 s";
        assert_eq!(shown.after(published("app")).1, [expect]);
    }

    #[test]
    fn many_images_have_a_total_and_wait_for_one_another() {
        let mut shown = Shown::new();
        for image in ["base", "api", "web", "job"] {
            shown.after(missing(image));
        }
        for image in ["api", "web"] {
            shown.after(Event::ImageQueued { image: image.into(), needs: vec!["base".into()] });
        }
        assert!(shown.rows(9).is_empty(), "nothing is built yet, and perhaps nothing will be");
        shown.after(begun("base"));
        shown.after(started("base", "[base install] make"));
        let rows = [
            "building  0 of 4 images, 7s",
            "building  base/install  make · 0s",
            "waiting  for a free place · image job",
            "waiting  for image base · images api, web",
        ];
        assert_eq!(shown.rows(9), rows);
        assert_eq!(shown.rows(3), [rows[0], rows[1], "and 2 more"]);
        shown.after(published("base"));
        for image in ["api", "web"] {
            shown.after(begun(image));
            shown.after(started(image, "[base install] make"));
        }
        assert_eq!(shown.rows(9)[..2], ["building  1 of 4 images, 12s", "building  base/install  make · 2s"], "one row for both");
        shown.after(published("api"));
        assert_eq!(shown.rows(9)[1], "building  base/install  make · 3s", "the other one still goes through it");
        shown.after(published("web"));
        assert_eq!(shown.rows(9), ["building  3 of 4 images, 14s", "waiting  for a free place · image job"]);
    }

    #[test]
    fn where_rows_are_short_what_has_ended_goes_first_and_what_hangs_stays() {
        let mut shown = Shown::new();
        shown.after(missing("app"));
        shown.after(begun("app"));
        for name in ["[1/4] RUN a", "[2/4] RUN b", "[3/4] RUN c"] {
            shown.after(started("app", name));
            shown.after(done("app", name, 1));
        }
        shown.after(started("app", "[4/4] RUN d"));
        shown.after(progressed("Job/a", "running"));
        shown.after(progressed("Deployment/b", "0 of 1 replica ready: pod b-1 is not scheduled"));
        let all = shown.rows(9);
        assert_eq!(all.len(), 6);
        assert_eq!(shown.rows(5), [&all[1..]].concat());
        assert_eq!(shown.rows(3), [&all[3..]].concat());
        assert_eq!(shown.rows(2), [all[4].clone(), "and 2 more".into()]);
        assert!(all[4].contains("Deployment/b"), "what has a reason comes first: {all:?}");
        assert!(shown.rows(0).is_empty());
    }
}
