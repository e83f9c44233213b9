//! How much came, told while it comes: first after a while, then after twice the time each.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Events};

/// When the first word is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// What comes from one server.
pub(super) struct Progress {
    url: String,
    events: Events,
    begun: Instant,
    /// Bytes so far, and when the next word is due.
    state: Mutex<(u64, Duration)>,
}

impl Progress {
    /// Nothing came yet. `url` is what messages show.
    pub fn new(url: String, events: Events) -> Self {
        Progress { url, events, begun: Instant::now(), state: Mutex::new((0, PATIENCE)) }
    }

    /// So many bytes more.
    pub fn add(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += bytes as u64;
        if self.begun.elapsed() >= state.1 {
            state.1 *= 2;
            self.events.emit(Event::RepositoryFetching { repository: self.url.clone(), received: state.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_word_comes_after_twice_the_time() {
        let due = Duration::from_nanos(1);
        let progress = Progress { state: Mutex::new((0, due)), ..Progress::new("u".into(), Events::none()) };
        std::thread::sleep(due);
        progress.add(5);
        assert_eq!(*progress.state.lock().unwrap(), (5, due * 2));
        let later = Progress::new("u".into(), Events::none());
        later.add(5);
        assert_eq!(*later.state.lock().unwrap(), (5, PATIENCE), "it is too early for a word");
    }
}
