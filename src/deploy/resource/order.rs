//! In which order kinds are installed: Helm's list, and the coarser tiers in which we apply and delete at once.

use super::id::GroupVersionKind;

/// Helm's install order (`InstallOrder` of Helm 3.17 and later).
#[rustfmt::skip]
const INSTALL_ORDER: &[&str] = &[
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy", "PodDisruptionBudget",
    "ServiceAccount", "Secret", "SecretList", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding", "ClusterRoleBindingList", "Role", "RoleList",
    "RoleBinding", "RoleBindingList", "Service", "DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment",
    "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress", "APIService",
    "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
];

/// Position of a kind in Helm's install order; unknown kinds come last.
pub fn install_order(kind: &str) -> usize {
    INSTALL_ORDER.iter().position(|known| *known == kind).unwrap_or(INSTALL_ORDER.len())
}

/// Which group of kinds an object is applied with: all of one tier go at once, the next tier follows when they are applied.
///
/// 0: what pods and accounts need; 1: rights; 2: services; 3: workloads; 4: what routes to them and judges them; 5: custom resources,
/// whose controllers may be among the workloads.
pub fn apply_tier(gvk: &GroupVersionKind) -> u8 {
    match gvk.kind.as_str() {
        "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => 1,
        "Service" => 2,
        "DaemonSet"
        | "Pod"
        | "ReplicationController"
        | "ReplicaSet"
        | "Deployment"
        | "HorizontalPodAutoscaler"
        | "StatefulSet"
        | "Job"
        | "CronJob" => 3,
        "IngressClass" | "Ingress" | "APIService" | "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => 4,
        kind if install_order(kind) < INSTALL_ORDER.len() => 0,
        _ => 5,
    }
}

/// Which group of kinds an object is deleted with: the reverse, with custom resources before the controllers that finalize them,
/// and definitions and namespaces at the very end.
pub fn delete_tier(gvk: &GroupVersionKind) -> u8 {
    match gvk.kind.as_str() {
        "CustomResourceDefinition" => 6,
        "Namespace" => 7,
        _ => 5 - apply_tier(gvk).min(5),
    }
}
