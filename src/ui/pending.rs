//! What a log waits for, for those who look at it while nothing happens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::line;
use crate::event::Event;

/// How much of it is told.
const TOLD: usize = 3;

/// What began and has not ended.
#[derive(Debug, Default)]
pub struct Pending {
    /// `Deployment/web: 0 of 1 replica ready`, by what it is about.
    resources: BTreeMap<String, String>,
    /// By host.
    slow: BTreeMap<String, String>,
    /// By image and step.
    steps: BTreeMap<(String, String), String>,
}

impl Pending {
    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::ResourceProgressed { resource, message } => {
                self.resources.insert(resource.clone(), format!("{resource}: {}", line::printable(message)));
            }
            Event::ResourceReady { resource, .. } | Event::ResourceFailed { resource, .. } => {
                self.resources.remove(resource);
            }
            Event::Slow { whom, doing, .. } | Event::WaitBegun { whom, doing } => {
                self.slow.insert(whom.clone(), format!("{}: {}", line::printable(whom), line::printable(doing)));
            }
            Event::SlowOver { whom } => {
                self.slow.remove(whom);
            }
            Event::StepStarted { image, step, name } => {
                self.steps.insert((image.clone(), step.clone()), format!("{image}  {}", line::own_step(image, name)));
            }
            Event::StepDone { image, step, .. } | Event::StepFailed { image, step } | Event::StepCached { image, step, .. } => {
                self.steps.remove(&(image.clone(), step.clone()));
            }
            Event::ImagePublished { image, .. } | Event::ImageFound { image, .. } => self.steps.retain(|(owner, _), _| owner != image),
            Event::ReleaseDeployed { .. }
            | Event::ReleaseUnchanged { .. }
            | Event::ReleaseRolledBack { .. }
            | Event::ReleaseDismissed { .. } => *self = Pending::default(),
            _ => {}
        }
    }

    /// A line of life after so long a silence.
    pub fn told(&self, silence: Duration) -> String {
        let all: Vec<&str> = self.resources.values().chain(self.slow.values()).chain(self.steps.values()).map(String::as_str).collect();
        let more = all.len().saturating_sub(TOLD);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let what = match all.is_empty() {
            true => "still at work".to_owned(),
            false => all.iter().take(TOLD).copied().collect::<Vec<_>>().join("; ") + &more,
        };
        format!("{:>12} nothing new for {}: {what}", "Waiting", line::seconds(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_says_what_is_waited_for() {
        let mut pending = Pending::default();
        let told = |pending: &Pending| pending.told(Duration::from_secs(30));
        assert_eq!(told(&pending), "     Waiting nothing new for 30.0 s: still at work");
        pending.take(&Event::StepStarted { image: "app".into(), step: "1".into(), name: "[app] RUN make".into() });
        pending.take(&Event::Slow { whom: "r.io".into(), doing: "push".into(), since: Duration::ZERO });
        for message in ["0 of 1 replica ready", "1 of 2 replicas ready"] {
            pending.take(&Event::ResourceProgressed { resource: "Deployment/web".into(), message: message.into() });
        }
        assert_eq!(told(&pending), "     Waiting nothing new for 30.0 s: Deployment/web: 1 of 2 replicas ready; r.io: push; app  RUN make");
        pending.take(&Event::ResourceProgressed { resource: "Job/a".into(), message: "running".into() });
        assert!(told(&pending).ends_with("; Job/a: running; r.io: push; and 1 more"), "{}", told(&pending));
        pending.take(&Event::ResourceReady { resource: "Deployment/web".into(), took: Duration::ZERO });
        pending.take(&Event::ResourceFailed { resource: "Job/a".into(), message: String::new() });
        pending.take(&Event::SlowOver { whom: "r.io".into() });
        pending.take(&Event::StepDone { image: "app".into(), step: "1".into(), took: Duration::ZERO });
        assert_eq!(told(&pending), "     Waiting nothing new for 30.0 s: still at work");
    }
}
