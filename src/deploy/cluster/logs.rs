//! Logs of containers, line by line as they are written.
//!
//! A node keeps one file for each run of a container, in which the lines of both streams stand one after the other, each with its time.
//! Times are not in order there, and a request can only leave out what is older than a whole second. So a stream that breaks is asked
//! again from a second on that lies a little behind, and as many lines as were shown since that second are passed over.
//!
//! A request names a container, never a run of it: the node answers with the newest run that it knows of, or with the one before that.
//! Which one an answer is of is told by asking for the one before as well (see [`Follower::open`]).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::AsyncBufRead;
use futures::AsyncBufReadExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};

use super::client::{Call, Client};
use super::error::ClusterError;
use crate::deploy::resource::LogOptions;
use crate::event::{Event, Events};
use crate::words::percent::percent_encoded;

/// How many lines of a failed container are shown.
pub(super) const TAIL: usize = 20;

/// How many characters of each of them.
const LINE: usize = 1000;

/// How many bytes of a line are kept.
const LONGEST: usize = 64 << 10;

/// How many seconds lines of two streams may be out of order.
const DISORDER: i64 = 5;

/// How often a stream that breaks without having brought a line is asked again.
const ATTEMPTS: u64 = 5;

/// One container of one pod.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) name: String,
}

/// How long a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The container ends.
    End,
    /// Nothing has come for a while: nobody watches the container any more, and what it wrote so far shall be shown.
    Quiet(Duration),
}

/// When the first line of a run was written, once that is known.
pub(super) type First = Arc<OnceLock<Timestamp>>;

/// The run of a container that its next one is told from, and follows on.
#[derive(Clone)]
pub(super) struct Before {
    pub(super) first: First,
    /// Closed when all its lines are shown.
    pub(super) done: watch::Receiver<()>,
}

/// Which of a container's runs a follower reads.
pub(super) enum Place {
    /// The first one.
    First,
    /// One after another one, of which nothing is known where it was not followed.
    After(Option<Before>),
    /// One that another one has followed already.
    Past,
}

/// Follows one run of a container.
pub(super) struct Follower {
    pub(super) client: Client,
    pub(super) container: Container,
    /// The first line of this run.
    pub(super) first: First,
    /// Gone when all lines are shown.
    pub(super) _done: watch::Sender<()>,
    pub(super) place: Place,
    /// `Kind/name` that owns the pod.
    pub(super) resource: String,
    pub(super) options: LogOptions,
    /// By the cluster's clock: what was written before is left out.
    pub(super) since: Option<Timestamp>,
    /// How many of the lines that are there already are shown; `None` for all.
    pub(super) tail: Option<u64>,
    /// Lines so far, as a sign of life.
    pub(super) printed: Arc<AtomicU64>,
    /// A server takes only so many streams at once.
    pub(super) permits: Arc<Semaphore>,
    pub(super) until: watch::Receiver<Until>,
    pub(super) events: Events,
}

impl Follower {
    /// Emits the lines of the run until it ends. An error says that the logs may not be read.
    pub(super) async fn run(mut self) -> Result<(), ClusterError> {
        if let Place::After(Some(before)) = &self.place {
            // Nothing is ever sent: an error says that the sender is gone.
            let _ = before.done.clone().changed().await;
        }
        let permit = tokio::select! {
            permit = self.permits.clone().acquire_owned() => permit.ok(),
            // Nobody waits for this container any more: its lines so far come without a stream that stays open.
            _ = self.until.wait_for(|until| *until != Until::End) => None,
        };
        let mut shown = Shown::new(self.since);
        let mut attempts = 0;
        while attempts < ATTEMPTS {
            let (from, passed) = shown.resume();
            let follow = if permit.is_some() { "&follow=true" } else { "" };
            let before = shown.lines;
            let tail = self.tail.filter(|lines| before == 0 && *lines != u64::MAX);
            let which = tail.map(|lines| format!("{follow}&tailLines={lines}"));
            match self.open(which.as_deref().unwrap_or(follow), from).await {
                Ok(stream) => match self.read(stream, passed, &mut shown).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tracing::debug!(%error, pod = %self.container.pod, "the stream of a log broke"),
                },
                Err(error @ ClusterError::Forbidden { .. }) => return Err(error),
                Err(error) => tracing::debug!(%error, pod = %self.container.pod, "a log cannot be read"),
            }
            attempts = if shown.lines > before { 1 } else { attempts + 1 };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(300 * attempts)) => {}
                _ = self.until.changed() => {}
            }
        }
        Ok(())
    }

    /// Opens the log of this run, from a second on.
    ///
    /// A container that starts anew at once may have done so before the request reached its node, which then answers with the next run.
    /// The node is asked for the run before as well, after that: what it has there is this run if this is the container's first one, or
    /// if it does not begin as the run before did. A run that has another one after it has ended, and is read as the one before.
    async fn open(&self, follow: &str, from: Option<Timestamp>) -> Result<impl AsyncBufRead + Unpin + Send + use<>, ClusterError> {
        let past = || call(&self.container, &self.query("&previous=true", from));
        let before = match &self.place {
            Place::Past => return self.client.stream(&past()).await,
            Place::First => None,
            Place::After(before) => Some(before.as_ref().and_then(|before| before.first.get())),
        };
        let current = self.client.stream(&call(&self.container, &self.query(follow, from))).await?;
        let Ok(stream) = self.client.stream(&call(&self.container, &self.query("&previous=true&limitBytes=64", self.since))).await else {
            return Ok(current);
        };
        let first = Lines { stream, line: Vec::new(), lost: 0 }.next().await.ok().flatten().and_then(|(line, _)| split(&line).0);
        let is_this = match before {
            None => true,
            Some(known) => known.zip(first.as_ref()).is_some_and(|(known, first)| first != known),
        };
        if is_this { self.client.stream(&past()).await } else { Ok(current) }
    }

    fn query(&self, which: &str, from: Option<Timestamp>) -> String {
        let since = from.map(|from| format!("&sinceTime={}", percent_encoded(&from.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())));
        format!("container={}&timestamps=true{which}{}", self.container.name, since.unwrap_or_default())
    }

    /// Reads one stream to its end.
    async fn read(&mut self, stream: impl AsyncBufRead + Unpin, mut passed: Passed, shown: &mut Shown) -> std::io::Result<()> {
        let mut lines = Lines { stream, line: Vec::new(), lost: 0 };
        loop {
            self.events.room().await;
            let until = *self.until.borrow_and_update();
            shown.clock.end(until, Timestamp::now());
            let next = tokio::select! {
                next = lines.next() => next?,
                _ = self.until.changed(), if until == Until::End => continue,
                () = quiet(until) => return Ok(()),
            };
            let Some((line, lost)) = next else { return Ok(()) };
            let (time, text) = split(&line);
            if time.is_none() && is_no_log(text) {
                continue;
            }
            shown.clock.see(time, Timestamp::now());
            if shown.clock.is_past(time) {
                return Ok(());
            }
            if passed.was_shown(time) {
                continue;
            }
            if let (0, Some(time)) = (shown.lines, time) {
                let _ = self.first.set(time);
            }
            shown.count(time);
            self.printed.fetch_add(1, Ordering::Relaxed);
            // What is no text is shown as what it is not, and hides nothing after it.
            let text = String::from_utf8_lossy(text);
            if self.options.shows_line(&self.container.name, &text) {
                let more = if lost > 0 { format!("… ({lost} more bytes)") } else { String::new() };
                self.events.emit(Event::PodPrinted {
                    resource: self.resource.clone(),
                    pod: self.container.pod.clone(),
                    container: self.container.name.clone(),
                    line: format!("{}{more}", text.trim_end_matches('\r')),
                });
            }
        }
    }
}

async fn quiet(until: Until) {
    match until {
        Until::End => std::future::pending().await,
        Until::Quiet(pause) => tokio::time::sleep(pause).await,
    }
}

/// What was shown of a run, so that a stream can be resumed.
struct Shown {
    since: Option<Timestamp>,
    /// Lines by the second in which they were written; only the newest seconds.
    seconds: BTreeMap<i64, Second>,
    lines: u64,
    /// Whether seconds were forgotten: before the first that is known, lines were shown that are not counted.
    forgot: bool,
    newest: Option<Timestamp>,
    clock: Clock,
}

/// The lines of a second.
struct Second {
    count: u64,
    /// The number of its first line, and when that was written.
    first: (u64, Option<Timestamp>),
}

impl Shown {
    fn new(since: Option<Timestamp>) -> Self {
        Shown { since, seconds: BTreeMap::new(), lines: 0, forgot: false, newest: None, clock: Clock::default() }
    }

    fn count(&mut self, time: Option<Timestamp>) {
        let line = self.lines;
        self.lines += 1;
        self.newest = self.newest.max(time);
        let Some(second) = time.map(|time| time.as_second()).or_else(|| self.seconds.keys().next_back().copied()) else { return };
        self.seconds.entry(second).or_insert(Second { count: 0, first: (line, time) }).count += 1;
        let newest = self.seconds.keys().next_back().copied().unwrap_or(second);
        while let Some((&first, _)) = self.seconds.first_key_value()
            && first < newest - 2 * DISORDER
        {
            self.seconds.remove(&first);
            self.forgot = true;
        }
    }

    /// From which second on to ask, and which lines of the answer were shown already.
    fn resume(&self) -> (Option<Timestamp>, Passed) {
        let newest = self.seconds.keys().next_back().filter(|_| self.forgot);
        let from = newest.map(|newest| newest - DISORDER);
        let known = || self.seconds.range(from.unwrap_or(i64::MIN)..).map(|(_, second)| second);
        let count = if from.is_some() { known().map(|second| second.count).sum() } else { self.lines };
        let first = known().map(|second| second.first).min_by_key(|(line, _)| *line).and_then(|(_, time)| time);
        let from = from.and_then(|from| Timestamp::from_second(from).ok()).or(self.since);
        (from, if count == 0 { Passed::Nothing } else { Passed::Begin { count, first, newest: self.newest } })
    }
}

/// Which lines of a stream that is asked for again were shown before.
enum Passed {
    /// As many as are counted, if it begins with the line that was the first of these. A node begins a new file when one is large: then
    /// it does not.
    Begin {
        count: u64,
        first: Option<Timestamp>,
        newest: Option<Timestamp>,
    },
    /// So many.
    Count(u64),
    /// Of a new file, what is not newer.
    Until(Option<Timestamp>),
    Nothing,
}

impl Passed {
    /// Whether the next line was shown before, by when it was written.
    fn was_shown(&mut self, time: Option<Timestamp>) -> bool {
        if let Passed::Begin { count, first, newest } = *self {
            *self = if time == first { Passed::Count(count) } else { Passed::Until(newest) };
        }
        match *self {
            Passed::Count(count @ 1..) => *self = Passed::Count(count - 1),
            Passed::Until(newest) if time <= newest => {}
            _ => *self = Passed::Nothing,
        }
        !matches!(self, Passed::Nothing)
    }
}

/// Which lines count once nobody watches a container any more that runs on: those written before that, by the clock of its node. One that
/// prints without a pause would have no last line otherwise.
#[derive(Default)]
struct Clock {
    /// How much earlier than here it is there, at the most: the least time that a line took to come, by both clocks.
    behind: Option<SignedDuration>,
    last: Option<Timestamp>,
}

impl Clock {
    fn see(&mut self, time: Option<Timestamp>, now: Timestamp) {
        let took = time.map(|time| now.duration_since(time));
        self.behind = self.behind.into_iter().chain(took).min();
    }

    fn end(&mut self, until: Until, now: Timestamp) {
        if let (Until::Quiet(pause), Some(behind), None) = (until, self.behind, self.last) {
            self.last = now.checked_sub(behind).and_then(|there| there.checked_add(pause)).ok();
        }
    }

    fn is_past(&self, time: Option<Timestamp>) -> bool {
        self.last.is_some_and(|last| time.is_some_and(|time| time > last))
    }
}

/// The time that the node wrote before a line, and the line.
fn split(line: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let time = std::str::from_utf8(&line[..space]).ok().and_then(|time| time.parse().ok());
    match time {
        Some(time) => (Some(time), line.get(space + 1..).unwrap_or_default()),
        None => (None, line),
    }
}

/// Lines of bytes, of which none is kept longer than [`LONGEST`].
struct Lines<S> {
    stream: S,
    line: Vec<u8>,
    lost: u64,
}

impl<S: AsyncBufRead + Unpin> Lines<S> {
    /// The next line, without its end, and how many bytes of it are left out. A call that is given up loses nothing.
    async fn next(&mut self) -> std::io::Result<Option<(Vec<u8>, u64)>> {
        loop {
            let bytes = self.stream.fill_buf().await?;
            let is_end = bytes.is_empty();
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = LONGEST.saturating_sub(self.line.len()).min(part.len());
            self.line.extend_from_slice(&part[..room]);
            self.lost += (part.len() - room) as u64;
            let used = part.len() + usize::from(end.is_some());
            self.stream.consume_unpin(used);
            if end.is_some() || (is_end && !self.line.is_empty()) {
                return Ok(Some((std::mem::take(&mut self.line), std::mem::take(&mut self.lost))));
            }
            if is_end {
                return Ok(None);
            }
        }
    }
}

/// The last lines of a container: of its previous run if it was restarted.
pub(super) async fn tail(client: &Client, container: &Container, previous: bool) -> Result<Vec<String>, ClusterError> {
    let runs: &[bool] = if previous { &[true, false] } else { &[false] };
    for previous in runs {
        let query = format!("container={}&tailLines={TAIL}&previous={previous}&limitBytes={}", container.name, TAIL * LONGEST);
        match client.call_bytes(&call(container, &query)).await {
            Ok(bytes) if bytes.is_empty() || is_no_log(&bytes) => {}
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).lines().map(clipped).collect()),
            // The run is gone already, or never was.
            Err(error) if matches!(error.http_status(), Some(400 | 404 | 500)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

/// Whether a node says, where a log should be, that it has none: the words are its own, not the container's.
fn is_no_log(text: &[u8]) -> bool {
    text.starts_with(b"unable to retrieve container logs for ")
}

fn clipped(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn call(container: &Container, query: &str) -> Call {
    let path = format!("/api/v1/namespaces/{}/pods/{}/log?{query}", container.namespace, container.pod);
    let mut call = Call::get("pods/log", path);
    call.accept = "*/*";
    call
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn lines_are_bytes_and_bounded() {
        let mut text = b"a\n\xff\xfe\n\n".to_vec();
        text.extend(vec![b'x'; LONGEST + 7]);
        text.extend(b"\nlast");
        let mut lines = Lines { stream: Cursor::new(text), line: Vec::new(), lost: 0 };
        let mut found = Vec::new();
        while let Some((line, lost)) = lines.next().await.unwrap() {
            found.push((line.len(), lost));
        }
        assert_eq!(found, [(1, 0), (2, 0), (0, 0), (LONGEST, 7), (4, 0)]);
    }

    #[test]
    fn a_stream_is_resumed_where_it_broke() {
        // Two streams, the clock of one ahead by up to three seconds; the server gives every line from a second on.
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let log: Vec<Timestamp> = (0..400).map(|line| at(line / 8 + if line % 2 == 0 { 0 } else { line % 4 })).collect();
        for cut in 0..log.len() {
            let mut shown = Shown::new(None);
            log[..cut].iter().for_each(|time| shown.count(Some(*time)));
            let answer = |file: usize| {
                let (from, mut passed) = shown.resume();
                let lines = (file..log.len()).filter(|line| from.is_none_or(|from| log[*line] >= from));
                lines.filter(|line| !passed.was_shown(Some(log[*line]))).collect::<Vec<_>>()
            };
            assert_eq!(answer(0), (cut..log.len()).collect::<Vec<_>>(), "cut after {cut}");
            // Where what was shown is in a file that is gone, the rest of the present one is shown: of two streams that are out of order
            // what is surely new.
            let rest = answer(cut.max(1));
            let newest = log[..cut].iter().max();
            let least = (cut.max(1)..log.len()).filter(|line| newest.is_none_or(|newest| log[*line] > *newest)).count();
            assert!(rest.len() >= least && rest.is_sorted() && rest.first().is_none_or(|line| *line >= cut), "cut after {cut}");
        }
    }

    #[test]
    fn a_container_that_goes_on_printing_has_a_last_line() {
        let at = |millisecond: i64| Timestamp::from_millisecond(1_000_000_000 + millisecond).unwrap();
        // the clock of the node is an hour ahead, and lines take 20 ms at the least
        let there = |millisecond: i64| Some(at(3_600_000 + millisecond));
        let mut clock = Clock::default();
        for (written, seen) in [(0, 500), (480, 500), (600, 700)] {
            clock.see(there(written), at(seen));
            assert!(!clock.is_past(there(written)));
        }
        clock.end(Until::End, at(1000));
        assert!(!clock.is_past(there(99_999)), "it is watched");
        clock.end(Until::Quiet(Duration::from_millis(300)), at(1000));
        clock.end(Until::Quiet(Duration::from_millis(300)), at(9000));
        assert!(!clock.is_past(there(1280)) && clock.is_past(there(1281)) && !clock.is_past(None));
    }

    #[test]
    fn times_stand_before_lines() {
        let (time, text) = split(b"2026-01-01T00:00:00.5Z na\xefve row");
        assert_eq!((time.map(|time| time.as_second()), text), (Some(1_767_225_600), &b"na\xefve row"[..]));
        assert_eq!(split(b"no time here"), (None, &b"no time here"[..]));
    }
}
