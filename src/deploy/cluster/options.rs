//! How a release is deployed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::ledger::Ledger;
use crate::deploy::resource::{self, Propagation};

/// How to deploy.
#[derive(Clone, Debug)]
pub struct DeployOptions {
    /// Limit of the whole deployment.
    pub timeout: Option<Duration>,
    /// How long to wait for another deployment of the same release.
    pub lock_timeout: Option<Duration>,
    /// Who we are, for others who wait: `user@host (pid 7)`.
    pub holder: String,
    /// Whether a failed deployment is followed by a rollback to the last good revision.
    pub auto_rollback: bool,
    /// How many revisions are kept.
    pub history_limit: usize,
    /// Whether what containers print is shown as they print it. The last lines of those that fail are shown in any case.
    pub pod_logs: bool,
    /// Whether the release's namespace is made where it is not there.
    pub create_namespace: bool,
    /// Whether what nothing else waits for is watched until it works.
    pub final_tracking: bool,
    /// What happens to dependents of deleted objects that do not say it themselves.
    pub propagation: Propagation,
    /// What an earlier revision is given when it is brought back, beside what its record has.
    pub restored: Additions,
    /// Where it is kept what became of the changes.
    pub ledger: Ledger,
    /// When the command began.
    pub begun: Instant,
}

/// Annotations and labels of all objects, and labels of the release's record.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Labels of the record.
    pub release_labels: BTreeMap<String, String>,
}

impl Additions {
    /// Puts annotations and labels on an object.
    pub fn write(&self, object: &mut Value) {
        for (map, entries) in [("annotations", &self.annotations), ("labels", &self.labels)] {
            for (name, value) in entries {
                resource::mark(object, map, name, value);
            }
        }
    }
}

impl Default for DeployOptions {
    fn default() -> Self {
        DeployOptions {
            timeout: None,
            lock_timeout: None,
            holder: "werf".into(),
            auto_rollback: false,
            history_limit: 5,
            pod_logs: true,
            create_namespace: true,
            final_tracking: true,
            propagation: Propagation::default(),
            restored: Additions::default(),
            ledger: Ledger::default(),
            begun: Instant::now(),
        }
    }
}
