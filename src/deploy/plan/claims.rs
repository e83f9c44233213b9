//! What must leave an object though applying it alone would leave it there.
//!
//! Server-side apply takes away what our manager owned and no longer applies. It leaves what another manager owns too, and what the server
//! filled in for a field that has gone or changed: the default of one value may be what the server refuses beside the next. Such fields are
//! *claimed*: written into our manager's entry of `managedFields`, and out of the others', so that the apply that follows takes them away
//! and the server fills in what fits now.

use serde_json::{Map, Value, json};

use super::managed::{entries_after_takeover, is_ours};
use crate::kinds::{self, Owner};

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
    for stale in kinds::derived(desired, live) {
        let of_us = |path: &Vec<String>| at_fields(own, path).is_some();
        let of_anyone = |path: &Vec<String>| {
            entries.iter().filter_map(|entry| entry["fieldsV1"].as_object()).any(|fields| at_fields(fields, path).is_some())
        };
        let may_go = match stale.owner {
            Owner::Anyone => true,
            Owner::Us => stale.paths.iter().any(of_us),
            Owner::Nobody => !stale.paths.iter().any(of_anyone),
        };
        if may_go {
            stale.paths.iter().for_each(|path| claim(&mut found, path));
        }
    }
    found
}

fn claim(fields: &mut Fields, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if let Value::Object(next) = fields.entry(first.clone()).or_insert_with(|| json!({})) {
        claim(next, rest);
    }
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
        let of = |api: &str, kind: &str, spec: Value| json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
        let account = json!({"f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}}}}});
        let none = json!({});
        for (desired, object, own, expect) in [
            (
                of("apps/v1", "Deployment", json!({"strategy": {"type": "Recreate"}})),
                of("apps/v1", "Deployment", json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}})),
                none.clone(),
                json!({"f:spec": {"f:strategy": {"f:rollingUpdate": {}}}}),
            ),
            (
                of("apps/v1", "StatefulSet", json!({"updateStrategy": {"type": "OnDelete"}})),
                of("apps/v1", "StatefulSet", json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}})),
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
                of("networking.k8s.io/v1", "NetworkPolicy", json!({"egress": [{}]})),
                of("networking.k8s.io/v1", "NetworkPolicy", json!({"policyTypes": ["Ingress"]})),
                none.clone(),
                json!({"f:spec": {"f:policyTypes": {}}}),
            ),
            (
                of("v1", "Service", json!({})),
                of("v1", "Service", json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 9}}})),
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
