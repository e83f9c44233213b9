//! What only one object can have at a time, and an object that goes still has.
//!
//! The release's own objects come before what leaves the chart goes, so that nothing is missing in between. Where the server would not
//! take an object because of one that goes, that one goes first.

use serde_json::Value;

use super::Change;
use crate::deploy::resource::Resource;

/// Whether an object that leaves the chart is why the server refuses another one, by the server's words.
pub(super) fn is_in_the_way((leaving, change): &(Resource, Change), wanted: &Value, message: &str) -> bool {
    let Some(live) = &change.before else { return false };
    let same_kind = wanted["kind"] == leaving.id.gvk.kind.as_str();
    let holds = leaving.id.row().holds;
    let held = holds(live);
    if same_kind && holds(wanted).iter().any(|thing| held.contains(thing)) {
        return true;
    }
    // Admission controllers name what is in the way: `host "a.example.org" and path "/" is already defined in ingress default/web`.
    same_kind && names(message, &leaving.id.name)
}

/// Whether a text has a name as a word of its own.
fn names(message: &str, name: &str) -> bool {
    message.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))).any(|word| word.trim_end_matches('.') == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::resource::parse;
    use serde_json::json;

    #[test]
    fn what_goes_makes_room() {
        let leaving = |object: Value| (parse(object.clone(), "", "n").unwrap().remove(0), Change { before: Some(object), after: None });
        let service =
            |name: &str, ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports}});
        let ingress = |name: &str| json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}});
        let taken = "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated";
        let defined =
            "admission webhook denied the request: host \"a.example.org\" and path \"/\" is already defined in ingress default/web";
        for (old, new, message, expect) in [
            (service("a", json!([{"nodePort": 30080}])), service("b", json!([{"nodePort": 30080}])), taken, true),
            (service("a", json!([{"nodePort": 30080, "protocol": "UDP"}])), service("b", json!([{"nodePort": 30080}])), taken, false),
            (service("a", json!([{"port": 80}])), service("b", json!([{"port": 80}])), taken, false),
            (ingress("web"), ingress("site"), defined, true),
            (ingress("we"), ingress("site"), defined, false),
            (service("web", json!([])), ingress("site"), defined, false),
        ] {
            assert_eq!(is_in_the_way(&leaving(old.clone()), &new, message), expect, "{old} {new}");
        }
    }
}
