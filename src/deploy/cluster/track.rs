//! Watches one object until it works, fails, or is gone; shows the logs of its pods and the events about them meanwhile.
//!
//! What the states mean is `kinds`'s business. Here is what it needs: the object, its pods, ReplicaSets and events from
//! watches, and a memory of failures.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::context::Context;
use super::discovery::kind_of;
use super::error::ClusterError;
use super::evidence::Evidence;
use super::kind::Kind;
use super::pod_logs::Logs;
use super::surroundings::{Around, Topics, own_topic};
use super::watch::{By, Refusal, Topic, View};
use crate::deploy::resource::{Resource, ResourceId};
use crate::event::Event;
use crate::kinds::failures::{Failures, Tolerance, is_since, track as judge};
use crate::kinds::{Related, State, Status, advice, deletion_grace, pods_of, settle, status};

/// How often an object is looked at while nothing is heard of it: times of grace end in silence.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// Why tracking ended badly.
#[derive(Debug)]
pub(super) enum Failure {
    /// The object failed.
    Failed { reason: String, evidence: Evidence, help: Option<String> },
    /// Nothing changed for too long.
    Stuck { message: String, quiet: Duration, evidence: Evidence, advice: Option<String> },
    /// The cluster could not be asked.
    Cluster(ClusterError),
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Failure::Cluster(error)
    }
}

impl From<Refusal> for Failure {
    fn from(Refusal { message, help }: Refusal) -> Self {
        Failure::Failed { reason: message, evidence: Evidence::default(), help }
    }
}

/// Follows the object where it is watched; by its name alone where the collection may not be read.
pub(super) fn follow_own(view: &mut View<'_>, topic: &mut Topic, name: &str) -> Result<(), Refusal> {
    view.follow(topic, By::Name(name));
    match view.refused(topic) {
        Some(_) if topic.fields.is_empty() => {
            topic.fields = format!("metadata.name={name}");
            follow_own(view, topic, name)
        }
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// Waits until the object works. `applied` is the server's answer to applying it: where that is ready already, nothing is watched.
/// `before` is the object as it was when nothing was applied.
pub(super) async fn ready(context: &Context, resource: &Resource, applied: Option<&Value>, before: Option<&Value>) -> Result<(), Failure> {
    let id = &resource.id;
    let started = Instant::now();
    if applied.is_some_and(|object| status(object, Related::default()).state == State::Ready) {
        context.events.emit(Event::ResourceReady { resource: id.to_string(), took: started.elapsed() });
        return Ok(());
    }
    let mut topics = Topics::of(&context.client, resource, &context.crowds).await?;
    let mut view = context.hub.view();
    let mut tolerance = Tolerance {
        failures_per_replica: resource.steering.tracking.failures_allowed_per_replica,
        ignore_readiness: resource.steering.tracking.ignore_readiness.clone(),
        since: context.since,
        now: None,
    };
    // The object may not be seen in a state before it was applied: that one was perhaps ready.
    let uid = applied.and_then(|object| object["metadata"]["uid"].as_str()).map(String::from);
    let generation = applied.and_then(|object| object["metadata"]["generation"].as_i64());
    let before = applied.or(before);
    let mut failures = Failures::new();
    let mut shown = String::new();
    let mut logs = Logs::new(context, resource);
    let mut told = HashMap::new();
    let mut quiet_since = Instant::now();
    let mut life = (String::new(), 0);
    let patience = resource.steering.tracking.no_activity_timeout;
    // Since when it is ready, at which count of failures.
    let mut ready_since: Option<(Instant, u32)> = None;
    loop {
        follow_own(&mut view, &mut topics.own, &id.name)?;
        let object = view.get(&topics.own, &id.name).filter(|object| {
            uid.as_ref().is_none_or(|uid| object["metadata"]["uid"] == uid.as_str())
                && generation.is_none_or(|generation| object["metadata"]["generation"].as_i64().is_none_or(|seen| seen >= generation))
        });
        let mut seen = String::from("nothing yet");
        let mut settled = None;
        if let Some(object) = object {
            let around = topics.look(&mut view, &object);
            tell_refused(context, &view, &topics);
            if resource.steering.logs.service_messages {
                tell_events(context, id, &around, &mut told);
            }
            let related = around.related(before);
            tolerance.now = context.now();
            let Status { state, message } = judge(&object, related, &mut failures, &tolerance);
            let pods = pods_of(&object, related);
            logs.show(&pods);
            seen = format!("{message} {}", pods.iter().map(|pod| pod["metadata"]["resourceVersion"].to_string()).collect::<String>());
            ready_since = match ready_since {
                _ if state != State::Ready => None,
                Some((since, count)) if count == failures.count() => Some((since, count)),
                _ => Some((Instant::now(), failures.count())),
            };
            let must_stay = pods.iter().map(|pod| settle(pod, context.since)).max().unwrap_or_default();
            settled = ready_since.map(|(since, _)| since + must_stay);
            match state {
                State::Ready if settled.is_some_and(|at| at > Instant::now()) => {
                    let message = format!("{message}; it is watched until it has stayed so for {} s", must_stay.as_secs());
                    context.progressed(id, &message, &mut shown);
                }
                State::Ready => {
                    logs.finish(&pods).await;
                    context.note(id, None);
                    context.events.emit(Event::ResourceReady { resource: id.to_string(), took: started.elapsed() });
                    return Ok(());
                }
                State::Failed => {
                    logs.finish(&pods).await;
                    let evidence = Evidence::of(&context.client, &object, &pods, related, context.since, &message).await;
                    context.events.emit(Event::ResourceFailed { resource: id.to_string(), message: message.clone() });
                    let help = advice(&object, &message, &tolerance);
                    let reason = message.strip_prefix("failed: ").map(str::to_owned).unwrap_or(message);
                    return Err(Failure::Failed { reason, evidence, help });
                }
                State::Progressing | State::Terminating => context.progressed(id, &message, &mut shown),
            }
            if quiet_since.elapsed() >= patience {
                let message = if shown.is_empty() { "it gives no sign of life".to_owned() } else { shown };
                let evidence = Evidence::of(&context.client, &object, &pods, related, context.since, &message).await;
                let advice = advice(&object, &message, &tolerance);
                context.events.emit(Event::ResourceFailed { resource: id.to_string(), message: message.clone() });
                return Err(Failure::Stuck { message, quiet: patience, evidence, advice });
            }
        } else if view.is_synced(&topics.own) && applied.is_none() {
            return Err(Failure::Failed { reason: "it does not exist".into(), evidence: Evidence::default(), help: None });
        } else if quiet_since.elapsed() >= patience {
            return Err(stuck("the object disappeared".into(), patience));
        }
        let now = (seen, logs.printed());
        if now != life {
            life = now;
            quiet_since = Instant::now();
        }
        let next_look = (quiet_since + patience).min(settled.unwrap_or_else(|| Instant::now() + LOOK));
        tokio::select! {
            () = view.changed() => {}
            () = tokio::time::sleep_until(next_look) => {}
        }
    }
}

/// Says which collections around the object may not be read: what happens there is not seen.
fn tell_refused(context: &Context, view: &View<'_>, topics: &Topics) {
    for topic in topics.around() {
        if let Some(Refusal { message, help }) = view.refused(topic) {
            context.tell_once(format!("{} are not watched, so their failures are not seen: {message}", topic.kind.plural), help);
        }
    }
}

/// Shows events that are new since the last look.
fn tell_events(context: &Context, id: &ResourceId, around: &Around, told: &mut HashMap<String, Value>) {
    let mut fresh: Vec<&Arc<Value>> = around
        .events
        .iter()
        .filter(|event| is_since(event, context.since))
        .filter(|event| {
            let (uid, times) = (event["metadata"]["uid"].as_str().unwrap_or_default(), event["count"].clone());
            told.insert(uid.to_owned(), times.clone()).is_none_or(|before| before != times)
        })
        .collect();
    fresh.sort_by_key(|event| event["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse::<u64>().ok()));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for event in fresh {
        let about = &event["involvedObject"];
        context.events.emit(Event::ResourceTold {
            resource: id.to_string(),
            about: format!("{}/{}", text(&about["kind"]), text(&about["name"])),
            reason: text(&event["reason"]),
            message: text(&event["message"]),
        });
    }
}

/// Nothing changed, and there are no pods to ask why.
fn stuck(message: String, quiet: Duration) -> Failure {
    let advice = advice(&Value::Null, &message, &Tolerance::default());
    Failure::Stuck { message, quiet, evidence: Evidence::default(), advice }
}

/// Waits until the object is gone, or has been replaced by a new one. Its annotation says how long nothing may change, and its pods may
/// take their time of grace on top of that.
pub(super) async fn absent(context: &Context, resource: &Resource) -> Result<(), Failure> {
    let id = &resource.id;
    let kind = match kind_of(&context.client, id, "").await {
        Ok(kind) => kind,
        Err(ClusterError::UnknownKind { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // The usual object is gone at once: one read costs less than a watch.
    let Some(first) = super::live::get(&context.client, id).await? else { return Ok(()) };
    let uid = first["metadata"]["uid"].clone();
    let patience = resource.steering.tracking.no_activity_timeout + deletion_grace(&first);
    let mut topic = own_topic(kind, id, &context.crowds);
    let mut view = context.hub.view();
    let (mut quiet_since, mut seen, mut shown) = (Instant::now(), Value::Null, String::new());
    loop {
        follow_own(&mut view, &mut topic, &id.name)?;
        match view.get(&topic, &id.name) {
            Some(object) if object["metadata"]["uid"] == uid => {
                context.progressed(id, &status(&object, Related::default()).message, &mut shown);
                let version = object["metadata"]["resourceVersion"].clone();
                if version != seen {
                    seen = version;
                    quiet_since = Instant::now();
                }
            }
            None if !view.is_synced(&topic) => {}
            _ => {
                context.note(id, None);
                return Ok(());
            }
        }
        if quiet_since.elapsed() >= patience {
            return Err(stuck(format!("it is not gone: {shown}"), patience));
        }
        tokio::select! {
            () = view.changed() => {}
            () = tokio::time::sleep_until(quiet_since + patience) => {}
        }
    }
}

/// Waits until an object exists that somebody else makes.
pub(super) async fn exists(context: &Context, kind: &Kind, id: &ResourceId, patience: Duration) -> Result<(), Failure> {
    let mut topic = own_topic(kind.clone(), id, &context.crowds);
    let mut view = context.hub.view();
    let deadline = Instant::now() + patience;
    context.note(id, Some("it does not exist yet"));
    loop {
        follow_own(&mut view, &mut topic, &id.name)?;
        if view.get(&topic, &id.name).is_some() {
            context.note(id, None);
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(stuck(format!("{id} does not exist"), patience));
        }
        tokio::select! {
            () = view.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}
