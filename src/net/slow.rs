//! Says what is waited for, once it takes longer than anybody expects: whom, for what, and since when.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Events};

/// After this long a wait is told.
const FIRST: Duration = Duration::from_secs(4);

/// After this long it is told again, for those who read a log.
const AGAIN: Duration = Duration::from_secs(20);

/// Who tells. Of many that wait for the same one, one tells.
#[derive(Debug)]
pub struct Slow {
    events: Events,
    first: Duration,
    told: Mutex<HashMap<String, Instant>>,
}

impl Default for Slow {
    fn default() -> Self {
        Slow::new(&Events::none())
    }
}

impl Slow {
    /// Tells by these events. The display does not wait for them.
    pub fn new(events: &Events) -> Self {
        Slow { events: events.lent(), first: FIRST, told: Mutex::default() }
    }

    /// Does the work, and tells meanwhile that it waits for `whom`, and what for: an infinitive, `check image …`.
    pub async fn watch<T>(&self, whom: &str, doing: &str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let mut work = std::pin::pin!(work);
        let mut teller = None;
        let mut pause = self.first;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(pause) => {}
            }
            if teller.is_some() || self.is_news(whom) {
                self.tell(whom, doing, began.elapsed());
                teller = Some(Teller { slow: self, whom });
            }
            pause = AGAIN;
        }
    }

    /// Says of one that was waited for that it is tried again.
    pub fn again(&self, whom: &str, doing: &str, why: &str, pause: Duration) {
        let (whom, doing, why) = (whom.to_owned(), doing.to_owned(), why.to_owned());
        self.events.emit(Event::TryingAgain { whom, doing, why, pause });
    }

    fn tell(&self, whom: &str, doing: &str, since: Duration) {
        self.events.emit(Event::Slow { whom: whom.to_owned(), doing: doing.to_owned(), since });
    }

    fn is_news(&self, whom: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_news = told.get(whom).is_none_or(|last| now.duration_since(*last) >= AGAIN);
        if is_news {
            told.insert(whom.to_owned(), now);
        }
        is_news
    }
}

/// Takes back what was told, however the wait ends.
struct Teller<'a> {
    slow: &'a Slow,
    whom: &'a str,
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        self.slow.told.lock().unwrap_or_else(PoisonError::into_inner).remove(self.whom);
        self.slow.events.emit(Event::SlowOver { whom: self.whom.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_of_many_tells_and_takes_it_back() {
        let (events, mut received) = Events::channel();
        let slow = Slow { first: Duration::from_millis(40), ..Slow::new(&events) };
        let wait = |ms| slow.watch("r.io", "check image `a`", tokio::time::sleep(Duration::from_millis(ms)));
        futures::future::join3(wait(1), wait(150), wait(160)).await;
        drop(events);
        let mut seen = Vec::new();
        while let Some(event) = received.try_recv() {
            seen.push(event);
        }
        let [Event::Slow { whom, doing, since }, Event::SlowOver { .. }] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((whom.as_str(), doing.as_str()), ("r.io", "check image `a`"));
        assert!(*since >= Duration::from_millis(40));
    }
}
