//! What must leave an object though applying it alone would leave it there.
//!
//! Server-side apply takes away what our manager owned and no longer applies. It leaves what another manager owns too, and what the server
//! filled in for a field that has gone or changed: the default of one value may be what the server refuses beside the next. Such fields are
//! *claimed*: written into our manager's entry of `managedFields`, and out of the others', so that the apply that follows takes them away
//! and the server fills in what fits now.

use serde_json::{Map, Value, json};

use super::managed::{entries_after_takeover, is_ours};
use crate::deploy::resource::pod_spec_path;

/// A set of fields as `managedFields` writes it (`fieldsV1`).
type Fields = Map<String, Value>;

/// What leaves an object when it is applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leaving {
    /// What we own, or the revision before had, and is no longer wanted.
    ours: Fields,
    /// What the server filled in and nobody owns, and does not fit what is wanted.
    derived: Fields,
    /// Whether another manager owns some of it too, or alone.
    shared: bool,
}

impl Leaving {
    /// Compares what is wanted with the live object and its `managedFields`, and with the object as the revision before had it: a field of
    /// it may have been taken from us since.
    pub fn of(desired: &Value, live: &Value, previous: Option<&Value>) -> Self {
        let entries = entries_after_takeover(live);
        let nothing = Fields::new();
        let own = entries.iter().find(|entry| is_ours(entry)).and_then(|entry| entry["fieldsV1"].as_object()).unwrap_or(&nothing);
        let mut ours = unwanted(desired, live, own);
        if let Some(previous) = previous {
            let scaled =
                entries.iter().filter(|entry| !is_ours(entry) && !is_other(entry)).filter_map(|entry| entry["fieldsV1"].as_object());
            let mut had = had(previous, desired, live, &all(&entries));
            // What an autoscaler sets is its own from then on.
            scaled.for_each(|fields| subtract(&mut had, fields));
            super::managed::union(&mut ours, &had);
        }
        if let Some(Value::Object(metadata)) = ours.get_mut("f:metadata") {
            metadata.retain(|key, _| matches!(key.as_str(), "f:annotations" | "f:labels" | "f:finalizers" | "f:ownerReferences"));
        }
        let shared = entries
            .iter()
            .filter(|entry| is_other(entry))
            .filter_map(|entry| entry["fieldsV1"].as_object())
            .any(|fields| meets(fields, &ours));
        let mut lost = ours.clone();
        subtract(&mut lost, own);
        let shared = shared || !lost.is_empty();
        let derived = derived(desired, live, own, &entries);
        Leaving { ours, derived, shared }
    }

    /// Whether fields must be claimed before the object is applied.
    pub fn needs_claim(&self) -> bool {
        self.shared || !self.derived.is_empty()
    }

    /// New `managedFields` in which what leaves is ours alone; `None` where there is nothing to do.
    pub fn claimed(&self, live: &Value) -> Option<Value> {
        if !self.needs_claim() {
            return super::managed::takeover(live);
        }
        let mut entries = entries_after_takeover(live);
        for entry in entries.iter_mut().filter(|entry| is_other(entry)) {
            if let Some(fields) = entry["fieldsV1"].as_object_mut() {
                subtract(fields, &self.ours);
                subtract(fields, &self.derived);
            }
        }
        if !entries.iter().any(is_ours) {
            entries.push(json!({"manager": super::FIELD_MANAGER, "operation": "Apply", "apiVersion": live["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": {}}));
        }
        for entry in entries.iter_mut().filter(|entry| is_ours(entry)) {
            if let Some(fields) = entry["fieldsV1"].as_object_mut() {
                super::managed::union(fields, &self.ours);
                super::managed::union(fields, &self.derived);
            }
        }
        entries.retain(|entry| entry["fieldsV1"].as_object().is_none_or(|fields| !fields.is_empty()));
        Some(Value::Array(entries))
    }

    /// The live object as claim and apply make it: to be tried out as a whole, since a dry run of an apply does not know of claims.
    pub fn made(&self, desired: &Value, live: &Value) -> Value {
        let fields = all(&entries_after_takeover(live));
        let mut object = live.clone();
        take_out(&mut object, &self.ours);
        take_out(&mut object, &self.derived);
        merge(&mut object, desired, Some(&fields));
        object
    }
}

/// Writes what is wanted into an object, as an apply does: `fields` tells which lists have keys and which maps are one value.
fn merge(object: &mut Value, desired: &Value, fields: Option<&Fields>) {
    let is_whole = fields.is_some_and(|fields| fields.keys().all(|key| key == "."));
    match (object, desired) {
        (Value::Object(found), Value::Object(wanted)) if !is_whole || found.is_empty() => {
            for (name, value) in wanted {
                let below = fields.and_then(|fields| fields.get(&format!("f:{name}"))?.as_object());
                merge(found.entry(name.clone()).or_insert(Value::Null), value, below);
            }
        }
        (Value::Array(found), Value::Array(wanted)) => {
            let keys: Vec<Element<'_>> = fields.into_iter().flat_map(|fields| fields.keys()).map(|key| Element::of(key)).collect();
            let names: Option<Vec<&String>> = keys.iter().find_map(|key| match key {
                Element::Item(names) => Some(names.keys().collect()),
                _ => None,
            });
            let is_set = keys.iter().any(|key| matches!(key, Element::Value(_)));
            let mut left = std::mem::take(found);
            for value in wanted {
                let same = |item: &Value| match &names {
                    Some(names) => {
                        let key = names.iter().filter_map(|name| Some(((*name).clone(), item.get(*name)?.clone()))).collect();
                        fits(&key, value)
                    }
                    None => is_set && item == value,
                };
                let mut item = left.iter().position(same).map_or(Value::Null, |at| left.remove(at));
                let below = fields.and_then(|fields| {
                    let found = fields.iter().find(|(key, _)| matches!(Element::of(key), Element::Item(names) if fits(&names, &item)));
                    found?.1.as_object()
                });
                merge(&mut item, value, below);
                found.push(item);
            }
            if names.is_some() || is_set {
                found.append(&mut left);
            }
        }
        (object, desired) => desired.clone_into(object),
    }
}

/// Whether an item has these keys. One that the server fills in may be lacking: the protocol of a port is TCP then.
fn fits(names: &Fields, item: &Value) -> bool {
    names.iter().all(|(name, value)| item.get(name).map_or(name != "protocol" || value == "TCP", |found| found == value))
}

/// Somebody else's entry that is not about a subresource: what an autoscaler sets through `scale` stays its own.
fn is_other(entry: &Value) -> bool {
    !is_ours(entry) && entry["subresource"].as_str().is_none_or(str::is_empty)
}

/// What of `owned` the live object has and the desired one lacks.
fn unwanted(desired: &Value, live: &Value, owned: &Fields) -> Fields {
    let mut found = Fields::new();
    for (key, fields) in owned {
        let (want, have) = match Element::of(key) {
            Element::Field(name) => (desired.get(name), live.get(name)),
            Element::Item(names) => (item(desired, &names), item(live, &names)),
            Element::Value(value) => {
                let has = |list: &Value| list.as_array().is_some_and(|items| items.contains(&value));
                (has(desired).then_some(&Value::Null), has(live).then_some(&Value::Null))
            }
            Element::Itself => continue,
        };
        match (want, have, fields.as_object()) {
            (None, Some(_), _) => drop(found.insert(key.clone(), json!({}))),
            (Some(want), Some(have), Some(fields)) => {
                let below = unwanted(want, have, fields);
                if !below.is_empty() {
                    found.insert(key.clone(), Value::Object(below));
                }
            }
            _ => {}
        }
    }
    found
}

/// One step in a set of fields.
enum Element<'a> {
    Field(&'a str),
    Item(Fields),
    Value(Value),
    /// `.`, or a form that we do not know.
    Itself,
}

impl<'a> Element<'a> {
    fn of(key: &'a str) -> Self {
        if let Some(name) = key.strip_prefix("f:") {
            return Element::Field(name);
        }
        let parsed = key.get(2..).and_then(|text| serde_json::from_str::<Value>(text).ok());
        match (key.get(..2), parsed) {
            (Some("k:"), Some(Value::Object(names))) => Element::Item(names),
            (Some("v:"), Some(value)) => Element::Value(value),
            _ => Element::Itself,
        }
    }
}

/// The item of a list with such keys.
fn item<'a>(list: &'a Value, names: &Fields) -> Option<&'a Value> {
    list.as_array()?.iter().find(|item| fits(names, item))
}

/// What of the previous object the live one has and the desired one lacks; `fields` tells which lists have keys.
fn had(previous: &Value, desired: &Value, live: &Value, fields: &Fields) -> Fields {
    let mut found = Fields::new();
    let nothing = Fields::new();
    let mut compare =
        |key: String, previous: &Value, desired: Option<&Value>, live: Option<&Value>, fields: Option<&Fields>| match (desired, live) {
            (None, Some(_)) => drop(found.insert(key, json!({}))),
            (Some(desired), Some(live)) => {
                let below = had(previous, desired, live, fields.unwrap_or(&nothing));
                if !below.is_empty() {
                    found.insert(key, Value::Object(below));
                }
            }
            _ => {}
        };
    match previous {
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                let key = format!("f:{name}");
                let below = fields.get(&key).and_then(Value::as_object);
                compare(key, value, desired.get(name).filter(|value| !value.is_null()), live.get(name), below);
            }
        }
        Value::Array(items) => {
            for (key, below) in fields {
                let Element::Item(names) = Element::of(key) else { continue };
                if let Some(previous) = items.iter().find(|item| fits(&names, item)) {
                    compare(key.clone(), previous, item(desired, &names), item(live, &names), below.as_object());
                }
            }
        }
        _ => {}
    }
    found
}

/// The fields of all managers together.
fn all(entries: &[Value]) -> Fields {
    let mut fields = Fields::new();
    entries.iter().filter_map(|entry| entry["fieldsV1"].as_object()).for_each(|more| super::managed::union(&mut fields, more));
    fields
}

/// Whether a set ends at a field, which is then meant as a whole.
fn is_leaf(fields: &Value) -> bool {
    fields.as_object().is_none_or(|map| map.keys().all(|key| key == "."))
}

/// Whether two sets have a field in common; one that ends at a field has all below it.
fn meets(fields: &Fields, others: &Fields) -> bool {
    others.iter().any(|(key, other)| {
        fields.get(key).is_some_and(|own| {
            is_leaf(own) || is_leaf(other) || own.as_object().zip(other.as_object()).is_some_and(|(own, other)| meets(own, other))
        })
    })
}

fn subtract(fields: &mut Fields, others: &Fields) {
    for (key, other) in others {
        let Some(own) = fields.get_mut(key) else { continue };
        let is_empty = match (own.as_object_mut(), other.as_object().filter(|_| !is_leaf(other))) {
            (Some(own), Some(other)) => {
                subtract(own, other);
                own.keys().all(|key| key == ".")
            }
            _ => true,
        };
        if is_empty {
            fields.remove(key);
        }
    }
}

fn take_out(object: &mut Value, leaving: &Fields) {
    for (key, fields) in leaving {
        let whole = is_leaf(fields);
        match (Element::of(key), object.is_array()) {
            (Element::Field(name), false) => {
                let Some(map) = object.as_object_mut() else { continue };
                if whole {
                    map.remove(name);
                } else if let (Some(value), Some(fields)) = (map.get_mut(name), fields.as_object()) {
                    take_out(value, fields);
                }
            }
            (Element::Item(names), true) => {
                let Some(items) = object.as_array_mut() else { continue };
                if whole {
                    items.retain(|item| !fits(&names, item));
                } else if let (Some(item), Some(fields)) = (items.iter_mut().find(|item| fits(&names, item)), fields.as_object()) {
                    take_out(item, fields);
                }
            }
            (Element::Value(value), true) => {
                if let Some(items) = object.as_array_mut() {
                    items.retain(|item| *item != value);
                }
            }
            _ => {}
        }
    }
}

/// Values of the server that do not fit what is wanted: mirrors of fields that leave, and defaults that follow from a field that changes.
fn derived(desired: &Value, live: &Value, own: &Fields, entries: &[Value]) -> Fields {
    let mut found = Fields::new();
    let mut claim = |path: &[&str]| {
        let mut at = &mut found;
        for key in &path[..path.len() - 1] {
            match at.entry((*key).to_owned()).or_insert_with(|| json!({})) {
                Value::Object(next) => at = next,
                _ => return,
            }
        }
        at.insert(path[path.len() - 1].to_owned(), json!({}));
    };
    // apps/v1: a strategy without a rolling update refuses the numbers of one.
    for field in ["strategy", "updateStrategy"] {
        let wanted = &desired["spec"][field];
        let plain = matches!(wanted["type"].as_str(), Some("Recreate" | "OnDelete"));
        if plain && wanted["rollingUpdate"].is_null() && !live["spec"][field]["rollingUpdate"].is_null() {
            claim(&["f:spec", &format!("f:{field}"), "f:rollingUpdate"]);
        }
    }
    match desired["kind"].as_str() {
        // A timeout is filled in for `ClientIP` and refused for `None`.
        Some("Service") => {
            let spec = &desired["spec"];
            if spec["sessionAffinity"] != "ClientIP"
                && spec["sessionAffinityConfig"].is_null()
                && !live["spec"]["sessionAffinityConfig"].is_null()
            {
                claim(&["f:spec", "f:sessionAffinityConfig"]);
            }
        }
        // Which directions are restricted follows from the rules where nobody says it.
        Some("NetworkPolicy") if desired["spec"]["policyTypes"].is_null() => {
            let egress = desired["spec"]["egress"].as_array().is_some_and(|rules| !rules.is_empty());
            let types = live["spec"]["policyTypes"].as_array();
            if types.is_some_and(|types| types.iter().any(|kind| kind == "Egress") != egress) {
                claim(&["f:spec", "f:policyTypes"]);
            }
        }
        _ => {}
    }
    let Some(path) = pod_spec_path(desired) else { return found };
    let (want, have) = (at(desired, path), at(live, path));
    let prefix: Vec<String> = path.iter().map(|name| format!("f:{name}")).collect();
    let prefixed = |rest: &[String]| -> Vec<String> { prefix.iter().cloned().chain(rest.iter().cloned()).collect() };
    let mut claim = |rest: &[String]| claim(&prefixed(rest).iter().map(String::as_str).collect::<Vec<_>>());
    let field = |name: &str| format!("f:{name}");
    // The server keeps an account under its old name too, and takes it from there.
    let owned = |name: &str| at_fields(own, &prefixed(&[field(name)])).is_some();
    let unnamed = want["serviceAccountName"].is_null() && want["serviceAccount"].is_null();
    if unnamed && !have["serviceAccount"].is_null() && (owned("serviceAccountName") || owned("serviceAccount")) {
        claim(&[field("serviceAccount")]);
        claim(&[field("serviceAccountName")]);
    }
    let is_free = |rest: &[String]| {
        let path = prefixed(rest);
        !entries.iter().filter_map(|entry| entry["fieldsV1"].as_object()).any(|fields| at_fields(fields, &path).is_some())
    };
    for list in ["initContainers", "containers"] {
        for wanted in want[list].as_array().into_iter().flatten() {
            let Some(name) = wanted["name"].as_str() else { continue };
            let Some(found) = have[list].as_array().and_then(|items| items.iter().find(|item| item["name"] == name)) else { continue };
            let place = [field(list), format!("k:{}", json!({ "name": name }))];
            let below = |names: &[&str]| -> Vec<String> { place.iter().cloned().chain(names.iter().map(|name| field(name))).collect() };
            // How an image is pulled follows from its tag.
            let pull = below(&["imagePullPolicy"]);
            let usual = wanted["image"].as_str().map(usual_pull_policy);
            if wanted["imagePullPolicy"].is_null()
                && usual.is_some_and(|usual| found["imagePullPolicy"].as_str().is_some_and(|policy| policy != usual))
                && is_free(&pull)
            {
                claim(&pull);
            }
            // What is requested follows from the limit where nobody says it.
            for (resource, limit) in wanted["resources"]["limits"].as_object().into_iter().flatten() {
                let changed = found["resources"]["limits"][resource] != *limit && !found["resources"]["requests"][resource].is_null();
                let request = below(&["resources", "requests", resource]);
                if wanted["resources"]["requests"][resource].is_null() && changed && is_free(&request) {
                    claim(&request);
                }
            }
        }
    }
    found
}

fn usual_pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    let latest = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    if latest { "Always" } else { "IfNotPresent" }
}

fn at<'a>(object: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(object, |value, name| &value[*name])
}

fn at_fields<'a>(fields: &'a Fields, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let found = fields.get(first)?;
    if rest.is_empty() { Some(found) } else { at_fields(found.as_object()?, rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(mut object: Value, entries: Value) -> Value {
        object["metadata"]["managedFields"] = entries;
        object
    }

    fn entry(manager: &str, operation: &str, subresource: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": "v1", "fieldsV1": fields})
    }

    #[test]
    fn what_another_manager_owns_too_is_claimed() {
        let desired = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"keep": "1"}});
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"keep": "1", "gone": "2", "theirs": "3"}});
        let ours = entry("helm", "Apply", "", json!({"f:data": {".": {}, "f:keep": {}, "f:gone": {}}}));
        let alone = live(object.clone(), json!([ours]));
        assert!(!Leaving::of(&desired, &alone, None).needs_claim(), "applying takes it away");
        let theirs = entry("kubectl-patch", "Update", "", json!({"f:data": {"f:gone": {}, "f:theirs": {}}}));
        let shared = live(object, json!([ours, theirs]));
        let leaving = Leaving::of(&desired, &shared, None);
        assert!(leaving.needs_claim());
        let claimed = leaving.claimed(&shared).unwrap();
        assert_eq!(claimed[1]["fieldsV1"], json!({"f:data": {"f:theirs": {}}}));
        assert_eq!(claimed[0], ours);
        let mut shown = shared.clone();
        take_out(&mut shown, &leaving.ours);
        assert_eq!(shown["data"], json!({"keep": "1", "theirs": "3"}));
    }

    #[test]
    fn what_an_autoscaler_sets_stays() {
        let desired = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {}});
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 7}});
        let fields = json!({"f:spec": {"f:replicas": {}}});
        let found = live(object, json!([entry("helm", "Apply", "", fields.clone()), entry("hpa", "Update", "scale", fields)]));
        assert!(!Leaving::of(&desired, &found, None).needs_claim());
    }

    #[test]
    fn values_of_the_server_that_do_not_fit_are_claimed() {
        let pod = |fields: Value| {
            let mut spec = json!({"containers": [{"name": "a", "image": "x:1"}]});
            spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": spec}}})
        };
        let container = |fields: Value| pod(json!({"containers": [fields]}));
        let kind = |kind: &str, spec: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec});
        let account = json!({"f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}}}}});
        let none = json!({});
        for (desired, object, own, expect) in [
            (
                kind("Deployment", json!({"strategy": {"type": "Recreate"}})),
                kind("Deployment", json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}})),
                none.clone(),
                json!({"f:spec": {"f:strategy": {"f:rollingUpdate": {}}}}),
            ),
            (
                kind("StatefulSet", json!({"updateStrategy": {"type": "OnDelete"}})),
                kind("StatefulSet", json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}})),
                none.clone(),
                json!({"f:spec": {"f:updateStrategy": {"f:rollingUpdate": {}}}}),
            ),
            (
                pod(json!({})),
                pod(json!({"serviceAccountName": "a", "serviceAccount": "a"})),
                account.clone(),
                json!({"f:spec": {"f:template": {"f:spec": {"f:serviceAccount": {}, "f:serviceAccountName": {}}}}}),
            ),
            (pod(json!({})), pod(json!({"serviceAccountName": "a", "serviceAccount": "a"})), none.clone(), none.clone()),
            (
                pod(json!({"serviceAccountName": "b"})),
                pod(json!({"serviceAccountName": "a", "serviceAccount": "a"})),
                account,
                none.clone(),
            ),
            (
                container(json!({"name": "a", "image": "x:1"})),
                container(json!({"name": "a", "image": "x", "imagePullPolicy": "Always"})),
                none.clone(),
                json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:imagePullPolicy": {}}}}}}}),
            ),
            (
                container(json!({"name": "a", "image": "x:1", "imagePullPolicy": "Always"})),
                container(json!({"name": "a", "image": "x:1", "imagePullPolicy": "Always"})),
                none.clone(),
                none.clone(),
            ),
            (
                container(json!({"name": "a", "image": "x@sha256:0", "resources": {"limits": {"cpu": "1"}}})),
                container(
                    json!({"name": "a", "imagePullPolicy": "IfNotPresent", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}}),
                ),
                none.clone(),
                json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:resources": {"f:requests": {"f:cpu": {}}}}}}}}}),
            ),
            (
                kind("NetworkPolicy", json!({"egress": [{}]})),
                kind("NetworkPolicy", json!({"policyTypes": ["Ingress"]})),
                none.clone(),
                json!({"f:spec": {"f:policyTypes": {}}}),
            ),
            (
                kind("Service", json!({})),
                kind("Service", json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 9}}})),
                none.clone(),
                json!({"f:spec": {"f:sessionAffinityConfig": {}}}),
            ),
        ] {
            let found = live(object, json!([entry("helm", "Apply", "", own)]));
            assert_eq!(Value::Object(Leaving::of(&desired, &found, None).derived), expect, "{desired} {found}");
        }
    }

    #[test]
    fn an_object_is_made_as_an_apply_makes_it() {
        let fields = json!({"f:spec": {
            "f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
                "k:{\"port\":80,\"protocol\":\"UDP\"}": {".": {}, "f:port": {}, "f:protocol": {}},
            },
            "f:selector": {}, "f:set": {"v:\"a\"": {}, "v:\"b\"": {}}, "f:list": {},
        }});
        let object = json!({"kind": "Service", "spec": {
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}, {"port": 80, "protocol": "UDP"}, {"port": 9, "protocol": "TCP"}],
            "selector": {"a": "b"}, "set": ["a", "b", "theirs"], "list": [1, 2], "default": 3,
        }});
        let desired = json!({"kind": "Service", "spec": {
            "ports": [{"port": 80, "name": "web"}, {"port": 81}], "selector": {"c": "d"}, "set": ["b", "c"], "list": [2],
        }});
        let found = live(object, json!([entry("helm", "Apply", "", fields)]));
        let made = Leaving::of(&desired, &found, None).made(&desired, &found);
        assert_eq!(
            made["spec"],
            json!({
                "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000, "name": "web"}, {"port": 81}, {"port": 9, "protocol": "TCP"}],
                "selector": {"c": "d"}, "set": ["b", "c", "theirs"], "list": [2], "default": 3,
            })
        );
    }
}
