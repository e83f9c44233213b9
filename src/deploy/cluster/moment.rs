//! Moments on a clock that runs on while the machine sleeps: others take a lease meanwhile.

use std::ops::Add;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment since the boot, time of sleep included (`CLOCK_BOOTTIME`). The usual clock of a program stands still then.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Moment(Duration);

impl Moment {
    pub fn now() -> Self {
        // neither part is ever negative
        let time = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default());
        Moment(Duration::new(seconds, nanos))
    }

    /// How long it is until then; nothing where it has passed.
    pub fn until(self) -> Duration {
        self.0.saturating_sub(Moment::now().0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, later: Duration) -> Moment {
        Moment(self.0 + later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let before = Moment::now();
        assert!(Moment::now() >= before && before.until() == Duration::ZERO);
        assert!((before + Duration::from_secs(3600)).until() > Duration::from_secs(3000));
    }
}
