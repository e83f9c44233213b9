//! Kinds that we do not know: what their conditions and phase usually mean.
//!
//! Follows the API conventions of Kubernetes (conditions `Ready` and the like) and kstatus (`Reconciling`, `Stalled`). An object that
//! shows none of the signs is ready as soon as it is there, since nothing tells what to wait for.

use serde_json::Value;

use super::Status;
use super::json::{condition, is_true, is_unobserved, text, why};

/// Conditions that say «it works», the most general first.
const GOOD: [&str; 10] =
    ["Ready", "Available", "Healthy", "Established", "Accepted", "Programmed", "Synced", "Reconciled", "Deployed", "Succeeded"];
/// Conditions that say «it will not work».
const BAD: [&str; 3] = ["Stalled", "Failed", "Failure"];

/// The status of an object of any kind.
pub fn status(object: &Value) -> Status {
    if is_unobserved(object) {
        return Status::progressing("waits for its controller to see the change");
    }
    if let Some(bad) = BAD.iter().filter_map(|kind| condition(object, kind)).find(|condition| text(condition, "/status") == "True") {
        return Status::failed(text(bad, "/type").to_lowercase()).because(why(bad));
    }
    if is_true(object, "Reconciling") {
        return Status::progressing("reconciling").because(condition(object, "Reconciling").and_then(why));
    }
    if let Some(good) = GOOD.iter().find_map(|kind| condition(object, kind)) {
        let kind = text(good, "/type").to_lowercase();
        return match text(good, "/status") {
            "True" => Status::ready(kind),
            _ => Status::progressing(format!("not {kind}")).because(why(good)),
        };
    }
    let words = ["/status/phase", "/status/state", "/status/status", "/status/health"].map(|pointer| text(object, pointer));
    words.into_iter().find(|word| !word.is_empty()).and_then(by_word).unwrap_or_else(|| Status::ready("created"))
}

/// What a word in `status.phase` means; `None` for a word that says nothing.
pub fn by_word(word: &str) -> Option<Status> {
    let lower = word.to_lowercase();
    match lower.replace(['-', '_', ' '], "").as_str() {
        "ready" | "active" | "available" | "bound" | "running" | "succeeded" | "success" | "successful" | "healthy" | "completed"
        | "complete" | "deployed" | "synced" | "established" | "ok" | "valid" | "online" | "initialized" | "created" => {
            Some(Status::ready(lower))
        }
        "failed" | "failure" | "error" | "errored" | "lost" | "invalid" | "crashed" => Some(Status::failed(lower)),
        "pending" | "creating" | "provisioning" | "initializing" | "installing" | "updating" | "upgrading" | "progressing"
        | "deploying" | "waiting" | "inprogress" | "starting" | "reconciling" | "scaling" | "promoting" | "finalising" | "finalizing"
        | "terminating" | "notready" | "unavailable" | "unknown" | "degraded" => Some(Status::progressing(lower)),
        _ => None,
    }
}
