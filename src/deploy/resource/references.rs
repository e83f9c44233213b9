//! Which other objects a pod needs before it can start.

use std::collections::BTreeSet;

use serde_json::Value;

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

/// What an object refers to: volumes, environment, accounts and classes of its pods, roles of a binding, the target of an autoscaler.
///
/// Optional references (`optional: true`) count too: where the chart has the object, the pod is meant to see it.
pub fn references(object: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    if let Some(spec) = pod_spec(object) {
        pod_references(spec, &mut found);
    }
    match object["kind"].as_str() {
        Some("StatefulSet") => add(&mut found, "", "Service", &object["spec"]["serviceName"]),
        Some("PersistentVolumeClaim") => {
            add(&mut found, "storage.k8s.io", "StorageClass", &object["spec"]["storageClassName"]);
            add(&mut found, "", "PersistentVolume", &object["spec"]["volumeName"]);
        }
        Some("RoleBinding" | "ClusterRoleBinding") => {
            let role = &object["roleRef"];
            match role["kind"].as_str() {
                Some("Role") => add(&mut found, "rbac.authorization.k8s.io", "Role", &role["name"]),
                Some("ClusterRole") => add(&mut found, "rbac.authorization.k8s.io", "ClusterRole", &role["name"]),
                _ => {}
            }
            for subject in items(&object["subjects"]) {
                if subject["kind"] == "ServiceAccount" {
                    add(&mut found, "", "ServiceAccount", &subject["name"]);
                }
            }
        }
        Some("Ingress") => {
            add(&mut found, "networking.k8s.io", "IngressClass", &object["spec"]["ingressClassName"]);
            for tls in items(&object["spec"]["tls"]) {
                add(&mut found, "", "Secret", &tls["secretName"]);
            }
        }
        _ => {}
    }
    found
}

/// The pod spec inside an object: a pod's own, or a workload's template.
pub(crate) fn pod_spec(object: &Value) -> Option<&Value> {
    pod_spec_path(object).map(|path| path.iter().fold(object, |value, name| &value[*name]))
}

/// Where the pod spec of an object is.
pub(crate) fn pod_spec_path(object: &Value) -> Option<&'static [&'static str]> {
    let path: &[&str] = match object["kind"].as_str()? {
        "Pod" => &["spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec", "template", "spec"],
    };
    let spec = path.iter().fold(object, |value, name| &value[*name]);
    (spec.is_object() && spec["containers"].is_array()).then_some(path)
}

fn pod_references(spec: &Value, found: &mut BTreeSet<Reference>) {
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

fn add(found: &mut BTreeSet<Reference>, group: &'static str, kind: &'static str, name: &Value) {
    if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
        found.insert(Reference { group, kind, name: name.into() });
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
