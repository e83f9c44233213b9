//! Which failures are worth another try, after what pause, and when it is enough. One policy for registries, chart repositories, Git servers
//! and the cluster; how much of it is worth the wait is each one's to say.
//!
//! A server that says when to come again (`Retry-After`, RFC 9110 §10.2.3) is heeded up to a limit; pauses of our own grow and are never
//! quite the same, so that many who failed together do not come back together.

use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::Failure;

/// The longest pause that a server's `Retry-After` makes us take.
const LONGEST_WISH: Duration = Duration::from_secs(20);

/// The longest that we wait in all because servers ask for it.
const ALL_WISHES: Duration = Duration::from_secs(60);

/// The longest pause of our own.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The shortest time that a try gets.
const SHORTEST_TRY: Duration = Duration::from_secs(1);

/// How often and how long something is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries in all.
    pub tries: u32,
    /// Pause after the first try; each later one is three times as long.
    pub pause: Duration,
    /// How long an answer may take to begin.
    pub timeout: Duration,
    /// How long all tries may take together, without the pauses that the server asks for. None begins later.
    pub budget: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { tries: 5, pause: Duration::from_millis(200), timeout: Duration::from_secs(25), budget: Duration::from_secs(50) }
    }
}

/// Why a try came to nothing.
#[derive(Clone, Copy, Debug)]
pub enum Setback<'a> {
    /// There was no answer.
    Failure(&'a Failure),
    /// The answer's status, with its headers.
    Answer(StatusCode, &'a HeaderMap),
    /// An answer that may be another one a little later, as the protocol knows by what it says, and its headers.
    Passing(&'a HeaderMap),
}

/// The tries of one wish.
#[derive(Debug)]
pub struct Tries {
    patience: Patience,
    began: Instant,
    made: u32,
    wished: Duration,
    known: bool,
}

impl Tries {
    /// Nothing was tried yet. `known` is a server that has answered before: one that cannot be reached now is then on its way back, and
    /// not a wrong address.
    pub fn new(patience: Patience, known: bool) -> Self {
        Tries { patience, began: Instant::now(), made: 0, wished: Duration::ZERO, known }
    }

    /// Begins a try whose request has a body of so many bytes: how long its answer may take to begin.
    pub fn begin(&mut self, body: usize) -> Duration {
        self.made += 1;
        let left = self.patience.budget.saturating_sub(self.spent()).max(SHORTEST_TRY);
        self.patience.timeout.min(left) + transfer_time(body)
    }

    /// How often it was tried.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The pause before the next try; `None` where there is none: another try would come to the same, or it is enough.
    pub fn pause_after(&mut self, setback: Setback<'_>) -> Option<Duration> {
        if self.made >= self.patience.tries || !self.is_passing(setback) || self.spent() >= self.patience.budget {
            return None;
        }
        let own = self.patience.pause.saturating_mul(3u32.saturating_pow(self.made.saturating_sub(1))).min(LONGEST_PAUSE);
        let own = own.mul_f64(jitter());
        let Some(wish) = wish(setback).map(|wish| wish.min(LONGEST_WISH)) else { return Some(own) };
        // a server that fails and says "at once" is not asked at once again
        let pause = if matches!(setback, Setback::Answer(StatusCode::TOO_MANY_REQUESTS, _)) { wish } else { wish.max(own) };
        self.wished += pause;
        (self.wished <= ALL_WISHES).then_some(pause)
    }

    fn is_passing(&self, setback: Setback<'_>) -> bool {
        match setback {
            Setback::Failure(Failure::Broken(_) | Failure::TimedOut) => true,
            Setback::Failure(Failure::Unreachable(_)) => self.known,
            Setback::Failure(_) => false,
            Setback::Answer(status, _) => is_passing(status),
            Setback::Passing(_) => true,
        }
    }

    fn spent(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.wished)
    }
}

/// Whether the same request may be answered otherwise a little later: the server has too much to do or is not ready, or a gateway does not
/// reach it (520 to 524 are a well-known gateway's own).
pub fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=524)
}

/// A body gets time in proportion: 100 kB/s at the least.
fn transfer_time(bytes: usize) -> Duration {
    Duration::from_millis(bytes as u64 / 100)
}

/// Between a half and one.
fn jitter() -> f64 {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    0.5 + f64::from(random) / 512.0
}

/// When a server wants to be asked again: in so many seconds, or at a time by its own clock.
fn wish(setback: Setback<'_>) -> Option<Duration> {
    let (Setback::Answer(_, headers) | Setback::Passing(headers)) = setback else { return None };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let told = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = told.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let now = text(header::DATE).and_then(time).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(time(told)?.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Cause;

    fn tries(known: bool) -> Tries {
        let mut tries = Tries::new(Patience::default(), known);
        tries.begin(0);
        tries
    }

    fn answer(lines: &[(header::HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_server_says_when_to_come_again() {
        let date = (header::DATE, "Fri, 27 Nov 2026 10:00:00 GMT");
        for (told, expect) in [
            ("0", 0),
            ("7", 7),
            (" 7 ", 7),
            ("3600", 20),
            ("Fri, 27 Nov 2026 10:00:09 GMT", 9),
            ("Fri, 27 Nov 2026 09:59:00 GMT", 0),
            ("Sat, 28 Nov 2026 10:00:00 GMT", 20),
        ] {
            let headers = answer(&[(header::RETRY_AFTER, told), date.clone()]);
            let pause = tries(true).pause_after(Setback::Answer(StatusCode::TOO_MANY_REQUESTS, &headers));
            assert_eq!(pause, Some(Duration::from_secs(expect)), "{told}");
        }
        // what cannot be read, and a failing server that says "at once", leave a pause of our own
        for told in ["soon", "0"] {
            let headers = answer(&[(header::RETRY_AFTER, told)]);
            let pause = tries(true).pause_after(Setback::Answer(StatusCode::SERVICE_UNAVAILABLE, &headers)).unwrap();
            assert!(pause >= Duration::from_millis(100) && pause <= Duration::from_millis(200), "{told}: {pause:?}");
        }
    }

    #[test]
    fn what_a_server_asks_for_has_an_end() {
        let headers = answer(&[(header::RETRY_AFTER, "3600")]);
        let mut tries = Tries::new(Patience { tries: 99, ..Patience::default() }, true);
        let pauses = std::iter::from_fn(|| {
            tries.begin(0);
            tries.pause_after(Setback::Answer(StatusCode::TOO_MANY_REQUESTS, &headers))
        });
        assert_eq!(pauses.count(), 3);
    }

    #[test]
    fn pauses_grow_and_tries_end() {
        let nothing = HeaderMap::new();
        let mut tries = Tries::new(Patience::default(), false);
        let mut pauses = Vec::new();
        loop {
            tries.begin(0);
            match tries.pause_after(Setback::Answer(StatusCode::BAD_GATEWAY, &nothing)) {
                Some(pause) => pauses.push(pause.as_millis()),
                None => break,
            }
        }
        assert_eq!(tries.made(), 5);
        for (pause, longest) in pauses.iter().zip([200, 600, 1800, 5400]) {
            assert!(*pause <= longest && *pause >= longest / 2, "{pauses:?}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let nothing = HeaderMap::new();
        for (status, expect) in
            [(408, true), (429, true), (500, true), (503, true), (522, true), (400, false), (404, false), (501, false), (507, false)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(tries(true).pause_after(Setback::Answer(status, &nothing)).is_some(), expect, "{status}");
        }
        let cause = || Cause("x".into());
        for (failure, known, expect) in [
            (Failure::Broken(cause()), false, true),
            (Failure::TimedOut, false, true),
            (Failure::Unreachable(cause()), false, false),
            (Failure::Unreachable(cause()), true, true),
            (Failure::Certificate(cause()), true, false),
        ] {
            assert_eq!(tries(known).pause_after(Setback::Failure(&failure)).is_some(), expect, "{failure:?}");
        }
    }

    #[test]
    fn the_budget_bounds_tries_and_their_time() {
        let mut tries = Tries::new(Patience { budget: Duration::from_millis(1), ..Patience::default() }, true);
        assert!(tries.begin(0) <= SHORTEST_TRY);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(tries.pause_after(Setback::Failure(&Failure::TimedOut)), None);
        let mut tries = Tries::new(Patience::default(), true);
        assert_eq!(tries.begin(10_000_000), Duration::from_secs(125), "a body has its own time");
    }
}
