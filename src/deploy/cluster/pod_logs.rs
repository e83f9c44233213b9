//! Which logs of an object's pods are shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::Context;
use super::error::ClusterError;
use super::logs::{Before, Container, First, Follower, Place, Until};
use crate::deploy::resource::Resource;

/// What may still be on its way from a container that runs on.
const RUNNING: Duration = Duration::from_millis(300);

/// For how long the log of a container that ended may bring nothing before its end.
const ENDED: Duration = Duration::from_secs(10);

/// Pod, container and the number of its run.
pub(super) type Run = (String, String, i64);

/// Log streams of one object's pods.
pub(super) struct Logs<'a> {
    context: &'a Context,
    resource: &'a Resource,
    /// Pods whose logs are shown, first come first shown.
    pods: Vec<String>,
    runs: HashMap<Run, (watch::Sender<Until>, Before)>,
    streams: JoinSet<Result<(), ClusterError>>,
    printed: Arc<AtomicU64>,
    /// Whether pods were shown before.
    looked: bool,
}

impl<'a> Logs<'a> {
    pub(super) fn new(context: &'a Context, resource: &'a Resource) -> Self {
        Logs { context, resource, pods: Vec::new(), runs: HashMap::new(), streams: JoinSet::new(), printed: Arc::default(), looked: false }
    }

    /// How many lines came so far.
    pub(super) fn printed(&self) -> u64 {
        self.printed.load(Ordering::Relaxed)
    }

    /// Starts a stream for each run of a container that began since the last call.
    pub(super) fn show(&mut self, pods: &[&Value]) {
        if !self.context.pod_logs {
            return;
        }
        while let Some(ended) = self.streams.try_join_next() {
            self.context.tell_missing_right(ended.ok().and_then(Result::err).as_ref());
        }
        let options = &self.resource.steering.logs;
        // Of what is there before anybody looks, the last lines alone may be wanted.
        let tail = self.context.tail.filter(|_| !self.looked);
        self.looked |= !pods.is_empty();
        for pod in pods {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            if !self.pods.iter().any(|known| known == name) {
                if self.pods.len() >= options.replicas {
                    continue;
                }
                self.pods.push(name.to_owned());
            }
            for (run, status) in runs(pod) {
                let last = &status["lastState"]["terminated"];
                let began = status["state"]["running"].is_object() || status["state"]["terminated"].is_object();
                let since = self.since(pod);
                // States that follow one another at once are told as one: the run before may never have been seen.
                if tail.is_none()
                    && began
                    && last.is_object()
                    && run.2 > 0
                    && since.is_none_or(|since| time(&last["finishedAt"]).is_some_and(|end| end >= since))
                {
                    self.follow((run.0.clone(), run.1.clone(), run.2 - 1), since, true, None);
                }
                if began || last.is_object() {
                    self.follow(run, since, false, tail);
                }
            }
        }
    }

    /// From when on lines of a pod are of this deployment; `None` where all are.
    fn since(&self, pod: &Value) -> Option<Timestamp> {
        let created = time(&pod["metadata"]["creationTimestamp"]);
        self.context.since.filter(|since| created.is_none_or(|created| created < *since))
    }

    /// Starts the stream of a run, if it has none; `past` says that the container runs anew since.
    fn follow(&mut self, run: Run, since: Option<Timestamp>, past: bool, tail: Option<u64>) {
        let options = &self.resource.steering.logs;
        if !options.shows_container(&run.1) || self.runs.contains_key(&run) {
            return;
        }
        let (pod, name, number) = run.clone();
        let place = match number {
            _ if past => Place::Past,
            0 => Place::First,
            _ => Place::After(self.runs.get(&(pod.clone(), name.clone(), number - 1)).map(|(_, before)| before.clone())),
        };
        let (until, watched) = watch::channel(Until::End);
        let (done, closed) = watch::channel(());
        let first = First::default();
        let follower = Follower {
            client: self.context.client.clone(),
            container: Container { namespace: self.resource.id.namespace.clone().unwrap_or_default(), pod, name },
            first: first.clone(),
            _done: done,
            place,
            resource: self.resource.id.to_string(),
            options: options.clone(),
            since,
            tail,
            printed: self.printed.clone(),
            permits: self.context.log_streams.clone(),
            until: watched,
            events: self.context.events.clone(),
        };
        self.streams.spawn(follower.run());
        self.runs.insert(run, (until, Before { first, done: closed }));
    }

    /// Waits for the last lines: of containers that ended all of them, of the others what they have written so far.
    pub(super) async fn finish(mut self, pods: &[&Value]) {
        self.show(pods);
        let running: Vec<Run> = pods
            .iter()
            .flat_map(|pod| runs(pod))
            .filter(|(_, status)| status["state"]["running"].is_object())
            .map(|(run, _)| run)
            .collect();
        for (run, (until, _)) in &self.runs {
            until.send_replace(Until::Quiet(if running.contains(run) { RUNNING } else { ENDED }));
        }
        self.wait().await;
    }

    async fn wait(mut self) {
        while let Some(ended) = self.streams.join_next().await {
            self.context.tell_missing_right(ended.ok().and_then(Result::err).as_ref());
        }
    }
}

/// Shows the last lines of the containers of some pods, one container after the other.
pub(super) async fn last_lines(context: &Context, resource: &Resource, pods: &[Arc<Value>]) {
    for (run, status) in pods.iter().flat_map(|pod| runs(pod)) {
        let began = ["running", "terminated"].iter().any(|state| status["state"][state].is_object());
        if !began && !status["lastState"]["terminated"].is_object() {
            continue;
        }
        let mut logs = Logs::new(context, resource);
        logs.follow(run, None, false, context.tail);
        for (until, _) in logs.runs.values() {
            until.send_replace(Until::Quiet(ENDED));
        }
        logs.wait().await;
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// The runs of a pod's containers, those of init containers first.
pub(super) fn runs(pod: &Value) -> impl Iterator<Item = (Run, &Value)> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let lists = ["initContainerStatuses", "containerStatuses"].into_iter();
    lists.flat_map(|list| pod["status"][list].as_array().into_iter().flatten()).map(move |status| {
        let container = status["name"].as_str().unwrap_or_default();
        ((name.to_owned(), container.to_owned(), status["restartCount"].as_i64().unwrap_or(0)), status)
    })
}
