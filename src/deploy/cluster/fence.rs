//! Whether the cluster may be changed: only while the release's lock is surely ours.
//!
//! Others may take a lease once they have seen it unchanged for its whole time. So a change is sent until shortly before that, counted
//! from when the last renewal was asked for; later ones wait for the lock to be renewed, and fail when somebody else has it. What was
//! sent already cannot be called back: Kubernetes knows no token of a lock that it could refuse.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::error::ClusterError;
use super::moment::Moment;

/// How long changes wait for a lock that cannot be renewed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What stands between changes and a release whose lock we may have lost.
#[derive(Debug)]
pub(super) struct Fence {
    release: String,
    namespace: String,
    state: watch::Sender<State>,
    expected: Mutex<Option<RangeInclusive<u32>>>,
}

#[derive(Clone, Debug)]
enum State {
    /// Nobody else may have the lock before then.
    Ours { until: Moment, problem: String },
    /// Somebody has it, or had it.
    Lost { to: String },
}

impl Fence {
    /// The lock is ours until then.
    pub fn new(release: &str, namespace: &str, until: Moment) -> Self {
        let state = watch::Sender::new(State::Ours { until, problem: String::new() });
        Fence { release: release.into(), namespace: namespace.into(), state, expected: Mutex::default() }
    }

    /// Waits until a change may be sent.
    ///
    /// # Errors
    /// Somebody else has the lock, or it could not be renewed for too long.
    pub async fn pass(&self) -> Result<(), ClusterError> {
        let mut state = self.state.subscribe();
        loop {
            let now = state.borrow_and_update().clone();
            let (until, problem) = match now {
                State::Lost { to } => return Err(self.lost(to)),
                State::Ours { until, .. } if Moment::now() < until => return Ok(()),
                State::Ours { until, problem } => (until, problem),
            };
            // the sender lives as long as we do, so this ends with a change or with the time
            if timeout((until + PATIENCE).until(), state.changed()).await.is_err() {
                let (release, namespace) = (self.release.clone(), self.namespace.clone());
                return Err(ClusterError::LockUncertain { release, namespace, waited: PATIENCE, problem });
            }
        }
    }

    /// Waits until somebody else has the lock; for ever where that never happens.
    pub async fn until_lost(&self) -> ClusterError {
        let mut state = self.state.subscribe();
        match state.wait_for(|state| matches!(state, State::Lost { .. })).await.as_deref() {
            Ok(State::Lost { to }) => self.lost(to.clone()),
            _ => std::future::pending().await,
        }
    }

    /// The lock was renewed.
    pub fn renewed(&self, until: Moment) {
        self.state.send_replace(State::Ours { until, problem: String::new() });
    }

    /// The lock could not be renewed. Gives whether changes wait for it now.
    pub fn not_renewed(&self, why: &str) -> bool {
        let mut waits = false;
        self.state.send_modify(|state| {
            if let State::Ours { until, problem } = state {
                why.clone_into(problem);
                waits = Moment::now() >= *until;
            }
        });
        waits
    }

    /// Somebody else has the lock.
    pub fn lose(&self, to: String) {
        self.state.send_replace(State::Lost { to });
    }

    /// Says which revision is the newest one as long as only we change the release.
    pub fn expect(&self, newest: RangeInclusive<u32>) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
    }

    /// Whether a release with this newest revision may have been left alone by everybody else.
    pub fn expects(&self, newest: u32) -> bool {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|expected| expected.contains(&newest))
    }

    fn lost(&self, holder: String) -> ClusterError {
        ClusterError::LockLost { release: self.release.clone(), namespace: self.namespace.clone(), holder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn changes_pass_and_wait_for_a_renewal() {
        let fence = Fence::new("app", "ns", Moment::now() + LONG);
        assert!(!fence.not_renewed("away"));
        fence.pass().await.unwrap();

        fence.renewed(Moment::now());
        assert!(fence.not_renewed("away"));
        let (passed, ()) = tokio::join!(biased; fence.pass(), async { fence.renewed(Moment::now() + LONG) });
        passed.unwrap();
    }

    #[tokio::test]
    async fn changes_fail_after_a_while_and_where_somebody_else_has_the_lock() {
        let fence = Fence::new("app", "ns", Moment::default());
        fence.not_renewed("still away");
        let error = fence.pass().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the lock of release `app` in namespace `ns` could not be renewed for 30 s: still away; changes waited, and were not made"
        );

        fence.lose("ci@runner".into());
        assert!(matches!(fence.pass().await, Err(ClusterError::LockLost { .. })));
        assert!(matches!(fence.until_lost().await, ClusterError::LockLost { .. }));
    }

    #[test]
    fn what_nobody_expects_was_somebody_else() {
        let fence = Fence::new("app", "ns", Moment::now());
        assert!(!fence.expects(3));
        fence.expect(3..=4);
        assert_eq!([2, 3, 4, 5].map(|newest| fence.expects(newest)), [false, true, true, false]);
    }
}
