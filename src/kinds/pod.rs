//! Pod: running and ready, or done; and what keeps it from that, in words.

use std::sync::Arc;

use serde_json::Value;

use super::json::{condition, count, is_deleting, is_true, items, line, name, number, plural, text, time, why};
use super::owned::events_of;
use super::{Related, State, Status};

/// Waiting reasons that belong to every start and are no trouble.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// The status of one pod.
pub fn status(pod: &Value, related: Related<'_>) -> Status {
    let reason = problem(pod, related.events);
    match text(pod, "/status/phase") {
        "Succeeded" => Status::ready("succeeded"),
        "Failed" => Status::failed("failed").because(reason),
        "Running" if is_true(pod, "Ready") => Status::ready("running"),
        "Running" => Status::progressing("not ready").because(reason),
        "" | "Pending" => Status::progressing("pending").because(reason),
        other => Status::progressing(format!("in phase {other}")).because(reason),
    }
}

/// The most telling problem among pods, with the pod's name.
pub fn worst(pods: &[&Value], events: &[Arc<Value>]) -> Option<String> {
    let troubled =
        pods.iter().filter(|pod| !is_deleting(pod) && status(pod, Related { events, ..Related::default() }).state != State::Ready);
    let told = troubled.filter_map(|pod| problem(pod, events).map(|problem| (severity(pod), name(pod), problem)));
    // The worst first, then the first by name: the same pods give the same message.
    let (_, name, problem) = told.min_by(|a, b| (b.0, a.1).cmp(&(a.0, b.1)))?;
    Some(format!("pod {name} {problem}"))
}

fn severity(pod: &Value) -> u8 {
    let containers = || containers(pod).map(|(_, status)| status);
    let waits = |status: &Value| {
        let reason = text(status, "/state/waiting/reason");
        !reason.is_empty() && !USUAL.contains(&reason)
    };
    if text(pod, "/status/phase") == "Failed" || containers().any(waits) {
        3
    } else if containers().any(|status| number(status, "/state/terminated/exitCode").is_some_and(|code| code != 0)) {
        2
    } else {
        1
    }
}

/// Whether a container is among those that run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Of `initContainers`.
    Init,
    /// Of `containers`.
    Main,
}

/// The statuses of all containers, those of init containers first.
pub fn containers(pod: &Value) -> impl Iterator<Item = (Role, &Value)> {
    let init = items(pod, "/status/initContainerStatuses").iter().map(|status| (Role::Init, status));
    init.chain(items(pod, "/status/containerStatuses").iter().map(|status| (Role::Main, status)))
}

/// Why a pod is not ready, beginning with the container or a colon-less clause; `None` where nothing is known.
pub fn problem(pod: &Value, events: &[Arc<Value>]) -> Option<String> {
    // Evicted, preempted, node lost: told for the pod as a whole.
    let whole = text(pod, "/status/reason");
    if text(pod, "/status/phase") == "Failed" && !whole.is_empty() {
        let message = line(text(pod, "/status/message"));
        return Some(if message.is_empty() { whole.to_owned() } else { format!("{whole}: {message}") });
    }
    if let Some(scheduled) = condition(pod, "PodScheduled").filter(|scheduled| text(scheduled, "/status") == "False") {
        return Some(match line(text(scheduled, "/message")) {
            message if message.is_empty() => "is not scheduled".to_owned(),
            message => format!("is not scheduled: {message}"),
        });
    }
    let broken = containers(pod).find_map(|(role, status)| broken(status).map(|what| (role, status, what)));
    if let Some((role, status, what)) = broken {
        let extra = if what.contains("CreateContainerConfigError") { None } else { probe_failure(pod, text(status, "/name"), events) };
        let what = extra.map_or(what.clone(), |probe| format!("{what}; {probe}"));
        return Some(format!("{} {}: {what}", title(role), text(status, "/name")));
    }
    if let Some(mount) = trouble_before_start(pod, events) {
        return Some(mount);
    }
    let starting = containers(pod).find_map(|(role, status)| starting(role, status).map(|what| (role, status, what)));
    if let Some((role, status, what)) = starting {
        let what = match role {
            Role::Main => probe_failure(pod, text(status, "/name"), events).unwrap_or(what),
            Role::Init => what,
        };
        return Some(format!("{} {}: {what}", title(role), text(status, "/name")));
    }
    condition(pod, "Ready").filter(|ready| text(ready, "/status") != "True").and_then(why)
}

fn title(role: Role) -> &'static str {
    match role {
        Role::Init => "init container",
        Role::Main => "container",
    }
}

/// What is wrong with a container.
fn broken(status: &Value) -> Option<String> {
    let restarts = count(status, "/restartCount");
    let restarted = match restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        times => format!(", restarted {times} times"),
    };
    let reason = text(status, "/state/waiting/reason");
    if !reason.is_empty() && !USUAL.contains(&reason) {
        let last = status.pointer("/lastState/terminated").map(ended);
        return Some(match (reason, last) {
            ("CrashLoopBackOff", Some(last)) => format!("{reason}, {last}{restarted}"),
            _ => match line(text(status, "/state/waiting/message")) {
                message if message.is_empty() => format!("{reason}{restarted}"),
                message => format!("{reason}: {message}"),
            },
        });
    }
    let terminated = status.pointer("/state/terminated")?;
    if number(terminated, "/exitCode") == Some(0) { None } else { Some(format!("{}{restarted}", ended(terminated))) }
}

/// How a run ended: `exit code 7 (Error)`, `OOMKilled, exit code 137`.
pub fn ended(terminated: &Value) -> String {
    let reason = text(terminated, "/reason");
    let how = match (count(terminated, "/exitCode"), reason) {
        (code, "OOMKilled") => format!("OOMKilled (over its memory limit), exit code {code}"),
        (code, "") => format!("exit code {code}"),
        (code, reason) => format!("exit code {code} ({reason})"),
    };
    match line(text(terminated, "/message")) {
        message if message.is_empty() => how,
        message => format!("{how}: {message}"),
    }
}

/// What a container that is not broken is waiting for.
fn starting(role: Role, status: &Value) -> Option<String> {
    let waiting = text(status, "/state/waiting/reason");
    let ready = status.pointer("/ready").and_then(Value::as_bool).unwrap_or(false);
    let started = status.pointer("/started").and_then(Value::as_bool).unwrap_or(true);
    let running = status.pointer("/state/running").is_some();
    match role {
        _ if waiting == "ContainerCreating" => Some("is being created".to_owned()),
        // Main containers that wait for an init container are not the story.
        Role::Main if waiting == "PodInitializing" => None,
        Role::Init if running && !ready && !started => Some("is starting".to_owned()),
        Role::Init if running && !ready => Some("is running".to_owned()),
        Role::Main if running && !started => Some("is starting: its startup probe has not passed yet".to_owned()),
        Role::Main if running && !ready => match count(status, "/restartCount") {
            0 => Some("its readiness probe has not passed yet".to_owned()),
            times => Some(format!("its readiness probe has not passed yet, {} so far", plural(times, "restart"))),
        },
        _ => None,
    }
}

/// The last failure of a probe of a container.
fn probe_failure(pod: &Value, container: &str, events: &[Arc<Value>]) -> Option<String> {
    let field = format!("{{{container}}}");
    let failures = events_of(pod, events)
        .filter(|event| text(event, "/reason") == "Unhealthy" && text(event, "/involvedObject/fieldPath").ends_with(&field));
    let last = failures.max_by_key(|event| event_time(event))?;
    Some(said(text(last, "/message")))
}

/// An event's message on one line; a colon with nothing after it goes.
pub fn said(message: &str) -> String {
    line(message).trim_end_matches(':').to_owned()
}

/// Volumes and sandboxes that cannot be set up: told by events alone.
fn trouble_before_start(pod: &Value, events: &[Arc<Value>]) -> Option<String> {
    const REASONS: [&str; 4] = ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume"];
    let waiting =
        containers(pod).next().is_none() || containers(pod).any(|(_, status)| text(status, "/state/waiting/reason") == "ContainerCreating");
    let troubles = events_of(pod, events).filter(|event| waiting && REASONS.contains(&text(event, "/reason")));
    let last = troubles.max_by_key(|event| event_time(event))?;
    Some(format!("{}: {}", text(last, "/reason"), line(text(last, "/message"))))
}

/// When an event was seen last.
pub fn event_time(event: &Value) -> Option<jiff::Timestamp> {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"]
        .iter()
        .find_map(|pointer| time(event, pointer))
}
