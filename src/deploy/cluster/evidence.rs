//! What is shown of an object that failed, beside the reason: the last words of its containers, and warnings about it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::client::Client;
use super::logs::{self, Container};
use super::pod_logs::runs;
use crate::kinds::{self, Related};

/// How many containers are quoted.
const CONTAINERS: usize = 3;

/// Prints as lines below the reason; nothing where there is nothing to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Containers that did not work.
    pub logs: Vec<LogTail>,
    /// Warnings, the newest last, as `Pod/web-1: Unhealthy: …`.
    pub warnings: Vec<String>,
}

/// The last lines of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
    /// Its last lines, as written.
    pub lines: Vec<String>,
}

impl Evidence {
    /// Reads what the containers said last; warnings that `reason` tells already are left out.
    pub(super) async fn of(
        client: &Client,
        object: &Value,
        pods: &[&Value],
        related: Related<'_>,
        since: Option<Timestamp>,
        reason: &str,
    ) -> Self {
        Evidence { logs: tails(client, pods).await, warnings: kinds::warnings(object, pods, related, since, reason) }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for tail in &self.logs {
            write!(f, "\nlast lines of container {} of pod {}:", tail.container, tail.pod)?;
            tail.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        }
        if !self.warnings.is_empty() {
            write!(f, "\nwarnings:")?;
            self.warnings.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        }
        Ok(())
    }
}

/// The last lines of every container that did not work.
async fn tails(client: &Client, pods: &[&Value]) -> Vec<LogTail> {
    let mut found = Vec::new();
    for pod in pods {
        for ((name, container, restarts), status) in runs(pod) {
            let restarted = restarts > 0;
            let ended = status["state"]["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0);
            let unready = status["state"]["running"].is_object() && status["ready"] == false;
            if !(restarted || ended || unready) || found.len() >= CONTAINERS {
                continue;
            }
            let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default().into();
            let container = Container { namespace, pod: name, name: container };
            // A container that waits or runs again wrote its last words in the run before.
            let previous = restarted && !ended;
            if let Ok(lines) = logs::tail(client, &container, previous).await
                && !lines.is_empty()
            {
                found.push(LogTail { pod: container.pod, container: container.name, lines });
            }
        }
    }
    found
}
