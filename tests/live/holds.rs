//! The cluster holds what the chart says: objects of many kinds are written now this way and now another, and after each deployment the
//! live ones are held against what the API server makes of the same manifests where there was nothing before.
//!
//! Between deployments another manager applies the same objects, so that it owns their fields too, or instead of us.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::testbed::{App, Needs};

/// What has no name of its own in a kind but is made by the server for each object.
const ALLOCATED: [(&str, &[&str]); 8] = [
    ("Service", &["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort"]),
    ("Job", &["/spec/selector", "/spec/template/metadata/labels"]),
    ("Pod", &["/spec/volumes", "/spec/containers/0/volumeMounts"]),
    ("ClusterRole", &["/rules"]),
    ("PersistentVolumeClaim", &["/spec/volumeName"]),
    ("PersistentVolume", &["/spec/claimRef"]),
    // Labels of the template are taken where the object has none; ours has the release's.
    ("ReplicationController", &["/metadata/labels"]),
    ("Namespace", &["/metadata/labels/kubernetes.io~1metadata.name"]),
];

/// Annotations of controllers and of the release.
const WRITTEN: [&str; 4] = ["deployment.kubernetes.io/", "deprecated.daemonset.template.generation", "meta.helm.sh/", "werf.io/v"];

const TWIN: &str = "-zz9";

struct Kinds {
    app: App,
    kinds: Vec<Value>,
}

impl Kinds {
    fn new() -> Self {
        let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
        let documents = werf::yaml::parse_documents(include_str!("holds/kinds.yaml")).expect("YAML");
        let kinds = documents.iter().map(|document| werf::yaml::to_json(document).expect("JSON"));
        let kinds = kinds.flat_map(|kinds: Value| kinds.as_array().cloned().unwrap_or_default()).collect();
        Kinds { app, kinds }
    }

    /// One way to write every object.
    fn draw(&self, dice: &mut Dice) -> Vec<Value> {
        let mut drawn = Vec::new();
        for kind in &self.kinds {
            let mut object = kind["base"].clone();
            let choices = kind["choices"].as_array().expect("choices");
            match kind["each"].as_array() {
                None => choices.iter().for_each(|choice| merge(&mut object, dice.pick(choice.as_array().expect("a choice")))),
                Some(path) => {
                    let mut item = json!({});
                    choices.iter().for_each(|choice| merge(&mut item, dice.pick(choice.as_array().expect("a choice"))));
                    let at = path.iter().fold(&mut object, |object, name| &mut object[name.as_str().expect("a name")]);
                    *at = json!([item]);
                }
            }
            let text = object.to_string().replace("NAME", &self.app.namespace);
            drawn.push(serde_json::from_str(&text).expect("JSON"));
        }
        drawn
    }

    fn run(&self, args: &[&str]) {
        let printed = self.app.werf(args);
        assert_eq!(printed.code, 0, "{args:?}: {}{}", printed.stdout, printed.stderr);
    }

    fn objects(&self, args: &[&str]) -> BTreeMap<String, Value> {
        let printed = self.app.kubectl(args);
        let documents = serde_json::Deserializer::from_str(&printed).into_iter::<Value>().map(|document| document.expect("JSON"));
        let objects = documents.flat_map(|document| match document["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![document],
        });
        objects.map(comparable).collect()
    }
}

fn merge(object: &mut Value, more: &Value) {
    match (object, more) {
        (Value::Object(object), Value::Object(more)) => {
            for (key, value) in more {
                merge(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (object, more) => more.clone_into(object),
    }
}

/// What of an object follows from its manifest, by its kind and name.
fn comparable(object: Value) -> (String, Value) {
    let mut object: Value = serde_json::from_str(&object.to_string().replace(TWIN, "")).expect("JSON");
    let metadata = object["metadata"].take();
    let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(|map| map.is_empty());
    let mut kept = json!({"name": metadata["name"], "labels": metadata["labels"], "annotations": metadata["annotations"]});
    if let Some(labels) = kept["labels"].as_object_mut() {
        labels.retain(|name, _| !name.ends_with("managed-by") && !name.contains("job-name") && !name.contains("controller-uid"));
    }
    if let Some(annotations) = kept["annotations"].as_object_mut() {
        annotations.retain(|name, _| !WRITTEN.iter().any(|written| name.starts_with(written)) && !name.contains("project.werf.io"));
    }
    kept.as_object_mut().expect("a map").retain(|_, value| !empty(value));
    object["metadata"] = kept;
    object.as_object_mut().expect("a map").remove("status");
    let kind = object["kind"].as_str().expect("a kind").to_owned();
    for (of, pointers) in ALLOCATED {
        for pointer in pointers.iter().filter(|_| of == kind) {
            if let Some((parent, name)) = pointer.rsplit_once('/')
                && let Some(Value::Object(map)) = object.pointer_mut(parent)
            {
                map.remove(&name.replace("~1", "/"));
            }
        }
    }
    if kind == "Service" {
        let ports = object["spec"]["ports"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
        ports.for_each(|port| drop(port.remove("nodePort")));
    }
    // What the server fills in where the type is not named, and means where it is.
    let filled = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "partition": 0}});
    if kind == "StatefulSet" && object["spec"]["updateStrategy"] == filled {
        object["spec"]["updateStrategy"] = json!({"type": "RollingUpdate"});
    }
    (format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap_or_default()), object)
}

fn twin(mut object: Value) -> Value {
    let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
    object["metadata"]["name"] = format!("{name}{TWIN}").into();
    object
}

fn holds(seed: u64, rounds: usize) {
    let kinds = Kinds::new();
    let (mut dice, template) = (Dice::new(seed), ".helm/templates/all.yaml");
    let path = kinds.app.sandbox.app().join(template);
    let path = path.to_str().expect("text");
    for round in 0..rounds {
        let objects = kinds.draw(&mut dice);
        let text: String = objects.iter().map(|object| format!("---\n{}\n", object.to_string().replace("{{", "{ {"))).collect();
        kinds.app.commit(&[(template, &text)]);
        kinds.run(&["converge"]);
        // what is as wanted is said to be so, and nothing else is
        kinds.run(&["plan", "--exit-code"]);

        let twins: Vec<Value> = objects.into_iter().filter(|object| object["kind"] != "CustomResourceDefinition").map(twin).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": twins}).to_string();
        let file = kinds.app.sandbox.app().with_file_name("twins.json");
        std::fs::write(&file, list).expect("written");
        let wanted = kinds.objects(&["create", "--dry-run=server", "-o", "json", "-f", file.to_str().expect("text")]);
        let live = kinds.objects(&["get", "-o", "json", "-f", path]);
        assert!(wanted.len() >= 40, "{}", wanted.len());
        for (name, wanted) in &wanted {
            assert_eq!(live.get(name), Some(wanted), "round {round} of seed {seed}: {name}, live and as if new");
        }
        if round % 2 == 0 {
            kinds.app.kubectl(&["apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", path]);
        }
    }
    kinds.run(&["dismiss"]);
}

#[test]
fn the_cluster_holds_what_the_chart_says() {
    holds(1, 8);
}

#[test]
fn the_cluster_holds_what_the_chart_says_in_another_order() {
    holds(2, 8);
}
