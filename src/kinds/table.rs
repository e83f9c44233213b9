//! One row for each kind that something is known of.
//!
//! Names, versions and scopes of Kubernetes' own kinds never change once an API is stable (Kubernetes deprecation policy), so the usual
//! chart needs no discovery request. Rules for status and failures follow kubedog, which users of werf 2 know, and the documentation of the
//! controllers.

use super::custom::{Place, Words};
use super::row::Scope::{Cluster, Namespaced};
use super::row::Tier::{Custom, Definitions, Edge, Foundations, Namespaces, Rights, Services, Workloads};
use super::row::Tolerated::{ByController, Each};
use super::row::{Events, Judge, Name, Pods, Row};
use super::{
    api_service, daemon_set, definition, deployment, job, namespace, network_policy, owned, pod, references, replica_set, service,
    stateful_set, volume_claim,
};

/// A kind without a row.
pub static OTHER: Row = UNKNOWN;

const UNKNOWN: Row = Row { pods: Some(Pods { failures: Each(0), ..Pods::REPLICAS }), ..Row::new("", &[], "", "", Namespaced, Custom) };

const V1: &[&str] = &["v1"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

#[rustfmt::skip]
pub(super) static TABLE: &[Row] = &[
    // Foundations
    Row { judge: Judge::Rule(namespace::status), name: Name::Dns(63), ..Row::new("", V1, "Namespace", "namespaces", Cluster, Namespaces) },
    Row { judge: Judge::Rule(definition::status), ..Row::new("apiextensions.k8s.io", V1, "CustomResourceDefinition", "customresourcedefinitions", Cluster, Definitions) },
    Row::new("scheduling.k8s.io", V1, "PriorityClass", "priorityclasses", Cluster, Foundations),
    Row::new("node.k8s.io", V1, "RuntimeClass", "runtimeclasses", Cluster, Foundations),
    Row { derived: network_policy::derived, ..Row::new("networking.k8s.io", V1, "NetworkPolicy", "networkpolicies", Namespaced, Foundations) },
    Row::new("", V1, "ResourceQuota", "resourcequotas", Namespaced, Foundations),
    Row::new("", V1, "LimitRange", "limitranges", Namespaced, Foundations),
    Row { judge: Judge::Created, ..Row::new("policy", V1, "PodDisruptionBudget", "poddisruptionbudgets", Namespaced, Foundations) },
    Row::new("", V1, "ServiceAccount", "serviceaccounts", Namespaced, Foundations),
    Row { is_secret: true, is_data: true, ..Row::new("", V1, "Secret", "secrets", Namespaced, Foundations) },
    Row { is_data: true, ..Row::new("", V1, "ConfigMap", "configmaps", Namespaced, Foundations) },
    Row::new("", V1, "PodTemplate", "podtemplates", Namespaced, Foundations),
    Row::new("storage.k8s.io", V1, "CSIDriver", "csidrivers", Cluster, Foundations),
    Row::new("storage.k8s.io", V1, "StorageClass", "storageclasses", Cluster, Foundations),
    Row::new("storage.k8s.io", V1, "VolumeAttachment", "volumeattachments", Cluster, Foundations),
    Row::new("", V1, "PersistentVolume", "persistentvolumes", Cluster, Foundations),
    Row { judge: Judge::Rule(volume_claim::status), events: Events::OfKind, names: references::of_volume_claim, ..Row::new("", V1, "PersistentVolumeClaim", "persistentvolumeclaims", Namespaced, Foundations) },
    // Rights
    Row { name: Name::Segment, ..Row::new(RBAC, V1, "ClusterRole", "clusterroles", Cluster, Rights) },
    Row { name: Name::Segment, names: references::of_binding, ..Row::new(RBAC, V1, "ClusterRoleBinding", "clusterrolebindings", Cluster, Rights) },
    Row { name: Name::Segment, ..Row::new(RBAC, V1, "Role", "roles", Namespaced, Rights) },
    Row { name: Name::Segment, names: references::of_binding, ..Row::new(RBAC, V1, "RoleBinding", "rolebindings", Namespaced, Rights) },
    // Names and addresses
    Row { judge: Judge::Rule(service::status), name: Name::Dns(63), holds: service::holds, derived: service::derived, ..Row::new("", V1, "Service", "services", Namespaced, Services) },
    Row::new("", V1, "Endpoints", "endpoints", Namespaced, Services),
    Row::new("discovery.k8s.io", V1, "EndpointSlice", "endpointslices", Namespaced, Services),
    // Workloads
    Row { judge: Judge::Rule(daemon_set::status), pods: Some(Pods { count: "/status/desiredNumberScheduled", of: owned::of_generation, ..Pods::REPLICAS }), derived: daemon_set::derived, ..Row::new("apps", V1, "DaemonSet", "daemonsets", Namespaced, Workloads) },
    Row { judge: Judge::Rule(pod::status), pods: Some(Pods { spec: &["spec"], later: false, count: "", failures: Each(0), of: owned::itself }), ends: true, ..Row::new("", V1, "Pod", "pods", Namespaced, Workloads) },
    Row { judge: Judge::Rule(replica_set::status), pods: Some(Pods::REPLICAS), ..Row::new("", V1, "ReplicationController", "replicationcontrollers", Namespaced, Workloads) },
    Row { judge: Judge::Rule(replica_set::status), pods: Some(Pods::REPLICAS), ..Row::new("apps", V1, "ReplicaSet", "replicasets", Namespaced, Workloads) },
    Row { judge: Judge::Rule(deployment::status), pods: Some(Pods { of: owned::of_replica_set, ..Pods::REPLICAS }), derived: deployment::derived, ..Row::new("apps", V1, "Deployment", "deployments", Namespaced, Workloads) },
    Row { judge: Judge::Created, ..Row::new("autoscaling", &["v1", "v2"], "HorizontalPodAutoscaler", "horizontalpodautoscalers", Namespaced, Workloads) },
    Row { judge: Judge::Rule(stateful_set::status), pods: Some(Pods { of: owned::of_revision, ..Pods::REPLICAS }), names: references::of_stateful_set, derived: daemon_set::derived, ..Row::new("apps", V1, "StatefulSet", "statefulsets", Namespaced, Workloads) },
    Row { judge: Judge::Rule(job::status), pods: Some(Pods { count: "/spec/parallelism", failures: ByController, ..Pods::REPLICAS }), ends: true, made_anew: true, ..Row::new("batch", V1, "Job", "jobs", Namespaced, Workloads) },
    Row { pods: Some(Pods { spec: &["spec", "jobTemplate", "spec", "template", "spec"], later: true, failures: Each(0), ..Pods::REPLICAS }), ..Row::new("batch", V1, "CronJob", "cronjobs", Namespaced, Workloads) },
    // Edge. Not every controller of Ingresses writes an address, so its absence says nothing.
    Row::new("networking.k8s.io", V1, "IngressClass", "ingressclasses", Cluster, Edge),
    Row { judge: Judge::Created, names: references::of_ingress, ..Row::new("networking.k8s.io", V1, "Ingress", "ingresses", Namespaced, Edge) },
    Row { judge: Judge::Rule(api_service::status), ..Row::new("apiregistration.k8s.io", V1, "APIService", "apiservices", Cluster, Edge) },
    Row::new(ADMISSION, V1, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", Cluster, Edge),
    Row::new(ADMISSION, V1, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", Cluster, Edge),
    Row::new(ADMISSION, V1, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", Cluster, Edge),
    Row::new(ADMISSION, V1, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", Cluster, Edge),
    // What charts rarely have
    Row::new("", V1, "Event", "events", Namespaced, Custom),
    Row::new("", V1, "Node", "nodes", Cluster, Custom),
    Row::new("apps", V1, "ControllerRevision", "controllerrevisions", Namespaced, Custom),
    Row::new("coordination.k8s.io", V1, "Lease", "leases", Namespaced, Custom),
    Row::new("certificates.k8s.io", V1, "CertificateSigningRequest", "certificatesigningrequests", Cluster, Custom),
    // Widespread custom resources whose status does not follow the conventions
    Row::custom("argoproj.io", "Application", Words { place: Place::Word("/status/health/status"), ready: &["Healthy", "Suspended"], failed: &["Degraded"], message: "/status/health/message" }),
    Row::custom("argoproj.io", "ApplicationSet", Words::condition("ResourcesUpToDate")),
    Row::custom("argoproj.io", "Rollout", Words { place: Place::Word("/status/phase"), ready: &["Healthy"], failed: &["Degraded"], message: "/status/message" }),
    Row::custom("argoproj.io", "Workflow", Words { place: Place::Word("/status/phase"), ready: &["Succeeded"], failed: &["Failed", "Error"], message: "/status/message" }),
    Row { pods: Some(Pods::REPLICAS), ..Row::custom("flagger.app", "Canary", Words { place: Place::Word("/status/phase"), ready: &["Succeeded", "Initialized"], failed: &["Failed"], message: "" }) },
    Row::custom("acid.zalan.do", "postgresql", Words { place: Place::Word("/status/PostgresClusterStatus"), ready: &["Running"], failed: &["CreateFailed", "UpdateFailed", "SyncFailed", "Invalid"], message: "" }),
    Row::custom("bitnami.com", "SealedSecret", Words { place: Place::Condition("Synced"), ready: &["True"], failed: &["False"], message: "" }),
    Row::custom("longhorn.io", "Volume", Words { place: Place::Word("/status/robustness"), ready: &["healthy", "unknown"], failed: &["faulted"], message: "" }),
    Row::custom("monitoring.coreos.com", "Prometheus", Words::condition("Available")),
    Row::custom("monitoring.coreos.com", "Alertmanager", Words::condition("Available")),
    Row::custom("monitoring.coreos.com", "ThanosRuler", Words::condition("Available")),
    Row::custom("keda.sh", "ScaledObject", Words::condition("Ready")),
];
