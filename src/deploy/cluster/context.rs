//! What all trackers of a deployment share: the watches, who may follow logs, what is still on its way, what was told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::client::Client;
use super::error::ClusterError;
use super::surroundings::Crowds;
use super::watch::Hub;
use crate::deploy::resource::{Propagation, Resource, ResourceId};
use crate::event::{Event, Events};
use crate::net::at_once;

/// How many logs are followed at once, where files allow it: a server allows about a hundred streams on their connection, and over
/// HTTP/1.1 each has one.
const LOG_STREAMS: usize = 60;

/// What every tracker shares.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) hub: Hub,
    pub(super) events: Events,
    /// Whether what containers print is shown as they print it.
    pub(super) pod_logs: bool,
    /// When the deployment began, by the cluster's clock: what happened before is none of its doing.
    pub(super) since: Option<Timestamp>,
    /// The same moment by our own clock.
    begun: Instant,
    /// What happens to dependents of deleted objects that do not say it themselves.
    pub(super) propagation: Propagation,
    /// How many objects of each collection are tracked.
    pub(super) crowds: Crowds,
    /// Who may follow a log.
    pub(super) log_streams: Arc<Semaphore>,
    /// How many lines that are there already are shown of each container; all of this deployment where it is `None`.
    pub(super) tail: Option<u64>,
    /// Last message of what is still on its way, for the text of a timeout.
    pending: Mutex<HashMap<String, String>>,
    /// Missing rights that were told already.
    told: Mutex<HashSet<String>>,
}

impl Context {
    pub(super) fn new(client: &Client, hub: Hub, events: &Events, pod_logs: bool, since: Option<Timestamp>, crowds: Crowds) -> Self {
        Context {
            client: client.clone(),
            hub,
            events: events.clone(),
            pod_logs,
            since,
            begun: Instant::now(),
            propagation: Propagation::default(),
            crowds,
            log_streams: Arc::new(Semaphore::new(at_once(LOG_STREAMS))),
            tail: None,
            pending: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// What happens to dependents of an object that is deleted.
    pub(super) fn propagation_of(&self, resource: &Resource) -> Propagation {
        resource.steering.propagation.unwrap_or(self.propagation)
    }

    pub(super) fn note(&self, id: &ResourceId, message: Option<&str>) {
        let mut pending = held(&self.pending);
        match message {
            Some(message) => pending.insert(id.to_string(), message.to_owned()),
            None => pending.remove(&id.to_string()),
        };
    }

    /// What the cluster's clock shows.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.since?.checked_add(jiff::SignedDuration::try_from(self.begun.elapsed()).ok()?).ok()
    }

    /// `Kind/name: message` of what is on its way, sorted.
    pub(super) fn pending(&self) -> Vec<String> {
        let mut lines: Vec<String> = held(&self.pending).iter().map(|(id, message)| format!("{id}: {message}")).collect();
        lines.sort();
        lines
    }

    /// Says once that something cannot be shown because a right is missing.
    pub(super) fn tell_missing_right(&self, error: Option<&ClusterError>) {
        if let Some(ClusterError::Forbidden { message, help, .. }) = error {
            self.tell_once(format!("logs are not shown: {message}"), Some(help.clone()));
        }
    }

    pub(super) fn tell_once(&self, message: String, help: Option<String>) {
        if held(&self.told).insert(help.clone().unwrap_or_else(|| message.clone())) {
            self.events.emit(Event::Warned { message, help });
        }
    }

    pub(super) fn progressed(&self, id: &ResourceId, message: &str, shown: &mut String) {
        self.note(id, Some(message));
        if shown != message {
            message.clone_into(shown);
            self.events.emit(Event::ResourceProgressed { resource: id.to_string(), message: message.to_owned() });
        }
    }
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
