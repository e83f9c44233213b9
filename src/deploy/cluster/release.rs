//! A release from its desired state to its record: prepare a plan, deploy it, go back, remove it.
//!
//! [`prepare`] only reads. [`deploy`] takes the release's lock, makes sure that nothing moved since, writes the revision as pending,
//! carries the plan out, and writes how it ended. Killed at any instant, it leaves a pending revision and a lock that expires: the next
//! deployment marks the one as failed and finishes the job.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::apply::{dry_run, ensure_namespace, has_namespace};
use super::client::Client;
use super::deploy_error::{Aftermath, DeployError};
use super::discovery::{expect, kind_of, not_yet_defined, resolve};
use super::error::ClusterError;
use super::execute::{Stopped, execute};
use super::ledger::Ledger;
use super::live::observe;
use super::lock::{Acquired, Lock};
use super::options::DeployOptions;
use super::record::{self, History, Origin, Record, RecordStatus, load_history};
use crate::deploy::plan::{self, Input, Live, Plan};
use crate::deploy::resource::{Action, DeletePolicy, Identity, Moment, Owner, Ownership, Resource};
use crate::event::{Event, Events};

/// What a revision's record keeps beside its objects.
#[derive(Clone, Debug, Default)]
pub struct Revision {
    /// The chart in Helm's form: `metadata lock templates values schema files`.
    pub chart: Value,
    /// Values that the user gave.
    pub config: Value,
    /// All objects but hooks, as rendered.
    pub manifest: String,
    /// Rendered NOTES.txt.
    pub notes: String,
    /// Labels of the record.
    pub labels: BTreeMap<String, String>,
    /// What it was made from.
    pub origin: Origin,
}

/// What shall stand.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The release.
    pub owner: Owner,
    /// Objects and hooks.
    pub resources: Vec<Resource>,
    /// For its record.
    pub revision: Revision,
    /// Whether objects of other owners are taken over.
    pub force_adoption: bool,
}

/// A plan with what it was made from.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What shall stand, namespaces settled.
    pub desired: Desired,
    /// The revisions so far.
    pub history: History,
    /// Live state.
    pub live: Live,
    /// What to do.
    pub plan: Plan,
}

/// How a deployment ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to do: this revision stands.
    Unchanged {
        /// Revision.
        revision: u32,
    },
    /// A new revision stands.
    Deployed {
        /// Revision.
        revision: u32,
    },
}

/// Reads live state and makes the plan. Changes nothing. `history` is what [`load_history`] gave.
pub async fn prepare(client: &Client, mut desired: Desired, history: History) -> Result<Prepared, DeployError> {
    let namespace = desired.owner.namespace.clone();
    resolve(client, &mut desired.resources, &namespace).await?;
    let live = observe(client, desired.resources.iter().filter(|resource| !resource.is_hook())).await?;
    prepare_from(client, desired, history, live, None).await
}

/// `reason` is set for a rollback.
async fn prepare_from(
    client: &Client,
    mut desired: Desired,
    history: History,
    mut live: Live,
    reason: Option<String>,
) -> Result<Prepared, DeployError> {
    let previous = previous(client, &history, &desired.owner).await?;
    let before: HashMap<Identity, Arc<Value>> =
        previous.iter().map(|resource| (resource.id.identity(), Arc::new(resource.object.clone()))).collect();
    for resource in &mut desired.resources {
        resource.previous = before.get(&resource.id.identity()).cloned();
    }
    let wanted: HashSet<Identity> = desired.resources.iter().map(|resource| resource.id.identity()).collect();
    live.extend(observe(client, previous.iter().filter(|old| !wanted.contains(&old.id.identity()))).await?);
    let undefined = not_yet_defined(&desired.resources, &live);
    expect(client, &undefined).await;
    let questions = plan::undecided(&desired.resources, &live, &desired.owner);
    let dry_runs = dry_run(client, &questions, &live, &undefined).await?;
    let action = if reason.is_some() { Action::Rollback } else { history.next_action() };
    let stands = history.last.as_ref().is_some_and(|last| last.status == RecordStatus::Deployed);
    let reason = reason.or_else(|| release_reason(&desired, history.last.as_ref()));
    let make = |live: &Live| {
        plan::make(&Input {
            action,
            owner: &desired.owner,
            desired: &desired.resources,
            previous: &previous,
            live,
            dry_runs: &dry_runs,
            release_reason: reason.clone(),
            retrack: !stands && history.last.is_some(),
            force_adoption: desired.force_adoption,
        })
        .map_err(|problems| DeployError::NoPlan { problems })
    };
    let mut plan = make(&live)?;
    let hooks: Vec<&Resource> =
        desired.resources.iter().filter(|resource| resource.moments(action).next().is_some() && resource.is_hook()).collect();
    // Hooks run only with other changes, so the usual deployment without any need not look at them.
    if !plan.is_empty() && !hooks.is_empty() {
        live.extend(observe(client, hooks).await?);
        plan = make(&live)?;
    }
    let prepared = Prepared { desired, history, live, plan };
    fits(&prepared)?;
    Ok(prepared)
}

/// Whether the record of the new revision may be written: better known before anything is applied.
fn fits(prepared: &Prepared) -> Result<(), DeployError> {
    if prepared.plan.is_empty() {
        return Ok(());
    }
    let record = new_record(prepared, RecordStatus::PendingRollback, String::new());
    let needed = record::record_size(&record);
    if needed <= record::MAX_SECRET_BYTES {
        return Ok(());
    }
    let bytes = |value: &Value| value.to_string().len();
    Err(DeployError::RecordTooLarge {
        release: record.name.clone(),
        needed,
        limit: record::MAX_SECRET_BYTES,
        manifests: record.manifest.len() + record.hooks.iter().map(bytes).sum::<usize>(),
        chart: bytes(&record.chart),
        values: bytes(&record.config),
    })
}

/// The record of the revision that a plan makes.
fn new_record(prepared: &Prepared, status: RecordStatus, description: String) -> Record {
    let desired = &prepared.desired;
    let now = jiff::Timestamp::now().to_string();
    Record {
        name: desired.owner.release.clone(),
        namespace: desired.owner.namespace.clone(),
        revision: prepared.history.newest() + 1,
        status,
        first_deployed: prepared.history.last.as_ref().map_or_else(|| now.clone(), |last| last.first_deployed.clone()),
        last_deployed: now,
        description,
        notes: desired.revision.notes.clone(),
        manifest: desired.revision.manifest.clone(),
        hooks: hook_records(&desired.resources),
        chart: desired.revision.chart.clone(),
        config: desired.revision.config.clone(),
        labels: desired.revision.labels.clone(),
        origin: desired.revision.origin.clone(),
    }
}

/// Why a new revision is due even if no object changes.
fn release_reason(desired: &Desired, last: Option<&Record>) -> Option<String> {
    let Some(last) = last else { return Some("it is the first revision".into()) };
    if last.status != RecordStatus::Deployed {
        return Some(format!("revision {} is {}", last.revision, last.status.as_str()));
    }
    let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(|map| map.is_empty());
    let same_values = last.config == desired.revision.config || (empty(&last.config) && empty(&desired.revision.config));
    let hooks = |hooks: &[Value]| -> Vec<(String, Value)> {
        let mut hooks: Vec<_> = hooks
            .iter()
            .map(|hook| {
                (hook["path"].to_string() + &hook["name"].to_string(), plan::parse_text(hook["manifest"].as_str().unwrap_or_default()))
            })
            .collect();
        hooks.sort_by(|a, b| a.0.cmp(&b.0));
        hooks
    };
    if last.manifest.trim() != desired.revision.manifest.trim() {
        Some("the rendered manifests changed".into())
    } else if hooks(&last.hooks) != hooks(&hook_records(&desired.resources)) {
        Some("the hooks changed".into())
    } else if last.notes.trim() != desired.revision.notes.trim() {
        Some("the notes changed".into())
    } else if !same_values {
        Some("the values changed".into())
    } else {
        None
    }
}

/// The objects of the newest revision and of the last good one: a failed revision may have left some of its own behind.
async fn previous(client: &Client, history: &History, owner: &Owner) -> Result<Vec<Resource>, DeployError> {
    let mut found: Vec<Resource> = Vec::new();
    let mut known: HashSet<Identity> = HashSet::new();
    for record in [history.last.as_ref(), history.last_good.as_ref()].into_iter().flatten() {
        for resource in placed(client, record, owner).await? {
            if known.insert(resource.id.identity()) {
                found.push(resource);
            }
        }
    }
    Ok(found)
}

/// The objects of a revision, each in the namespace that it is in.
pub(super) async fn placed(client: &Client, record: &Record, owner: &Owner) -> Result<Vec<Resource>, DeployError> {
    let mut found = Vec::new();
    for mut resource in owned_objects_of(record)? {
        match kind_of(client, &resource.id, "").await {
            Ok(kind) => resource.set_scope(kind.scope, &owner.namespace),
            // Without its kind there can be no such object.
            Err(ClusterError::UnknownKind { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        found.push(resource);
    }
    Ok(found)
}

/// The objects of a revision, and those of its hooks that belong to the release.
fn owned_objects_of(record: &Record) -> Result<Vec<Resource>, DeployError> {
    let mut objects = objects_of(record)?;
    objects.extend(hooks_of(record).into_iter().filter(|hook| hook.steering.ownership == Ownership::Release));
    Ok(objects)
}

fn hooks_of(record: &Record) -> Vec<Resource> {
    let parsed = record.hooks.iter().map(|hook| {
        let mut resources = plan::known(plan::parse_text(hook["manifest"].as_str().unwrap_or_default()), &record.namespace);
        resources.iter_mut().for_each(|resource| hook["path"].as_str().unwrap_or_default().clone_into(&mut resource.path));
        resources
    });
    parsed.flatten().collect()
}

fn objects_of(record: &Record) -> Result<Vec<Resource>, DeployError> {
    plan::from_manifest(&record.manifest, &record.namespace).map_err(|cause| DeployError::BadRelease {
        release: record.name.clone(),
        revision: record.revision,
        cause,
    })
}

/// Deploys what was prepared. A plan that is empty writes nothing.
pub async fn deploy(
    client: &Client,
    prepared: Prepared,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Outcome, DeployError> {
    let owner = prepared.desired.owner.clone();
    let newest = prepared.history.newest();
    if prepared.plan.is_empty() {
        events.emit(Event::ReleaseUnchanged { release: owner.release, revision: newest });
        return Ok(Outcome::Unchanged { revision: newest });
    }
    let is_new = unless_stopped(cancel, &owner, newest + 1, async {
        if !options.create_namespace && !has_namespace(client, &owner.namespace).await? {
            return Err(DeployError::NoNamespace { namespace: owner.namespace.clone() });
        }
        Ok(ensure_namespace(client, &owner.namespace).await?)
    });
    let is_new = is_new.await?;
    let lock = lock(client, &owner, options, events, cancel, newest + 1).await?;
    let client = lock.fenced(client);
    under(&lock, Box::pin(locked(&client, prepared, is_new, options, events, cancel, &lock))).await
}

async fn lock(
    client: &Client,
    owner: &Owner,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
    revision: u32,
) -> Result<Lock, DeployError> {
    let acquire = Lock::acquire(client, &owner.namespace, &owner.release, &options.holder, options.lock_timeout, events);
    match unless_stopped(cancel, owner, revision, async { Ok(acquire.await?) }).await? {
        Acquired::Held { lock, .. } => Ok(lock),
        Acquired::TimedOut { holder, waited } => {
            Err(DeployError::LockHeld { release: owner.release.clone(), namespace: owner.namespace.clone(), holder, waited })
        }
    }
}

/// Does what changes nothing, until the command is to stop.
async fn unless_stopped<T>(
    cancel: &CancellationToken,
    owner: &Owner,
    revision: u32,
    work: impl Future<Output = Result<T, DeployError>>,
) -> Result<T, DeployError> {
    let stopped = || Err(DeployError::Interrupted { release: owner.release.clone(), revision });
    cancel.run_until_cancelled(work).await.unwrap_or_else(stopped)
}

/// Does the work that a lock protects, and gives the lock back. The work ends where it stands when somebody else has the lock. It is long,
/// so callers box it.
async fn under<T>(lock: &Lock, work: impl Future<Output = Result<T, DeployError>>) -> Result<T, DeployError> {
    let result = tokio::select! {
        biased;
        result = work => result,
        lost = lock.until_lost() => Err(lost.into()),
    };
    lock.release().await;
    result
}

async fn locked(
    client: &Client,
    mut prepared: Prepared,
    namespace_is_new: bool,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
    lock: &Lock,
) -> Result<Outcome, DeployError> {
    let owner = prepared.desired.owner.clone();
    // Somebody may have deployed between our reads and the lock; and a server judges objects only in a namespace that is there.
    let planned = prepared.history.newest() + 1;
    let history = async { Ok(load_history(client, &owner.namespace, &owner.release).await?) };
    let history = unless_stopped(cancel, &owner, planned, history).await?;
    lock.expect(history.newest()..=history.newest());
    if namespace_is_new || history.revisions != prepared.history.revisions {
        prepared = unless_stopped(cancel, &owner, planned, prepare(client, prepared.desired, history)).await?;
        if prepared.plan.is_empty() {
            let revision = prepared.history.newest();
            events.emit(Event::ReleaseUnchanged { release: owner.release, revision });
            return Ok(Outcome::Unchanged { revision });
        }
    }
    let good = prepared.history.last_good.clone();
    let revision = prepared.history.newest() + 1;
    let error = match Box::pin(run(client, &prepared, options, events, cancel, lock)).await {
        Ok(()) => {
            let [created, updated, recreated, deleted] = prepared.plan.counts();
            events.emit(Event::ReleaseDeployed {
                release: owner.release,
                namespace: owner.namespace,
                revision,
                created,
                updated,
                recreated,
                deleted,
                unchanged: prepared.plan.unchanged.len(),
                took: options.begun.elapsed(),
            });
            return Ok(Outcome::Deployed { revision });
        }
        Err(error) => error,
    };
    if is_stop(&error) || options.ledger.revision().is_none() {
        return Err(error);
    }
    let aftermath = aftermath(&owner, revision, good.as_ref(), &options.ledger);
    if !options.auto_rollback {
        return Err(DeployError::Failed { cause: Box::new(error), aftermath });
    }
    let Some(good) = good else { return Err(DeployError::NotRolledBack { cause: Box::new(error), release: owner.release, aftermath }) };
    let to = good.revision;
    events.emit(Event::RollbackBegun { release: owner.release.clone(), to });
    match roll_back(client, good, options, events, cancel, lock).await {
        Ok(revision) => {
            events.emit(Event::ReleaseRolledBack { release: owner.release.clone(), to });
            Err(DeployError::RolledBack { cause: Box::new(error), release: owner.release, to, revision })
        }
        Err(rollback) => Err(DeployError::RollbackFailed { cause: Box::new(error), to, rollback: Box::new(rollback) }),
    }
}

/// Whether others decided that the work ends: nothing more is to be done about it.
fn is_stop(error: &DeployError) -> bool {
    matches!(
        error,
        DeployError::Interrupted { .. }
            | DeployError::Raced { .. }
            | DeployError::Cluster(ClusterError::LockLost { .. } | ClusterError::LockUncertain { .. })
    )
}

fn aftermath(owner: &Owner, revision: u32, good: Option<&Record>, ledger: &Ledger) -> Aftermath {
    let (made, planned) = ledger.changes();
    Aftermath::Deployment { release: owner.release.clone(), revision, made, planned, good: good.map(|good| good.revision) }
}

/// Brings an earlier revision back, as a new one: the given one, else the newest before the last one that was deployed well. Its notes are
/// given as well.
///
/// # Errors
/// No release, no such revision, none to go back to, and all that a deployment may end in. None of the first three changes anything.
pub async fn rollback(
    client: &Client,
    owner: &Owner,
    to: Option<u32>,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(Outcome, String), DeployError> {
    client.bound(options.timeout);
    // Without a release there is nothing to lock, and perhaps no namespace to hold a lock.
    let newest = unless_stopped(cancel, owner, 0, async {
        target(client, owner, to).await?;
        Ok(load_history(client, &owner.namespace, &owner.release).await?.newest())
    });
    let newest = newest.await?;
    let lock = lock(client, owner, options, events, cancel, newest + 1).await?;
    let client = &lock.fenced(client);
    let work = async {
        let (good, stands) = unless_stopped(cancel, owner, newest + 1, target(client, owner, to)).await?;
        let (revision, notes) = (good.revision, good.notes.clone());
        if stands {
            events.emit(Event::ReleaseUnchanged { release: owner.release.clone(), revision });
            return Ok((Outcome::Unchanged { revision }, notes));
        }
        events.emit(Event::RollbackBegun { release: owner.release.clone(), to: revision });
        let made = roll_back(client, good, options, events, cancel, &lock).await.map_err(|error| match options.ledger.revision() {
            Some(made) if !is_stop(&error) => {
                let aftermath = aftermath(owner, made, None, &options.ledger);
                DeployError::Failed { cause: Box::new(error), aftermath }
            }
            _ => error,
        })?;
        events.emit(Event::ReleaseRolledBack { release: owner.release.clone(), to: revision });
        Ok((Outcome::Deployed { revision: made }, notes))
    };
    under(&lock, Box::pin(work)).await
}

/// The revision to go back to, and whether it stands already.
async fn target(client: &Client, owner: &Owner, to: Option<u32>) -> Result<(Record, bool), DeployError> {
    let history = load_history(client, &owner.namespace, &owner.release).await?;
    let (release, namespace) = (owner.release.clone(), owner.namespace.clone());
    let Some(&(newest, status)) = history.revisions.last() else { return Err(DeployError::NoRelease { release, namespace }) };
    let known =
        || history.revisions.iter().map(|(revision, status)| format!("{revision} ({})", status.as_str())).collect::<Vec<_>>().join(", ");
    let was_good = |status: RecordStatus| matches!(status, RecordStatus::Deployed | RecordStatus::Superseded);
    let earlier = || history.revisions.iter().rev().find(|(revision, status)| *revision < newest && was_good(*status));
    let wanted = match to {
        Some(to) if !history.revisions.iter().any(|(revision, _)| *revision == to) => {
            return Err(DeployError::NoRevision { release, revision: to, known: known() });
        }
        Some(to) => to,
        None => match earlier() {
            Some((revision, _)) => *revision,
            None => return Err(DeployError::NothingBefore { release, known: known() }),
        },
    };
    match record::load_record(client, &owner.namespace, &owner.release, wanted).await? {
        Some(record) => Ok((record, wanted == newest && status == RecordStatus::Deployed)),
        None => Err(DeployError::NoRevision { release, revision: wanted, known: known() }),
    }
}

/// Deploys an earlier revision's objects as a new revision.
async fn roll_back(
    client: &Client,
    good: Record,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
    lock: &Lock,
) -> Result<u32, DeployError> {
    let owner = Owner { release: good.name.clone(), namespace: good.namespace.clone() };
    let mut resources = objects_of(&good)?;
    resources.extend(hooks_of(&good));
    resources.iter_mut().for_each(|resource| options.restored.write(&mut resource.object));
    resolve(client, &mut resources, &owner.namespace).await?;
    let labels = good.labels.into_iter().chain(options.restored.release_labels.clone()).collect();
    let desired = Desired {
        owner: owner.clone(),
        resources,
        revision: Revision {
            chart: good.chart,
            config: good.config,
            manifest: good.manifest,
            notes: good.notes,
            labels,
            origin: good.origin,
        },
        force_adoption: true,
    };
    let (history, live) = tokio::try_join!(
        load_history(client, &owner.namespace, &owner.release),
        observe(client, desired.resources.iter().filter(|resource| !resource.is_hook()))
    )?;
    lock.expect(history.newest()..=history.newest());
    let prepared = prepare_from(client, desired, history, live, Some(format!("rollback to {}", good.revision))).await?;
    options.ledger.begin_rollback(prepared.plan.as_carried_out(options.final_tracking).into_owned());
    client.bound(None);
    let revision = prepared.history.newest() + 1;
    run(client, &prepared, options, events, cancel, lock).await?;
    Ok(revision)
}

/// Writes the revision as pending, carries its plan out, and writes how it ended.
async fn run(
    client: &Client,
    prepared: &Prepared,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
    lock: &Lock,
) -> Result<(), DeployError> {
    let plan = &prepared.plan;
    let owner = &prepared.desired.owner;
    let (pending, preparing, done) = match plan.action {
        Action::Install => (RecordStatus::PendingInstall, "Initial install underway".to_owned(), "Install complete".to_owned()),
        Action::Rollback => {
            let to = plan.release_reason.clone().unwrap_or_default();
            (RecordStatus::PendingRollback, format!("Preparing {to}"), format!("R{}", to.get(1..).unwrap_or_default()))
        }
        _ => (RecordStatus::PendingUpgrade, "Preparing upgrade".to_owned(), "Upgrade complete".to_owned()),
    };
    // We hold the lock, so whoever left a revision pending is gone.
    if let Some(last) = prepared.history.last.as_ref().filter(|last| last.status.as_str().starts_with("pending")) {
        let record = Record { status: RecordStatus::Failed, description: "The deployment was cut off".into(), ..last.clone() };
        record::update_record(client, &record).await?;
    }
    let mut record = new_record(prepared, pending, preparing);
    lock.expect(record.revision - 1..=record.revision);
    let since = match record::create_record(client, &record).await {
        Err(error) if error.is_conflict() => {
            return Err(DeployError::Raced { release: owner.release.clone(), revision: record.revision });
        }
        other => other?,
    };
    options.ledger.begin(record.revision);
    lock.expect(record.revision..=record.revision);
    let result = execute(client, plan, &prepared.live, since, options, events, cancel).await;
    let error = match result {
        Ok(()) => {
            record.status = RecordStatus::Deployed;
            record.description = done;
            record::update_record(client, &record).await?;
            return retire(client, &prepared.history, &record, options.history_limit).await.map_err(DeployError::from);
        }
        Err(Stopped::Failed(error)) => *error,
        Err(Stopped::Cancelled) => DeployError::Interrupted { release: owner.release.clone(), revision: record.revision },
    };
    record.status = RecordStatus::Failed;
    record.description = error.to_string().lines().next().unwrap_or_default().to_owned();
    record::update_record(client, &record).await?;
    prune(client, &prepared.history, &record, options.history_limit).await?;
    Err(error)
}

/// Marks earlier deployed revisions as superseded and forgets the oldest ones.
async fn retire(client: &Client, history: &History, now: &Record, limit: usize) -> Result<(), ClusterError> {
    for (revision, _) in history.revisions.iter().filter(|(_, status)| *status == RecordStatus::Deployed) {
        let known = [history.last.as_ref(), history.last_good.as_ref()].into_iter().flatten().find(|record| record.revision == *revision);
        let old = match known {
            Some(record) => Some(record.clone()),
            None => record::load_record(client, &now.namespace, &now.name, *revision).await?,
        };
        if let Some(old) = old {
            record::update_record(client, &Record { status: RecordStatus::Superseded, ..old }).await?;
        }
    }
    prune(client, history, now, limit).await
}

/// Deletes the oldest records beyond the limit, but never the last good one.
async fn prune(client: &Client, history: &History, now: &Record, limit: usize) -> Result<(), ClusterError> {
    let excess = (history.revisions.len() + 1).saturating_sub(limit.max(1));
    let good = if now.status == RecordStatus::Deployed { None } else { history.last_good.as_ref().map(|good| good.revision) };
    for (revision, _) in history.revisions.iter().filter(|(revision, _)| Some(*revision) != good).take(excess) {
        record::delete_record(client, &now.namespace, &now.name, *revision).await?;
    }
    Ok(())
}

/// Makes the plan that removes a release.
pub async fn prepare_removal(client: &Client, owner: &Owner, with_hooks: bool) -> Result<(History, Live, Plan), DeployError> {
    let history = load_history(client, &owner.namespace, &owner.release).await?;
    let Some(last) = &history.last else {
        return Err(DeployError::NoRelease { release: owner.release.clone(), namespace: owner.namespace.clone() });
    };
    let mut objects = previous(client, &history, owner).await?;
    let known: HashSet<Identity> = objects.iter().map(|resource| resource.id.identity()).collect();
    objects.extend(hooks_of(last).into_iter().filter(|hook| !known.contains(&hook.id.identity())));
    let live = observe(client, objects.iter()).await?;
    let plan = plan::removal(owner, &objects, &live, with_hooks).map_err(|problem| DeployError::NoPlan { problems: vec![problem] })?;
    Ok((history, live, plan))
}

/// Removes a release: its objects, its hooks' objects, its records.
pub async fn dismiss(
    client: &Client,
    owner: &Owner,
    with_hooks: bool,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), DeployError> {
    client.bound(options.timeout);
    // Without a release there is nothing to lock, and perhaps no namespace to hold a lock.
    unless_stopped(cancel, owner, 0, prepare_removal(client, owner, with_hooks)).await?;
    let lock = lock(client, owner, options, events, cancel, 0).await?;
    let client = lock.fenced(client);
    under(&lock, Box::pin(dismiss_locked(&client, owner, with_hooks, options, events, cancel, &lock))).await
}

async fn dismiss_locked(
    client: &Client,
    owner: &Owner,
    with_hooks: bool,
    options: &DeployOptions,
    events: &Events,
    cancel: &CancellationToken,
    lock: &Lock,
) -> Result<(), DeployError> {
    let (history, live, plan) = unless_stopped(cancel, owner, 0, prepare_removal(client, owner, with_hooks)).await?;
    // our own records go one by one, the newest one last
    lock.expect(0..=history.newest());
    for warning in &plan.warnings {
        events.emit(Event::Warned { message: warning.clone(), help: None });
    }
    let since = match &history.last {
        Some(last) => {
            let record = Record { status: RecordStatus::Uninstalling, description: "Deletion in progress".into(), ..last.clone() };
            record::update_record(client, &record).await?
        }
        None => None,
    };
    client.bound(None);
    match execute(client, &plan, &live, since, options, events, cancel).await {
        Ok(()) => {}
        Err(Stopped::Failed(error)) if is_stop(&error) => return Err(*error),
        Err(Stopped::Failed(cause)) => {
            let (made, planned) = options.ledger.changes();
            return Err(DeployError::Failed { cause, aftermath: Aftermath::Removal { release: owner.release.clone(), made, planned } });
        }
        Err(Stopped::Cancelled) => return Err(DeployError::Interrupted { release: owner.release.clone(), revision: history.newest() }),
    }
    for (revision, _) in &history.revisions {
        record::delete_record(client, &owner.namespace, &owner.release, *revision).await?;
    }
    events.emit(Event::ReleaseDismissed { release: owner.release.clone() });
    Ok(())
}

/// Hooks as Helm keeps them in a record.
fn hook_records(resources: &[Resource]) -> Vec<Value> {
    let hooks = resources.iter().filter(|resource| resource.is_hook());
    hooks
        .map(|hook| {
            let events: Vec<&str> = hook
                .steering
                .deploy_on
                .iter()
                .map(|when| match (when.moment, when.action) {
                    (_, Action::Test) => "test",
                    (Moment::Pre, Action::Install) => "pre-install",
                    (Moment::Pre, Action::Upgrade) => "pre-upgrade",
                    (Moment::Pre, Action::Rollback) => "pre-rollback",
                    (Moment::Pre, Action::Delete) => "pre-delete",
                    (_, Action::Install) => "post-install",
                    (_, Action::Upgrade) => "post-upgrade",
                    (_, Action::Rollback) => "post-rollback",
                    (_, Action::Delete) => "post-delete",
                })
                .collect();
            let policies: Vec<&str> = hook
                .steering
                .delete_policies
                .iter()
                .filter_map(|policy| match policy {
                    DeletePolicy::BeforeCreation => Some("before-hook-creation"),
                    DeletePolicy::Succeeded => Some("hook-succeeded"),
                    DeletePolicy::Failed => Some("hook-failed"),
                    DeletePolicy::BeforeCreationIfImmutable => None,
                })
                .collect();
            json!({
                "name": hook.id.name,
                "kind": hook.id.gvk.kind,
                "path": hook.path,
                "manifest": crate::yaml::emit(&hook.object),
                "events": events,
                "last_run": {"started_at": "", "completed_at": "", "phase": ""},
                "weight": hook.steering.weight,
                "delete_policies": policies,
            })
        })
        .collect()
}
