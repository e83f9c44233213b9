//! One deployment of a release at a time, across machines.
//!
//! The lock lives where werf 2 has it: an annotation of the ConfigMap `werf-synchronization` in the release's namespace holds a lease
//! (`github.com/werf/lockgate`), so that old and new werf exclude one another. A lease that nobody renews is free after ten seconds:
//! no crash needs a human. Whether it is renewed is judged by seeing the record change, not by comparing clocks of two machines. A holder
//! that ran on this machine and has ended ([`Process`]) is not waited for at all.
//!
//! A holder that cannot renew it changes nothing ([`Fence`]) until it has it again: its own lease that nobody touched is renewed, however
//! late. Where the lease is gone, somebody may have had it meanwhile; then it is taken again, and what stands is ours only if nobody has
//! written another revision.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sha3::{Digest, Sha3_224};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Call, Client};
use super::error::ClusterError;
use super::fence::Fence;
use super::holder::Process;
use super::moment::Moment;
use super::record::newest_revision;
use crate::event::{Event, Events};
use crate::words::hex;

const CONFIG_MAP: &str = "werf-synchronization";
const TTL: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_secs(1);

/// How long before others may take the lease no change is sent any more.
const MARGIN: Duration = Duration::from_secs(1);

/// A held lock. Renewed in the background until released; dropping it without release leaves it to expire.
#[derive(Debug)]
pub struct Lock {
    client: LockClient,
    stop: CancellationToken,
    fence: Arc<Fence>,
}

#[derive(Clone)]
struct LockClient {
    client: Client,
    namespace: Arc<str>,
    release: Arc<str>,
    uuid: Arc<str>,
    holder: Arc<str>,
    process: Option<Arc<Process>>,
}

impl std::fmt::Debug for LockClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LockClient({}/{})", self.namespace, self.release)
    }
}

/// How taking the lock ended.
#[derive(Debug)]
pub enum Acquired {
    /// It is ours. `waited` tells whether somebody else had it before, so that what was known of the release is old.
    Held {
        /// The lock.
        lock: Lock,
        /// Whether somebody had it.
        waited: bool,
    },
    /// Somebody has it and does not let go.
    TimedOut {
        /// Who, for people.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
}

impl Lock {
    /// Takes the lock of a release; waits for its holder with a message, at most `timeout`. `holder` tells others who we are.
    pub async fn acquire(
        client: &Client,
        namespace: &str,
        release: &str,
        holder: &str,
        timeout: Option<Duration>,
        events: &Events,
    ) -> Result<Acquired, ClusterError> {
        let uuid = uuid::Uuid::new_v4().to_string();
        let client = LockClient {
            client: client.clone(),
            namespace: namespace.into(),
            release: release.into(),
            uuid: uuid.into(),
            holder: holder.into(),
            process: Process::this().map(Arc::new),
        };
        let started = Instant::now();
        let mut seen: Option<(String, Instant)> = None;
        let mut wait = None;
        loop {
            let asked = Moment::now();
            let mut map = client.config_map().await?;
            let record = client.lease(&map);
            // The answer to our own write may have been lost on the way. When it was made is not known, so it is renewed first.
            let is_ours = record.as_deref().is_some_and(|text| client.is_ours(text));
            if let Some(text) = record.as_ref().filter(|_| !is_ours) {
                let since = match &seen {
                    Some((known, since)) if known == text => *since,
                    _ => Instant::now(),
                };
                // Whoever has the lock changes the record every three seconds.
                let is_stale = since.elapsed() > TTL || released(text);
                let has_ended = !is_stale && process(text).is_some_and(|process| process.has_ended());
                if has_ended {
                    let holder = describe(text);
                    events.emit(Event::Warned {
                        message: format!("{holder} has ended without giving back release `{release}` in namespace `{namespace}`: going on"),
                        help: None,
                    });
                }
                if !is_stale && !has_ended {
                    let other = describe(text);
                    if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
                        return Ok(Acquired::TimedOut { holder: other, waited: started.elapsed() });
                    }
                    if seen.is_none() {
                        events.emit(Event::Warned {
                            message: format!(
                                "release `{release}` in namespace `{namespace}` is being deployed by {other}: waiting for it to end"
                            ),
                            help: None,
                        });
                    }
                    wait.get_or_insert_with(|| events.wait(&other, format!("end its deployment of release {release}")));
                    seen = Some((text.clone(), since));
                    tokio::time::sleep(POLL).await;
                    continue;
                }
            }
            client.write(&mut map, true);
            match client.put(&map).await {
                Ok(()) => {
                    let waited = if is_ours { seen.is_some() } else { record.is_some() };
                    return Ok(Acquired::Held { lock: Lock::hold(client, asked, events.lent()), waited });
                }
                Err(error) if error.is_conflict() => continue,
                Err(error) => return Err(error),
            }
        }
    }

    fn hold(client: LockClient, asked: Moment, events: Events) -> Lock {
        let fence = Arc::new(Fence::new(&client.release, &client.namespace, surely_until(asked)));
        let lock = Lock { client: client.clone(), stop: CancellationToken::new(), fence: fence.clone() };
        let keep = lock.stop.clone().run_until_cancelled_owned(async move { client.keep(&fence, &events).await });
        tokio::spawn(keep);
        lock
    }

    /// The same client, but one that changes something only while the lock is ours.
    pub fn fenced(&self, client: &Client) -> Client {
        client.fenced(self.fence.clone())
    }

    /// Waits until somebody else has the lock.
    pub async fn until_lost(&self) -> ClusterError {
        self.fence.until_lost().await
    }

    /// Says which revision of the release is the newest one as long as nobody else changes it. Before that, a lock that is gone is lost.
    pub fn expect(&self, newest: RangeInclusive<u32>) {
        self.fence.expect(newest);
    }

    /// Gives the lock back. Where that does not succeed for as long as it lasts, it expires by itself.
    pub async fn release(&self) {
        self.stop.cancel();
        let problem = match tokio::time::timeout(TTL, self.client.give_back()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the API server is silent".to_owned(),
        };
        tracing::debug!(problem, "the release lock was left to expire");
    }
}

/// Until when nobody else takes a lease that was asked for then.
fn surely_until(asked: Moment) -> Moment {
    asked + (TTL - MARGIN)
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl LockClient {
    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    fn key(&self) -> String {
        key(&self.release)
    }

    fn lease(&self, map: &Value) -> Option<String> {
        map["metadata"]["annotations"][self.key()].as_str().filter(|text| !text.is_empty()).map(String::from)
    }

    fn is_ours(&self, lease: &str) -> bool {
        serde_json::from_str::<Value>(lease).is_ok_and(|lease| lease["uuid"] == *self.uuid)
    }

    /// Reads the ConfigMap, or makes it.
    async fn config_map(&self) -> Result<Value, ClusterError> {
        loop {
            let call = Call::get("configmaps", format!("{}/{CONFIG_MAP}", self.path()));
            if let Some(map) = self.client.find(call).await? {
                return Ok(map);
            }
            let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP, "namespace": &*self.namespace}});
            match self.client.call(Call::new(Method::POST, "create", "configmaps", self.path()).json(&empty)).await {
                Ok(map) => return Ok(map),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn put(&self, map: &Value) -> Result<(), ClusterError> {
        let call = Call::new(Method::PUT, "update", "configmaps", format!("{}/{CONFIG_MAP}", self.path())).json(map);
        self.client.call(call).await.map(drop)
    }

    /// Writes our lease into the object, or takes it out.
    fn write(&self, map: &mut Value, hold: bool) {
        if !map["metadata"]["annotations"].is_object() {
            map["metadata"]["annotations"] = json!({});
        }
        let lease = json!({
            "uuid": &*self.uuid,
            "lockName": format!("release/{}", self.release),
            "ExpireAtTimestamp": jiff::Timestamp::now().as_second() + TTL.as_secs() as i64,
            "SharedHoldersCount": 1,
            "IsShared": false,
            "QueueMembers": {},
            "holder": &*self.holder,
            "process": self.process,
            // Two renewals within one second must differ too.
            "renewal": uuid::Uuid::new_v4().to_string(),
        });
        if let Some(annotations) = map["metadata"]["annotations"].as_object_mut() {
            if hold {
                annotations.insert(self.key(), lease.to_string().into());
            } else {
                annotations.remove(&self.key());
            }
        }
    }

    /// Renews the lease until somebody else has it.
    async fn keep(&self, fence: &Fence, events: &Events) {
        let (mut pause, mut told) = (RENEW, false);
        // whether the lease was gone, and it is not known yet what happened meanwhile
        let mut doubt = false;
        loop {
            tokio::time::sleep(pause).await;
            let asked = Moment::now();
            let problem = match tokio::time::timeout(TTL, self.renew(fence, &mut doubt)).await {
                Ok(Ok(None)) => {
                    fence.renewed(surely_until(asked));
                    (pause, told) = (RENEW, false);
                    continue;
                }
                Ok(Ok(Some(holder))) => return fence.lose(holder),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", TTL.as_secs()),
            };
            pause = POLL;
            if fence.not_renewed(&problem) && !std::mem::replace(&mut told, true) {
                let doing = format!("renew the lock of release `{}`; nothing is changed before that", self.release);
                events.emit(Event::TryingAgain { whom: self.client.server().into(), doing, why: problem, pause });
            }
        }
    }

    /// Renews our lease. Gives who has it, or had it, if it is no longer ours.
    async fn renew(&self, fence: &Fence, doubt: &mut bool) -> Result<Option<String>, ClusterError> {
        loop {
            let mut map = self.config_map().await?;
            match self.lease(&map) {
                Some(text) if self.is_ours(&text) => {}
                Some(text) if !released(&text) => return Ok(Some(describe(&text))),
                _ => *doubt = true,
            }
            self.write(&mut map, true);
            match self.put(&map).await {
                Ok(()) => break,
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        if *doubt && !fence.expects(newest_revision(&self.client, &self.namespace, &self.release).await?) {
            self.give_back().await?;
            return Ok(Some("another werf, which has ended".into()));
        }
        *doubt = false;
        Ok(None)
    }

    /// Removes our lease, if it is ours.
    async fn give_back(&self) -> Result<(), ClusterError> {
        loop {
            let mut map = self.config_map().await?;
            if !self.lease(&map).is_some_and(|text| self.is_ours(&text)) {
                return Ok(());
            }
            self.write(&mut map, false);
            match self.put(&map).await {
                Err(error) if error.is_conflict() => {}
                other => return other,
            }
        }
    }
}

/// Name of the annotation, as lockgate computes it.
fn key(release: &str) -> String {
    let digest = Sha3_224::digest(format!("release/{release}"));
    format!("lockgate.io/{}", hex::lower(digest))
}

/// Whether the holder gave the lock back while others queue: lockgate then leaves an expired record behind.
fn released(text: &str) -> bool {
    let lease: Value = serde_json::from_str(text).unwrap_or_default();
    lease["SharedHoldersCount"] == 0 || lease["uuid"].as_str().is_none_or(str::is_empty)
}

/// Which process holds a lease, if its werf says so.
fn process(text: &str) -> Option<Process> {
    let mut lease: Value = serde_json::from_str(text).ok()?;
    serde_json::from_value(lease["process"].take()).ok()
}

fn describe(text: &str) -> String {
    let lease: Value = serde_json::from_str(text).unwrap_or_default();
    match lease["holder"].as_str() {
        Some(holder) if !holder.is_empty() => holder.to_owned(),
        _ => format!("another werf (lease {})", lease["uuid"].as_str().unwrap_or("without a name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotation_is_the_one_of_lockgate() {
        // printf 'release/app' | openssl dgst -sha3-224
        assert_eq!(key("app"), "lockgate.io/ea52bc36ac2b3f6517f2be8b874ec59a5f98cdc2ce97391ef4824d79");
    }

    #[test]
    fn a_record_tells_its_holder() {
        assert_eq!(describe(r#"{"holder": "ci@runner (pid 7)"}"#), "ci@runner (pid 7)");
        assert_eq!(describe(r#"{"uuid": "x"}"#), "another werf (lease x)");
        assert!(released(r#"{"uuid": "x", "SharedHoldersCount": 0}"#) && !released(r#"{"uuid": "x", "SharedHoldersCount": 1}"#));
    }
}
