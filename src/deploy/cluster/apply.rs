//! Writes: server-side apply, its dry run, deletion, namespaces.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::future::try_join_all;
use http::Method;
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::discovery::kind_of;
use super::error::ClusterError;
use crate::deploy::plan::{DryRun, FIELD_MANAGER, Leaving, Live};
use crate::deploy::resource::{GroupVersionKind, Identity, Propagation, Resource, ResourceId};

/// Whether an apply is only tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Real,
    DryRun,
}

/// Asks the server what applying each object would do. Objects are applied as they are given.
///
/// `undefined` are kinds that the cluster does not have yet. Where a namespace is not there yet either, the server judges nothing in it: one
/// question tells that for all of its objects.
pub async fn dry_run(
    client: &Client,
    resources: &[Resource],
    live: &Live,
    undefined: &BTreeSet<GroupVersionKind>,
) -> Result<HashMap<Identity, DryRun>, ClusterError> {
    let (unknown, mut questions): (Vec<_>, Vec<_>) = resources.iter().partition(|resource| undefined.contains(&resource.id.gvk));
    let mut answers: HashMap<_, _> =
        unknown.into_iter().map(|resource| (resource.id.identity(), DryRun::Unknown("its kind is not there yet".into()))).collect();
    let seen: BTreeSet<Option<&str>> = live.keys().map(|identity| identity.namespace.as_deref()).collect();
    let mut first: BTreeMap<&str, &Resource> = BTreeMap::new();
    for &resource in &questions {
        if let Some(namespace) = resource.id.namespace.as_deref().filter(|namespace| !seen.contains(&Some(*namespace))) {
            first.entry(namespace).or_insert(resource);
        }
    }
    let told = try_join_all(first.values().map(|resource| ask(client, resource, live))).await?;
    for ((namespace, asked), (identity, answer)) in first.into_iter().zip(told) {
        let absent = matches!(&answer, DryRun::Unknown(message) if *message == format!("namespaces \"{namespace}\" not found"));
        questions.retain(|resource| {
            let same = absent && resource.id.namespace.as_deref() == Some(namespace);
            if same {
                answers.insert(resource.id.identity(), answer.clone());
            }
            !same && !std::ptr::eq(*resource, asked)
        });
        answers.insert(identity, answer);
    }
    answers.extend(try_join_all(questions.into_iter().map(|resource| ask(client, resource, live))).await?);
    Ok(answers)
}

async fn ask(client: &Client, resource: &Resource, live: &Live) -> Result<(Identity, DryRun), ClusterError> {
    let identity = resource.id.identity();
    let found = live.get(&identity);
    let answer = match try_out(client, resource, found).await {
        Ok(object) => DryRun::Would(object),
        Err(error) => classify(error, found.is_some())?,
    };
    Ok((identity, answer))
}

/// What the object would be. A dry run of an apply does not know which fields are claimed before it, so the object as a whole is tried out
/// where some are.
async fn try_out(client: &Client, resource: &Resource, live: Option<&Value>) -> Result<Value, ClusterError> {
    let leaving = live
        .map(|live| (live, Leaving::of(&resource.object, live, resource.previous.as_deref())))
        .filter(|(_, leaving)| leaving.needs_claim());
    let Some((live, leaving)) = leaving else {
        return send(client, &resource.id, &resource.path, &resource.object, Mode::DryRun).await;
    };
    let kind = kind_of(client, &resource.id, &resource.path).await?;
    let url = kind.path(resource.id.namespace.as_deref(), Some(&resource.id.name));
    let made = leaving.made(&resource.object, live);
    client
        .call(Call::new(Method::PUT, "update", kind.resource(), format!("{url}?fieldManager={FIELD_MANAGER}&dryRun=All")).json(&made))
        .await
}

/// Applies an object with our field manager, taking over fields that others wrote. Gives the object as it is now.
///
/// `live` is the state that the plan saw: fields that older tools wrote by update become ours first, and so does what must leave though
/// somebody else owns it too, so that dropped ones go.
pub async fn apply(client: &Client, resource: &Resource, live: Option<&Value>) -> Result<Value, ClusterError> {
    if let Some(fields) = live.and_then(|live| Leaving::of(&resource.object, live, resource.previous.as_deref()).claimed(live)) {
        let version = live.map(|live| live["metadata"]["resourceVersion"].clone()).unwrap_or_default();
        let patch = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/metadata/managedFields", "value": fields},
        ]);
        let kind = kind_of(client, &resource.id, &resource.path).await?;
        let path = kind.path(resource.id.namespace.as_deref(), Some(&resource.id.name));
        let mut call = Call::new(Method::PATCH, "patch", kind.resource(), format!("{path}?fieldManager={FIELD_MANAGER}")).json(&patch);
        call.content_type = "application/json-patch+json";
        match client.call(call).await {
            Ok(_) => {}
            // Somebody changed the object since: the next deployment takes the fields over.
            Err(error) if error.is_conflict() || error.is_not_found() || error.http_status() == Some(422) => {
                tracing::debug!(%error, resource = %resource.id, "fields of older tools stay for now");
            }
            Err(error) => return Err(error),
        }
    }
    send(client, &resource.id, &resource.path, &resource.object, Mode::Real).await
}

async fn send(client: &Client, id: &ResourceId, path: &str, object: &Value, mode: Mode) -> Result<Value, ClusterError> {
    let kind = kind_of(client, id, path).await?;
    let dry = if mode == Mode::DryRun { "&dryRun=All" } else { "" };
    let url = kind.path(id.namespace.as_deref(), Some(&id.name));
    let mut call =
        Call::new(Method::PATCH, "patch", kind.resource(), format!("{url}?fieldManager={FIELD_MANAGER}&force=true{dry}")).json(object);
    call.content_type = "application/apply-patch+yaml";
    client.call(call).await
}

fn classify(error: ClusterError, exists: bool) -> Result<DryRun, ClusterError> {
    let message = error.server_message();
    // A rule of RBAC stops the whole deployment; a judgement of an admission controller concerns this object.
    let is_rbac = message.contains("cannot patch resource") || message.contains("cannot create resource");
    match &error {
        ClusterError::UnknownKind { .. } => Ok(DryRun::Unknown("its kind is not there yet".into())),
        ClusterError::Forbidden { .. } if is_rbac => Err(error),
        ClusterError::Forbidden { .. } if exists && is_immutable(&message) => Ok(DryRun::Immutable(message)),
        ClusterError::Forbidden { .. } => Ok(DryRun::Rejected(message)),
        ClusterError::Refused { code, .. } => Ok(match code {
            404 => DryRun::Unknown(message),
            _ if exists && is_immutable(&message) => DryRun::Immutable(message),
            // Somebody changed it since it was read.
            409 if exists => DryRun::Unknown(message),
            400 | 409 | 413 | 415 | 422 => DryRun::Rejected(message),
            500 if message.contains("typed patch object") || message.contains("field not declared in schema") => DryRun::Rejected(message),
            _ => DryRun::Unknown(message),
        }),
        _ => Err(error),
    }
}

/// The API server has no code for this: each kind's validation, and each admission controller, says it in its own words.
pub(super) fn is_immutable(message: &str) -> bool {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let updates = message.contains("are forbidden") && says(&["updates to", "update to", "changes to"]);
    let once = says(&["immutable", "may not change", "must not change", "must not update", "once set", "unchangeable"]);
    let verbs = ["changed", "change", "updated", "modified"];
    let never = ["cannot be", "can not be", "can't be", "may not be", "must not be", "cannot", "can not", "should not be"];
    updates || once || never.iter().any(|never| verbs.iter().any(|verb| message.contains(&format!("{never} {verb}"))))
}

/// Deletes an object. `false` if there was none.
pub async fn delete(client: &Client, id: &ResourceId, propagation: Propagation) -> Result<bool, ClusterError> {
    let kind = match kind_of(client, id, "").await {
        Ok(kind) => kind,
        Err(ClusterError::UnknownKind { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let path = kind.path(id.namespace.as_deref(), Some(&id.name));
    let call = Call::new(Method::DELETE, "delete", kind.resource(), path).json(&json!({"propagationPolicy": propagation.as_str()}));
    Ok(client.find(call).await?.is_some())
}

/// Deletes a namespace with everything in it, without waiting for its end. `false` if there was none.
pub async fn delete_namespace(client: &Client, namespace: &str) -> Result<bool, ClusterError> {
    let call = Call::new(Method::DELETE, "delete", "namespaces", format!("/api/v1/namespaces/{namespace}"));
    Ok(client.find(call).await?.is_some())
}

/// Whether a namespace is there. A cluster that does not let us read namespaces is taken to have it.
pub(super) async fn has_namespace(client: &Client, namespace: &str) -> Result<bool, ClusterError> {
    match client.find(Call::get("namespaces", format!("/api/v1/namespaces/{namespace}"))).await {
        Ok(found) => Ok(found.is_some()),
        Err(ClusterError::Forbidden { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Makes the release's namespace if it is missing. A cluster that does not let us read or make namespaces is taken to have it.
pub async fn ensure_namespace(client: &Client, namespace: &str) -> Result<bool, ClusterError> {
    if has_namespace(client, namespace).await? {
        return Ok(false);
    }
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    match client.call(Call::new(Method::POST, "create", "namespaces", "/api/v1/namespaces".into()).json(&object)).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
