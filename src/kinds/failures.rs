//! How often pods failed since tracking began: a fold over what the API server shows, moment by moment.
//!
//! A moment that is seen twice counts once. What counts, as in kubedog: a run of a container that ended when it should not have, a
//! container that cannot be started (image, configuration), a readiness probe that fails after its time of grace, and a controller that
//! for a while cannot create pods at all. What a pod did
//! before it was first seen does not count. Pods that wait for a node or a volume are slow, not failing, and do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::json::{count, items, line, name, number, plural, text, time, uid};
use super::owned::{events_of, new_replica_set, pods_of};
use super::pod::{self, Role, said};
use super::row::Tolerated;
use super::warnings::core;
use super::{Related, State, Status, judged, probe, row, status};

/// What tolerance a resource's annotations ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tolerance {
    /// `werf.io/failures-allowed-per-replica`; `None` is the kind's default.
    pub failures_per_replica: Option<u32>,
    /// `werf.io/ignore-readiness-probe-fails-for-<container>`, by container.
    pub ignore_readiness: BTreeMap<String, Duration>,
    /// When the deployment began, by the cluster's clock: events from before say nothing of it.
    pub since: Option<Timestamp>,
    /// What the cluster's clock shows at this look; where it is not known, what happened last counts as now.
    pub now: Option<Timestamp>,
}

/// What has been seen of an object's pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failures {
    pods: BTreeMap<String, BTreeMap<String, Container>>,
    /// How often each event had happened at the last look.
    events: BTreeMap<String, i64>,
    counted: u32,
    last: Option<String>,
    hopeless: Option<String>,
}

/// What has been seen of a container.
#[derive(Clone, Debug, Default, PartialEq)]
struct Container {
    /// Runs that ended badly, by their number from 0.
    runs: BTreeSet<i64>,
    /// The waiting reason at the last look.
    waiting: String,
    /// Whether it was ever ready.
    was_ready: bool,
}

/// What failed.
enum Failure {
    /// A run ended that should have gone on or have ended otherwise.
    Run(String),
    /// It cannot be started.
    Start(String),
}

impl Failures {
    /// Nothing seen.
    pub fn new() -> Self {
        Failures::default()
    }

    /// How many failures were counted.
    pub fn count(&self) -> u32 {
        self.counted
    }

    /// Takes one moment in. Returns what failed newly, one line each.
    pub fn observe(&mut self, object: &Value, related: Related<'_>, tolerance: &Tolerance) -> Vec<String> {
        let mut fresh = Vec::new();
        let is_counted = row(object).pods.is_some_and(|pods| pods.failures == Tolerated::ByController);
        for pod in pods_of(object, related) {
            let first_look = !self.pods.contains_key(uid(pod));
            let seen = self.pods.entry(uid(pod).to_owned()).or_default();
            for (role, container) in pod::containers(pod) {
                let known = seen.entry(text(container, "/name").to_owned()).or_default();
                let failure = match known.observe(pod, role, container, first_look, tolerance.since) {
                    // Its controller counts these, and tells when it gives up.
                    Some(Failure::Run(_)) if is_counted && tolerance.failures_per_replica.is_none() => None,
                    Some(Failure::Run(failure) | Failure::Start(failure)) => Some(failure),
                    None => None,
                };
                if let Some(failure) = failure {
                    let failure = format!("pod {} container {}: {failure}", name(pod), text(container, "/name"));
                    if is_hopeless(text(container, "/state/waiting/reason")) {
                        self.hopeless = Some(failure.clone());
                    }
                    fresh.push(failure);
                }
            }
            fresh.extend(told_of_pod(&mut self.events, seen, pod, related.events, tolerance));
        }
        for owner in std::iter::once(object).chain(new_replica_set(object, related.replica_sets)) {
            fresh.extend(told_of_owner(&mut self.events, owner, related.events, tolerance.since));
        }
        self.counted += fresh.len() as u32;
        self.last = fresh.last().cloned().or(self.last.take());
        fresh
    }
}

/// Takes one moment in and computes the object's status: failed too where its pods have failed more often than is tolerated.
pub fn track(object: &Value, related: Related<'_>, failures: &mut Failures, tolerance: &Tolerance) -> Status {
    failures.observe(object, related, tolerance);
    let mut status = status(object, related);
    // What has done what it was made for may be deleted for that: a Job whose time to live is over.
    if status.state == State::Terminating && row(object).ends {
        let done = judged(object, related);
        if done.state == State::Ready {
            return done;
        }
    }
    if status.state == State::Failed && was_so_before(object, related.before) {
        status.state = State::Progressing;
    }
    if status.state != State::Progressing {
        return status;
    }
    let allowed = allowed(object, tolerance);
    let reason = match (&failures.hopeless, &failures.last) {
        (Some(hopeless), _) => hopeless,
        (None, Some(last)) if failures.counted > allowed => last,
        _ => return status,
    };
    let what = with_reason(&status.message, reason);
    let tally = match failures.counted > allowed {
        true => format!(" ({}, {allowed} tolerated)", plural(failures.counted.into(), "failure")),
        false => String::new(),
    };
    Status { state: State::Failed, message: format!("{what}{tally}") }
}

/// The status may tell of the same failure already, and then it tells more; or of a pod that shows no trouble yet: events come first.
fn with_reason(message: &str, reason: &str) -> String {
    let words = reason.split_once(": ").map_or(reason, |(_, words)| words.strip_prefix("Error: ").unwrap_or(words));
    let trouble = [": pod ", ": container ", ": init container "].iter().filter_map(|start| message.find(start)).min();
    match trouble {
        Some(start) if !message.contains(words) && USUAL.iter().any(|usual| message[start..].contains(usual)) => {
            format!("{}: {reason}", &message[..start])
        }
        Some(_) => message.to_owned(),
        None if message.contains(&core(reason)) => message.to_owned(),
        None => format!("{message}: {reason}"),
    }
}

/// How many failures an object may have: its annotation or the kind's default, times its replicas.
pub fn allowed(object: &Value, tolerance: &Tolerance) -> u32 {
    let pods = row(object).pods;
    let replicas = pods.and_then(|pods| number(object, pods.count)).unwrap_or(1);
    let never = ["/spec/template/spec/restartPolicy", "/spec/restartPolicy"].iter().any(|pointer| text(object, pointer) == "Never");
    let default = match pods.map(|pods| pods.failures) {
        Some(Tolerated::Each(each)) if !never => each,
        _ => 0,
    };
    tolerance.failures_per_replica.unwrap_or(default).saturating_mul(u32::try_from(replicas.max(1)).unwrap_or(u32::MAX))
}

/// What a status says of a pod that is on its way.
const USUAL: [&str; 3] = ["is being created", "has not passed yet", "is starting"];

/// Waiting reasons that a retry cannot mend.
fn is_hopeless(reason: &str) -> bool {
    matches!(reason, "InvalidImageName" | "ErrImageNeverPull")
}

impl Container {
    fn observe(&mut self, pod: &Value, role: Role, status: &Value, first_look: bool, since: Option<Timestamp>) -> Option<Failure> {
        self.was_ready |= is_ready(status);
        let restarts = count(status, "/restartCount");
        let waiting = text(status, "/state/waiting/reason");
        let waited = std::mem::replace(&mut self.waiting, waiting.to_owned());
        let current = status.pointer("/state/terminated");
        let last = status.pointer("/lastState/terminated");
        // While a container waits to be restarted its count still has the run that ended; once it runs, the one after.
        let ended = match (current, last) {
            (Some(current), _) => Some((restarts, current)),
            (None, Some(last)) if !waiting.is_empty() => Some((restarts, last)),
            (None, Some(last)) => Some((restarts - 1, last)),
            (None, None) => None,
        };
        if let Some((run, terminated)) = ended
            && is_bad_end(pod, role, status, terminated)
            && self.runs.insert(run)
        {
            let before = since.zip(time(terminated, "/finishedAt")).is_some_and(|(since, ended)| ended < since);
            let past = before || (first_look && status.pointer("/state/running").is_some());
            return if past { None } else { Some(Failure::Run(pod::ended(terminated))) };
        }
        let cannot_start = matches!(
            waiting,
            "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError" | "RegistryUnavailable"
        );
        if cannot_start && waiting != waited {
            let message = line(text(status, "/state/waiting/message"));
            return Some(Failure::Start(if message.is_empty() { waiting.to_owned() } else { format!("{waiting}: {message}") }));
        }
        None
    }
}

/// Whether a run that ended should have gone on, or have ended otherwise.
fn is_bad_end(pod: &Value, role: Role, status: &Value, terminated: &Value) -> bool {
    if count(terminated, "/exitCode") != 0 {
        return true;
    }
    let policy = match text(pod, "/spec/restartPolicy") {
        "" => "Always",
        policy => policy,
    };
    let spec = items(pod, "/spec/initContainers").iter().find(|container| text(container, "/name") == text(status, "/name"));
    match role {
        Role::Main => policy == "Always",
        // An init container ends well with 0, unless it is a sidecar.
        Role::Init => spec.is_some_and(|spec| text(spec, "/restartPolicy") == "Always"),
    }
}

/// Words of events about images.
const OF_IMAGES: [&str; 3] = ["ImagePull", "ImageNeverPull", "InvalidImageName"];

/// What events newly tell of a pod: a readiness probe that failed after its time of grace, a container that could not be made.
fn told_of_pod(
    seen: &mut BTreeMap<String, i64>,
    containers: &BTreeMap<String, Container>,
    pod: &Value,
    events: &[Arc<Value>],
    tolerance: &Tolerance,
) -> Vec<String> {
    let mut fresh = Vec::new();
    for event in events_of(pod, events).filter(|event| is_since(event, tolerance.since)) {
        let message = text(event, "/message");
        let container = text(event, "/involvedObject/fieldPath").rsplit_once('{').map_or("", |(_, name)| name.trim_end_matches('}'));
        let status = items(pod, "/status/containerStatuses").iter().find(|status| text(status, "/name") == container);
        let times = match text(event, "/reason") {
            // What one that is ready needed until then is past.
            "Unhealthy" if status.is_some_and(is_ready) => {
                times_since(seen, event);
                0
            }
            "Unhealthy" => {
                let was_ready = containers.get(container).is_some_and(|known| known.was_ready);
                let fails = message.starts_with("Readiness") && is_late(pod, container, status, was_ready, event, tolerance);
                // A node tells of what goes on and on only a few times: what it told in the time of grace counts when that is over.
                if fails { times_since(seen, event) } else { 0 }
            }
            // The image's own troubles are counted by the container's state.
            "Failed" if message.starts_with("Error: ") && !OF_IMAGES.iter().any(|own| message.contains(own)) => {
                times_since(seen, event).min(1)
            }
            _ => 0,
        };
        for _ in 0..times {
            fresh.push(format!("pod {} container {container}: {}", name(pod), said(message)));
        }
    }
    fresh
}

/// What events newly tell of a controller that cannot make its pods. It tries again many times a second, and a quota or a
/// ServiceAccount may come a moment later, so only what lasts counts. Each try may be an event of its own, since it names the pod.
fn told_of_owner(seen: &mut BTreeMap<String, i64>, owner: &Value, events: &[Arc<Value>], since: Option<Timestamp>) -> Vec<String> {
    let mut causes: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in events_of(owner, events).filter(|event| text(event, "/reason") == "FailedCreate" && is_since(event, since)) {
        causes.entry(core(text(event, "/message"))).or_default().push(event);
    }
    // It pauses twice as long after each try: the tries of the first two seconds are its first ten.
    let lasts = |tries: &[&Value]| {
        let first = tries.iter().filter_map(|event| time(event, "/firstTimestamp")).min().max(since);
        let last = tries.iter().filter_map(|event| time(event, "/lastTimestamp")).max();
        first.zip(last).is_some_and(|(first, last)| last.duration_since(first).as_secs() >= 2)
    };
    let mut fresh = Vec::new();
    for tries in causes.into_values().filter(|tries| lasts(tries)) {
        let new = tries.iter().map(|event| times_since(seen, event)).sum::<i64>();
        let last = tries.iter().max_by_key(|event| time(event, "/lastTimestamp"));
        fresh.extend(last.filter(|_| new > 0).map(|event| line(text(event, "/message"))));
    }
    fresh
}

/// How often an event has happened since the last look that counted it.
fn times_since(seen: &mut BTreeMap<String, i64>, event: &Value) -> i64 {
    let times = number(event, "/series/count").or(number(event, "/count")).unwrap_or(1);
    (times - seen.insert(uid(event).to_owned(), times).unwrap_or(0)).max(0)
}

/// Whether an event was seen after the deployment began.
pub fn is_since(event: &Value, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| pod::event_time(event).is_none_or(|at| at >= since))
}

/// Whether an object that failed had failed in the same way before the deployment began, and may yet recover: what runs to an end does not.
fn was_so_before(object: &Value, before: Option<&Value>) -> bool {
    let told = |object: &Value| {
        ["/status/conditions", "/status/phase", "/status/state", "/status/status", "/status/health"]
            .map(|pointer| object.pointer(pointer).cloned().unwrap_or_default())
    };
    !row(object).ends
        && before.is_some_and(|before| status(before, Related::default()).state == State::Failed && told(before) == told(object))
}

/// What an application may need until it listens for the first time, where nobody says how long it takes.
const SLOW_START: Duration = Duration::from_secs(60);

fn is_ready(status: &Value) -> bool {
    status.pointer("/ready").and_then(Value::as_bool) == Some(true)
}

fn is_late(pod: &Value, container: &str, status: Option<&Value>, was_ready: bool, event: &Value, tolerance: &Tolerance) -> bool {
    let spec = items(pod, "/spec/containers").iter().find(|spec| text(spec, "/name") == container);
    // One that was ready before or has died does not just start slowly.
    let starts = !was_ready && status.is_none_or(|status| count(status, "/restartCount") == 0);
    let computed = || spec.and_then(probe::grace).unwrap_or_default().max(if starts { SLOW_START } else { Duration::ZERO });
    let grace = tolerance.ignore_readiness.get(container).copied().unwrap_or_else(computed);
    let at = tolerance.now.filter(|_| starts).or_else(|| pod::event_time(event));
    match (at, status.and_then(|status| time(status, "/state/running/startedAt"))) {
        (Some(at), Some(started)) => {
            at.duration_since(started) > jiff::SignedDuration::try_from(grace).unwrap_or(jiff::SignedDuration::MAX)
        }
        // Without a running container its end counts, not its probe.
        _ => false,
    }
}
