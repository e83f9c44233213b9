//! Which other objects an object needs, and where its pods are described.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::row;

/// An object that another one names. Namespaced kinds are in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// API group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
}

/// What an object refers to.
pub type References = BTreeSet<Reference>;

/// What an object refers to: volumes, environment, accounts and classes of its pods, and what its kind names besides.
///
/// Optional references (`optional: true`) count too: where the chart has the object, the pod is meant to see it.
pub fn references(object: &Value) -> References {
    let mut found = References::new();
    if let Some(spec) = pod_spec(object) {
        of_pods(spec, &mut found);
    }
    (row(object).names)(object, &mut found);
    found
}

/// The Service that gives a StatefulSet's pods their names.
pub fn of_stateful_set(object: &Value, found: &mut References) {
    add(found, "", "Service", &object["spec"]["serviceName"]);
}

/// The class and the volume of a claim.
pub fn of_volume_claim(object: &Value, found: &mut References) {
    add(found, "storage.k8s.io", "StorageClass", &object["spec"]["storageClassName"]);
    add(found, "", "PersistentVolume", &object["spec"]["volumeName"]);
}

/// The role of a binding, and the accounts that it is given to.
pub fn of_binding(object: &Value, found: &mut References) {
    let role = &object["roleRef"];
    match role["kind"].as_str() {
        Some("Role") => add(found, "rbac.authorization.k8s.io", "Role", &role["name"]),
        Some("ClusterRole") => add(found, "rbac.authorization.k8s.io", "ClusterRole", &role["name"]),
        _ => {}
    }
    for subject in items(&object["subjects"]).filter(|subject| subject["kind"] == "ServiceAccount") {
        add(found, "", "ServiceAccount", &subject["name"]);
    }
}

/// The class of an Ingress, and its certificates.
pub fn of_ingress(object: &Value, found: &mut References) {
    add(found, "networking.k8s.io", "IngressClass", &object["spec"]["ingressClassName"]);
    for tls in items(&object["spec"]["tls"]) {
        add(found, "", "Secret", &tls["secretName"]);
    }
}

/// The pod spec inside an object: a pod's own, or a workload's template.
pub fn pod_spec(object: &Value) -> Option<&Value> {
    pod_spec_path(object).map(|path| path.iter().fold(object, |value, name| &value[*name]))
}

/// Where the pod spec of an object is.
pub fn pod_spec_path(object: &Value) -> Option<&'static [&'static str]> {
    let path = row(object).pods?.spec;
    let spec = path.iter().fold(object, |value, name| &value[*name]);
    (spec.is_object() && spec["containers"].is_array()).then_some(path)
}

/// For how long the pods of an object may take to end, and the object itself where it is being deleted.
pub fn deletion_grace(object: &Value) -> Duration {
    let own = object["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
    let pods = pod_spec(object).map_or(0, |spec| spec["terminationGracePeriodSeconds"].as_u64().unwrap_or(30));
    Duration::from_secs(own.max(pods))
}

fn of_pods(spec: &Value, found: &mut References) {
    add(found, "", "ServiceAccount", &spec["serviceAccountName"]);
    add(found, "scheduling.k8s.io", "PriorityClass", &spec["priorityClassName"]);
    add(found, "node.k8s.io", "RuntimeClass", &spec["runtimeClassName"]);
    for secret in items(&spec["imagePullSecrets"]) {
        add(found, "", "Secret", &secret["name"]);
    }
    for volume in items(&spec["volumes"]) {
        add(found, "", "ConfigMap", &volume["configMap"]["name"]);
        add(found, "", "Secret", &volume["secret"]["secretName"]);
        add(found, "", "PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]);
        for source in items(&volume["projected"]["sources"]) {
            add(found, "", "ConfigMap", &source["configMap"]["name"]);
            add(found, "", "Secret", &source["secret"]["name"]);
        }
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in items(&spec[list]) {
            for source in items(&container["envFrom"]) {
                add(found, "", "ConfigMap", &source["configMapRef"]["name"]);
                add(found, "", "Secret", &source["secretRef"]["name"]);
            }
            for variable in items(&container["env"]) {
                add(found, "", "ConfigMap", &variable["valueFrom"]["configMapKeyRef"]["name"]);
                add(found, "", "Secret", &variable["valueFrom"]["secretKeyRef"]["name"]);
            }
        }
    }
}

fn add(found: &mut References, group: &'static str, kind: &'static str, name: &Value) {
    if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
        found.insert(Reference { group, kind, name: name.into() });
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
