//! How long requests may take together: what a command as a whole has, beside what each answer has.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The time of all requests of a client.
#[derive(Debug, Default)]
pub struct Limits(Mutex<Option<(Instant, Duration)>>);

/// Time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeUp {
    /// How long there was.
    pub after: Duration,
    /// Whether that was the time of all, and not of the one answer.
    pub of_all: bool,
}

impl Limits {
    /// Bounds all requests from now on together; `None` lifts the bound.
    pub fn bound(&self, limit: Option<Duration>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = limit.map(|limit| (Instant::now() + limit, limit));
    }

    /// Whether there is still time after a pause.
    pub fn allow(&self, pause: Duration) -> bool {
        self.of_all().is_none_or(|(end, _)| Instant::now() + pause < end)
    }

    /// Waits for a part of an answer, and no longer than the server may be silent or all requests have.
    pub async fn within<T>(&self, silence: Duration, part: impl Future<Output = T>) -> Result<T, TimeUp> {
        let own = (Instant::now() + silence, TimeUp { after: silence, of_all: false });
        let (end, time_up) = match self.of_all() {
            Some((end, after)) if end < own.0 => (end, TimeUp { after, of_all: true }),
            _ => own,
        };
        timeout_at(end, part).await.map_err(|_| time_up)
    }

    fn of_all(&self) -> Option<(Instant, Duration)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_shorter_time_ends_the_wait() {
        const SHORT: Duration = Duration::from_millis(1);
        const LONG: Duration = Duration::from_secs(3600);
        let (limits, never) = (Limits::default(), std::future::pending::<()>);
        assert_eq!(limits.within(SHORT, never()).await, Err(TimeUp { after: SHORT, of_all: false }));
        assert!(limits.allow(LONG));
        limits.bound(Some(SHORT));
        assert_eq!(limits.within(LONG, never()).await, Err(TimeUp { after: SHORT, of_all: true }));
        assert!(!limits.allow(Duration::ZERO));
        limits.bound(Some(LONG));
        assert_eq!(limits.within(SHORT, never()).await, Err(TimeUp { after: SHORT, of_all: false }));
        assert_eq!(limits.within(LONG, async { 1 }).await, Ok(1));
        limits.bound(None);
        assert!(limits.allow(LONG));
    }
}
