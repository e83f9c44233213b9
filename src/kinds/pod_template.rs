//! What the server fills in for the pods of any kind.

use serde_json::{Value, json};

use super::references::pod_spec_path;
use super::row::{Derived, Owner};

/// Values of the server in the pod spec that no longer fit what is wanted.
pub(super) fn derived(wanted: &Value, live: &Value) -> Vec<Derived> {
    let Some(path) = pod_spec_path(wanted) else { return Vec::new() };
    let [want, have] = [wanted, live].map(|object| path.iter().fold(object, |value, name| &value[*name]));
    let field = |name: &str| format!("f:{name}");
    let place = |rest: Vec<String>| -> Vec<String> { path.iter().map(|name| field(name)).chain(rest).collect() };
    let mut found = Vec::new();
    // The server keeps an account under its old name too, and takes it from there.
    let names = ["serviceAccount", "serviceAccountName"];
    if names.iter().all(|name| want[*name].is_null()) && !have["serviceAccount"].is_null() {
        found.push(Derived { paths: names.map(|name| place(vec![field(name)])).to_vec(), owner: Owner::Us });
    }
    for list in ["initContainers", "containers"] {
        for container in want[list].as_array().into_iter().flatten() {
            let Some(name) = container["name"].as_str() else { continue };
            let Some(other) = have[list].as_array().and_then(|items| items.iter().find(|item| item["name"] == name)) else { continue };
            let below = |names: &[&str]| {
                let item = [field(list), format!("k:{}", json!({ "name": name }))].into_iter();
                Derived { paths: vec![place(item.chain(names.iter().map(|name| field(name))).collect())], owner: Owner::Nobody }
            };
            // How an image is pulled follows from its tag.
            let policy = other["imagePullPolicy"].as_str().filter(|_| container["imagePullPolicy"].is_null());
            if policy.zip(container["image"].as_str()).is_some_and(|(policy, image)| policy != usual_pull_policy(image)) {
                found.push(below(&["imagePullPolicy"]));
            }
            // What is requested follows from the limit where nobody says it.
            for (resource, limit) in container["resources"]["limits"].as_object().into_iter().flatten() {
                let follows = container["resources"]["requests"][resource].is_null() && !other["resources"]["requests"][resource].is_null();
                if follows && other["resources"]["limits"][resource] != *limit {
                    found.push(below(&["resources", "requests", resource]));
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
