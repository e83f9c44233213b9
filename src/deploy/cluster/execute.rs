//! Carries a plan out: every operation as soon as what it waits for has ended, until all are done or one fails.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::apply::{apply, delete, is_immutable};
use super::client::Client;
use super::deploy_error::DeployError;
use super::discovery::kind_named;
use super::error::ClusterError;
use super::release::DeployOptions;
use super::track::{self, Context, Failure};
use super::watch::Hub;
use crate::deploy::plan::{Live, Operation, Plan, Verb};
use crate::deploy::resource::{DeletePolicy, ExternalDependency, FailMode, GroupVersionKind, Propagation, Resource, ResourceId, State};
use crate::event::{Event, Events};

/// How long a deletion may show no progress.
const DELETE_PATIENCE: Duration = Duration::from_secs(240);

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

/// Runs all operations. On failure the rest is not begun, and objects whose policy says so are deleted.
pub(super) async fn execute(
    client: &Client,
    plan: &Plan,
    live: &Live,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Stopped> {
    let watches = CancellationToken::new();
    let _guard = watches.clone().drop_guard();
    let context = Context {
        client: client.clone(),
        hub: Hub::new(client.clone(), watches),
        events: events.clone(),
        pending: Mutex::default(),
        pod_logs: options.pod_logs,
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    let run = run(&context, plan, live);
    let limited = async {
        match options.timeout {
            None => run.await,
            Some(limit) => match tokio::time::timeout(limit, run).await {
                Ok(result) => result,
                Err(_) => Err(DeployError::Timeout { after: limit, pending: pending(&context) }),
            },
        }
    };
    let result = tokio::select! {
        result = limited => result,
        () = cancel.cancelled() => return Err(Stopped::Cancelled),
    };
    if let Err(error) = result {
        clean_failed(&context, plan, &error).await;
        return Err(error.into());
    }
    Ok(())
}

type Step<'a> = Pin<Box<dyn Future<Output = (usize, Result<(), DeployError>)> + Send + 'a>>;

async fn run(context: &Context, plan: &Plan, live: &Live) -> Result<(), DeployError> {
    let mut waiting: Vec<usize> = plan.operations.iter().map(|operation| operation.after.len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); plan.operations.len()];
    for (index, operation) in plan.operations.iter().enumerate() {
        for before in &operation.after {
            followers[*before].push(index);
        }
    }
    let applied: Mutex<HashMap<usize, Value>> = Mutex::default();
    let step = |index: usize| -> Step<'_> {
        let applied = &applied;
        Box::pin(async move { (index, one(context, plan, &plan.operations[index], live, applied).await) })
    };
    let mut running: FuturesUnordered<Step<'_>> = (0..waiting.len()).filter(|index| waiting[*index] == 0).map(step).collect();
    while let Some((index, result)) = running.next().await {
        result?;
        for follower in &followers[index] {
            waiting[*follower] -= 1;
            if waiting[*follower] == 0 {
                running.push(step(*follower));
            }
        }
    }
    Ok(())
}

async fn one(
    context: &Context,
    plan: &Plan,
    operation: &Operation,
    live: &Live,
    applied: &Mutex<HashMap<usize, Value>>,
) -> Result<(), DeployError> {
    let Some(index) = operation.resource else { return Ok(()) };
    let resource = &plan.resources[index];
    let before = live.get(&resource.id.identity());
    let remember = |object: Value| applied.lock().unwrap_or_else(PoisonError::into_inner).insert(index, object);
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
        Verb::Delete => {
            if delete(&context.client, &resource.id, resource.steering.propagation).await? {
                emit_applied(context, &resource.id, "deleted");
            }
        }
        Verb::Track(State::Absent) => {
            track::absent(context, &resource.id, DELETE_PATIENCE).await.map_err(|failure| blame(resource, failure))?;
        }
        Verb::Track(State::Ready | State::Present) => {
            let object = applied.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned();
            match track::ready(context, resource, object.as_ref()).await {
                Ok(()) => {}
                Err(failure) if resource.steering.tracking.fail_mode == FailMode::Ignore => {
                    let message = format!("{}; the deployment goes on (werf.io/fail-mode)", blame(resource, failure));
                    context.events.emit(Event::Warned { message, help: None });
                }
                Err(failure) => return Err(blame(resource, failure)),
            }
        }
        Verb::Await(external) => outside(context, resource, external).await?,
    }
    Ok(())
}

async fn put(context: &Context, resource: &Resource, before: Option<&Value>, verb: &'static str) -> Result<Value, DeployError> {
    match apply(&context.client, resource, before).await {
        Ok(object) => {
            emit_applied(context, &resource.id, verb);
            Ok(object)
        }
        // The dry run could not see it: the object appeared or changed since.
        Err(error) if is_immutable(&error.server_message()) && may_replace(resource) => replace(context, resource).await,
        Err(error) => Err(refused(resource, error)),
    }
}

fn may_replace(resource: &Resource) -> bool {
    let policies = &resource.steering.delete_policies;
    policies.contains(&DeletePolicy::BeforeCreation) || policies.contains(&DeletePolicy::BeforeCreationIfImmutable)
}

async fn replace(context: &Context, resource: &Resource) -> Result<Value, DeployError> {
    delete(&context.client, &resource.id, resource.steering.propagation).await?;
    track::absent(context, &resource.id, DELETE_PATIENCE).await.map_err(|failure| blame(resource, failure))?;
    let object = apply(&context.client, resource, None).await.map_err(|error| refused(resource, error))?;
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
            logs: Vec::new(),
            help: Some("write kind.version.group/name, such as deployments.v1.apps/database".into()),
        });
    };
    let namespace = external.namespace.clone().or_else(|| resource.id.namespace.clone());
    let id = ResourceId {
        gvk: GroupVersionKind { ..kind.gvk.clone() },
        namespace: (kind.scope == crate::deploy::resource::Scope::Namespaced).then_some(namespace).flatten(),
        name: external.name.clone(),
    };
    track::exists(context, &kind, &id, resource.steering.tracking.no_activity_timeout).await.map_err(|failure| blame(resource, failure))?;
    let mut stranger = resource.clone();
    stranger.id = id;
    stranger.steering.logs.skip = true;
    let live = super::live::get(&context.client, &stranger.id).await?.unwrap_or_default();
    stranger.object = live.clone();
    track::ready(context, &stranger, Some(&live)).await.map_err(|failure| blame(&stranger, failure))
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
        Failure::Stuck { message, quiet, logs } => DeployError::ResourceStuck { resource: id, path, message, quiet, logs },
        Failure::Failed { reason, logs } => {
            let help = advice(&reason).map(String::from);
            DeployError::ResourceFailed { resource: id, path, reason, logs, help }
        }
    }
}

/// What usually helps, by what the kubelet says.
fn advice(reason: &str) -> Option<&'static str> {
    const CONFIGURATION: &str = "the pod refers to a ConfigMap, Secret or key that does not exist";
    const ADVICE: [(&str, &str); 8] = [
        ("OOMKilled", "raise `resources.limits.memory` of the container"),
        ("ErrImagePull", "the node pulls the image by itself: check the name, the tag, and the imagePullSecrets of the pod"),
        ("ImagePullBackOff", "the node pulls the image by itself: check the name, the tag, and the imagePullSecrets of the pod"),
        ("CreateContainerConfigError", CONFIGURATION),
        ("configmap \"", CONFIGURATION),
        ("secret \"", CONFIGURATION),
        ("Readiness probe failed", "the process runs but does not answer its `readinessProbe`: check path and port"),
        (
            "Liveness probe failed",
            "the kubelet restarts the container because its `livenessProbe` fails: check path, port and `initialDelaySeconds`",
        ),
    ];
    ADVICE.iter().find(|(word, _)| reason.contains(word)).map(|(_, advice)| *advice)
}

/// Deletes what its policy deletes when it fails.
async fn clean_failed(context: &Context, plan: &Plan, error: &DeployError) {
    let failed = match error {
        DeployError::ResourceFailed { resource, .. } | DeployError::ResourceStuck { resource, .. } => resource,
        _ => return,
    };
    let policy = |resource: &&Resource| &resource.id == failed && resource.steering.delete_policies.contains(&DeletePolicy::Failed);
    if plan.resources.iter().any(|resource| policy(&resource)) && delete(&context.client, failed, Propagation::Background).await.is_ok() {
        emit_applied(context, failed, "deleted");
    }
}

fn emit_applied(context: &Context, id: &ResourceId, verb: &'static str) {
    context.events.emit(Event::ResourceApplied { resource: id.to_string(), verb });
}

fn pending(context: &Context) -> Vec<String> {
    let pending = context.pending.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lines: Vec<String> = pending.iter().map(|(id, message)| format!("{id}: {message}")).collect();
    lines.sort();
    lines
}
