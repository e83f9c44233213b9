//! Carries a plan out: every operation as soon as what it waits for has ended, until all are done or one fails.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::apply::{apply, delete, is_immutable};
use super::client::Client;
use super::context::{Context, held};
use super::deploy_error::DeployError;
use super::discovery::{await_served, kind_named};
use super::error::ClusterError;
use super::ledger::Ledger;
use super::options::DeployOptions;
use super::surroundings::Crowds;
use super::track::{self, Failure};
use super::watch::Hub;
use crate::deploy::plan::{Live, Operation, Plan, Verb};
use crate::deploy::resource::{
    DeletePolicy, ExternalDependency, FailMode, GroupVersionKind, Propagation, Resource, ResourceId, ResourcePolicy, State, is_kept,
};
use crate::event::{Event, Events};

/// How long an object is applied again where an admission webhook does not answer: it may come up with the same release.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(240);

/// How long an object is applied again where what it needs belonged to one that is gone: the server frees it in its own time.
const RELEASE_PATIENCE: Duration = Duration::from_secs(15);

/// Why an execution ended early.
pub(super) enum Stopped {
    /// An operation failed.
    Failed(Box<DeployError>),
    /// The caller asked to stop.
    Cancelled,
}

impl From<DeployError> for Stopped {
    fn from(error: DeployError) -> Self {
        Stopped::Failed(Box::new(error))
    }
}

/// Runs all operations. On failure the rest is not begun, and objects whose policy says so are deleted. `since` is when the deployment
/// began, by the cluster's clock.
pub(super) async fn execute(
    client: &Client,
    plan: &Plan,
    live: &Live,
    since: Option<Timestamp>,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Stopped> {
    let watches = CancellationToken::new();
    let _guard = watches.clone().drop_guard();
    let hub = Hub::new(client.clone(), watches);
    let plan = &*plan.as_carried_out(options.final_tracking);
    let mut context = Context::new(client, hub, events, options.pod_logs, since, crowds(plan));
    context.propagation = options.propagation;
    let progress = Mutex::default();
    let run = run(&context, plan, live, &progress);
    let limited = async {
        match options.timeout {
            None => run.await,
            Some(limit) => match tokio::time::timeout(limit, run).await {
                Ok(result) => result,
                Err(_) => Err(DeployError::Timeout { after: limit, pending: context.pending() }),
            },
        }
    };
    let result = tokio::select! {
        result = limited => Some(result),
        () = cancel.cancelled() => None,
    };
    let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    options.ledger.take(plan, &progress.done, progress.failed);
    match result {
        None => Err(Stopped::Cancelled),
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            clean_failed(&context, plan, progress, &error, &options.ledger).await;
            Err(error.into())
        }
    }
}

/// How far the objects of a plan are.
#[derive(Default)]
struct Progress {
    /// What the server answered to applying them.
    applied: HashMap<usize, Value>,
    /// Objects that an operation is at work on.
    at_work: BTreeSet<usize>,
    /// Objects that work.
    ready: BTreeSet<usize>,
    /// Operations that ended well.
    done: BTreeSet<usize>,
    /// The operation that did not.
    failed: Option<usize>,
}

/// How many objects of each collection the plan tracks.
fn crowds(plan: &Plan) -> Crowds {
    let tracked: BTreeSet<usize> = plan
        .operations
        .iter()
        .filter(|operation| matches!(operation.verb, Verb::Track(_)))
        .filter_map(|operation| operation.resource)
        .collect();
    let mut crowds = Crowds::new();
    for index in tracked {
        let id = &plan.resources[index].id;
        *crowds.entry((id.gvk.clone(), id.namespace.clone())).or_default() += 1;
    }
    crowds
}

type Step<'a> = Pin<Box<dyn Future<Output = (usize, Result<(), DeployError>)> + Send + 'a>>;

async fn run(context: &Context, plan: &Plan, live: &Live, progress: &Mutex<Progress>) -> Result<(), DeployError> {
    let mut waiting: Vec<usize> = plan.operations.iter().map(|operation| operation.after.len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); plan.operations.len()];
    for (index, operation) in plan.operations.iter().enumerate() {
        for before in &operation.after {
            followers[*before].push(index);
        }
    }
    let step =
        |index: usize| -> Step<'_> { Box::pin(async move { (index, one(context, plan, &plan.operations[index], live, progress).await) }) };
    let mut running: FuturesUnordered<Step<'_>> = (0..waiting.len()).filter(|index| waiting[*index] == 0).map(step).collect();
    while let Some((index, result)) = running.next().await {
        if let Err(error) = result {
            held(progress).failed = Some(index);
            return Err(error);
        }
        held(progress).done.insert(index);
        for follower in &followers[index] {
            waiting[*follower] -= 1;
            if waiting[*follower] == 0 {
                running.push(step(*follower));
            }
        }
    }
    Ok(())
}

async fn one(context: &Context, plan: &Plan, operation: &Operation, live: &Live, progress: &Mutex<Progress>) -> Result<(), DeployError> {
    let Some(index) = operation.resource else { return Ok(()) };
    let resource = &plan.resources[index];
    let before = live.get(&resource.id.identity());
    let remember = |object: Value| held(progress).applied.insert(index, object);
    held(progress).at_work.insert(index);
    match &operation.verb {
        Verb::Join(_) => {}
        Verb::Create => {
            remember(put(context, resource, None, "created").await?);
        }
        Verb::Update => {
            remember(put(context, resource, before, "updated").await?);
        }
        Verb::Recreate => {
            remember(replace(context, resource).await?);
        }
        // What a policy deletes was made by this deployment, and may have been marked since.
        Verb::Delete
            if operation.change.is_none() && super::live::get(&context.client, &resource.id).await?.is_some_and(|live| is_kept(&live)) => {}
        Verb::Delete => {
            if delete(&context.client, &resource.id, context.propagation_of(resource)).await? {
                emit_applied(context, &resource.id, "deleted");
            }
        }
        Verb::Track(State::Absent) => {
            track::absent(context, resource).await.map_err(|failure| blame(resource, failure))?;
        }
        Verb::Track(State::Ready | State::Present) => {
            let object = held(progress).applied.get(&index).cloned();
            match track::ready(context, resource, object.as_ref(), before).await {
                Ok(()) => drop(held(progress).ready.insert(index)),
                Err(failure) if resource.steering.tracking.fail_mode == FailMode::Ignore => {
                    let message = format!("{}; the deployment goes on (werf.io/fail-mode)", blame(resource, failure));
                    context.events.emit(Event::Warned { message, help: None });
                }
                Err(failure) => return Err(blame(resource, failure)),
            }
        }
        Verb::Await(external) => outside(context, resource, external).await?,
    }
    held(progress).at_work.remove(&index);
    Ok(())
}

async fn put(context: &Context, resource: &Resource, before: Option<&Value>, verb: &'static str) -> Result<Value, DeployError> {
    match apply_patiently(context, resource, before).await {
        Ok(object) => {
            emit_applied(context, &resource.id, verb);
            Ok(object)
        }
        // The dry run could not see it: the object appeared or changed since.
        Err(error) if is_immutable(&error.server_message()) && may_replace(resource) => replace(context, resource).await,
        Err(error) => Err(refused(resource, error)),
    }
}

/// Applies an object; again where what stands between it and the server is only just coming up.
async fn apply_patiently(context: &Context, resource: &Resource, before: Option<&Value>) -> Result<Value, ClusterError> {
    await_served(&context.client, &resource.id.gvk).await?;
    let begun = Instant::now();
    let mut told = false;
    loop {
        let error = match apply(&context.client, resource, before).await {
            Ok(object) => return Ok(object),
            Err(error) => error,
        };
        let message = error.server_message();
        let waits_for_webhook = error.http_status().is_some_and(|code| code >= 500) && message.contains("failed calling webhook");
        // The address or the port of an object that is gone is free a moment after it.
        let waits_for_release = error.http_status() == Some(422) && message.contains("already allocated");
        let patience = match (waits_for_webhook, waits_for_release) {
            (true, _) => WEBHOOK_PATIENCE,
            (_, true) => RELEASE_PATIENCE,
            _ => Duration::ZERO,
        };
        if begun.elapsed() >= patience {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            context.events.emit(Event::ResourceProgressed {
                resource: resource.id.to_string(),
                message: format!("cannot be applied yet: {message}"),
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn may_replace(resource: &Resource) -> bool {
    let policies = &resource.steering.delete_policies;
    policies.contains(&DeletePolicy::BeforeCreation) || policies.contains(&DeletePolicy::BeforeCreationIfImmutable)
}

async fn replace(context: &Context, resource: &Resource) -> Result<Value, DeployError> {
    delete(&context.client, &resource.id, context.propagation_of(resource)).await?;
    track::absent(context, resource).await.map_err(|failure| blame(resource, failure))?;
    let object = apply_patiently(context, resource, None).await.map_err(|error| refused(resource, error))?;
    emit_applied(context, &resource.id, "recreated");
    Ok(object)
}

/// Waits for an object that somebody else deploys, even until it exists.
async fn outside(context: &Context, resource: &Resource, external: &ExternalDependency) -> Result<(), DeployError> {
    let kind = kind_named(&context.client, &external.kind, external.version.as_deref(), external.group.as_deref()).await?;
    let Some(kind) = kind else {
        return Err(DeployError::ResourceFailed {
            resource: resource.id.clone(),
            path: resource.path.clone(),
            reason: format!("its external dependency `{}` has the kind `{}`, which the cluster does not know", external.id, external.kind),
            evidence: Box::default(),
            help: Some("write kind.version.group/name, such as deployments.v1.apps/database".into()),
        });
    };
    let namespace = external.namespace.clone().or_else(|| resource.id.namespace.clone());
    let id = ResourceId {
        gvk: GroupVersionKind { ..kind.gvk.clone() },
        namespace: (kind.scope == crate::kinds::Scope::Namespaced).then_some(namespace).flatten(),
        name: external.name.clone(),
    };
    track::exists(context, &kind, &id, resource.steering.tracking.no_activity_timeout).await.map_err(|failure| blame(resource, failure))?;
    let mut stranger = resource.clone();
    stranger.id = id;
    stranger.steering.logs.skip = true;
    let live = super::live::get(&context.client, &stranger.id).await?.unwrap_or_default();
    stranger.object = live.clone();
    track::ready(context, &stranger, Some(&live), None).await.map_err(|failure| blame(&stranger, failure))
}

fn refused(resource: &Resource, error: ClusterError) -> DeployError {
    match error {
        ClusterError::Refused { message, code, .. } if code < 500 || !message.is_empty() => {
            DeployError::ApplyRejected { resource: resource.id.clone(), path: resource.path.clone(), message }
        }
        ClusterError::Forbidden { ref message, .. } if !message.contains("cannot ") => {
            DeployError::ApplyRejected { resource: resource.id.clone(), path: resource.path.clone(), message: message.clone() }
        }
        error => error.into(),
    }
}

fn blame(resource: &Resource, failure: Failure) -> DeployError {
    let (id, path) = (resource.id.clone(), resource.path.clone());
    match failure {
        Failure::Cluster(error) => error.into(),
        Failure::Stuck { message, quiet, evidence, advice } => {
            DeployError::ResourceStuck { resource: id, path, message, quiet, evidence: Box::new(evidence), advice }
        }
        Failure::Failed { reason, evidence, help } => {
            DeployError::ResourceFailed { resource: id, path, reason, evidence: Box::new(evidence), help }
        }
    }
}

/// Deletes what its policy deletes when it fails: the object that failed, what was being waited for when the time was over, and of the
/// others those that have done what they were made for.
async fn clean_failed(context: &Context, plan: &Plan, progress: Progress, error: &DeployError, ledger: &Ledger) {
    let failed = |index: usize| match error {
        DeployError::ResourceFailed { resource, .. } | DeployError::ResourceStuck { resource, .. } => &plan.resources[index].id == resource,
        DeployError::Timeout { .. } => progress.at_work.contains(&index) && progress.applied.contains_key(&index),
        _ => false,
    };
    for (index, resource) in plan.resources.iter().enumerate() {
        let has = |policy: DeletePolicy| resource.steering.delete_policies.contains(&policy);
        let done = progress.ready.contains(&index) && !failed(index);
        let goes = (has(DeletePolicy::Failed) && failed(index)) || (has(DeletePolicy::Succeeded) && done && resource.is_hook());
        let kept = resource.steering.resource_policies.contains(&ResourcePolicy::SkipDelete)
            || (goes && super::live::get(&context.client, &resource.id).await.ok().flatten().is_some_and(|live| is_kept(&live)));
        if goes && !kept && delete(&context.client, &resource.id, Propagation::Background).await.is_ok_and(|was_there| was_there) {
            emit_applied(context, &resource.id, "deleted");
            ledger.deleted(&resource.id);
        }
    }
}

fn emit_applied(context: &Context, id: &ResourceId, verb: &'static str) {
    context.events.emit(Event::ResourceApplied { resource: id.to_string(), verb });
}
