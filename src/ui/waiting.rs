//! What a resource is waited for, the reason first.
//!
//! Statuses read `0 of 2 replicas ready: pod web-1 container app: CrashLoopBackOff`: how far it is, where it hangs, and why.

/// A status of a resource in parts, from the most telling to the least: why, what, how far, where.
pub fn parts(resource: &str, status: &str) -> Vec<String> {
    let Some((state, because)) = status.split_once(": ") else { return vec![resource.to_owned(), plain(status)] };
    let (place, reason) = place(because);
    let mut parts = vec![reason, resource.to_owned(), plain(state)];
    parts.extend(place);
    parts
}

/// Whether a status has a reason beside how far it is.
pub fn has_reason(status: &str) -> bool {
    status.contains(": ")
}

/// `0 of 2 ready`: of what is seen by the kind.
fn plain(state: &str) -> String {
    state.replace(" replicas ready", " ready").replace(" replica ready", " ready")
}

/// The pod, with its container, and why.
fn place(because: &str) -> (Option<String>, String) {
    let Some((pod, rest)) = because.strip_prefix("pod ").and_then(|rest| rest.split_once(' ')) else {
        return (None, because.to_owned());
    };
    for title in ["container ", "init container "] {
        if let Some((container, why)) = rest.strip_prefix(title).and_then(|rest| rest.split_once(": ")) {
            return (Some(format!("{title}{container} of {pod}")), why.to_owned());
        }
    }
    let why = rest.strip_prefix("is not scheduled: ").map_or_else(|| rest.to_owned(), unscheduled);
    (Some(format!("pod {pod}")), why)
}

/// What nodes lack, of `0/3 nodes are available: 3 Insufficient memory. preemption: …`.
fn unscheduled(message: &str) -> String {
    let Some((_, lacks)) = message.split_once("nodes are available: ") else { return message.to_owned() };
    let lacks = lacks.split_once(". preemption").map_or(lacks, |(lacks, _)| lacks).trim_end_matches('.');
    let named = lacks.split(", ").map(|lack| {
        let named = lack.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        if named.starts_with(char::is_uppercase) { named } else { lack }
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_comes_first() {
        let preemption = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
        for (status, expect) in [
            ("1 of 3 replicas ready", "Deployment/a | 1 of 3 ready"),
            (
                &*format!("0 of 2 replicas ready: pod a-1 is not scheduled: 0/1 nodes are available: 1 Insufficient memory. {preemption}"),
                "Insufficient memory | Deployment/a | 0 of 2 ready | pod a-1",
            ),
            (
                "0 of 1 replica ready: pod a-1 is not scheduled: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.",
                "Insufficient cpu, 1 node(s) were unschedulable | Deployment/a | 0 of 1 ready | pod a-1",
            ),
            ("0 of 1 replica ready: pod a-1 is not scheduled", "is not scheduled | Deployment/a | 0 of 1 ready | pod a-1"),
            (
                "0 of 1 replica ready: pod a-1 container app: CrashLoopBackOff, exit code 7 (Error), restarted 3 times",
                "CrashLoopBackOff, exit code 7 (Error), restarted 3 times | Deployment/a | 0 of 1 ready | container app of a-1",
            ),
            (
                "1 of 2 pods ready: pod a-1 init container prepare: exit code 3 (Error)",
                "exit code 3 (Error) | Deployment/a | 1 of 2 pods ready | init container prepare of a-1",
            ),
            (
                "0 of 1 replica ready: pod a-1 FailedMount: configmap \"absent\" not found",
                "FailedMount: configmap \"absent\" not found | Deployment/a | 0 of 1 ready | pod a-1",
            ),
            ("cannot be applied yet: failed calling webhook", "failed calling webhook | Deployment/a | cannot be applied yet"),
        ] {
            assert_eq!(parts("Deployment/a", status).join(" | "), expect, "{status}");
        }
    }
}
