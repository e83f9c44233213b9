//! Widespread custom resources whose status does not follow the conventions, as a table.

use serde_json::Value;

use super::Status;
use super::json::{condition, is_unobserved, line, text, why};

/// Where a kind's status is, and what it says there.
struct Rule {
    group: &'static str,
    kind: &'static str,
    place: Place,
    ready: &'static [&'static str],
    failed: &'static [&'static str],
    /// Where a text says why.
    message: &'static str,
}

enum Place {
    /// A JSON pointer to a word.
    Word(&'static str),
    /// The status of a condition.
    Condition(&'static str),
}

const RULES: [Rule; 12] = [
    rule(
        "argoproj.io",
        "Application",
        Place::Word("/status/health/status"),
        &["Healthy", "Suspended"],
        &["Degraded"],
        "/status/health/message",
    ),
    rule("argoproj.io", "ApplicationSet", Place::Condition("ResourcesUpToDate"), &["True"], &[], ""),
    rule("argoproj.io", "Rollout", Place::Word("/status/phase"), &["Healthy"], &["Degraded"], "/status/message"),
    rule("argoproj.io", "Workflow", Place::Word("/status/phase"), &["Succeeded"], &["Failed", "Error"], "/status/message"),
    rule("flagger.app", "Canary", Place::Word("/status/phase"), &["Succeeded", "Initialized"], &["Failed"], ""),
    rule(
        "acid.zalan.do",
        "postgresql",
        Place::Word("/status/PostgresClusterStatus"),
        &["Running"],
        &["CreateFailed", "UpdateFailed", "SyncFailed", "Invalid"],
        "",
    ),
    rule("bitnami.com", "SealedSecret", Place::Condition("Synced"), &["True"], &["False"], ""),
    rule("longhorn.io", "Volume", Place::Word("/status/robustness"), &["healthy", "unknown"], &["faulted"], ""),
    rule("monitoring.coreos.com", "Prometheus", Place::Condition("Available"), &["True"], &[], ""),
    rule("monitoring.coreos.com", "Alertmanager", Place::Condition("Available"), &["True"], &[], ""),
    rule("monitoring.coreos.com", "ThanosRuler", Place::Condition("Available"), &["True"], &[], ""),
    rule("keda.sh", "ScaledObject", Place::Condition("Ready"), &["True"], &[], ""),
];

const fn rule(
    group: &'static str,
    kind: &'static str,
    place: Place,
    ready: &'static [&'static str],
    failed: &'static [&'static str],
    message: &'static str,
) -> Rule {
    Rule { group, kind, place, ready, failed, message }
}

/// The status by the kind's rule, if it has one.
pub fn status(object: &Value, group: &str, kind: &str) -> Option<Status> {
    let rule = RULES.iter().find(|rule| rule.group == group && rule.kind == kind)?;
    if is_unobserved(object) {
        return Some(Status::progressing("waits for its controller to see the change"));
    }
    let (word, shown, reason) = match rule.place {
        Place::Word(pointer) => (text(object, pointer), text(object, pointer).to_lowercase(), None),
        Place::Condition(name) => {
            let found = condition(object, name);
            let word = found.map_or("", |found| text(found, "/status"));
            let shown = if word == "True" { name.to_lowercase() } else { format!("not {}", name.to_lowercase()) };
            (word, shown, found.and_then(why))
        }
    };
    let message = Some(line(text(object, rule.message))).filter(|_| !rule.message.is_empty()).filter(|text| !text.is_empty());
    Some(match word {
        // Controllers that have not come yet leave the place empty; these kinds always fill it.
        "" => Status::progressing("waits for its controller"),
        word if rule.ready.contains(&word) => Status::ready(shown),
        word if rule.failed.contains(&word) => Status::failed(shown).because(message.or(reason)),
        _ => Status::progressing(shown).because(message.or(reason)),
    })
}
