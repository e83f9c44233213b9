//! Release records, as Helm 3 keeps them: one Secret per revision (`helm.sh/helm/v3/pkg/storage/driver`, type `helm.sh/release.v1`).

use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::discovery::list;
use super::error::ClusterError;
use crate::deploy::resource::Action;
use crate::words::percent::percent_encoded;

/// What a revision is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordStatus {
    /// It stands.
    Deployed,
    /// A later one stands.
    Superseded,
    /// Its deployment failed.
    Failed,
    /// It is being removed.
    Uninstalling,
    /// It was removed, the record kept.
    Uninstalled,
    /// Its first deployment runs, or was killed.
    PendingInstall,
    /// Its deployment runs, or was killed.
    PendingUpgrade,
    /// A rollback runs, or was killed.
    PendingRollback,
    /// Helm's word for anything else.
    Unknown,
}

impl RecordStatus {
    /// Helm's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordStatus::Deployed => "deployed",
            RecordStatus::Superseded => "superseded",
            RecordStatus::Failed => "failed",
            RecordStatus::Uninstalling => "uninstalling",
            RecordStatus::Uninstalled => "uninstalled",
            RecordStatus::PendingInstall => "pending-install",
            RecordStatus::PendingUpgrade => "pending-upgrade",
            RecordStatus::PendingRollback => "pending-rollback",
            RecordStatus::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Self {
        use RecordStatus::*;
        [Deployed, Superseded, Failed, Uninstalling, Uninstalled, PendingInstall, PendingUpgrade, PendingRollback]
            .into_iter()
            .find(|status| status.as_str() == text)
            .unwrap_or(Unknown)
    }
}

/// One revision of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Release name.
    pub name: String,
    /// Release namespace.
    pub namespace: String,
    /// Revision, counted from 1.
    pub revision: u32,
    /// What it is in.
    pub status: RecordStatus,
    /// When the first revision was deployed, RFC 3339.
    pub first_deployed: String,
    /// When this one was, RFC 3339.
    pub last_deployed: String,
    /// One sentence, such as `Upgrade complete`.
    pub description: String,
    /// Rendered NOTES.txt.
    pub notes: String,
    /// All objects but hooks, as rendered.
    pub manifest: String,
    /// Hooks in Helm's form: `name kind path manifest events last_run weight delete_policies`.
    pub hooks: Vec<Value>,
    /// The chart in Helm's form: `metadata lock templates values schema files`.
    pub chart: Value,
    /// Values that the user gave.
    pub config: Value,
    /// Labels of the Secret beside Helm's own.
    pub labels: BTreeMap<String, String>,
    /// What it was made from. Helm passes it over, and leaves it out where it writes the record anew.
    pub origin: Origin,
}

/// What a revision was made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The commit's full hash; empty where it is not known.
    pub commit: String,
    /// References of images by their names in werf.yaml.
    pub images: BTreeMap<String, String>,
}

/// The revisions of one release.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Revision and status of each, ascending.
    pub revisions: Vec<(u32, RecordStatus)>,
    /// The newest one.
    pub last: Option<Record>,
    /// The newest one that was deployed well: what a rollback goes back to.
    pub last_good: Option<Record>,
}

impl History {
    /// Number of the newest revision, 0 if there is none.
    pub fn newest(&self) -> u32 {
        self.revisions.last().map_or(0, |(revision, _)| *revision)
    }

    /// What the next deployment is: an install as long as no revision was deployed well.
    pub fn next_action(&self) -> Action {
        if self.last_good.is_none() { Action::Install } else { Action::Upgrade }
    }
}

/// Labels that Helm sets itself.
const OWN_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// Reads which revisions there are, and the newest and the last good of them: labels of all, content of one or two.
pub async fn load_history(client: &Client, namespace: &str, release: &str) -> Result<History, ClusterError> {
    let revisions = load_revisions(client, namespace, release).await?;
    let newest = revisions.last().map(|(revision, _)| *revision);
    let is_good = |status: RecordStatus| matches!(status, RecordStatus::Deployed | RecordStatus::Superseded);
    let good = revisions
        .iter()
        .rev()
        .find(|(_, status)| *status == RecordStatus::Deployed)
        .or_else(|| revisions.iter().rev().find(|(_, status)| is_good(*status)))
        .map(|(revision, _)| *revision);
    let read = |revision: Option<u32>| async move {
        match revision {
            Some(revision) => load_record(client, namespace, release, revision).await,
            None => Ok(None),
        }
    };
    let (last, last_good) = tokio::try_join!(read(newest), read(good.filter(|good| Some(*good) != newest)))?;
    let last_good = if good == newest { last.clone() } else { last_good };
    Ok(History { revisions, last, last_good })
}

/// Reads number and status of each revision, ascending.
async fn load_revisions(client: &Client, namespace: &str, release: &str) -> Result<Vec<(u32, RecordStatus)>, ClusterError> {
    let selector = percent_encoded(&format!("owner=helm,name={release}"));
    let mut call = Call::get("secrets", format!("/api/v1/namespaces/{namespace}/secrets?labelSelector={selector}"));
    call.verb = "list";
    // Records may be large; their names and labels say which ones are worth reading.
    call.accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let answer = client.call(call).await?;
    let mut revisions: Vec<(u32, RecordStatus)> = list(&answer["items"])
        .filter_map(|item| {
            let labels = &item["metadata"]["labels"];
            Some((labels["version"].as_str()?.parse().ok()?, RecordStatus::parse(labels["status"].as_str()?)))
        })
        .collect();
    revisions.sort_unstable_by_key(|(revision, _)| *revision);
    Ok(revisions)
}

/// Reads the number of the newest revision, 0 if there is none.
pub(super) async fn newest_revision(client: &Client, namespace: &str, release: &str) -> Result<u32, ClusterError> {
    let revisions = load_revisions(client, namespace, release).await?;
    Ok(revisions.last().map_or(0, |(revision, _)| *revision))
}

/// Reads one revision.
pub async fn load_record(client: &Client, namespace: &str, release: &str, revision: u32) -> Result<Option<Record>, ClusterError> {
    let name = secret_name(release, revision);
    let call = Call::get("secrets", format!("/api/v1/namespaces/{namespace}/secrets/{name}"));
    let Some(secret) = client.find(call).await? else { return Ok(None) };
    decode(&secret).map(Some).map_err(|message| ClusterError::BadRecord { name, namespace: namespace.into(), message })
}

/// How many bytes the values of a Secret may have together (`MaxSecretSize` of Kubernetes).
pub const MAX_SECRET_BYTES: usize = 1 << 20;

/// How many bytes a record takes in its Secret.
pub fn record_size(record: &Record) -> usize {
    // With the longest status and description that it may get.
    encode(&Record { description: "x".repeat(record.description.len().max(200)), ..record.clone() }, "createdAt")["data"]["release"]
        .as_str()
        .map_or(0, |text| text.len() / 4 * 3)
}

/// Writes a new revision; gives the time of the cluster's clock. A conflict means that somebody else wrote the same one.
pub async fn create_record(client: &Client, record: &Record) -> Result<Option<Timestamp>, ClusterError> {
    let secret = encode(record, "createdAt");
    let path = format!("/api/v1/namespaces/{}/secrets", record.namespace);
    match client.call(Call::new(Method::POST, "create", "secrets", path).json(&secret)).await {
        Ok(written) => Ok(server_time(&written)),
        // The answer to a write may be lost on the way: what is there is then our own.
        Err(error) if error.is_conflict() => {
            let name = secret_name(&record.name, record.revision);
            let call = Call::get("secrets", format!("/api/v1/namespaces/{}/secrets/{name}", record.namespace));
            match client.find(call).await? {
                Some(found) if found["data"] == secret["data"] => Ok(server_time(&found)),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Replaces a revision's content and status; gives the time of the cluster's clock.
pub async fn update_record(client: &Client, record: &Record) -> Result<Option<Timestamp>, ClusterError> {
    let secret = encode(record, "modifiedAt");
    let path = format!("/api/v1/namespaces/{}/secrets/{}", record.namespace, secret_name(&record.name, record.revision));
    client.call(Call::new(Method::PUT, "update", "secrets", path).json(&secret)).await.map(|written| server_time(&written))
}

/// When the server wrote an object last, by its own clock.
fn server_time(object: &Value) -> Option<Timestamp> {
    let metadata = &object["metadata"];
    let times = list(&metadata["managedFields"]).map(|entry| &entry["time"]).chain([&metadata["creationTimestamp"]]);
    times.filter_map(|time| time.as_str()?.parse().ok()).max()
}

/// Deletes one revision's record.
pub async fn delete_record(client: &Client, namespace: &str, release: &str, revision: u32) -> Result<(), ClusterError> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{}", secret_name(release, revision));
    client.find(Call::new(Method::DELETE, "delete", "secrets", path)).await.map(drop)
}

fn secret_name(release: &str, revision: u32) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

fn encode(record: &Record, stamp: &str) -> Value {
    let mut body = json!({
        "name": record.name,
        "info": {
            "first_deployed": record.first_deployed,
            "last_deployed": record.last_deployed,
            "deleted": "",
            "description": record.description,
            "status": record.status.as_str(),
            "notes": record.notes,
        },
        "chart": record.chart,
        "config": record.config,
        "manifest": record.manifest,
        "hooks": record.hooks,
        "version": record.revision,
        "namespace": record.namespace,
    });
    if record.origin != Origin::default() {
        body["werf"] = json!(record.origin);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into a Vec cannot fail.
    let _ = gzip.write_all(body.to_string().as_bytes());
    let packed = gzip.finish().unwrap_or_default();
    let mut labels = record.labels.clone();
    labels.extend([
        ("name".into(), record.name.clone()),
        ("owner".into(), "helm".into()),
        ("status".into(), record.status.as_str().into()),
        ("version".into(), record.revision.to_string()),
        (stamp.into(), Timestamp::now().as_second().to_string()),
    ]);
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {"name": secret_name(&record.name, record.revision), "namespace": record.namespace, "labels": labels},
        // Helm's own base64 inside of Kubernetes' base64.
        "data": {"release": STANDARD.encode(STANDARD.encode(packed))},
    })
}

fn decode(secret: &Value) -> Result<Record, String> {
    let text = secret["data"]["release"].as_str().ok_or("it has no data.release")?;
    let inner = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let packed = STANDARD.decode(&inner).map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    if packed.starts_with(&[0x1f, 0x8b, 0x08]) {
        GzDecoder::new(&packed[..]).read_to_end(&mut body).map_err(|error| error.to_string())?;
    } else {
        body = packed;
    }
    let mut body: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let labels = secret["metadata"]["labels"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let info = &body["info"];
    Ok(Record {
        name: text(&body["name"]),
        namespace: text(&body["namespace"]),
        revision: body["version"].as_u64().and_then(|version| u32::try_from(version).ok()).ok_or("it has no version")?,
        // Helm's label may be newer than the content, never older.
        status: RecordStatus::parse(info["status"].as_str().unwrap_or_default()),
        first_deployed: text(&info["first_deployed"]),
        last_deployed: text(&info["last_deployed"]),
        description: text(&info["description"]),
        notes: text(&info["notes"]),
        manifest: text(&body["manifest"]),
        hooks: match body["hooks"].take() {
            Value::Array(hooks) => hooks,
            _ => Vec::new(),
        },
        chart: body["chart"].take(),
        config: body["config"].take(),
        origin: serde_json::from_value(body["werf"].take()).unwrap_or_default(),
        labels: labels.filter(|(name, _)| !OWN_LABELS.contains(&name.as_str())).map(|(name, value)| (name.clone(), text(value))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written() {
        let record = Record {
            name: "app".into(),
            namespace: "prod".into(),
            revision: 12,
            status: RecordStatus::PendingUpgrade,
            first_deployed: "2026-01-02T03:04:05.6Z".into(),
            last_deployed: "2026-01-02T03:04:05.6Z".into(),
            description: "Preparing upgrade".into(),
            notes: "hello".into(),
            manifest: "---\na: 1\n".into(),
            hooks: vec![json!({"name": "migrate"})],
            chart: json!({"metadata": {"name": "app", "version": "1.0.0"}}),
            config: json!({"a": {"b": 1}}),
            labels: BTreeMap::from([("team".into(), "x".into())]),
            origin: Origin { commit: "abc".into(), images: BTreeMap::from([("web".into(), "r.io/web:1".into())]) },
        };
        let secret = encode(&record, "createdAt");
        assert_eq!(secret["metadata"]["name"], "sh.helm.release.v1.app.v12");
        assert_eq!(secret["metadata"]["labels"]["status"], "pending-upgrade");
        assert_eq!(decode(&secret), Ok(record));
    }

    #[test]
    fn broken_records_are_errors() {
        for secret in [json!({}), json!({"data": {"release": "!"}}), json!({"data": {"release": STANDARD.encode(STANDARD.encode("{}"))}})] {
            assert!(decode(&secret).is_err(), "{secret}");
        }
    }
}
