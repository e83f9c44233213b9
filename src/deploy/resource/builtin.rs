//! The kinds that Kubernetes itself serves: plural name and scope.
//!
//! These never change once an API is stable (Kubernetes deprecation policy), so the usual chart needs no discovery request.

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One per namespace and name.
    Namespaced,
    /// One per name.
    Cluster,
}

/// Scope of a built-in kind; `None` for kinds that discovery must answer for.
pub fn scope(group: &str, version: &str, kind: &str) -> Option<Scope> {
    find(group, version, kind).map(|row| row.4)
}

/// Name of a built-in kind in URLs, such as `deployments`.
pub fn plural(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    find(group, version, kind).map(|row| row.3)
}

type Row = (&'static str, &'static str, &'static str, &'static str, Scope);

fn find(group: &str, version: &str, kind: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.0 == group && row.1 == version && row.2 == kind)
}

use Scope::{Cluster, Namespaced};

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("", "v1", "ConfigMap", "configmaps", Namespaced),
    ("", "v1", "Endpoints", "endpoints", Namespaced),
    ("", "v1", "Event", "events", Namespaced),
    ("", "v1", "LimitRange", "limitranges", Namespaced),
    ("", "v1", "Namespace", "namespaces", Cluster),
    ("", "v1", "Node", "nodes", Cluster),
    ("", "v1", "PersistentVolume", "persistentvolumes", Cluster),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Namespaced),
    ("", "v1", "Pod", "pods", Namespaced),
    ("", "v1", "PodTemplate", "podtemplates", Namespaced),
    ("", "v1", "ReplicationController", "replicationcontrollers", Namespaced),
    ("", "v1", "ResourceQuota", "resourcequotas", Namespaced),
    ("", "v1", "Secret", "secrets", Namespaced),
    ("", "v1", "Service", "services", Namespaced),
    ("", "v1", "ServiceAccount", "serviceaccounts", Namespaced),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", Namespaced),
    ("apps", "v1", "DaemonSet", "daemonsets", Namespaced),
    ("apps", "v1", "Deployment", "deployments", Namespaced),
    ("apps", "v1", "ReplicaSet", "replicasets", Namespaced),
    ("apps", "v1", "StatefulSet", "statefulsets", Namespaced),
    ("batch", "v1", "CronJob", "cronjobs", Namespaced),
    ("batch", "v1", "Job", "jobs", Namespaced),
    ("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", Namespaced),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", Namespaced),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Namespaced),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", Namespaced),
    ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", Cluster),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", Namespaced),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", Cluster),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", Cluster),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", Namespaced),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", Namespaced),
    ("storage.k8s.io", "v1", "CSIDriver", "csidrivers", Cluster),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", Cluster),
    ("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", Cluster),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", Cluster),
    ("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", Cluster),
    ("coordination.k8s.io", "v1", "Lease", "leases", Namespaced),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", Namespaced),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Cluster),
    ("apiregistration.k8s.io", "v1", "APIService", "apiservices", Cluster),
    ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", Cluster),
    ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", Cluster),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", Cluster),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", Cluster),
    ("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", Cluster),
];
